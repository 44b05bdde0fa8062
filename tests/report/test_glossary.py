"""Every word that prober prints can be looked up."""

from __future__ import annotations

import csv
from enum import StrEnum
from importlib import resources

import pytest

from prober.interception.evidence import CATALOGUE
from prober.interception.verdict import Basis, Confidence, Family, Why, Word
from prober.model import Anchor, Purpose, Reason, Stage
from prober.report.glossary import ANCHORS, STAGES, explain, generic_action, nearest, words
from prober.report.pages import filled
from prober.report.verdict_words import (
    BASES,
    CATEGORIES,
    CAVEATS,
    CONFIDENCES,
    FAMILIES,
    PURPOSES,
    REASONS,
    VERDICTS,
    verdict_entries,
)


def test_every_stage_and_anchor_has_a_text() -> None:
    assert list(STAGES) == list(Stage)
    assert list(ANCHORS) == list(Anchor)


@pytest.mark.parametrize("kind", [Word, Basis, Why, Confidence, Family, Purpose])
def test_every_word_of_verdicts_has_a_text_and_says_what_to_do(kind: type[StrEnum]) -> None:
    said = {entry.word: entry for entry in verdict_entries() if "What to do" in dict(entry.more)}
    for word in kind:
        assert explain(word) is not None
        assert said[word].meaning.endswith(".")
        assert dict(said[word].more)["What to do"].endswith(".")


def test_the_tables_hold_the_words_and_no_others() -> None:
    for texts, words_of in (
        (VERDICTS, Word),
        (BASES, Basis),
        (REASONS, Why),
        (CONFIDENCES, Confidence),
        (FAMILIES, Family),
        (PURPOSES, Purpose),
    ):
        assert list(texts) == list(words_of)
    assert list(CAVEATS) == list(CATALOGUE)


@pytest.mark.parametrize("id_", CATALOGUE)
def test_evidence_says_its_weight_and_what_else_it_may_be(id_: str) -> None:
    found = explain(id_.lower())
    assert found is not None
    assert (found.word, found.kind) == (id_, "evidence")
    assert found.meaning == CATALOGUE[id_].meaning
    more = dict(found.more)
    assert more["Points"].startswith(f"{CATALOGUE[id_].points}; they ")
    assert ("towards" in more["Points"]) is CATALOGUE[id_].decides
    assert more["Family"].startswith(CATALOGUE[id_].family)
    assert more["May also be"]
    assert more["What to do"].endswith(".")


def test_a_word_of_two_kinds_has_both_meanings() -> None:
    for word, first, other in (
        ("pinned", "anchor", "basis of a verdict"),
        ("http", "stage", "family of evidence"),
        ("convergence", "basis of a verdict", "family of evidence"),
    ):
        found = explain(word)
        assert found is not None
        assert found.kind == first
        assert f"Also a {other}" in dict(found.more)


def test_categories_of_products_are_explained() -> None:
    lines = resources.files("prober.interception").joinpath("data/middleboxes.tsv").read_text("utf-8").splitlines()
    rows = csv.DictReader((line for line in lines if not line.startswith("#")), delimiter="\t")
    assert {row["category"] for row in rows} | {"own"} == set(CATEGORIES)
    for category in CATEGORIES:
        found = explain(category)
        assert found is not None
        assert found.kind == "category of a product"


def test_tables_are_written_between_their_marks() -> None:
    page = "# Page\n\n<!-- evidence -->\n\ntext\n\n<!-- reasons -->\n\nend\n"
    once = filled(page)
    assert "| `E2b` | cross-path | 3 | The baseline or a pin names another key. | " in once
    assert "| `E9` | protocol | (2) | " in once
    assert once.count("| `not-repeated` |") == 1
    assert "<!-- end of evidence -->\n\ntext" in once
    assert filled(once) == once
    older = once.replace("names another key", "said something else once")
    assert filled(older) == once
    with pytest.raises(KeyError, match="no table"):
        filled("# Another page")


@pytest.mark.parametrize("word", [word for group in words().values() for word in group])
def test_every_word_is_explained(word: str) -> None:
    found = explain(word)
    assert found is not None
    assert word in found.word
    assert found.meaning.endswith(".")
    assert explain(f" {word.upper()} ") == found


@pytest.mark.parametrize("reason", Reason)
def test_the_generic_action_is_filled_in(reason: Reason) -> None:
    text = generic_action(reason)
    assert "{" not in text
    assert text in dict(explain(reason).more)["What to do"]  # type: ignore[union-attr] # every word is explained


@pytest.mark.parametrize(
    "text", ["0x80072EE7", "12007", "-2147012889", "2147954407", "ERROR_WINHTTP_NAME_NOT_RESOLVED"]
)
def test_one_code_in_all_its_notations(text: str) -> None:
    found = explain(text)
    assert found is not None
    assert found.word == "0x80072EE7 (12007) ERROR_WINHTTP_NAME_NOT_RESOLVED"
    assert ("May be dns-nxdomain", "DNS says that the name does not exist.") in found.more


def test_12175_stays_open() -> None:
    found = explain("0x80072F8F")
    assert found is not None
    assert "does not say which" in found.meaning
    assert len(found.more) > 5


def test_metrics() -> None:
    found = explain("prober_hop_duration_seconds_bucket")
    assert found is not None
    assert found.word == "prober_hop_duration_seconds"
    more = dict(found.more)
    assert more["Labels"] == "egress, route, hop, scheme, phase (connect, tls, negotiate)"
    assert more["Exported by"] == "`prober serve`, at /metrics."
    of_pair, of_probe = explain("prober_failure_info"), explain("probe_success")
    assert of_pair is not None
    assert of_probe is not None
    assert dict(of_pair.more)["Labels"].startswith(
        "egress, target, service, group, geography, host, port, route, stage"
    )
    assert dict(of_probe.more) == {"Labels": "none", "Exported by": "`prober serve`, at /probe."}
    assert explain("prober_target_reachable_bucket") is None


@pytest.mark.parametrize("word", ["", "no-such-word", "0xDEADBEEF", "99999", "tcp", "a" * 10_000])
def test_unknown(word: str) -> None:
    assert explain(word) is None


def test_nearest() -> None:
    assert nearest("proxy-denid")[0] == "proxy-denied"
    assert nearest("tls_handshake")[0] == "tls-handshake"
    assert nearest("prober_target_reachble")[0] == "prober_target_reachable"
    assert nearest("xyzzy") == []
