"""A PAC script is fetched directly, anonymously and within bounds, from servers that are really there."""

from __future__ import annotations

import asyncio
import codecs
import gzip
import hashlib
import os
import ssl
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from prober.engine.document_web import FetchLimits, Resolve
from prober.engine.documents import Script, fetch_script
from prober.engine.resolver import ResolutionError, Resolved, Resolver
from prober.model import Failure, Reason, Stage
from prober.routes.overrides import Overrides, parse_override

from .names import SERVFAIL, Zone
from .peers import OPENED, Conversation, after_bytes, answering, closing, dripping, silent
from .world import SHORT, World, authority, closed_port, deaf_port, no_descriptors_left, server_tls

SCRIPT = b'function FindProxyForURL(url, host) { return "PROXY 192.0.2.1:3128"; }'
PAC = "application/x-ns-proxy-autoconfig"
HOST = "pac.corp.example.com"
QUICK = FetchLimits(seconds=SHORT)


def served(body: bytes = SCRIPT, *headers: str, status: str = "200 OK", kind: str = PAC) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def moved(to: str, status: int = 302) -> bytes:
    return served(b"gone", f"Location: {to}", status=f"{status} Moved", kind="text/html")


def by_overrides(**entries: str) -> Resolve:
    """What `--resolve` does; underscores are dots. Asking a name server would be a bug of the test."""
    overrides = Overrides(parse_override(key.replace("_", "."), value) for key, value in entries.items())

    async def resolve(host: str, port: int) -> Resolved:
        found = overrides.find(host, port)
        assert found is not None, f"asked for {host}"
        return Resolved(((found.address, found.to_port or port),))

    return resolve


def everything_at(port: int) -> Resolve:
    async def resolve(host: str, asked: int) -> Resolved:
        return Resolved((("127.0.0.1", port),))

    return resolve


async def fetched(world: World, answer: bytes, url: str = f"http://{HOST}/p.pac") -> Script | Failure:
    peer = await world.peer(answering(answer, then="close"))
    return await fetch_script(url, resolve=everything_at(peer.port))


async def script(world: World, answer: bytes) -> Script:
    result = await fetched(world, answer)
    assert isinstance(result, Script), result
    return result


async def failure(result: Awaitable[Script | Failure], *said: str, reason: Reason = Reason.PAC_FETCH_FAILED) -> Failure:
    found = await result
    assert isinstance(found, Failure), found
    assert (found.reason, found.hop) == (reason, 0)
    assert found.stage is (Stage.CONFIG if reason is Reason.PAC_FETCH_FAILED else Stage.LOCAL)
    for words in said:
        assert words in found.detail
    return found


async def test_a_script_with_where_it_came_from(world: World) -> None:
    peer = await world.peer(answering(served(), then="close"))
    result = await fetch_script(f"http://{HOST}/p.pac?x=1#part", resolve=everything_at(peer.port))
    assert result == Script(
        text=SCRIPT.decode(),
        source=f"http://{HOST}/p.pac?x=1#part",
        url=f"http://{HOST}/p.pac?x=1",
        fetched_from=f"127.0.0.1:{peer.port}",
        encoding="iso8859-1",
        digest=hashlib.sha256(SCRIPT).hexdigest(),
        hosts=(HOST,),
    )
    request = peer.conversations[0].received.decode().lower()
    assert request.startswith("get /p.pac?x=1 http/1.1\r\n")
    assert f"\r\nhost: {HOST}\r\n" in request
    assert "accept-encoding: identity\r\n" in request
    assert "authorization" not in request
    assert "cookie" not in request


async def test_neither_proxies_nor_logins_of_this_machine_are_used(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    proxy = await world.peer(answering(OPENED))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    peer = await world.peer(answering(served(), then="close"))
    result = await fetch_script(f"http://{HOST}:8080/p.pac", resolve=everything_at(peer.port))
    assert isinstance(result, Script)
    assert not proxy.conversations
    request = peer.conversations[0].received.decode().lower()
    assert "authorization" not in request
    assert f"\r\nhost: {HOST}:8080\r\n" in request


async def test_a_login_in_the_url_is_neither_sent_nor_shown(world: World) -> None:
    peer = await world.peer(answering(served(), then="close"))
    result = await fetch_script(f"http://somebody:secret@{HOST}/p.pac", resolve=everything_at(peer.port))
    assert isinstance(result, Script)
    assert b"uthorization" not in peer.conversations[0].received
    assert "secret" not in repr(result)
    assert "somebody" not in repr(result)
    assert any("not sent" in remark for remark in result.remarks)


@pytest.mark.parametrize("url", ["http://wpad.corp/p.pac", "http://10.0.0.6/p.pac", "http://[2001:db8::6]:81/p.pac"])
@pytest.mark.parametrize("star", [True, False])
async def test_overrides_concern_names_and_literals(world: World, url: str, star: bool) -> None:
    peer = await world.peer(answering(served(), then="close"))
    key = "*" if star else url.removeprefix("http://").removesuffix("/p.pac")
    overrides = Overrides([parse_override(key, f"127.0.0.1:{peer.port}")])
    resolver = Resolver(overrides=overrides)
    try:
        result = await fetch_script(url, resolve=resolver.resolve)
    finally:
        await resolver.close()
    assert isinstance(result, Script), result
    assert result.fetched_from == f"127.0.0.1:{peer.port}"
    host = url.removeprefix("http://").removesuffix("/p.pac")
    assert f"Host: {host}\r\n".encode() in peer.conversations[0].received


async def test_a_server_on_ipv6(world: World) -> None:
    peer = await world.peer(answering(served(), then="close"), host="::1")

    async def resolve(host: str, port: int) -> Resolved:
        return Resolved((("::1", peer.port),))

    result = await fetch_script(f"http://{HOST}/p.pac", resolve=resolve)
    assert isinstance(result, Script)
    assert result.fetched_from == f"[::1]:{peer.port}"


async def test_the_next_address_where_nobody_listens(world: World) -> None:
    peer = await world.peer(answering(served(), then="close"))
    ends = (("127.0.0.1", closed_port()), ("127.0.0.1", peer.port))

    async def resolve(host: str, port: int) -> Resolved:
        return Resolved(ends)

    result = await fetch_script(f"http://{HOST}/p.pac", resolve=resolve)
    assert isinstance(result, Script)
    assert result.fetched_from == f"127.0.0.1:{peer.port}"


async def test_the_next_address_where_the_first_is_deaf(world: World) -> None:
    peer = await world.peer(answering(served(), then="close"))
    ends = (("127.0.0.1", deaf_port(world)), ("127.0.0.1", peer.port))

    async def resolve(host: str, port: int) -> Resolved:
        return Resolved(ends)

    result = await fetch_script(f"http://{HOST}/p.pac", resolve=resolve, limits=FetchLimits(seconds=2 * SHORT))
    assert isinstance(result, Script), result


async def test_every_address_that_refused_is_named() -> None:
    one, two = closed_port(), closed_port()

    async def resolve(host: str, port: int) -> Resolved:
        return Resolved((("127.0.0.1", one), ("127.0.0.1", two)))

    at = fetch_script(f"http://{HOST}/p.pac", resolve=resolve)
    await failure(at, f"127.0.0.1:{one}: ECONNREFUSED", f"127.0.0.1:{two}: ECONNREFUSED")


@pytest.mark.parametrize(
    ("zone", "word"), [({}, "dns-nxdomain"), ({"*": SERVFAIL}, "dns-servfail"), ({"*": ()}, "dns-nodata")]
)
async def test_a_name_that_is_not_found(world: World, zone: Zone, word: str) -> None:
    names = await world.names(zone)
    resolver = Resolver(servers=[names.address])
    try:
        await failure(fetch_script(f"http://{HOST}/p.pac", resolve=resolver.resolve), HOST, word)
    finally:
        await resolver.close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed_and_said(world: World, status: int) -> None:
    last = await world.peer(answering(served(), then="close"))
    first = await world.peer(answering(moved("//other.example.net:81/q.pac#x", status), then="close"))
    resolve = by_overrides(pac_corp_example_com=f"127.0.0.1:{first.port}", other_example_net=f"127.0.0.1:{last.port}")
    result = await fetch_script(f"http://{HOST}/p.pac", resolve=resolve)
    assert isinstance(result, Script), result
    assert result.redirects == ("http://other.example.net:81/q.pac",)
    assert result.url == "http://other.example.net:81/q.pac"
    assert result.source == f"http://{HOST}/p.pac"
    assert result.remarks == ("redirected to http://other.example.net:81/q.pac",)
    assert result.fetched_from == f"127.0.0.1:{last.port}"
    assert result.hosts == (HOST, "other.example.net")


async def test_a_long_host_is_kept_whole(world: World) -> None:
    """What is judged must be what was asked: cut off, this one would seem to be inside."""
    label = "x" * 60
    long = f"{label}.{label}.{label}.example.com.elsewhere.net"
    last = await world.peer(answering(served(), then="close"))
    first = await world.peer(answering(moved(f"http://{long}/"), then="close"))
    overrides = Overrides(
        [parse_override(HOST, f"127.0.0.1:{first.port}"), parse_override("*", f"127.0.0.1:{last.port}")]
    )
    resolver = Resolver(overrides=overrides)
    result = await fetch_script(f"http://{HOST}/", resolve=resolver.resolve)
    await resolver.close()
    assert isinstance(result, Script)
    assert result.hosts == (HOST, long)
    assert result.redirects == (f"http://{long}/",)


async def test_redirects_in_a_circle_end(world: World) -> None:
    peer = await world.peer(answering(moved("/p.pac"), then="close"))
    at = fetch_script(f"http://{HOST}/p.pac", resolve=everything_at(peer.port))
    await failure(at, "redirected more than 5 times")
    assert len(peer.conversations) == 6


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("file:///etc/hostname", "neither http nor https"),
        ("ftp://a.example/p.pac", "neither http nor https"),
        ("data:,FindProxyForURL", "neither http nor https"),
        ("http://[::1/p.pac", "no URL"),
        ("http://a b/", "host"),
        ("http://caf\xe9\xff/", ""),
        ("http://a.example:0/", "port"),
        ("http://a.example:99999/", ""),
    ],
)
async def test_redirects_elsewhere_are_refused(world: World, to: str, said: str) -> None:
    peer = await world.peer(answering(moved(to), then="close"))
    found = await failure(fetch_script(f"http://{HOST}/p.pac", resolve=everything_at(peer.port)), said)
    assert found.detail.isprintable()
    assert len(peer.conversations) <= 2


async def test_a_login_is_not_taken_from_a_redirect(world: World) -> None:
    last = await world.peer(answering(served(), then="close"))
    first = await world.peer(answering(moved("http://u:secret@other.example.net/q.pac"), then="close"))
    resolve = by_overrides(pac_corp_example_com=f"127.0.0.1:{first.port}", other_example_net=f"127.0.0.1:{last.port}")
    result = await fetch_script(f"http://{HOST}/p.pac", resolve=resolve)
    assert isinstance(result, Script)
    assert "secret" not in repr(result)
    assert b"uthorization" not in last.conversations[0].received


@pytest.mark.parametrize(
    "status", ["404 Not Found", "204 No Content", "206 Partial", "304 Not Modified", "500 Oops", "302 Found"]
)
async def test_only_200_will_do(world: World, status: str) -> None:
    found = await failure(fetched(world, served(b"", status=status)), f"answered {status[:3]} instead of 200")
    assert found.status == int(status[:3])


@pytest.mark.parametrize("status", ["401 Unauthorized", "407 Proxy Authentication Required"])
async def test_nobody_logs_in(world: World, status: str) -> None:
    answer = served(b"", 'WWW-Authenticate: Basic realm="x"', 'Proxy-Authenticate: Basic realm="x"', status=status)
    found = await failure(fetched(world, answer, f"http://u:secret@{HOST}/"), "it wants a login")
    assert "secret" not in found.detail


async def test_a_server_that_says_nothing(world: World) -> None:
    peer = await world.peer(silent)
    at = fetch_script(f"http://{HOST}/p.pac", resolve=everything_at(peer.port), limits=QUICK)
    await failure(at, f"not there within {SHORT} s", f"connecting to 127.0.0.1:{peer.port}")
    await peer.until(left=True)


async def test_a_server_that_never_comes_to_an_end(world: World) -> None:
    peer = await world.peer(dripping(served(), 0.05))
    at = fetch_script(f"http://{HOST}/p.pac", resolve=everything_at(peer.port), limits=QUICK)
    await failure(at, f"not there within {SHORT} s")
    await peer.until(left=True)


async def test_a_name_server_that_takes_its_time() -> None:
    async def resolve(host: str, port: int) -> Resolved:
        await asyncio.Event().wait()
        raise AssertionError

    at = fetch_script(f"http://{HOST}/p.pac", resolve=resolve, limits=QUICK)
    await failure(at, f"not there within {SHORT} s", f"looking up {HOST}")


async def test_an_address_that_drops_everything(world: World) -> None:
    at = fetch_script(f"http://{HOST}/p.pac", resolve=everything_at(deaf_port(world)), limits=QUICK)
    await failure(at, "127.0.0.1")


@pytest.mark.parametrize("head", [b"", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 99999999999\r\n"])
async def test_a_body_without_end_is_cut(world: World, head: bytes) -> None:
    piece = SCRIPT * 500
    chunk = f"{len(piece):x}\r\n".encode() + piece + b"\r\n" if b"chunked" in head else piece

    async def pour(talk: Conversation) -> None:
        await talk.head()
        await talk.say(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        while True:
            await talk.say(chunk)

    peer = await world.peer(pour)
    at = fetch_script(f"http://{HOST}/p.pac", resolve=everything_at(peer.port))
    await failure(at, "larger than 1,048,576 bytes")


async def test_the_size_itself_is_allowed(world: World) -> None:
    body = SCRIPT.ljust(1024 * 1024)
    assert len((await script(world, served(body))).text) == 1024 * 1024
    await failure(fetched(world, served(body + b" ")), "larger than 1,048,576 bytes")


async def test_headers_without_end_are_cut(world: World) -> None:
    async def pour(talk: Conversation) -> None:
        await talk.head()
        await talk.say(b"HTTP/1.1 200 OK\r\n")
        while True:
            await talk.say(b"X-Padding: 1234567890123456789012345678901234567890\r\n" * 100)

    peer = await world.peer(pour)
    await failure(fetch_script(f"http://{HOST}/p.pac", resolve=everything_at(peer.port)), "is not HTTP")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "is not HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n", "is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", "is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nfunction", "too early"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfun", "too early"),
        (b"HTTP/1.1 200 OK\r\nX: ", ""),
    ],
)
async def test_answers_that_are_none(world: World, answer: bytes, said: str) -> None:
    await failure(fetched(world, answer), said)


async def test_a_server_that_hangs_up(world: World) -> None:
    peer = await world.peer(closing)
    await failure(fetch_script(f"http://{HOST}/p.pac", resolve=everything_at(peer.port)), f"127.0.0.1:{peer.port}")


async def test_a_server_that_resets(world: World) -> None:
    peer = await world.peer(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", then="reset"))
    await failure(fetch_script(f"http://{HOST}/p.pac", resolve=everything_at(peer.port)), f"127.0.0.1:{peer.port}")


async def test_cancelled_in_the_middle_leaves_nothing(world: World) -> None:
    peer = await world.peer(silent)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(fetch_script(f"http://{HOST}/p.pac", resolve=everything_at(peer.port)), name="fetch")
        await peer.until(met=1)
        task.cancel()
    assert task.cancelled()
    await peer.until(left=True)


TEXT = 'function FindProxyForURL(url, host) { return "PROXY été:1"; } // Größe 世'


@pytest.mark.parametrize(
    ("body", "kind", "encoding"),
    [
        (TEXT.encode(), f"{PAC}; charset=utf-8", "utf-8"),
        (TEXT.encode(), f'{PAC}; charset="UTF-8"', "utf-8"),
        (codecs.BOM_UTF8 + TEXT.encode(), PAC, "utf-8"),
        (codecs.BOM_UTF8 + TEXT.encode(), f"{PAC}; charset=utf-8", "utf-8"),
        (codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"), PAC, "utf-16-le"),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), PAC, "utf-16-be"),
        (TEXT.encode("utf-16-le"), f"{PAC}; charset=utf-16le", "utf-16-le"),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), f"{PAC}; charset=utf-16", "utf-16"),
        (TEXT.encode("gb18030"), f"{PAC}; charset=GB18030", "gb18030"),
    ],
)
async def test_encodings(world: World, body: bytes, kind: str, encoding: str) -> None:
    result = await script(world, served(body, kind=kind))
    assert (result.text, result.encoding, result.remarks) == (TEXT, encoding, ())


async def test_latin_1_is_what_is_left(world: World) -> None:
    text = TEXT.removesuffix("世")
    assert (await script(world, served(text.encode("latin-1")))).text == text
    assert "Ã©tÃ©" in (await script(world, served(text.encode()))).text  # as browsers have it


@pytest.mark.parametrize("charset", ["klingon", "idna", "hex", "unicode_escape", "rot13", "undefined", "x" * 300])
async def test_a_charset_that_is_none_is_passed_over(world: World, charset: str) -> None:
    result = await script(world, served(SCRIPT, kind=f"{PAC}; charset={charset}"))
    assert result.encoding == "iso8859-1"
    assert result.remarks
    assert "not known" in result.remarks[0]


async def test_what_cannot_be_decoded_is_replaced_and_counted(world: World) -> None:
    result = await script(world, served(SCRIPT + b"// \xff\xfe", kind=f"{PAC}; charset=utf-8"))
    assert result.text.endswith("// \ufffd\ufffd")
    assert result.remarks == ("2 characters are not utf-8 and were replaced",)


async def test_the_parameter_comes_before_the_mark(world: World) -> None:
    body = codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le")
    await failure(fetched(world, served(body, kind=f"{PAC}; charset=utf-8")), "read as utf-8, without FindProxyForURL")
    marked = await script(world, served(codecs.BOM_UTF8 + SCRIPT, kind=f"{PAC}; charset=iso-8859-1"))
    assert marked.encoding == "iso8859-1"
    assert "the parameter was taken" in marked.remarks[0]


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "text/plain", "", "application/javascript"])
async def test_the_content_type_is_remarked_upon(world: World, kind: str) -> None:
    result = await script(world, served(kind=kind))
    assert result.text == SCRIPT.decode()
    assert any("served" in remark and PAC in remark for remark in result.remarks)
    assert not (await script(world, served(kind="Application/X-Javascript-Config"))).remarks


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (b"<html><body>Please log in</body></html>", "text/html", "a web page"),
        (b"<!DOCTYPE html><p>FindProxy", PAC, "a web page"),
        (b"", PAC, "it is empty"),
        (b" \r\n", PAC, "it is empty"),
        (SCRIPT.decode().encode("utf-16-le"), PAC, "UTF-16 without a byte-order mark"),
        (b"findproxyforurl = 1", PAC, "without FindProxyForURL"),
    ],
)
async def test_what_is_no_script(world: World, body: bytes, kind: str, said: str) -> None:
    await failure(fetched(world, served(body, kind=kind)), said)


@pytest.mark.parametrize(
    ("coding", "body"), [("gzip", gzip.compress(SCRIPT)), ("Deflate", zlib.compress(SCRIPT))], ids=["gzip", "deflate"]
)
async def test_compressed_unasked(world: World, coding: str, body: bytes) -> None:
    result = await script(world, served(body, f"Content-Encoding: {coding}"))
    assert result.text == SCRIPT.decode()
    assert result.digest == hashlib.sha256(SCRIPT).hexdigest()
    assert "without being asked to" in result.remarks[0]


@pytest.mark.parametrize(
    ("coding", "body", "said"),
    [
        ("gzip", gzip.compress(b" " * 20_000_000), "larger than"),
        ("gzip", SCRIPT, "says it is gzip and is not"),
        ("gzip", gzip.compress(SCRIPT)[:40], "in the middle"),
        ("br", SCRIPT, "content coding 'br'"),
    ],
    ids=["bomb", "lie", "cut", "unknown"],
)
async def test_compressed_badly(world: World, coding: str, body: bytes, said: str) -> None:
    await failure(fetched(world, served(body, f"Content-Encoding: {coding}")), said)


async def over_tls(world: World, tls: ssl.SSLContext, roots: str | None, host: str = HOST) -> Script | Failure:
    peer = await world.peer(answering(served(), then="close"), tls=tls)
    return await fetch_script(f"https://{host}/p.pac", resolve=everything_at(peer.port), roots=roots)


@pytest.fixture
def roots(tmp_path: Path) -> str:
    path = tmp_path / "roots.pem"
    authority().cert_pem.write_to_path(str(path))
    return str(path)


@pytest.mark.parametrize("host", [HOST, "192.0.2.7"])
async def test_tls_under_given_roots(world: World, roots: str, host: str) -> None:
    result = await over_tls(world, server_tls(HOST, "192.0.2.7"), roots, host)
    assert isinstance(result, Script), result
    assert result.url == f"https://{host}/p.pac"


async def test_tls_under_the_machines_store(world: World, roots: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await failure(over_tls(world, server_tls(HOST), None), f"not trusted for {HOST}", "X509_V_ERR 20")
    from prober.engine import document_web

    monkeypatch.setattr(document_web, "machine_roots", Path(roots).read_bytes)
    assert isinstance(await over_tls(world, server_tls(HOST), None), Script)


async def test_tls_with_another_name(world: World, roots: str) -> None:
    await failure(over_tls(world, server_tls("other.example.com"), roots), f"not trusted for {HOST}", "X509_V_ERR 62")


async def test_tls_where_there_is_none(world: World, roots: str) -> None:
    peer = await world.peer(after_bytes(served(status="400 Bad Request"), then="eof"))
    at = fetch_script(f"https://{HOST}/p.pac", resolve=everything_at(peer.port), roots=roots)
    await failure(at, f"127.0.0.1:{peer.port}: TLS failed: ")


async def test_plain_http_where_there_is_tls(world: World) -> None:
    peer = await world.peer(answering(served(), then="close"), tls=server_tls(HOST))
    await failure(fetch_script(f"http://{HOST}/p.pac", resolve=everything_at(peer.port)), f"127.0.0.1:{peer.port}")


async def test_a_redirect_from_https_to_http_is_said(world: World, roots: str) -> None:
    last = await world.peer(answering(served(), then="close"))
    first = await world.peer(answering(moved("http://plain.example.com/"), then="close"), tls=server_tls(HOST))
    resolve = by_overrides(pac_corp_example_com=f"127.0.0.1:{first.port}", plain_example_com=f"127.0.0.1:{last.port}")
    result = await fetch_script(f"https://{HOST}/p.pac", resolve=resolve, roots=roots)
    assert isinstance(result, Script), result
    assert any("in the clear" in remark for remark in result.remarks)


@pytest.mark.parametrize("content", [None, b"", b"nothing\n"])
async def test_roots_that_are_none(world: World, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "r.pem"
    if content is not None:
        path.write_bytes(content)
    await failure(over_tls(world, server_tls(HOST), str(path)), "r.pem: no roots can be read there")


async def test_our_own_exhaustion_is_called_so() -> None:
    with no_descriptors_left():
        at = fetch_script(f"http://{HOST}/p.pac", resolve=everything_at(9))
        await failure(at, "EMFILE", reason=Reason.LOCAL_DESCRIPTORS)


async def test_exhaustion_of_the_resolver_is_called_so() -> None:
    async def resolve(host: str, port: int) -> Resolved:
        raise ResolutionError(Reason.LOCAL_DESCRIPTORS, "EMFILE")

    await failure(fetch_script(f"http://{HOST}/p.pac", resolve=resolve), reason=Reason.LOCAL_DESCRIPTORS)


@pytest.mark.parametrize(
    "url",
    ["http://", "http:///p.pac", "http://a b/", "https://[::1/", "http://h:99999/", "http://h:0/", "ftp://h/p.pac",
     "data:text/plain,FindProxyForURL", "javascript:FindProxyForURL()", "gopher:x", "http:p.pac", "http://\udcff/", "http://h:x/"],
)  # fmt: skip
async def test_urls_that_are_none(url: str) -> None:
    found = await failure(fetch_script(url, resolve=everything_at(closed_port())))
    assert len(found.detail) < 500


As = Callable[[Path], str]
PATH, FILE_URL = str, Path.as_uri


@pytest.mark.parametrize("as_source", [PATH, FILE_URL, lambda path: f"FILE://localhost{path.as_uri()[7:]}"])
async def test_files(tmp_path: Path, as_source: As) -> None:
    path = tmp_path / "a b é.pac"
    path.write_bytes(codecs.BOM_UTF8 + TEXT.encode())
    source = as_source(path)
    result = await fetch_script(source, resolve=by_overrides())
    assert isinstance(result, Script), result
    assert (result.text, result.encoding, result.fetched_from, result.url) == (TEXT, "utf-8", None, str(path))
    assert result.source == source
    assert bool(result.remarks) is (source != str(path))


async def test_files_that_are_none(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(SCRIPT.ljust(1024 * 1024 + 1))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, said in [
        (large, "larger than 1,048,576 bytes"),
        (pipe, "not a regular file"),
        (tmp_path, "not a regular file"),
        (tmp_path / "none", "ENOENT"),
        ("/dev/zero", "not a regular file"),
        ("a\0b", "a"),
        ("", "ENOENT"),
        ("file://server/share/p.pac", "on another machine"),
        ("file://[", "not a URL"),
    ]:
        await failure(fetch_script(str(path), resolve=by_overrides()), said)
