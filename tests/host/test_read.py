"""A snapshot of this very machine: every reading is there, told apart, and nothing raises."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockdown.config import Loaded, Settings, read_settings
from lockdown.facts import gateway, interfaces, listeners
from lockdown.facts import postfix as facts
from lockdown.facts.gateway import Gateway
from lockdown.host.read import take_snapshot
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HAS_POSTFIX = Path("/usr/sbin/postconf").exists()


def taken(loaded: Loaded | None = None, **how: object) -> Snapshot:
    return take_snapshot(loaded or Loaded(Settings(), {}), NOW, **how)  # type: ignore[arg-type]


def test_a_listener_of_ours_is_seen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = listeners.listeners(taken(places=()))
        port = server.getsockname()[1]
    assert not isinstance(found, Unknown)
    assert ("tcp", "127.0.0.1", port) in {(one.protocol, one.address, one.port) for one in found}


def test_loopback_is_one_of_the_interfaces() -> None:
    found = interfaces.interfaces(taken(places=()))
    assert not isinstance(found, Unknown)
    assert "127.0.0.1" in {interface.address for interface in found}


def test_a_machine_without_postfix_says_so_and_where_it_was_looked_for(tmp_path: Path) -> None:
    snapshot = taken(places=(tmp_path,))
    assert snapshot.reading(facts.WHERE) == f"not installed: no postconf in {tmp_path}\n"
    assert isinstance(facts.postfix(snapshot), facts.Absent)


def test_a_postconf_that_is_not_postfix_is_unknown(tmp_path: Path) -> None:
    fake = tmp_path / "postconf"
    fake.write_text("#!/bin/sh\necho something else = 1\n")
    fake.chmod(0o755)
    assert isinstance(facts.postfix(taken(places=(tmp_path,))), Unknown)


@pytest.mark.skipif(not HAS_POSTFIX, reason="Postfix is not installed")
def test_the_tables_that_decide_are_read_from_the_place_that_is_named(tmp_path: Path) -> None:
    (tmp_path / "nets").write_text("192.0.2.0/24\n")
    (tmp_path / "main.cf").write_text(f"mynetworks = {tmp_path}/nets, {tmp_path}/gone\n")
    (tmp_path / "master.cf").write_text("smtp inet n - y - - smtpd\n")
    found = facts.postfix(taken(postfix_config=tmp_path))
    assert isinstance(found, facts.Postfix), found
    first, second = found.networks("mynetworks")
    assert str(first.network) == "192.0.2.0/24"
    assert "No such file" in second.unknown


def test_the_settings_come_back_with_their_places() -> None:
    text = '[site]\ndomains = ["example.com"]\n[attachments]\nmax_header = "1 MiB"\nwindow = "90s"\n'
    loaded = read_settings([("my.toml", text)])
    found = gateway.gateway(taken(loaded, places=()))
    assert isinstance(found, Gateway), found
    assert found.settings == loaded.settings
    assert (found.evidence("site.domains").source, found.evidence("site.domains").line) == ("my.toml", 2)
    assert found.evidence("gateway.listen").source == "built-in default"


DAMAGED = (
    "", "[]", "{}", '{"values": {"a.b\\nc": "1"}, "origins": {}}', '{"values": {"x.y": 1}, "origins": {}}',
    '{"values": {}, "origins": {"a": 1}}',
)  # fmt: skip


@pytest.mark.parametrize("text", DAMAGED)
def test_damaged_settings_are_unknown(text: str) -> None:
    assert isinstance(gateway.gateway(Snapshot("h", NOW, "1", {gateway.SOURCE: text})), Unknown)


@pytest.mark.parametrize("text", ["tcp", "tcp here 1 x", "tcp nowhere:25 1 x", "tcp 1.2.3.4:x 1 y"])
def test_a_listener_that_is_not_understood_is_unknown(text: str) -> None:
    assert isinstance(listeners.listeners(Snapshot("h", NOW, "1", {listeners.SOURCE: text})), Unknown)


@pytest.mark.parametrize("text", ["eth0", "eth0 nowhere", "eth0 1.2.3.4/99"])
def test_an_interface_that_is_not_understood_is_unknown(text: str) -> None:
    assert isinstance(interfaces.interfaces(Snapshot("h", NOW, "1", {interfaces.SOURCE: text})), Unknown)
