"""The handler: forms of the answer, limits, and what it keeps to itself."""

from __future__ import annotations

import asyncio
import gzip
import logging
import re
from pathlib import Path

import pytest

from prober.model import Anchor, Hop, HopScheme, Observation, Route, Scheme, Secret, Target
from prober.monitor.blackbox.endpoint import Leaves
from prober.monitor.blackbox.findings import MODULE_REASONS, Step
from prober.monitor.blackbox.metrics import HELP
from prober.monitor.issuers import CHURNING

from ...engine.peers import Conversation, Peer
from .origins import answer, redirect, server_tls
from .stage import Stage, series

DOC = (Path(__file__).parents[3] / "docs" / "probe.md").read_text()


async def test_text_is_what_prometheus_gets_who_asks_for_nothing(stage: Stage) -> None:
    origin = await stage.origin({"/": answer(200)})
    response = await stage.raw(target=f"127.0.0.1:{origin.port}")
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    text = await response.text()
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert names == sorted(names)
    assert {line.split()[3] for line in text.splitlines() if line.startswith("# TYPE")} == {"gauge"}


async def test_openmetrics_for_who_asks_for_it(stage: Stage) -> None:
    origin = await stage.origin({"/": answer(200)})
    accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
    response = await stage.raw({"Accept": accept}, target=f"127.0.0.1:{origin.port}")
    assert response.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert (await response.text()).endswith("# EOF\n")


@pytest.mark.parametrize("accept", ["application/openmetrics-text;version=x", "text/plain;version=é", "é", ",;=" * 99])
async def test_who_asks_for_nonsense_gets_text(stage: Stage, accept: str) -> None:
    response = await stage.raw({"Accept": accept}, target="127.0.0.1:1")
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert series(await response.text())["probe_success"] == 0


async def test_gzip(stage: Stage) -> None:
    stage.client.session._auto_decompress = False
    response = await stage.raw({"Accept-Encoding": "gzip"}, target="127.0.0.1:1")
    assert response.headers["Content-Encoding"] == "gzip"
    assert series(gzip.decompress(await response.read()).decode())["probe_success"] == 0
    response = await stage.raw({"Accept-Encoding": "identity"}, target="127.0.0.1:1")
    assert "Content-Encoding" not in response.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_other_methods(stage: Stage, method: str) -> None:
    response = await stage.raw(None, method, target="127.0.0.1:1")
    assert response.status == 405
    assert stage.asked == []


async def test_head_probes_and_says_nothing(stage: Stage) -> None:
    response = await stage.raw(None, "HEAD", target="127.0.0.1:1")
    assert response.status == 200
    assert await response.read() == b""


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ({}, 400, "Target parameter is missing\n"),
        ({"target": "127.0.0.1:1", "module": "x"}, 400, 'Unknown module "x"\n'),
        ({"target": "127.0.0.1:1", "route": "x"}, 400, 'Unknown route "x"\n'),
        ({"target": "evil.example"}, 403, None),
        ({"target": "127.0.0.1:1", "hostname": "evil.example"}, 403, None),
        ({"target": "<script>alert(1)</script>"}, 403, None),
    ],
)
async def test_sentences(stage: Stage, query: dict[str, str], status: int, said: str | None) -> None:
    response = await stage.raw(None, **query)
    text = await response.text()
    assert response.status == status
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert said is None or text == said
    assert len(text) < 400
    assert stage.asked == []


async def test_beyond_the_limit_one_is_told_to_come_back(stage: Stage) -> None:
    stage.concurrency = 3
    stage.hold = asyncio.Event()
    origin = await stage.origin({"/": answer(200)})
    await stage.client.start_server()
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(stage.get(target=f"127.0.0.1:{origin.port}"), name=f"probe {n}") for n in range(3)]
        await stage.all_asked(3)
        refused = await stage.raw(target=f"127.0.0.1:{origin.port}")
        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        assert "serve.probe_concurrency" in await refused.text()
        still = await stage.raw(target="evil.example")
        assert still.status == 403
        stage.hold.set()
    assert [each.result()["probe_success"] for each in running] == [1, 1, 1]
    assert (await stage.get(target=f"127.0.0.1:{origin.port}"))["probe_success"] == 1


async def test_a_probe_that_breaks_gives_its_place_back(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.concurrency = 1
    broken = stage.judge
    stage.judge = None  # type: ignore[assignment] # a bug of ours
    origin = await stage.origin({"/": answer(200)}, server_tls("localhost"))
    with caplog.at_level(logging.CRITICAL, "aiohttp.server"):
        assert (await stage.raw(target=f"https://localhost:{origin.port}")).status == 500
    stage.judge = broken
    assert (await stage.get(target=f"https://localhost:{origin.port}"))["probe_success"] == 1


async def test_debug_shows_the_log_the_metrics_and_the_module(stage: Stage) -> None:
    stage.modules = {"m": {"prober": "http", "timeout": "3s", "http": {"valid_status_codes": [200, 204]}}}
    origin = await stage.origin({"/": redirect("/there"), "/there": answer(200)})
    response = await stage.raw(target=f"127.0.0.1:{origin.port}", module="m", debug="true")
    text = await response.text()
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    logs, rest = text.split("\n\n\nMetrics that would have been returned:\n")
    metrics, module = rest.split("\n\n\nModule configuration:\n")
    assert logs.startswith("Logs for the probe:\nts=")
    for words in ('msg="Beginning probe"', 'msg="Received redirect" location=/there', 'msg="Probe succeeded"'):
        assert words in logs
    assert series(metrics)["probe_success"] == 1
    assert module == "prober: http\ntimeout: 3.0\nhttp:\n  valid_status_codes:\n  - 200\n  - 204\n"


async def test_no_secret_is_shown(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the module's headers nor a proxy's login, whatever fails."""
    headers = {"Authorization": "Bearer geheim-1", "X-Key": "geheim-2"}
    stage.modules = {"m": {"prober": "http", "http": {"headers": headers}}}

    async def demand(conversation: Conversation) -> None:
        for _ in range(2):
            await conversation.head()
            await conversation.say(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")

    peer = Peer(demand)
    await peer.start()
    hop = Hop(HopScheme.HTTP, "127.0.0.1", peer.port, "svc", Secret("geheim-3"))
    stage.routes = (Route("hq", (hop,)),)
    with caplog.at_level(logging.DEBUG):
        response = await stage.raw(target="http://127.0.0.1:80/", module="m", debug="true")
        text = await response.text()
    await peer.close()
    assert "proxy-auth-failed" in text
    assert "geheim" not in text
    assert "Authorization: '***'" in text
    assert "geheim" not in caplog.text
    assert b"geheim-2" in peer.conversations[0].received  # it was there to be shown


async def test_what_a_peer_says_reaches_no_terminal_as_it_is(stage: Stage) -> None:
    origin = await stage.origin({"/": redirect("/\x1b[31m\u00ff\u009b")})
    response = await stage.raw(target=f"127.0.0.1:{origin.port}", debug="true")
    text = await response.text()
    assert all(char == "\n" or char.isprintable() for char in text)
    assert text.isascii()


# through proxies


async def test_through_a_proxy_names_are_its_affair_and_times_are_by_hop(stage: Stage) -> None:
    origin = await stage.origin({"/": answer(200)}, server_tls("localhost"))

    async def tunnel(conversation: Conversation) -> None:
        await conversation.head()
        await conversation.say(b"HTTP/1.1 200 OK\r\n\r\n")
        await conversation.pipe("127.0.0.1", origin.port)

    peer = Peer(tunnel)
    await peer.start()
    stage.routes = (Route("direct"), Route("hq", (Hop(HopScheme.HTTP, "127.0.0.1", peer.port),)))
    stage.allow.append("only.proxy.example:*")
    stage.modules = {"any": {"prober": "tcp", "tcp": {"tls": True, "tls_config": {"server_name": "localhost"}}}}
    found = await stage.get(target=f"https://localhost:{origin.port}", route="hq")
    assert found["probe_success"] == 1
    assert not {"probe_dns_lookup_time_seconds", "probe_ip_protocol", "probe_ip_addr_hash"} & set(found)
    assert 'probe_http_duration_seconds{phase="resolve"}' not in found
    hop = 'prober_probe_hop_duration_seconds{{hop="1",phase="{}",scheme="http"}}'
    spent = found[hop.format("connect")] + found[hop.format("negotiate")]
    assert found['probe_http_duration_seconds{phase="connect"}'] == pytest.approx(spent)
    found = await stage.get(target="only.proxy.example:9", route="hq", module="any")
    assert found["probe_success"] == 1
    found = await stage.get(target="only.proxy.example:9", route="hq", module="tcp_connect")
    assert found["probe_success"] == 1
    await peer.close()
    assert [bytes(each.received).split(b"\r\n")[0] for each in peer.conversations][1:] == [
        b"CONNECT only.proxy.example:9 HTTP/1.1"
    ] * 2


async def test_a_proxy_that_refuses_is_named_as_the_reason(stage: Stage) -> None:
    async def refuse(conversation: Conversation) -> None:
        await conversation.head()
        await conversation.say(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    peer = Peer(refuse)
    await peer.start()
    stage.routes = (Route("hq", (Hop(HopScheme.HTTP, "127.0.0.1", peer.port),)),)
    found = await stage.get(target="https://127.0.0.1:443/")
    assert found["probe_success"] == 0
    assert found['prober_probe_failure_info{hop="1",reason="proxy-denied",stage="proxy"}'] == 1
    assert found["probe_http_status_code"] == 0
    found = await stage.get(target="http://127.0.0.1:80/")  # here the proxy's answer is all there is
    assert found['prober_probe_failure_info{hop="1",reason="proxy-denied",stage="proxy"}'] == 1
    assert found["probe_http_status_code"] == 403
    stage.modules = {"m": {"prober": "http", "http": {"valid_status_codes": [403]}}}
    found = await stage.get(target="http://127.0.0.1:80/", module="m")
    assert found["probe_success"] == 1
    await peer.close()


# labels


def leaf_step(port: int = 443) -> Step:
    target = Target(id="t", scheme=Scheme.TLS, host="h.test", port=port)
    return Step(target, Route("r"), Observation(target="t", route="r", at=0.0), None)


def test_ever_new_leaves_of_nobody_s_become_one_series() -> None:
    leaves = Leaves()
    shown = [leaves.instead(float(n), leaf_step(), f"{n:064x}", Anchor.UNKNOWN) for n in range(12)]
    assert shown == [None] * 9 + [CHURNING] * 3
    assert leaves.instead(12.0, leaf_step(8443), "f" * 64, Anchor.UNKNOWN) is None
    assert leaves.instead(12.0, leaf_step(), "f" * 64, Anchor.PUBLIC) is None
    assert leaves.instead(9999.0, leaf_step(), "e" * 64, Anchor.UNKNOWN) is None


def test_what_is_remembered_of_leaves_is_bounded() -> None:
    leaves = Leaves()
    for port in range(5000):
        leaves.instead(0.0, leaf_step(port), "f" * 64, Anchor.UNKNOWN)
    assert len(leaves._known) == 4096


async def test_a_leaf_s_labels_are_bounded(stage: Stage) -> None:
    names = [f"name-number-{n}.example.test" for n in range(40)]
    origin = await stage.origin({}, server_tls("localhost", *names))
    found = await stage.get(target=f"localhost:{origin.port}", module="tcp_tls")
    name = next(name for name in found if name.startswith("probe_ssl_last_chain_info"))
    assert found["probe_success"] == 1
    assert 'subjectalternative="localhost,name-number-0.example.test,' in name
    labels = re.findall(r'="([^"]*)"', name)
    assert len(labels) == 5
    assert all(len(label.encode()) <= 128 for label in labels)


# documents


def test_every_metric_and_every_reason_is_documented() -> None:
    for name in (*HELP, *MODULE_REASONS):
        assert f"`{name}`" in DOC
    assert [name for name in HELP if not name.startswith(("probe_", "prober_probe_"))] == []
