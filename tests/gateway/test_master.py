"""The first process: it takes no port that is in use, loses no worker from sight, and does not die of small things."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from lockdown.config import Settings
from lockdown.gateway.master import Master, _free, _listen, _shown, _Slot
from lockdown.model.errors import OperatorError
from lockdown.state.layout import StateDirectory
from tests.gateway.house import settings_of

HAS_IPV6 = socket.has_ipv6 and Path("/proc/net/if_inet6").exists() and Path("/proc/net/if_inet6").read_text().strip()


def master(tmp_path: Path, text: str = "", settings: Settings | None = None) -> Master:
    given = settings or settings_of(text)
    return Master(given, StateDirectory(tmp_path / "state").prepare(), lambda: given)


def asleep() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], stdin=subprocess.PIPE)


# ── sockets ──


def test_a_port_that_another_server_shares_is_in_use_all_the_same() -> None:
    with _listen("127.0.0.1:0") as other:
        place = _shown(other)
        _listen(place).close()
        with pytest.raises(OperatorError, match="address already in use") as told:
            _free((place,))
    assert told.value.what == f"the gateway cannot listen on {place}"
    assert "ss -ltnp" in told.value.try_this


def test_a_free_port_stays_free_after_the_question() -> None:
    with _listen("127.0.0.1:0") as one:
        place = _shown(one)
    assert _free((place,)) == [place]
    _listen(place).close()


@pytest.mark.parametrize("address", ["no-such-host.invalid:25", f"{'a' * 70}.example:25", "203.0.113.1:25"])
def test_an_address_that_cannot_be_listened_on_is_told_in_words(address: str) -> None:
    with pytest.raises(OperatorError) as told:
        _listen(address)
    assert address in told.value.what
    assert told.value.try_this


def test_a_star_is_every_address() -> None:
    with _listen("*:0") as one:
        assert one.getsockname()[0] in ("0.0.0.0", "::")


@pytest.mark.skipif(not HAS_IPV6, reason="this machine has no IPv6")
def test_an_ipv6_listener_leaves_the_port_of_ipv4_alone() -> None:
    with _listen("[::1]:0") as six:
        assert six.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
        assert _shown(six).startswith("[::1]:")
        _listen(f"127.0.0.1:{six.getsockname()[1]}").close()


def test_several_workers_share_the_ports_that_the_system_chose(tmp_path: Path) -> None:
    one = master(tmp_path, '[gateway]\nlisten = ["127.0.0.1:0", "127.0.0.1:0"]\nworkers = 2\n')
    one.start()
    try:
        first, second = one.addresses()
        assert first != second
        assert [_shown(socket) for slot in one.slots for socket in slot.sockets] == [first, second, first, second]
        for place in (first, second):
            host, _, port = place.rpartition(":")
            with socket.create_connection((host, int(port)), timeout=20) as client:
                assert client.recv(100).startswith(b"220 ")
    finally:
        one.stop(now=True)


# ── small things ──


def test_a_state_directory_that_cannot_be_written_does_not_end_the_master(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    one = master(tmp_path)
    one.slots.append(_Slot(0, [_listen("127.0.0.1:0")]))
    shutil.rmtree(one.state.run)
    one._tell_pids()
    one.stop(now=True)
    assert "gateway.json" in capfd.readouterr().err


def test_a_worker_that_cannot_be_started_is_tried_again_later(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    class NoMemory(Master):
        def _process(self, slot: _Slot, writer: int) -> subprocess.Popen[bytes]:
            raise OSError(12, "Cannot allocate memory")

    one = NoMemory(settings_of(""), StateDirectory(tmp_path / "state").prepare(), lambda: settings_of(""))
    one.slots.append(_Slot(0, []))
    one._bury_and_replace()
    one._bury_and_replace()
    assert one.slots[0].process is None
    assert one.slots[0].again_at > 0
    assert "could not be started" in capfd.readouterr().err
    one.stop(now=True)


def test_new_workers_that_do_not_start_leave_every_old_one_in_its_place(tmp_path: Path) -> None:
    one = master(tmp_path)
    lives = asleep()
    one.slots += [_Slot(0, [], again_at=float("inf")), _Slot(1, [], process=lives)]
    try:
        one._spawn = lambda slot: _never_ready(slot)  # type: ignore[method-assign]
        one._replace_workers()
        assert one.slots[0].process is None
        assert one.slots[1].process is lives
        assert lives.poll() is None
    finally:
        lives.kill()
        lives.wait()


def _never_ready(slot: _Slot) -> int:
    """A worker that ends before it is ready: the pipe's end says so."""
    import os

    reader, writer = os.pipe()
    os.close(writer)
    slot.process = asleep()
    return reader


def test_settings_that_are_wrong_at_a_reload_leave_the_old_ones_in_force(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = settings_of("")
    broken = settings_of('[gateway]\ntls_certificate = "/no/such/file.pem"\n')
    one = Master(before, StateDirectory(tmp_path / "state").prepare(), lambda: broken)
    one._replace_workers()
    assert one.settings is before
    assert "the old ones stay in force" in capfd.readouterr().err


def test_a_disk_that_is_full_at_a_reload_leaves_the_old_settings_in_force(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    one = master(tmp_path)
    shutil.rmtree(one.state.tls)
    one.state.tls.write_text("no folder, so no certificate can be made in it")
    one._replace_workers()
    assert "the old ones stay in force" in capfd.readouterr().err


def test_a_worker_does_not_die_of_the_hangup_that_is_meant_for_the_master(tmp_path: Path) -> None:
    one = master(tmp_path, '[gateway]\nlisten = ["127.0.0.1:0"]\nworkers = 1\n')
    one.start()
    try:
        process = one.slots[0].process
        assert process is not None
        process.send_signal(signal.SIGHUP)
        host, _, port = one.addresses()[0].rpartition(":")
        with socket.create_connection((host, int(port)), timeout=20) as client:
            assert client.recv(100).startswith(b"220 ")
        assert process.poll() is None
    finally:
        one.stop(now=True)


def test_a_store_that_cannot_be_opened_is_told_in_words_by_the_worker(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    one = master(tmp_path, '[gateway]\nlisten = ["127.0.0.1:0"]\nworkers = 1\n')
    one.state.database.write_bytes(b"this is no database" * 500)
    with pytest.raises(OperatorError, match="did not start"):
        one.start()
    said = capfd.readouterr().err
    assert "Traceback" not in said
    assert "lockdown.db" in said


def test_a_worker_that_is_starting_when_the_gateway_stops_is_stopped_too(tmp_path: Path) -> None:
    one = master(tmp_path, '[gateway]\nlisten = ["127.0.0.1:0"]\nworkers = 1\n')
    slot = _Slot(0, [_listen("127.0.0.1:0")])
    one.slots.append(slot)
    slot.ready = one._spawn(slot)
    one.stop()
    assert slot.process is not None and slot.process.poll() is not None


def test_patience_grows_only_while_a_worker_is_never_ready(tmp_path: Path) -> None:
    one = master(tmp_path)
    slot = _Slot(0, [], process=SimpleNamespace(returncode=1, poll=lambda: 1))  # type: ignore[arg-type]
    waits = []
    for _ in range(8):
        slot.process = SimpleNamespace(returncode=1, poll=lambda: 1)  # type: ignore[assignment]
        one._died(slot, 100.0)
        waits.append(slot.again_at - 100.0)
    assert [round(wait, 3) for wait in waits] == [0.0, 0.2, 0.5, 1.0, 2.0, 5.0, 5.0, 5.0]
