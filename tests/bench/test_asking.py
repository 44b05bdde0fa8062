"""Options become an undertaking, or all that is wrong with them at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from prober.bench.asking import Asked, AskErrors, make_undertaking
from prober.bench.order import Mode
from prober.bench.undertaking import Undertaking
from prober.config import Loaded, load
from prober.load.words import PhaseKind, Workload
from prober.model import Scheme

PLAIN = Asked(
    target="lab", workload=Workload.HANDSHAKE, reuse=1, size=None, rate=50.0, duration=None, ramp=None, poisson=False,
    rfc9411=False, tunnels=None, resume=False, find_capacity=False, p99=None, compare=False, blocks=None, seed=1,
    in_flight=None, sources=(), key=None, consent=False, max_rate=None, timeout=None, workers=1, cores=2,
    command=("prober",),
)  # fmt: skip


def loaded(*via: str, no_direct: bool = False) -> Loaded:
    return load(None, {}, {}, via=via or ("hq=http://127.0.0.1:8888",), no_direct=no_direct)


def undertaking(*via: str, no_direct: bool = False, **options: Any) -> Undertaking:
    return make_undertaking(replace(PLAIN, **options), loaded(*via, no_direct=no_direct))


def lengths(made: Undertaking, rate: float = 50.0, seconds: float | None = None) -> list[tuple[str, float]]:
    return [(phase.kind.value, phase.seconds) for phase in made.order.profile(rate, seconds)]


def test_the_usual() -> None:
    made = undertaking()
    order = made.order
    assert (order.mode, order.rate, order.workers) == (Mode.RUN, 50.0, 1)
    assert [route.name for route in order.routes] == ["hq"]
    assert order.null is not None
    assert order.null.hops == ()
    assert (order.target.scheme, made.lab_key, order.expected) == (Scheme.TLS, "ecdsa", None)
    assert lengths(made) == [("ramp-up", 2), ("ramp-up", 1), ("sustain", 30), ("collection", 5)]
    assert order.load.in_flight == 1000


def test_objects() -> None:
    made = undertaking(workload=Workload.BULK, size="10M")
    assert (made.order.target.path, made.order.expected) == ("/bytes/10485760", 10 << 20)
    assert undertaking(workload=Workload.REQUEST, reuse=10).order.load.object_bytes == 1024
    theirs = undertaking(workload=Workload.REQUEST, target="https://127.0.0.1:8443/a?b")
    assert (theirs.order.target.path, theirs.order.expected, theirs.lab_key) == ("/a?b", None, None)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"rfc9411": True, "duration": 10.0}, "--preset rfc9411 has its own lengths"),
        ({"rfc9411": True, "ramp": 1.0}, "--preset rfc9411 has its own lengths"),
        ({"workload": Workload.TUNNEL, "ramp": 1.0}, "without --ramp"),
        ({"blocks": 20}, "--blocks needs --compare"),
        ({"key": "rsa2048", "target": "https://127.0.0.1:8443/"}, "--key needs --target lab"),
    ],
)
def test_options_that_would_have_no_effect(options: dict[str, Any], says: str) -> None:
    with pytest.raises(AskErrors) as caught:
        undertaking(**options)
    assert [line for line in caught.value.lines if says in line] == caught.value.lines


def test_sources() -> None:
    assert undertaking().sources == ()
    assert undertaking(sources=("127.0.0.9", "::1", "127.0.0.9")).sources == ("127.0.0.9", "::1")
    with pytest.raises(AskErrors) as caught:
        undertaking(sources=("eth0", "127.0.0.9", "10.0.0.0/8"))
    assert [line.split(":")[0] for line in caught.value.lines] == ["--source 'eth0'", "--source '10.0.0.0/8'"]


def test_presets_tunnels_searches() -> None:
    assert ("sustain", 300) in lengths(undertaking(rfc9411=True))
    tunnels = undertaking(workload=Workload.TUNNEL, tunnels=500, rate=100.0)
    assert lengths(tunnels, 100.0)[:2] == [("ramp-up", 5), ("sustain", 30)]
    search = undertaking(find_capacity=True, p99=0.2).order
    assert (search.mode, search.slowest, search.step_seconds, search.confirm_seconds) == (
        Mode.FIND_CAPACITY, 0.2, 20.0, 60.0
    )  # fmt: skip
    assert search.load.in_flight >= search.most_rate
    compare = undertaking("a=http://127.0.0.1:1", "b=http://127.0.0.1:2", compare=True)
    assert dict(lengths(compare))["sustain"] == 10
    assert sum(each.seconds for each in search.profile(10, 20.0) if each.kind is PhaseKind.SUSTAIN) == 20


def test_direct_alone_is_loaded_as_a_route() -> None:
    made = make_undertaking(PLAIN, load(None, {}, {}))
    assert made.order.null is None
    assert [route.name for route in made.order.routes] == ["direct"]
    assert undertaking(no_direct=True).order.null is None


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(AskErrors) as error:
        undertaking(target=None, find_capacity=True, compare=True, tunnels=3, reuse=2, size="4x", rfc9411=True)
    told = "\n".join(error.value.lines)
    for part in ("--target is missing", "--find-capacity, --compare", "--tunnels needs", "--reuse needs",
                 "--size needs", "--size \"4x\"", "--preset rfc9411, --compare"):  # fmt: skip
        assert part in told


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"target": "http://127.0.0.1/"}, "a target that speaks TLS is expected"),
        ({"target": "https://user:secret@127.0.0.1/"}, "user and password do not belong in a target"),
        ({"target": "tls://127.0.0.1", "workload": Workload.BULK}, "give https://HOST/PATH"),
        ({"compare": True}, "needs two routes or more"),
        ({"p99": 1.0}, "--p99 needs --find-capacity"),
        ({"workload": Workload.TUNNEL, "compare": True}, "only as a plain run"),
        ({"workload": Workload.BULK, "size": "2G"}, "1G at most"),
        ({"workload": Workload.BULK, "size": "0"}, "bytes such as"),
    ],
)
def test_what_makes_no_benchmark(options: dict[str, Any], says: str) -> None:
    with pytest.raises(AskErrors) as error:
        undertaking(**options)
    assert says in "\n".join(error.value.lines)
    assert "secret" not in "\n".join(error.value.lines)
