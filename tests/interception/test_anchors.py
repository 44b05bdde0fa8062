"""The shipped certificates are what their index says, and travel with the package."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Any

import certifi
import pytest

import prober.interception
from prober.interception import UserRoot
from prober.interception.anchors import certificates_in, gather, shipped
from prober.interception.names import under
from prober.interception.verify import signed_by
from prober.model import Anchor

DATA = Path(prober.interception.__file__).parent / "data"
INDEX = tomllib.loads((DATA / "index.toml").read_text("utf-8"))
ENTRIES = INDEX["certificate"]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["file"])
def test_the_index_is_right(entry: dict[str, Any]) -> None:
    (certificate,) = certificates_in((DATA / entry["file"]).read_bytes())
    assert hashlib.sha256(certificate.der).hexdigest() == entry["sha256"]
    assert certificate.facts.subject == entry["subject"]
    assert certificate.facts.is_ca or entry["class"] == "public_legacy"
    assert entry["not_after"].toordinal() == int(certificate.facts.not_after // 86_400) + 719_163
    assert entry["class"] in {"vendor_private", "public_legacy", "bridge"}
    assert entry["source"]
    assert entry["dated"] <= INDEX["dated"]
    assert certificate.facts.self_issued == (entry["class"] != "bridge")


def test_every_file_is_in_the_index_and_the_wheel_takes_them_all() -> None:
    certificates = {entry["file"] for entry in ENTRIES}
    assert {path.name for path in DATA.iterdir() if path.suffix == ".pem"} == certificates
    assert {path.suffix for path in DATA.iterdir()} == {".pem", ".toml", ".tsv", ".txt"}
    root = DATA.parents[2]
    wheel = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert "prober" in wheel["packages"]
    assert not {"exclude", "only-include", "include"} & set(wheel)
    ignored = root / ".gitignore"  # hatchling leaves out what git ignores
    patterns = ignored.read_text("utf-8").split() if ignored.exists() else []
    assert not [p for p in patterns if p.endswith((".pem", ".toml", ".tsv", ".txt")) or p.strip("/") == "data"]


def test_every_bridge_is_signed_by_an_anchor_or_another_bridge() -> None:
    held = [authority.certificate for authority in gather(Path(certifi.where()).read_bytes(), None, ())]
    held += shipped().bridges
    for bridge in shipped().bridges:
        issuers = [c for c in held if c.facts.subject_id == bridge.facts.issuer_id]
        assert any(signed_by(bridge.der, issuer.der) for issuer in issuers), bridge.facts.subject


def test_no_shipped_root_is_public_already() -> None:
    public = {certificate.facts.spki_sha256 for certificate in certificates_in(Path(certifi.where()).read_bytes())}
    vendor = [a.certificate for a in shipped().authorities if a.anchor is Anchor.VENDOR_PRIVATE]
    assert len(vendor) == 2
    assert not public & {certificate.facts.spki_sha256 for certificate in vendor}


@pytest.mark.parametrize(
    "host",
    [
        "v20.events.data.microsoft.com",
        "unitedstates1.cp.wd.microsoft.us",
        "ctldl.windowsupdate.com",
        "client.wns.windows.com",
        "automatedirstrprdeus.blob.core.windows.net",
        "mceast2oicore.blob.core.chinacloudapi.cn",
        "onboardingpckgsusgvprd.blob.core.usgovcloudapi.net",
        "static2.sharepointonline.com",
        "res.cdn.static.microsoft",
        "login.microsoftonline.us",
        "triprd1wceuw1sensorapi.atp.azure.com",
    ],
)
def test_vendor_names_cover_the_vendor(host: str) -> None:
    assert under(host, INDEX["vendor_names"])


@pytest.mark.parametrize(
    "host", ["crl3.digicert.com", "notmicrosoft.com", "microsoft.com.evil.example", "x.akamaized.net"]
)
def test_vendor_names_cover_nobody_else(host: str) -> None:
    assert not under(host, INDEX["vendor_names"])


def test_pem_between_other_text(pki: Any) -> None:
    one, two = pki.root("one"), pki.root("two")
    broken = b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"
    text = b"# a comment\n" + one.pem + broken + b"junk\xff\n" + two.pem
    assert [certificate.der for certificate in certificates_in(text)] == [one.der, two.der]


def test_scopes_of_user_roots_are_normal(pki: Any) -> None:
    root = pki.root("User")
    authorities = gather(b"", None, [UserRoot(root.pem, Anchor.PINNED, ("*.Corp.Example",))])
    assert authorities[-1].names == ("corp.example",)
