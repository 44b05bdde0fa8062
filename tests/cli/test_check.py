"""`prober check` as a user runs it, against the lab."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from prober.report.files import load


def results_of(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(text)["results"]
    return found


def test_json_is_the_contract_s_document(prober: Any, lab: Path) -> None:
    done = prober("check", "--config", str(lab), "--geo", "EU", "--format", "json")
    assert done.code == 1  # the lab has routes that refuse
    document = json.loads(done.out)
    assert document["schema"] == "prober.run/1"
    assert document["egress"] == "lab"
    assert document["complete"] is True
    by_route: dict[str, list[dict[str, Any]]] = {}
    for result in document["results"]:
        by_route.setdefault(result["route"], []).append(result)
    assert len(by_route) == len(document["routes"]) == 11
    assert all(result["reachable"] and result["trusted"] is not False for result in by_route["direct"])
    assert all(result["reachable"] for result in by_route["chain"])
    assert all(len(result["timings"]["hops"]) == 3 for result in by_route["chain"])
    denied = [result for result in by_route["blocking"] if not result["reachable"]]
    assert denied
    assert {(each["failure"]["stage"], each["failure"]["hop"], each["failure"]["reason"]) for each in denied} == {
        ("proxy", 1, "proxy-denied")
    }
    inspected = [result for result in by_route["inspected"] if result["trusted"] is False]
    assert {result["trust_failure"]["reason"] for result in inspected} == {"cert-untrusted"}
    assert all(result["reachable"] for result in inspected)
    assert document["summary"]["probes"] == len(document["results"])
    assert document["summary"]["services_without_probes"] == ["MMA", "AMA"]
    assert document["skipped"]


def test_a_service_that_cannot_log_in_keeps_the_407(prober: Any, lab: Path) -> None:
    done = prober(
        "check", "--config", str(lab), "--service", "MDE,MDI", "--via", "login", "--no-direct", "--format", "json"
    )
    by_service: dict[str, list[dict[str, Any]]] = {}
    for result in results_of(done.out):
        by_service.setdefault(result["target"]["service"], []).append(result)
    for result in by_service["MDE"]:
        assert (result["reachable"], result["failure"]["reason"]) == (False, "proxy-auth-required")
        assert result["failure"]["status"] == 407
        assert result["tls"] is not None, "the facts behind the login are recorded all the same"
        assert result["hops"][0]["login"] == "accepted"
    assert [result["reachable"] for result in by_service["MDI"]] == [True]


def test_targets_by_hand_log_in(prober: Any, lab: Path) -> None:
    done = prober(
        "check", "--config", str(lab), "--via", "login", "--via", "socks5", "--no-direct", "https://any.lab.test/"
    )
    assert done.code == 0, done.out + done.err
    assert "2 of 2 probes reached" in done.out


def test_exit_codes(prober: Any, lab: Path) -> None:
    inspected = ("check", "--config", str(lab), "--via", "inspected", "--no-direct", "https://any.lab.test/")
    assert prober(*inspected).code == 1, "intercepted is in the default"
    assert prober(*inspected, "--fail-on", "unreachable,suspect").code == 0
    assert prober(*inspected, "--fail-on", "untrusted").code == 1
    blocked = ("check", "--config", str(lab), "--via", "blocking", "--no-direct", "x.blob.core.windows.net")
    assert prober(*blocked).code == 1
    assert prober(*blocked, "--fail-on", "none").code == 0
    assert prober(*blocked, "--fail-on", "untrusted,unexpected-status").code == 0


def test_revocation_has_a_word_of_its_own(prober: Any, lab: Path) -> None:
    ways = ("--via", "open", "--via", "no-revocation", "--no-direct", "https://any.lab.test/")
    common = ("check", "--config", str(lab), *ways)
    assert prober(*common, "--revocation").code == 0, "reached is reached"
    done = prober(*common, "--revocation", "--fail-on", "unreachable,revocation", "--format", "json")
    assert done.code == 1
    results = {each["route"]: each for each in json.loads(done.out)["results"]}
    assert all(each["reachable"] and each["failure"] is None for each in results.values())
    told = {route: each["revocation"] for route, each in results.items()}
    assert (told["open"]["reachable"], told["open"]["failure"]) == (True, None)
    assert told["no-revocation"]["reachable"] is False
    assert told["no-revocation"]["failure"]["reason"] == "revocation-unreachable"
    over_open = prober(*common, "--revocation-route", "open", "--fail-on", "revocation")
    assert over_open.code == 0, over_open.out
    assert "revocation: 2 can be looked up" in over_open.out
    rows = list(csv.DictReader(io.StringIO(prober(*common, "--revocation", "--format", "csv").out)))
    assert {row["route"]: row["revocation_reachable"] for row in rows} == {"open": "true", "no-revocation": "false"}


def test_revocation_lines_come_when_it_is_known(prober: Any, lab: Path) -> None:
    common = ("check", "--config", str(lab), "--via", "open", "--no-direct", "https://any.lab.test/")
    (line,) = prober(*common, "--revocation", "--format", "jsonl").out.splitlines()
    assert json.loads(line)["revocation"]["reachable"] is True


def test_what_revocation_refuses(prober: Any, lab: Path) -> None:
    common = ("check", "--config", str(lab), "--via", "open", "--no-direct", "https://any.lab.test/")
    asked = prober(*common, "--fail-on", "revocation")
    assert (asked.code, "--revocation" in asked.err) == (2, True)
    unknown = prober(*common, "--revocation-route", "elsewhere")
    assert unknown.code == 2
    assert "no such route (known: open)" in unknown.err


def test_jsonl_and_csv_have_a_line_a_result(prober: Any, lab: Path, tmp_path: Path) -> None:
    common = ("check", "--config", str(lab), "--service", "MDI", "--fail-on", "none")
    lines = prober(*common, "--format", "jsonl").out.splitlines()
    assert len(lines) == 11
    assert {json.loads(line)["route"] for line in lines} >= {"direct", "chain"}
    rows = list(csv.DictReader(io.StringIO(prober(*common, "--format", "csv").out)))
    assert len(rows) == 11
    written = tmp_path / "lines.jsonl"
    assert prober(*common, "--format", "jsonl", "--output", str(written)).out == ""
    assert len(written.read_text().splitlines()) == 11


@pytest.mark.parametrize("suffix", [".json", ".json.gz", ".json.zst"])
def test_save_is_read_back(prober: Any, lab: Path, tmp_path: Path, suffix: str) -> None:
    saved = tmp_path / f"run{suffix}"
    done = prober(
        "check", "--config", str(lab), "--service", "MDI", "--save", str(saved), "--format", "json", "--fail-on", "none"
    )
    assert done.code == 0
    run = load(saved)
    assert [result.target.id for result in run.results] == [each["target"]["id"] for each in results_of(done.out)]
    leaf = next(result.tls.chain[0].sha256 for result in run.results if result.tls is not None)
    assert leaf in run.certificates


def test_attempts_are_kept_as_samples(prober: Any, lab: Path) -> None:
    done = prober(
        "check", "--config", str(lab), "--via", "open", "--attempts", "3", "--format", "json", "https://any.lab.test/"
    )
    for result in results_of(done.out):
        assert len(result["samples"]) == 3
        assert len({sample["at"] for sample in result["samples"]}) > 1
        assert result["attempts"] == 3


def test_workers_find_the_same(prober: Any, lab: Path) -> None:
    def found(*more: str) -> list[tuple[str, str, bool, str | None]]:
        done = prober("check", "--config", str(lab), "--geo", "UK", "--service", "MDE", "--format", "json", *more)
        assert done.code == 1, done.err
        return [
            (each["target"]["id"], each["route"], each["reachable"], each["failure"] and each["failure"]["reason"])
            for each in results_of(done.out)
        ]

    assert found("--workers", "3") == found()


def test_broken_hosts_say_how_they_are_broken(prober: Any, lab: Path) -> None:
    hosts = ("expired", "self-signed", "wrong-name", "incomplete", "untrusted", "silent", "reset", "closed")
    targets = [f"tls://{host}.lab.test" for host in hosts]
    done = prober("check", "--config", str(lab), "--via", "direct", "--timeout", "1", "--format", "json", *targets)
    found = {each["target"]["host"].removesuffix(".lab.test"): each for each in results_of(done.out)}
    reasons = {
        host: (each["failure"] or each["trust_failure"] or {"reason": None})["reason"] for host, each in found.items()
    }
    assert reasons == {
        "expired": "cert-expired",
        "self-signed": "cert-untrusted",
        "wrong-name": "cert-name-mismatch",
        "incomplete": "cert-incomplete-chain",
        "untrusted": "cert-untrusted",
        "silent": "tls-timeout",
        "reset": "tcp-reset",
        "closed": "tcp-refused",
    }
    assert found["self-signed"]["tls"]["anchor"] == "self_signed_leaf"


def test_dry_run_touches_nothing(prober: Any) -> None:
    done = prober("check", "--via", "hq=http://192.0.2.1:1,socks5h://192.0.2.2:1", "--dry-run", "https://a.example/x?y")
    assert done.code == 0
    assert done.out.splitlines() == [
        "https://a.example/x?y\tdirect\tdirect\tGET https://a.example:443/x?y",
        "https://a.example/x?y\thq\thttp://192.0.2.1:1,socks5h://192.0.2.2:1\tGET https://a.example:443/x?y",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "https://user:pw@a.example"], "user and password do not belong in a target"),
        (["check", "good.example", "x:y"], 'TARGET "x:y": "y" is not a port'),
        (["check", "@"], "the name of a file is missing"),
        (["check", "--via", "x=sock5://h:1", "a.example"], "socks5"),
        (["check", "--geo", "EV"], 'unknown geography "EV"'),
        (["check", "--no-direct", "a.example"], "no route is left"),
        (["check", "--fail-on", "unreachible", "a.example"], "did you mean unreachable?"),
        (["check", "--save", "run.txt", "a.example"], ".json"),
        (["check", "--output", "no/such/folder/x", "a.example"], "no directory"),
        (["check", "--trust-roots", "/no/such.pem", "a.example"], "/no/such.pem"),
        (["check", "--client-cert", "/dev/null", "a.example"], "/dev/null"),
        (["check", "@/no/such/file"], "/no/such/file"),
        (["check", "--service", "MDI"], "--set workspace=NAME"),
    ],
)
def test_mistakes_are_refused_in_words(prober: Any, arguments: list[str], said: str) -> None:
    done = prober(*arguments)
    assert done.code == 2
    assert said in done.err
    assert done.out == ""


def test_all_mistakes_at_once(prober: Any, tmp_path: Path) -> None:
    (tmp_path / "targets").write_text("good.example\nbad port:x\nhttps://\n")
    done = prober("check", "@targets", "also:bad:one", "--trust-roots", "/dev/null")
    assert done.code == 2
    assert len(done.err.splitlines()) == 4, done.err


def hanging(lab: Path, saved: Path) -> list[str]:
    """A run with one target that answers at once and one that never does."""
    how = [
        "check",
        "--config",
        str(lab),
        "--via",
        "direct",
        "--timeout",
        "60",
        "--format",
        "jsonl",
        "--save",
        str(saved),
    ]
    return [*how, "https://any.lab.test/", "tls://silent.lab.test"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("workers", [[], ["--workers", "2"]])
def test_an_interrupted_run_reports_what_it_has(
    start: Any, lab: Path, tmp_path: Path, number: signal.Signals, workers: list[str]
) -> None:
    saved = tmp_path / "run.json"
    process = start([*hanging(lab, saved), *workers])
    first = json.loads(process.stdout.readline())
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 3, errors
    assert b"Traceback" not in errors
    run = load(saved)
    assert run.complete is False
    assert [result.target.id for result in run.results] == [first["target"]["id"]]
    assert "interrupted" in {each.id for each in run.notes}


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
def test_a_reader_that_leaves_is_no_crash(lab: Path, tmp_path: Path, form: str) -> None:
    saved = tmp_path / "run.json"
    command = f"{sys.executable} -m prober check --config {lab} -q --geo EU --format {form} --save {saved} | true"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (3, "")
    assert load(saved).results


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which Linux has")
@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
@pytest.mark.parametrize("redirected", ["--output /dev/full", "> /dev/full"])
def test_a_full_disk_behind_the_report_costs_nothing_measured(
    lab: Path, tmp_path: Path, form: str, redirected: str
) -> None:
    saved = tmp_path / "run.json"
    command = (
        f"{sys.executable} -m prober check --config {lab} -q --via direct a.lab.test "
        f"--format {form} --save {saved} {redirected}"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (
        3,
        "error: the report could not be written: No space left on device\n",
    )
    assert len(load(saved).results) == 1


@pytest.mark.parametrize("form", ["table", "jsonl"])
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_are_no_crash(lab: Path, form: str, closed: str) -> None:
    command = f"{sys.executable} -m prober check --config {lab} --via login a.lab.test --format {form} {closed}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "warning" not in done.stdout


def test_no_password_anywhere(prober: Any, lab: Path, tmp_path: Path) -> None:
    secret = (lab.parent / "password").read_text().strip() if (lab.parent / "password").exists() else None
    if secret is None:
        import yaml

        config = yaml.safe_load(lab.read_text())
        secret = Path(config["routes"]["login"][0]["password_file"]).read_text().strip()
    saved = tmp_path / "run.json"
    for form in ("table", "json", "jsonl", "csv"):
        done = prober(
            "check",
            "--config",
            str(lab),
            "--geo",
            "EU",
            "--service",
            "MDE",
            "-vv",
            "--format",
            form,
            "--save",
            str(saved),
        )
        assert secret not in done.out + done.err
        assert secret not in saved.read_text()


def test_a_second_ctrl_c_does_not_cost_the_report(start: Any, lab: Path, tmp_path: Path) -> None:
    saved = tmp_path / "run.json"
    process = start(hanging(lab, saved))
    json.loads(process.stdout.readline())
    for _ in range(5):
        process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (3, b"")
    assert [result.target.host for result in load(saved).results] == ["any.lab.test"]


def test_verbose_says_what_each_probe_did(prober: Any, lab: Path) -> None:
    common = ("check", "--config", str(lab), "--via", "blocking", "--no-direct", "--fail-on", "none")
    targets = ("https://any.lab.test/", "https://x.blob.core.windows.net/")
    assert prober(*common, *targets).err == ""
    told = prober(*common, "-v", *targets).err.splitlines()
    assert len(told) == 2
    assert any("https://any.lab.test/ over blocking: reached in" in line for line in told)
    assert any("proxy, hop 1, proxy-denied: 403 to CONNECT x.blob.core.windows.net:443" in line for line in told)
    assert "TLSv1.3" in prober(*common, "-vv", *targets).err


def test_nothing_to_probe_says_what_would_help(prober: Any) -> None:
    done = prober("check", "--cloud", "china")
    assert done.code == 2
    assert "with --required all" in done.err
