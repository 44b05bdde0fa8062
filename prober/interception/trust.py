"""Whether a captured chain would be trusted for a host, at a time, and by whom.

Order of what is said when several things are wrong: not trusted (or incomplete, or against the rules), then dates,
then the name, then the usage. The first gives the reason, all of them the detail: an interceptor's certificate is
first of all somebody else's, whatever else is odd about it.

Pins. A host may have pinned keys (SHA-256 of the SubjectPublicKeyInfo), under its name or `*.suffix` (the most
specific entry counts, and alone). Then one of them must be on the path: as the leaf's key, or as an issuer's whose
signatures hold down to the leaf. A match needs no root (`pinned`); a chain without one is not trusted, however public
its root: that is what pinning is for. Names and dates are checked all the same.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from prober.interception.anchors import Authority, Certificate, UserRoot, gather, shipped
from prober.interception.certificates import certificate_facts, shown
from prober.interception.chains import ChainResolver, Ending, Standing, Terms
from prober.interception.names import most_specific, name_problem, normal_host, under
from prober.interception.recent import Recent
from prober.model import Anchor, Failure, Reason, Stage

MAX_SENT: Final = 100
"""Certificates of a chain that are looked at."""
LATEST: Final = 253_402_300_799
"""9999-12-31T23:59:59Z, the last instant a certificate can name (RFC 5280 section 4.1.2.5)."""

_JUDGED: Final = 12_288  # enough for a monitor of 10,000 targets
_ENDINGS: Final = 4_096
_AS_IT_IS: Final = 8_192  # octets of a chain that is its own key; comparing costs a third of hashing

Content = tuple[bytes | int, ...]
"""What a chain is remembered by: itself, or if it is long its digest and the lengths of its certificates."""

Problem = tuple[Reason, str]


@dataclass(frozen=True, slots=True)
class Trust:
    """The judgement on one chain for one host."""

    trusted: bool
    failure: Failure | None
    """Why not: a `cert-…` reason; None exactly when trusted."""
    anchor: Anchor
    """Where the chain ends. Says who signs, not whether all is well."""
    path: tuple[str, ...]
    """SHA-256 of the certificates on the path that decided, leaf first, the anchor last; without an anchor as far as it
    goes. Empty if the leaf does not parse."""
    added: tuple[str, ...] = ()
    """SHA-256 of certificates on the path that were not sent and came from the bridges or other routes."""
    forged: str | None = None
    """SHA-256 of an authority's certificate that the chain names as issuer (name and key identifier) and whose key did
    not make the signature."""
    problems: tuple[Reason, ...] = ()
    """All that is wrong, the failure's reason first."""
    standing: Standing | None = None
    """What the anchor is worth for this host; None without one."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """A result and for how long it stands."""

    trust: Trust
    since: int
    until: int
    generation: int


class TrustStore:
    """Judges chains against Mozilla's store, the shipped certificates, the machine's store, user roots and pins.

    `mozilla_pem` and `os_pem` are bundles (certifi's, the machine's or None); `pins` maps host or `*.suffix` to SPKI
    digests in lower-case hex. Raises ValueError for a user root that holds no certificate.
    `with_shipped` is False where the roots given are all that shall count.
    """

    def __init__(
        self,
        mozilla_pem: bytes,
        os_pem: bytes | None = None,
        roots: Sequence[UserRoot] = (),
        pins: Mapping[str, frozenset[str]] | None = None,
        *,
        with_shipped: bool = True,
    ) -> None:
        authorities = gather(mozilla_pem, os_pem, roots, with_shipped=with_shipped)
        self._scopes = sorted({authority.names for authority in authorities if authority.names})
        self._resolver = ChainResolver(authorities, shipped().bridges)
        self._pins = {host.lower(): frozenset(map(str.lower, keys)) for host, keys in (pins or {}).items()}
        self._judged: Recent[tuple[Content, str], _Judged] = Recent(_JUDGED)
        self._issuers: Recent[bytes, bytes] = Recent(512)
        self._endings: Recent[tuple[object, ...], tuple[Ending, int, int, int]] = Recent(_ENDINGS)

    def judge(self, chain: tuple[bytes, ...], host: str, at: float, *, stage: Stage = Stage.TLS, hop: int = 0) -> Trust:
        """Judge a chain as sent (DER, leaf first) for `host` at `at` (seconds since the epoch). Never raises.

        `stage` and `hop` go into the failure. A judgement is kept as long as no certificate in play begins or ceases
        to be valid; one that was not good is made anew after `learn` brought something.
        """
        if len(chain) > MAX_SENT:
            chain = chain[:MAX_SENT]
        content = _content(chain)
        known = self._judged.get((content, host))
        if (
            known is None
            or not known.since <= at < known.until
            or not (known.trust.trusted or known.generation == self._resolver.generation)
        ):
            second = int(at) if 0 <= at <= LATEST else (LATEST if at > LATEST else 0)
            content = self._shared(content)
            known = self._judge(chain, content, host, second)
            self._judged.put((content, host), known)
        trust = known.trust
        if trust.failure is None or (stage is Stage.TLS and hop == 0):
            return trust
        return replace(trust, failure=replace(trust.failure, stage=stage, hop=hop))

    @property
    def generation(self) -> int:
        """Grows whenever `learn` brought something: what was not good before may be better now."""
        return self._resolver.generation

    def pinned_keys(self, host: str) -> frozenset[str] | None:
        """SPKI digests pinned for a host; None = no pins."""
        return most_specific(normal_host(host), self._pins)

    def learn(self, chain: tuple[bytes, ...]) -> None:
        """Use the intermediates of this chain to complete others that lack them.

        Only certificates that an anchor vouches for by signature are kept, and a bounded number: a hostile route can
        neither bring in its own nor push others out. Learn all chains of a run first, then judge: the order in which
        routes answered then makes no difference.
        """
        self._resolver.learn(_certificates(chain[:MAX_SENT]))

    def _shared(self, content: Content) -> Content:
        """The same content with one copy of what follows the leaf, which many chains have in common."""
        shared: list[bytes | int] = list(content)
        for place, part in enumerate(content[1:], start=1):
            if isinstance(part, bytes):
                known = self._issuers.get(part)
                if known is None:
                    self._issuers.put(part, part)
                else:
                    shared[place] = known
        return tuple(shared)

    def _judge(self, chain: tuple[bytes, ...], content: Content, host: str, at: int) -> _Judged:
        generation = self._resolver.generation
        if not chain or certificate_facts(chain[0]) is None:
            text = "its certificate cannot be read" if chain else "no certificate was sent"
            unread = Failure(Stage.TLS, 0, Reason.CERT_INVALID, text)
            nothing = Trust(False, unread, Anchor.INCOMPLETE, (), problems=(Reason.CERT_INVALID,))
            return _Judged(nothing, 0, LATEST, generation)
        sent = _certificates(chain)
        name = normal_host(host)
        ending, since, until = self._ending(sent, content, name, at)
        problems = list(_problems(sent[0], ending, name, at))
        failure = _failure(problems)
        trust = Trust(
            trusted=failure is None,
            failure=failure,
            anchor=ending.anchor,
            path=ending.path.digests,
            added=ending.added,
            forged=ending.forged,
            problems=tuple(dict.fromkeys(reason for reason, _ in problems)),
            standing=ending.standing,
        )
        return _Judged(trust, since, until, generation)

    def _ending(self, sent: list[Certificate], content: Content, host: str, at: int) -> tuple[Ending, int, int]:
        """Where the chain ends for hosts like this one; the same for all hosts of equal pins and scopes."""
        pins = most_specific(host, self._pins)
        scopes = tuple(under(host, names) for names in self._scopes)
        key = (content, scopes, pins)
        known = self._endings.get(key)
        if known is not None:
            ending, since, until, generation = known
            fresh = ending.reason is None and not ending.late
            if since <= at < until and (fresh or generation == self._resolver.generation):
                return ending, since, until

        def in_scope(authority: Authority) -> bool:
            return not authority.names or under(host, authority.names)

        ending = self._resolver.resolve(sent, Terms(in_scope, pins), at)
        since, until = self._resolver.steady(sent, at)
        self._endings.put(key, (ending, since, until, self._resolver.generation))
        return ending, since, until


def _content(chain: tuple[bytes, ...]) -> Content:
    lengths = tuple(map(len, chain))
    if sum(lengths) <= _AS_IT_IS:
        return chain
    return (hashlib.sha256(b"".join(chain)).digest(), *lengths)


def _certificates(chain: tuple[bytes, ...]) -> list[Certificate]:
    """Those of the chain that parse."""
    return [Certificate(der, facts) for der in chain if (facts := certificate_facts(der)) is not None]


def _failure(problems: list[Problem]) -> Failure | None:
    if not problems:
        return None
    return Failure(Stage.TLS, 0, problems[0][0], "; also: ".join(text for _, text in problems))


def _problems(leaf: Certificate, ending: Ending, host: str, at: int) -> Iterator[Problem]:
    """All that is wrong, most telling first."""
    if ending.reason is not None:
        yield ending.reason, ending.detail
    if "extensions" in leaf.facts.unreadable:
        yield Reason.CERT_INVALID, "its extensions cannot be read"
    yield from _date_problems(ending, at)
    if "extensions" not in leaf.facts.unreadable:
        mismatch = name_problem(leaf.der, host)
        if mismatch is not None:
            yield Reason.CERT_NAME_MISMATCH, mismatch
    links = ending.path.certificates[:-1] if ending.path.authority else ending.path.certificates
    for link in (leaf, *(other for other in links if other is not leaf)):
        if not link.facts.serves_tls:
            text = f"{_whose(link, leaf)} may not be used for TLS servers (extended key usage)"
            yield Reason.CERT_WRONG_USAGE, text


def _date_problems(ending: Ending, at: int) -> Iterator[Problem]:
    leaf = ending.path.certificates[0]
    found = False
    for link in ending.path.certificates:
        if at < link.facts.not_before:
            found = True
            yield Reason.CERT_NOT_YET_VALID, f"{_whose(link, leaf)} is not valid before {_utc(link.facts.not_before)}"
        elif at > link.facts.not_after:
            found = True
            yield Reason.CERT_EXPIRED, f"{_whose(link, leaf)} expired {_utc(link.facts.not_after)}"
    if ending.late and not found:
        yield Reason.CERT_EXPIRED, "a certificate on the path ends its validity this second"


def _whose(link: Certificate, leaf: Certificate) -> str:
    return "its certificate" if link is leaf else f"its issuer {shown(link.facts.subject)}"


def _utc(instant: float) -> str:
    return dt.datetime.fromtimestamp(instant, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
