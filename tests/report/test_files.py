"""Runs on disk: what goes out comes back, whole or not at all, and nothing hostile gets in."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.report import files
from prober.report.document import SCHEMA, Environment, NoteDoc, ProberDoc, Result, Run, SampleDoc, Summary
from prober.report.failure_document import FailureDoc
from prober.report.files import RunFileError, decode, encode, encode_in_pieces, encode_result, load, save
from prober.report.judgement import (
    AttributionDoc,
    EvidenceDoc,
    InterceptionDoc,
    MixedDoc,
    ReferenceDoc,
    RootDoc,
    SignerDoc,
    TrustDoc,
)

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
SECONDS = st.none() | st.floats(0, 1e4, allow_nan=False)
COUNT = st.integers(0, 10**6)
INSTANT = st.datetimes().map(lambda when: when.replace(microsecond=0).isoformat() + "Z")
DIGEST = st.binary(min_size=32, max_size=32).map(bytes.hex)


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def struct(kind: type[Any], /, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(kind, **fields)


FAILURE = struct(
    FailureDoc, stage=TEXT, hop=COUNT, reason=TEXT, detail=TEXT, hint=TEXT, windows=st.none(), status=st.none() | COUNT
)

EVIDENCE = struct(EvidenceDoc, id=TEXT, family=TEXT, points=COUNT, text=TEXT, decides=st.booleans(), observed=TEXT)
VERDICT = struct(
    InterceptionDoc,
    verdict=TEXT,
    basis=TEXT,
    reason=st.none() | TEXT,
    confidence=st.none() | TEXT,
    score=COUNT,
    evidence=st.lists(EVIDENCE, max_size=3).map(tuple),
    reference=st.none() | struct(ReferenceDoc, kind=TEXT, name=TEXT, spki_sha256=TEXT, issuer=TEXT, at=INSTANT),
    attribution=st.none()
    | struct(AttributionDoc, vendor=TEXT, product=TEXT, category=TEXT, confidence=TEXT, pattern=TEXT),
    hop=st.none() | COUNT,
    mixed=st.none() | struct(MixedDoc, intercepted=COUNT, of=COUNT),
    policy_mismatch=st.booleans(),
    signer=st.none()
    | struct(
        SignerDoc,
        subject=TEXT,
        spki_sha256=st.none(),
        root=TEXT,
        root_spki_sha256=st.none(),
        stores=st.lists(TEXT, max_size=2).map(tuple),
    ),
    shared_key_with=st.lists(TEXT, max_size=2).map(tuple),
)


@pytest.fixture(scope="session")
def run(world: ModuleType) -> Run:
    made: Run = world.run_of()
    return made


@pytest.mark.parametrize("suffix", files.SUFFIXES)
def test_what_is_saved_is_read_back(run: Run, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"run{suffix}"
    save(run, path)
    assert load(path) == run
    assert names_in(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", files.SUFFIXES)
def test_the_content_counts_not_the_name(run: Run, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"run{suffix}"
    save(run, path)
    assert load(path.rename(tmp_path / "anything")) == run


@settings(deadline=None)  # other work shares the machine: time says nothing
@given(
    notes=st.lists(struct(NoteDoc, id=TEXT, text=TEXT), max_size=3).map(tuple),
    environment=st.none() | struct(Environment, loop_lag_max=SECONDS, profile=st.none() | TEXT),
    summary=struct(
        Summary,
        targets=COUNT,
        probes=COUNT,
        reachable=COUNT,
        unreachable=COUNT,
        untrusted=COUNT,
        intercepted=st.none() | COUNT,
        suspect=st.none() | COUNT,
        services_without_probes=st.lists(TEXT, max_size=2).map(tuple),
    ),
    prober=struct(ProberDoc, version=TEXT, python=TEXT, openssl=TEXT),
    failures=st.lists(st.none() | FAILURE, min_size=1, max_size=3),
    at=INSTANT,
    verdict=st.none() | VERDICT,
    digest=DIGEST,
)
def test_any_run_comes_back(
    world: ModuleType,
    notes: Any,
    environment: Any,
    summary: Any,
    prober: Any,
    failures: Any,
    at: str,
    verdict: Any,
    digest: str,
) -> None:
    base: Run = world.run_of(world.ROUTES[:2], 3)
    result: Result = next(result for result in base.results if result.tls is not None)
    assert result.tls is not None
    chain = (msgspec.structs.replace(result.tls.chain[0], sha256=digest, spki_sha256=None),)
    sample = SampleDoc(at, False, failures[0], result.timings, None, None, None)
    results = tuple(
        msgspec.structs.replace(
            result,
            failure=failure,
            interception=verdict,
            samples=(sample,),
            tls=msgspec.structs.replace(result.tls, chain=chain),
        )
        for failure in failures
    )
    made = msgspec.structs.replace(
        base, notes=notes, environment=environment, summary=summary, prober=prober, results=results, started=at
    )
    assert decode(encode(made)) == made
    assert decode(encode(made, indent=2)) == made
    assert [msgspec.json.decode(encode_result(each), type=Result) for each in results] == list(results)


@pytest.mark.parametrize("results", [0, 1, 499, 500, 501, 1001])
def test_pieces_are_the_whole(run: Run, results: int) -> None:
    made = tuple(run.results[place % len(run.results)] for place in range(results))
    many = msgspec.structs.replace(run, results=made)
    assert b"".join(encode_in_pieces(many)) == encode(many)


def test_certificates_come_back_as_bytes(run: Run) -> None:
    der = b"\x30\x03\x00\xff"
    digest = hashlib.sha256(der).hexdigest()
    made = msgspec.structs.replace(run, certificates={digest: der})
    assert json.loads(encode(made))["certificates"][digest] == "MAMA/w=="
    assert decode(encode(made)).certificates == {digest: der}


def test_a_jsonl_line_is_one_line(run: Run) -> None:
    line = encode_result(run.results[0])
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1


def test_an_edited_certificate_is_found(run: Run) -> None:
    made = msgspec.structs.replace(run, certificates={"0" * 64: b"x"})
    with pytest.raises(RunFileError, match=r"certificates\.0{64} holds another certificate"):
        decode(encode(made))


@pytest.mark.parametrize("suffix", files.SUFFIXES)
def test_a_file_cut_off_anywhere_is_refused(world: ModuleType, tmp_path: Path, suffix: str) -> None:
    small = world.run_of(world.ROUTES[:1], 1)
    path = tmp_path / f"run{suffix}"
    save(small, path)
    whole = path.read_bytes()
    for length in (*range(min(len(whole), 200)), *range(200, len(whole) - 20, 97), *range(len(whole) - 20, len(whole))):
        path.write_bytes(whole[:length])
        with pytest.raises(RunFileError, match=str(path)):
            load(path)


@pytest.mark.parametrize("suffix", [".json.gz", ".json.zst"])
def test_a_damaged_file_is_refused(run: Run, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"run{suffix}"
    save(run, path)
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    path.write_bytes(whole)
    with pytest.raises(RunFileError):
        load(path)


@pytest.mark.parametrize("suffix", [".json.gz", ".json.zst"])
def test_something_behind_the_end_is_refused(run: Run, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"run{suffix}"
    save(run, path)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(RunFileError, match="something follows"):
        load(path)


@settings(deadline=None)  # other work shares the machine: time says nothing
@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
    ).map(msgspec.json.encode)
)
def test_anything_else_is_refused_with_a_sentence(data: bytes) -> None:
    with pytest.raises(RunFileError, match=r"^the document "):
        decode(data)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            {"schema": "prober.run/2"},
            r"written by another version of prober \('prober.run/2'\); this one reads prober.run/1",
        ),
        ({"schema": "blackbox/1"}, r"is no prober run: its schema is 'blackbox/1'"),
        ({"schema": 1}, r"no \"schema\""),
        ({"started": "yesterday"}, r"does not fit prober.run/1: started: Expected `str` matching regex"),
        ({"complete": 1}, r"complete: Expected `bool`, got `int`"),
        ({"summary": {}}, r"summary: Object missing required field `targets`"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(run: Run, edit: dict[str, Any], message: str) -> None:
    document = json.loads(encode(run)) | edit
    with pytest.raises(RunFileError, match=message):
        decode(json.dumps(document).encode())


def test_a_wrong_type_deep_inside_is_named_with_its_path(run: Run) -> None:
    document = json.loads(encode(run))
    document["results"][3]["target"]["port"] = "443"
    with pytest.raises(RunFileError, match=r"results\[3\]\.target\.port: Expected `int`, got `str`"):
        decode(json.dumps(document).encode())


def test_unknown_fields_and_words_of_a_later_version_are_tolerated(run: Run) -> None:
    document = json.loads(encode(run))
    document["later"] = {"x": [1]}
    document["results"][0]["later"] = True
    document["results"][0]["failure"] = {
        "stage": "teleport",
        "hop": 0,
        "reason": "no-such-word",
        "detail": "",
        "hint": "",
        "windows": None,
    }
    read = decode(json.dumps(document).encode())
    assert read.results[0].failure is not None
    assert read.results[0].failure.reason == "no-such-word"


def test_extras_may_be_absent(run: Run) -> None:
    document = json.loads(encode(run))
    for name in ("notes", "environment", "certificates", "trust"):
        del document[name]
    assert decode(json.dumps(document).encode()).notes == ()


def test_a_verdict_may_hold_words_and_fields_of_a_later_version(run: Run) -> None:
    document = json.loads(encode(run))
    document["results"][0]["interception"] = {
        "verdict": "haunted",
        "basis": "seance",
        "reason": "full-moon",
        "confidence": "low",
        "score": 99,
        "evidence": [{"id": "E99", "family": "ghost", "points": 9, "text": "knocks", "later": {}}],
        "reference": None,
        "attribution": None,
        "hop": None,
        "mixed": None,
        "policy_mismatch": False,
        "later": [1],
    }
    verdict = decode(json.dumps(document).encode()).results[0].interception
    assert verdict is not None
    assert (verdict.verdict, verdict.evidence[0].id, verdict.evidence[0].decides) == ("haunted", "E99", True)


def test_the_trust_in_force_comes_back(run: Run) -> None:
    root = RootDoc("0" * 64, "pinned", ("corp.example",))
    trust = TrustDoc(shipped_version=3, mozilla_sha256="1" * 64, roots=(root,), pins={"a.example": ("2" * 64,)})
    made = msgspec.structs.replace(run, trust=trust)
    assert decode(encode(made)) == made


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(RunFileError):
        decode(b'{"schema":"prober.run/1","x":' + b"[" * 100_000)


@pytest.mark.parametrize(
    "pack", [lambda data: gzip.compress(data, 9), zstandard.ZstdCompressor(level=3).compress], ids=["gzip", "zstd"]
)
def test_a_bomb_is_refused_before_it_fills_the_memory(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "bomb.json"
    path.write_bytes(pack(b" " * (files.RATIO_FROM + (64 << 20))))
    with pytest.raises(RunFileError, match="unpacks to far more"):
        load(path)


def test_a_plain_file_has_a_limit_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 1000)
    path = tmp_path / "run.json"
    path.write_bytes(b" " * 1001)
    with pytest.raises(RunFileError, match="unpacks to far more"):
        load(path)


def test_the_suffix_must_be_known(run: Run, tmp_path: Path) -> None:
    with pytest.raises(RunFileError, match=r"ends in \.json, \.json\.gz or \.json\.zst"):
        save(run, tmp_path / "run.txt")


def test_a_new_file_is_private_and_an_old_one_keeps_its_mode(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    save(run, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    save(run, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_link_is_followed_not_replaced(run: Run, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    link = tmp_path / "run.json"
    link.symlink_to(tmp_path / "kept" / "real.json")
    save(run, link)
    assert link.is_symlink()
    assert load(tmp_path / "kept" / "real.json") == run


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(b"before")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((os, "fsync", fail) if step == "fsync" else (Path, "replace", fail)))
    with pytest.raises(RunFileError, match="could not be written: No space left"):
        save(run, path)
    assert path.read_bytes() == b"before"
    assert names_in(tmp_path) == ["run.json"]


def test_an_interrupted_write_leaves_nothing(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(run, tmp_path / "run.json")
    assert names_in(tmp_path) == []


def test_errors_of_the_system_are_sentences(run: Run, tmp_path: Path) -> None:
    with pytest.raises(RunFileError, match="could not be read: No such file"):
        load(tmp_path / "none.json")
    with pytest.raises(RunFileError, match="could not be written: No such file"):
        save(run, tmp_path / "nowhere" / "run.json")
    (tmp_path / "directory.json").mkdir()
    with pytest.raises(RunFileError, match="not a regular file"):
        save(run, tmp_path / "directory.json")


def test_the_schema_is_written(run: Run) -> None:
    assert json.loads(encode(run))["schema"] == SCHEMA
