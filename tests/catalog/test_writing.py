"""Entries written as a catalog are read back as the same entries, with ids that are sound and unique."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.catalog import vocabulary as words
from prober.catalog.entry import Entry
from prober.catalog.intake.spreadsheet import one_line
from prober.catalog.naming import name_entries, stem
from prober.catalog.reader import read_catalog
from prober.catalog.writing import Head, write_catalog
from prober.model import DEFAULT_PORTS, Required, Scheme, Target

labels = st.from_regex(r"[a-z0-9_]([a-z0-9_-]{0,8}[a-z0-9_])?", fullmatch=True)
hosts = st.tuples(
    st.sampled_from(["", "*."]), st.lists(labels, min_size=1, max_size=3), st.sampled_from(["microsoft.com", "example"])
).map(lambda parts: f"{parts[0]}{'.'.join(parts[1])}.{parts[2]}")
texts = st.text(max_size=40).map(one_line)
paths = st.sampled_from(["/", "/x", "/x/*", "/y?a=b&c=%20", "/pki/crl/*", "/:![],'\"-&*|>%@`"])


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    scheme = draw(st.sampled_from(list(Scheme)))
    target = Target(
        id="",
        scheme=scheme,
        host=draw(hosts),
        port=draw(st.sampled_from([DEFAULT_PORTS[scheme], 8443, 1])),
        path="/" if scheme is Scheme.TLS else draw(paths),
        service=draw(st.sampled_from(["MDE", "MMA", "M365"])),
        group=draw(st.sampled_from(["web", "c2", "list-2"])),
        geography=draw(st.sampled_from(words.GEOGRAPHIES)),
        cloud=tuple(draw(st.lists(st.sampled_from(words.CLOUDS), min_size=1, max_size=3, unique=True))),
        os=tuple(draw(st.lists(st.sampled_from(words.OS_FAMILIES), max_size=2, unique=True))),
        os_note=draw(texts),
        required=draw(st.sampled_from(list(Required))),
        inspection_bypass=draw(st.sampled_from([True, False, None])),
    )
    return Entry(target, note=draw(texts))


@settings(deadline=None, max_examples=150)
@given(st.lists(entries(), min_size=1, max_size=8), texts)
def test_what_is_written_is_read_back(listed: list[Entry], title: str) -> None:
    title = title or "list"
    names = name_entries(listed)
    head = Head("MDE", sources={"list": (title, "2026-07-03")})
    text = write_catalog(head, [(name, entry, "list") for name, entry in zip(names, listed, strict=True)])
    file = read_catalog(text.encode(), "written.yaml")
    assert file.errors == ()
    back = {entry.target.id: entry for entry in file.entries}
    assert len(back) == len(listed)
    for name, entry in zip(names, listed, strict=True):
        service = entry.target.service
        found = back[f"{service.lower()}.{entry.target.group}.{name}"]
        assert found.note == entry.note
        known = replace(
            entry.target, id=found.target.id, proxy_login=service == "M365", source=title, dated="2026-07-03"
        )
        assert found.target == known


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("winatp-gw-neu.microsoft.com", "winatp-gw-neu"),
        ("settings-win.data.microsoft.com", "settings-win-data"),
        ("*.ods.opinsights.azure.com", "any-ods-opinsights"),
        ("ussus1eastprod.blob.core.windows.net", "ussus1eastprod"),
        ("*.blob.core.windows.net", "any-blob-core-windows"),
        ("login.microsoftonline.com", "login-microsoftonline"),
        ("*.microsoft.com", "any-microsoft"),
        ("{workspace_id}.ods.opinsights.azure.com", "workspace-id-ods-opinsights"),
        ("_.example", "host"),
    ],
)
def test_stems(host: str, name: str) -> None:
    assert stem(host) == name


def test_a_variant_says_what_is_different() -> None:
    def entry(**more: object) -> Entry:
        values: dict[str, object] = {"id": "", "scheme": Scheme.HTTPS, "host": "a.example", "port": 443, "group": "g"}
        return Entry(Target(**{**values, **more}))  # type: ignore[arg-type] # as the test says

    listed = [entry(), entry(port=80), entry(geography="EU"), entry(cloud=("dod",)), entry(path="/x/y"), entry()]
    assert name_entries(listed) == ["a", "a.80", "a.eu", "a.dod", "a.x-y", "a.2"]
    assert name_entries(listed[:2], frozenset({("", "g", "a")})) == ["a.2", "a.80"]
    assert name_entries(listed[:1], frozenset({("", "other", "a")})) == ["a"]
