"""What every word that prober prints means: `explain` looks one up."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from prober.failures import advice
from prober.model import Anchor, Reason, Stage
from prober.report.metrics import METRICS, Scope
from prober.report.notes import NOTES, NoteId
from prober.report.verdict_words import verdict_entries
from prober.windows_codes import (
    OTHERS,
    WINHTTP,
    WindowsCode,
    WindowsMeaning,
    look_up,
    parse_code,
    shown_codes,
)

STAGES: Final[dict[Stage, str]] = {
    Stage.CONFIG: "Before the first packet: a setting, file or script that the probe needs is unusable.",
    Stage.LOCAL: "On this machine: the prober ran out of something. Never somebody else's outage.",
    Stage.DNS: "Resolving a name here: the first proxy's, or the target's if it is direct or behind socks4 or socks5.",
    Stage.CONNECT: "The TCP connection made by this machine: to the first proxy, or to the target if it is direct.",
    Stage.PROXY_TLS: "The TLS handshake with an HTTPS proxy.",
    Stage.PROXY: "The negotiation with a proxy (CONNECT or SOCKS), including what that proxy does to get further.",
    Stage.TLS: "The TLS handshake with the target, through all proxies.",
    Stage.HTTP: "The HTTP request to the target and its answer.",
}
ANCHORS: Final[dict[Anchor, str]] = {
    Anchor.PUBLIC: "The chain ends in a root of the public web (Mozilla's store).",
    Anchor.PUBLIC_LEGACY: "The chain ends in a root that was in the public stores until lately.",
    Anchor.VENDOR_PRIVATE: "The chain ends in one of the vendor's own roots, which no public store has; many "
    "Defender hosts are like that.",
    Anchor.PINNED: "The certificate's key is the one given with --pin.",
    Anchor.OS_ONLY: "The chain ends in a root that only this machine's own store has: typical of a company's TLS "
    "inspection.",
    Anchor.UNKNOWN: "The chain ends in a root that nobody known here vouches for.",
    Anchor.INCOMPLETE: "The chain sent stops before any known root; a link is missing.",
    Anchor.SELF_SIGNED_LEAF: "The server's certificate is signed by itself.",
}
TERMS: Final[dict[str, str]] = {
    "target": "An endpoint that must be reachable: scheme, host, port and path, with what the catalog knows of it.",
    "hop": "One proxy of a route, counted from 1, outermost first; 0 is the target itself. "
    "Of a verdict: where interception begins; there 0 is this machine, or what lies before the first proxy.",
    "route": "A named list of proxies to go through; without any it is direct.",
    "egress": "The name of the place where this prober stands.",
    "reachable": "The target answered as itself: the TLS handshake finished (tls), a well-formed HTTP response came "
    "inside it (https), or one that can be attributed to the origin (http).",
    "trusted": "The certificate chain ends where it should and fits the name and the date. A fact of its own: it never "
    "stops the probe.",
    "interception": "Somebody between here and the service opens TLS connections and signs in its place; the "
    "verdict on it is clean, intercepted, suspect, blocked or inconclusive.",
    "evidence": "A fact that speaks for interception, with points; families of evidence do not depend on each other.",
    "score": "The sum of all points of a verdict's evidence, those that only order and explain included.",
    "signer": "Whose key signed the certificate shown: its name, and that of the root behind it.",
    "reference": "What a certificate was compared with: another route's, a baseline's, or a pin.",
    "attribution": "Whose product an interceptor seems to be, by the names it uses; never a reason for a verdict.",
    "mixed": "Some connections of a pair were intercepted and some were not: one member of a cluster does it.",
    "policy_mismatch": "Keys are pinned for this host, and none of them is on the certificate's path.",
    "issuer_changed": "Another family of authorities signs here than in the reference, and both may: no finding.",
    "revocation": "With --revocation: whether a client that checks revocation, as Windows does, can look up every "
    "certificate of the chain but the root. One working source, CRL or OCSP, is enough for a certificate. A fact of "
    "its own: the target counts as reached all the same.",
    "as_expected": "Whether the HTTP status is one that is documented; null where none is. Never stops the probe.",
}
_MANY: Final = {
    "verdict": "verdicts",
    "basis of a verdict": "bases of verdicts",
    "reason of a verdict": "reasons of verdicts",
    "confidence of a verdict": "confidence of verdicts",
    "family of evidence": "families of evidence",
    "purpose of a probe": "purposes of probes",
    "category of a product": "categories of products",
}
_EXPORTED_AT: Final = {Scope.PAIR: "/metrics", Scope.PROGRAM: "/metrics", Scope.PROBE: "/probe"}


@dataclass(frozen=True, slots=True)
class Explanation:
    """What there is to say about one word."""

    word: str
    kind: str
    """`failure`, `stage`, `anchor`, `note`, `word`, `verdict`, `evidence`, `metric`, `Windows code` and so on."""
    meaning: str
    more: tuple[tuple[str, str], ...] = ()
    """Label and text of what follows."""


def explain(word: str) -> Explanation | None:
    """Look up a word of failures, verdicts or evidence, a metric, or a Windows code in any notation; None if unknown.

    A word with several meanings has the others under what follows.
    """
    word = word.strip()
    found = [entry for entry in _plain_words() if entry.word.lower() == word.lower()]
    if found:
        first, *others = found
        return replace(first, more=(*first.more, *((f"Also a {other.kind}", other.meaning) for other in others)))
    if (name := _metric_name(word.lower())) is not None:
        metric = METRICS[name]
        shared = metric.label_names[: len(metric.label_names) - len(metric.own_labels)]
        labels = ", ".join(filter(None, (*shared, metric.labels))) or "none"
        exported = f"`prober serve`, at {_EXPORTED_AT[metric.scope]}."
        return Explanation(
            name, f"metric, {metric.kind}", metric.sentence, (("Labels", labels), ("Exported by", exported))
        )
    return _code(word)


def _plain_words() -> Iterator[Explanation]:
    """All but metrics and Windows codes."""
    yield from map(_reason, Reason)
    for kind, texts in (("stage", STAGES), ("anchor", ANCHORS), ("note", NOTES), ("word", TERMS)):
        yield from (Explanation(str(word), kind, meaning) for word, meaning in texts.items())
    yield from (Explanation(each.word, each.kind, each.meaning, each.more) for each in verdict_entries())


def words() -> dict[str, list[str]]:
    """Every word that can be explained, by kind; of the Windows codes their HRESULTs."""
    return {
        "failures": list(map(str, Reason)),
        "stages": list(map(str, Stage)),
        "anchors": list(map(str, Anchor)),
        "notes": list(map(str, NoteId)),
        "words": list(TERMS),
        **_words_of_verdicts(),
        "Windows codes": [f"0x{0x8007_0000 + code:08X}" for code in WINHTTP] + [f"0x{code:08X}" for code in OTHERS],
        "metrics": list(METRICS),
    }


def _words_of_verdicts() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in verdict_entries():
        found.setdefault(_MANY.get(each.kind, each.kind), []).append(each.word)
    return found


def nearest(word: str) -> list[str]:
    """Known words that look alike, the likeliest first."""
    known = {each.lower(): each for group in words().values() for each in group}
    matches = difflib.get_close_matches(word.strip().lower()[:100], known, n=3, cutoff=0.6)
    return [known[match] for match in matches]


def _reason(reason: Reason) -> Explanation:
    entry = advice(reason)
    codes = "; or ".join(f"{code.hresult} {_number(code)}" for code in shown_codes(reason))
    more = [
        ("Likely causes", "; ".join(entry.causes)),
        ("What to do", generic_action(reason)),
        ("Tried again by --retries", entry.retry),
    ]
    if codes:
        more.append(("Windows shows about", codes))
    return Explanation(reason.value, "failure", entry.meaning, tuple(more))


def generic_action(reason: Reason) -> str:
    """What to do, without the names that only an actual failure has."""
    entry = advice(reason)
    peer = "the proxy" if "{count}" in entry.said else "the peer"
    return entry.action.format(peer="the name" if reason.startswith("dns-") else peer, name="the target", via="")


def _number(code: WindowsCode) -> str:
    return code.name if code.code is None else f"({code.code}) {code.name}"


def _code(word: str) -> Explanation | None:
    value = parse_code(word)
    found = _by_name(word.upper()) if value is None else look_up(value)
    if found is None:
        return None
    code, meaning = found
    may_be = tuple((f"May be {reason}", advice(reason).meaning) for reason in meaning.reasons)
    number = "" if code.code is None else f" ({code.code})"
    text = meaning.meaning[0].upper() + meaning.meaning[1:] + "."
    return Explanation(f"{code.hresult}{number} {code.name}", "Windows code", text, may_be)


def _by_name(name: str) -> tuple[WindowsCode, WindowsMeaning] | None:
    tables = {meaning.name: code for table in (WINHTTP, OTHERS) for code, meaning in table.items()}
    code = tables.get(name)
    return None if code is None else look_up(code)


def _metric_name(name: str) -> str | None:
    """The metric, also under the names that a histogram's parts have."""
    for suffix in ("", "_bucket", "_sum", "_count"):
        base = name.removesuffix(suffix) if suffix else name
        if base in METRICS and (not suffix or METRICS[base].kind == "histogram"):
            return base
    return None
