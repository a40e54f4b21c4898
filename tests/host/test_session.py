"""Is it another connection? A second window, sudo and a shell below it are not; what cannot be told is not either."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from lockdown.host.session import Origin, origin_of

HERE = Origin(("100@7", "90@5"), "198.51.100.7 50000 192.0.2.1 22")
_ASK = (
    "import os; from lockdown.host.session import origin_of; o = origin_of(os.getpid()); print(*o.sessions, '|', o.ssh)"
)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (Origin(("300@9",), "198.51.100.7 50001 192.0.2.1 22"), "another port is another connection"),
        (Origin(("300@9",)), "the console of the machine"),
    ],
)
def test_another_connection_is_apart(other: Origin, why: str) -> None:
    assert other.is_apart_from(HERE), why
    assert HERE.is_apart_from(other), why


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (HERE, "the same shell"),
        (Origin(("500@20", "100@7"), ""), "sudo in a terminal of its own, below the same shell"),
        (Origin(("300@9",), HERE.ssh), "a second window over the same ssh connection"),
        (Origin(), "nothing is known of it"),
    ],
)
def test_the_same_connection_and_what_cannot_be_told_are_not(other: Origin, why: str) -> None:
    assert not other.is_apart_from(HERE), why
    assert not HERE.is_apart_from(other), why


def test_a_session_number_that_is_used_again_is_another_session() -> None:
    assert Origin(("100@8",)).is_apart_from(Origin(("100@7",)))


def _asked(*, new_session: bool = False, ssh: str = "") -> Origin:
    """The origin of a process that is started now."""
    environment = {**os.environ, **({"SSH_CONNECTION": ssh} if ssh else {})}
    if not ssh:
        environment.pop("SSH_CONNECTION", None)
    said = subprocess.run(
        [sys.executable, "-c", _ASK], capture_output=True, text=True, check=True, env=environment,
        start_new_session=new_session,
    ).stdout  # fmt: skip
    sessions, _, connection = said.partition("|")
    return Origin(tuple(sessions.split()), connection.strip())


def test_a_child_and_a_session_below_us_share_our_connection() -> None:
    here = origin_of(os.getpid())
    assert not _asked().is_apart_from(here)
    assert not _asked(new_session=True).is_apart_from(here)


def test_the_ssh_connection_is_seen_in_the_environment() -> None:
    assert _asked(ssh="198.51.100.7 50000 192.0.2.1 22").ssh == "198.51.100.7 50000 192.0.2.1 22"


def test_a_process_that_is_gone_says_nothing() -> None:
    assert origin_of(4_000_000) == Origin()
