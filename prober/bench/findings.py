"""What runs amount to, as parts of a benchmark's document: capacities, differences, changes of inspection."""

from __future__ import annotations

from msgspec import Struct

from prober.bench.amounts import Amount, Change, Share
from prober.report.scalars import Count


class CapacityDoc(Struct, frozen=True):
    """What a search for the knee found on one route."""

    route: str
    knee: Amount | None
    """Highest rate that was valid, and confirmed; null where none was."""
    breaking: Amount | None
    """Lowest rate that was not; null where none was tried."""
    reason: str
    """Why it is no more, as a sentence."""
    word: str = ""
    """The same as a closed word."""
    generator_limited: bool = False
    """The generator gave up first: the knee is then `at least`, and no capacity."""
    confirmed: bool = False
    at_least: bool = False
    """The capacity is not known, only that it is not below the knee."""
    direct_limited: bool = False
    """Without a proxy it broke at such a rate too: no capacity of the proxy."""
    low: Amount | None = None
    """What the confirmation runs achieved at least."""
    high: Amount | None = None
    """The breaking point: the capacity is not above it."""
    baseline_p99: Amount | None = None
    """p99 of the response time at the lowest load."""
    limit_p99: Amount | None = None
    """Above it a rate was not held to be borne."""
    best_power: Amount | None = None
    """The rate with the greatest throughput for each second of response time (Kleinrock's power)."""


class DifferenceDoc(Struct, frozen=True):
    """One percentile of two routes: `b` less `a`."""

    a: str
    b: str
    percentile: str
    """`p50`, `p95`, `p99`."""
    difference: Change
    """Seconds."""
    low: Change
    """Interval, exact over rounds, at `confidence`."""
    high: Change
    share: Change
    """Of a's."""
    share_low: Change
    share_high: Change
    distinguishable: bool
    """After Holm's correction over all pairs and percentiles."""
    confidence: Share = 0.95
    """More than 0.95 where the correction asked for it."""
    probability: Share | None = None
    """That rounds as unlike as these come about between equals; not corrected."""
    detectable: Amount | None = None
    """A difference of this size would have been found nine times in ten."""
    rounds: Count = 0
    word: str = ""
    """Why the two are not comparable (`failures`, `not-started`, `generator-limited`); empty where they are."""


class TierDoc(Struct, frozen=True):
    """Routes of which none can be told apart from the first, the one with the lowest percentile."""

    percentile: str
    place: Count
    """From 1."""
    routes: tuple[str, ...]
    word: str = ""
    """`not-comparable`: no tier, but those that have no place among the others."""


class PercentileDoc(Struct, frozen=True):
    """A route's response times over all its blocks, in seconds."""

    route: str
    percentile: str
    value: Amount
    low: Amount | None
    """95 % interval, bootstrap over blocks."""
    high: Amount | None


class FitnessDoc(Struct, frozen=True):
    """What came of a route's blocks, and whether it may be compared by them."""

    route: str
    blocks: Count
    ended: Count
    failed: Count
    skipped: Count
    """Due and never started."""
    invalid: Count
    """Blocks that were not valid, those that the generator limited among them."""
    generator_limited: Count
    word: str = ""
    """Why it may not be compared, as in `DifferenceDoc`."""


class ComparisonDoc(Struct, frozen=True):
    """Routes side by side, from interleaved blocks."""

    rate: Amount
    blocks: Count
    """Of each route: rounds."""
    order: tuple[str, ...]
    """What was run, block after block, the null run's among them."""
    differences: tuple[DifferenceDoc, ...]
    tiers: tuple[TierDoc, ...]
    percentiles: tuple[PercentileDoc, ...] = ()
    remarks: tuple[str, ...] = ()
    fitness: tuple[FitnessDoc, ...] = ()


class FlipDoc(Struct, frozen=True):
    """What leaf keys tell about TLS inspection on a route."""

    route: str
    kind: str
    """A closed word: `intercepted`, `fails-open`, `begins-to-intercept`, `issuer-changed`, …"""
    text: str
    second: Amount | None = None
    """When it began, since the run's start."""
    rate: Amount | None = None
    """Operations per second offered then."""
    run: Count | None = None
    """Place of the run in `runs`."""
    before: Count | None = None
    """Place of the run that was otherwise, where it is a change from one run to another."""
