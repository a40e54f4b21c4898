"""What stands behind FROM: and TO:."""

from lockdown.smtp import AddressError, AddressShape, parse_path
from lockdown.smtp.address import DOMAIN_OCTETS, PATH_OCTETS


def one_input(octets: bytes) -> None:
    """An address or an error; an address is bounded, and is what stood between the brackets."""
    found = parse_path(octets, allow_utf8=True, null_allowed=True)
    if isinstance(found, AddressError):
        assert found.why
        return
    address, rest = found
    assert octets.lstrip(b" ") == b"<" + address.raw.encode() + b">" + rest
    assert len(address.raw.encode()) <= PATH_OCTETS
    assert len(address.domain.encode()) <= 2 * DOMAIN_OCTETS
    assert address.domain == address.domain.lower()
    assert (address.domain == "") == (address.shape in NO_DOMAIN)
    assert not set(address.raw) & set("\r\n\0")
    ascii_only = parse_path(octets, allow_utf8=False, null_allowed=True)
    assert ascii_only == found or address.utf8


NO_DOMAIN = (AddressShape.NULL, AddressShape.POSTMASTER, AddressShape.NO_DOMAIN)
