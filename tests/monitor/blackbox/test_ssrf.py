"""/probe as a way to reach what one may not: by redirects, by DNS, by names that mean something else."""

from __future__ import annotations

from typing import Any

import pytest

from prober.model import Hop, HopScheme, Route, Scheme, Target

from ...engine.names import NXDOMAIN, NameServer, Zone, serve_names
from .origins import Origin, answer, redirect, server_tls
from .stage import Series, Stage

PRIVATE = [
    *("10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "127.0.0.1", "0.0.0.0", "224.0.0.1"),
    *("168.63.129.16", "100.100.100.200", "::1", "::", "fe80::1", "fd00:ec2::254", "fc00::1", "::ffff:10.0.0.1"),
    *("::ffff:169.254.169.254", "64:ff9b::a00:1", "2002:a00:1::1"),
]


class _Zone(dict[str, tuple[str, ...] | int]):
    """A zone whose addresses change from one question to the next; there is only IPv4 in it."""

    def __init__(self, *answers: tuple[str, ...]) -> None:
        super().__init__({"*": NXDOMAIN})
        self._answers = list(answers)

    def get(self, name: str, default: Any = None) -> Any:
        if name.endswith("/A"):
            return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return () if name.endswith("/AAAA") else super().get(name, default)


async def names(stage: Stage, zone: Zone) -> NameServer:
    """A name server that the stage asks."""
    server = await serve_names(zone)
    stage._stack.push_async_callback(server.close)
    stage.name_servers = (server.address,)
    return server


def reason(found: Series) -> str:
    return (
        next(name for name in found if name.startswith("prober_probe_failure_info")).split('reason="')[1].split('"')[0]
    )


@pytest.mark.parametrize("address", PRIVATE)
@pytest.mark.parametrize("module", ["http_2xx", "tcp_connect", "tcp_tls"])
async def test_a_name_that_leads_inside_is_refused(stage: Stage, address: str, module: str) -> None:
    stage.networks = ()
    stage.allow = ["outside.example"]
    await names(stage, {"outside.example": (address,)})
    said = await stage.refused(target="outside.example:443", module=module)
    assert "serve.allow_networks" in said
    assert address not in said  # who asks is not told what is inside


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "[fe80::1]"])
async def test_a_literal_that_is_allowed_by_name_is_still_looked_at(stage: Stage, address: str) -> None:
    stage.networks = ()
    stage.allow = [f"{address}:*"]
    assert "not public" in await stage.refused(target=f"http://{address}/")


async def test_a_target_of_the_catalog_is_looked_at_as_well(stage: Stage) -> None:
    stage.networks = ()
    stage.allow = []
    stage.targets = (Target(id="listed", scheme=Scheme.HTTPS, host="outside.example", port=443),)
    await names(stage, {"outside.example": ("10.1.2.3",)})
    for target in ("listed", "https://outside.example/"):
        assert "not public" in await stage.refused(target=target)


async def test_the_address_that_was_looked_at_is_the_one_that_is_asked(stage: Stage) -> None:
    """Rebinding: the first answer is allowed, each later one leads inside. The name is asked for once a connection."""
    origin = await stage.origin({"/": answer(200)})
    stage.networks = ("127.0.0.1/32",)
    stage.allow = ["rebind.test:*"]
    zone = _Zone(("127.0.0.1",), ("127.0.0.2",))
    await names(stage, zone)
    found = await stage.get(target=f"rebind.test:{origin.port}")
    assert found["probe_success"] == 1
    assert len(origin.requests) == 1
    assert "not public" in await stage.refused(target=f"rebind.test:{origin.port}")


async def test_rebinding_between_the_steps_of_one_probe(stage: Stage) -> None:
    """The redirect leads to the same name, which now leads inside."""
    origin = await stage.origin({"/": redirect("/again"), "/again": answer(200)})
    stage.networks = ("127.0.0.1/32",)
    stage.allow = ["rebind.test:*"]
    await names(stage, _Zone(("127.0.0.1",), ("127.0.0.2",)))
    found = await stage.get(target=f"rebind.test:{origin.port}")
    assert (found["probe_success"], reason(found)) == (0, "redirect-refused")
    assert origin.paths == ["/"]


async def test_of_several_addresses_only_public_ones_are_tried(stage: Stage) -> None:
    origin = await stage.origin({"/": answer(200)})
    stage.networks = ("127.0.0.1/32",)
    stage.allow = ["mixed.test:*"]
    await names(stage, {"mixed.test": ("127.0.0.3", "127.0.0.1", "10.0.0.1")})
    found = await stage.get(target=f"mixed.test:{origin.port}")
    assert found["probe_success"] == 1


INSIDE = [
    *("http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://127.0.0.9/", "http://[::1]/"),
    *("http://2130706433/", "http://0x7f000001/", "http://[::ffff:127.0.0.1]/", "//evil.test/", "http://evil.test/"),
    *("http://start.test@evil.test/", "http://start.test:80@evil.test", "http://evil.test\\@start.test/"),
    *("ftp://start.test/", "file:///etc/passwd", "gopher://start.test:6379/_INFO", "http://start.test:6379/"),
]


@pytest.mark.parametrize("location", INSIDE)
async def test_a_redirect_to_elsewhere_is_never_followed(stage: Stage, location: str) -> None:
    origin = await stage.origin({"/": redirect(location)})
    stage.allow = [f"start.test:{origin.port}"]
    stage.resolve = {"start.test": "127.0.0.1"}
    found = await stage.get(target=f"start.test:{origin.port}")
    assert (found["probe_success"], reason(found)) == (0, "redirect-refused")
    assert (found["probe_http_status_code"], found["probe_http_redirects"]) == (302, 1)
    assert len(stage.asked) == 1


async def test_a_redirect_to_an_allowed_name_that_leads_inside_is_not_followed(stage: Stage) -> None:
    inside = await stage.origin({"/": answer(200)}, host="127.0.0.2")
    origin = await stage.origin({"/": redirect(f"http://friend.test:{inside.port}/")})
    stage.networks = ("127.0.0.1/32",)
    stage.allow = ["start.test:*", "friend.test:*"]
    stage.resolve = {"start.test": "127.0.0.1", "friend.test": "127.0.0.2"}
    response = await stage.raw(target=f"start.test:{origin.port}", debug="true")
    text = await response.text()
    assert 'reason="redirect-refused"' in text
    assert "127.0.0.2" not in text
    assert inside.connections == 0


async def test_a_redirect_downgrade_is_followed_only_within_the_list(stage: Stage) -> None:
    """From TLS to plain HTTP on port 80 of the same host, which the catalog does not have."""
    secure: Origin = await stage.origin({"/": redirect("http://localhost/")}, server_tls("localhost"))
    stage.allow = []
    stage.targets = (Target(id="listed", scheme=Scheme.HTTPS, host="localhost", port=secure.port),)
    found = await stage.get(target="listed")
    assert reason(found) == "redirect-refused"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:10.0.0.1]", "169.254.169.254"])
async def test_a_literal_is_not_handed_to_a_proxy_either(stage: Stage, host: str) -> None:
    """What a proxy makes of a name is its own affair; that it connects to what is inside there is not asked of it."""
    stage.networks = ()
    stage.allow = [f"{host}:*"]
    stage.routes = (Route("hq", (Hop(HopScheme.HTTP, "127.0.0.1", 1),)),)
    assert "not public" in await stage.refused(target=f"http://{host}/")


async def test_a_target_s_text_cannot_add_to_the_request(stage: Stage) -> None:
    origin = await stage.origin({"*": answer(200)})
    for text in (f"127.0.0.1:{origin.port}/\r\nX: y", f"127.0.0.1:{origin.port}/ HTTP/1.1\r\nHost: evil"):
        assert (await stage.raw(target=text)).status == 403
    await stage.get(target=f"http://127.0.0.1:{origin.port}/%0d%0aX:%20y")
    assert origin.requests[0].startswith(b"GET /%0d%0aX:%20y HTTP/1.1\r\n")
    assert b"\r\nX:" not in origin.requests[0]
