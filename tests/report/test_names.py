"""Out of a distinguished name the part that one says aloud."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.report.names import common_name, commonest, quoted


@pytest.mark.parametrize(
    ("distinguished", "said"),
    [
        ("CN=Corp CA 07,O=Corp,C=FR", "Corp CA 07"),
        ("C=FR,O=Corp,CN=Corp CA 07", "Corp CA 07"),
        (r"CN=Acme\, Inc. CA,O=Acme\, Inc.", "Acme, Inc. CA"),
        (r"CN=a\+b\=c\\d", r"a+b=c\d"),
        ("O=Corp+CN=Joined", "Joined"),
        ("OU=Unit,O=Only Organisation", "Only Organisation"),
        ("OU=Unit", "OU=Unit"),
        ("CN=,O=Corp", "Corp"),
        (r"CN=bell\07", r"bell\07"),
        ("", "an authority without a name"),
    ],
)
def test_the_name_one_says(distinguished: str, said: str) -> None:
    assert common_name(distinguished) == said


@settings(deadline=None)  # other work shares the machine: time says nothing
@given(st.text(st.sampled_from('CN=O,+\\ "a\n\x00'), max_size=40))
def test_any_text_has_a_name(text: str) -> None:
    assert common_name(text)


def test_the_commonest_is_quoted_and_others_are_counted() -> None:
    assert quoted(["a"]) == '"a"'
    assert quoted(["a", "b", "b"]) == '"b" and 1 other'
    assert quoted(["a", "b", "c", ""]) == '"a" and 2 others'
    assert quoted([]) == ""
    assert commonest(["", ""]) == ("", 0)
