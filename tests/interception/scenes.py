"""A small world for verdicts: public families, targets, routes, and what each route shows at each connection.

A scene is told what every pair shows; `run` then probes it as a run does (target by target, all routes of one in turn,
confirmations where the comparison asks for them) and gives the verdicts. Each run is judged again with its
observations in other orders: the verdicts have to be the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import count
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from prober.interception import TrustStore, UserRoot
from prober.interception.baseline import Baseline
from prober.interception.certificates import CertificateFacts
from prober.interception.comparison import Comparison
from prober.interception.looks import Look, look_at, view_of
from prober.interception.middleboxes import Middleboxes
from prober.interception.verdict import Attribution, Verdict, Word
from prober.model import (
    Anchor,
    Hop,
    HopFacts,
    HopScheme,
    HttpFacts,
    Observation,
    Purpose,
    Route,
    Scheme,
    ServerHello,
    Target,
    TlsFacts,
    TrustClass,
)

from .forging import NOW, Made, make, root

Pair = tuple[str, str]
"""Target id (here the host) and route name."""
Added = tuple[Target, Route, Observation]

DIRECT = Route("direct")
HQ = Route("hq", (Hop(HopScheme.HTTP, "hq.corp.test", 3128),))
BRANCH = Route("branch", (Hop(HopScheme.HTTP, "branch.corp.test", 3128),))

PUBLIC = root("First Trust Root", "First Trust Inc")
ISSUING = PUBLIC.authority("First Trust TLS CA 01", "First Trust Inc")
ISSUING_2 = PUBLIC.authority("First Trust TLS CA 02", "First Trust Inc")
OTHER_PUBLIC = root("Second Trust Root", "Second Trust Ltd")
OTHER_ISSUING = OTHER_PUBLIC.authority("Second Trust Server CA", "Second Trust Ltd")
LEGACY = root("Old Trust Root", "Old Trust Corp")
VENDOR = root("Vendor Private Root", "Vendor Corporation")
VENDOR_ISSUING = VENDOR.authority("Vendor Secure Server CA 1", "Vendor Corporation")
CORP = root("Corp Root CA", "Example Corp")
CORP_ISSUING = CORP.authority("Corp Issuing CA", "Example Corp")

HELLO = ServerHello(0x0304, 0x1301, 29, (43, 51))


@dataclass(frozen=True)
class Face:
    """What one connection shows."""

    chain: tuple[bytes, ...]
    version: str = "TLSv1.3"
    alpn: str | None = "h2"
    asks: bool = False
    proven: bool = True
    hello: ServerHello | None = HELLO
    headers: tuple[tuple[str, str], ...] | None = None
    hops: tuple[HopFacts, ...] = ()

    @property
    def tls(self) -> TlsFacts:
        return TlsFacts(
            version=self.version,
            cipher="TLS_AES_128_GCM_SHA256",
            group="x25519",
            alpn=self.alpn,
            client_cert_requested=self.asks,
            ocsp_stapled=False,
            chain=self.chain,
            hello=self.hello,
            key_proven=self.proven,
        )


def face(*chain: Made, **options: Any) -> Face:
    return Face(tuple(made.der for made in chain), **options)


Shown = Face | None | Callable[[int, float], Face | None]
"""A face for ever (None = no TLS), or one by number of the connection (from 0) and time."""


class Names(Middleboxes):
    """Knows products by the organisation of issuer or subject, with a confidence."""

    def __init__(self, known: Mapping[str, str] | None = None) -> None:
        self._organisations = known or {}

    def attribution(self, leaf: CertificateFacts, others: Sequence[CertificateFacts] = ()) -> Attribution | None:
        for organisation, confidence in self._organisations.items():
            if ("O", organisation) in (*leaf.issuer_names, *(pair for each in others for pair in each.subject_names)):
                pattern = f"issuer_O exact:{organisation}"
                return Attribution(organisation, organisation, "enterprise-gateway", confidence, pattern)
        return None

    def names_product(self, organisation: str) -> str | None:
        return organisation if organisation in self._organisations else None


@dataclass
class Run:
    """What was seen, and the verdicts on it."""

    added: list[Added]
    comparison: Comparison
    verdicts: dict[Pair, Verdict]

    @property
    def words(self) -> dict[Pair, Word]:
        return {pair: verdict.word for pair, verdict in self.verdicts.items()}

    def ids(self, host: str, route: Route = HQ) -> set[str]:
        return {each.id for each in self.verdicts[host, route.name].evidence}


class Scene:
    """Targets, routes and who answers there."""

    def __init__(
        self,
        *,
        os_pem: bytes = b"",
        roots: Sequence[UserRoot] = (),
        public: Sequence[Made] = (PUBLIC, OTHER_PUBLIC),
        pins: Mapping[str, frozenset[str]] | None = None,
        middleboxes: Middleboxes | None = None,
        baseline: Baseline | None = None,
        interceptors: Sequence[bytes] = (),
        without: frozenset[str] = frozenset(),
        start: float = NOW,
    ) -> None:
        own = (
            UserRoot(VENDOR.pem, Anchor.VENDOR_PRIVATE, ("vendor.test",)),
            UserRoot(LEGACY.pem, Anchor.PUBLIC_LEGACY),
        )
        mozilla = b"".join(each.pem for each in public)
        self._make = partial(
            TrustStore, mozilla, os_pem, (*own, *roots), pins, with_shipped=False, interceptors=interceptors
        )
        self._middleboxes = middleboxes or Names()
        self._baseline = baseline
        self._without = without
        self._start = start
        self._targets: dict[str, Target] = {}
        self._shown: dict[Pair, tuple[Route, Shown]] = {}

    def target(self, host: str, trust: TrustClass | None = TrustClass.PUBLIC, port: int = 443) -> Target:
        found = Target(id=host, scheme=Scheme.HTTPS, host=host, port=port, trust=trust)
        return self._targets.setdefault(host, found)

    def shows(self, host: str, routes: Route | Sequence[Route], shown: Shown) -> None:
        """What is seen of a host over some routes."""
        self.target(host)
        for route in (routes,) if isinstance(routes, Route) else routes:
            self._shown[host, route.name] = (route, shown)

    def compare(self, **options: Any) -> Comparison:
        """An empty comparison with this scene's stores."""
        merged: dict[str, Any] = {"middleboxes": self._middleboxes, "baseline": self._baseline, **options}
        return Comparison(self._make(), without=self._without, **merged)

    @cached_property
    def store(self) -> TrustStore:
        """A store for looks made one by one."""
        return self._make()

    def look(self, host: str, route: Route, shown: Face, *, at: float = NOW) -> Look:
        """One look, with nothing learned from others."""
        target = self.target(host)
        view = view_of(shown.chain, self.store.judge(shown.chain, target.host, at), self.store)
        return look_at(target, route.name, len(route.hops), observed(host, route, at, shown), view, shown.tls)

    def run(self, *, attempts: int = 1, confirm: bool = True, shuffled: int = 3) -> Run:
        """Probe, confirm, judge; and judge again in other orders."""
        comparison = self.compare()
        added: list[Added] = []
        clock = (self._start + step / 8 for step in count())
        seen: dict[Pair, int] = {}

        def probe(pair: Pair, purpose: Purpose) -> None:
            route, shown = self._shown[pair]
            at = next(clock)
            number = seen[pair] = seen.get(pair, -1) + 1
            found = shown if isinstance(shown, Face) or shown is None else shown(number, at)
            one = observed(pair[0], route, at, found, purpose)
            added.append((self._targets[pair[0]], route, one))
            comparison.add(*added[-1])

        for host in self._targets:
            for _ in range(attempts):
                for pair in [pair for pair in self._shown if pair[0] == host]:
                    probe(pair, Purpose.ATTEMPT)
        for pair in list(self._shown) if confirm else ():
            for once_more in comparison.to_confirm(*pair):
                probe(once_more, Purpose.CONFIRMATION)
        verdicts = {pair: comparison.verdict(*pair) for pair in self._shown}
        self._same_in_any_order(added, verdicts, shuffled)
        return Run(added, comparison, verdicts)

    def runs(self) -> Iterator[Run]:
        """One look each, with confirmations, and several attempts."""
        yield self.run(confirm=False, shuffled=2)
        yield self.run(confirm=True, shuffled=3)
        yield self.run(attempts=3, confirm=False, shuffled=2)
        yield self.run(attempts=2, confirm=True, shuffled=2)

    def _same_in_any_order(self, added: list[Added], verdicts: dict[Pair, Verdict], examples: int) -> None:
        if not examples:
            return

        @settings(max_examples=examples, deadline=None, database=None)
        @given(st.permutations(range(len(added))))
        def same(order: list[int]) -> None:
            comparison = self.compare()
            for place in order:
                comparison.add(*added[place])
            again = {pair: comparison.verdict(*pair) for pair in verdicts}
            assert again == verdicts

        same()


def observed(
    target: str, route: Route, at: float, shown: Face | None, purpose: Purpose = Purpose.ATTEMPT
) -> Observation:
    """An observation of a face."""
    tls = shown.tls if shown is not None else None
    http = HttpFacts(200, shown.headers) if shown is not None and shown.headers is not None else None
    hops = shown.hops if shown is not None else ()
    return Observation(target=target, route=route.name, at=at, tls=tls, http=http, hops=hops, purpose=purpose)


def after(moment: float, before: Face, then: Face) -> Shown:
    """A face that changes so many seconds after NOW."""
    return lambda _, at: before if at < NOW + moment else then


def one_in(faces: Mapping[int, Face], otherwise: Face) -> Shown:
    """A farm: some connections, by number, come to another member."""
    return lambda number, _: faces.get(number, otherwise)


def in_turn(faces: Sequence[Face | None]) -> Shown:
    """One face after the other, and again from the first."""
    return lambda number, _: faces[number % len(faces)]


def self_signed(*names: str, common_name: str = "") -> Made:
    from .forging import dn

    return make(dn(common_name or names[0]), names=names)


def chain_of(*hops: str) -> Route:
    """A chain of proxies by their names."""
    return Route(">".join(hops), tuple(Hop(HopScheme.HTTP, f"{hop}.corp.test", 3128) for hop in hops))


def relabelled(run: Run, **changes: Any) -> list[Added]:
    """The observations of a run with their TLS facts changed."""
    return [
        (target, route, replace(one, tls=replace(one.tls, **changes) if one.tls is not None else None))
        for target, route, one in run.added
    ]
