"""Results as CSV, one line each, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import Final, TextIO

from prober.report.document import Result
from prober.report.sanitize import sanitize

COLUMNS: Final = (
    "at", "egress", "route", "target", "service", "group", "geography", "scheme", "host", "port", "path",
    "reachable", "stage", "hop", "reason", "status", "detail", "hint", "windows",
    "trusted", "trust_reason", "anchor", "issuer", "not_after", "http_status", "http_expected", "as_expected",
    "verdict", "tls_version", "cipher", "peer", "dns_seconds", "connect_seconds", "tls_seconds", "ttfb_seconds",
    "total_seconds", "attempts",
    "interception", "interception_basis", "interception_score", "interception_hop", "attribution",
    "revocation_reachable", "revoked",
)  # fmt: skip
_FORMULA: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "|", "%")
"""What makes a spreadsheet run a cell instead of showing it (also in full width, as East Asian versions read it)."""


def write_csv(results: Iterable[Result], stream: TextIO) -> None:
    """Heading and one line a result, with `\\n` line ends. Unknown is empty."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(row_of, results))


def row_of(result: Result) -> list[str]:
    """One result's cells, in the order of COLUMNS."""
    target, failure, tls, http, timings = result.target, result.failure, result.tls, result.http, result.timings
    verdict, revocation = result.interception, result.revocation
    product = verdict.attribution if verdict is not None else None
    leaf = tls.chain[0] if tls is not None and tls.chain else None
    cells = (
        *(result.at, result.egress, result.route, target.id, target.service, target.group, target.geography),
        *(target.scheme, target.host, target.port, target.path, result.reachable),
        *(
            (failure.stage, failure.hop, failure.reason, failure.status, failure.detail, failure.hint)
            if failure
            else [None] * 6
        ),
        failure.windows.hresult if failure is not None and failure.windows is not None else None,
        result.trusted,
        result.trust_failure.reason if result.trust_failure is not None else None,
        tls.anchor if tls is not None else None,
        *((leaf.issuer, leaf.not_after) if leaf is not None else (None, None)),
        *((http.status, " ".join(map(str, http.expected)), http.as_expected) if http is not None else [None] * 3),
        verdict.verdict if verdict is not None else None,
        *((tls.version, tls.cipher) if tls is not None else (None, None)),
        *(result.peer, timings.dns, timings.connect, timings.tls, timings.ttfb, timings.total, result.attempts),
        *((verdict.verdict, verdict.basis, verdict.score, verdict.hop) if verdict is not None else [None] * 4),
        f"{product.vendor} / {product.product} ({product.confidence})" if product is not None else None,
        *((revocation.reachable, revocation.revoked is not None) if revocation is not None else [None] * 2),
    )
    return [_cell(cell) for cell in cells]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    text = sanitize(str(value), limit=2000)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
