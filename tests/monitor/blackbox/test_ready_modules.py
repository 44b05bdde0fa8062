"""Modules made ready, and the scope of a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prober.config import load
from prober.config.modules import LARGEST_BODY, Module
from prober.engine.run import Pair
from prober.engine.terms import Probed, Terms
from prober.model import Scheme, Target
from prober.monitor.blackbox.modules import ReadyModule, bare_host, ready_modules
from prober.monitor.blackbox.scope import probe_scope

from .origins import authority
from .stage import judge


def ready(prober: str = "http", **section: Any) -> ReadyModule:
    return ReadyModule("m", Module.model_validate({"prober": prober, prober: section}), None)


@pytest.mark.parametrize(
    ("section", "configured", "expected"),
    [
        ({}, "ipv4-first", "ipv6-first"),  # as blackbox_exporter
        ({}, "ipv4", "ipv4"),
        ({}, "ipv6", "ipv6"),
        ({"preferred_ip_protocol": "ip4"}, "ipv4-first", "ipv4-first"),
        ({"preferred_ip_protocol": "ip4"}, "ipv6", "ipv4-first"),
        ({"preferred_ip_protocol": "ip6"}, "ipv4-first", "ipv6-first"),
        ({"preferred_ip_protocol": "ip4", "ip_protocol_fallback": False}, "ipv4-first", "ipv4"),
        ({"ip_protocol_fallback": False}, "ipv4-first", "ipv6"),
    ],
)
@pytest.mark.parametrize("prober", ["http", "tcp"])
def test_address_families(prober: str, section: dict[str, Any], configured: str, expected: str) -> None:
    assert ready(prober, **section).family(configured) == expected


def test_whose_name_is_sent() -> None:
    plain = ready().inquiry(None)
    assert (plain.host, plain.server_name) == (None, None)
    named = ready().inquiry("a.test:8443")
    assert (named.host, named.server_name) == ("a.test:8443", "a.test")
    module = ready(headers={"host": "b.test"}, tls_config={"server_name": "c.test"})
    assert (module.inquiry(None).host, module.inquiry(None).server_name) == ("b.test", "c.test")
    assert module.inquiry(None).headers == ()
    tcp = ready("tcp", tls=True, tls_config={"min_version": "TLS13"}).inquiry("a.test")
    assert (tcp.server_name, tcp.only_tls_1_3, tcp.connect_only) == ("a.test", True, False)
    assert ready("tcp").inquiry(None).connect_only


@pytest.mark.parametrize(
    ("text", "expected"), [("a.test", "a.test"), ("a.test:1", "a.test"), ("[::1]:1", "::1"), ("[::1]", "::1")]
)
def test_bare_hosts(text: str, expected: str) -> None:
    assert bare_host(text) == expected


def test_no_module_reads_without_end() -> None:
    assert ready().body_limit == LARGEST_BODY
    assert ready(body_size_limit="1KB").body_limit == 1024
    assert ready(body_size_limit="1GB").body_limit == LARGEST_BODY


def test_all_that_is_wrong_with_modules_comes_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    found: list[str] = []
    gone, empty = ({"tls_config": {"ca_file": str(tmp_path / name)}} for name in ("gone.pem", "empty.pem"))
    modules = {
        "a": Module.model_validate({"prober": "http", "route": "nope"}),
        "b": Module.model_validate({"prober": "tcp", "tcp": gone}),
        "c": Module.model_validate({"prober": "http", "http": empty}),
    }
    ready_modules(modules, ["direct", "hq"], found)
    assert [line.partition(": ")[0] for line in found] == [
        "serve.modules.a.route",
        "serve.modules.b.tcp.tls_config.ca_file",
        "serve.modules.c.http.tls_config.ca_file",
    ]
    assert "direct, hq" in found[0]


def test_the_scope_of_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "corp.pem").write_bytes(authority("Corp").cert_pem.bytes())
    file = tmp_path / "prober.yaml"
    file.write_text(
        """
probe: {timeout: 4, family: ipv4}
routes: {hq: [{url: "http://10.0.0.6:8080"}]}
serve:
  allow: ["*.corp.example:*"]
  allow_networks: [10.0.0.0/8]
  probe_concurrency: 3
  modules: {m: {prober: http, route: hq, http: {tls_config: {ca_file: corp.pem}}}}
"""
    )

    async def ask(pair: Pair, terms: Terms) -> Probed | None:
        return None

    loaded = load(file, {}, {})
    errors: list[str] = []
    modules = ready_modules(loaded.settings.serve.modules, [rule.name for rule in loaded.routes], errors)
    target = Target(id="t", scheme=Scheme.TLS, host="h.example", port=443)
    scope = probe_scope(loaded, [target], judge(), modules, ask)
    assert errors == []
    assert (scope.timeout, scope.family, scope.concurrency) == (4, "ipv4", 3)
    assert scope.by_id == {"t": target}
    assert ("h.example", 443) in scope.places
    assert scope.policy.refusal("10.1.2.3") is None
    assert scope.policy.refusal("192.168.0.1") is not None
    assert scope.allow[0].covers("x.corp.example", 9)
    assert set(scope.modules) == {"http_2xx", "tcp_connect", "tcp_tls", "m"}
    assert scope.modules["m"].own_roots is not None
