"""What the program says of itself at the moment of a scrape."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from prober import __version__
from prober.engine.usage import Usage
from prober.monitor.metrics.counters import Group
from prober.monitor.metrics.histogram import Counted


@dataclass(frozen=True, slots=True)
class Build:
    """What runs here."""

    openssl: str = ""
    """As the library that makes the handshakes names itself."""
    version: str = __version__
    python: str = field(default_factory=platform.python_version)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessFacts:
    """Numbers of the whole program. None = unknown: not exported."""

    pairs: int
    """Pairs that are probed."""
    in_flight: int
    """Probes running now."""
    restarts: int
    """Workers that were started again."""
    skipped: int
    """Starts that were left out because the pair was still running."""
    lags: Mapping[str, Counted]
    """How late each process's event loop was: `front`, `worker-1` and so on."""
    usages: Mapping[str, Usage] = field(default_factory=dict)
    """What each worker uses of the machine: `worker-1` and so on."""
    reload_ok: bool | None = None
    """Whether the newest load of the configuration worked."""
    reload_at: float | None = None
    """When one last worked: seconds since the epoch."""
    store_ok: bool | None = None
    """Whether the state file works; None = there is none."""
    shard: int = 0
    """Which share of the targets this one probes, from 0 on."""
    shards: int = 1
    """Among how many they are divided."""
    build: Build = field(default_factory=Build)

    def groups(self) -> Iterator[Group]:
        """The facts as series."""
        yield Group("prober_event_loop_lag_seconds", {(name,): lag for name, lag in self.lags.items()})
        for metric, used in (
            ("prober_process_resident_memory_bytes", {name: usage.memory for name, usage in self.usages.items()}),
            ("prober_process_cpu_seconds_total", {name: usage.cpu for name, usage in self.usages.items()}),
            ("prober_process_open_fds", {name: usage.descriptors for name, usage in self.usages.items()}),
        ):
            yield Group(metric, {(name,): float(number) for name, number in used.items() if number is not None})
        for metric, value in (
            ("prober_schedule_skipped_total", self.skipped),
            ("prober_scheduled_pairs", self.pairs),
            ("prober_probes_in_flight", self.in_flight),
            ("prober_worker_restarts_total", self.restarts),
            ("prober_state_store_ok", self.store_ok),
            ("prober_config_last_reload_successful", self.reload_ok),
            ("prober_config_last_reload_success_timestamp_seconds", self.reload_at),
        ):
            yield Group(metric, {} if value is None else {(): float(value)})
        yield Group("prober_shards", {(str(self.shard),): float(self.shards)})
        build = self.build
        yield Group("prober_build_info", {(build.version, build.python, build.openssl): 1.0})
