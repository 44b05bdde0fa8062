"""What one cell of the report says: a sign, what else holds, and a word. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from prober.interception.verdict import Word
from prober.report.document import Result
from prober.report.finding import Kind
from prober.report.marks import GLYPHS, LABELS, MEANINGS, Mark
from prober.report.sanitize import duration
from prober.report.verdicts import untrusted_else, word_of


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign with its words. `word` is its class in the style sheet and its value in the filter."""

    word: str
    glyph: str
    label: str
    meaning: str
    grave: bool
    """Whether a service that needs the target cannot work like this."""


def _of(mark: Mark) -> Sign:
    return Sign(mark.value, GLYPHS[mark], LABELS[mark], MEANINGS[mark], mark.stops)


SIGNS: Final[Mapping[str, Sign]] = MappingProxyType(
    {
        sign.word: sign
        for sign in (
            _of(Mark.UNREACHABLE),
            _of(Mark.INTERCEPTED),
            _of(Mark.BLOCKED),
            Sign("revoked", "⊗", "revoked", "the certificate's own authority has revoked it", True),
            _of(Mark.SUSPECT),
            _of(Mark.UNTRUSTED),
            Sign("revocation", "◌", "revocation out of reach", "a client that checks revocation cannot", False),
            _of(Mark.STATUS),
            Sign("fallback", "↷", "another way", "the first way listed could not be connected", False),
            Sign("direct", "⇢", "direct is proxied", "something on the way out answers in place of others", False),
            Sign("login", "*", "login", "reached only with a login to the proxy", False),
            _of(Mark.OK),
        )
    }
)
"""The gravest first."""
_KINDS: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        Kind.CLIENT_CERTIFICATE: "intercepted",
        Kind.DIRECT: "direct",
        Kind.STATUS: "status",
        Kind.LOGIN: "login",
    }
)
_VERDICTS: Final = frozenset({Word.INTERCEPTED.value, Word.BLOCKED.value, Word.SUSPECT.value})


@dataclass(frozen=True, slots=True)
class Cell:
    """One target over one route."""

    sign: Sign
    also: tuple[Sign, ...]
    """What else holds, gravest first."""
    text: str
    """The word that says more, or how long a probe took in which nothing is wrong."""
    hop: int = 0
    """The proxy it is about; 0 = the target, or not known."""

    @property
    def signs(self) -> tuple[Sign, ...]:
        """All of them."""
        return (self.sign, *self.also)


def sign_of(kind: Kind) -> Sign:
    """The sign of a finding."""
    return SIGNS[_KINDS.get(kind, kind.value)]


def cell_of(result: Result) -> Cell:
    """What to show of a result."""
    found = dict(_words(result))
    if not found:
        total = result.timings.total
        return Cell(SIGNS["ok"], (), "well" if total is None else duration(total))
    first, *others = sorted(found, key=list(SIGNS).index)
    text, hop = found[first]
    return Cell(SIGNS[first], tuple(SIGNS[each] for each in others), text, hop)


def _words(result: Result) -> Iterator[tuple[str, tuple[str, int]]]:
    """Every sign that holds, with its word and the hop it is about."""
    failure, verdict, revocation = result.failure, result.interception, result.revocation
    if failure is not None:
        yield "unreachable", (failure.reason, failure.hop)
    elif not result.reachable:
        yield "unreachable", ("unreachable", 0)
    word = word_of(result)
    if verdict is not None and word in _VERDICTS:
        mixed = verdict.mixed
        text = word if mixed is None else f"{word} {mixed.intercepted} of {mixed.of}"
        yield word, (text, verdict.hop or 0)
    elif untrusted_else(result):
        why = result.trust_failure
        yield "untrusted", ("untrusted", 0) if why is None else (why.reason, why.hop)
    if revocation is not None and revocation.revoked is not None:
        yield "revoked", ("cert-revoked", 0)
    if revocation is not None and revocation.reachable is False:
        yield "revocation", ("no revocation", 0)
    if result.http is not None and result.http.as_expected is False:
        yield "status", (f"status {result.http.status}", 0)
    if result.passed_over:
        yield "fallback", ("another way", 0)
    if result.reachable and any(hop.login == "accepted" for hop in result.hops):
        yield "login", ("with a login", 0)
