"""What the words of a verdict mean and what to do about them. `glossary` looks them up, `pages` writes them down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar

from prober.interception.decision import SURE, THRESHOLD
from prober.interception.evidence import CATALOGUE
from prober.interception.verdict import Basis, Confidence, Family, Why, Word
from prober.model import Purpose

E = TypeVar("E", bound=StrEnum)


class Said(NamedTuple):
    """What there is to say about a word."""

    meaning: str
    do: str


VERDICTS: Final[Mapping[Word, Said]] = MappingProxyType(
    {
        Word.CLEAN: Said(
            "Nobody between here and the service opened the TLS connection: the key is the one that another route "
            "shows, or an authority that may vouch for the name signed it.",
            "Nothing.",
        ),
        Word.INTERCEPTED: Said(
            "Somebody opened the TLS connection and answered with a certificate of their own: a signer that may not "
            "vouch for the name, by evidence of several kinds, seen more than once.",
            "Exempt the names from TLS inspection at the place that the report names; it lists them for an allow list.",
        ),
        Word.SUSPECT: Said(
            "It looks as if somebody opened the TLS connection, but the evidence is too little, was seen once only, or "
            "contradicts an otherwise sound certificate. The reason says which.",
            "Give the prober something to compare with: a direct route, more targets, --attempts, --baseline, --pin. "
            "-v shows the evidence.",
        ),
        Word.BLOCKED: Said(
            "Somebody else answered, with a certificate for another name: a block page, a captive portal, or a front "
            "end that is set up wrongly.",
            "Allow the name on the proxy, or sign in to the portal, then probe again.",
        ),
        Word.INCONCLUSIVE: Said(
            "What was seen does not tell whether anybody opened the TLS connection. The reason says why.",
            "See the reason; most have nothing to do with interception.",
        ),
    }
)
BASES: Final[Mapping[Basis, Said]] = MappingProxyType(
    {
        Basis.PROVEN: Said(
            "Compared with another route of the same run whose certificate an authority vouches for: its key is the "
            "same (clean) or another one (intercepted, suspect).",
            "Nothing: there is no better ground.",
        ),
        Basis.AUTHORITY: Said(
            "Who signs, or how the certificate itself is made; no second observation was needed.",
            "Add a direct route where a proof is wanted.",
        ),
        Basis.PINNED: Said(
            "A pinned key is the one shown (clean), or is not on the path (intercepted, suspect).",
            "Keep the pins up to date: services change their keys.",
        ),
        Basis.CONVERGENCE: Said(
            "Targets that have nothing to do with each other end at the same unknown signer on this route.",
            "Nothing more is needed; a direct route or a baseline would make it a proof.",
        ),
        Basis.BASELINE: Said(
            "A run saved earlier shows the same key (clean) or another one (intercepted, suspect).",
            "Renew the baseline from a place that is surely clean when services change their keys.",
        ),
        Basis.NONE: Said(
            "There was nothing to compare with, or nothing to judge.",
            "Give the prober a direct route, a --baseline or a --pin.",
        ),
    }
)
REASONS: Final[Mapping[Why, Said]] = MappingProxyType(
    {
        Why.NO_TLS: Said(
            "There was no TLS, or it did not come as far as a certificate.",
            "If the target was not reached, mend that first. Plain HTTP has no certificate to judge.",
        ),
        Why.KEY_NOT_PROVEN: Said(
            "The handshake broke off before the peer proved to hold the certificate's key; a certificate alone can be "
            "replayed by anybody.",
            "Mend the failure of the handshake first.",
        ),
        Why.CHAIN_INCOMPLETE: Said(
            "The server did not send all certificates between its own and a root, and none that is known here fits: "
            "front ends neglect this now and then.",
            "Probe over another route too: what one sends completes the other. If it stays so, tell the service's "
            "owner, or name the missing certificate's root with --trust-roots.",
        ),
        Why.CLOCK: Said(
            "Only dates are wrong: the certificate's, or this machine's clock.",
            "Check the clock. An expired certificate is its owner's trouble.",
        ),
        Why.UNREADABLE: Said(
            "The certificate does not parse, or breaks rules that have nothing to do with who signed it.",
            "See who answers there; no service of Microsoft's looks like this.",
        ),
        Why.NOT_RETERMINATED_BY_PROXY: Said(
            "The direct route shows the same signer: nobody on this route put in another one.",
            "If the signer is your own, name it with --trust-roots. Else look for something on this machine or on its "
            "way out that answers on every route.",
        ),
        Why.CONSISTENT_UNANCHORED: Said(
            "All routes show the same key, which no store knows: a private authority, or something that they all pass.",
            "If the signer is your own, name it with --trust-roots. Else compare with a way that shares nothing with "
            "these: another egress, --baseline.",
        ),
        Why.WRONG_NAME: Said(
            "The certificate is for another name, and the same on another route: the service itself, or its address, "
            "is set up like this.",
            "Check the name and what it resolves to.",
        ),
        Why.CONTRADICTING: Said(
            "An authority vouches for the certificate, yet handshake or answer contradict what another route shows.",
            "Ask who runs the route whether it opens these connections; -v shows the evidence.",
        ),
        Why.NOT_REPEATED: Said(
            "The evidence would do, but it was seen once only.",
            "Probe again with --attempts 10: a cluster may open some connections only, and a service may just have "
            "changed its key.",
        ),
        Why.WEAK: Said(
            "A signer that may not vouch for the name, and too little beside it: a private twin of a service (split "
            "DNS) looks the same.",
            "Give it something to compare with: a direct route, more targets, --baseline, --pin. If the signer is "
            "meant to sign these names, name it with --trust-roots; if it is your own inspection, with "
            "--known-interceptor.",
        ),
    }
)
CONFIDENCES: Final[Mapping[Confidence, Said]] = MappingProxyType(
    {
        Confidence.HIGH: Said(
            f"Of intercepted: {SURE} points or more, from three families of evidence at least.", "Act on it."
        ),
        Confidence.MEDIUM: Said(
            f"Of intercepted: the evidence suffices ({THRESHOLD} points), without much to spare.",
            "Act on it; a direct route or more targets would make it surer.",
        ),
    }
)
FAMILIES: Final[Mapping[Family, Said]] = MappingProxyType(
    {
        Family.ANCHOR: Said("Evidence on the authority at which the chain ends.", "See the evidence itself."),
        Family.CROSS_PATH: Said("Evidence from comparing the keys of two routes.", "See the evidence itself."),
        Family.KEY: Said("Evidence on the certificate's own key, and who else uses it.", "See the evidence itself."),
        Family.CONVERGENCE: Said("Evidence on what targets of a route have in common.", "See the evidence itself."),
        Family.NAME: Said(
            "Evidence on the names that the signer uses. Names alone never make interception: anybody can choose them.",
            "See the evidence itself.",
        ),
        Family.PROTOCOL: Said("Evidence from the handshake.", "See the evidence itself."),
        Family.SHAPE: Said("Evidence on how the certificate is made.", "See the evidence itself."),
        Family.HTTP: Said("Evidence from the answer inside the tunnel.", "See the evidence itself."),
    }
)
PURPOSES: Final[Mapping[Purpose, Said]] = MappingProxyType(
    {
        Purpose.ATTEMPT: Said("A probe that was asked for.", "Nothing."),
        Purpose.CONFIRMATION: Said(
            "A probe made once more because what was seen contradicts another route.",
            "Nothing: it never counts as the result, only as a second look.",
        ),
        Purpose.CLIENT_CERTIFICATE: Said(
            "A probe made once more with the client certificate, after the chain was judged clean, and only for the "
            "very key judged.",
            "Nothing: it stands for the pair.",
        ),
        Purpose.LOCATE: Said(
            "A probe over the first proxies of a chain, to find the one where the verdict changes.", "Nothing."
        ),
        Purpose.REVOCATION: Said(
            "A request to an address at which a certificate has its revocation published (--revocation).", "Nothing."
        ),
    }
)
CAVEATS: Final[Mapping[str, Said]] = MappingProxyType(
    {
        "E1": Said("a private authority of your own, or a new root", "Name it with --trust-roots if it is meant."),
        "E2": Said("a private twin of the service (split DNS)", "Ask where the name leads on each route."),
        "E2b": Said("a baseline or a pin that is out of date", "Renew it from a place that is surely clean."),
        "E3": Said("a private server that signs for itself", "Exempt the name there: squid and mitmproxy make these."),
        "E4": Said("one private server for several names", "See in the saved run which hosts share it."),
        "E5": Said("targets that all belong to one private authority", "See which targets end there."),
        "E6": Said("nothing, where no authority vouches for the chain", "Look for the product named."),
        "E7": Said("front ends that differ from place to place", "Exempt the name: client certificates cannot pass."),
        "E8": Said("a private twin with the same names", "Compare the certificates in the saved run."),
        "E9": Said("front ends that differ from place to place", "Nothing by itself."),
        "E10": Said("hardly anything: this is copied from the real certificate", "Nothing more is needed."),
        "E11": Said("a content network that adds such headers", "See the headers in the saved run."),
        "E12": Said("a host that belongs to that vendor", "See the subject in the saved run."),
        "E13": Said("any root that an administrator installed", "Ask who installed it, and for what."),
        "E14": Said("nothing: it is on a list", "Exempt the names there; if it is malware, clean this machine."),
        "E15": Said("any private authority", "Nothing by itself."),
        "E16": Said("nothing else: squid writes this", "See why squid does not trust the real certificate."),
        "E17": Said("nothing honest", "Find out who answers there."),
        "E18": Said("a renewed authority that is not known here yet", "Compare the certificates in the saved run."),
    }
)
"""What each piece of evidence may be besides interception, and what to do."""
CATEGORIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cloud-swg": "Attributed to a web gateway in the cloud.",
        "enterprise-gateway": "Attributed to a firewall or proxy of a company.",
        "endpoint-av": "Attributed to protection software on the device itself.",
        "parental": "Attributed to a filter for families or schools.",
        "malware": "Attributed to unwanted software.",
        "debug-proxy": "Attributed to a developer's tool.",
        "open-source": "Attributed to free proxy software.",
        "own": "Attributed to your own inspection, named with --known-interceptor.",
    }
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A word of verdicts, ready to be shown."""

    word: str
    kind: str
    meaning: str
    more: tuple[tuple[str, str], ...]
    """Label and text of what follows."""


def verdict_entries() -> Iterator[Entry]:
    """Every word that a verdict uses, kind by kind. A word may be of two kinds."""
    for kind, texts in _TABLES.items():
        for word, said in texts.items():
            yield Entry(word, kind, said.meaning, (("What to do", said.do),))
    for id_, about in CATALOGUE.items():
        yield Entry(id_, "evidence", about.meaning, tuple(_about_evidence(id_)))
    for category, meaning in CATEGORIES.items():
        yield Entry(category, "category of a product", meaning, ())


def _about_evidence(id_: str) -> Iterator[tuple[str, str]]:
    about, caveat = CATALOGUE[id_], CAVEATS[id_]
    counts = f"count towards the {THRESHOLD} that interception takes" if about.decides else "only order and explain"
    yield "Family", f"{about.family}: {FAMILIES[about.family].meaning}"
    yield "Points", f"{about.points}; they {counts}"
    yield "May also be", caveat.meaning
    yield "What to do", caveat.do


def _plain(texts: Mapping[E, Said]) -> dict[str, Said]:
    return {str(word): said for word, said in texts.items()}


_TABLES: Final[dict[str, dict[str, Said]]] = {
    "verdict": _plain(VERDICTS),
    "basis of a verdict": _plain(BASES),
    "reason of a verdict": _plain(REASONS),
    "confidence of a verdict": _plain(CONFIDENCES),
    "family of evidence": _plain(FAMILIES),
    "purpose of a probe": _plain(PURPOSES),
}
