from __future__ import annotations

import asyncio
import gc
import stat
from contextlib import suppress
from pathlib import Path

import pytest
import uvloop
import yaml
from cryptography import x509

from prober.lab.authorities import Authorities
from prober.lab.link import Link
from prober.lab.world import PASSWORD, Lab, vendor_names
from prober.model import Route, Scheme, Secret, Target, TrustClass


async def test_the_ready_config_says_where_everything_is(lab: Lab) -> None:
    config = yaml.safe_load(lab.config_file.read_text())
    ports = lab.ports
    assert config["egress"] == "lab"
    assert config["resolve"] == {
        "closed.lab.test": f"127.0.0.1:{lab.origins.closed_port}",
        "*:443": f"127.0.0.1:{ports['tls-origin']}",
        "*:80": f"127.0.0.1:{ports['plain-origin']}",
    }
    assert config["routes"]["direct"] == []
    assert [hop["url"].partition(":")[0] for hop in config["routes"]["chain"]] == ["socks4a", "https", "http"]
    assert {hop["url"] for hops in config["routes"].values() for hop in hops} == {
        f"http://127.0.0.1:{ports['open']}",
        f"http://127.0.0.1:{ports['login']}",
        f"https://127.0.0.1:{ports['secure']}",
        f"socks5h://127.0.0.1:{ports['socks5']}",
        f"socks4a://127.0.0.1:{ports['socks4a']}",
        f"http://127.0.0.1:{ports['blocking']}",
        f"http://127.0.0.1:{ports['no-revocation']}",
        f"http://127.0.0.1:{ports['slow']}",
        f"http://127.0.0.1:{ports['inspected']}",
    }
    assert config["routes"]["login"][0]["password_file"] == str(lab.directory / "password")
    public, vendor = config["trust"]["roots"]
    assert (public["anchor"], vendor["anchor"]) == ("public", "vendor_private")
    assert vendor["names"] == ["microsoft.com", "vendor.example"]


async def test_the_product_reads_the_ready_config(lab: Lab) -> None:
    from prober.config import load

    loaded = load(lab.config_file, {}, {})
    assert [route.name for route in loaded.routes][:2] == ["direct", "open"]
    (login,) = (route for route in loaded.routes if isinstance(route, Route) and route.name == "login")
    assert login.hops[0].password == Secret(PASSWORD)


async def test_the_password_can_be_read_by_its_owner_only(lab: Lab) -> None:
    assert stat.S_IMODE((lab.directory / "password").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "count"),
    [("public-root.pem", 2), ("vendor-root.pem", 1), ("corporate-ca.pem", 1), ("inspection-ca.pem", 1)],
)
async def test_the_certificates_written_are_roots(lab: Lab, name: str, count: int) -> None:
    roots = x509.load_pem_x509_certificates((lab.directory / name).read_bytes())
    assert len(roots) == count
    for root in roots:
        root.verify_directly_issued_by(root)


def test_vendor_names_are_the_domains_of_the_hosts_it_signs() -> None:
    def target(host: str, trust: TrustClass | None) -> Target:
        return Target(id=host, scheme=Scheme.TLS, host=host, port=443, trust=trust)

    private = TrustClass.VENDOR_PRIVATE
    targets = [target("a.b.one.com", private), target("c.one.com", private), target("two.com", None)]
    assert vendor_names(targets) == ["one.com"]


async def test_without_private_hosts_the_private_root_is_not_trusted(tmp_path: Path, authorities: Authorities) -> None:
    async with Lab([], tmp_path, authorities=authorities) as lab:
        config = yaml.safe_load(lab.config())
    assert [root["anchor"] for root in config["trust"]["roots"]] == ["public"]


async def test_a_fault_of_the_lab_itself_comes_out_when_it_closes(
    tmp_path: Path, authorities: Authorities, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: Link, mark: bytes, limit: int) -> bytes:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Link, "read_until", broken)
    lab = Lab([], tmp_path, authorities=authorities)
    await lab.__aenter__()
    reader, writer = await asyncio.open_connection("127.0.0.1", lab.ports["open"])
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    with pytest.raises(ExceptionGroup) as caught:
        await lab.__aexit__(None, None, None)
    assert [type(crash) for crash in caught.value.exceptions] == [ZeroDivisionError]


def sockets() -> set[str]:
    """The sockets that this process has open, where the system can list them."""
    found = set()
    for descriptor in Path("/dev/fd").iterdir():
        with suppress(OSError):  # the listing's own descriptor is gone already
            if stat.S_ISSOCK(descriptor.stat().st_mode):
                found.add(descriptor.name)
    return found


async def test_a_lab_that_cannot_start_leaves_nothing_behind(tmp_path: Path, authorities: Authorities) -> None:
    (tmp_path / "file").write_text("in the way")
    before = sockets()
    with pytest.raises(OSError, match="file"):
        async with Lab([], tmp_path / "file", authorities=authorities):
            pass
    assert sockets() == before


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_nothing_is_left_after_close(tmp_path: Path, authorities: Authorities, loop_factory: object) -> None:
    """On both event loops: tunnels in every state are open when the lab ends."""

    async def world() -> tuple[int, int, set[str]]:
        before = sockets()
        writers = []
        async with Lab([], tmp_path, authorities=authorities) as lab:
            for name in lab.ports:
                for start in (b"", b"CONNECT silent.lab.test:443 HTTP/1.1\r\n\r\n", b"\x16\x03\x01", b"\x05\x01\x00"):
                    reader, writer = await asyncio.open_connection("127.0.0.1", lab.ports[name])
                    writer.write(start)
                    if start.startswith(b"CONNECT") and name == "open":
                        await reader.readuntil(b"\r\n\r\n")
                    writers.append(writer)
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)
        return len(tasks), sum(listener.open_links for listener in lab.listeners), sockets() - before

    with asyncio.Runner(loop_factory=loop_factory) as runner:  # type: ignore[arg-type]  # both are factories
        tasks, links, left = runner.run(world())
    gc.collect()
    assert (tasks, links, left) == (0, 0, set())
