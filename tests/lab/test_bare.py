from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from prober.lab.authorities import pem
from prober.lab.bare import BareOrigin, bare_credential
from prober.lab.contexts import server_context

SIZE = 1000
GET = b"GET /any?thing HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest_asyncio.fixture(params=["ecdsa", "rsa"])
async def bare(request: pytest.FixtureRequest) -> AsyncIterator[tuple[BareOrigin, ssl.SSLContext]]:
    credential, root = bare_credential(request.param)
    origin = BareOrigin(server_context(credential), SIZE)
    await origin.start()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pem(root).decode())
    yield origin, context
    await origin.close()
    assert origin.crashes == []


async def test_tls_and_plain_on_one_port(bare: tuple[BareOrigin, ssl.SSLContext], connect: Any) -> None:
    origin, context = bare
    for peer in (await connect(origin.port, context, "any.lab.test"), await connect(origin.port)):
        for _ in range(2):
            assert await peer.ask(GET) == (200, (await peer.ask(GET))[1], bytes(SIZE))
        assert (await peer.ask(b"HEAD / HTTP/1.1\r\n\r\n"))[1]["content-length"] == str(SIZE)


async def test_no_request_gets_400(bare: tuple[BareOrigin, ssl.SSLContext], connect: Any) -> None:
    peer = await connect(bare[0].port)
    assert (await peer.ask(b"nonsense\r\n\r\n"))[0] == 400
    assert await peer.reader.read() == b""
