"""Interceptors of a world: those of the embedded lab, by product and with every setting at random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from cryptography import x509

from benchmarks.accuracy.pki import NOW, Keys, random_word
from benchmarks.accuracy.sites import TLS_1_2, TLS_1_3, Habits, Presented, Site
from prober.lab.authorities import Authority
from prober.lab.forgery import Forger, Origin, RefusedOriginError
from prober.lab.policy import (
    PRODUCTS,
    Alpn,
    AuthorityKeyId,
    AuthorityName,
    Copied,
    IssuerName,
    KeyType,
    LeafKey,
    Policy,
    Untrusted,
    Version,
)

EVERYTHING = frozenset(Copied)
_KNOWN_NAMES = (
    AuthorityName("FG100FTK00000001", "Fortinet"),
    AuthorityName("Cisco Umbrella Secondary SubCA", "Cisco"),
    AuthorityName("Kaspersky Anti-Virus Personal Root Certificate", "AO Kaspersky Lab"),
)


@dataclass(slots=True)
class Adversary:
    """An interceptor on some routes."""

    kind: str
    policy: Policy
    forger: Forger
    routes: frozenset[str]
    opens: Callable[[Site], bool]
    habits: Habits
    _seen: int = 0
    _minted: dict[tuple[str, bytes], tuple[x509.Certificate, ...]] = field(default_factory=dict)

    @property
    def root(self) -> x509.Certificate:
        """Its root."""
        return self.forger.root.certificate

    def answers(self, site: Site, route: str) -> bool:
        """Whether it opens this connection."""
        if route not in self.routes or not self.opens(site):
            return False
        self._seen += 1
        return self._seen % self.policy.every == 0

    def chain(self, site: Site, origin: Presented) -> tuple[x509.Certificate, ...] | None:
        """What it sends in place of the origin's chain; None where it refuses."""
        host = site.target.host
        place = (host, origin.chain[0].tbs_certificate_bytes)
        if place not in self._minted:
            try:
                forged = self.forger.forge(host, Origin(origin.chain, origin.verifies))
            except RefusedOriginError:
                return None
            self._minted[place] = (forged.certificate, *forged.chain)
        return self._minted[place]

    def shows(self, origin: Habits) -> Habits:
        """Its own side of the handshake, and the headers of answers."""
        version = {
            Version.FREE: TLS_1_3,
            Version.ORIGIN: origin.version,
            Version.CAPPED: TLS_1_2,
            Version.RAISED: TLS_1_3,
        }[self.policy.version]
        return Habits(
            version=version,
            alpn=origin.alpn and self.policy.alpn is Alpn.KEPT,
            asks=origin.asks and self.policy.client_certificate_request,
            extensions=self.habits.extensions,
            headers=(*((name.lower(), value) for name, value in self.policy.headers), *origin.headers),
        )


def random_policy(rng: Random) -> tuple[str, Policy]:
    """A product, a known trick, or anything at all."""
    kinds: dict[str, Policy] = {product.value: policy for product, policy in PRODUCTS.items()}
    kinds |= _tricks(rng)
    kinds["random"] = _anything(rng)
    kind = rng.choice([*kinds, "random", "random"])
    return kind, kinds[kind]


def _tricks(rng: Random) -> dict[str, Policy]:
    stranger = AuthorityName(f"{random_word(rng)} CA", random_word(rng))
    copied = Policy(
        root=stranger, key=LeafKey.OWN, key_type=KeyType.ORIGIN, copies=EVERYTHING, alpn=Alpn.KEPT,
        version=Version.ORIGIN, root_sent=0, untrusted=Untrusted.FORGED,
    )  # fmt: skip
    between = AuthorityName(f"{random_word(rng)} Region 4", random_word(rng))
    borrowed = replace(copied, issuer=IssuerName.ORIGIN, authority_key_id=AuthorityKeyId.ORIGIN, padded=True)
    return {
        "stranger": Policy(
            root=stranger, key=LeafKey.OWN, copies=frozenset(), lifetime=(rng.uniform(5, 30), rng.uniform(20, 90)),
            alpn=Alpn.KEPT, version=Version.ORIGIN, root_sent=rng.randint(0, 1), untrusted=Untrusted.FORGED,
        ),
        "copies-all": copied,
        "borrowed-name": borrowed,
        "borrowed-name-root": replace(borrowed, intermediate=between, root_sent=1),
        "borrowed-no-aki": replace(borrowed, authority_key_id=AuthorityKeyId.NONE, signer_sent=False),
        "padded": replace(copied, padded=True, intermediate=between, root_sent=1),
    }  # fmt: skip


def _anything(rng: Random) -> Policy:
    name = rng.choice((*_KNOWN_NAMES, *(AuthorityName(f"{random_word(rng)} CA", random_word(rng)) for _ in range(5))))
    between = AuthorityName(f"{name.organization} Issuing CA {rng.randint(1, 9):02}", name.organization)
    return Policy(
        key=rng.choice(list(LeafKey)),
        key_type=rng.choice(list(KeyType)),
        copies=frozenset(part for part in Copied if rng.random() < 0.5),
        lifetime=(rng.uniform(0, 30), rng.uniform(5, 400)),
        subject_organization=rng.choice((None, None, None, name.organization)),
        root=name,
        intermediate=rng.choice((None, between)),
        issuer=rng.choices((IssuerName.OWN, IssuerName.ORIGIN), (3, 1))[0],
        authority_key_id=rng.choice(list(AuthorityKeyId)),
        signer_sent=rng.random() < 0.85,
        root_sent=rng.choice((0, 0, 1, 2)),
        padded=rng.random() < 0.2,
        version=rng.choice(list(Version)),
        alpn=rng.choice(list(Alpn)),
        client_certificate_request=rng.random() < 0.3,
        headers=rng.choice(((), (), (("Via", "1.1 gateway"),), (("X-Cache", "MISS from squid"),))),
        untrusted=rng.choice(list(Untrusted)),
    )


def install(rng: Random, keys: Keys, routes: frozenset[str], every: int) -> Adversary:
    """A random interceptor on these routes, opening one connection in `every`."""
    kind, policy = random_policy(rng)
    years = NOW.replace(year=NOW.year - 2), NOW.replace(year=NOW.year + 8)
    default = Authority(f"{random_word(rng)} Inspection CA", key=keys.make("rsa"), valid=years)
    forger = Forger(replace(policy, every=every), default, keys=keys.make, now=lambda: NOW)
    spared = frozenset(rng.sample(range(40), rng.choice((0, 0, 0, 8, 24))))
    return Adversary(
        kind=kind,
        policy=replace(policy, every=every),
        forger=forger,
        routes=routes,
        opens=lambda site: int(site.target.host[1:].partition(".")[0]) not in spared,
        habits=Habits(extensions=rng.choice(((51, 43), (43, 51), (43, 51, 65281)))),
    )
