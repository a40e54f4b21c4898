"""Work in two processes: the same as in one, whatever becomes of the child."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from lockdown.host.side_by_side import LEAST, in_two

ITEMS = list(range(2 * LEAST))


def doubled(items: Sequence[int]) -> list[tuple[int, bool]]:
    """Each twice, and whether this process has done it."""
    return [(2 * it, os.getpid() == HERE) for it in items]


HERE = os.getpid()
alone = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor has nobody to share with")


@alone
def test_each_part_is_done_by_another_process_and_the_order_is_kept() -> None:
    found = in_two(doubled, ITEMS)
    assert [value for value, _ in found] == [2 * it for it in ITEMS]
    where = [here for _, here in found]
    assert where == sorted(where, reverse=True) and LEAST <= sum(where) < 1.5 * LEAST


def test_what_is_too_little_to_share_is_done_here() -> None:
    assert all(here for _, here in in_two(doubled, ITEMS[: LEAST - 1]))


def dies(how: Callable[[], object]) -> Callable[[Sequence[int]], list[tuple[int, bool]]]:
    def work(items: Sequence[int]) -> list[tuple[int, bool]]:
        if os.getpid() != HERE:
            how()
        return doubled(items)

    return work


@alone
@pytest.mark.parametrize(
    "how", [lambda: os.kill(os.getpid(), signal.SIGKILL), lambda: 1 // 0, lambda: os._exit(3), signal.pause],
    ids=["killed", "broken", "ended", "stuck"],
)  # fmt: skip
def test_what_a_child_does_not_bring_to_its_end_is_done_here(how: Callable[[], object]) -> None:
    found = in_two(dies(how), ITEMS, seconds=0.2)
    assert found == doubled(ITEMS)


def children() -> set[str]:
    """Processes that this one has begun and not heard the end of; other tests may have left some, too."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == HERE:
                found.add(stat.parent.name)
    return found


@alone
def test_what_breaks_here_is_told_and_leaves_no_child_and_nothing_open() -> None:
    def breaks(items: Sequence[int]) -> list[int]:
        if os.getpid() == HERE:
            raise OSError(28, "no space")
        return list(items) * 10_000  # more than a pipe takes, and nobody reads it

    before, others = len(list(Path("/proc/self/fd").iterdir())), children()
    with pytest.raises(OSError, match="no space"):
        in_two(breaks, ITEMS)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert children() <= others
