"""Which series there are for which state: unknown is absent, confirmed and raw are told apart."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from prober.interception.verdict import Word
from prober.model import HttpFacts
from prober.monitor.metrics.columns import COLUMNS, pair_cells
from prober.monitor.metrics.facts import Build, ProcessFacts
from prober.monitor.state import Labels
from prober.report.metrics import METRICS, PAIR_LABELS, Scope

from ..boards import DIRECT, HQ, NOW, REFUSED, chain_for, key_of, pair, pairs, seen, tls_of
from .scrapes import Monitored

PAIR = {name for name, about in METRICS.items() if about.scope is Scope.PAIR}
EVERYTHING = {name for name, about in METRICS.items() if about.scope is not Scope.PROBE}


def test_the_table_of_metrics_is_what_is_exported() -> None:
    monitored = Monitored(pairs())
    described = {family.name: family for family in monitored.collector.describe()}
    collected = {family.name: family for family in monitored.collector.collect()}
    assert set(described) == set(collected)
    exported = {name + ("_total" if family.type == "counter" else "") for name, family in collected.items()}
    assert exported == EVERYTHING
    assert Labels._fields == PAIR_LABELS
    assert {column.metric for column in COLUMNS} == PAIR
    for family in collected.values():
        about = METRICS[family.name + ("_total" if family.type == "counter" else "")]
        assert (family.type, family.documentation) == (about.kind, about.sentence)
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(about.label_names)


def test_registering_collects_nothing() -> None:
    monitored = Monitored(pairs())
    monitored.facts["no-such-fact"] = "collecting would raise"
    CollectorRegistry().register(monitored.collector)
    with pytest.raises(TypeError):
        list(monitored.collector.collect())


def test_it_works_in_a_registry_beside_others() -> None:
    monitored = Monitored(pairs())
    registry = monitored.exposition.registry()
    text = generate_latest(registry).decode()
    assert "# TYPE prober_probes_total counter" in text
    assert "process_cpu_seconds_total" in text
    assert "python_gc_collections_total" in text
    assert registry.get_sample_value("prober_scheduled_pairs", {"egress": "paris"}) == 1.0


async def test_before_the_first_probe_only_the_configuration_is_known() -> None:
    monitored = Monitored(pairs(targets=2))
    of_pairs = [sample for sample in await monitored.samples() if "target" in sample.labels]
    assert [sample.name for sample in of_pairs] == ["prober_target_interval_seconds"] * 2
    assert {sample.value for sample in of_pairs} == {60.0}


async def test_a_target_that_is_reached() -> None:
    one, other = pairs(routes=(DIRECT, HQ))
    monitored = Monitored([one, other])
    monitored.take(one, seen(one))
    monitored.take(other, seen(other))
    ours = {sample.name: sample for sample in await monitored.samples() if sample.labels.get("route") == "hq"}
    assert ours["prober_target_reachable"].labels == {
        "egress": "paris",
        "target": "mde.c2.t0",
        "service": "MDE",
        "group": "c2",
        "geography": "WW",
        "host": "t0.example.test",
        "port": "443",
        "route": "hq",
    }
    values = {name: sample.value for name, sample in ours.items() if name in PAIR}
    assert "prober_failure_info" not in values
    assert "prober_last_probe_failure_info" not in values
    assert values == {
        "prober_target_reachable": 1.0,
        "prober_target_trusted": 1.0,
        "prober_target_intercepted": 0.0,
        "prober_interception_verdict": 0.0,
        "prober_target_state_since_timestamp_seconds": NOW,
        "prober_target_interval_seconds": 60.0,
        "prober_last_probe_reachable": 1.0,
        "prober_last_probe_trusted": 1.0,
        "prober_last_probe_intercepted": 0.0,
        "prober_last_probe_timestamp_seconds": NOW + 0.075,
        "prober_probe_duration_seconds": 0.075,
        "prober_tls_leaf_not_after_timestamp_seconds": values["prober_tls_leaf_not_after_timestamp_seconds"],
        "prober_tls_issuer_info": 1.0,
        "prober_http_status_code": 200.0,
    }
    assert NOW < values["prober_tls_leaf_not_after_timestamp_seconds"] < NOW + 365 * 86_400
    info = ours["prober_tls_issuer_info"].labels
    assert (info["issuer"], info["anchor"]) == ("CN=First Trust TLS CA 01,O=First Trust Inc", "public")


async def test_every_verdict_is_there_once_one_is_in_force() -> None:
    (one,) = pairs()
    monitored = Monitored([one])
    monitored.take(one, seen(one))
    found = {
        sample.labels["verdict"]: sample.value
        for sample in await monitored.samples()
        if sample.name == "prober_interception_verdict"
    }
    assert found == {word.value: float(word is Word.CLEAN) for word in Word}


async def test_one_lost_probe_changes_what_is_raw_and_two_what_is_confirmed() -> None:
    (one,) = pairs()
    monitored = Monitored([one])
    monitored.take(one, seen(one))
    monitored.take(one, seen(one, REFUSED, at=NOW + 60))
    assert await monitored.values("prober_target_reachable") == [1.0]
    assert await monitored.values("prober_failure_info") == []
    assert await monitored.values("prober_last_probe_reachable") == [0.0]
    raw = {"stage": "connect", "hop": "0", "reason": "tcp-refused"}
    assert await monitored.values("prober_last_probe_failure_info", **raw) == [1.0]
    assert await monitored.values("prober_http_status_code") == []
    monitored.take(one, seen(one, REFUSED, at=NOW + 65))
    assert await monitored.values("prober_target_reachable") == [0.0]
    assert await monitored.values("prober_failure_info", **raw) == [1.0]
    assert await monitored.values("prober_target_state_since_timestamp_seconds") == [NOW + 60]
    assert await monitored.values("prober_transitions_total", track="reachable") == [1.0]
    for later in (125, 185):
        monitored.take(one, seen(one, at=NOW + later))
    assert await monitored.values("prober_target_reachable") == [1.0]
    assert (
        await monitored.values("prober_failure_info") == await monitored.values("prober_last_probe_failure_info") == []
    )


async def test_a_certificate_is_told_also_while_it_is_not_trusted() -> None:
    (one,) = pairs()
    monitored = Monitored([one])
    for later in (0, 60):
        monitored.take(one, seen(one, at=NOW + later, signer="stranger"))
    assert await monitored.values("prober_target_trusted") == [0.0]
    assert await monitored.values("prober_last_probe_trusted") == [0.0]
    assert len(await monitored.values("prober_tls_leaf_not_after_timestamp_seconds")) == 1
    assert await monitored.values("prober_tls_issuer_info", issuer="CN=Corp Root CA,O=Example Corp") == [1.0]


async def test_one_live_issuer_a_pair() -> None:
    (one,) = pairs()
    monitored = Monitored([one])
    monitored.take(one, seen(one))
    monitored.take(one, seen(one, tls=tls_of(chain_for(one.target.host, "stranger")), http=HttpFacts(599)))
    assert len(await monitored.values("prober_tls_issuer_info")) == 1
    assert await monitored.values("prober_http_status_code") == [599.0]


async def test_another_egress_is_another_label() -> None:
    one = pair()
    monitored = Monitored([one])
    monitored.take(one, seen(one))
    assert {sample.labels["egress"] for sample in await monitored.samples()} == {"paris"}
    monitored.board.change("lyon", [one], monitored.board.judge, confirm=2, same_trust=True)
    assert {sample.labels["egress"] for sample in await monitored.samples()} == {"lyon"}


def test_facts_that_are_not_known_are_not_exported() -> None:
    facts = ProcessFacts(pairs=0, in_flight=0, restarts=0, skipped=0, lags={})
    series = {group.metric: dict(group.series) for group in facts.groups()}
    for name in (
        "prober_state_store_ok",
        "prober_config_last_reload_successful",
        "prober_config_last_reload_success_timestamp_seconds",
        "prober_event_loop_lag_seconds",
    ):
        assert series[name] == {}
    assert series["prober_scheduled_pairs"] == {(): 0.0}
    assert series["prober_shards"] == {("0",): 1.0}
    told = ProcessFacts(
        pairs=0, in_flight=0, restarts=0, skipped=0, lags={}, store_ok=False, reload_ok=False, shard=2, shards=3
    )
    values = {group.metric: dict(group.series) for group in told.groups()}
    assert values["prober_shards"] == {("2",): 3.0}
    assert values["prober_state_store_ok"] == values["prober_config_last_reload_successful"] == {(): 0.0}
    built = ProcessFacts(
        pairs=0, in_flight=0, restarts=0, skipped=0, lags={}, build=Build("OpenSSL 3.5.0", "1.2.3", "3.11.7")
    )
    infos = next(group.series for group in built.groups() if group.metric == "prober_build_info")
    assert dict(infos) == {("1.2.3", "3.11.7", "OpenSSL 3.5.0"): 1.0}


def test_there_is_a_cell_for_each_column() -> None:
    one = pair()
    monitored = Monitored([one])
    assert len(pair_cells(None, 60.0)) == len(COLUMNS)
    monitored.take(one, seen(one))
    assert len(pair_cells(monitored.board.pairs[key_of(one)].exported, 60.0)) == len(COLUMNS)
