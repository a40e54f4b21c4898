"""The gateway's first process: it owns the listening sockets, keeps the workers alive, reloads and drains.

It opens one SO_REUSEPORT socket for each worker and hands it over. The socket outlives the worker, so clients that
wait in its queue when a worker is killed or replaced are served by the next one: none is lost.
It never touches mail. Fails as: OperatorError before anything is served; afterwards it goes on.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from lockdown.config import Settings, as_toml
from lockdown.engine.scan_settings import check_scan_settings
from lockdown.gateway.recipients import with_listed_recipients
from lockdown.gateway.tls import server_context
from lockdown.model.errors import OperatorError
from lockdown.state.layout import StateDirectory

_READY_WITHIN_SECONDS = 30.0
_PATIENCE_SECONDS = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass
class _Slot:
    """One worker's place: its sockets stay, its process may change."""

    number: int
    sockets: list[socket.socket]
    process: subprocess.Popen[bytes] | None = None
    deaths: int = 0
    again_at: float = 0.0
    started: float = 0.0
    ready: int = -1
    """The end of a pipe on which a worker that is starting will say `ready`; -1: it has said so."""


@dataclass
class Master:
    """Supervises the workers of one gateway. `reload` gives the newly read settings, or raises OperatorError."""

    settings: Settings
    state: StateDirectory
    reread: Callable[[], Settings]
    slots: list[_Slot] = field(default_factory=list)
    _old: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _stopping: bool = False
    _reload: bool = False

    # ── start ──

    def start(self) -> None:
        """Open the sockets, start the workers, wait until all accept."""
        self._check()
        count = self.settings.gateway.workers or os.cpu_count() or 1
        for number in range(count):
            addresses = self.addresses() if self.slots else _free(self.settings.gateway.listen)
            self.slots.append(_Slot(number, [_listen(address) for address in addresses]))
        waiting = [self._spawn(slot) for slot in self.slots]
        self._await_ready(waiting)
        self._tell_pids()

    def _check(self) -> None:
        """What can be wrong is found here, once, in words; the workers only load it."""
        self.state.prepare()
        self._try_out(self.settings)

    def _try_out(self, settings: Settings) -> None:
        with_listed_recipients(settings)
        check_scan_settings(settings)
        hostname = settings.gateway.hostname or socket.getfqdn()
        server_context(settings.gateway, hostname, self.state.tls, datetime.now(UTC))

    def _spawn(self, slot: _Slot) -> int:
        """Start a worker; returns the end of a pipe that says `ready`."""
        reader, writer = os.pipe()
        try:
            slot.process = self._process(slot, writer)
        except OSError:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        return reader

    def _process(self, slot: _Slot, writer: int) -> subprocess.Popen[bytes]:
        descriptors = [one.fileno() for one in slot.sockets]
        task = {
            "number": slot.number,
            "workers": len(self.slots) or 1,
            "descriptors": descriptors,
            "ready": writer,
            "state": str(self.state.path),
        }
        process = subprocess.Popen(
            [sys.executable, "-I", "-m", "lockdown.gateway", json.dumps(task)],
            stdin=subprocess.PIPE,
            pass_fds=(*descriptors, writer),
        )
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it has died already, which is found out as for any other
            # The pipe stays open: its end tells the worker that we are gone.
            process.stdin.write(as_toml(self.settings).encode() + b"\0")
            process.stdin.flush()
        return process

    def _await_ready(self, readers: list[int]) -> None:
        deadline = time.monotonic() + _READY_WITHIN_SECONDS
        try:
            for reader in readers:
                left = max(0.0, deadline - time.monotonic())
                readable, _, _ = select.select([reader], [], [], left)
                if not readable or not os.read(reader, 16).startswith(b"ready"):
                    self.stop(now=True)
                    raise OperatorError(
                        "worker-start",
                        what="a worker of the gateway did not start",
                        why="it ended or was not ready in time; its own words stand above",
                        try_this="lockdown doctor",
                    )
        finally:
            for reader in readers:
                os.close(reader)

    def _tell_pids(self) -> None:
        """For `lockdown doctor` and for people: who is who."""
        pids = [slot.process.pid for slot in self.slots if slot.process is not None]
        told = {"master": os.getpid(), "workers": pids, "listen": self.addresses()}
        aside = self.state.run / "gateway.json.new"
        try:
            aside.write_text(json.dumps(told))
            aside.replace(self.state.run / "gateway.json")
        except OSError as error:
            _say(f"gateway: {aside} cannot be written ({error.strerror}); mail goes on")

    def addresses(self) -> list[str]:
        """Where the gateway listens, with the port that the system chose for :0."""
        return [_shown(one) for one in self.slots[0].sockets]

    # ── life ──

    def run(self) -> int:
        """Keep the workers alive until SIGTERM or SIGINT; SIGHUP reloads."""
        while not self._stopping:
            time.sleep(0.05)
            if self._reload:
                self._reload = False
                self._replace_workers()
            self._bury_and_replace()
        self.stop()
        return 0

    def catch_signals(self) -> None:
        """SIGTERM and SIGINT drain; a second one ends at once. SIGHUP reloads."""

        def on_stop(number: int, frame: object) -> None:
            if self._stopping:
                self._kill()
            self._stopping = True

        def on_reload(number: int, frame: object) -> None:
            self._reload = True

        signal.signal(signal.SIGTERM, on_stop)
        signal.signal(signal.SIGINT, on_stop)
        signal.signal(signal.SIGHUP, on_reload)

    def _bury_and_replace(self) -> None:
        self._old = [process for process in self._old if process.poll() is None]
        now = time.monotonic()
        for slot in self.slots:
            if slot.process is not None and slot.process.poll() is not None:
                self._died(slot, now)
            if slot.process is None and now >= slot.again_at:
                self._start_again(slot, now)
            elif slot.ready >= 0:
                self._look_whether_ready(slot)

    def _start_again(self, slot: _Slot, now: float) -> None:
        try:
            slot.ready, slot.started = self._spawn(slot), now
        except OSError as error:
            slot.again_at = now + _PATIENCE_SECONDS[-1]
            _say(f"gateway: worker {slot.number} could not be started ({error.strerror}); it is tried again")
        else:
            self._tell_pids()

    def _look_whether_ready(self, slot: _Slot) -> None:
        readable, _, _ = select.select([slot.ready], [], [], 0)
        if readable:
            if os.read(slot.ready, 16).startswith(b"ready"):
                slot.deaths = 0
            os.close(slot.ready)
            slot.ready = -1
        elif time.monotonic() - slot.started > _READY_WITHIN_SECONDS:
            # It hangs before it has ever served: the next one may do better.
            _end(slot.process)

    def _died(self, slot: _Slot, now: float) -> None:
        """Its successor comes at once; later when one after the other dies before it has ever been ready."""
        assert slot.process is not None
        if slot.ready >= 0:
            self._look_whether_ready(slot)
        patience = _PATIENCE_SECONDS[min(slot.deaths, len(_PATIENCE_SECONDS) - 1)]
        slot.deaths += 1
        slot.again_at = now + patience
        _say(f"gateway: worker {slot.number} ended ({_how(slot.process.returncode)}); a new one starts")
        slot.process = None

    def _replace_workers(self) -> None:
        """SIGHUP: new settings, new workers on the same sockets, and only then do the old ones drain (rule R23)."""
        try:
            settings = self.reread()
            self._refuse_what_needs_a_restart(settings)
            self._try_out(settings)
        except OperatorError as error:
            _say(f"gateway: the settings were not reloaded, the old ones stay in force\n{error}")
            return
        before, self.settings = self.settings, settings
        old = [slot.process for slot in self.slots]
        if not self._all_start():
            self.settings = before
            self._put_back(old)
            _say("gateway: the new workers did not start; the old ones go on")
            return
        for process in filter(None, old):
            process.send_signal(signal.SIGTERM)
            self._old.append(process)
        self._tell_pids()
        _say("gateway: reloaded")

    def _all_start(self) -> bool:
        """A new worker in each place; whether all of them are ready."""
        readers: list[int] = []
        try:
            for slot in self.slots:
                readers.append(self._spawn(slot))
        except OSError as error:
            _say(f"gateway: a worker could not be started ({error.strerror})")
            for reader in readers:
                os.close(reader)
            return False
        return _all_ready(readers)

    def _put_back(self, old: list[subprocess.Popen[bytes] | None]) -> None:
        """Each in its own place: the sockets of a place are served by nobody else."""
        for slot, process in zip(self.slots, old, strict=True):
            if slot.process is not process:
                _end(slot.process)
            slot.process = process

    def _refuse_what_needs_a_restart(self, settings: Settings) -> None:
        gateway, now = settings.gateway, self.settings.gateway
        if (gateway.listen, gateway.workers) != (now.listen, now.workers):
            raise OperatorError(
                "reload",
                what="gateway.listen and gateway.workers cannot change while the gateway runs",
                why="the sockets belong to the running master",
                try_this="restart it: systemctl restart lockdown-gateway, or stop `lockdown up` and start it again",
            )

    # ── end ──

    def stop(self, *, now: bool = False) -> None:
        """Drain the workers; those that are still there after their time are ended."""
        processes = [slot.process for slot in self.slots if slot.process is not None] + self._old
        for process in processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL if now else signal.SIGTERM)
        patience = 5.0 if now else self.settings.gateway.drain.total_seconds() + 10.0
        deadline = time.monotonic() + patience
        while any(process.poll() is None for process in processes) and time.monotonic() < deadline:
            time.sleep(0.02)
        for process in processes:
            _end(process)
        for slot in self.slots:
            for one in slot.sockets:
                one.close()

    def _kill(self) -> None:
        for slot in self.slots:
            _end(slot.process)
        for process in self._old:
            _end(process)


def _end(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None and process.poll() is None:
        process.kill()


def _all_ready(readers: list[int]) -> bool:
    deadline = time.monotonic() + _READY_WITHIN_SECONDS
    ready = []
    for reader in readers:
        readable, _, _ = select.select([reader], [], [], max(0.0, deadline - time.monotonic()))
        ready.append(bool(readable) and os.read(reader, 16).startswith(b"ready"))
        os.close(reader)
    return all(ready)


def _how(status: int) -> str:
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _free(addresses: tuple[str, ...]) -> list[str]:
    """The addresses, once it is sure that nobody listens there: SO_REUSEPORT would quietly share a port with them."""
    for address in addresses:
        _listen(address, shared=False).close()
    return list(addresses)


def _listen(address: str, *, shared: bool = True) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    one: socket.socket | None = None
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host or None, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        one = socket.socket(family, kind, protocol)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shared))
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(place)
        one.listen(1024)
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that cannot be one
        if one is not None:
            one.close()
        raise _cannot_listen(address, error) from None
    return one


def _cannot_listen(address: str, error: OSError | UnicodeError) -> OperatorError:
    port = address.rpartition(":")[2]
    advice = {
        13: "run it as a user that may use low ports: AmbientCapabilities=CAP_NET_BIND_SERVICE, or a port above 1023",
        98: f"ss -ltnp 'sport = :{port}'     (who has it); or set gateway.listen to another port",
        99: "ip address     (which addresses this machine has); then set gateway.listen",
    }
    return OperatorError(
        "listen",
        what=f"the gateway cannot listen on {address}",
        why=(getattr(error, "strerror", None) or str(error)).lower(),
        try_this=advice.get(getattr(error, "errno", None) or 0, "lockdown config explain gateway.listen"),
    )


def _shown(one: socket.socket) -> str:
    host, port = one.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def run(settings: Settings, reread: Callable[[], Settings]) -> int:
    """`lockdown gateway`: serve until told to stop. Says `ready` on the descriptor in LOCKDOWN_READY_FD, if there."""
    master = Master(settings, StateDirectory(Path(settings.state.directory)), reread)
    master.catch_signals()
    master.start()
    for address in master.addresses():
        print(f"gateway  smtp on {address} ({len(master.slots)} workers)", flush=True)
    if descriptor := os.environ.get("LOCKDOWN_READY_FD"):
        with os.fdopen(int(descriptor), "wb") as ready:
            ready.write(b"ready\n")
    return master.run()
