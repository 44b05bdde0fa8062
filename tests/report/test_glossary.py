"""Every word that prober prints can be looked up."""

from __future__ import annotations

import pytest

from prober.model import Anchor, Reason, Stage
from prober.report.glossary import ANCHORS, STAGES, explain, generic_action, nearest, words
from prober.report.metrics import METRICS


def test_every_stage_and_anchor_has_a_text() -> None:
    assert list(STAGES) == list(Stage)
    assert list(ANCHORS) == list(Anchor)


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
    assert len(METRICS) == 34
    found = explain("prober_hop_duration_seconds_bucket")
    assert found is not None
    assert found.word == "prober_hop_duration_seconds"
    assert "later version" in dict(found.more)["Since"]
    assert explain("prober_target_reachable_bucket") is None


@pytest.mark.parametrize("word", ["", "no-such-word", "0xDEADBEEF", "99999", "tcp", "a" * 10_000])
def test_unknown(word: str) -> None:
    assert explain(word) is None


def test_nearest() -> None:
    assert nearest("proxy-denid")[0] == "proxy-denied"
    assert nearest("tls_handshake")[0] == "tls-handshake"
    assert nearest("prober_target_reachble")[0] == "prober_target_reachable"
    assert nearest("xyzzy") == []
