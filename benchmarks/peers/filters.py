"""Spam filters of others, installed by apt, trained as their manuals say, asked in their own way.

bogofilter(1): `-s`/`-n` register mboxes, `-T` prints the spamicity of each file. sa-learn(1): `--spam`/`--ham`, then
spamd(8) with that database, local tests only. rspamd: `/learnspam`, `/learnham` and `/checkv2` over HTTP, Bayes in a
Redis of its own, no DNS (its nameserver is a closed port on loopback).

Fails as: `Unmeasurable` where a filter is not installed or does not start.
"""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from benchmarks.figures import Unmeasurable
from benchmarks.machine import LOOPBACK, end, free_port
from benchmarks.training import CorpusMessage

_START_SECONDS = 60
_WORKERS = 2


class Filter(Protocol):
    """A filter that is up."""

    def learn(self, messages: Sequence[CorpusMessage], *, is_spam: bool) -> None:
        """Train it."""

    def scores(self, messages: Sequence[CorpusMessage]) -> list[float]:
        """What it says of messages, in their order."""


class Peer(NamedTuple):
    """A filter that can be started here."""

    name: str
    mark: float
    start: Callable[[Path], AbstractContextManager[Filter]]
    how: str


def _installed(program: str) -> str:
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/bin")
    if found is None:
        raise Unmeasurable(f"{program} is not installed")
    return found


def _unix(message: CorpusMessage) -> bytes:
    """As a filter finds it in a file."""
    return message.content.replace(b"\r\n", b"\n")


def _mbox(messages: Sequence[CorpusMessage]) -> bytes:
    quoted = (re.sub(rb"(?m)^From ", b">From ", _unix(message)) for message in messages)
    return b"".join(b"From nobody@example.org Mon Jan  1 00:00:00 2001\n" + each + b"\n\n" for each in quoted)


def _files(messages: Sequence[CorpusMessage], folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number}.eml" for number in range(len(messages))]
    for path, message in zip(paths, messages, strict=True):
        path.write_bytes(_unix(message))
    return paths


def _run(command: list[str], given: bytes = b"") -> bytes:
    done = subprocess.run(command, input=given, capture_output=True, check=False, timeout=3600)
    if done.returncode > 2:
        raise Unmeasurable(f"{command[0]} ended with {done.returncode}: {done.stderr[-300:].decode(errors='replace')}")
    return done.stdout


# ── bogofilter ──


class _Bogofilter:
    def __init__(self, folder: Path) -> None:
        self._folder, self._program = folder, _installed("bogofilter")

    def learn(self, messages: Sequence[CorpusMessage], *, is_spam: bool) -> None:
        _run([self._program, "-d", str(self._folder), "-s" if is_spam else "-n", "-M"], _mbox(messages))

    def scores(self, messages: Sequence[CorpusMessage]) -> list[float]:
        files = _files(messages, self._folder / "test")
        given = "".join(f"{file}\n" for file in files).encode()
        said = _run([self._program, "-d", str(self._folder), "-T", "-T", "-b"], given).decode()
        found = {line.split()[0]: float(line.split()[-1]) for line in said.splitlines() if line.strip()}
        return [found[str(file)] for file in files]


@contextmanager
def _bogofilter(folder: Path) -> Iterator[Filter]:
    yield _Bogofilter(folder)


# ── SpamAssassin ──


class _SpamAssassin:
    def __init__(self, folder: Path) -> None:
        self._folder, self._socket = folder, folder / "spamd.sock"

    @contextmanager
    def _serving(self) -> Iterator[None]:
        bayes = f"bayes_path {self._folder}/bayes"
        command = [
            _installed("spamd"), "-L", "-x", f"--socketpath={self._socket}", "-m", str(_WORKERS), "-u", "nobody",
            "--cf", bayes, "--cf", "bayes_auto_learn 0", "--cf", "bayes_file_mode 0777",
            "-s", str(self._folder / "log"),
        ]  # fmt: skip
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            _wait(self._socket.exists, "spamd", process)
            yield
        finally:
            end(process)

    def learn(self, messages: Sequence[CorpusMessage], *, is_spam: bool) -> None:
        source = self._folder / f"{'spam' if is_spam else 'ham'}.mbox"
        source.write_bytes(_mbox(messages))
        _run(
            [_installed("sa-learn"), "-L", "--dbpath", str(self._folder / "bayes"), "--spam" if is_spam else "--ham",
             "--mbox", str(source)]
        )  # fmt: skip

    def scores(self, messages: Sequence[CorpusMessage]) -> list[float]:
        for file in self._folder.glob("bayes*"):
            file.chmod(0o666)
        self._folder.chmod(0o777)
        with self._serving(), ThreadPoolExecutor(_WORKERS) as pool:
            return list(pool.map(self._score, map(_unix, messages)))

    def _score(self, content: bytes) -> float:
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(300)
            asking.connect(str(self._socket))
            asking.sendall(b"CHECK SPAMC/1.5\r\nContent-length: %d\r\n\r\n%b" % (len(content), content))
            asking.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: asking.recv(65536), b""))
        found = re.search(rb"Spam: \w+ ; (-?[\d.]+) /", answer)
        if found is None:
            raise Unmeasurable(f"spamd said {answer[:80]!r}")
        return float(found[1])


@contextmanager
def _spamassassin(folder: Path) -> Iterator[Filter]:
    _installed("spamd")
    yield _SpamAssassin(folder)


# ── rspamd ──


class _Rspamd:
    def __init__(self, check: int, control: int) -> None:
        self._check, self._control = check, control

    def _ask(self, port: int, path: str, content: bytes) -> bytes:
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=120)
        try:
            connection.request("POST", path, content)
            return connection.getresponse().read()
        finally:
            connection.close()

    def learn(self, messages: Sequence[CorpusMessage], *, is_spam: bool) -> None:
        # What it is sure of already it declines to learn: its design.
        for message in messages:
            self._ask(self._control, "/learnspam" if is_spam else "/learnham", _unix(message))

    def scores(self, messages: Sequence[CorpusMessage]) -> list[float]:
        with ThreadPoolExecutor(_WORKERS) as pool:
            return list(pool.map(self._score, map(_unix, messages)))

    def _score(self, content: bytes) -> float:
        return float(json.loads(self._ask(self._check, "/checkv2", content))["score"])


def _rspamd_settings(folder: Path, check: int, control: int, redis: int) -> None:
    local = folder / "local.d"
    local.mkdir(parents=True)
    closed = free_port()
    for name, text in {
        "redis.conf": f'servers = "{LOOPBACK}:{redis}";',
        "classifier-bayes.conf": 'backend = "redis"; min_learns = 20;',
        "worker-normal.inc": f'bind_socket = "{LOOPBACK}:{check}"; count = {_WORKERS};',
        "worker-controller.inc": f'bind_socket = "{LOOPBACK}:{control}"; secure_ip = "{LOOPBACK}";',
        "worker-proxy.inc": "enabled = false;",
        "worker-fuzzy.inc": "enabled = false;",
        "logging.inc": f'type = "file"; filename = "{folder}/log"; level = "error";',
        "options.inc": f'dns {{ nameserver = ["{LOOPBACK}:{closed}"]; timeout = 0.05s; retransmits = 1; }} ',
        **{f"{module}.conf": "enabled = false;" for module in ("rbl", "fuzzy_check", "phishing", "asn", "dmarc", "spf",
                                                               "dkim", "arc", "mx_check", "greylist", "ratelimit")},
    }.items():  # fmt: skip
        (local / name).write_text(text + "\n")


@contextmanager
def _rspamd(folder: Path) -> Iterator[Filter]:
    program, store = _installed("rspamd"), _installed("redis-server")
    check, control, redis = free_port(), free_port(), free_port()
    _rspamd_settings(folder, check, control, redis)
    folder.chmod(0o777)
    variables = {"LOCAL_CONFDIR": folder, "DBDIR": folder, "RUNDIR": folder, "LOGDIR": folder}
    commands = {
        redis: [store, "--port", str(redis), "--bind", LOOPBACK, "--save", "", "--dir", str(folder)],
        check: [program, "-f", "-i", *(f"--var={name}={value}" for name, value in variables.items())],
    }
    with ExitStack() as stack:
        for port, command in commands.items():
            process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
            )
            stack.callback(end, process)
            _wait(lambda port=port: _listens(port), command[0], process)  # type: ignore[misc]
        _wait(lambda: _listens(control), program, process)
        yield _Rspamd(check, control)


def _listens(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex((LOOPBACK, port)) == 0


def _wait(is_up: Callable[[], bool], name: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _START_SECONDS
    while not is_up():
        if process.poll() is not None or time.monotonic() > until:
            raise Unmeasurable(f"{name} does not start")
        time.sleep(0.1)


PEERS = (
    Peer("bogofilter", 0.99, _bogofilter, "all headers and text; one process; its default mark 0.99"),
    Peer("spamassassin", 5.0, _spamassassin, "-L with Bayes, 2 children"),
    Peer("rspamd", 6.0, _rspamd, "with Bayes in Redis, without DNS, 2 workers; mark: add header"),
)
