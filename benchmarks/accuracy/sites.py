"""Servers of a world: hosts with points of presence, each with certificates and habits of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from cryptography import x509
from cryptography.x509.oid import NameOID

from benchmarks.accuracy.landscape import Backing, Landscape, Owner
from benchmarks.accuracy.pki import NOW, Issuer, Keys, LeafPlan, sign_leaf
from prober.model import Scheme, Target, TrustClass

TLS_1_2, TLS_1_3 = 0x0303, 0x0304
_EXTENSIONS = ((51, 43), (43, 51))
_OLD_EXTENSIONS = ((65281, 11, 16, 23), (65281, 16, 11, 23), (23, 65281, 11))


@dataclass(frozen=True, slots=True)
class Presented:
    """What a server sends, with the truth about it."""

    chain: tuple[x509.Certificate, ...]
    anchored: bool
    """Whether somebody with all intermediates at hand and the stores of this world would anchor it for its host."""
    complete: bool = True
    dates_fit: bool = True
    name_fits: bool = True

    @property
    def verifies(self) -> bool:
        """Whether it would pass an interceptor's own check."""
        return self.anchored and self.complete and self.dates_fit and self.name_fits


@dataclass(frozen=True, slots=True)
class Habits:
    """How a server shakes hands and answers."""

    version: int = TLS_1_3
    alpn: bool = True
    asks: bool = False
    """For a client certificate."""
    extensions: tuple[int, ...] = _EXTENSIONS[0]
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Pop:
    """A point of presence."""

    habits: Habits
    before: list[Presented]
    """Several where the server has an RSA and an ECDSA certificate."""
    after: list[Presented] = field(default_factory=list)
    """What replaces them."""
    turns: float | None = None
    """When: seconds since the run began."""
    flaps: bool = False
    """Whether both are served for a while."""

    def presented(self, rng: Random, elapsed: float) -> Presented:
        """What one connection gets."""
        if self.turns is None or elapsed < self.turns:
            return rng.choice(self.before)
        return rng.choice([*self.before, *self.after] if self.flaps else self.after)


@dataclass(slots=True)
class Site:
    """A host."""

    target: Target
    owner: Owner
    pops: list[Pop]
    traits: tuple[str, ...]
    twin: Pop | None = None
    """What the inside of the network knows by the same name."""

    @property
    def domain(self) -> str:
        """Its registrable domain."""
        return ".".join(self.target.host.split(".")[-2:])


class SiteMaker:
    """Makes hosts of random kinds."""

    def __init__(self, rng: Random, keys: Keys, land: Landscape, span: float) -> None:
        self._rng, self._keys, self._land, self._span = rng, keys, land, span
        self._shared: dict[tuple[str, str], Presented] = {}

    def make(self, number: int, domain: str, vendor: bool) -> Site:
        """The next host, in a domain; `vendor` for one that the vendor's own root signs."""
        rng = self._rng
        owner = self._owner(vendor=vendor)
        host = f"h{number}.{domain}"
        traits = [owner.backing.value] if owner.backing is not Backing.PUBLIC else []
        scheme = rng.choice((Scheme.TLS, Scheme.HTTPS, Scheme.HTTPS))
        target = Target(id=host, scheme=scheme, host=host, port=443, trust=self._expected(owner))
        names = self._names(host)
        organization = rng.choice((None, f"{owner.name} Corp"))
        habits = self._habits()
        if rng.random() < 0.15:
            traits.append("wildcard")
            pops = [Pop(habits, [self._wildcard(owner, domain)])]
        elif owner.backing is Backing.CORPORATE and rng.random() < 0.25:
            pops = [Pop(habits, [self._homemade(owner, names, traits)])]
        else:
            pops = [self._pop(owner, names, organization, habits, traits, place) for place in range(self._pop_count())]
        if len(pops) > 1:
            traits.append("pops")
        site = Site(target, owner, pops, tuple(dict.fromkeys(traits)))
        if owner.backing.vouches and rng.random() < 0.05:
            site.twin = self._twin(host)
            site.traits += ("split",)
        return site

    def _owner(self, *, vendor: bool) -> Owner:
        if vendor:
            return self._land.backed(Backing.VENDOR)[0]
        kinds, weights = zip(
            (Backing.PUBLIC, 55), (Backing.LEGACY, 8), (Backing.BRIDGED, 12), (Backing.TWINNED, 12),
            (Backing.GAP, 3), (Backing.CORPORATE, 6), (Backing.PINNED, 2), strict=True,
        )  # fmt: skip
        return self._rng.choice(self._land.backed(self._rng.choices(kinds, weights)[0]))

    def _expected(self, owner: Owner) -> TrustClass | None:
        """What a catalog would say."""
        if owner.backing in (Backing.CORPORATE, Backing.PINNED) or self._rng.random() < 0.25:
            return None
        return TrustClass.VENDOR_PRIVATE if owner.backing is Backing.VENDOR else TrustClass.PUBLIC

    def _names(self, host: str) -> list[str]:
        count = self._rng.choice((0, 0, 1, 2, 8, 30))
        return [host, *(f"alt{number}.{host}" for number in range(count))]

    def _habits(self) -> Habits:
        rng = self._rng
        version = TLS_1_2 if rng.random() < 0.25 else TLS_1_3
        headers = [("server", rng.choice(("nginx", "Kestrel", "Microsoft-IIS/10.0", "AkamaiGHost")))]
        if rng.random() < 0.12:
            headers.append(("via", "1.1 varnish"))
        if rng.random() < 0.12:
            headers.append(("x-cache", "TCP_HIT from edge"))
        extensions = rng.choice(_EXTENSIONS if version == TLS_1_3 else _OLD_EXTENSIONS)
        return Habits(version, rng.random() < 0.85, rng.random() < 0.2, extensions, tuple(headers))

    def _pop_count(self) -> int:
        return self._rng.choices((1, 2, 3), (60, 25, 15))[0]

    def _pop(
        self, owner: Owner, names: list[str], organization: str | None, habits: Habits, traits: list[str], place: int
    ) -> Pop:
        rng = self._rng
        if place and rng.random() < 0.12:
            traits.append("habits-differ")
            habits = self._habits()
        if place and owner.backing is Backing.PUBLIC and rng.random() < 0.2:
            owner = rng.choice(self._land.backed(Backing.PUBLIC, Backing.TWINNED))
            traits.append("owners-differ")
        kinds = ["ecdsa", "rsa"] if rng.random() < 0.12 else [rng.choices(("ecdsa", "rsa"), (3, 1))[0]]
        if len(kinds) > 1:
            traits.append("dual")
        defect = self._defect(traits)
        issuer = rng.choice(owner.issuers)
        pop = Pop(habits, [self._leaf(owner, issuer, names, organization, kind, defect) for kind in kinds])
        if rng.random() < 0.12:
            traits.append("rotates")
            issuer = rng.choice(owner.issuers)
            pop.after = [self._leaf(owner, issuer, names, organization, kind, defect) for kind in kinds]
            pop.turns, pop.flaps = rng.uniform(0, self._span), rng.random() < 0.4
        return pop

    def _defect(self, traits: list[str]) -> str:
        kinds = ("", "incomplete", "expired", "not-yet", "other-name", "root-sent", "no-sct")
        defect = self._rng.choices(kinds, (80, 9, 3, 2, 1, 2, 3))[0]
        if defect:
            traits.append(defect)
        return defect

    def _leaf(
        self, owner: Owner, issuer: Issuer, names: list[str], organization: str | None, kind: str, defect: str
    ) -> Presented:
        rng = self._rng
        age, life = rng.uniform(0.1, 60), rng.choice((6, 90, 90, 200, 365))
        start = NOW - timedelta(days=age)
        end = max(start + timedelta(days=life), NOW + timedelta(days=1))
        if defect == "expired":
            start, end = NOW - timedelta(days=100), NOW - timedelta(days=rng.uniform(0.5, 9))
        elif defect == "not-yet":
            start, end = NOW + timedelta(days=rng.uniform(0.5, 9)), NOW + timedelta(days=100)
        plan = LeafPlan(
            names=[f"other.{names[0]}"] if defect == "other-name" else names,
            valid=(start.replace(microsecond=0), end.replace(microsecond=0)),
            organization=organization,
            timestamps=defect != "no-sct" and owner.backing not in (Backing.VENDOR, Backing.CORPORATE, Backing.PINNED),
        )
        way = rng.choice(issuer.ways)
        complete = defect != "incomplete"
        if not complete:
            way = way[: rng.randrange(len(way))]
        if defect == "root-sent" and issuer.root is not None and issuer.root not in way:
            way = (*way, issuer.root)
        leaf = sign_leaf(plan, issuer, self._keys.make(kind))
        fits = defect != "other-name"
        fresh = defect not in ("expired", "not-yet")
        return Presented((leaf, *way), owner.backing.vouches and fits, complete, fresh, fits)

    def _wildcard(self, owner: Owner, domain: str) -> Presented:
        """One certificate and key for all hosts of a domain that this owner signs."""
        if (domain, owner.name) not in self._shared:
            issuer = self._rng.choice(owner.issuers)
            self._shared[domain, owner.name] = self._leaf(owner, issuer, [f"*.{domain}"], None, "ecdsa", "")
        return self._shared[domain, owner.name]

    def _homemade(self, owner: Owner, names: list[str], traits: list[str]) -> Presented:
        """A certificate made by hand: signed by its own key, or with the key of the authority that signs it."""
        issuer = self._rng.choice(owner.issuers)
        plan = LeafPlan(
            names=names,
            valid=(NOW - timedelta(days=30), NOW + timedelta(days=3000)),
            timestamps=False,
            pointers=False,
            policies=False,
        )
        if self._rng.random() < 0.5:
            traits.append("authority-s-key")
            return Presented((sign_leaf(plan, issuer, issuer.key), *issuer.ways[0]), anchored=False)
        traits.append("self-signed")
        key = self._keys.make("ecdsa")
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
        return Presented((sign_leaf(plan, Issuer(name, key, identifier), key),), anchored=False)

    def _twin(self, host: str) -> Pop:
        """A server inside the network, under a company's own authority, with names of its own."""
        owner = self._rng.choice(self._land.backed(Backing.CORPORATE))
        names = [host, f"{host.partition('.')[0]}.corp.internal"]
        leaf = self._leaf(owner, self._rng.choice(owner.issuers), names, None, "ecdsa", "")
        return Pop(Habits(asks=False, alpn=self._rng.random() < 0.5), [leaf])
