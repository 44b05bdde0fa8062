"""The process of one PAC script: reads the script and URLs on standard input, writes answers on standard output.

Limits are set before the script is seen. What ends a script that does not end is the kernel: a timer of processor time
whose signal nobody handles. The engine has a limit of its own, but it is not looked at inside of built-in functions
(searching a long text can take minutes), and it forbids calls into Python, which resolving names needs.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import json
import os
import re
import resource
import signal
import sys
import threading
import time
from typing import Any, Final

import quickjs

from prober.engine.pac import framing

_THREAD_STACK: Final = 48 * 1024 * 1024
_ENGINE_STACK: Final = 32 * 1024 * 1024
"""An engine frame takes 1.6 KiB of the C stack; browsers allow about ten thousand."""
_IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


class ParentGone(Exception):
    """The other end of the pipes is closed."""


def restrict(address_space: int, seconds: int) -> None:
    """No files, no core, no children, not more memory and processor time than that."""
    for what, most in (
        (resource.RLIMIT_NOFILE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, address_space),
    ):
        _, hard = resource.getrlimit(what)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(what, (bound, bound))
        except (OSError, ValueError):
            if what != resource.RLIMIT_AS:  # macOS does not know it; the engine's own limit stands
                raise


class Pipes:
    """Standard input and output, by whole messages."""

    def __init__(self, source: int, sink: int) -> None:
        self._source = source
        self._sink = sink

    def read(self) -> tuple[bytes, Any]:
        """The next message. Raises ParentGone at the end."""
        size, kind = framing.HEAD.unpack(self._exactly(framing.HEAD.size))
        if size > framing.MOST_DOWN:
            raise ParentGone
        return kind, json.loads(self._exactly(size))

    def write(self, kind: bytes, payload: str) -> None:
        """A message. Raises ParentGone."""
        rest = memoryview(framing.framed(kind, payload.encode("utf-8", "replace")))
        try:
            while rest:
                rest = rest[os.write(self._sink, rest) :]
        except OSError:
            raise ParentGone from None

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            try:
                data = os.read(self._source, min(size, 1 << 20))
            except OSError:
                data = b""
            if not data:
                raise ParentGone
            parts.append(data)
            size -= len(data)
        return b"".join(parts)


class Script:
    """A script with its functions in an engine. Every method leaves a report as JSON for the parent."""

    def __init__(self, setup: dict[str, Any], pipes: Pipes) -> None:
        self._pipes = pipes
        self._seconds: float = setup["call_seconds"]
        self._windows = setup["settings"]["reading"] == "winhttp"
        self._context = quickjs.Context()
        self._context.set_memory_limit(setup["memory"])
        self._context.set_max_stack_size(_ENGINE_STACK)
        self._context.add_callable("native", self._native)
        factory = self._context.eval("\n" * framing.LIBRARY_AFTER + setup["library"])
        self._run = factory(json.dumps(setup["settings"]))

    def begin(self, run: dict[str, Any]) -> None:
        """A run at a moment, in a zone."""
        sign = "-" if run["offset"] >= 0 else "+"  # POSIX counts westwards
        hours, minutes = divmod(abs(run["offset"]), 60)
        os.environ["TZ"] = f"<PAC>{sign}{hours:02}:{minutes:02}"
        time.tzset()
        self._run("begin", float(run["now"]))  # integers lose all but 32 bits

    def load(self, text: str, seconds: float) -> str:
        """Evaluate the script itself."""
        with _Clock(seconds):
            try:
                self._context.eval(text)
            except (quickjs.JSException, MemoryError) as error:
                return json.dumps({**_seen(str(error)), "failed": True})
            except (TypeError, ValueError):
                pass  # its last value has no counterpart in Python, and nobody wants it
            return self._reported("loaded")

    def ask(self, url: str, host: str) -> str:
        """Call the script for one URL."""
        with _Clock(self._seconds):
            return self._reported("ask", url, host)

    def _reported(self, *task: str) -> str:
        try:
            report = self._run(*task)
        except (quickjs.JSException, MemoryError) as error:  # no memory left even to report
            return json.dumps({**_seen(str(error) or "InternalError: out of memory"), "failed": True})
        except (TypeError, ValueError, SystemError) as error:
            return json.dumps({"name": type(error).__name__, "message": str(error)[:200], "failed": True})
        return report if isinstance(report, str) else json.dumps({"message": "no report", "failed": True})

    def _native(self, task: str, text: str) -> str:
        """The only way out of the engine. An exception here would be lost, or taken for a fault of the engine's."""
        try:
            given = json.loads(text)
            match task:
                case "resolve":
                    return self._resolve(given[0])
                case "in-net":
                    return "1" if in_net(given[0], given[1], mapped=not self._windows) else ""
                case "sort":
                    return sorted_addresses(given[0])
        except (ValueError, TypeError, IndexError):
            pass
        return ""

    def _resolve(self, name: str) -> str:
        literal = _address(name)
        if literal is not None:
            return name
        try:
            self._pipes.write(framing.QUESTION, json.dumps(name))
            _, told = self._pipes.read()
        except ParentGone:
            os._exit(0)  # an exception would go to the script, which might go on for ever
        return "!" if told is None else ";".join(told)


class _Clock:
    """Processor time: at its end the kernel ends the process."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, self._seconds)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _seen(text: str) -> dict[str, Any]:
    """An exception as the engine prints it: `Name: message`, then lines of the form `    at function (<input>:3:5)`."""
    head, _, stack = text.partition("\n    at ")
    name, colon, message = head.partition(": ")
    if not colon or not name.isidentifier():
        name, message = "", head
    parsing = name == "SyntaxError" and stack.startswith("<input>")
    return {"name": name[:100], "message": message[:400], "stack": stack[:4000], "parsing": parsing}


def _address(text: str) -> _IPAddress | None:
    """An IP literal; with a zone it is none here."""
    if "%" in text or not text.isascii():
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


@functools.lru_cache(maxsize=4096)
def in_net(address_text: str, prefix_text: str, *, mapped: bool) -> bool:
    """isInNetEx. Families that differ never match, unless IPv4 is taken in its mapped form (`::ffff:a.b.c.d`)."""
    address = _address(address_text)
    network_text, slash, length_text = prefix_text.partition("/")
    network = _address(network_text)
    if address is None or network is None or not slash or not re.fullmatch(r"[0-9]{1,3}", length_text):
        return False
    length = int(length_text)
    if length > network.max_prefixlen:
        return False
    if address.version != network.version:
        if not mapped:
            return False
        if network.version == 4:
            length += 96
        address, network = _mapped(address), _mapped(network)
    shift = network.max_prefixlen - length
    return int(address) >> shift == int(network) >> shift


def _mapped(address: _IPAddress) -> ipaddress.IPv6Address:
    if isinstance(address, ipaddress.IPv6Address):
        return address
    return ipaddress.IPv6Address(0xFFFF_0000_0000 | int(address))


def sorted_addresses(text: str) -> str:
    """sortIpAddressList: IPv6 first, then by number; the texts stay as they are. Empty if one is no address."""
    parts = [part for part in text.replace(" ", "").replace("\t", "").split(";") if part]
    found = [(address, part) for part in parts if (address := _address(part)) is not None]
    if len(found) < len(parts):
        return ""
    found.sort(key=lambda each: (-each[0].version, int(each[0])))
    return ";".join(part for _, part in found)


def serve(pipes: Pipes) -> None:
    """Load the script and answer for URLs until the parent is gone."""
    kind, setup = pipes.read()
    if kind != framing.SETUP:
        return
    script = Script(setup, pipes)
    restrict(setup["address_space"], setup["process_seconds"])
    script.begin(setup["run"])
    pipes.write(framing.LOADED, script.load(setup["script"], setup["load_seconds"]))
    while True:
        kind, batch = pipes.read()
        if kind != framing.BATCH:
            return
        if batch["run"] is not None:
            script.begin(batch["run"])
        for url, host in batch["urls"]:
            pipes.write(framing.ANSWER, script.ask(url, host))


def _work(pipes: Pipes) -> None:
    try:
        serve(pipes)
    except ParentGone:
        pass
    except Exception as error:  # noqa: BLE001 # nobody else can tell the parent
        with contextlib.suppress(ParentGone):
            pipes.write(framing.BROKEN, json.dumps(f"{type(error).__name__}: {error}"[:500]))


def main() -> None:
    """Entry of the process. The engine gets a thread for the sake of its stack."""
    pipes = Pipes(os.dup(0), os.dup(1))
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(null, number)  # what anybody prints must not come between the messages
    os.close(null)
    threading.stack_size(_THREAD_STACK)
    work = threading.Thread(target=_work, args=(pipes,), name="script")
    work.start()
    work.join()
    sys.stdout.flush()
