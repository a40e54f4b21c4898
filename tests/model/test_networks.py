"""Networks against the standard library's own answer."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.model.networks import Networks, networks

LISTED = ("192.0.2.0/24", "198.51.100.7/32", "10.0.0.0/8", "2001:db8::/32", "::1/128")


@pytest.mark.parametrize(
    "address", ["192.0.2.255", "198.51.100.7", "10.1.2.3", "2001:db8:1::9", "::1", "::ffff:10.0.0.1"]
)
def test_an_address_in_a_listed_network_is_in(address: str) -> None:
    assert address in networks(LISTED)


@pytest.mark.parametrize("address", ["192.0.3.0", "198.51.100.8", "11.0.0.1", "2001:db9::", "::2", "::ffff:11.0.0.1"])
def test_an_address_beside_a_listed_network_is_out(address: str) -> None:
    assert address not in networks(LISTED)


@pytest.mark.parametrize("text", ["", "unknown", "192.0.2.1/24", "192.0.2", "/run/socket"])
def test_a_text_that_is_no_address_is_in_no_network(text: str) -> None:
    assert text not in networks(("0.0.0.0/0", "::/0"))


def test_an_empty_list_holds_nothing() -> None:
    assert "192.0.2.1" not in networks(())


def test_the_networks_of_a_setting_are_made_once() -> None:
    assert networks(LISTED) is networks((*LISTED[:2], *LISTED[2:]))


ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))


@given(ADDRESSES, st.lists(st.tuples(ADDRESSES, st.integers(0, 128)), max_size=5))
def test_any_list_gives_the_answer_of_the_standard_library(
    address: IPv4Address | IPv6Address, listed: list[tuple[IPv4Address | IPv6Address, int]]
) -> None:
    texts = [str(ip_network(f"{base}/{min(length, base.max_prefixlen)}", strict=False)) for base, length in listed]
    asked = getattr(address, "ipv4_mapped", None) or ip_address(address)
    assert (str(address) in Networks(texts)) == any(asked in ip_network(text) for text in texts)
