"""The supervisor with small children of its own: ready, restart, stop; never anything left behind."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from lockdown.cli.supervisor import Part, Patience, Supervisor
from lockdown.model.errors import OperatorError
from tests.rig.network import eventually

READY = "import os; os.write(int(os.environ['LOCKDOWN_READY_FD']), b'ready\\n');"
LIVES = READY + "import time; time.sleep(600)"
NOTES_AND_LIVES = "import os; open(os.environ['NOTE'], 'a').write(f'{os.getpid()}\\n');" + LIVES


def _part(name: str, code: str, *, reloads: bool = False) -> Part:
    return Part(name, (sys.executable, "-S", "-c", code), reloads=reloads)


class Watched:
    """A supervisor of these parts, what it said, and what is to happen once it is ready."""

    def __init__(
        self, *parts: Part, when_ready: Callable[[], None] = lambda: None, start: float = 10.0, stop: float = 10.0
    ) -> None:
        self.said: list[str] = []
        self.announced = 0
        self._when_ready = when_ready
        self.supervisor = Supervisor(
            parts,
            say=self.said.append,
            verify=lambda: None,
            announce=self._announce,
            patience=Patience(start=start, stop=stop),
        )

    def _announce(self) -> None:
        self.announced += 1
        threading.Thread(target=self._when_ready).start()

    def run(self) -> int:
        return self.supervisor.run()


def _signal_us(number: signal.Signals) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


def _pids(note: Path) -> list[int]:
    return [int(line) for line in note.read_text().split()] if note.exists() else []


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.fixture
def note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NOTE", str(tmp_path / "note"))
    return tmp_path / "note"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_is_ready_when_all_are_and_one_signal_stops_all(number: signal.Signals, note: Path) -> None:
    watched = Watched(_part("a", NOTES_AND_LIVES), _part("b", NOTES_AND_LIVES), when_ready=_signal_us(number))
    assert watched.run() == 0
    assert watched.announced == 1
    assert watched.said[-1] == "stopped"
    assert all(_gone(pid) for pid in _pids(note))


def test_it_is_not_ready_while_one_is_silent() -> None:
    watched = Watched(_part("quick", LIVES), _part("slow", "import time; time.sleep(600)"), start=1.0)
    with pytest.raises(OperatorError, match="slow did not become ready"):
        watched.run()
    assert watched.announced == 0


def test_a_child_that_has_told_its_problem_stops_everything_with_exit_2(note: Path) -> None:
    watched = Watched(_part("a", NOTES_AND_LIVES), _part("b", "raise SystemExit(2)"))
    assert watched.run() == 2
    assert watched.said == []
    assert all(_gone(pid) for pid in _pids(note))


def test_a_child_that_dies_at_its_start_without_a_word_is_named() -> None:
    watched = Watched(_part("a", LIVES), _part("b", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))
    with pytest.raises(OperatorError, match="was ended by SIGKILL"):
        watched.run()


def test_what_looks_ready_and_is_not_stops_everything(note: Path) -> None:
    def verify() -> None:
        raise OperatorError("x", what="it does not answer", why="nobody there", try_this="lockdown doctor")

    supervisor = Supervisor([_part("a", NOTES_AND_LIVES)], say=lambda line: None, verify=verify, announce=lambda: None)
    with pytest.raises(OperatorError, match="nobody there"):
        supervisor.run()
    assert all(_gone(pid) for pid in _pids(note))


def test_a_child_that_dies_later_is_started_again_and_that_is_said(note: Path) -> None:
    def kill_and_see_it_again() -> None:
        os.kill(_pids(note)[0], signal.SIGKILL)
        eventually(lambda: len(_pids(note)) == 2, "the child runs again")
        os.kill(os.getpid(), signal.SIGTERM)

    watched = Watched(_part("a", NOTES_AND_LIVES), when_ready=kill_and_see_it_again)
    assert watched.run() == 0
    assert watched.said[0] == "a was ended by SIGKILL; it is started again in 1 s"
    assert watched.announced == 1


def test_the_pause_before_a_restart_grows(note: Path) -> None:
    """It becomes ready at each start, and dies at once."""
    code = "import os, time; open(os.environ['NOTE'], 'a').write('1\\n');" + READY + "time.sleep(0.3)"

    def stop_after_three_lives() -> None:
        eventually(lambda: len(_pids(note)) == 3, "three lives")
        os.kill(os.getpid(), signal.SIGTERM)

    watched = Watched(_part("a", code), when_ready=stop_after_three_lives)
    assert watched.run() == 0
    pauses = [line.rpartition(" in ")[2] for line in watched.said if "started again" in line]
    assert pauses[:2] == ["1 s", "2 s"]


def test_a_child_that_does_not_want_to_end_is_ended_by_a_second_signal(note: Path) -> None:
    stubborn = "import os, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + NOTES_AND_LIVES

    def twice() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        eventually(lambda: watched.said, "it has heard the first")
        os.kill(os.getpid(), signal.SIGINT)

    watched = Watched(_part("a", stubborn), when_ready=twice, stop=60.0)
    assert watched.run() == 0
    assert "stopping at once" in watched.said
    assert all(_gone(pid) for pid in _pids(note))


def test_a_child_that_does_not_want_to_end_is_ended_when_its_time_is_over() -> None:
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + LIVES
    watched = Watched(_part("a", stubborn), when_ready=_signal_us(signal.SIGTERM), stop=0.2)
    assert watched.run() == 0


def test_what_a_killed_child_leaves_behind_is_asked_to_end(note: Path) -> None:
    """As a gateway whose master was killed leaves its workers: they drain while a new one starts."""
    grandchild = "import os, time; open(os.environ['NOTE'], 'a').write(f'{os.getpid()}\\n'); time.sleep(600)"
    parent = (
        "import os, subprocess, sys, time;"
        f"os.path.exists(os.environ['NOTE']) or subprocess.Popen([sys.executable, '-S', '-c', {grandchild!r}]);"
        "[time.sleep(0.01) for _ in iter(lambda: os.path.exists(os.environ['NOTE']), True)];"
        "open(os.environ['NOTE'] + '.parent', 'a').write(f'{os.getpid()}\\n');" + LIVES
    )

    def kill_and_wait() -> None:
        os.kill(_pids(note.with_name("note.parent"))[0], signal.SIGKILL)
        eventually(lambda: _gone(_pids(note)[0]), "the grandchild is gone")
        eventually(lambda: len(_pids(note.with_name("note.parent"))) == 2, "a new one runs")
        ended_before_we_did.append(True)
        os.kill(os.getpid(), signal.SIGTERM)

    ended_before_we_did: list[bool] = []
    assert Watched(_part("a", parent), when_ready=kill_and_wait).run() == 0
    assert ended_before_we_did


def test_a_reload_goes_to_those_who_reload(note: Path) -> None:
    code = (
        "import os, signal, time; note = lambda *a: open(os.environ['NOTE'], 'a').write('1\\n');"
        "signal.signal(signal.SIGHUP, note);" + READY + "[time.sleep(0.1) for _ in range(6000)]"
    )

    def reload() -> None:
        os.kill(os.getpid(), signal.SIGHUP)
        eventually(lambda: _pids(note), "the reload has arrived")
        os.kill(os.getpid(), signal.SIGTERM)

    assert Watched(_part("a", code, reloads=True), when_ready=reload).run() == 0
    assert len(_pids(note)) == 1
