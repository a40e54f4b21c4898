"""Where links lead, as a browser goes there."""

import pytest

from lockdown.mime import links
from lockdown.mime.html import page_of
from lockdown.mime.links import MOST_URL, Gathered, in_text, inner, target


@pytest.mark.parametrize(
    ("url", "host", "trick"),
    [
        ("https://www.a.test/x", "www.a.test", ""),
        ("HTTPS://WWW.A.Test:8443/x", "www.a.test", ""),
        ("http://a.test./", "a.test", ""),
        ("//a.test/x", "a.test", ""),
        ("www.a.test/x", "www.a.test", ""),
        ("  http://a.test/ ", "a.test", ""),
        ("ht\ttp://a.te\nst/", "a.test", links.CONTROLS_IN_URL),
        ("http:\\\\a.test\\x", "a.test", links.BACKSLASHES),
        ("http:/a.test", "a.test", ""),
        ("http://bank.test@evil.test/", "evil.test", links.USER_IN_URL),
        ("http://user@@@evil.test/", "evil.test", links.USER_IN_URL),
        ("http://bank.test/@evil.test", "bank.test", ""),
        ("http://bank.test?@evil.test", "bank.test", ""),
        ("http://%65vil.test/", "evil.test", links.ESCAPED_HOST),
        ("http://198.51.100.7/", "198.51.100.7", ""),
        ("http://3325256711/", "198.51.100.7", links.NUMBER_AS_HOST),
        ("http://0xc6336407/", "198.51.100.7", links.NUMBER_AS_HOST),
        ("http://0306.063.0144.07/", "198.51.100.7", links.NUMBER_AS_HOST),
        ("http://0xc6.51.25607/", "198.51.100.7", links.NUMBER_AS_HOST),
        ("http://xn--mnchen-3ya.test/", "münchen.test", ""),
        ("http://ｅｖｉｌ。test/", "evil.test", ""),
        ("http://[2001:db8::1]:80/", "[2001:db8::1]", ""),
        ("http://1.2.3.4.5/", "1.2.3.4.5", ""),
        ("mailto:ann@a.test?subject=x", "a.test", ""),
        ("ann.b@a.test", "a.test", ""),
        ("javascript:alert(1)", "", ""),
        ("cid:part1", "", ""),
        ("#top", "", ""),
        ("", "", ""),
        ("http://", "", ""),
    ],
)
def test_a_url_leads_where_a_browser_goes(url: str, host: str, trick: str) -> None:
    found = target(url)
    assert found.host == host
    assert found.tricks == ((trick,) if trick else ())


def test_a_base_is_honoured() -> None:
    page = page_of('<base href="http://evil.test/a/"><a href="login">x</a><a href="http://b.test">y</a>')
    gathered = Gathered()
    for anchor in page.anchors:
        gathered.anchor(anchor, page.base)
    assert [link.host for link in gathered.links] == ["evil.test", "b.test"]


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("https://r.test/?u=https%3A%2F%2Fa.test%2Fx&v=1", ["a.test"]),
        ("https://r.test/?u=https://a.test/x", ["a.test"]),
        ("https://r.test/r?u=http%3A%2F%2Fa.test%2F%3Fv%3Dhttp%253A%252F%252Fb.test", ["a.test", "b.test"]),
        ("https://r.test/https://a.test/", ["a.test"]),
        ("https://a.test/x?q=1", []),
    ],
)
def test_what_a_redirector_leads_on_to_is_a_link_too(url: str, hosts: list[str]) -> None:
    assert [to.host for to in inner(url)] == hosts


@pytest.mark.parametrize(
    ("text", "host", "trick"),
    [
        ("see http://a.test/x, and", "a.test", ""),
        ("(http://a.test/x)", "a.test", ""),
        ("<https://a.test>", "a.test", ""),
        ("WWW.a.test!", "www.a.test", ""),
        ("ftp://a.test/x", "a.test", ""),
        ("log in at a.com/login now", "a.com", ""),
        ("http://мойсайт.рф", "мойсайт.рф", ""),
        ("hxxp://evil.test/x", "evil.test", links.HXXP),
        ("evil[.]com/login", "evil.com", links.DOTS_IN_BRACKETS),
        ("http://evil[.]test/x", "evil.test", links.DOTS_IN_BRACKETS),
        ("at secure-login dot net for", "secure-login.net", links.DOTS_IN_WORDS),
        ("h t t p s : / / evil.test/x", "evil.test", links.SPACED_OUT),
    ],
)
def test_a_plain_text_leads_there_too(text: str, host: str, trick: str) -> None:
    found = list(in_text(text))
    assert host in [to.host for to in found]
    assert {trick} - {""} == {how for to in found for how in to.tricks}


@pytest.mark.parametrize(
    "text", ["a@b.com", "version 1.2.3", "e.g. this", "file.name", "index.html", "end.The next", "... and so on", "x.y"]
)
def test_what_is_no_link_is_none(text: str) -> None:
    assert [to.host for to in in_text(text) if to.host] == []


@pytest.mark.parametrize(
    "text", ["a.com " * 10_000, "http://" * 10_000, "[.]" * 20_000, "www." * 15_000, "a[.]" * 15_000, "x dot " * 10_000]
)
def test_a_text_full_of_links_is_bounded(text: str) -> None:
    gathered = Gathered()
    gathered.text(text)
    assert len(gathered.links) <= links.MOST_LINKS
    assert all(len(link.url) <= MOST_URL for link in gathered.links)


def test_pictures_count_once_for_each_host() -> None:
    gathered = Gathered()
    for url in (
        "http://i.test/a.png",
        "http://i.test/b.png",
        "http://j.test/a.png",
        "cid:x",
        "data:image/png;base64,x",
    ):
        gathered.picture(url, "")
    assert [(link.host, link.image) for link in gathered.links] == [("i.test", True), ("j.test", True)]
