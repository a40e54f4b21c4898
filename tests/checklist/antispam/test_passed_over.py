"""What is passed over for speed would have found nothing: each quick way against the plain one."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.checklist.antispam.lexicon import Concept
from lockdown.checklist.antispam.phrases import _factored
from lockdown.checklist.antispam.schemes import View, likely, schemes

# An amount, a telephone, a wallet, an IBAN, a large sum and a discount: what some schemes look for in the text.
TEXT = "call +1 (555) 010-0199, $ 5,000,000 to bc1" + "q" * 30 + " or es91 2100 0418 4502 0005 1332, -50 % off"
PATTERNS = (
    r"\b(?:ab|ac|b)c",
    r"\b(?:ab|b)c|a?b",
    r"(?:ab|ca)+c|b",
    r"\b[ab|]c|\bca?b|(?:c|ab)\b|c\.",
    r"\b(?:a?b|c)a|c{2}",
    r"\bab\b|(?:a|b(?:c|a))c",
)


@given(
    st.dictionaries(st.sampled_from(Concept), st.integers(1, 5)),
    st.sampled_from(("", TEXT, TEXT * 10)),
    st.lists(st.booleans(), min_size=6, max_size=6),
)
@settings(max_examples=500, deadline=None)
def test_no_scheme_with_points_is_passed_over(found: dict[Concept, int], text: str, flags: list[bool]) -> None:
    links, html, free_mail, misfit, nobody, one_way = flags
    one_way = one_way and links and html
    view = View(found, text, text.encode().split(), links, html, free_mail, misfit, nobody, one_way=one_way)
    assert list(schemes(view, likely(found, links=links, html=html))) == list(schemes(view))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_by_first_letters_finds_what_the_plain_one_does(pattern: str) -> None:
    quick, plain = re.compile(_factored(pattern)), re.compile(pattern)
    for length in range(6):
        for letters in product("abc .", repeat=length):
            text = "".join(letters)
            assert bool(quick.search(text)) == bool(plain.search(text)), text
