"""`lockdown up` as a person would use it: everything runs, answers, and stops; and what goes wrong is said in words."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from lockdown.agent import client
from lockdown.agent.verbs import Running
from tests.rig.network import eventually, free_port

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

LOCKDOWN = (sys.executable, "-m", "lockdown")


@dataclass(frozen=True, slots=True)
class Site:
    """A folder with a lockdown.toml and ports of its own."""

    folder: Path
    smtp: int
    web: int

    @property
    def config(self) -> Path:
        return self.folder / "lockdown.toml"

    def run(self, *words: str, through: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*through, *LOCKDOWN, *words, "--config", str(self.config)],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=self.folder,
        )


def new_site(folder: Path, settings: Mapping[str, Mapping[str, object]] | None = None) -> Site:
    folder.mkdir(parents=True, exist_ok=True)
    site = Site(folder, free_port(), free_port())
    tables: dict[str, dict[str, object]] = {
        "gateway": {"listen": [f"127.0.0.1:{site.smtp}"], "workers": 1},
        "console": {"listen": f"127.0.0.1:{site.web}"},
    }
    for section, table in (settings or {}).items():
        tables.setdefault(section, {}).update(table)
    lines = [f"[{section}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
             for section, table in tables.items()]  # fmt: skip
    site.config.write_text("\n".join(lines))
    return site


@contextmanager
def up(site: Site) -> Iterator[subprocess.Popen[bytes]]:
    """Running and ready; ended afterwards in any case."""
    output = site.folder / "up.out"
    with output.open("wb") as file:
        process = subprocess.Popen([*LOCKDOWN, "up", "--config", str(site.config)], stdout=file, stderr=file)
    try:
        eventually(lambda: _is_ready(output, process), f"ready; it said: {output.read_text()}", 90)
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def _is_ready(output: Path, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, output.read_text()
    return "\nready\n" in output.read_text()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = new_site(tmp_path_factory.mktemp("up"), {"attachments": {"max_parts": 2}})
    with up(site):
        yield site


def _many_parts(folder: Path) -> Path:
    parts = "".join(f"--b\r\nContent-Type: text/plain\r\n\r\n{number}\r\n" for number in range(5))
    head = "From: <a@b.example>\r\nSubject: \x1b[2Jparts\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    file = folder / "parts.eml"
    file.write_bytes(f"{head}{parts}--b--\r\n".encode())
    return file


def test_it_says_where_everything_listens_what_to_try_and_then_ready(running: Site) -> None:
    said = (running.folder / "up.out").read_text()
    assert f"smtp on 127.0.0.1:{running.smtp}" in said
    assert f"http://127.0.0.1:{running.web}/" in said
    assert "agent.sock" in said
    assert "lockdown send --config" in said
    assert said.rstrip().endswith("ready")


def test_a_message_is_sent_found_and_traced(running: Site) -> None:
    sent = running.run("send", "--to", "alice@example.org", "--subject", "hello", "--tls")
    assert sent.returncode == 0, sent.stderr
    assert "encrypted from here on" in sent.stdout
    file = Path(next(line for line in sent.stdout.splitlines() if line.startswith("it lies in ")).split()[-1])
    assert b"Subject: hello\r\n" in file.read_bytes()
    traced = running.run("trace", "alice@example.org")
    assert traced.returncode == 0
    assert "status=accepted" in traced.stdout


def test_a_refused_message_is_exit_1_with_the_servers_words(running: Site) -> None:
    sent = running.run("send", "--to", "alice@foreign.example")
    assert sent.returncode == 1
    assert "at RCPT: 550 5.7.1" in sent.stdout


def test_a_message_too_large_is_refused_before_it_is_sent(running: Site) -> None:
    sent = running.run("send", "--size", "30MiB")
    assert sent.returncode == 1
    assert "at MAIL: 552 5.3.4" in sent.stdout


def test_sent_as_json_it_carries_its_dialogue(running: Site) -> None:
    told = json.loads(running.run("send", "--json").stdout)
    assert (told["schema"], told["outcome"]) == ("lockdown.send/1", "accepted")
    assert told["dialogue"][0].startswith("S: 220 ")
    assert Path(told["file"]).exists()


def test_a_doubtful_message_is_held_shown_released_and_its_story_told(running: Site) -> None:
    sent = running.run("send", "--file", str(_many_parts(running.folder)), "--to", "bob@example.org")
    assert "was held for a person" in sent.stdout, sent.stdout
    listed = json.loads(running.run("quarantine", "list", "--json").stdout)
    held = listed["messages"][0]
    shown = running.run("quarantine", "show", held["id"])
    assert "Subject: \ufffd[2Jparts" in shown.stdout
    assert "\x1b" not in shown.stdout
    released = running.run("quarantine", "release", held["id"])
    assert released.returncode == 0, released.stderr
    assert b"Subject: \x1b[2Jparts" in Path(released.stdout.split(": ")[0].split()[-1]).read_bytes()
    assert "nothing was done" in running.run("quarantine", "release", held["id"]).stdout
    assert "then released by" in running.run("trace", held["id"]).stdout


def test_deleting_what_is_held_and_what_is_not(running: Site) -> None:
    running.run("send", "--file", str(_many_parts(running.folder)), "--to", "carol@example.org")
    held = json.loads(running.run("quarantine", "list", "--json").stdout)["messages"][0]["id"]
    assert running.run("quarantine", "delete", held).returncode == 0
    missing = running.run("quarantine", "delete", "nosuch")
    assert missing.returncode == 1
    assert "no message nosuch was ever held" in missing.stderr


def test_the_doctor_finds_all_three_well(running: Site) -> None:
    seen = running.run("doctor", "--json")
    symptoms = {entry["part"]: entry for entry in json.loads(seen.stdout)["symptoms"]}
    assert seen.returncode == 0, seen.stdout
    for part in ("gateway", "workers", "console", "agent", "store", "spool", "upstream", "disk", "state"):
        assert symptoms[part]["state"] == "pass", symptoms[part]
    assert all(entry["try"] for entry in symptoms.values() if entry["state"] != "pass")


def test_the_page_shows_the_thirteen_items_and_the_metrics_count(running: Site) -> None:
    running.run("send")
    eventually(lambda: "audited 2" in _get(running, "/")[1], "the first audit", 60)
    status, page = _get(running, "/")
    assert status == 200
    assert page.count('class="number"') == 13
    assert _get(running, "/healthz") == (200, '{"well":true,"reasons":[]}')
    eventually(lambda: "lockdown_messages_total{" in _get(running, "/metrics")[1], "the messages are counted")


def _get(site: Site, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", site.web, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_a_blocked_network_is_listed_explained_and_removed(running: Site) -> None:
    assert running.run("block", "add", "203.0.113.0/24", "--for", "2h", "--why", "floods").returncode == 0
    assert "203.0.113.0/24" in running.run("block", "list").stdout
    why = running.run("block", "why", "203.0.113.9")
    assert (why.returncode, "floods" in why.stdout) == (0, True)
    assert running.run("block", "remove", "203.0.113.0/24").returncode == 0
    assert running.run("block", "why", "203.0.113.9").returncode == 1


def test_a_second_up_on_the_same_state_directory_is_refused(running: Site) -> None:
    second = running.run("up")
    assert second.returncode == 2
    assert "is not started a second time" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_killed_child_is_started_again_and_said(running: Site) -> None:
    status = client.status(running.folder / "var")
    assert isinstance(status, Running)
    os.kill(status.pid, signal.SIGKILL)
    eventually(lambda: _another_agent(running, status.pid), "another agent", 60)
    eventually(lambda: "agent runs again" in (running.folder / "up.out").read_text(), "it is said")


def _another_agent(site: Site, before: int) -> bool:
    status = client.status(site.folder / "var")
    return isinstance(status, Running) and status.pid != before


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_behind_however_it_ends(tmp_path: Path, number: signal.Signals) -> None:
    site = new_site(tmp_path)
    with up(site) as process:
        children = _children(process.pid)
        family = children + [grandchild for child in children for grandchild in _children(child)]
        assert len(family) >= 4
        process.send_signal(number)
        assert process.wait(60) == (0 if number != signal.SIGKILL else -number)
        eventually(lambda: not [pid for pid in family if _lives(pid)], f"{family} are gone", 30)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


# ── what goes wrong ──


def fails(site: Site, *expected: str, through: tuple[str, ...] = ()) -> None:
    """Exit 2, one sentence with what, why and what to type, and nothing left running."""
    ran = site.run("up", through=through)
    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.stderr.count("lockdown: ") == 1, ran.stderr
    assert "  why: " in ran.stderr
    assert "  try: " in ran.stderr
    for words in expected:
        assert words in ran.stderr, ran.stderr
    assert "ready" not in ran.stdout.splitlines()


def test_an_unknown_setting(tmp_path: Path) -> None:
    fails(new_site(tmp_path, {"gateway": {"upstrem": "maildir:mail"}}), "did you mean `gateway.upstream`?")


@pytest.mark.parametrize("port", ["smtp", "web"])
def test_a_port_in_use(tmp_path: Path, port: str) -> None:
    import socket

    site = new_site(tmp_path)
    taken = getattr(site, port)
    with socket.create_server(("127.0.0.1", taken)):
        fails(site, f"cannot listen on 127.0.0.1:{taken}", "address already in use", f"sport = :{taken}")


NOT_ALMIGHTY = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--")
"""Root as anybody else, as far as the permissions of files go."""


def test_an_unwritable_state_directory(tmp_path: Path) -> None:
    site = new_site(tmp_path)
    (tmp_path / "var").mkdir(mode=0o555)
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root may write anywhere, and there is no setpriv to make it an ordinary user")
        os.chown(tmp_path / "var", 65534, -1)
    fails(site, "cannot be used", "may not write", "chown", through=NOT_ALMIGHTY if os.geteuid() == 0 else ())


def test_a_state_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("")
    fails(new_site(tmp_path), "var cannot be used", "a file")


def test_a_broken_certificate(tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    fails(new_site(tmp_path, {"gateway": {"tls_certificate": "c.pem"}}), "c.pem cannot be used")


def test_a_missing_certificate(tmp_path: Path) -> None:
    fails(new_site(tmp_path, {"gateway": {"tls_certificate": "none.pem"}}), "none.pem cannot be used")


def test_a_console_beyond_loopback(tmp_path: Path) -> None:
    fails(new_site(tmp_path, {"console": {"listen": "0.0.0.0:8025"}}), "this version has no accounts", "ssh -L")


@contextmanager
def _tiny_disk(folder: Path) -> Iterator[Path]:
    """A file system of 256 KiB with nothing free."""
    folder.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or not mount:
        pytest.skip("needs root to mount a small file system")
    mounted = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _fill(folder: Path) -> None:
    with suppress(OSError), (folder / "ballast").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def test_a_full_disk(tmp_path: Path) -> None:
    with _tiny_disk(tmp_path / "disk") as disk:
        _fill(disk)
        site = new_site(tmp_path, {"state": {"directory": str(disk / "state")}})
        fails(site, "the disk is full", "df -h")


def test_an_upstream_that_is_down_starts_defers_and_the_doctor_says_so(tmp_path: Path) -> None:
    port = free_port()
    site = new_site(tmp_path, {"gateway": {"upstream": f"smtp://127.0.0.1:{port}"}})
    with up(site):
        sent = site.run("send")
        assert sent.returncode == 1
        assert " 4" in sent.stdout.splitlines()[-1]
        seen = site.run("doctor")
        assert seen.returncode == 1
        assert (
            f"127.0.0.1:{port} does not answer: Connection refused; mail is deferred (450) until it does" in seen.stdout
        )
        assert "Traceback" not in seen.stdout + seen.stderr
