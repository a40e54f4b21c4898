"""What the files say of an account is read whole or not at all, and never a hash of it is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.host.change.accounts import account_in

PASSWD = "anna:x:1000:1000:Anna,,,:/home/anna:/bin/bash\n"


@given(st.text(alphabet=st.sampled_from("an:0x²٣!*$\n\r"), max_size=60), st.text(max_size=40))
def test_no_damaged_file_of_accounts_raises(passwd: str, shadow: str) -> None:
    account_in(passwd, shadow, "an")
    account_in(f"an:x:{passwd}:0::/:/\n", f"an:{shadow}:1:0:9:7:::\n", "an")


@pytest.mark.parametrize(
    ("secret", "word"),
    [
        ("$y$j9T$abc$def", "open"), ("!$y$j9T$abc$def", "locked"), ("", "empty"), ("!", "none"), ("*", "none"),
        ("!*", "none"), ("!!", "none"), ("x", "none"), ("ab0123456789.", "open"), ("*LK*", "none"),
    ],
)  # fmt: skip
def test_what_a_password_is_in_one_word(secret: str, word: str) -> None:
    found = account_in(PASSWD, f"anna:{secret}:20000:0:90:7::1:\n", "anna")
    assert found is not None
    assert (found.password, found.most_days, found.expires, found.shell) == (word, "90", "1", "/bin/bash")
    assert "$y$" not in repr(found)


def test_an_account_of_one_file_only_is_none() -> None:
    assert account_in(PASSWD, "", "anna") is None
    assert account_in("", "anna:!:20000:0:90:7:::\n", "anna") is None
