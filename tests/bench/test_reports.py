"""The page of a benchmark in every form: what it says, and that nothing hostile becomes markup or drives a terminal."""

from __future__ import annotations

import html
import io
import re
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace

from prober.bench.document import Bench, GeneratorDoc, GroundDoc
from prober.bench.findings import FlipDoc, TierDoc
from prober.bench.html.page import part, policy, render_html
from prober.bench.markdown import write_markdown
from prober.bench.onepage import bits, octets, reasons_of, remarks_of, share, summary, thousandths
from prober.bench.showing import rendered
from prober.bench.standing import standings
from prober.bench.table import WIDE, table_text, write_table
from prober.report.html.page import part as part_of_a_run

from .made import comparison, runs, search

ALL = pytest.mark.parametrize("bench", [runs(), search(), comparison()], ids=["run", "search", "comparison"])
HOSTILE = '"><script>alert(1)</script>\x1b[31m\u202e|`@admin`\n# <img src=//evil.test>'


def of_two_machines(bench: Bench, first: str, second: str) -> Bench:
    """The same, made by two."""
    own = [
        GeneratorDoc(
            name=name, processes=2, offered=50.0, achieved=49.0 + place, failed=place, health=bench.runs[0].health,
            uncertainty=0.0012, skew=-0.25 * place, late=0.07 * place, p50=0.004, p99=0.0123,
        )
        for place, name in enumerate((first, second))
    ]  # fmt: skip
    grounds = tuple(GroundDoc(name, name, 2, replace(bench.machine, cpu=name, cores=8)) for name in (first, second))
    return replace(bench, runs=tuple(replace(run, generators=tuple(own)) for run in bench.runs), grounds=grounds)


def hostile(bench: Bench) -> Bench:
    """Everything that somebody else may have written says something else."""
    made = [
        replace(
            run,
            route=HOSTILE if run.route == "squid" else run.route,
            stopped=HOSTILE,
            keys=tuple(replace(key, issuer=HOSTILE, key=HOSTILE) for key in run.keys),
            validity=replace(run.validity, reasons=tuple(replace(each, text=HOSTILE) for each in run.validity.reasons)),
            kpis=replace(
                run.kpis,
                failures=tuple(replace(each, reason=HOSTILE, stage=HOSTILE) for each in run.kpis.failures),
                skipped={HOSTILE: 3},
            ),
        )
        for run in bench.runs
    ]
    return replace(
        of_two_machines(replace(bench, runs=tuple(made)), HOSTILE, HOSTILE),
        routes=tuple(replace(each, name=HOSTILE if each.name == "squid" else each.name) for each in bench.routes),
        flips=(FlipDoc(HOSTILE, HOSTILE, HOSTILE, 3.0, 100.0, 2),),
        notes=(HOSTILE,),
        command=("prober", HOSTILE),
        target=replace(bench.target, url=HOSTILE, host=HOSTILE, addresses=(HOSTILE,), key=HOSTILE),
        machine=replace(bench.machine, cpu=HOSTILE, settings={HOSTILE: HOSTILE}),
        stopped=HOSTILE,
        complete=False,
    )


class Seen(HTMLParser):
    """Elements and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def seen(page: str) -> Seen:
    parser = Seen()
    parser.feed(page)
    return parser


# html


@ALL
def test_the_page_needs_nothing_from_elsewhere(bench: Bench) -> None:
    page = render_html(bench)
    found = seen(page)
    assert f'content="{policy()}"'.replace("'", "&#39;") in page
    assert policy().startswith("default-src 'none'; style-src 'sha256-")
    assert not {"script", "link", "img", "iframe", "object", "form", "base"} & set(found.tags)
    assert not [name for name, _ in found.attributes if name in ("src", "href", "style") or name.startswith("on")]
    assert not re.search(r"url\(|@import", page)


@ALL
def test_every_chart_has_axes_a_legend_and_words_for_those_who_do_not_see_it(bench: Bench) -> None:
    charts = re.findall(r'<svg viewBox[^>]* role="img".*?</svg>', render_html(bench), re.DOTALL)
    assert len(charts) >= 3
    for chart in charts:
        assert re.search(r"<title>[^<]{5,}</title><desc>[^<]{20,}</desc>", chart)
        assert 'class="title"' in chart
        assert 'class="tick"' in chart
        assert 'class="key"' in chart
        assert re.search(r"\bms\b|per second|seconds", chart)
        assert "nan" not in chart.lower().replace("tenance", "")
        numbers = [float(each) for each in re.findall(r'(?: x| y|x1|x2|y1|y2|cx|cy|width|height)="(-?[\d.]+)"', chart)]
        assert all(-5 <= each <= 2_000 for each in numbers)


def test_which_charts_there_are() -> None:
    titles = re.findall(r"<h3>([^<]+)</h3>", render_html(search()))
    assert {"Knee of small", "Where the time goes", "Percentiles"} <= set(titles)
    assert "Routes compared" in re.findall(r"<h3>([^<]+)</h3>", render_html(comparison()))
    page = render_html(runs())
    assert "Second by second" in page
    assert "fails-open" in page  # the moment is marked in the timeline
    assert "proxy-denied" in page


def test_nothing_hostile_becomes_markup() -> None:
    plain = seen(render_html(replace(runs(), complete=False)))
    found = seen(render_html(hostile(runs())))
    assert set(found.tags) == set(plain.tags)
    assert {name for name, _ in found.attributes} == {name for name, _ in plain.attributes}
    text = "".join(found.texts)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "<script>alert(1)</script>" in text  # as a text


def test_the_colours_are_those_of_the_other_report() -> None:
    for name in ("--ground", "--surface", "--raised", "--text", "--muted", "--line", "--accent", "--ok", "--ok-soft"):
        values = [
            re.findall(rf"{name}: (#[0-9a-f]+);", str(sheet))
            for sheet in (part("bench.css"), part_of_a_run("report.css"))
        ]
        assert values[0][:2] == values[1][:2], name


def test_light_dark_and_paper() -> None:
    sheet = str(part("bench.css"))
    assert "@media screen and (prefers-color-scheme: dark)" in sheet
    assert "@media print" in sheet


# table and markdown


@ALL
@pytest.mark.parametrize("width", [80, WIDE])
def test_the_table_fits_and_has_every_route(bench: Bench, width: int) -> None:
    text = table_text(bench, width=width)
    assert max(map(len, text.splitlines())) <= width
    for route in bench.routes:
        assert route.name in text
    assert "direct (null run)" in text
    assert "prober bench --via" in text


def test_the_table_says_why_and_since_when() -> None:
    text = " ".join(table_text(runs(), width=140).split())
    assert "flaky: " in text.partition("Not valid")[2]
    assert "proxy-denied at hop 1 (proxy): " in text
    assert "squid" in text.partition("TLS interception under load")[2]


def test_what_all_have_in_common_is_said_once() -> None:
    found = standings(runs())
    assert sum("RFC 9411 asks for 300 s" in each for each in remarks_of(found)) == 1
    assert not [each for each in reasons_of(found) if "RFC 9411 asks" in each]


def test_hostile_texts_stay_in_their_line() -> None:
    for format_ in ("table", "markdown"):
        text = rendered(hostile(runs()), format_)
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert not [line for line in text.splitlines() if line.startswith("# <img")]
    assert "<script" not in rendered(hostile(runs()), "markdown")


def test_ascii_where_unicode_is_not_taken() -> None:
    octets_written = io.BytesIO()
    stream = io.TextIOWrapper(octets_written, encoding="ascii")
    write_table(comparison(), stream, width=100)
    stream.flush()
    assert octets_written.getvalue().isascii()


def test_several_machines_are_told_apart_in_every_form() -> None:
    bench = of_two_machines(runs(), "paris host 17", "berlin host 4")
    table = " ".join(table_text(bench, width=200).split())
    markdown = io.StringIO()
    write_markdown(bench, markdown)
    page = html.unescape(render_html(bench))
    for text in (table, " ".join(markdown.getvalue().split())):
        assert "from 2 machines together" in text
        assert "generator paris host 17: 49 of 50/s" in text
        assert "response p99 12.3 ms" in text
        assert "heard of it 70.0 ms late, clock -0.250 s" in text
    assert "berlin host 4 (egress berlin host 4): 2 processes" in markdown.getvalue()
    assert "of it berlin host 4" in page
    assert "on 2 machines" in page
    assert "from 2 machines together" not in table_text(runs(), width=200)


@ALL
def test_markdown_has_a_table_of_all_routes(bench: Bench) -> None:
    stream = io.StringIO()
    write_markdown(bench, stream)
    rows = [line for line in stream.getvalue().splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(standings(bench))
    assert len({row.count("|") for row in rows}) == 1
    assert "## Again" in stream.getvalue()


def test_the_summary_never_calls_the_generators_limit_a_capacity() -> None:
    (capacity,) = search().capacities
    limited = replace(search(), capacities=(replace(capacity, generator_limited=True, at_least=True),))
    for text in (summary(limited, standings(limited)), rendered(limited, "table"), rendered(limited, "markdown")):
        flat = " ".join(text.split())
        assert "at least" in flat
        assert "generator" in flat
        assert not re.search(r"small bears 1?\d\d", flat)
    assert "not the proxy" in render_html(limited)


@pytest.mark.parametrize("word", ["failures", "not-started", "generator-limited"])
def test_what_is_not_comparable_is_called_so_in_every_form(word: str) -> None:
    compared = comparison().comparison
    assert compared is not None
    rows = tuple(replace(each, word=word, distinguishable=False) for each in compared.differences)
    tiers = (TierDoc("p50", 1, ("twin",)), TierDoc("p50", 2, (HOSTILE,), "not-comparable"))
    unfit = replace(comparison(), comparison=replace(compared, differences=rows, tiers=tiers, remarks=("Lost half.",)))
    for format_ in ("table", "markdown", "html"):
        text = html.unescape(" ".join(rendered(unfit, format_).split())).replace("\\", "")
        assert f"not comparable ({word})" in text
        assert re.search(r"not comparable:(</span>)? \"><script>", text)
        assert "Lost half." in text
    assert "<script" not in render_html(unfit)


def test_a_comparison_of_which_nothing_is_left_still_has_its_remarks() -> None:
    compared = comparison().comparison
    assert compared is not None
    left = replace(comparison(), comparison=replace(compared, differences=(), tiers=(), remarks=("All of it failed.",)))
    for format_ in ("table", "markdown", "html"):
        assert "All of it failed." in rendered(left, format_)


def test_between_knee_and_breaking_point_is_a_band_only_where_the_capacity_is_there() -> None:
    (capacity,) = search().capacities
    limited = replace(search(), capacities=(replace(capacity, at_least=True, direct_limited=True),))
    assert 'class="band"' in render_html(search())
    assert 'class="band"' not in render_html(limited)
    assert "(direct bears no more either)" in summary(limited, standings(limited))


def test_both_runs_of_a_change_are_open_in_the_page_and_have_their_numbers() -> None:
    """Blocks 20 and 22 are no run that a line of the table is about."""
    flip = FlipDoc("squid", "fails-open", "Run 21 was inspected; in run 23 it is not.", 0.0, 10.0, 22, 20)
    page = render_html(replace(comparison(), flips=(flip,)))
    for place in (20, 22):
        run = comparison().runs[place]
        title = f"{run.route}: {'null run' if run.purpose == 'null' else 'block'} at 150/s (run {place + 1})"
        assert f"<h3>{title}</h3>" in page
        assert f"<summary>{title}</summary>" not in page
        assert f">{place + 1} · {run.route} <" in page
    assert "<summary>" in page


@ALL
def test_what_is_not_complete_says_why(bench: Bench) -> None:
    lacking = replace(bench, complete=False, stopped="dead was not measured", unmeasured=("dead",))
    for format_ in ("table", "markdown", "html"):
        assert "not complete: dead was not measured" in " ".join(rendered(lacking, format_).split())
    assert '<span class="badge">not complete</span>' in render_html(lacking)


# figures


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (thousandths(0.00041), "0.41"),
        (thousandths(0.0123), "12.3"),
        (thousandths(1.2041), "1,204"),
        (thousandths(None), "–"),
        (share(0.0), "0 %"),
        (share(0.00001), "0.001 %"),
        (share(1e-9), "< 0.0001 %"),
        (share(0.0123), "1.2 %"),
        (share(0.5), "50 %"),
        (bits(999.0), "999 bit/s"),
        (bits(1.024e9), "1.02 Gbit/s"),
        (octets(1024), "1 KiB"),
        (octets(700), "700 B"),
    ],
)
def test_figures_for_people(made: str, expected: str) -> None:
    assert made == expected
