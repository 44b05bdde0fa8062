"""Certificates made to hurt, from the wire to the report: a clear fact, no crash, nothing that steers a terminal."""

from __future__ import annotations

import copy
import csv
import io
import logging
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import pytest

from prober.check.live import write_report
from prober.lab.authorities import Authorities, Authority
from prober.lab.policy import Copied, LeafKey, Policy, Untrusted
from prober.report.document import Run
from prober.report.files import decode, encode, encode_result
from prober.report.table import write_table

from ..check import hostile
from .hostile import EVIL, MARKUP, Hostile
from .labs import DIRECT, EVERYWHERE, ONE, OPEN, TARGETS, Scene, Seen, Ways, authorities, in_lab, target

Make = Callable[[str, Authority], Hostile]
KINDS: Final[dict[str, Make]] = {
    "steering": hostile.steering,
    "vouched": hostile.vouched,
    "nul": hostile.with_nul,
    "negative": hostile.negative,
    "crowd": hostile.crowd,
    "readable": hostile.readable,
    "largest": hostile.largest,
    "too-large": hostile.too_large,
    "broken": hostile.broken,
}
GOOD: Final = {"vouched", "negative", "crowd", "readable"}
"""Odd, but what they say is right and an authority vouches for it."""
HEADERS: Final = (("Via", "1.1 \x9b31m\x85\xe2\x80\xaebox [bold red]loud[/bold red]"),)
CAREFUL: Final = Policy(copies=frozenset(), untrusted=Untrusted.FORGED, headers=HEADERS)
"""Looks at nothing of the original, which may be broken; its own key is in every leaf."""
COPYING: Final = Policy(
    key=LeafKey.OWN, copies=frozenset({Copied.SUBJECT, Copied.NAMES}), untrusted=Untrusted.FORGED, headers=HEADERS
)


def host_of(kind: str) -> str:
    return f"{kind}.one.example"


def served(kinds: Iterable[str], ways: Ways, policy: Policy = CAREFUL) -> Seen:
    """A run against hosts with such certificates."""

    async def play(scene: Scene) -> Seen:
        for kind in kinds:
            found = KINDS[kind](host_of(kind), authorities().public[0])
            scene.lab.origins.certificates.special[host_of(kind)] = found.context()
        return await scene.run(ways, [target(host_of(kind)) for kind in kinds])

    return in_lab(play, policy)


@pytest.fixture(scope="module")
def honest() -> Seen:
    """All of them over routes that open nothing; warnings are errors here."""
    return served(KINDS, {**DIRECT, **OPEN})


@pytest.fixture(scope="module")
def opened() -> Seen:
    """All of them, and somebody who opens them: the lab's own interceptor minds a negative number, the product not."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Parsed a serial number")
        return served(KINDS, EVERYWHERE)


@pytest.mark.parametrize("route", ["direct", "open"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_said_of_each(honest: Seen, kind: str, route: str) -> None:
    result = honest.result(host_of(kind), route)
    verdict = honest.verdict(host_of(kind), route)
    assert result.reachable is (kind != "too-large")
    if kind in GOOD:
        assert (result.trusted, result.trust_failure) == (True, None)
        assert (verdict.verdict, verdict.basis) == ("clean", "proven")
        return
    assert verdict.verdict == "inconclusive"
    told = {
        "steering": ("cert-untrusted", "no store here has"),
        "nul": ("cert-name-mismatch", ""),
        "largest": ("cert-invalid", "cannot be read"),
        "broken": ("cert-invalid", "its extensions cannot be read"),
    }
    if kind == "too-large":
        assert result.trusted is None
        assert result.failure is not None
        assert (result.failure.stage, result.failure.hop, result.failure.reason) == ("tls", 0, "tls-handshake")
        assert "excessive message size" in result.failure.detail
        assert verdict.reason == "no-tls"
    else:
        reason, text = told[kind]
        assert result.trusted is False
        assert result.trust_failure is not None
        assert result.trust_failure.reason == reason
        assert text in result.trust_failure.detail


def test_what_was_sent_is_kept(honest: Seen) -> None:
    """The chain of a hundred, the certificate that nobody reads, the number below zero: all there to be looked at."""
    tls = {kind: honest.result(host_of(kind), "direct").tls for kind in KINDS}
    lengths = {kind: len(each.chain) for kind, each in tls.items() if each is not None}
    assert lengths == dict.fromkeys(KINDS, 2) | {"crowd": 100, "largest": 1, "too-large": 0}
    kept = {kind: each.chain[0] for kind, each in tls.items() if each is not None and each.chain}
    assert kept["largest"].subject is None
    assert len(honest.run.certificates[kept["largest"].sha256]) == hostile.OPENSSL_S_LIMIT - 9
    assert kept["negative"].serial == "-7ffefe"
    assert kept["nul"].sans == (f"{host_of('nul')}\\00.evil.example",)
    for kind in ("steering", "vouched"):
        assert "\\1b]0\\;\\07" in (kept[kind].subject or "")
        assert MARKUP in (kept[kind].subject or "")


@pytest.mark.parametrize("kind", KINDS)
def test_over_a_route_that_opens_it(opened: Seen, kind: str) -> None:
    result, verdict = opened.result(host_of(kind), "inspected"), opened.verdict(host_of(kind), "inspected")
    if kind == "too-large":
        assert result.failure is not None
        assert (result.failure.stage, result.failure.reason) == ("tls", "tls-handshake-closed")
        assert verdict.reason == "no-tls"
        return
    assert (result.reachable, result.trusted) == (True, False)
    assert (verdict.verdict, verdict.basis) == ("intercepted", "proven" if kind in GOOD else "authority")
    assert verdict.hop == (1 if kind in GOOD else None), "a direct route without an anchor tells nothing"
    for route in ("direct", "open"):
        assert opened.verdict(host_of(kind), route).verdict == ("clean" if kind in GOOD else "inconclusive")


def test_names_that_an_interceptor_copies(tmp_path: Path) -> None:
    seen = served(["steering", "vouched"], EVERYWHERE, COPYING)
    for kind in ("steering", "vouched"):
        tls = seen.result(host_of(kind), "inspected").tls
        assert tls is not None
        assert MARKUP in (tls.chain[0].subject or "")
    for form, text in reports(seen.run, tmp_path).items():
        assert unfit(text) == set(), form
    assert seen.verdict(host_of("vouched"), "inspected").verdict == "intercepted"


def test_an_interceptor_that_cannot_read_what_it_copies(tmp_path: Path) -> None:
    """It gives the connection up, and the lab goes on."""
    seen = served(["broken", "vouched"], EVERYWHERE, COPYING)
    failure = seen.result(host_of("broken"), "inspected").failure
    assert failure is not None
    assert failure.stage == "tls"
    assert seen.verdict(host_of("vouched"), "inspected").verdict == "intercepted"


# reports


UNFIT: Final = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
STYLE: Final = re.compile(r"\x1b\[[0-9;]*m")
"""What rich itself writes: colours."""


def unfit(text: str) -> set[str]:
    """Characters that no text from a peer may bring along: controls, overrides, invisible ones."""
    return {repr(each) for each in text if each != "\n" and unicodedata.category(each) in UNFIT}


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def reports(run: Run, folder: Path) -> dict[str, str]:
    """A run in every form, and as verbose as can be."""
    found: dict[str, str] = {}
    for form in ("table", "csv", "svg", "json"):
        for verbose in range(3):
            path = folder / "report"
            write_report(run, form, path, verbose=verbose)
            found[f"{form} {verbose}"] = path.read_text(encoding="utf-8")
    for width in (40, 100, 400):
        terminal = Terminal()
        write_table(run, terminal, verbose=2, width=width)
        found[f"terminal {width}"] = STYLE.sub("", terminal.getvalue())
    found["jsonl"] = "".join(encode_result(result).decode() for result in run.results)
    return found


def squeezed(text: str) -> str:
    """Without any space: lines are broken anywhere."""
    return "".join(text.split())


@pytest.fixture(scope="module")
def nasty() -> Seen:
    """An interceptor whose own name is nasty, over targets that converge, and hosts with nasty names of their own."""
    keys: Authorities = copy.copy(authorities())
    keys.inspection = Authority("nasty", key="rsa", subject=hostile.named(f"CA{EVIL}"))

    async def play(scene: Scene) -> Seen:
        found = hostile.steering(host_of("steering"), authorities().public[0])
        scene.lab.origins.certificates.special[host_of("steering")] = found.context()
        return await scene.run(EVERYWHERE, [*TARGETS, target(host_of("steering"))])

    policy = Policy(key=LeafKey.OWN, untrusted=Untrusted.FORGED, headers=HEADERS)
    return in_lab(play, policy, keys=keys)


def test_no_report_has_anything_that_steers(nasty: Seen, opened: Seen, tmp_path: Path) -> None:
    assert nasty.verdict(ONE, "inspected").verdict == "intercepted"
    for seen in (nasty, opened):
        for form, text in reports(seen.run, tmp_path).items():
            assert unfit(text) == set(), form


def test_markup_is_shown_as_it_is(nasty: Seen, tmp_path: Path) -> None:
    found = reports(nasty.run, tmp_path)
    for form in ("table 0", "table 2", "terminal 40", "terminal 400", "csv 0", "json 0", "jsonl"):
        assert squeezed(MARKUP) in squeezed(found[form]), form
    assert "\\1b]0\\;\\07\\1b[2J\\0d\\0a\\c2\\9b31m" in squeezed(found["table 0"]), "the escapes themselves are told"


def test_the_picture_is_a_picture(nasty: Seen, tmp_path: Path) -> None:
    """Well-formed, with no element that a certificate brought along."""
    for verbose in range(3):
        root = ElementTree.fromstring(reports(nasty.run, tmp_path)[f"svg {verbose}"])  # noqa: S314 # our own
        kinds = {each.tag.rpartition("}")[2] for each in root.iter()}
        assert kinds <= {"svg", "style", "defs", "clipPath", "rect", "circle", "g", "text", "title"}
        assert squeezed(MARKUP) in squeezed("".join(root.itertext()))
        assert "</g\\><b\\>&" in squeezed("".join(root.itertext())).replace("\\<", "<")


def test_a_line_of_csv_is_a_line(nasty: Seen, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(reports(nasty.run, tmp_path)["csv 0"])))
    assert len(rows) == len(nasty.run.results)
    issuers = {row["issuer"] for row in rows if row["route"] == "inspected"}
    assert all(MARKUP in issuer for issuer in issuers)


def test_the_document_survives(nasty: Seen, opened: Seen) -> None:
    for seen in (nasty, opened):
        assert decode(encode(seen.run)) == seen.run


def test_the_log_is_harmless(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "prober"):
        served(["steering", "nul", "too-large", "crowd"], EVERYWHERE)
    messages = [record.getMessage() for record in caplog.records]
    assert any("excessive message size" in each for each in messages)
    assert any("100 certificates" in each for each in messages)
    for message in messages:
        assert unfit(message) == set()


def test_judged_again_it_is_the_same(nasty: Seen, opened: Seen) -> None:
    async def again(scene: Scene) -> list[Run]:
        return [scene.judge(decode(encode(seen.run))).run for seen in (nasty, opened)]

    for before, after in zip((nasty.run, opened.run), in_lab(again), strict=True):
        assert [each.interception for each in after.results] == [each.interception for each in before.results]
        assert [each.trust_failure for each in after.results] == [each.trust_failure for each in before.results]
