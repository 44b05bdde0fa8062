"""Chains that reach no anchor: whether somebody unknown signs, or a certificate was left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from prober.interception.anchors import Certificate
from prober.interception.certificates import CertificateFacts, shown
from prober.interception.endings import Ending, Standing, named
from prober.interception.marks import Marks
from prober.interception.paths import End, Path
from prober.interception.verify import Signatures, signed_by
from prober.model import Anchor, Reason

MAX_WAYS: Final = 16
"""Paths whose signatures are looked at for one chain."""


def marked(paths: Sequence[Path], marks: Marks, signatures: Signatures) -> Ending | None:
    """The path on which a known bad authority or the user's own inspection stands, as far as its signatures hold."""
    best: tuple[tuple[bool, bool, int], Ending] | None = None
    for path in [path for path in paths if marks.on(path.certificates)][:MAX_WAYS]:
        held = _held(path.certificates, signatures)
        known_bad, interceptor = marks.bad(held), marks.own(held)
        if known_bad is None and interceptor is None:
            continue
        whole = len(held) == len(path.certificates)
        cut = path if whole else Path(held, End.MISSING)
        os_only = cut.authority is not None and cut.authority.anchor is Anchor.OS_ONLY
        anchor = Anchor.OS_ONLY if os_only else _anchor_of(held, signatures)
        ending = Ending(
            anchor,
            cut,
            Reason.CERT_UNTRUSTED,
            _why_marked(known_bad, interceptor),
            standing=Standing.OS_ONLY if os_only else None,
            known_bad=known_bad,
            interceptor=interceptor,
        )
        worth = (os_only, whole, len(held))
        if best is None or worth > best[0]:
            best = (worth, ending)
    return best[1] if best else None


def closed(
    paths: Sequence[Path], signatures: Signatures, held: Callable[[str], Sequence[Certificate]]
) -> Ending | None:
    """A path that ends, with signatures that hold, at a self-signed certificate nobody knows.

    It may still name our own certificates (`held`, by subject id) as issuers: a whole hierarchy of look-alikes.
    """
    for path in [path for path in paths if path.end is End.SELF_ISSUED][:MAX_WAYS]:
        last = path.certificates[-1]
        if _held(path.certificates, signatures) != path.certificates or not signatures.hold(last, last):
            continue
        if len(path.certificates) == 1:
            return Ending(Anchor.SELF_SIGNED_LEAF, path, Reason.CERT_UNTRUSTED, f"{named(last)} is self-signed")
        forged = _forged(path, held)
        text = f"it ends at {named(last)}, a root that no store here has"
        like = forged[1].facts.sha256 if forged is not None else None
        return Ending(Anchor.UNKNOWN, path, Reason.CERT_UNTRUSTED, text, forged=like)
    return None


def open_ended(
    leaf: Certificate,
    paths: Sequence[Path],
    signatures: Signatures,
    held: Callable[[str], Sequence[Certificate]],
    known: Callable[[CertificateFacts], bool],
) -> Ending:
    """No path holds to its end. `held` gives our own certificates of a subject id, `known` knows a familiar issuer."""
    ways = [path.certificates if path.authority is None else path.certificates[:-1] for path in paths]
    longest = Path(max(ways, key=len, default=()) or (leaf,), End.MISSING)
    forged = _forged(longest, held)
    if forged is not None:
        link, issuer = forged
        text = f"{named(link)} names {named(issuer)} as its issuer, but that key did not sign it"
        return Ending(Anchor.INCOMPLETE, longest, Reason.CERT_UNTRUSTED, text, forged=issuer.facts.sha256)
    ends = _ends(ways[-MAX_WAYS:], signatures)
    if not ends or any(known(end[-1].facts) for end in ends):
        text = _missing(max(ends, key=len, default=longest.certificates)[-1], longest)
        return Ending(Anchor.INCOMPLETE, longest, Reason.CERT_INCOMPLETE_CHAIN, text)
    furthest = max(ends, key=len)
    text = f"it is signed by {_issuer(furthest[-1])}, an authority that no store here has and that was not sent"
    return Ending(Anchor.UNKNOWN, Path(furthest, End.MISSING), Reason.CERT_UNTRUSTED, text)


def _missing(last: Certificate, path: Path) -> str:
    """What lacks behind the last certificate that is signed for."""
    named_so = any(other.facts.subject_id == last.facts.issuer_id for other in path.certificates if other is not last)
    if named_so:
        return f"a certificate of its issuer {_issuer(last)} was sent, but that key did not sign it"
    return f"its issuer {_issuer(last)} was not sent, and none known here signed it"


def with_added(ending: Ending, sent: Sequence[Certificate]) -> Ending:
    """The ending, saying which certificates on its path were not sent."""
    held = {certificate.facts.sha256 for certificate in sent}
    links = ending.path.certificates[:-1] if ending.path.authority else ending.path.certificates
    return replace(ending, added=tuple(c.facts.sha256 for c in links if c.facts.sha256 not in held))


def _anchor_of(held: tuple[Certificate, ...], signatures: Signatures) -> Anchor:
    alone = len(held) == 1 and held[0].facts.self_issued and signatures.hold(held[0], held[0])
    return Anchor.SELF_SIGNED_LEAF if alone else Anchor.UNKNOWN


def _why_marked(known_bad: str | None, interceptor: str | None) -> str:
    if known_bad is not None:
        return f"a known bad authority signs it: {shown(known_bad)}"
    return f"an inspection authority that the user named signs it: {shown(interceptor or '')}"


def _held(certificates: tuple[Certificate, ...], signatures: Signatures) -> tuple[Certificate, ...]:
    """As much of a path, from its leaf, as is signed link by link."""
    for place in range(1, len(certificates)):
        if not signatures.hold(certificates[place - 1], certificates[place]):
            return certificates[:place]
    return certificates


def _ends(ways: Sequence[tuple[Certificate, ...]], signatures: Signatures) -> list[tuple[Certificate, ...]]:
    """How far the ways are signed; what another one leads on from is no end."""
    cuts = {tuple(c.facts.sha256 for c in held): held for held in (_held(way, signatures) for way in ways)}
    beginnings = {digests[:length] for digests in cuts for length in range(1, len(digests))}
    return [held for digests, held in cuts.items() if digests not in beginnings]


def _forged(path: Path, held: Callable[[str], Sequence[Certificate]]) -> tuple[Certificate, Certificate] | None:
    """A certificate on the path that names one of ours as its issuer, by name and key, and that one."""
    for link in path.certificates:
        facts = link.facts
        issuers = [
            issuer for issuer in held(facts.issuer_id) if facts.aki is not None and issuer.facts.ski == facts.aki
        ]
        if issuers and not any(signed_by(link.der, issuer.der) for issuer in issuers):
            return link, issuers[0]
    return None


def _issuer(certificate: Certificate) -> str:
    return shown(certificate.facts.issuer) or "an authority without a name"
