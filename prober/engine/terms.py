"""What one probe is made on, beside the settings of all, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from prober.engine.address_policy import AddressPolicy
from prober.model import Observation
from prober.model.inquiry import Inquiry


@dataclass(frozen=True, slots=True)
class Terms:
    """What differs for one probe; None = as the settings have it."""

    timeout: float | None = None
    """Seconds for the whole probe."""
    family: str | None = None
    """`ipv4-first`, `ipv6-first`, `ipv4` or `ipv6`."""
    guard: AddressPolicy | None = None
    """Which addresses of the target may be connected to, or be named to a proxy. Proxies are not asked about: they come
    from the configuration."""
    inquiry: Inquiry | None = None
    """What is asked of the target beyond whether it is reached."""


AS_SET = Terms()
"""Nothing differs."""


@dataclass(frozen=True, slots=True)
class Probed:
    """One probe that was made."""

    observation: Observation
    begun: float
    """When it really began: seconds on the monotonic clock, which is one for all processes of a machine."""
    late: float
    """Seconds after its moment, >= 0, without `waited`: the prober's own lateness."""
    refused: str | None = None
    """Why the guard of its terms kept it from the target, as a sentence. The observation has failed then."""
    stood_still: float = 0.0
    """Seconds of its time in which the process that made it stood still (`LagSampler.stood_still`)."""
    waited: float = 0.0
    """Seconds after its moment for which limits held it back (`concurrency`, `per_route`, `per_host`, `rate`)."""
