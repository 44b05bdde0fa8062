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

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from prober.interception.anchors import Authority, Certificate, UserRoot
from prober.interception.certificates import CertificateFacts, certificate_facts
from prober.interception.chains import ChainResolver
from prober.interception.endings import Ending, Standing, Terms
from prober.interception.holdings import Holdings, TrustSnapshot, hold, restore
from prober.interception.names import most_specific, normal_host, under
from prober.interception.problems import failure_of, problems_of
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

_NONE: Final[Mapping[str, str]] = MappingProxyType({})


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
    known_bad: str | None = None
    """Name of the known bad authority on the path. Such a chain is never trusted, whatever it ends at."""
    interceptor: str | None = None
    """The user's own inspection authority on the path: its name, or the digest it was given by. Never trusted, too."""


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
    digests in lower-case hex. `with_shipped` is False where the roots given are all that shall count.
    `interceptors` are the user's own inspection authorities, as PEM texts or as digests (of certificate or key), and
    `known_bad` names more known bad ones than the shipped list under their digests: neither ever makes a chain
    trusted, not even as a root.

    Raises ValueError for a user root or interceptor that holds no certificate, or is no digest.
    """

    def __init__(
        self,
        mozilla_pem: bytes,
        os_pem: bytes | None = None,
        roots: Sequence[UserRoot] = (),
        pins: Mapping[str, frozenset[str]] | None = None,
        *,
        with_shipped: bool = True,
        interceptors: Sequence[bytes | str] = (),
        known_bad: Mapping[str, str] = _NONE,
    ) -> None:
        self._begin(
            hold(mozilla_pem, os_pem, roots, pins or {}, interceptors, known_bad, with_shipped=with_shipped), _JUDGED
        )

    @classmethod
    def from_snapshot(cls, snapshot: TrustSnapshot, mozilla_pem: bytes, *, targets: int = 0) -> TrustStore:
        """A store that judges as the one did of which this is the snapshot, given the same bundle of Mozilla's.

        What was learned is not part of it: learn the chains of the run again. Where several egress points see so many
        `targets` one after another, each chain is judged once. Raises ValueError for a snapshot that does not parse.
        """
        store = cls.__new__(cls)
        store._begin(restore(snapshot, mozilla_pem), max(_JUDGED, 2 * targets))
        return store

    def _begin(self, holdings: Holdings, judged: int) -> None:
        self._holdings = holdings
        self._held = holdings.certificates()
        self._pins = holdings.pins
        self._scopes = sorted({authority.names for authority in holdings.authorities if authority.names})
        self._resolver = ChainResolver(holdings.authorities, holdings.bridges, holdings.marks)
        self._judged: Recent[tuple[Content, str], _Judged] = Recent(judged)
        self._issuers: Recent[bytes, bytes] = Recent(512)
        self._endings: Recent[tuple[object, ...], tuple[Ending, int, int, int]] = Recent(_ENDINGS)

    def judge(self, chain: tuple[bytes, ...], host: str, at: float, *, stage: Stage = Stage.TLS, hop: int = 0) -> Trust:
        """Judge a chain as sent (DER, leaf first) for `host` at `at` (seconds since the epoch). Never raises.

        `stage` and `hop` go into the failure. A judgement is kept as long as no certificate in play begins or ceases
        to be valid; one that may become better is made anew after `learn` brought something.
        """
        if len(chain) > MAX_SENT:
            chain = chain[:MAX_SENT]
        content = _content(chain)
        known = self._judged.get((content, host))
        if (
            known is None
            or not known.since <= at < known.until
            or not (_at_its_best(known.trust) or known.generation == self._resolver.generation)
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

    def last_expiry(
        self, chain: tuple[bytes, ...], host: str, at: float, *, with_machine: bool = False
    ) -> float | None:
        """When the last of all trusted paths from this chain ceases to be valid, in seconds since the epoch; a path
        does with the first of its certificates. None if `at` there is no trusted path. Dates and issuers only: whether
        the leaf is for the host is not looked at. `with_machine` counts roots that only this machine has as well.
        """
        sent = _certificates(chain[:MAX_SENT])
        if not sent or not 0 <= at <= LATEST:
            return None
        worth = (Standing.TRUSTED, Standing.OS_ONLY) if with_machine else (Standing.TRUSTED,)
        return self._resolver.last_expiry(sent, self._terms(normal_host(host)), int(at), worth)

    def pinned_keys(self, host: str) -> frozenset[str] | None:
        """SPKI digests pinned for a host; None = no pins."""
        return most_specific(normal_host(host), self._pins)

    def stores_of(self, spki_sha256: str) -> tuple[str, ...]:
        """Of `mozilla`, `os`, `legacy`, `vendor` and `user` those that hold this key as an anchor."""
        return self._holdings.stores_of(spki_sha256)

    def certificate(self, sha256: str) -> CertificateFacts | None:
        """An anchor, a bridge, the user's inspection authority, or what was learned, by digest of the certificate."""
        return self._held.get(sha256) or self._resolver.learned(sha256)

    def knows_issuer_of(self, facts: CertificateFacts) -> bool:
        """Whether the issuer that a certificate names bears a public authority's, the vendor's or a learned name."""
        return self._resolver.knows_issuer_of(facts)

    def snapshot(self, used: Iterable[str] | None = None) -> TrustSnapshot:
        """What this store holds, as data to save with a run.

        Of anchors that are not the user's, and of bridges, only those `used` (digests of certificates: what `path`
        and `forged` of the judgements name) are kept; None keeps them all.
        """
        return self._holdings.snapshot(used)

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
        problems = list(problems_of(sent[0], ending, name, at))
        failure = failure_of(problems)
        trust = Trust(
            trusted=failure is None,
            failure=failure,
            anchor=ending.anchor,
            path=ending.path.digests,
            added=ending.added,
            forged=ending.forged,
            problems=tuple(dict.fromkeys(reason for reason, _ in problems)),
            standing=ending.standing,
            known_bad=ending.known_bad,
            interceptor=ending.interceptor,
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
            fresh = ending.reason is None and not ending.late and ending.anchor is Anchor.PUBLIC
            if since <= at < until and (fresh or generation == self._resolver.generation):
                return ending, since, until

        ending = self._resolver.resolve(sent, self._terms(host), at)
        since, until = self._resolver.steady(sent, at)
        self._endings.put(key, (ending, since, until, self._resolver.generation))
        return ending, since, until

    def _terms(self, host: str) -> Terms:
        """What a host (normalised) asks of a path."""

        def in_scope(authority: Authority) -> bool:
            return not authority.names or under(host, authority.names)

        return Terms(in_scope, most_specific(host, self._pins))


def _at_its_best(trust: Trust) -> bool:
    """Whether no further intermediate could lead to a better end."""
    return trust.trusted and trust.anchor is Anchor.PUBLIC


def _content(chain: tuple[bytes, ...]) -> Content:
    lengths = tuple(map(len, chain))
    if sum(lengths) <= _AS_IT_IS:
        return chain
    return (hashlib.sha256(b"".join(chain)).digest(), *lengths)


def _certificates(chain: tuple[bytes, ...]) -> list[Certificate]:
    """Those of the chain that parse."""
    return [Certificate(der, facts) for der in chain if (facts := certificate_facts(der)) is not None]
