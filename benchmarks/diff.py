"""102,000 results compared with as many: `prober diff` of 30 files on each side within 5 s and 1 GB, reading included.

    python benchmarks/diff.py

340 targets over 10 routes from 30 egress points, written as `check --save` writes them, with chains, verdicts and
certificates. After the change one proxy refuses a suffix everywhere, one route is intercepted, and of a tenth of the
targets the leaf is another one; moments and timings are never the same twice. Runs the command seven times and prints
the least and the middle of its seconds, from its start to its end, and its peak memory. Exit code 1 if the middle one
missed a limit. `--one` does the same with all results in one file a side.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SECONDS, MEGABYTES, TIMES = 5.0, 1024.0, 7
TARGETS, ROUTES, EGRESSES = 340, 10, 30
SUFFIXES = ("blob.core.windows.example", "endpoint.example", "wdcp.example", "update.example", "vendor.example")


def certificate(subject: str, issuer: str, key: int) -> dict[str, Any]:
    """One of a chain, as documents have it."""
    return {
        "sha256": f"{key:064x}",
        "spki_sha256": f"{key + 1:064x}",
        "subject": subject,
        "issuer": issuer,
        "serial": f"{key:032x}",
        "not_before": "2026-06-01T00:00:00.000Z",
        "not_after": "2027-06-01T00:00:00.000Z",
        "sans": [f"{subject[3:]}", f"*.{subject[3:]}", f"alt.{subject[3:]}"],
    }


def result(number: int, route: int, egress: int, chance: random.Random, *, after: bool) -> dict[str, Any]:
    """One result of some 3 kB."""
    suffix = SUFFIXES[number % len(SUFFIXES)]
    host = f"host-{number}.{suffix}"
    denied = after and route == 3 and suffix == SUFFIXES[0]
    opened = after and route == 5
    issuer = "CN=Microsoft Azure RSA TLS Issuing CA 07,O=Microsoft Corporation,C=US"
    key = 10_000 + number + (1_000_000 if after and number % 10 == 1 else 0) + (2_000_000 if opened else 0)
    chain = [
        certificate(f"CN={host}", issuer, key),
        certificate(issuer, "CN=DigiCert Global Root G2,O=DigiCert Inc", 7),
    ]
    hop = {"scheme": "http", "host": f"10.{egress}.0.{route}", "port": 8080, "auth": "none"}
    failure = {
        "stage": "proxy", "hop": 1, "reason": "proxy-denied", "detail": "403 Forbidden; ERR_ACCESS_DENIED 0",
        "hint": "Allow the name on the proxy.", "status": 403,
        "windows": {"code": 12029, "hresult": "0x80072EFD", "name": "ERROR_WINHTTP_CANNOT_CONNECT"},
    }  # fmt: skip
    verdict: dict[str, Any] = {
        "verdict": "inconclusive" if denied else "intercepted" if opened else "clean",
        "basis": "authority", "reason": "no-tls" if denied else None, "confidence": None, "score": 0, "evidence": [],
        "reference": None, "attribution": None, "hop": 1 if opened else None, "mixed": None, "policy_mismatch": False,
        "families": [],
        "signer": {
            "subject": "CN=Corp CA", "spki_sha256": None, "root": "CN=Corp CA", "root_spki_sha256": None, "stores": [],
        },
        "issuer_changed": False, "shared_key_with": [],
    }  # fmt: skip
    return {
        "target": {
            "id": f"mde.group.{number}", "service": ("MDE", "MDAV", "MDI", "COMMON")[number % 4], "group": "group",
            "host": host, "port": 443, "scheme": "https", "path": "/", "geography": "WW", "cloud": ["commercial"],
            "required": "yes", "method": "GET", "os": [], "inspection_bypass": None, "trust": "public",
            "client_certificate": False, "proxy_login": True,
        },
        "egress": f"egress-{egress}", "route": f"route-{route}",
        "at": f"2026-11-22T{11 if after else 10}:00:{chance.uniform(10, 59):06.3f}Z",
        "reachable": not denied, "trusted": None if denied else not opened, "trust_failure": None,
        "failure": failure if denied else None,
        "timings": {
            "dns": None, "connect": None, "tls": round(chance.uniform(0.01, 0.02), 6),
            "ttfb": round(chance.uniform(0.02, 0.03), 6), "total": round(chance.uniform(0.05, 0.09), 6),
            "hops": [{"dns": None, "connect": 0.002, "tls": None, "negotiate": round(chance.uniform(0.004, 0.01), 6)}],
        },
        "peer": "10.0.0.6:8080",
        "tls": None if denied else {
            "version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "group": "x25519", "alpn": "http/1.1",
            "client_cert_requested": False, "ocsp_stapled": False, "chain": chain, "anchor": "public",
            "hello": {"version": 772, "cipher": 4866, "group": 29, "extensions": [43, 51], "retried": False},
            "key_proven": True,
        },
        "http": None if denied else {
            "status": 200, "expected": [200], "as_expected": True, "headers": [["server", "x"]],
        },
        "interception": verdict, "samples": [], "hops": [{"status": 200, "offered": [], "login": "none", "tls": None}],
        "attempts": 1, "ipv6_only": [], "prefixes": [], "via": [hop], "passed_over": [], "revocation": None,
    }  # fmt: skip


def document(egresses: range, *, after: bool) -> dict[str, Any]:
    """A run of these egress points."""
    chance = random.Random(f"{egresses} {after}")  # noqa: S311 # the same files every time
    results = [
        result(number, route, egress, chance, after=after)
        for egress in egresses
        for number in range(TARGETS)
        for route in range(ROUTES)
    ]
    count = len(results)
    return {
        "schema": "prober.run/1",
        "prober": {"version": "0.1.0", "python": "3.11.2", "openssl": "OpenSSL 3.5.4"},
        "egress": f"egress-{egresses[0]}",
        "started": "2026-11-22T10:00:00.000Z", "finished": "2026-11-22T10:05:00.000Z",
        "complete": True,
        "routes": [{"name": f"route-{route}", "hops": [], "rule": None} for route in range(ROUTES)],
        "summary": {
            "targets": TARGETS, "probes": count, "reachable": count, "unreachable": 0, "untrusted": 0, "intercepted": 0,
            "suspect": 0, "services_without_probes": [],
        },
        "skipped": [],
        "results": results,
    }  # fmt: skip


def main() -> int:
    """Measure and print."""
    per_file = EGRESSES if "--one" in sys.argv[1:] else 1
    with tempfile.TemporaryDirectory() as folder:
        names: dict[bool, list[str]] = {}
        for after in (False, True):
            names[after] = []
            for first in range(0, EGRESSES, per_file):
                path = Path(folder, f"{'after' if after else 'before'}-{first}.json")
                path.write_text(
                    json.dumps(document(range(first, first + per_file), after=after), separators=(",", ":"))
                )
                names[after].append(str(path))
        size = sum(Path(name).stat().st_size for some in names.values() for name in some) / 1e6
        command = [
            sys.executable,
            "-m",
            "prober",
            "diff",
            "--format",
            "json",
            "--output",
            str(Path(folder, "out.json")),
        ]
        runs = [timed([*command, *names[False], "--", *names[True]]) for _ in range(TIMES)]
        found = json.loads(Path(folder, "out.json").read_text())
    summary = found["summary"]
    middle = statistics.median(seconds for seconds, _, _, _ in runs)
    least = min(seconds for seconds, _, _, _ in runs)
    spent = min(processor for _, processor, _, _ in runs)
    megabytes = max(peak for _, _, peak, _ in runs)
    print(f"{summary['compared']:,} pairs in {size:,.0f} MB, {TIMES} times")
    print(f"least {least:.2f} s, middle {middle:.2f} s (limit {SECONDS:.0f}); least processor time {spent:.2f} s")
    print(f"peak memory {megabytes:,.0f} MB (limit {MEGABYTES:,.0f}); {len(found['differences'])} causes")
    codes = {code for _, _, _, code in runs}
    print(f"kinds {summary['kinds']}, exit codes {codes}")
    return 0 if middle <= SECONDS and megabytes <= MEGABYTES and codes == {1} else 1


def timed(command: list[str]) -> tuple[float, float, float, int]:
    """Seconds, processor seconds, peak megabytes and exit code of a command, which is a single process."""
    began = time.perf_counter()
    process = os.posix_spawn(command[0], command, os.environ)
    _, status, used = os.wait4(process, 0)
    seconds = time.perf_counter() - began
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
