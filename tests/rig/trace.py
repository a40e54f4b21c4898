"""System calls of a running process: seen through strace, in order; and a kill at a chosen one.

Fails as: `TookTooLong` when strace does not attach. A line of the record that cannot be read raises ValueError: a
record half understood could prove anything.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.rig.network import TookTooLong, eventually

DURABILITY = (
    "fsync", "fdatasync", "rename", "renameat", "renameat2", "link", "linkat",
    "write", "writev", "pwrite64", "pwritev", "sendto", "sendmsg",
)  # fmt: skip
"""The calls that order "it is on disk" and "it has been said"."""


def why_strace_cannot_run() -> str:
    """The reason to skip; empty when it can."""
    if not shutil.which("strace"):
        return "strace is not installed (apt-get install strace)"
    tried = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, timeout=20, check=False)
    return "" if tried.returncode == 0 else f"strace may not trace here: {tried.stderr.decode().strip()[:100]}"


@dataclass(frozen=True, slots=True)
class Call:
    """One system call. `began` and `ended` are line numbers of the record: A happened before B if A.ended < B.began."""

    name: str
    arguments: str
    result: str
    began: int
    ended: int

    @property
    def path(self) -> str:
        """The file behind the first descriptor (strace -y), or the last path among the arguments."""
        if found := re.match(r"\d+<([^>]*)>", self.arguments):
            return found[1]
        quoted = re.findall(r'"((?:[^"\\]|\\.)*)"', self.arguments)
        return quoted[-1] if quoted else ""

    @property
    def done(self) -> bool:
        return re.match(r"-?\d+", self.result) is not None and not self.result.startswith("-1")


_WHOLE = re.compile(r"(\d+)\s+(\w+)\((.*)\)\s+= (.*)\Z", re.DOTALL)
_BEGUN = re.compile(r"(\d+)\s+(\w+)\((.*?)\s*<unfinished \.\.\.>\Z", re.DOTALL)
_RESUMED = re.compile(r"(\d+)\s+<\.\.\. (\w+) resumed>(.*)\)\s+= (.*)\Z", re.DOTALL)
_NOT_A_CALL = re.compile(r"\d+\s+(?:---|\+\+\+|<\.\.\. \w+ resumed>.*<detached|\w+\(.*<detached|\?\?\?\?)")
_CUT_OFF = re.compile(r"\d+\s+(?:<\.\.\. \w+ resumed>.*|\w+\(.*)= \?\Z")


def calls(record: Iterable[str]) -> list[Call]:
    """The calls of a record in the order in which they ended."""
    begun: dict[str, tuple[str, str, int]] = {}
    ended: list[Call] = []
    for number, line in enumerate(record):
        text = line.rstrip("\n")
        if not text or _NOT_A_CALL.match(text) or _CUT_OFF.match(text):
            continue
        if found := _BEGUN.match(text):
            begun[found[1]] = (found[2], found[3], number)
        elif found := _RESUMED.match(text):
            if found[1] in begun:
                name, arguments, start = begun.pop(found[1])
                ended.append(Call(name, arguments + found[3], found[4], start, number))
        elif found := _WHOLE.match(text):
            ended.append(Call(found[2], found[3], found[4], number, number))
        else:
            raise ValueError(f"line {number + 1} of the record is no system call: {text!r}")
    return ended


class Trace:
    """A strace that is attached to a process and all of its threads."""

    def __init__(self, pid: int, record: Path, names: Sequence[str] = DURABILITY, *, inject: str = "") -> None:
        options = ["-f", "-y", "-s", "200", "-e", "trace=" + ",".join(names), "-e", "signal=none"]
        if inject:
            options += ["-e", f"inject={inject}"]
        self.record = record
        self._words = record.with_suffix(".attached")
        with self._words.open("wb") as words:
            self._process = subprocess.Popen(
                ["strace", *options, "-o", str(record), "-p", str(pid)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=words,
            )  # fmt: skip
        self._pid = pid
        try:
            eventually(self._is_attached, f"strace attaches to {pid}", 10.0)
        except TookTooLong as late:
            self.stop()
            raise TookTooLong(f"{late}: {self._words.read_text()}") from None

    def _is_attached(self) -> bool:
        """All threads: a thread of the process that nobody traces yet has TracerPid 0."""
        tasks = list(Path(f"/proc/{self._pid}/task").glob("*/status"))
        return bool(tasks) and all(f"TracerPid:\t{self._process.pid}\n" in task.read_text() for task in tasks)

    def stop(self) -> None:
        """Detach."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def calls(self) -> list[Call]:
        """What has been recorded; call it after `stop`."""
        with self.record.open(errors="replace") as lines:
            return calls(lines)


@contextmanager
def traced(pid: int, record: Path, names: Sequence[str] = DURABILITY, *, inject: str = "") -> Iterator[Trace]:
    """Attach, run the body, detach."""
    trace = Trace(pid, record, names, inject=inject)
    try:
        yield trace
    finally:
        trace.stop()


@dataclass(frozen=True, slots=True)
class Link:
    """One link of a chain that must have happened in order: a name for people, and what the call looks like."""

    what: str
    names: tuple[str, ...]
    matches: str
    """A regular expression on `path` for files, on all of the arguments for sockets."""


class WrongOrder(AssertionError):
    """The chain broke; says at which link and what was seen."""


def assert_order(seen: Sequence[Call], chain: Sequence[Link], last: Link) -> None:
    """Each link completed before the next began, and all of them before *any* call like `last` began.

    The last link is what the world hears. Were it looked for only after the others, a reply that came too early and
    again too late would pass; so the first of them counts.
    """
    told = [call for call in seen if _fits(call, last)]
    if not told:
        raise WrongOrder(f"never seen: {last.what}\n{_story(seen)}")
    limit, after = told[0].began, -1
    for link in chain:
        found = [call for call in seen if call.done and call.began > after and _fits(call, link)]
        if not found:
            raise WrongOrder(f"not seen in its place: {link.what}\n{_story(seen)}")
        after = found[0].ended
        if after >= limit:
            raise WrongOrder(f"{last.what} came before: {link.what}\n{_story(seen)}")


def _fits(call: Call, link: Link) -> bool:
    return call.name in link.names and re.search(link.matches, call.arguments) is not None


def _story(seen: Sequence[Call]) -> str:
    return "\n".join(
        f"  {call.began:4}-{call.ended:<4} {call.name}({call.arguments[:110]}) = {call.result}" for call in seen
    )
