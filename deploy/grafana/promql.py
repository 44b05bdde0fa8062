"""Pieces of PromQL that the dashboards share.

Two rules keep the numbers right wherever several probers report. A pair (egress, target, route) may be probed by two
replicas, or move from one shard to another: it is first reduced to one value, the worse one, over whatever labels the
scrape added. Counters and histograms are summed, since each probe was made once.

No expression invents a value where there is no data: a prober that is gone shows as a gap, not as "0 unreachable".
"""

from __future__ import annotations

from typing import Final

EGRESS: Final = 'egress=~"$egress"'
ROUTE: Final = f'{EGRESS}, route=~"$route"'
"""For metrics by route."""
SERVED: Final = f'{EGRESS}, service=~"$service", route=~"$route"'
"""For metrics by route and service."""
PAIR: Final = f'{EGRESS}, service=~"$service", geography=~"$geography", route=~"$route"'
"""For metrics by target and route."""

BY_PAIR: Final = "egress, service, geography, target, host, port, route"
"""What a pair is, with what a reader wants to know of it."""
RATE: Final = "[$__rate_interval]"


def with_labels(selector: str, further: str) -> str:
    """A selector with more matchers."""
    return f"{selector}, {further}" if further else selector


def worst(metric: str, further: str = "", by: str = BY_PAIR) -> str:
    """One value a pair of a metric whose 1 is bad."""
    return f"max by ({by}) ({metric}{{{with_labels(PAIR, further)}}})"


def good(metric: str, further: str = "", by: str = BY_PAIR) -> str:
    """One value a pair of a metric whose 1 is good: 0 if any replica says so."""
    return f"min by ({by}) ({metric}{{{with_labels(PAIR, further)}}})"


def failures(further: str, by: str, selector: str = SERVED) -> str:
    """How many probes failed within the rate interval, the first of its kind included.

    A series of `prober_failures_total` begins when something fails for the first time, with 1 and not with 0, which
    `increase` does not see. So what was not there at its begin counts whole, provided that its instance was:
    else everything would count again after Prometheus itself was away.
    """
    metric = f"prober_failures_total{{{with_labels(selector, further)}}}"
    window = RATE.strip("[]")
    return (
        f"sum by ({by}) (\n"
        f"  (\n"
        f"    {metric} unless {metric} offset {window}\n"
        f"    and on (egress, instance) prober_build_info{{{EGRESS}}} offset {window}\n"
        f"  )\n"
        f"  or increase({metric}{RATE})\n"
        ") > 0"
    )


def verdicts(word: str) -> str:
    """How many pairs have this verdict in force."""
    selector = f'verdict="{word}"'
    return f"sum({worst('prober_interception_verdict', selector)})"


def mean(metric: str, selector: str, by: str) -> str:
    """The mean of what a histogram has counted, over all instances; no value where nothing was."""
    seconds = f"sum by ({by}) (rate({metric}_sum{{{selector}}}{RATE}))"
    times = f"sum by ({by}) (rate({metric}_count{{{selector}}}{RATE}))"
    return f"{seconds}\n/ ({times} > 0)"


def quantile(share: float, metric: str, selector: str, by: str) -> str:
    """A quantile of a classic histogram, over all instances."""
    return f"histogram_quantile({share}, sum by ({by}, le) (rate({metric}_bucket{{{selector}}}{RATE})))"


def availability(window: str, by: str) -> str:
    """The share of probes that reached their target, of those that the prober could make."""
    made = f'prober_probes_total{{{SERVED}, result!="error"}}'
    reached = f'prober_probes_total{{{SERVED}, result="success"}}'
    return f"sum by ({by}) (increase({reached}{window})) / (sum by ({by}) (increase({made}{window})) > 0)"


def state(by: str) -> str:
    """The worst state of all pairs in a group: 4 unreachable, 3 intercepted, 2 untrusted, 1 suspect, 0 works.

    `or` takes a pair's first entry, so the order of the lines is the order of badness.
    """
    return (
        f"max by ({by}) (\n"
        f"  (prober_target_reachable{{{PAIR}}} == 0) + 4\n"
        f"  or (prober_target_intercepted{{{PAIR}}} == 1) + 2\n"
        f"  or (prober_target_trusted{{{PAIR}}} == 0) + 2\n"
        f'  or max without (verdict) (prober_interception_verdict{{{PAIR}, verdict="suspect"}} == 1)\n'
        f"  or prober_target_reachable{{{PAIR}}} * 0\n"
        ")"
    )


def with_egress(expression: str) -> str:
    """Give a metric of the process, which has none, the egress of its instance."""
    return (
        f"{expression}\n* on (job, instance) group_left (egress) "
        f"max by (job, instance, egress) (prober_build_info{{{EGRESS}}})"
    )
