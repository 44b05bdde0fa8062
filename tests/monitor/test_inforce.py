"""What a configuration becomes: shares, intervals, and what tells a change from none."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from prober.check.errors import PlanErrors
from prober.config import load
from prober.model import Scheme, Target
from prober.monitor import inforce
from prober.monitor.inforce import InForce, Shard, interval_of, parse_shard, put_in_force

CATALOG = """\
service: CONTOSO
groups:
  - name: web
    targets: [{id: a, host: a.contoso.test}, {id: a.x, host: a.contoso.test, path: /x}, {id: b, host: b.contoso.test}]
  - name: feed
    targets: [{id: c, host: c.contoso.test}]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.yaml").write_text(CATALOG)
    return tmp_path


def in_force(text: str, *, shard: Shard | None = None, workers: int = 1) -> InForce:
    Path("prober.yaml").write_text("catalogs: [own.yaml]\negress: paris\n" + text)
    return put_in_force(load(None, {}, {}), workers=workers, shard=shard or Shard())


@pytest.mark.parametrize("text", ["", "1", "3/3", "-1/3", "0/0", "a/b", "1/1001", "²/3", "1/3/5", "0/ 3"])
def test_a_shard_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"I/N|I counts"):
        parse_shard(text)


def test_every_target_has_one_shard_and_its_neighbours_stay_with_it() -> None:
    targets = [Target(id=f"t{n}", scheme=Scheme.TLS, host=f"h{n % 500}.test", port=443) for n in range(1000)]
    shards = [Shard(number, 3) for number in range(3)]
    for target in targets:
        assert sum(shard.holds(target) for shard in shards) == 1
    for one, other in zip(targets[:500], targets[500:], strict=True):
        assert [shard.holds(one) for shard in shards] == [shard.holds(other) for shard in shards]
    counts = [sum(shard.holds(target) for target in targets) for shard in shards]
    assert min(counts) > 250


@pytest.mark.usefixtures("here")
def test_shards_together_are_the_whole() -> None:
    routes = "routes: {direct: [], hq: [{url: 'http://p.test:8080'}]}\n"
    whole = in_force(routes)
    assert len(whole.pairs) == 8
    parts = [in_force(routes, shard=Shard(number, 2)).pairs for number in range(2)]
    assert sorted(pair.key for part in parts for pair in part) == sorted(pair.key for pair in whole.pairs)
    assert all(part for part in parts)


@pytest.mark.usefixtures("here")
def test_the_narrowest_interval_counts() -> None:
    found = in_force("serve: {interval: 60, intervals: {contoso: 30, CONTOSO/Feed: 10}}\n").intervals
    assert found == {
        ("contoso.web.a", "direct"): 30,
        ("contoso.web.a.x", "direct"): 30,
        ("contoso.web.b", "direct"): 30,
        ("contoso.feed.c", "direct"): 10,
    }
    target = Target(id="x", scheme=Scheme.TLS, host="h.test", port=443, service="OTHER", group="web")
    assert interval_of(target, 60, {"CONTOSO": 1}) == 60


@pytest.mark.usefixtures("here")
def test_an_interval_for_nobody_is_an_error_with_its_place() -> None:
    with pytest.raises(PlanErrors) as caught:
        in_force("serve:\n  intervals: {CONTOSSO: 5, CONTOSO/wep: 5, CONTOSO: 5}\n")
    unknown = "no catalog has such a service or group"
    assert list(caught.value.errors) == [
        f"prober.yaml:4: serve.intervals.CONTOSSO: {unknown}: did you mean CONTOSO?",
        f'prober.yaml:4: serve.intervals["CONTOSO/wep"]: {unknown}: did you mean CONTOSO/web?',
    ]


@pytest.mark.usefixtures("here")
def test_nothing_to_do_is_an_error() -> None:
    with pytest.raises(PlanErrors, match="the selection holds no target"):
        in_force("select: {cloud: china}\n")


def test_digests_change_with_what_matters_and_with_nothing_else(here: Path) -> None:
    root = trustme.CA().cert_pem.bytes().decode()
    (here / "root.pem").write_text(root)
    text = "trust: {roots: [root.pem]}\n"
    before = in_force(text)
    again = in_force(text + "serve: {interval: 5}\n")
    assert (again.trust_digest, again.engine_digest) == (before.trust_digest, before.engine_digest)
    slower = in_force(text + "probe: {timeout: 3}\n")
    assert slower.trust_digest == before.trust_digest
    assert slower.engine_digest != before.engine_digest
    assert in_force(text, workers=2).engine_digest != before.engine_digest
    (here / "root.pem").write_text(root + "\n")
    other = in_force(text)
    assert other.trust_digest != before.trust_digest
    assert other.engine_digest == before.engine_digest


@pytest.mark.usefixtures("here")
def test_what_a_standstill_would_need() -> None:
    found = in_force("serve: {interval: 20, intervals: {CONTOSO/feed: 5}}\nprobe: {timeout: 10}\n")
    assert found.hanging == (), "2.5 in flight, which every limit allows"
    tight = "serve: {interval: 20, intervals: {CONTOSO/feed: 5}}\nprobe: {timeout: 10, concurrency: 2}\n"
    assert list(map(tuple, in_force(tight).hanging)) == [("", "concurrency", pytest.approx(3 * 0.5 + 1), 2)]
    routes = "routes: {hq: [{url: 'http://p.test:8080'}], other: [{url: 'http://q.test:8080'}]}\n"
    tight = tight.replace("concurrency: 2", "per_route: 2, per_host: 1")
    assert list(map(tuple, in_force(routes + tight).hanging)) == [
        ("over route hq", "per_route", pytest.approx(2.5), 2),
        ("at host a.contoso.test", "per_host", pytest.approx(2 * 2 * 0.5), 1),
    ]


@pytest.mark.usefixtures("here")
def test_another_password_brings_other_workers_and_its_digest_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The workers hide the passwords that they know."""
    routes = "routes: {{hq: [{{url: 'http://svc:{0}@p.test:8080'}}]}}\n"
    first, again, other = (in_force(routes.format(word)).engine_digest for word in ("hunter2", "hunter2", "hunter3"))
    assert first == again
    assert first != other
    monkeypatch.setattr(inforce, "_KEY", bytes(32))  # as in another process
    assert in_force(routes.format("hunter2")).engine_digest != first
