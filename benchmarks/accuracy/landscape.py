"""Who certifies whom in a world: authorities of every standing, and the stores that know some of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from random import Random

from cryptography import x509

from benchmarks.accuracy.pki import NOW, Issuer, Keys, certify, distinguished, new_issuer, pem, random_word
from prober.interception import TrustStore, UserRoot
from prober.model import Anchor


class Backing(StrEnum):
    """What stands behind an owner's certificates."""

    PUBLIC = "public"
    LEGACY = "legacy"
    """A root that has left the public store."""
    BRIDGED = "bridged"
    """A new root, reached by a cross-certificate that servers must send."""
    TWINNED = "twinned"
    """Issuing authorities with two certificates, under two roots."""
    VENDOR = "vendor"
    """A vendor's own root, for some domains only."""
    GAP = "gap"
    """The next root of an organisation whose older ones are known; no store here has it yet."""
    PINNED = "pinned"
    """A company's own, which the user names as good."""
    CORPORATE = "corporate"
    """A company's own, for its own hosts."""

    @property
    def vouches(self) -> bool:
        """Whether a store here can know it as a good one."""
        return self not in (Backing.GAP, Backing.CORPORATE)


@dataclass(slots=True)
class Owner:
    """An organisation that runs authorities."""

    name: str
    backing: Backing
    issuers: list[Issuer]
    domains: tuple[str, ...] = ()
    """For a vendor's own root: where it may vouch."""


@dataclass(slots=True)
class Landscape:
    """All owners, and what the stores hold."""

    owners: list[Owner] = field(default_factory=list)
    public: list[x509.Certificate] = field(default_factory=list)
    legacy: list[x509.Certificate] = field(default_factory=list)
    vendor: list[tuple[x509.Certificate, tuple[str, ...]]] = field(default_factory=list)
    machine: list[x509.Certificate] = field(default_factory=list)
    """Installed on the machine beside the public ones."""
    pinned: list[x509.Certificate] = field(default_factory=list)

    def backed(self, *backings: Backing) -> list[Owner]:
        """Owners of some standing."""
        return [owner for owner in self.owners if owner.backing in backings]

    def store(self) -> TrustStore:
        """The judge of this world. What the package ships plays no part."""
        roots = [UserRoot(pem([root]), Anchor.VENDOR_PRIVATE, names) for root, names in self.vendor]
        if self.legacy:
            roots.append(UserRoot(pem(self.legacy), Anchor.PUBLIC_LEGACY))
        if self.pinned:
            roots.append(UserRoot(pem(self.pinned), Anchor.PINNED))
        return TrustStore(pem(self.public), pem([*self.public, *self.machine]), roots, with_shipped=False)


class _Builder:
    def __init__(self, rng: Random, keys: Keys) -> None:
        self.rng, self.keys = rng, keys
        self.land = Landscape()
        self.roots: list[Issuer] = []

    def root(self, owner: str, stem: str) -> tuple[Issuer, x509.Certificate]:
        """A root with its own signature."""
        issuer = new_issuer(distinguished(owner, f"{owner} {stem}"), self.keys, self.kind())
        return issuer, certify(issuer, issuer)

    def kind(self) -> str:
        return "rsa" if self.rng.random() < 0.15 else "ecdsa"

    def issuing(self, owner: str, number: int, signer: Issuer, above: tuple[x509.Certificate, ...]) -> Issuer:
        """An issuing authority; `above` is sent after its certificate."""
        made = new_issuer(distinguished(owner, f"{owner} TLS Issuing CA {number:02}"), self.keys, self.kind())
        made.ways.append((certify(made, signer), *above))
        return made

    def family(
        self, owner: str, signer: Issuer, root: x509.Certificate, above: tuple[x509.Certificate, ...] = ()
    ) -> list[Issuer]:
        """One to three issuing authorities, some below a policy authority."""
        if self.rng.random() < 0.2:
            policy = new_issuer(distinguished(owner, f"{owner} Policy CA"), self.keys, self.kind())
            above = (certify(policy, signer), *above)
            signer = policy
        made = [self.issuing(owner, number + 1, signer, above) for number in range(self.rng.randint(1, 3))]
        for issuer in made:
            issuer.root = root
        return made

    def public(self) -> None:
        name = random_word(self.rng)
        issuer, certificate = self.root(name, "Root R1")
        self.roots.append(issuer)
        self.land.public.append(certificate)
        self.land.owners.append(Owner(name, Backing.PUBLIC, self.family(name, issuer, certificate)))

    def legacy(self) -> None:
        name = random_word(self.rng)
        issuer, certificate = self.root(name, "Old Root")
        self.land.legacy.append(certificate)
        self.land.owners.append(Owner(name, Backing.LEGACY, self.family(name, issuer, certificate)))

    def bridged(self) -> None:
        """Half of them by an organisation that is known already."""
        known = [owner.name for owner in self.land.backed(Backing.PUBLIC)]
        name = self.rng.choice(known) if self.rng.random() < 0.5 else random_word(self.rng)
        issuer, certificate = self.root(name, "Root G2")
        bridge = certify(issuer, self.rng.choice(self.roots), (NOW - timedelta(days=400), NOW + timedelta(days=900)))
        self.land.owners.append(Owner(name, Backing.BRIDGED, self.family(name, issuer, certificate, (bridge,))))

    def twinned(self) -> None:
        name = random_word(self.rng)
        issuer, certificate = self.root(name, "Root 2017")
        other = self.rng.choice(self.roots)
        self.land.public.append(certificate)
        made = self.family(name, issuer, certificate)
        for each in made:
            each.ways = [(certify(each, issuer),), (certify(each, other),)]
        self.land.owners.append(Owner(name, Backing.TWINNED, made))

    def vendor(self, domains: tuple[str, ...]) -> None:
        name = random_word(self.rng)
        issuer, certificate = self.root(name, "Root Certificate Authority 2011")
        self.land.vendor.append((certificate, domains))
        self.land.owners.append(Owner(name, Backing.VENDOR, self.family(name, issuer, certificate), domains))

    def gap(self) -> None:
        name = self.rng.choice(self.land.backed(Backing.PUBLIC, Backing.VENDOR)).name
        issuer, certificate = self.root(name, "Root G9")
        self.land.owners.append(Owner(name, Backing.GAP, self.family(name, issuer, certificate)))

    def company(self, backing: Backing) -> None:
        name = random_word(self.rng)
        issuer, certificate = self.root(name, "Root")
        if backing is Backing.PINNED:
            self.land.pinned.append(certificate)
        if self.rng.random() < 0.5:
            self.land.machine.append(certificate)
        made = self.family(name, issuer, certificate)
        if self.rng.random() < 0.4:
            issuer.root = certificate
            issuer.ways.append((certificate,))
            made = [issuer]
        self.land.owners.append(Owner(name, backing, made))


def build(rng: Random, keys: Keys, vendor_domains: tuple[str, ...]) -> Landscape:
    """A random landscape."""
    builder = _Builder(rng, keys)
    for _ in range(rng.randint(2, 4)):
        builder.public()
    builder.legacy()
    builder.bridged()
    builder.twinned()
    builder.vendor(vendor_domains)
    builder.gap()
    builder.company(Backing.CORPORATE)
    builder.company(Backing.CORPORATE)
    builder.company(Backing.PINNED)
    return builder.land
