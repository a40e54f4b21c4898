"""What may be blocked: never what is ours, never half the Internet, never for ever."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta

import pytest

from lockdown.config import Settings, read_settings
from lockdown.engine.blocking import Blockable, NotBlockable, Protected, judge_block, protected_networks, read_network
from lockdown.model.unknown import Unknown

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
OURS = (
    Protected(ipaddress.ip_network("127.0.0.0/8"), "loopback"),
    Protected(ipaddress.ip_network("::1/128"), "loopback"),
    Protected(ipaddress.ip_network("198.51.100.7/32"), "the admin"),
)


@pytest.mark.parametrize(
    ("typed", "blocked"),
    [
        ("203.0.113.7", "203.0.113.7/32"),
        ("203.0.113.7/24", "203.0.113.0/24"),
        ("203.0.0.0/16", "203.0.0.0/16"),
        (" 2001:db8::/32 ", "2001:db8::/32"),
        ("2001:db8::1", "2001:db8::1/128"),
        ("::ffff:203.0.113.7", "203.0.113.7/32"),
    ],
)
def test_a_strangers_network_may_be_blocked_until_its_term_ends(typed: str, blocked: str) -> None:
    assert judge_block(typed, HOUR, OURS, NOW) == Blockable(blocked, NOW + HOUR)


@pytest.mark.parametrize(
    ("typed", "term", "why"),
    [
        ("127.0.0.1", HOUR, "loopback"),
        ("::ffff:127.0.0.1", HOUR, "loopback"),
        ("::1", HOUR, "loopback"),
        ("198.51.100.0/24", HOUR, "the admin"),
        ("198.51.100.7", HOUR, "the admin"),
        ("203.0.0.0/15", HOUR, "wider than /16"),
        ("0.0.0.0/0", HOUR, "wider than /16"),
        ("2001:db8::/31", HOUR, "wider than /32"),
        ("203.0.113.7", timedelta(days=31), "30 days"),
        ("203.0.113.7", timedelta(0), "30 days"),
        ("203.0.113.7", -HOUR, "30 days"),
        ("203.0.113.300", HOUR, "not an address"),
        ("alice@example.org", HOUR, "not an address"),
        ("", HOUR, "not an address"),
    ],
)
def test_what_must_not_be_blocked_is_refused_with_the_reason(typed: str, term: timedelta, why: str) -> None:
    judged = judge_block(typed, term, OURS, NOW)
    assert isinstance(judged, NotBlockable)
    assert why in judged.why
    assert judged.try_this


def test_what_the_settings_name_and_the_server_behind_are_protected() -> None:
    text = """
    [gateway]
    upstream = "smtp://192.0.2.25:25"
    trusted_networks = ["10.1.0.0/16"]
    [monitoring]
    never_block = ["198.51.100.0/24"]
    """
    settings = read_settings([("f.toml", text)]).settings
    for address in ("192.0.2.25", "10.1.2.3", "198.51.100.9", "127.0.0.1"):
        assert isinstance(judge_block(address, HOUR, protected_networks(settings), NOW), NotBlockable), address
    assert isinstance(judge_block("203.0.113.7", HOUR, protected_networks(settings), NOW), Blockable)


def test_an_upstream_whose_name_does_not_resolve_does_not_stop_anything() -> None:
    settings = read_settings([("f.toml", '[gateway]\nupstream = "smtp://nowhere.invalid:25"')]).settings
    assert isinstance(judge_block("203.0.113.7", HOUR, protected_networks(settings), NOW), Blockable)


def test_loopback_is_protected_by_default() -> None:
    assert any(ours.network == ipaddress.ip_network("127.0.0.0/8") for ours in protected_networks(Settings()))


def test_a_network_that_cannot_be_read_is_unknown() -> None:
    assert isinstance(read_network("300.1.1.1"), Unknown)
