"""`prober diff`, `prober merge` and `prober check --against` as they are typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from ..diff.made import OPENED, SISTER, failed, result, saved, tls
from .conftest import RunProber

A, B = "a.example", "b.example"


@pytest.fixture
def before(tmp_path: Path) -> str:
    return str(saved(tmp_path / "before.json", [result(A), result(B)]))


@pytest.fixture
def broken(tmp_path: Path) -> str:
    return str(saved(tmp_path / "after.json", [failed(A), result(B)]))


def test_no_difference(prober: RunProber, before: str) -> None:
    done = prober("diff", before, before)
    assert done.code == 0
    assert done.out.startswith("No difference: 2 pairs")
    assert done.err == ""


def test_a_regression_is_one(prober: RunProber, before: str, broken: str) -> None:
    done = prober("diff", before, broken)
    assert done.code == 1
    assert done.out.startswith("REGRESSION: 1 of 2 pairs")
    assert prober("diff", broken, before).code == 0, "better is no regression"
    assert prober("diff", before, broken, "--fail-on", "none").code == 0


def test_fail_on_by_kind(prober: RunProber, before: str, tmp_path: Path) -> None:
    after = str(saved(tmp_path / "sister.json", [result(A, tls=tls("b", SISTER)), result(B)]))
    codes = [prober("diff", before, after, *more).code for more in ((), ("--fail-on", "warning"))]
    assert codes == [0, 0]
    assert prober("diff", before, after, "--fail-on", "regression,issuing-ca-changed").code == 1
    assert prober("diff", before, after, "--fail-on", "any").code == 1


def test_the_document(prober: RunProber, before: str, broken: str, tmp_path: Path) -> None:
    done = prober("diff", before, broken, "--format", "json", "--output", "out.json")
    assert (done.code, done.out) == (1, "")
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["schema"] == "prober.diff/1"
    assert found["summary"]["kinds"] == {"newly-unreachable": 1}
    assert found["differences"][0]["pairs"][0]["target"] == "id.a.example"
    assert "### Regression" in prober("diff", before, broken, "--format", "markdown").out


def test_several_files_on_each_side(prober: RunProber, tmp_path: Path) -> None:
    names: dict[str, list[str]] = {"before": [], "after": []}
    for side, made in (("before", result), ("after", failed)):
        for egress in ("paris", "rome"):
            path = saved(tmp_path / f"{side}-{egress}.json", [made(A, egress=egress)], egress)
            names[side].append(str(path))
    done = prober("diff", *names["before"], "--", *names["after"])
    assert done.code == 1
    assert "\negress  service  pairs" in done.out
    fewer = prober("diff", "--format", "json", *names["before"][:1], "--", *names["after"])
    assert json.loads(fewer.out)["summary"]["kinds"] == {"newly-unreachable": 1, "egress-added": 1}
    clash = prober("diff", names["before"][0], names["after"][0], "--", *names["after"])
    assert clash.code == 2
    assert "before-paris.json" in clash.err
    assert "after-paris.json" in clash.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{b}"], "1 file and no --"),
        (["{b}", "{b}", "{b}"], "3 files and no --"),
        (["{b}", "--"], "nothing stands behind --"),
        (["{b}", "nowhere.json"], "nowhere.json could not be read"),
        (["{b}", "{b}", "--fail-on", "slow"], "did you mean slower?"),
        (["{b}", "{b}", "--format", "xml"], "xml"),
        (["{b}", "{b}", "--output", "no/where.json"], "no directory"),
    ],
)
def test_usage_errors(prober: RunProber, before: str, arguments: list[str], said: str) -> None:
    done = prober("diff", *(each.format(b=before) for each in arguments))
    assert done.code == 2
    assert said in done.err
    assert done.out == ""


def test_every_file_that_cannot_be_read_is_named(prober: RunProber, before: str, tmp_path: Path) -> None:
    (tmp_path / "cut.json").write_bytes(Path(before).read_bytes()[:300])
    (tmp_path / "foreign.json").write_text('{"schema": "x"}')
    done = prober("diff", "cut.json", before, "--", "foreign.json")
    assert done.code == 2
    assert "cut.json" in done.err
    assert "foreign.json" in done.err


def test_files_that_are_no_runs_are_all_named_at_once(prober: RunProber, before: str, tmp_path: Path) -> None:
    """Each with what is wrong with it, and without a traceback."""
    data = Path(before).read_bytes()
    (tmp_path / "folder.json").mkdir()
    unfit = {
        "cut.json": data[:-1],
        "nan.json": data.replace(b'"total":0.04', b'"total":NaN'),
        "endless.json": data.replace(b'"port":443', b'"port":' + b"9" * 400),
        "below.json": data.replace(b'"port":443', b'"port":-443'),
        "deep.json": data[:-1] + b',"later":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "text.json": "no JSON at all: ö".encode("latin-1"),
        "wide.json": data.decode().encode("utf-16"),
        "lines.json": b'{"schema":"prober.run/1"}\n{}\n',
        "list.json": b"[]",
        "packed.json.gz": b"\x1f\x8b\x08no gzip",
        "packed.json.zst": b"\x28\xb5\x2f\xfdno zstd",
        "when.json": data.replace(b"2026-11-22T10:00:09.000Z", b"later"),
        "huge.json": b"",
    }
    for name, content in unfit.items():
        (tmp_path / name).write_bytes(content)
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(3 << 30)  # a hole: it takes no room
    names = [*unfit, "folder.json", "nowhere.json"]
    for done in (
        prober("diff", before, "--", *names),
        prober("diff", *names, "--", before),
        prober("merge", before, *names, "--save", "no.json"),
    ):
        assert done.code == 2
        assert done.out == ""
        assert "Traceback" not in done.err
        assert [name for name in names if name not in done.err] == []
        assert len(done.err.splitlines()) == len(names)
    assert not (tmp_path / "no.json").exists()
    assert prober("merge", "nowhere.json", "--save", "no.json").code == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_is_no_finding(prober: RunProber, before: str, broken: str) -> None:
    done = prober("diff", before, broken, "--output", "/dev/full")
    assert done.code == 3
    assert "the report could not be written: No space left" in done.err
    for arguments, out in (((), "/dev/full"), (("--format", "json"), "/dev/full")):
        with Path(out).open("wb") as full:
            told = subprocess.run(
                [sys.executable, "-m", "prober", "diff", before, broken, *arguments],
                stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            )  # fmt: skip
        assert told.returncode == 3
        assert "the report could not be written: No space left" in told.stderr
        assert "Traceback" not in told.stderr


def test_a_reader_that_left_is_told_nothing(before: str, broken: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        told = subprocess.run(
            [sys.executable, "-m", "prober", "diff", before, broken],
            stdout=pipe, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert (told.returncode, told.stderr) == (3, "")


def test_a_whole_egress_that_is_gone_is_no_success(prober: RunProber, tmp_path: Path) -> None:
    paths = [
        str(saved(tmp_path / f"{egress}.json", [result(A, egress=egress)], egress)) for egress in ("paris", "rome")
    ]
    done = prober("diff", *paths, "--", paths[0])
    assert done.code == 1
    assert "Egress gone" in done.out
    assert prober("diff", *paths, "--", paths[0], "--fail-on", "newly-unreachable").code == 2, "a name behind --"
    assert prober("diff", "--fail-on", "newly-unreachable", *paths, "--", paths[0]).code == 0
    assert prober("diff", paths[0], "--", *paths).code == 0


@pytest.mark.parametrize("words", ["regression", "unreachable,regression"])
def test_one_run_alone_has_no_regression(prober: RunProber, before: str, words: str) -> None:
    done = prober("judge", before, "--fail-on", words)
    assert done.code == 2
    assert "prober diff BEFORE AFTER" in done.err
    assert done.out == ""


def test_nothing_in_common_is_no_success(prober: RunProber, before: str, tmp_path: Path) -> None:
    other = str(saved(tmp_path / "other.json", [result("elsewhere.example", "direct")]))
    done = prober("diff", before, other)
    assert done.code == 2
    assert done.out.startswith("Nothing was compared")
    assert "no pair of target and route in common" in done.err


def test_merge(prober: RunProber, tmp_path: Path) -> None:
    paths = [
        str(saved(tmp_path / f"{egress}.json", [result(A, egress=egress)], egress)) for egress in ("paris", "rome")
    ]
    done = prober("merge", *paths, "--save", "all.json.zst")
    assert done.code == 0
    assert done.out == ""
    assert "all.json.zst: 2 results from 2 egress points" in done.err
    assert prober("diff", *paths, "--", "all.json.zst").code == 0
    assert prober("merge", *paths, "--save", "all.txt").code == 2
    clash = prober("merge", paths[0], str(saved(tmp_path / "x.json", [failed(A)])), "--save", "no.json")
    assert clash.code == 2
    assert "paris.json" in clash.err
    assert "x.json" in clash.err
    assert not (tmp_path / "no.json").exists()
    assert prober("merge", paths[0], "nowhere.json", "--save", "no.json").code == 2


def test_explain_knows_the_kinds(prober: RunProber) -> None:
    done = prober("explain", "newly-intercepted")
    assert done.code == 0
    assert "newly-intercepted (difference)" in done.out
    assert "no-longer-intercepted" in done.out


def test_check_against(prober: RunProber, lab: Path, tmp_path: Path) -> None:
    common = ("check", "--config", str(lab), "--no-direct", "https://www.one.example")
    assert prober(*common, "--via", "x=http://127.0.0.1:9", "--save", "down.json", "--fail-on", "none").code == 0
    down: Any = json.loads((tmp_path / "down.json").read_text())
    assert down["summary"]["reachable"] == 0
    again = prober(*common, "--via", "x=http://127.0.0.1:9", "--against", "down.json", "--fail-on", "regression")
    assert again.code == 0
    assert "No difference" in again.out
    assert prober(*common, "--via", "x=http://127.0.0.1:9", "--against", "down.json").code == 1, "still unreachable"
    asked = down["results"][0]["target"]
    well = result("www.one.example", "x", down["egress"])
    well = replace(well, target=replace(well.target, id=asked["id"], service="", path=asked["path"]))
    up = str(saved(tmp_path / "up.json", [well], down["egress"]))
    worse = prober(
        *common, "--via", "x=http://127.0.0.1:9", "--against", up, "--format", "json", "--fail-on", "regression"
    )
    assert worse.code == 1
    assert json.loads(worse.out)["schema"] == "prober.run/1"
    assert "REGRESSION: 1 of 1" in worse.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--fail-on", "regression"], "there is nothing to compare with (--against RUN)"),
        (["--fail-on", "slower"], "there is nothing to compare with"),
        (["--against", "nowhere.json"], "--against: nowhere.json could not be read"),
        (["--against", "x.json", "--fail-on", "slow"], "unknown"),
    ],
)
def test_check_against_what(prober: RunProber, arguments: list[str], said: str) -> None:
    done = prober("check", "https://127.0.0.1:9", *arguments)
    assert done.code == 2
    assert said in done.err


def test_intercepted_is_told(prober: RunProber, before: str, tmp_path: Path) -> None:
    opened = [result(A, interception=OPENED, tls=tls("b"), trusted=False), result(B)]
    done = prober("diff", before, str(saved(tmp_path / "o.json", opened)))
    assert done.code == 1
    assert "Newly intercepted: a.example: TLS is opened, signed by Corp Root" in " ".join(done.out.split())


def test_junit_of_two_files_fails_as_the_exit_code_does(prober: RunProber, before: str, broken: str) -> None:
    done = prober("diff", before, broken, "--format", "junit")
    assert (done.code, done.out.count("<failure type=")) == (1, 1)
    lenient = prober("diff", before, broken, "--format", "junit", "--fail-on", "none")
    assert (lenient.code, lenient.out.count("<failure")) == (0, 0)


def test_junit_against_an_earlier_run_fails_by_its_differences(prober: RunProber, lab: Path, tmp_path: Path) -> None:
    common = ("check", "--config", str(lab), "--no-direct", "--via", "x=http://127.0.0.1:9", "https://www.one.example")
    prober(*common, "--save", "down.json", "--fail-on", "none")
    told = ("--against", "down.json", "--fail-on", "regression", "--format", "junit", "--output", "out.xml")
    assert prober(*common, *told).code == 0
    assert "<failure" not in (tmp_path / "out.xml").read_text(), "as unreachable as before"
    down: Any = json.loads((tmp_path / "down.json").read_text())
    asked = down["results"][0]["target"]
    well = result("www.one.example", "x", down["egress"])
    well = replace(well, target=replace(well.target, id=asked["id"], service="", path=asked["path"]))
    saved(tmp_path / "down.json", [well], down["egress"])
    assert prober(*common, *told).code == 1
    assert '<failure type="newly-unreachable"' in (tmp_path / "out.xml").read_text()


@pytest.mark.parametrize("command", ["report", "judge"])
def test_a_run_alone_has_no_regression(prober: RunProber, before: str, command: str) -> None:
    for words in ("regression", "unreachable,slower"):
        done = prober(command, before, "--format", "junit", "--fail-on", words)
        assert (done.code, done.out) == (2, "")
        assert f"--fail-on {words.split(',')[-1]}: there is nothing to compare with" in done.err
        assert "prober check --against RUN" in done.err


def test_html_for_the_board(prober: RunProber, before: str, broken: str, tmp_path: Path) -> None:
    done = prober("diff", before, broken, "--format", "html", "--output", "change.html")
    assert (done.code, done.out) == (1, "")
    page = (tmp_path / "change.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "1 pair of target and route is worse than before" in page
    assert prober("diff", before, before, "--format", "html").out.count("Nothing differs") == 1
