"""Benchmarks on disk: all of it comes back, and what is no benchmark is refused with a sentence."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from prober.bench.document import SCHEMA
from prober.bench.html.page import render_html
from prober.bench.saved import decode, encode, load, save
from prober.bench.standing import standings
from prober.bench.together import histograms
from prober.report.files import RunFileError

from .made import comparison, runs, search


@pytest.mark.parametrize("suffix", [".json", ".json.gz", ".json.zst"])
def test_all_of_it_comes_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"bench{suffix}"
    for bench in (runs(), search(), comparison()):
        save(bench, path)
        assert load(path) == bench


def test_a_saved_one_gives_the_same_page() -> None:
    assert render_html(decode(encode(runs()))) == render_html(runs())


def test_the_raw_histograms_are_the_figures() -> None:
    run = decode(encode(runs())).runs[1]
    found = histograms([run])["response"]
    assert found.percentile(95) == run.kpis.spans["response"].p95
    assert found.count == run.kpis.spans["response"].count == run.kpis.ended - run.kpis.failed
    per_second = sum(second.succeeded for second in run.seconds)
    assert per_second >= found.count


def test_the_schema_and_the_bounds() -> None:
    assert encode(runs()).startswith(b'{"schema":"prober.bench/1"')
    assert runs().schema == SCHEMA


def changed(**fields: object) -> bytes:
    document = msgspec.json.decode(encode(runs()))
    document.update(fields)
    return msgspec.json.encode(document)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a whole JSON document"),
        (encode(runs())[:-200], "not a whole JSON document"),
        (b"[]", "does not fit prober.bench/1"),
        (b"{}", "is no benchmark of prober"),
        (changed(schema="prober.run/1"), "a run of `prober check`"),
        (changed(schema="prober.bench/2"), "another version of prober"),
        (changed(schema="something"), "is no benchmark of prober"),
        (changed(runs=[{"route": "x"}]), "does not fit"),
        (changed(seed="seven"), "does not fit"),
        (b'{"schema":"prober.bench/1","x":' + b"[" * 100_000, "nested too deeply"),
    ],
    ids=["empty", "cut", "list", "object", "run", "later", "foreign", "runs", "seed", "deep"],
)
def test_what_is_no_benchmark_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(RunFileError) as error:
        decode(data, "bench.json")
    assert str(error.value).startswith("bench.json ")
    assert says in str(error.value)


def test_a_histogram_that_cannot_be_read_costs_its_figure_alone() -> None:
    """A saved file may have been edited: the page is still made."""
    first, *rest = runs().runs
    broken = replace(first, histograms=dict.fromkeys(first.histograms, "nonsense") | {"unheard-of": "x"})
    bench = replace(runs(), runs=(broken, *rest))
    assert standings(bench)[0].kpis == first.kpis
    assert "<!doctype html>" in render_html(bench)


def test_what_a_later_version_adds_is_ignored() -> None:
    assert decode(changed(novelty={"x": 1})) == runs()
