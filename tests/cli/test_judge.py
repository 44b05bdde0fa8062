"""`prober judge RUN`: a saved run judged again, on another machine, with more or less than it was judged with."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace
from typer.testing import CliRunner

from prober.cli.main import app
from prober.engine.stores import machine_roots
from prober.lab.authorities import pem
from prober.lab.policy import Copied, LeafKey, Policy
from prober.model import Scheme
from prober.report.build import summary_of
from prober.report.document import Result, Run
from prober.report.files import encode, load, save
from prober.spki import spki_sha256

from ..check.labs import (
    DIRECT,
    EVERYWHERE,
    INSPECTED,
    ONE,
    OPEN,
    PRIVATE,
    TARGETS,
    TWO,
    Scene,
    Ways,
    authorities,
    in_lab,
    target,
)
from .conftest import Done, RunProber

COPIER: Final = Policy(key=LeafKey.OWN, copies=frozenset(Copied))
"""Intercepted beside a reference, suspect where one target is all there is."""
WAYS: Final[Ways] = {**DIRECT, **INSPECTED, "behind": ("open", "inspected"), "honest": ("slow",)}
PLAIN: Final = target("plain.one.example", scheme=Scheme.HTTP, port=80, trust=None, expected=())
SENSOR: Final = target("sensor.one.example", client_certificate=True)


@dataclass(frozen=True)
class Saved:
    """Runs of one lab, on disk; the lab is gone."""

    folder: Path
    everything: Run
    pin: str
    """The real key of ONE."""
    inspection: x509.Certificate

    def __getitem__(self, name: str) -> str:
        return str(self.folder / f"{name}.json")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    folder = tmp_path_factory.mktemp("runs")

    async def play(scene: Scene) -> Saved:
        inspection = scene.lab.interceptor.root
        for name in ("public-root.pem", "vendor-root.pem", "inspection-ca.pem"):
            (folder / name).write_bytes((scene.lab.directory / name).read_bytes())
        certificate = {"*": str(scene.lab.directory / "client.pem")}
        everything = await scene.run(
            WAYS,
            [*TARGETS, PLAIN, SENSOR, target("closed.lab.test", trust=None), target("expired.lab.test", trust=None)],
            locate=True,
            attempts=2,
            trust__client_certificates=certificate,
        )
        runs = {
            "everything": everything,
            "reference": await scene.run(DIRECT),
            "alone": await scene.run(INSPECTED, TARGETS[:1]),
        }
        for name, seen in runs.items():
            save(seen.run, folder / f"{name}.json")
        tls = everything.result(ONE, "direct").tls
        assert tls is not None
        return Saved(folder, everything.run, tls.chain[0].spki_sha256 or "", inspection)

    return in_lab(play, COPIER, targets=(*TARGETS, SENSOR))


Judge = Callable[..., dict[str, Any]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunProber:
    """The command in this process, in an empty directory: starting one costs more than judging."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("PROBER_"):
            monkeypatch.delenv(name)

    def invoke(*arguments: str) -> Done:
        done = CliRunner(env={"NO_COLOR": "1", "COLUMNS": "100"}).invoke(app, arguments)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return Done(done.exit_code, done.stdout, done.stderr)

    return invoke


@pytest.fixture
def judge(run: RunProber, prober: RunProber) -> Judge:
    """The document of a run judged again; in a process of its own where the environment matters."""

    def again(path: str, *more: str, code: int | None = None, env: dict[str, str] | None = None) -> dict[str, Any]:
        arguments = ("judge", path, "--format", "json", *more)
        done = run(*arguments) if env is None else prober(*arguments, env=env)
        assert done.code in ((0, 1) if code is None else (code,)), done.err
        document: dict[str, Any] = json.loads(done.out)
        return document

    return again


def result_of(document: Mapping[str, Any], host: str, route: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = [
        each for each in document["results"] if (each["target"]["host"], each["route"]) == (host, route)
    ]
    (one,) = found
    return one


def verdict_of(document: Mapping[str, Any], host: str, route: str) -> dict[str, Any]:
    found: dict[str, Any] = result_of(document, host, route)["interception"]
    return found


def ids(verdict: Mapping[str, Any]) -> set[str]:
    return {each["id"] for each in verdict["evidence"]}


# the same again


def test_every_field_of_every_result_is_the_same(saved: Saved, judge: Judge) -> None:
    before = json.loads(encode(saved.everything))
    after = judge(saved["everything"], code=1)
    assert after["results"] == before["results"]
    words = {each["interception"]["verdict"] for each in after["results"]}
    assert words >= {"clean", "intercepted", "inconclusive"}, "else the sameness says little"
    assert any(each["prefixes"] for each in after["results"])
    for kept in ("summary", "egress", "started", "finished", "routes", "skipped", "environment", "prober", "complete"):
        assert after[kept] == before[kept]
    assert after["certificates"] == before["certificates"]
    assert after["trust"] == before["trust"]
    (note,) = (each for each in after["notes"] if each["id"] == "rejudged")
    assert note["text"] == "Judged again from what the run saved."


def test_twice_is_once(saved: Saved, judge: Judge, tmp_path: Path) -> None:
    once = judge(saved["everything"], "--save", str(tmp_path / "again.json"))
    assert judge(str(tmp_path / "again.json")) == once


def test_a_configuration_that_adds_nothing_changes_nothing(saved: Saved, judge: Judge, tmp_path: Path) -> None:
    (tmp_path / "prober.yaml").write_text(
        f"trust:\n  roots: [{{file: {saved.folder}/public-root.pem, anchor: public}}]\nroutes: {{direct: []}}\n"
    )
    assert judge(saved["everything"])["results"] == json.loads(encode(saved.everything))["results"]


# another machine


@pytest.fixture(scope="module")
def administered(saved: Saved, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on a machine whose own store has the inspecting root."""
    store = tmp_path_factory.mktemp("store") / "roots.pem"

    async def play(scene: Scene) -> Run:
        store.write_bytes(pem(scene.lab.interceptor.root, *scene.lab.authorities.public_roots))
        machine_roots.cache_clear()
        return (await scene.run(EVERYWHERE)).run

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(store))
        run = in_lab(play, COPIER)
    machine_roots.cache_clear()
    save(run, saved.folder / "administered.json")
    return run


@pytest.mark.parametrize("store", ["empty", "inspection-ca"])
def test_the_machine_s_own_store_plays_no_part(
    saved: Saved, administered: Run, judge: Judge, tmp_path: Path, store: str
) -> None:
    """Neither does its lack make a root unknown that the run's machine had, nor does it bring one in."""
    here = tmp_path / "store.pem"
    here.write_bytes(b"" if store == "empty" else (saved.folder / "inspection-ca.pem").read_bytes())
    env = {"SSL_CERT_FILE": str(here)}
    for name, run, anchor in (("administered", administered, "os_only"), ("everything", saved.everything, "unknown")):
        after = judge(saved[name], env=env)
        assert after["results"] == json.loads(encode(run))["results"]
        tls = result_of(after, ONE, "inspected")["tls"]
        assert tls["anchor"] == anchor
        assert ("E13" in ids(verdict_of(after, ONE, "inspected"))) is (anchor == "os_only")
        assert verdict_of(after, ONE, "inspected")["verdict"] == "intercepted", "an administrator's root is no excuse"


# more than it was judged with


def test_alone_it_is_suspect(saved: Saved, judge: Judge) -> None:
    verdict = verdict_of(judge(saved["alone"], code=0), ONE, "inspected")
    assert (verdict["verdict"], verdict["basis"], verdict["reason"]) == ("suspect", "none", "weak-evidence")


@pytest.mark.parametrize("how", ["file", "certificate", "key"])
def test_a_known_interceptor(saved: Saved, judge: Judge, how: str) -> None:
    der = saved.inspection.public_bytes(Encoding.DER)
    given = {
        "file": str(saved.folder / "inspection-ca.pem"),
        "certificate": hashlib.sha256(der).hexdigest().upper(),
        "key": spki_sha256(der) or "",
    }[how]
    after = judge(saved["alone"], "--known-interceptor", given, code=1)
    verdict = verdict_of(after, ONE, "inspected")
    assert (verdict["verdict"], verdict["basis"]) == ("intercepted", "authority")
    assert "E14" in ids(verdict)
    assert verdict["attribution"]["category"] == "own"
    assert after["summary"]["intercepted"] == 1
    kept = after["trust"]["interceptor_certificates"] + after["trust"]["interceptor_digests"]
    assert kept == [given.lower() if how != "file" else hashlib.sha256(der).hexdigest()]
    assert all(digest in after["certificates"] for digest in after["trust"]["interceptor_certificates"])


def test_a_known_interceptor_leaves_clean_routes_clean(saved: Saved, judge: Judge) -> None:
    after = judge(saved["everything"], "--known-interceptor", str(saved.folder / "inspection-ca.pem"))
    for host in (ONE, TWO, PRIVATE):
        assert verdict_of(after, host, "direct")["verdict"] == verdict_of(after, host, "honest")["verdict"] == "clean"
        assert {"E2", "E14"} <= ids(verdict_of(after, host, "inspected"))


def test_a_pin(saved: Saved, judge: Judge) -> None:
    verdict = verdict_of(judge(saved["alone"], "--pin", f"{ONE}={saved.pin}", code=1), ONE, "inspected")
    assert (verdict["verdict"], verdict["basis"], verdict["policy_mismatch"]) == ("intercepted", "pinned", True)
    kept = judge(saved["everything"], "--pin", f"{ONE}={saved.pin}")
    assert kept["trust"]["pins"] == {ONE: [saved.pin]}
    assert verdict_of(kept, ONE, "direct")["policy_mismatch"] is False
    assert verdict_of(kept, ONE, "inspected")["policy_mismatch"] is True
    assert verdict_of(kept, TWO, "inspected")["policy_mismatch"] is False


def test_a_pin_that_does_not_fit_makes_nobody_an_interceptor(saved: Saved, judge: Judge) -> None:
    verdict = verdict_of(judge(saved["everything"], "--pin", f"{ONE}={'0' * 64}"), ONE, "direct")
    assert (verdict["verdict"], verdict["policy_mismatch"]) == ("clean", True)


def test_a_trusted_root(saved: Saved, judge: Judge) -> None:
    trusting = ("--trust-roots", str(saved.folder / "inspection-ca.pem"))
    after = judge(saved["everything"], *trusting)
    for host in (ONE, TWO, PRIVATE):
        result = result_of(after, host, "inspected")
        assert (result["trusted"], result["trust_failure"], result["tls"]["anchor"]) == (True, None, "pinned")
        assert result["interception"]["verdict"] == "clean"
    left = {each["target"]["host"] for each in after["results"] if each["interception"]["verdict"] == "intercepted"}
    assert left == {"expired.lab.test"}, "signed by another, that says 'Not trusted by'"
    assert after["summary"]["untrusted"] < saved.everything.summary.untrusted
    alone = verdict_of(judge(saved["alone"], *trusting), ONE, "inspected")
    assert (alone["verdict"], alone["basis"]) == ("clean", "pinned")


def test_a_trusted_root_mends_no_lost_client_certificate(saved: Saved, judge: Judge, tmp_path: Path) -> None:
    """The sensor's server asks for one, and over the opened route nobody does, whoever is trusted there."""
    path = tmp_path / "one-way.json"
    results = tuple(each for each in saved.everything.results if each.route != "behind")
    save(replace(saved.everything, results=results, summary=summary_of(results)), path)
    verdict = verdict_of(
        judge(str(path), "--trust-roots", str(saved.folder / "inspection-ca.pem")), SENSOR.host, "inspected"
    )
    assert (verdict["verdict"], verdict["reason"]) == ("suspect", "authority-but-contradicting")
    assert ids(verdict) == {"E7"}


def test_a_baseline(saved: Saved, judge: Judge) -> None:
    verdict = verdict_of(judge(saved["alone"], "--baseline", saved["reference"], code=1), ONE, "inspected")
    assert (verdict["verdict"], verdict["basis"]) == ("intercepted", "baseline")
    assert (verdict["reference"]["kind"], verdict["reference"]["name"]) == ("baseline", "direct")
    assert verdict["reference"]["spki_sha256"] == saved.pin
    own = verdict_of(judge(saved["alone"], "--baseline", saved["alone"], code=0), ONE, "inspected")
    assert own["verdict"] == "suspect", "what was not clean is no reference"


def test_a_baseline_that_is_missing_the_second_time_is_told(saved: Saved, judge: Judge, tmp_path: Path) -> None:
    again = tmp_path / "again.json"
    rested = judge(saved["alone"], "--baseline", saved["reference"], "--save", str(again), code=1)
    assert not [each for each in rested["notes"] if "rested on a baseline" in each["text"]]
    without = judge(str(again))
    assert [each["id"] for each in without["notes"] if "rested on a baseline" in each["text"]] == ["rejudged"]


def test_certificates_that_no_route_showed_are_kept(saved: Saved, judge: Judge, tmp_path: Path) -> None:
    """What was given as a file is in the document: it can be judged where that file is not."""
    keys, again = authorities(), tmp_path / "again.json"
    given = {"corporate.pem": keys.corporate.certificate, "stray.pem": keys.stray.certificate}
    for name, certificate in given.items():
        (tmp_path / name).write_bytes(pem(certificate))
    options = ("--trust-roots", "corporate.pem", "--known-interceptor", "stray.pem", "--save", str(again))
    first = judge(saved["alone"], *options)
    for name in given:
        (tmp_path / name).unlink()
    digests = {hashlib.sha256(each.public_bytes(Encoding.DER)).hexdigest() for each in given.values()}
    assert digests <= set(first["certificates"])
    assert digests.isdisjoint(json.loads(Path(saved["alone"]).read_bytes())["certificates"])
    assert judge(str(again)) == first


def test_less_is_not_forgotten(saved: Saved, judge: Judge, tmp_path: Path) -> None:
    """What was added is kept in the document, and in force when it is judged once more."""
    again = str(tmp_path / "again.json")
    first = judge(saved["alone"], "--pin", f"{ONE}={saved.pin}", "--save", again)
    assert judge(again)["results"] == first["results"]


# what is no run, or not a whole one


def damaged(saved: Saved, folder: Path) -> dict[str, tuple[Path, str]]:
    """Files that are no run, and what is to be said of them."""
    whole = Path(saved["alone"]).read_bytes()
    document = json.loads(whole)
    certificates, trust = document["certificates"], document["trust"]
    digest, other = list(certificates)[:2]
    rooted = next(each["sha256"] for each in trust["roots"])
    content: dict[str, tuple[bytes, str]] = {
        "cut.json": (whole[: len(whole) // 2], "cut off or damaged"),
        "empty.json": (b"", "not a whole JSON document"),
        "list.json": (b"[1, 2]", "no prober run"),
        "foreign.json": (b'{"schema": "something/1"}', "no prober run"),
        "later.json": (b'{"schema": "prober.run/2"}', "another version"),
        "bytes.json": (bytes(range(256)), "not a whole JSON document"),
        "cut.json.gz": (gzip.compress(whole)[:-40], "cut off"),
        "field.json": (whole.replace(b'"results":[', b'"results":[7,', 1), "results[0]"),
        "swapped.json": (
            json.dumps({**document, "certificates": {**certificates, digest: certificates[other]}}).encode(),
            "holds another certificate",
        ),
        "rootless.json": (
            json.dumps({**document, "certificates": _without(certificates, rooted)}).encode(),
            "a certificate of the trust it was judged with is missing",
        ),
        "word.json": (
            json.dumps({**document, "trust": {**trust, "roots": [{**trust["roots"][0], "anchor": "x"}]}}).encode(),
            "x",
        ),
    }
    found = {}
    for name, (data, said) in content.items():
        (folder / name).write_bytes(data)
        found[name] = (folder / name, said)
    found["none.json"] = (folder / "none.json", "No such file")
    found["folder"] = (folder, "directory")
    return found


def _without(certificates: Mapping[str, str], digest: str) -> dict[str, str]:
    return {each: der for each, der in certificates.items() if each != digest}


def test_what_is_no_run_is_refused_in_a_sentence(saved: Saved, run: RunProber, tmp_path: Path) -> None:
    for path, said in damaged(saved, tmp_path).values():
        done = run("judge", str(path))
        assert (done.code, done.out) == (2, ""), path
        (line,) = done.err.splitlines()
        assert line.startswith("error: "), line
        assert path.name in line
        assert said in line


def test_so_is_a_baseline(saved: Saved, run: RunProber, tmp_path: Path) -> None:
    for name in ("cut.json", "foreign.json", "none.json"):
        path, said = damaged(saved, tmp_path)[name]
        done = run("judge", saved["alone"], "--baseline", str(path))
        assert done.code == 2
        assert "--baseline" in done.err
        assert said in done.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--pin", "nonsense"], "--pin"),
        (["--trust-roots", "/no/such.pem"], "/no/such.pem"),
        (["--trust-roots", "/dev/null"], "/dev/null"),
        (["--known-interceptor", "/dev/null"], "/dev/null"),
        (["--fail-on", "untrusted,intercept"], "intercept"),
        (["--save", "run.txt"], ".json"),
        (["--output", "no/such/folder/x"], "no directory"),
        (["--via", "x=http://h:1"], "--via"),
        (["--format", "jsonl"], "jsonl"),
    ],
)
def test_mistakes_are_refused_in_words(saved: Saved, run: RunProber, options: list[str], said: str) -> None:
    done = run("judge", saved["alone"], *options)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


# runs of older versions


def older(run: Run, **fields: object) -> Run:
    """As a version wrote it that did not know these fields."""
    return replace(run, **fields)


def test_a_run_without_trust_is_judged_with_this_machine_s(saved: Saved, judge: Judge, tmp_path: Path) -> None:
    path = tmp_path / "older.json"
    save(older(saved.everything, trust=None), path)
    after = judge(str(path))
    (note,) = (each for each in after["notes"] if each["id"] == "rejudged")
    assert "with the trust stores of this machine" in note["text"]
    assert result_of(after, ONE, "direct")["trusted"] is False, "nobody here knows the lab's root"
    roots = [f"--trust-roots={saved.folder}/{name}-root.pem" for name in ("public", "vendor")]
    after = judge(str(path), *roots)
    for host in (ONE, TWO, PRIVATE):
        assert verdict_of(after, host, "direct")["verdict"] == "clean"
        assert verdict_of(after, host, "inspected")["verdict"] == "intercepted"


def test_a_run_without_certificates_keeps_its_judgements(saved: Saved, run: RunProber, tmp_path: Path) -> None:
    path = tmp_path / "older.json"
    save(older(saved.everything, trust=None, certificates={}), path)
    done = run("judge", str(path), "--format", "json")
    assert done.code == 1
    after = json.loads(done.out)
    before = json.loads(encode(saved.everything))
    assert after["results"] == before["results"]
    (note,) = (each for each in after["notes"] if each["id"] == "rejudged")
    assert "Not enough was saved of " in note["text"]
    warnings = done.err.splitlines()
    assert warnings
    assert all(line.startswith("warning: ") for line in warnings)
    assert any(f"{ONE} over direct: its certificates are not in the document" in line for line in warnings)
    assert run("judge", str(path), "--quiet", "--format", "csv").err == ""


def test_samples_without_chains_leave_the_result_itself(saved: Saved, judge: Judge, tmp_path: Path) -> None:
    """Versions before interception was judged kept of each sample the leaf's digest alone, and no verdicts."""

    def shortened(result: Result) -> Result:
        samples = tuple(
            replace(
                sample,
                tls=None if sample.tls is None else replace(sample.tls, chain=None, hello=None, key_proven=None),
                purpose="attempt",
            )
            for sample in result.samples
        )
        return replace(result, samples=samples, interception=None, via=None)

    results = tuple(map(shortened, saved.everything.results))
    path = tmp_path / "older.json"
    save(replace(saved.everything, results=results, summary=summary_of(results)), path)
    after = judge(str(path), "--quiet")
    for host in (ONE, TWO, PRIVATE):
        assert verdict_of(after, host, "direct")["verdict"] == "clean"
        assert verdict_of(after, host, "inspected")["verdict"] == "intercepted"
    assert verdict_of(after, PLAIN.host, "direct")["reason"] == "no-tls"


# how it ends, and in which form


def test_exit_codes(saved: Saved, run: RunProber) -> None:
    def code(name: str, *words: str) -> int:
        return run("judge", saved[name], *(("--fail-on", ",".join(words)) if words else ())).code

    assert code("everything") == 1
    assert code("everything", "none") == 0
    assert code("everything", "intercepted") == 1
    assert code("everything", "suspect") == 0
    assert code("everything", "unreachable") == 1, "a closed port"
    assert code("alone") == 0
    assert code("alone", "suspect") == 1
    assert code("alone", "untrusted") == 1
    assert code("alone", "unreachable", "intercepted", "unexpected-status") == 0


def test_forms(saved: Saved, run: RunProber, tmp_path: Path) -> None:
    table = run("judge", saved["everything"], "-v").out
    assert "TLS intercepted" in table
    assert "E2" in table
    rows = list(csv.DictReader(io.StringIO(run("judge", saved["everything"], "--format", "csv").out)))
    assert [row["interception"] for row in rows] == [
        each.interception.verdict for each in saved.everything.results if each.interception is not None
    ]
    picture = ElementTree.fromstring(run("judge", saved["everything"], "--format", "svg").out)  # noqa: S314 # ours
    assert picture.tag.endswith("svg")
    report = tmp_path / "report.csv"
    done = run("judge", saved["everything"], "--format", "csv", "--output", str(report))
    assert done.out == ""
    assert list(csv.DictReader(io.StringIO(report.read_text()))) == rows


@pytest.mark.parametrize("suffix", [".json", ".json.gz", ".json.zst"])
def test_save_and_read_back(saved: Saved, judge: Judge, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"again{suffix}"
    shown = judge(saved["everything"], "--save", str(path))
    assert json.loads(encode(load(path))) == shown
    assert judge(str(path)) == shown


def test_a_full_disk_behind_the_report(saved: Saved, prober: RunProber, tmp_path: Path) -> None:
    path = tmp_path / "again.json"
    done = prober("judge", saved["alone"], "--output", "/dev/full", "--save", str(path))
    assert (done.code, done.err) == (3, "error: the report could not be written: No space left on device\n")
    assert load(path).results


# several egress points in one document


def joined(one: Run, other: Run, names: tuple[str, str]) -> Run:
    """Two runs as one document, each from its own way out."""
    results = tuple(
        replace(result, egress=name) for run, name in zip((one, other), names, strict=True) for result in run.results
    )
    routes = {route.name: route for run in (one, other) for route in run.routes}
    certificates = {**one.certificates, **other.certificates}
    return replace(
        one, results=results, routes=tuple(routes.values()), certificates=certificates, summary=summary_of(results)
    )


def test_egress_points_are_not_compared_with_each_other(saved: Saved, judge: Judge, tmp_path: Path) -> None:
    """A key that differs between Paris and Berlin is two points of presence, and no contradiction."""
    alone, reference = load(Path(saved["alone"])), load(Path(saved["reference"]))
    path = tmp_path / "joined.json"
    save(joined(alone, reference, ("paris", "berlin")), path)
    apart = judge(str(path), code=0)
    suspect = verdict_of(apart, ONE, "inspected")
    assert (suspect["verdict"], suspect["basis"], suspect["reference"]) == ("suspect", "none", None)
    assert verdict_of(apart, ONE, "direct")["basis"] == "authority"
    save(joined(alone, reference, ("paris", "paris")), path)
    together = judge(str(path))
    assert verdict_of(together, ONE, "inspected")["basis"] == "proven", "else the test could not fail"


def test_the_same_route_of_two_egress_points(saved: Saved, judge: Judge, tmp_path: Path) -> None:
    async def other_lab(scene: Scene) -> Run:
        return (await scene.run({**OPEN, **INSPECTED}, TARGETS[:1])).run

    path = tmp_path / "joined.json"
    elsewhere = in_lab(other_lab, Policy(bypass=(ONE,)))
    save(joined(load(Path(saved["alone"])), elsewhere, ("paris", "berlin")), path)
    after = judge(str(path))
    told = {
        (each["egress"], each["route"]): (each["interception"]["verdict"], each["interception"]["basis"])
        for each in after["results"]
    }
    assert told == {
        ("paris", "inspected"): ("suspect", "none"),
        ("berlin", "inspected"): ("clean", "proven"),
        ("berlin", "open"): ("clean", "proven"),
    }


def test_a_baseline_of_several_egress_points_is_used_as_far_as_it_is_ours(
    saved: Saved, judge: Judge, tmp_path: Path
) -> None:
    """References of the same egress, if it has any there; else all."""
    reference = load(Path(saved["reference"]))
    ours, theirs = tmp_path / "ours.json", tmp_path / "theirs.json"
    empty = replace(reference, results=reference.results[1:])  # ONE was not seen there
    save(joined(empty, reference, ("lab", "berlin")), ours)
    save(joined(empty, reference, ("paris", "berlin")), theirs)
    assert load(Path(saved["alone"])).egress == "lab"
    assert verdict_of(judge(saved["alone"], "--baseline", str(ours)), ONE, "inspected")["basis"] == "none"
    assert verdict_of(judge(saved["alone"], "--baseline", str(theirs)), ONE, "inspected")["basis"] == "baseline"
