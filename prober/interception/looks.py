"""What one observation shows that can be compared: the chain as it stands for its host, and the handshake.

A `View` is a chain seen for a host, worked out once for each distinct one; a `Look` is one observation with its view.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from prober.interception.certificates import CertificateFacts, certificate_facts, shown
from prober.interception.endings import Standing
from prober.interception.middleboxes import telling
from prober.interception.names import normal_host
from prober.interception.trust import Trust, TrustStore
from prober.interception.verdict import Signer
from prober.interception.verify import signs_itself
from prober.model import Anchor, HttpFacts, Observation, Purpose, Reason, Target, TlsFacts

GOOD: Final = frozenset({Anchor.PUBLIC, Anchor.PUBLIC_LEGACY, Anchor.VENDOR_PRIVATE, Anchor.PINNED})
"""Anchors that vouch for somebody other than the machine's administrator."""
_DATES: Final = frozenset({Reason.CERT_EXPIRED, Reason.CERT_NOT_YET_VALID})
_DN_WORDS: Final = ("O", "CN")


class Ground(Enum):
    """Where a chain stands, for the question who signed it."""

    ANCHORED = auto()
    """At an anchor that may vouch for the host."""
    INCOMPLETE = auto()
    """Somewhere: certificates are missing, and whose they are is a known name."""
    FOREIGN = auto()
    """With a signer that may not vouch for the host: unknown, only on this machine, out of scope, or against the
    rules of a chain."""
    UNFIT = auto()
    """At an anchor that may vouch for the host, with a leaf that is not for servers or does not parse in part."""
    UNREADABLE = auto()
    """The leaf does not parse."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One chain, as seen for one host. Compared by identity: equal ones are the same object while they are known."""

    ground: Ground
    trust: Trust
    leaf: CertificateFacts | None
    path: tuple[CertificateFacts, ...]
    """The path that decided, leaf first; certificates that are not at hand are left out."""
    issuer: CertificateFacts | None
    """The certificate whose key signed the leaf, if at hand."""
    signer: str
    """Where the path ends, for comparing: a key's digest, or name and key identifier of a certificate never seen."""
    family: str
    """Owner and stem of the issuing authority, digits dropped: for display and as a group of what belongs together."""
    name_fits: bool
    dates_fit: bool
    familiar: bool
    """The signer bears a name that a vendor's or a public authority has. A root of the user's own that signs beyond its
    scope is none: a company's inspection may stand under the company's root."""
    forged: str
    """Name of an authority we hold that is named as issuer, by name and key identifier, and did not sign; or empty."""
    chain: tuple[bytes, ...]

    @property
    def key(self) -> str:
        """SHA-256 of the leaf's SubjectPublicKeyInfo; empty if it does not parse."""
        return self.leaf.spki_sha256 if self.leaf is not None else ""

    def same_as(self, other: View) -> bool:
        """Whether nothing that matters differs."""
        return (self.ground, self.trust, self.signer, self.name_fits, self.familiar) == (
            other.ground,
            other.trust,
            other.signer,
            other.name_fits,
            other.familiar,
        )

    @property
    def anchored(self) -> bool:
        """Whether it can be a reference: an anchor vouches for it, under the right name."""
        return self.ground is Ground.ANCHORED and self.name_fits


@dataclass(frozen=True, slots=True)
class Look:
    """One observation that came as far as a certificate."""

    target: Target
    route: str
    hops: int
    """Proxies on its route."""
    at: float
    purpose: Purpose
    view: View
    tls: TlsFacts
    http: HttpFacts | None
    proxied: bool = False
    """Whether no proxy is on its route and something answers on the way all the same."""
    egress: str = ""
    """Another egress point of the same run where it was had; empty = here, or in a saved run."""

    @property
    def is_direct(self) -> bool:
        """Whether nobody is known to stand on its way."""
        return not self.hops and not self.proxied

    @property
    def is_reference(self) -> bool:
        """Whether other routes can be compared with it: anchored, the key was proven, and nobody is known to stand on
        the way of what passes for direct."""
        return self.view.anchored and self.tls.key_proven and not self.proxied

    @property
    def unanchored(self) -> bool:
        """Whether it shows a signer that may be an interceptor's."""
        return self.view.ground in (Ground.FOREIGN, Ground.INCOMPLETE)

    @property
    def for_another_name(self) -> bool:
        """Whether the certificate is for somebody else: a page of theirs.

        The common name counts for nothing where an authority vouches (RFC 9525 section 6.3); yet a signer that writes
        the host there, and nowhere else, made the certificate for this host.
        """
        if self.view.name_fits or self.view.leaf is None:
            return False
        return not (self.unanchored and _called(self.view.leaf, normal_host(self.target.host)))

    @property
    def unreadable(self) -> bool:
        """Whether nobody can say for whom its certificate was made."""
        leaf = self.view.leaf
        return leaf is None or ("extensions" in leaf.unreadable and self.for_another_name)

    @property
    def content(self) -> tuple[object, ...]:
        """All that a verdict can depend on, the moment apart."""
        tls = self.tls
        facts = (tls.version, tls.alpn, tls.client_cert_requested, tls.key_proven, tls.hello)
        return (self.view, self.proxied, facts, telling(self.http.headers) if self.http is not None else None)


def look_at(target: Target, route: str, hops: int, observation: Observation, view: View, tls: TlsFacts) -> Look:
    """An observation with its view."""
    return Look(target, route, hops, observation.at, observation.purpose, view, tls, observation.http)


def view_of(chain: tuple[bytes, ...], trust: Trust, store: TrustStore) -> View:
    """Work a chain out for comparison, from what was judged of it."""
    leaf = certificate_facts(chain[0]) if chain else None
    if leaf is None:
        return View(Ground.UNREADABLE, trust, None, (), None, "", "", False, False, False, "", chain)
    sent = {facts.sha256: facts for der in chain[:100] if (facts := certificate_facts(der)) is not None}
    held = (sent.get(digest) or store.certificate(digest) for digest in trust.path)
    path = tuple(facts for facts in held if facts is not None) or (leaf,)
    # mitmproxy, and squid where it does not trust the origin, send the leaf alone, signed by the key it certifies
    alone = trust.anchor not in GOOD and len(path) == 1 and not leaf.self_issued and signs_itself(chain[0])
    issuer = leaf if alone else _issuer(path)
    problems = set(trust.problems)
    named = store.certificate(trust.forged) if trust.forged is not None else None
    ground = Ground.FOREIGN if alone else _ground(trust, path)
    # who broke the rules of a chain is not the anchor, but whoever signed below it
    broken = ground is Ground.FOREIGN and trust.standing is Standing.TRUSTED and issuer is not None
    return View(
        ground=ground,
        trust=trust,
        leaf=leaf,
        path=path,
        issuer=issuer,
        signer=issuer.spki_sha256 if issuer is not None and (alone or broken) else _end(path),
        family=family_of(leaf),
        name_fits=Reason.CERT_NAME_MISMATCH not in problems and "extensions" not in leaf.unreadable,
        dates_fit=not problems & _DATES,
        familiar=not broken and trust.anchor is not Anchor.PINNED and store.knows_issuer_of(path[-1]),
        forged=common_name(named, of_issuer=False) if named is not None else "",
        chain=chain,
    )


def signer_of(view: View, store: TrustStore) -> Signer | None:
    """Who signed, for people."""
    if view.leaf is None:
        return None
    end = view.path[-1]
    root_key = end.spki_sha256 if end is not view.leaf or end.self_issued else None
    return Signer(
        subject=shown(view.leaf.issuer, 300),
        spki_sha256=view.issuer.spki_sha256 if view.issuer is not None else None,
        root=shown(end.subject if root_key is not None else view.leaf.issuer, 300),
        root_spki_sha256=root_key,
        stores=store.stores_of(root_key) if root_key is not None else (),
    )


def family_of(leaf: CertificateFacts) -> str:
    """The issuer's organisation and common name without digits and what follows them: authorities of one make."""
    names = dict(reversed(leaf.issuer_names))
    parts = (names.get(kind, "") for kind in _DN_WORDS)
    return " / ".join("".join(c for c in part if not c.isdigit()).strip(" -.") for part in parts if part)


def common_name(facts: CertificateFacts, *, of_issuer: bool) -> str:
    """The name by which people know a certificate or its issuer: CN, else O, else the whole."""
    names = dict(reversed(facts.issuer_names if of_issuer else facts.subject_names))
    whole = facts.issuer if of_issuer else facts.subject
    return shown(names.get("CN") or names.get("O") or whole or "an authority without a name", 120)


def organisation(facts: CertificateFacts) -> str:
    """The subject's organisation; empty if there is none."""
    return dict(reversed(facts.subject_names)).get("O", "")


def _called(leaf: CertificateFacts, host: str) -> bool:
    """Whether the subject's common name is the host, or the wildcard right above it."""
    name = dict(reversed(leaf.subject_names)).get("CN", "").rstrip(".").lower()
    return name in (host, f"*.{host.partition('.')[2]}")


def _ground(trust: Trust, path: tuple[CertificateFacts, ...]) -> Ground:
    if not trust.path:
        return Ground.UNREADABLE
    if trust.known_bad is not None or trust.interceptor is not None:
        return Ground.FOREIGN
    if trust.anchor is Anchor.INCOMPLETE:
        return Ground.INCOMPLETE
    if trust.anchor not in GOOD:
        return Ground.FOREIGN
    if trust.standing is Standing.NOT_PINNED:
        vouched = trust.problems[:1] == (Reason.CERT_UNTRUSTED,)
    else:
        vouched = trust.standing is Standing.TRUSTED and not _breaks_rules(trust)
    if not vouched:
        return Ground.UNFIT if "extensions" in path[0].unreadable else Ground.FOREIGN
    if Reason.CERT_WRONG_USAGE not in trust.problems:
        return Ground.ANCHORED
    # authorities for mail or for devices are often companies' own, and nobody watches what servers' names they sign
    return Ground.FOREIGN if any(not facts.serves_tls for facts in path[1:-1]) else Ground.UNFIT


def _breaks_rules(trust: Trust) -> bool:
    """Signatures lead to the anchor, but not as a chain may: a leaf that signs, a constraint on names."""
    return trust.problems[:1] == (Reason.CERT_INVALID,)


def _issuer(path: tuple[CertificateFacts, ...]) -> CertificateFacts | None:
    if len(path) > 1:
        return path[1]
    return path[0] if path[0].self_issued else None


def _end(path: tuple[CertificateFacts, ...]) -> str:
    end = path[-1]
    if end.self_issued or not (end.issuer_id or end.aki):
        return end.spki_sha256
    return f"{end.issuer_id}:{end.aki or ''}"
