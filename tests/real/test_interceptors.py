"""Proxies that open TLS: the target is reached, and its certificate is not trusted."""

from __future__ import annotations

import pytest

from .asking import Prober
from .names import TARGET
from .origin import Origin
from .programs import Launcher
from .proxies import Proxy

pytestmark = pytest.mark.real


@pytest.mark.parametrize("name", ["bump", "mitmproxy"])
def test_intercepted_certificate_is_not_trusted(
    name: str, request: pytest.FixtureRequest, prober: Prober, origin: Origin, launcher: Launcher
) -> None:
    proxy: Proxy = request.getfixturevalue(name)
    path = f"/intercepted/{name}"
    host = TARGET if name == "bump" else launcher.names.target  # squid has a hosts file of its own in any case
    run = prober.check({name: [proxy]}, f"https://{host}:{origin.port}{path}")
    result = run.result(name)
    assert result["reachable"] is True, result["failure"]
    assert result["trusted"] is False
    assert result["trust_failure"]["reason"].startswith("cert-")
    assert (result["trust_failure"]["stage"], result["trust_failure"]["hop"]) == ("tls", 0)
    assert result["http"]["status"] == 200
    assert len(origin.record.of(path)) == 2, "the probe, and its confirmation"
