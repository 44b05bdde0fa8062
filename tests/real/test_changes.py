"""One change at a time at a real squid and the servers behind it: the comparison names it, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from prober.diff.document import DifferenceDoc

from .changing import HOSTS, ROUTES, Board, Verdict, diff, places, undisturbed
from .names import ASKING_TLS12, ONE, ONE_NAME, TWO

pytestmark = pytest.mark.real

PAIRS = len(HOSTS) * len(ROUTES)
ROUND_TRIP = 0.3
THOUGHT = 0.6


def after_a(board: Board, change: Callable[[], None]) -> Verdict:
    """A baseline, a change, another run."""
    before = board.run("before")
    change()
    return diff([before], [board.run("after")])


def worse(verdict: Verdict, heading: str, sentence: str) -> None:
    """The paragraph for the ticket counts what got worse, and says why; so does the text below it."""
    pairs = len(verdict.only().pairs)
    summary = verdict.document.summary.text
    counted = f"{pairs} of {PAIRS} pairs of target and route are worse than before"
    assert summary.startswith(f"REGRESSION: {counted}. {heading}: {sentence}. Egress lab; before 20")
    assert " ".join(verdict.text.split()).count(sentence) == 2
    assert verdict.only().sentence == sentence


def informed(verdict: Verdict, sentence: str) -> None:
    """The paragraph says that nothing got worse, and how much there is to be known; the text below it, what."""
    pairs = len(verdict.only().pairs)
    summary = verdict.document.summary.text
    assert summary.startswith(
        f"No regression: {PAIRS} pairs of target and route compared. Beside that: {pairs} for information. Egress lab"
    )
    assert verdict.only().sentence == sentence
    assert sentence in " ".join(verdict.text.split())


def place(difference: DifferenceDoc) -> tuple[str | None, int | None, str | None]:
    return difference.stage, difference.hop, difference.reason


def test_a_suffix_is_denied(board: Board) -> None:
    verdict = after_a(board, lambda: board.changing.be({"denied": ".beta.test"}))
    difference = verdict.only()
    assert (difference.kind, difference.severity) == ("newly-unreachable", "regression")
    assert place(difference) == ("proxy", 1, "proxy-denied")
    assert places(difference) == {(host, "plain") for host in (TWO, ONE_NAME, ASKING_TLS12)}
    assert difference.suffixes == ("beta.test",)
    url = board.changing.url("plain")
    cause = f"proxy plain (hop 1, {url}) refused 3 of 6 targets with 403"
    worse(verdict, "Newly unreachable", f"{cause}; these are all the targets under beta.test")
    assert "ERR_ACCESS_DENIED" in difference.detail


def test_a_port_switches_to_bump(board: Board) -> None:
    verdict = after_a(board, lambda: board.changing.be({"what": "bump"}))
    difference = verdict.only()
    assert (difference.kind, difference.severity) == ("newly-intercepted", "regression")
    assert place(difference) == ("tls", 1, None)
    assert places(difference) == {(host, "bumping") for host in HOSTS}
    at = f"at proxy bumping (hop 1, {board.changing.url('bumping')})"
    cause = f"all 6 targets over bumping: TLS is opened, signed by Corp Inspection CA 07, {at}"
    worse(verdict, "Newly intercepted", cause)


def test_a_parent_is_stopped(board: Board) -> None:
    verdict = after_a(board, lambda: board.changing.be({}, parent=False))
    difference = verdict.only()
    assert (difference.kind, difference.severity) == ("newly-unreachable", "regression")
    assert place(difference) == ("proxy", 1, "proxy-upstream-connect")
    assert places(difference) == {(host, "parented") for host in HOSTS}
    url = board.changing.url("parented")
    cause = f"proxy parented (hop 1, {url}) could not connect to all 6 targets with 503"
    worse(verdict, "Newly unreachable", cause)
    assert "its parent proxy" in difference.hint


def slower(verdict: Verdict, pairs: int, cause: str, where: str) -> DifferenceDoc:
    """A warning with its cause in the paragraph for the ticket, and figures in the order of a round trip."""
    difference = verdict.only()
    assert (difference.kind, difference.severity) == ("slower", "warning")
    counted = f"{verdict.document.summary.compared} pairs of target and route compared"
    told = f"Beside that: {pairs} warnings. Slower: {cause}"
    assert verdict.document.summary.text.startswith(f"No regression: {counted}. {told}")
    assert difference.sentence.endswith(f", beginning {where}")
    for speed in (pair.speed for pair in difference.pairs):
        assert speed is not None
        assert speed.after - speed.before > ROUND_TRIP * 0.6
        assert ROUND_TRIP / 4 < speed.low <= speed.high
    return difference


def test_the_way_to_a_parent_is_300_ms_longer(board: Board) -> None:
    """Three attempts, and all targets of the route agree. Each stage behind the proxy is as much slower as the next:
    the first of them is named."""
    routes = ("direct", "plain", "far")

    def compared() -> Verdict:
        before = board.run("before", "--attempts", "3", routes=routes)
        board.changing.way.round_trip = ROUND_TRIP
        try:
            after = board.run("after", "--attempts", "3", routes=routes, few=12)
        finally:
            board.changing.way.round_trip = 0
        return diff([before], [after])

    where = f"in stage proxy at hop 1 ({board.changing.url('far')})"
    difference = slower(undisturbed(compared), 6, "all 6 targets over far: ", where)
    assert place(difference) == ("proxy", 1, None)
    assert places(difference) == {(host, "far") for host in HOSTS}


def test_a_server_takes_longer(board: Board) -> None:
    """Five attempts: each pair speaks for itself, and it is the target's own doing on every route."""
    origin = board.sites[TWO].origin

    def compared() -> Verdict:
        before = board.run("before", "--attempts", "5")
        origin.think = THOUGHT
        try:
            after = board.run("after", "--attempts", "5")
        finally:
            origin.think = 0
        return diff([before], [after])

    named = f"{TWO}:{board.sites[TWO].port} over all 4 routes: "
    difference = slower(undisturbed(compared), 4, named, "in stage tls of the target")
    assert place(difference) == ("tls", 0, None)
    assert places(difference) == {(TWO, route) for route in ROUTES}


@pytest.fixture
def as_they_were(board: Board) -> Iterator[None]:
    """Certificates that are good, and of the first issuing authority, before and after."""
    board.show(TWO, board.sites.beta)
    yield
    board.show(TWO, board.sites.beta)


def of_two(board: Board, routes: str) -> str:
    return f"{TWO}:{board.sites[TWO].port} over {routes}"


@pytest.mark.usefixtures("as_they_were")
def test_a_certificate_has_expired(board: Board) -> None:
    verdict = after_a(board, lambda: board.show(TWO, board.sites.beta, age=120))
    difference = verdict.only()
    assert (difference.kind, difference.severity) == ("newly-untrusted", "regression")
    assert place(difference) == ("tls", 0, "cert-expired")
    assert places(difference) == {(TWO, route) for route in ROUTES}
    cause = f"{of_two(board, 'all 4 routes')} showed an expired certificate, issued by Beta TLS EC CA 07"
    worse(verdict, "Certificate newly not trusted", cause)


@pytest.mark.usefixtures("as_they_were")
@pytest.mark.parametrize("opened", [False, True], ids=["spliced", "opened all the time"])
def test_a_leaf_is_rotated(board: Board, opened: bool) -> None:
    """Where squid opens TLS before and after, nobody sees the server's key."""
    board.changing.be({"what": "bump"} if opened else {})
    verdict = after_a(board, lambda: board.show(TWO, board.sites.beta))
    difference = verdict.only()
    assert (difference.kind, difference.severity) == ("leaf-key-changed", "information")
    assert place(difference) == ("tls", 0, None)
    seen = [route for route in ROUTES if not opened or route != "bumping"]
    assert places(difference) == {(TWO, route) for route in seen}
    over = "direct, parented, plain" if opened else "all 4 routes"
    informed(verdict, f"{of_two(board, over)}: a new key, issued by Beta TLS EC CA 07 as before")


@pytest.mark.usefixtures("as_they_were")
def test_another_authority_of_the_same_family_issues(board: Board) -> None:
    verdict = after_a(board, lambda: board.show(TWO, board.sites.beta.sister(8)))
    difference = verdict.only()
    assert (difference.kind, difference.severity) == ("issuing-ca-changed", "information")
    assert place(difference) == ("tls", 0, None)
    assert places(difference) == {(TWO, route) for route in ROUTES}
    informed(verdict, f"{of_two(board, 'all 4 routes')}: issued by Beta TLS EC CA 08 now; before: Beta TLS EC CA 07")


@pytest.mark.usefixtures("as_they_were")
def test_another_family_issues(board: Board) -> None:
    """No sister: that is worth a warning."""
    verdict = after_a(board, lambda: board.show(TWO, board.sites.gamma))
    difference = verdict.only()
    assert (difference.kind, difference.severity) == ("issuer-family-changed", "warning")
    assert place(difference) == ("tls", 0, None)
    assert places(difference) == {(TWO, route) for route in ROUTES}
    told = f"{of_two(board, 'all 4 routes')}: issued by Gamma TLS EC CA 07 now; before: Beta TLS EC CA 07"
    assert f"Beside that: 4 warnings. Another family of issuers: {told}. Egress" in verdict.document.summary.text


def test_several_changes_at_once_are_told_apart(board: Board) -> None:
    """A denied suffix and a parent that is gone: two causes, each with its own line."""
    verdict = after_a(board, lambda: board.changing.be({"denied": f".{ONE}"}, parent=False))
    assert [(each.kind, each.reason, len(each.pairs)) for each in verdict.document.differences] == [
        ("newly-unreachable", "proxy-upstream-connect", 6),
        ("newly-unreachable", "proxy-denied", 1),
    ]
    assert verdict.status == 1
    assert verdict.document.summary.regressions == 7
