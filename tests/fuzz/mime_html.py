"""An HTML body, a plain text, an address field, a URL of strangers. The first octet chooses what it is taken for."""

from lockdown.mime.addresses import MOST_MAILBOXES, mailboxes
from lockdown.mime.html import MOST_LINKS, page_of
from lockdown.mime.links import MOST_URL, Gathered, in_text, target
from lockdown.mime.lookalike import resembles, skeleton
from lockdown.mime.text import decoded, header_text

_CHARSETS = ("", "utf-8", "utf-7", "iso-2022-jp", "windows-1252", "utf-16", "nobody-knows", "gb2312")


def one_input(octets: bytes) -> None:
    """Nothing raises, and everything that comes out is bounded and fit to be encoded."""
    kind, rest = (octets[:1] or b"\0")[0], octets[1:]
    text = decoded(rest, _CHARSETS[kind >> 2 & 7])
    text.encode()
    match kind & 3:
        case 0:
            _page(text)
        case 1:
            for to in in_text(text):
                _is_bounded(to.url, to.host)
        case 2:
            _addresses(rest)
        case _:
            to = target(text)
            _is_bounded(to.url, to.host)
            assert resembles(to.host, ("example.org", "acme-works.example")) is None or to.host
            skeleton(text[:300]).encode()


def _page(text: str) -> None:
    page = page_of(text)
    assert len(page.text) + len(page.hidden) <= 2 * len(text) + 2
    assert len(page.anchors) <= MOST_LINKS
    gathered = Gathered()
    for anchor in page.anchors:
        gathered.anchor(anchor, page.base)
    for link in gathered.links:
        _is_bounded(link.url, link.host)
        link.shown.encode()


def _addresses(octets: bytes) -> None:
    found = mailboxes(octets)
    assert len(found) <= MOST_MAILBOXES
    for box in found:
        f"{box.name} {box.address}".encode()
        assert "\n" not in box.name + box.address
        assert not box.address or "@" in box.address
    header_text(octets).encode()


def _is_bounded(url: str, host: str) -> None:
    assert len(url) <= MOST_URL
    assert host == host.lower() or not host.isascii()
    assert not set(host) & set(' \t\r\n/\\?#@<>"')
    url.encode()
    host.encode()
