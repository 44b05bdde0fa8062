"""A comparison's reading of run documents is the documents', with less in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import pytest
from msgspec.structs import fields, replace

from prober.diff import saved, sides_of
from prober.diff.saved import read_run, saved_run
from prober.report import document, failure_document, judgement, revocation_document
from prober.report.files import RunFileError, decode, encode
from prober.report.scalars import Digest

from . import made
from .made import OPENED, failed, over_spare, result, sample

WHOLE: dict[type[msgspec.Struct], type[msgspec.Struct]] = {
    saved.SavedHop: document.RouteHopDoc,
    saved.SavedRoute: document.RouteDoc,
    saved.SavedFailure: failure_document.FailureDoc,
    saved.SavedTarget: document.TargetDoc,
    saved.SavedCertificate: document.CertificateDoc,
    saved.SavedTls: document.TlsDoc,
    saved.SavedHttp: document.HttpDoc,
    saved.SavedSigner: judgement.SignerDoc,
    saved.SavedProduct: judgement.AttributionDoc,
    saved.SavedMixed: judgement.MixedDoc,
    saved.SavedVerdict: judgement.InterceptionDoc,
    saved.SavedHopTimings: document.HopTimingsDoc,
    saved.SavedTimings: document.TimingsDoc,
    saved.SavedSampleTls: document.SampleTlsDoc,
    saved.SavedPassedOver: document.PassedOverDoc,
    saved.SavedSample: document.SampleDoc,
    saved.SavedRevocation: revocation_document.RevocationDoc,
    saved.SavedResult: document.Result,
    saved.SavedEnvironment: document.Environment,
    saved.SavedRun: document.Run,
}
RICH = [
    result("a.example", samples=(sample(at=1), sample(made.DENIED, at=2), sample(at=3))),
    failed("b.example"),
    result("c.example", interception=OPENED, **over_spare()),
    result("d.example", "direct", revocation=saved.SavedRevocation(False, made.DENIED, None)),
]


@pytest.mark.parametrize("kind", WHOLE, ids=lambda kind: kind.__name__)
def test_every_field_is_the_document_s(kind: type[msgspec.Struct]) -> None:
    theirs = {each.name: each for each in fields(WHOLE[kind])}
    for mine in fields(kind):
        assert mine.name in theirs
        if not theirs[mine.name].required:
            assert not mine.required, f"{mine.name} may be absent"
            assert mine.default == theirs[mine.name].default


@pytest.mark.parametrize("kind", WHOLE, ids=lambda kind: kind.__name__)
def test_numbers_and_instants_have_the_document_s_bounds(kind: type[msgspec.Struct]) -> None:
    mine, theirs = (get_type_hints(each, include_extras=True) for each in (kind, WHOLE[kind]))
    for name, hint in mine.items():
        if theirs[name] not in (Digest, Digest | None):  # whose form matters to nobody here
            assert str(hint) == str(theirs[name]) or "Saved" in str(hint) or "list" in str(hint)


def test_every_kind_of_value_is_looked_at() -> None:
    named = {value for name, value in vars(saved).items() if name.startswith("Saved")}
    assert named == set(WHOLE)


def test_read_or_at_hand_is_the_same(tmp_path: Path) -> None:
    path = made.saved(tmp_path / "run.json", RICH)
    assert read_run(path) == saved_run(decode(path.read_bytes()))


def test_fields_of_later_versions_are_passed_over(tmp_path: Path) -> None:
    later = made.document(RICH, weather="fine")
    for each in later["results"]:
        each["mood"] = {"good": True}
    path = tmp_path / "later.json"
    path.write_bytes(msgspec.json.encode(later))
    assert read_run(path).results == read_run(made.saved(tmp_path / "now.json", RICH)).results


def test_the_first_version_s_documents_can_be_read(tmp_path: Path) -> None:
    """With the fields of the contract's listing only."""
    whole = made.document(RICH)
    contract = {"via", "passed_over", "revocation", "certificates"}
    for each in whole["results"]:
        for name in contract:
            each.pop(name, None)
        for sample_ in each["samples"]:
            sample_.pop("purpose", None)
            sample_.pop("passed_over", None)
        each["target"].pop("method", None)
    path = tmp_path / "old.json"
    path.write_bytes(msgspec.json.encode(whole))
    (source,) = sides_of([("old", read_run(path))], []).before.sources
    assert source.pairs == len(RICH)


def spoilt(data: bytes, change: str) -> bytes:
    run: dict[str, Any] = msgspec.json.decode(data)
    match change:
        case "foreign":
            return b'{"schema": "somebody.else/3", "results": []}'
        case "no schema":
            return b'{"results": []}'
        case "later":
            return msgspec.json.encode({**run, "schema": "prober.run/2"})
        case "edited":
            run["results"][0]["reachable"] = "yes"
            return msgspec.json.encode(run)
        case "cut off":
            return data[: len(data) // 2]
        case "empty":
            return b""
        case _:
            return b"\xff\xfe not JSON"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("foreign", "is no prober run: its schema is 'somebody.else/3'"),
        ("no schema", 'it has no "schema"'),
        ("later", "was written by another version of prober"),
        ("edited", "results[0].reachable: Expected `bool`, got `str`"),
        ("cut off", "cut off or damaged"),
        ("empty", "cut off or damaged"),
        ("noise", "cut off or damaged"),
    ],
)
def test_what_is_no_run_is_refused_by_name(tmp_path: Path, change: str, said: str) -> None:
    path = tmp_path / "spoilt.json"
    path.write_bytes(spoilt(encode(made.whole_run(RICH)), change))
    with pytest.raises(RunFileError, match=r"spoilt\.json") as refused:
        read_run(path)
    assert said in str(refused.value)


def test_a_run_of_no_results() -> None:
    assert replace(made.run([]), complete=False).results == []
