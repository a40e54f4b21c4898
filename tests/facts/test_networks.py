"""Lists of networks: what they cover, how wide they are, and what could not be told."""

from __future__ import annotations

import ipaddress

import pytest

from lockdown.facts.access_tables import AccessEntry, access_entries, matches_all
from lockdown.facts.networks import NetworkEntry, Width, is_listed, parse_network, parse_networks, width
from lockdown.facts.postfix_words import words
from lockdown.model.snapshot import Reading
from lockdown.model.unknown import Unknown

FILES: dict[str, Reading] = {
    "/etc/nets": "10.1.0.0/24 # not a comment of Postfix, a word\n# 0.0.0.0/0\n!10.1.0.7\n",
    "cidr:/etc/cidr": "192.0.2.0/24  OK\n# 0.0.0.0/0 OK\n",
    "/etc/loop": "/etc/loop 127.0.0.1",
}


def read_table(name: str) -> Reading:
    return FILES.get(name, Unknown(f"{name} was not read"))


def entries(text: str) -> tuple[NetworkEntry, ...]:
    return parse_networks(text, read_table)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("127.0.0.0/8", Width.LOOPBACK),
        ("[::1]/128", Width.LOOPBACK),
        ("[::ffff:127.0.0.0]/104", Width.LOOPBACK),
        ("192.0.2.7", Width.NARROW),
        ("192.168.1.0/24", Width.NARROW),
        ("[2001:db8::]/48", Width.NARROW),
        ("172.17.0.0/16", Width.BROAD),
        ("10.0.0.0/8", Width.WHOLE_PRIVATE_RANGE),
        ("172.16.0.0/12", Width.WHOLE_PRIVATE_RANGE),
        ("192.168.0.0/16", Width.WHOLE_PRIVATE_RANGE),
        ("[fc00::]/7", Width.WHOLE_PRIVATE_RANGE),
        ("198.51.100.0/23", Width.PUBLIC),
        ("198.51.0.0/15", Width.EVERYONE),
        ("0.0.0.0/0", Width.EVERYONE),
        ("0.0.0.0/1", Width.EVERYONE),
        ("[::]/0", Width.EVERYONE),
        ("[2000::]/3", Width.EVERYONE),
        ("[::ffff:0:0]/96", Width.EVERYONE),
    ],
)
def test_a_network_is_as_wide_as_the_strangers_in_it(text: str, meant: Width) -> None:
    network = parse_network(text)
    assert network is not None
    assert width(network) is meant


def test_files_and_tables_are_replaced_by_what_they_hold() -> None:
    found = entries("127.0.0.1, /etc/nets cidr:/etc/cidr")
    assert [str(entry.network) for entry in found if entry.network] == [
        "127.0.0.1/32", "10.1.0.0/24", "10.1.0.7/32", "192.0.2.0/24",
    ]  # fmt: skip


def test_a_table_that_was_not_read_is_an_entry_and_not_nothing() -> None:
    (entry,) = entries("hash:/etc/gone")
    assert entry.network is None
    assert entry.unknown == "hash:/etc/gone was not read"
    assert is_listed(ipaddress.ip_address("192.0.2.1"), (entry,)) == Unknown(
        "hash:/etc/gone: hash:/etc/gone was not read"
    )


def test_the_first_entry_that_matches_decides() -> None:
    found = entries("!10.1.0.7, 10.1.0.0/24")
    assert is_listed(ipaddress.ip_address("10.1.0.7"), found) is False
    assert is_listed(ipaddress.ip_address("10.1.0.8"), found) is True
    assert is_listed(ipaddress.ip_address("10.2.0.8"), found) is False


def test_a_file_that_names_itself_ends() -> None:
    assert any("nested too deeply" in entry.unknown for entry in entries("/etc/loop"))


@pytest.mark.parametrize("key", ["//", "/./", "/.*/", "/^/", "/^.*$/", "/$/", "/(.*)/", "/.+/i", "!.!"])
def test_a_pattern_that_matches_anything_is_seen(key: str) -> None:
    assert matches_all("regexp", key)


@pytest.mark.parametrize("key", ["/example\\.org$/", "/^a.*b$/", "/.@example/", "example.org"])
def test_a_pattern_that_matches_something_is_not_everything(key: str) -> None:
    assert not matches_all("pcre", key)


@pytest.mark.parametrize(
    ("action", "permits", "rejects"),
    [
        ("OK", True, False),
        ("ok with a remark", True, False),
        ("permit", True, False),
        ("1", True, False),
        ("REJECT", False, True),
        ("550 go away", False, True),
        ("DEFER_IF_PERMIT later", False, False),
        ("DUNNO", False, False),
        ("PREPEND X: y", False, False),
    ],
)
def test_an_action_permits_or_rejects_as_access_5_says(action: str, permits: bool, rejects: bool) -> None:
    entry = AccessEntry("key", action, False)
    assert (entry.permits, entry.rejects) == (permits, rejects)


def test_entries_of_static_inline_and_text_tables() -> None:
    assert access_entries("static:OK", read_table) == (AccessEntry("everyone", "OK", True),)
    assert access_entries("inline:{ a@b=OK, {c = REJECT no} }", read_table) == (
        AccessEntry("a@b", "OK", False),
        AccessEntry("c", "REJECT no", False),
    )
    text = "# comment\na  OK\n b\nif /x/\n/./\tREJECT\nendif\n"
    assert access_entries("pcre:/t", lambda _: text) == (
        AccessEntry("a", "OK b", False),
        AccessEntry("/./", "REJECT", True),
    )
    assert isinstance(access_entries("mysql:/db.cf", read_table), Unknown)


def test_words_in_braces_stay_together() -> None:
    assert list(words("a, b\n{ c, d }  inline:{ {e = f g} },h")) == ["a", "b", "{ c, d }", "inline:{ {e = f g} }", "h"]
    assert list(words("a { never closed, b")) == ["a", "{ never closed, b"]
    assert list(words(" , ")) == []
