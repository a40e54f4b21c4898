"""The agent's socket: who may ask, how much, what comes of garbage. Over a real socket, in a thread."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockdown.agent import client, verbs
from lockdown.agent.deeds import Peer
from lockdown.agent.server import Server, allowed_at
from lockdown.agent.wire import Gone, receive_message, short_name
from lockdown.model.errors import OperatorError
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def _answer(request: verbs.Request, now: datetime, peer: Peer) -> verbs.Reply:
    match request:
        case verbs.Status():
            return verbs.Running("0.1.0", 1, NOW, 0)
        case verbs.TakeSnapshot():
            return verbs.Taken("vm", NOW, "0.1.0", {"a": "x" * 5_000_000}, {"b": "denied"})
        case verbs.Block():
            raise RuntimeError("a bug in a verb")
        case verbs.Unblock():
            raise OperatorError("x", what="the store is full", why="the disk is", try_this="df -h")
        case verbs.Apply() | verbs.Confirm() | verbs.Rollback():
            return verbs.Acted("20261124-120000", "applied", [f"{peer.uid} {peer.pid} {request.by}"], 0)


@contextmanager
def _agent(state: Path, allowed: Callable[[int], bool] = lambda uid: True) -> Iterator[Path]:
    (state / "run").mkdir(parents=True, exist_ok=True)
    stop = threading.Event()
    server = Server(state / client.SOCKET, _answer, allowed)
    thread = threading.Thread(target=server.serve, args=(stop,))
    thread.start()
    try:
        yield state
    finally:
        stop.set()
        thread.join()


def _raw(state: Path, octets: bytes) -> verbs.Reply | None:
    with socket.socket(socket.AF_UNIX) as connection, short_name(state / client.SOCKET) as name:
        connection.settimeout(5)
        connection.connect(name)
        try:
            connection.sendall(octets)
            connection.shutdown(socket.SHUT_WR)
            return verbs.decode_reply(receive_message(connection, 1 << 20))
        except (Gone, ConnectionError):
            return None


def test_a_request_is_answered(tmp_path: Path) -> None:
    with _agent(tmp_path) as state:
        assert client.status(state) == verbs.Running("0.1.0", 1, NOW, 0)


def test_a_large_snapshot_arrives_whole_with_its_unknowns(tmp_path: Path) -> None:
    with _agent(tmp_path) as state:
        taken = client.snapshot(state)
    assert isinstance(taken, Snapshot)
    assert taken.reading("b") == Unknown("denied")
    assert len(str(taken.reading("a"))) == 5_000_000


def test_a_stranger_is_closed_without_a_word(tmp_path: Path) -> None:
    with _agent(tmp_path, allowed=lambda uid: False) as state:
        assert isinstance(client.status(state), Unknown)


def test_root_the_agents_own_user_and_the_owner_of_the_state_are_known(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(tmp_path, 4711, -1)
        assert allowed_at(tmp_path)(4711)
    allowed = allowed_at(tmp_path)
    assert allowed(0)
    assert allowed(os.geteuid())
    assert not allowed(65534)


def test_the_socket_is_closed_to_others_from_its_first_moment(tmp_path: Path) -> None:
    with _agent(tmp_path) as state:
        assert (state / client.SOCKET).stat().st_mode & 0o777 == 0o600


def test_an_oversized_request_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with _agent(tmp_path) as state:
        reply = _raw(state, struct.pack("!I", verbs.MOST_REQUEST_BYTES + 1))
    assert isinstance(reply, verbs.Refused)
    assert "octets announced" in reply.why


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"not json",
        b'{"verb": "shell", "command": "id"}',
        b'{"verb": "status", "more": 1}',
        b'{"verb": "block", "network": "203.0.113.7"}',
        b'{"verb": "block", "network": "203.0.113.7", "seconds": -1, "why": "", "by": ""}',
        b'{"verb": "block", "network": "203.0.113.7", "seconds": "3600", "why": "", "by": ""}',
        b"\xff\xfe",
        b"[" * 5000,
    ],
)
def test_what_is_no_request_is_refused_in_words(tmp_path: Path, body: bytes) -> None:
    with _agent(tmp_path) as state:
        reply = _raw(state, struct.pack("!I", len(body)) + body)
        assert isinstance(reply, verbs.Refused)
        assert isinstance(client.status(state), verbs.Running)


@given(octets=st.binary(max_size=200))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_octets_bring_it_down(agent_for_all: Path, octets: bytes) -> None:
    _raw(agent_for_all, octets)
    assert isinstance(client.status(agent_for_all), verbs.Running)


@pytest.fixture
def agent_for_all(tmp_path: Path) -> Iterator[Path]:
    with _agent(tmp_path) as state:
        yield state


def test_a_bug_in_a_verb_is_a_refusal_and_the_agent_lives(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with _agent(tmp_path) as state:
        reply = client.block(state, "203.0.113.7", timedelta(minutes=1), why="floods", by="gateway")
        assert isinstance(reply, verbs.Refused)
        assert "RuntimeError" in reply.why
        assert isinstance(client.status(state), verbs.Running)
    assert "a bug in a verb" in capfd.readouterr().err


def test_an_operators_problem_comes_through_with_what_to_type(tmp_path: Path) -> None:
    with _agent(tmp_path) as state:
        reply = client.unblock(state, "203.0.113.7", by="root")
    assert reply == verbs.Refused("the store is full: the disk is", "df -h")


def test_a_second_agent_on_the_same_socket_is_refused(tmp_path: Path) -> None:
    with _agent(tmp_path) as state, pytest.raises(OperatorError, match="another agent answers"):
        Server(state / client.SOCKET, _answer, lambda uid: True)


def test_the_socket_of_a_dead_agent_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as dead, short_name(tmp_path / client.SOCKET) as name:
        dead.bind(name)
    with _agent(tmp_path) as state:
        assert isinstance(client.status(state), verbs.Running)


def test_a_socket_deep_in_the_tree_works_although_its_name_is_too_long(tmp_path: Path) -> None:
    with _agent(tmp_path / ("d" * 100) / ("e" * 100)) as state:
        assert isinstance(client.status(state), verbs.Running)


def test_no_agent_is_unknown_with_the_reason(tmp_path: Path) -> None:
    assert client.status(tmp_path) == Unknown("no agent runs here")
    assert client.snapshot(tmp_path) == Unknown("no agent runs here")


def test_an_agent_that_does_not_answer_in_time_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as silent, short_name(tmp_path / client.SOCKET) as name:
        silent.bind(name)
        silent.listen()
        answer = client.status(tmp_path, timeout=0.1)
    assert isinstance(answer, Unknown)
    assert "no answer" in answer.why
