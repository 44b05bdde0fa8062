"""blackbox_exporter driven by wrk: probes it makes, and its own processor time from /proc.

wrk runs beside the origin, as a Prometheus would, with so many scrapes under way that the exporter is never idle and
none waits long. Each answer has to say `probe_success 1`. What is under way when wrk stops has cost something and is
not answered: it counts as made, in the exporter's favour.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from benchmarks.bench_ceiling import free_port, running
from benchmarks.speed.jobs import Spent
from benchmarks.speed.machine import Cores, on

PROGRAM = "prometheus-blackbox-exporter"
_MODULES = """
modules:
  tls:
    prober: tcp
    timeout: 10s
    tcp:
      tls: true
      preferred_ip_protocol: ip4
      tls_config: {insecure_skip_verify: true}
  https:
    prober: http
    timeout: 10s
    http:
      method: GET
      preferred_ip_protocol: ip4
      follow_redirects: false
      tls_config: {insecure_skip_verify: true}
"""
_LOOK = """
local threads = {}
function setup(thread) table.insert(threads, thread) end
function init(args) good = 0; failed = 0 end
function response(status, headers, body)
  if status == 200 and string.find(body, "probe_success 1", 1, true) then good = good + 1 else failed = failed + 1 end
end
function done(summary, latency, requests)
  local all, wrong = 0, 0
  for _, thread in ipairs(threads) do all = all + thread:get("good"); wrong = wrong + thread:get("failed") end
  io.write(string.format("good %d failed %d\\n", all, wrong))
end
"""
_WARM = 1.0
"""Seconds that do not count, with each module."""
_COUNTED = re.compile(r"good (\d+) failed (\d+)")


class Exporter:
    """One that runs, on the client's core."""

    def __init__(self, port: int, origin: int, script: Path, cores: Cores, in_flight: int) -> None:
        self._port = port
        self._origin = origin
        self._script = script
        self._cores = cores
        self._in_flight = in_flight
        self._process = next(
            each
            for each in psutil.Process().children()
            if each.name().startswith(PROGRAM[:15])  # as long as the kernel keeps a name
        )

    def probe(self, module: str, seconds: float) -> Spent:
        """So many seconds of probes with one of the modules: `tls` or `https`. Ends the program if one fails."""
        address = f"127.0.0.1:{self._origin}"
        target = address if module == "tls" else f"https://{address}/"
        url = f"http://127.0.0.1:{self._port}/probe?module={module}&target={target}"
        command = ["wrk", "-t1", f"-c{self._in_flight}", f"-d{seconds:.0f}s", "--timeout", "10s"]
        before, began = self._process.cpu_times(), time.perf_counter()
        with on(self._cores.others):
            done = subprocess.run([*command, "-s", str(self._script), url], capture_output=True, text=True, check=False)
        after, wall = self._process.cpu_times(), time.perf_counter() - began
        found = _COUNTED.search(done.stdout)
        if found is None or found[2] != "0" or "Socket errors" in done.stdout:
            raise SystemExit(f"blackbox_exporter under wrk: {done.stdout[-400:]}{done.stderr[-400:]}")
        return Spent(
            count=int(found[1]) + self._in_flight,
            user=after.user - before.user,
            system=after.system - before.system,
            wall=wall,
        )


@contextmanager
def exporter(folder: Path, origin: int, cores: Cores, in_flight: int) -> Iterator[Exporter | None]:
    """An exporter for one origin; None if it or wrk is not installed."""
    if shutil.which(PROGRAM) is None or shutil.which("wrk") is None:
        yield None
        return
    settings, script, port = folder / "blackbox.yml", folder / "look.lua", free_port()
    settings.write_text(_MODULES)
    script.write_text(_LOOK)
    options = ["--config.file", str(settings), "--web.listen-address", f"127.0.0.1:{port}", "--log.level", "error"]
    with ExitStack() as stack:
        with on(cores.client):  # Go takes the number of its threads from that, too
            stack.enter_context(running([PROGRAM, *options], port=port))
        started = Exporter(port, origin, script, cores, in_flight)
        for module in ("tls", "https"):
            started.probe(module, _WARM)
        yield started
