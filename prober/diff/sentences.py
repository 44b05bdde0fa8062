"""What is said of a group of differences: who did what to how many targets, over which ways. Texts are as they came:
escape before showing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from prober.diff.causes import Group
from prober.diff.kinds import Kind
from prober.diff.saved import SavedFailure, SavedVerdict, whole_failure
from prober.diff.state import Hops, PairState
from prober.failures import hint, proxy_name, sentence
from prober.model import Route
from prober.report.document import RouteHopDoc
from prober.report.finding import NAMED_WAYS, failure_of, named_ways, route_over
from prober.report.matrix import Way
from prober.report.names import common_name
from prober.report.sanitize import seconds, several

NO_LOOK: Final = "somebody unknown"
UNSEEN: Final = (
    "Nothing can be said about it: probe it again. If it was left out on purpose, leave it out before as well."
)


def sentence_of(group: Group, ways: Sequence[Way]) -> str:
    """One sentence. `ways` are all of the comparison: with several egress points their names come first."""
    text = f"{_said(group, ways)}{_suffixes(group)}"
    if group.flapping and group.kind not in (Kind.NEWLY_FLAPPING, Kind.NO_LONGER_FLAPPING):
        text += f"; {several(group.flapping, 'of these pairs is', 'of these pairs are')} flapping"
    return text


def hint_of(group: Group) -> str:
    """What to do, where the older or newer failure knows; else nothing."""
    if group.kind in (Kind.EGRESS_GONE, Kind.ROUTE_GONE):
        return UNSEEN
    failure = _failure_told(group)
    known = None if failure is None else failure_of(whole_failure(failure))
    if known is None or group.severity == "improvement":
        return ""
    meant = "these names" if len(group.hosts) > 1 else group.hosts[0]
    return hint(known, route=_route(group), target=meant)


def detail_of(group: Group) -> str:
    """What came back, as it came, of the first pair."""
    failure = _failure_told(group)
    return "" if failure is None else failure.detail


def words_of(group: Group) -> str:
    """The closed words: stage, hop, reason."""
    change = group.first
    if not change.stage:
        return ""
    where = "" if change.hop is None else f", hop {change.hop}" if change.hop else ", target"
    return f"{change.reason} (stage {change.stage}{where})" if change.reason else f"stage {change.stage}{where}"


def ways_text(group: Group, ways: Sequence[Way]) -> str:
    """`direct, hq`, `all 3 routes`."""
    if len({egress for egress, _ in ways}) > 1 and len(group.ways) > 3:
        egresses = {egress for egress, _ in group.ways}
        names = {route for _, route in group.ways}
        if len(names) == 1 and len(egresses) > 1:
            return f"{next(iter(names))} from {several(len(egresses), 'egress point')}"
    return named_ways(group.ways, ways)


def count_text(group: Group) -> str:
    """`12 of 65 targets`, `all 12 targets`, or the name of the only one."""
    number = len(group.targets)
    if number == 1:
        return group.hosts[0]
    if group.whole == number:
        return f"all {number:,} targets"
    return f"{number:,} of {several(group.whole, 'target')}" if group.whole else several(number, "target")


def _said(group: Group, ways: Sequence[Way]) -> str:
    change, kind = group.first, group.kind
    count = count_text(group)
    over = f" over {ways_text(group, ways)}" if len(ways) > 1 else ""
    old = change.before
    match kind:
        case Kind.NEWLY_UNREACHABLE | Kind.NEWLY_REACHABLE:
            return _reach(group, count, over, ways)
        case Kind.FAILURE_CHANGED:
            return f"{_failed(group, count, over, ways)}; before: {_place(old)}"
        case Kind.NEWLY_UNTRUSTED | Kind.NO_LONGER_UNTRUSTED:
            by = f", issued by {common_name(change.bad.issuer)}" if change.bad.issuer else ""
            if kind is Kind.NEWLY_UNTRUSTED:
                return f"{_failed(group, count, over, ways)}{by}"
            return f"{count}{over}: trusted now; before: {change.reason}{by}"
        case Kind.NEWLY_FLAPPING:
            return f"{count}{over}: some probes get through and some do not ({_broken(group)})"
        case Kind.NO_LONGER_FLAPPING:
            return f"{count}{over}: all probes agree now; before, some failed ({_broken(group)})"
        case Kind.SLOWER | Kind.FASTER:
            return _speed(group, count, over)
        case Kind.NEWLY_ON_FALLBACK | Kind.NO_LONGER_ON_FALLBACK:
            return _fallback(group, count, over)
        case _:
            return _plain(group, count, over)


def _plain(group: Group, count: str, over: str) -> str:
    kind, change = group.kind, group.first
    old, new = change.before, change.after
    if old is None or new is None:
        return _one_sided(group, count, over)
    if kind.value.endswith(("intercepted", "blocked", "suspect")):
        now = change.bad is new
        told = f"{_opened(change.bad.verdict, _route(group))}{_proxies(group)}"
        return f"{count}{over}: {told}" if now else f"{count}{over}: before, {told}; not any more"
    if kind in (Kind.NEWLY_REVOKED, Kind.NO_LONGER_REVOKED):
        return f"{count}{over}: {'a certificate is revoked' if kind is Kind.NEWLY_REVOKED else 'not revoked any more'}"
    if kind in (Kind.REVOCATION_LOST, Kind.REVOCATION_BACK):
        text = f"the revocation of the certificates of {count}{over}"
        return f"{text} cannot be looked up any more" if kind is Kind.REVOCATION_LOST else f"{text} can be looked up"
    if kind is Kind.WAY_CHANGED:
        return f"{count}{over}: goes {_way_text(new.via)} now; before: {_way_text(old.via)}"
    if kind is Kind.TARGET_CHANGED:
        return (
            f"{count}{over}: asks for {_asks(new)} now; before: {_asks(old)}"
            if count == group.hosts[0]
            else (f"{count}{over}: the request is another one than before")
        )
    if old.status != new.status and "status" in kind.value:
        return f"{count}{over}: answers {new.status} now; before: {old.status}"
    if kind is Kind.LEAF_KEY_CHANGED:
        return f"{count}{over}: a new key, issued by {common_name(new.issuer)} as before"
    text = f"{count}{over}: issued by {common_name(new.issuer)} now; before: {common_name(old.issuer)}"
    return f"{text} (anchor {new.anchor} now; before: {old.anchor})" if kind is Kind.ANCHOR_CHANGED else text


def _one_sided(group: Group, count: str, over: str) -> str:
    kind = group.kind
    when = "this time" if kind.value.endswith("gone") else "before"
    if kind in (Kind.EGRESS_GONE, Kind.EGRESS_ADDED):
        egresses = ", ".join(sorted({egress for egress, _ in group.ways}))
        return f"egress {egresses}: not probed from {when} ({several(len(group.changes), 'pair')})"
    if kind in (Kind.ROUTE_GONE, Kind.ROUTE_ADDED):
        return f"route {', '.join(sorted({route for _, route in group.ways}))}: not probed over {when} ({count}{over})"
    return f"{count}{over}: not probed {when}"


def _reach(group: Group, count: str, over: str, ways: Sequence[Way]) -> str:
    change = group.first
    up = change.after if change.after is not None and change.after.reached else change.before
    verdict = None if up is None else up.verdict
    opened = ""
    if up is not None and verdict is not None and verdict.verdict in ("intercepted", "suspect", "blocked"):
        opened = f", but {_opened(verdict, route_over(group.ways[0][1], _hops(up.via)))}"
    if group.kind is Kind.NEWLY_UNREACHABLE:
        return _failed(group, count, over, ways)
    return f"{count}{over}: reached now{opened}; before: {_place(change.before)}"


def _failed(group: Group, count: str, over: str, ways: Sequence[Way]) -> str:
    failure = _failure_told(group)
    if failure is None:
        return f"{count}{over}: not reached"
    known = failure_of(whole_failure(failure))
    if known is None:
        return f"{count}{over}: {failure.reason}"
    by_proxy = bool(known.hop)
    plain = by_proxy and len(group.ways) == 1 and len({egress for egress, _ in ways}) == 1  # its name says it all
    more = "" if plain else over
    return f"{sentence(known, route=_route(group), count=f'{count}{more}')}{_proxies(group)}"


def _failure_told(group: Group) -> SavedFailure | None:
    """The failure that a group is about."""
    state = group.first.bad
    if group.kind in (Kind.NEWLY_UNTRUSTED, Kind.NO_LONGER_UNTRUSTED):
        return state.trust_failure
    if group.kind in (Kind.REVOCATION_LOST, Kind.REVOCATION_BACK):
        return None if state.revocation is None else state.revocation.failure
    if group.kind in (Kind.NEWLY_REVOKED, Kind.NO_LONGER_REVOKED):
        return None if state.revocation is None else state.revocation.revoked
    return state.failure


def _opened(verdict: SavedVerdict | None, route: Route | None) -> str:
    if verdict is None:
        return "TLS is opened"
    if verdict.verdict == "blocked":
        return "somebody else answers (a block page or a portal)"
    signer = common_name(verdict.signer.root or verdict.signer.subject) if verdict.signer is not None else NO_LOOK
    product = verdict.attribution
    whose = f" ({product.vendor} {product.product})" if product is not None else ""
    at = ""
    if verdict.hop is not None:
        at = f", at {proxy_name(verdict.hop, route)}" if verdict.hop else ", before any proxy"
    times = f" on {verdict.mixed.intercepted} of {verdict.mixed.of} connections" if verdict.mixed is not None else ""
    perhaps = "is perhaps" if verdict.verdict == "suspect" else "is"
    return f"TLS {perhaps} opened{times}, signed by {signer}{whose}{at}"


def _speed(group: Group, count: str, over: str) -> str:
    shifts = [change.shift for change in group.changes if change.shift is not None]
    middle = sorted(shifts, key=lambda shift: abs(shift.after - shift.before))[len(shifts) // 2]
    word = "slower" if group.kind is Kind.SLOWER else "faster"
    difference = seconds(abs(middle.after - middle.before))
    low, high = sorted((abs(middle.low), abs(middle.high)))
    where = f"in stage {middle.stage} at hop {middle.hop}" if middle.hop else f"in stage {middle.stage} of the target"
    if len(group.proxies) == 1:
        where += f" ({group.proxies[0]})"
    typical = " in the middle of them" if len(shifts) > 1 else ""
    return (
        f"{count}{over}: {difference} {word}{typical} (median {seconds(middle.before)} before, {seconds(middle.after)} "
        f"now; 99 % interval of the difference {seconds(low)} to {seconds(high)}), beginning {where}{_proxies(group)}"
    )


def _fallback(group: Group, count: str, over: str) -> str:
    bad, change = group.first.bad, group.first
    tried = " and then ".join(f"{_urls(via) or 'the direct way'} ({reason})" for via, _, reason in bad.passed)
    if group.kind is Kind.NEWLY_ON_FALLBACK:
        return f"{count}{over}: {tried} cannot be connected; goes {_way_text(bad.via)} instead"
    now = "" if change.after is None else f" {_way_text(change.after.via)}"
    return f"{count}{over}: goes{now} again; before, {tried} could not be connected"


def _place(state: PairState | None) -> str:
    failure = None if state is None else state.failure
    if failure is None:
        return "not reached"
    return f"{failure.reason} (stage {failure.stage}, {f'hop {failure.hop}' if failure.hop else 'target'})"


def _broken(group: Group) -> str:
    """Every reason, of whichever side it is that does not agree with itself."""
    reasons = {reason for change in group.changes for _, _, reason in change.bad.broke}
    return ", ".join(sorted(reasons)) or "no reason"


def _asks(state: PairState) -> str:
    target = state.target
    return f"{target.method} {target.scheme}://{target.host}:{target.port}{target.path}"


def _way_text(via: Hops) -> str:
    return f"over {_urls(via)}" if via else "direct"


def _urls(via: Hops) -> str:
    return ", ".join(f"{hop.scheme}://{hop.host}:{hop.port}" for hop in via)


def _route(group: Group) -> Route | None:
    """The route with its proxies; None where several of them did the same."""
    return route_over(group.ways[0][1], _hops(group.first.bad.via)) if len(group.proxies) < 2 else None


def _proxies(group: Group) -> str:
    """The proxies, where there are several."""
    if len(group.proxies) < 2:
        return ""
    more = f" and {several(len(group.proxies) - NAMED_WAYS, 'other')}" if len(group.proxies) > NAMED_WAYS else ""
    return f" ({several(len(group.proxies), 'proxy', 'proxies')}: {', '.join(group.proxies[:NAMED_WAYS])}{more})"


def _hops(via: Hops) -> tuple[RouteHopDoc, ...]:
    return tuple(RouteHopDoc(hop.scheme, hop.host, hop.port, "none") for hop in via)


def _suffixes(group: Group) -> str:
    if not group.suffixes:
        return ""
    return f"; these are all the targets under {', '.join(group.suffixes)}"
