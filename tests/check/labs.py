"""A lab on loopback, runs of `Conduct` against it, and what the lab itself saw of them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

from prober.check.conduct import Conduct, OnPair
from prober.check.plan import Plan, make_plan
from prober.check.rejudge import Rejudged, judge_again
from prober.config import Loaded, load
from prober.engine.loop import run_loop
from prober.engine.run import Pair
from prober.lab.addresses import Addresses
from prober.lab.authorities import Authorities
from prober.lab.link import Link
from prober.lab.listener import Listener
from prober.lab.policy import Policy
from prober.lab.world import Lab, LabSettings
from prober.model import Scheme, Target, TrustClass
from prober.report.document import Result, Run, SampleDoc
from prober.report.judgement import InterceptionDoc
from prober.routes.rules import is_fixed, route_for

ONE: Final = "www.one.example"
TWO: Final = "www.two.example"
PRIVATE: Final = "gw.vendor.example"


def target(host: str, trust: TrustClass | None = TrustClass.PUBLIC, **more: Any) -> Target:
    """A target at the lab, which answers 200 for it."""
    values = {"scheme": Scheme.HTTPS, "port": 443, "path": "/", "expected": (200,), "trust": trust, **more}
    return Target(id=host, host=host, **values)


TARGETS: Final = (target(ONE), target(TWO), target(PRIVATE, TrustClass.VENDOR_PRIVATE))
"""Of three hands: both public families, and the vendor's own."""

T = TypeVar("T")
Ways = Mapping[str, Sequence[str]]
"""Route to the lab's proxies on it; none = the direct one."""
DIRECT: Final[Ways] = {"direct": ()}
INSPECTED: Final[Ways] = {"inspected": ("inspected",)}
OPEN: Final[Ways] = {"open": ("open",)}
EVERYWHERE: Final = {**DIRECT, **OPEN, **INSPECTED}


@cache
def authorities() -> Authorities:
    """One set of hierarchies for all labs: keys are dear."""
    return Authorities()


@dataclass
class Scene:
    """A running lab, and what was done in it."""

    lab: Lab
    dialled: list[tuple[str, str, int]] = field(default_factory=list)
    """Connections that proxies made: proxy, host, port."""

    def loaded(self, ways: Ways, **overrides: Any) -> Loaded:
        """The lab's own configuration with these routes."""
        ports = self.lab.ports
        no_direct = all(ways.values())
        via = [] if no_direct else ["direct"]
        for name, proxies in ways.items():
            if proxies:
                via.append(f"{name}={','.join(f'http://127.0.0.1:{ports[proxy]}' for proxy in proxies)}")
        settings = {key.replace("__", "."): value for key, value in overrides.items()}
        return load(self.lab.config_file, {}, settings, via=via, no_direct=no_direct)

    def plan(
        self,
        ways: Ways,
        targets: Sequence[Target] = TARGETS,
        *,
        attempts: int = 1,
        locate: bool = False,
        baseline: Run | None = None,
        revocation: bool | str = False,
        **overrides: Any,
    ) -> Plan:
        """What a run would do. `overrides` are settings by dotted key, with `__` for the dot; `revocation` may name
        the route that is asked over.
        """
        loaded = self.loaded(ways, probe__retries=0, **overrides)
        over = revocation if isinstance(revocation, str) else None
        how: dict[str, Any] = {"attempts": attempts, "locate": locate, "baseline": baseline}
        plan = make_plan(loaded, [ONE], revocation=bool(revocation), revocation_route=over, **how)
        pairs = tuple(Pair(each, route_for(rule, each)) for each in targets for rule in loaded.routes if is_fixed(rule))
        return replace(plan, targets=tuple(targets), pairs=pairs)

    async def run(self, ways: Ways, targets: Sequence[Target] = TARGETS, **how: Any) -> Seen:
        """One run to its end."""
        return await self.carry_out(self.plan(ways, targets, **how))

    async def carry_out(self, plan: Plan, on_pair: OnPair | None = None) -> Seen:
        """The same of a plan made before."""
        conduct = Conduct(plan)
        await conduct.probe(on_pair)
        return Seen(conduct.document())

    def judge(self, run: Run, ways: Ways = EVERYWHERE, baseline: Run | None = None, **overrides: Any) -> Rejudged:
        """A run judged again with these settings beside its own trust."""
        return judge_again(run, self.loaded(ways, **overrides), baseline)


@dataclass(frozen=True)
class Seen:
    """A run, asked by host and route."""

    run: Run

    def result(self, host: str, route: str) -> Result:
        """The one result of a pair."""
        (found,) = (each for each in self.run.results if (each.target.host, each.route) == (host, route))
        return found

    def verdict(self, host: str, route: str) -> InterceptionDoc:
        """Its verdict."""
        found = self.result(host, route).interception
        assert found is not None
        return found

    def told(self, route: str) -> dict[str, tuple[str, str]]:
        """Host to word and basis, on one route."""
        found = {}
        for each in self.run.results:
            if each.route == route:
                assert each.interception is not None
                found[each.target.host] = (each.interception.verdict, each.interception.basis)
        return found

    def words(self, route: str) -> set[str]:
        """Every verdict's word on one route."""
        return {word for word, _ in self.told(route).values()}

    def ids(self, host: str, route: str) -> set[str]:
        """Of the evidence."""
        return {each.id for each in self.verdict(host, route).evidence}

    def purposes(self, host: str, route: str) -> list[str]:
        """Why each probe of a pair was made, oldest first; one alone is an attempt."""
        result = self.result(host, route)
        return [each.purpose for each in result.samples] or ["attempt"]

    def samples(self, *purposes: str) -> list[tuple[str, str, SampleDoc]]:
        """All probes of these purposes over all pairs, oldest first, with host and route."""
        found = [
            (result.target.host, result.route, sample)
            for result in self.run.results
            for sample in result.samples
            if sample.purpose in purposes
        ]
        return sorted(found, key=lambda each: each[2].at)


def in_lab(
    play: Callable[[Scene], Coroutine[Any, Any, T]],
    policy: Policy | None = None,
    *,
    targets: Sequence[Target] = TARGETS,
    keys: Authorities | None = None,
) -> T:
    """Play something in a lab whose `inspected` proxy has this policy, on the event loop that the product runs on."""

    async def staged() -> T:
        settings = LabSettings(interception=policy or Policy(), delay=0.0)
        with tempfile.TemporaryDirectory() as folder:
            async with Lab(targets, Path(folder), settings=settings, authorities=keys or authorities()) as lab:
                scene = Scene(lab)
                _watch(lab.addresses, scene.dialled)
                return await play(scene)

    return run_loop(staged())


def _watch(addresses: Addresses, dialled: list[tuple[str, str, int]]) -> None:
    connect = addresses.connect

    async def watched(proxy: Listener, host: str, port: int) -> Link:
        dialled.append((proxy.name, host, port))
        return await connect(proxy, host, port)

    addresses.connect = watched  # type: ignore[method-assign]  # to see who went where
