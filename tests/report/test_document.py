"""The structs are the contract's run document, and docs/run-document.md lists every field."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from prober.model import Observation, Route, Target
from prober.report import document, failure_document, judgement, revocation_document
from prober.report.build import build_result
from prober.report.files import encode_result
from prober.report.notes import NOTES, NoteId, note

PAGE = Path(__file__).parent.parent.parent / "docs" / "run-document.md"
PLACES: dict[str, type[msgspec.Struct]] = {
    "run": document.Run,
    "run.prober": document.ProberDoc,
    "run.routes[]": document.RouteDoc,
    "run.routes[].hops[]": document.RouteHopDoc,
    "run.summary": document.Summary,
    "run.skipped[]": document.SkippedDoc,
    "run.notes[]": document.NoteDoc,
    "run.environment": document.Environment,
    "result": document.Result,
    "result.target": document.TargetDoc,
    "failure": failure_document.FailureDoc,
    "failure.windows": failure_document.WindowsDoc,
    "timings": document.TimingsDoc,
    "timings.hops[]": document.HopTimingsDoc,
    "run.trust": judgement.TrustDoc,
    "run.trust.roots[]": judgement.RootDoc,
    "result.tls": document.TlsDoc,
    "result.tls.hello": document.HelloDoc,
    "chain[]": document.CertificateDoc,
    "result.http": document.HttpDoc,
    "result.hops[]": document.HopDoc,
    "result.hops[].tls": document.HopTlsDoc,
    "result.samples[]": document.SampleDoc,
    "result.samples[].tls": document.SampleTlsDoc,
    "result.prefixes[]": document.PrefixDoc,
    "result.passed_over[]": document.PassedOverDoc,
    "result.interception": judgement.InterceptionDoc,
    "result.interception.evidence[]": judgement.EvidenceDoc,
    "result.interception.reference": judgement.ReferenceDoc,
    "result.interception.attribution": judgement.AttributionDoc,
    "result.interception.signer": judgement.SignerDoc,
    "result.interception.mixed": judgement.MixedDoc,
    "result.revocation": revocation_document.RevocationDoc,
    "result.revocation.certificates[]": revocation_document.RevocationCertificateDoc,
    "result.revocation.certificates[].sources[]": revocation_document.SourceDoc,
}
CONTRACT = {
    "run": "schema prober egress started finished complete routes summary skipped results",
    "run.prober": "version python openssl",
    "run.routes[]": "name hops",
    "run.routes[].hops[]": "scheme host port auth",
    "run.summary": "targets probes reachable unreachable untrusted intercepted suspect services_without_probes",
    "run.skipped[]": "target why",
    "result": "target egress route at reachable trusted trust_failure failure timings peer tls http interception"
    " samples",
    "result.target": "id service group host port scheme path geography cloud required",
    "failure": "stage hop reason detail hint windows",
    "failure.windows": "code hresult name",
    "timings": "dns connect hops tls ttfb total",
    "timings.hops[]": "dns connect tls negotiate",
    "result.tls": "version cipher group alpn client_cert_requested ocsp_stapled chain anchor",
    "chain[]": "sha256 spki_sha256 subject issuer serial not_before not_after sans",
    "result.http": "status expected as_expected",
    "result.interception": "verdict basis reason confidence score evidence reference attribution hop mixed"
    " policy_mismatch",
    "result.interception.evidence[]": "id family points text",
    "result.interception.mixed": "intercepted of",
}


def test_every_struct_is_listed() -> None:
    structs = {
        each
        for module in (document, failure_document, judgement, revocation_document)
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, msgspec.Struct) and each is not msgspec.Struct
    }
    assert structs == set(PLACES.values())


@pytest.mark.parametrize("place", PLACES)
def test_the_page_lists_every_field_and_no_other(place: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    section = re.search(rf"^## `{re.escape(place)}`\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert section is not None
    table = section[1].split("|---|---|", 1)[1].split("\n\n", 1)[0]
    listed = [
        name for row in re.findall(r"^\| (.*?) \|", table, re.MULTILINE) for name in re.findall(r"`([a-z0-9_]+)`", row)
    ]
    assert sorted(listed) == sorted(PLACES[place].__struct_fields__)


@pytest.mark.parametrize("place", CONTRACT)
def test_the_contract_is_kept_and_extras_may_be_absent(place: str) -> None:
    fields = msgspec.structs.fields(PLACES[place])
    names = [field.name for field in fields]
    agreed = CONTRACT[place].split()
    assert set(agreed) <= set(names)
    extras = [field for field in fields if field.name not in agreed]
    assert all(not field.required for field in extras)
    assert all(field.required for field in fields if field.name in agreed)


def test_nulls_are_written_out(world: ModuleType) -> None:
    target: Target = world.targets(1)[0]
    nothing = Observation(target=target.id, route="direct", at=0.0)
    line = json.loads(encode_result(build_result(target, Route("direct"), [nothing], None, "x", facts=world.read)))
    assert set(CONTRACT["result"].split()) <= set(line)
    for name in ("trusted", "trust_failure", "failure", "peer", "tls", "http", "interception"):
        assert line[name] is None
    assert line["timings"] == {"dns": None, "connect": None, "hops": [], "tls": None, "ttfb": None, "total": None}


def test_notes_are_a_closed_list_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert set(NOTES) == set(NoteId)
    for kind, meaning in NOTES.items():
        assert f"| `{kind}` | {meaning} |" in text
    assert note(NoteId.LOOP_LAG).text == NOTES[NoteId.LOOP_LAG]
    assert note(NoteId.LOOP_LAG, "late by 2 s").text == "late by 2 s"
