"""Texts much alike are near each other, others are not; and whatever strangers write has a texture or none."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lockdown.mime import texture as module
from lockdown.mime.texture import BITS, MOST, is_near, texture

OFFER = """Dear friend, we have looked at the offer about which we spoke, and our board agreed to the price.
The papers for your case are ready; you may read and sign them behind the link below within three days.
After this time your account closes without another notice, and nobody here can open it again."""
MINUTES = """Here are the minutes of our meeting on Monday. Please send corrections before Thursday evening.
Present were Anna, Carla, Georg and Hanna; Ivan was ill. The budget for next year was accepted with small changes."""


def test_a_text_in_which_some_words_are_others_is_near() -> None:
    varied = (
        OFFER.replace("board", "council").replace("papers", "documents").replace("account", "access") + " Best wishes"
    )
    assert texture(varied) != texture(OFFER)
    assert is_near(texture(varied), texture(OFFER))


def test_a_text_that_has_nothing_to_do_with_it_is_not_near() -> None:
    assert not is_near(texture(MINUTES), texture(OFFER))


def test_numbers_signs_and_large_letters_are_not_looked_at() -> None:
    assert texture(OFFER.upper().replace(" ", "  17 -- ")[:1200]) == texture(OFFER.replace(" ", "  17 -- ")[:1200])


def test_words_in_another_order_and_again_change_nothing() -> None:
    words = OFFER.split()[:30]
    assert texture(" ".join([*reversed(words), *words])) == texture(" ".join(words))


def test_too_few_words_are_no_text() -> None:
    assert texture("See you on Monday at the usual place, Anna") == 0


def test_as_many_votes_as_there_can_be_overflow_no_lane() -> None:
    """All for the same bits: the digest is that of the one word."""
    words = [f"{chr(97 + number // 26)}{chr(97 + number % 26)}zz" for number in range(2 * MOST)]
    one = module._VOTES[1]
    module._known.clear()
    module._known.update(dict.fromkeys((word.encode() for word in words), one))
    try:
        assert texture(" ".join(words)) == sum(1 << place for place in range(BITS) if one >> 8 * place & 1)
    finally:
        module._known.clear()


@given(st.text())
def test_whatever_strangers_write_has_a_texture_or_none(text: str) -> None:
    assert 0 <= texture(text) < 1 << BITS
    assert texture(text * 3) == texture(text * 3)
