"""What doveadm says of a quota: the limit that is reached first, none, or not understood; never a wrong number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.facts.mailbox_room import free_octets
from lockdown.model.unknown import Unknown

HEAD = "Quota name\tType\tValue\tLimit\t%\n"


@pytest.mark.parametrize(("rows", "free"), [
    ("User quota\tSTORAGE\t12\t1024\t1\nUser quota\tMESSAGE\t3\t5\t60\n", 1012 * 1024),
    ("User\tSTORAGE\t12\t1024\t1\nDomain\tSTORAGE\t90\t100\t90\n", 10 * 1024),
    ("User quota\tSTORAGE\t2048\t1024\t200\n", 0),
    ("User quota\tSTORAGE\t12\t-\t0\n", None),
    ("", None),
])  # fmt: skip
def test_the_limit_that_is_reached_first_counts(rows: str, free: int | None) -> None:
    assert free_octets(HEAD + rows) == free


@pytest.mark.parametrize("said", ["", "doveadm: no such user", HEAD + "a\tSTORAGE\tmany\t10\t1\n"])
def test_what_is_not_understood_is_not_known(said: str) -> None:
    assert isinstance(free_octets(said), Unknown)


@given(st.text(), st.text(alphabet="STORAGE0123456789-\t\n\u0663\u00b2"))
def test_whatever_is_said_there_is_an_answer(said: str, row: str) -> None:
    for text in (said, HEAD + row):
        free = free_octets(text)
        assert free is None or isinstance(free, Unknown) or free >= 0
