"""What a person sees of an HTML body, and what is kept from the eye."""

import pytest

from lockdown.mime.html import MOST_HTML, MOST_LINKS, page_of


def seen(text: str) -> str:
    return " ".join(page_of(text).text.split())


def hidden(text: str) -> str:
    return " ".join(page_of(text).hidden.split())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, 3 < 4 & 5 > 4", "plain, 3 < 4 & 5 > 4"),
        ("<p>one</p><p>two</p>", "one two"),
        ("pay<b></b>p<!-- x -->al", "paypal"),
        ("a<br>b<BR/>c<td>d", "a b c d"),
        ("&lt;b&gt; &#65;&#x42;&nbsp;&copy &amp;lt;", "<b> AB © &lt;"),
        ("<script>if (a<b) { '</p>' }</script>after", "after"),
        ("<style>p { }</style>a<title>t</title>b", "ab"),
        ("<style>never closed", ""),
        ('<p "> seen <p ">too', "seen too"),
        ('<img alt="a > b">after', "after"),
        ("<!-->a<!--->b<!-- c --!>d<!-- e", "abd"),
        ("<![if !mso]>a<![endif]>", "a"),
        ("1 <2, and <3", "1 <2, and <3"),
        ("&#99999999999999999999;x", "\ufffdx"),
    ],
)
def test_text_is_what_a_browser_shows(text: str, shown: str) -> None:
    assert seen(text) == shown


@pytest.mark.parametrize(
    "tag",
    [
        '<div style="display:none">',
        '<div style="DISPLAY : NONE !important">',
        '<div style="display&#58;none">',
        '<div style="visibility: hidden">',
        '<div style="font-size:0">',
        '<div style="font-size: 1px; color:red">',
        '<div style="font:0/0 a">',
        '<div style="opacity:0">',
        '<div style="mso-hide:all">',
        '<div style="max-height:0;overflow:hidden">',
        '<div style="text-indent:-9999px">',
        "<div hidden>",
        '<div style="color:#ffffff">',
        '<div style="color:rgb(255,255,255)">',
        '<div style="background:#000000;color:#010101">',
        '<style>.x { display: none }</style><div class="a x">',
    ],
)
def test_what_is_hidden_is_kept_apart(tag: str) -> None:
    text = f"<p>before</p>{tag}secret <div>too</div></div><p>after</p>"
    if "010101" in tag:
        text += '<b style="color:#fff"></b>'
    assert seen(text) == "before after"
    assert hidden(text) == "secret too"


@pytest.mark.parametrize(
    "text",
    [
        '<div style="font-size:10px">shown</div>',
        '<div style="font-size:0.9em">shown</div>',
        '<div style="opacity:0.8">shown</div>',
        '<div style="max-height:0.5em">shown</div>',
        '<td bgcolor="#1a73e8"><a style="color:#ffffff">shown</a></td>',
        '<div style="background-color:#333"><span style="color:#fff">shown</span></div>',
        '<style>.b{background:#00f}</style><div class=b><span style="color:#fff">shown</span></div>',
        '<p style="display:none"><div>shown</div>',
    ],
)
def test_what_only_looks_hidden_is_shown(text: str) -> None:
    assert seen(text) == "shown"


def test_splitting_a_word_with_nothing_leaves_the_word() -> None:
    text = '<p>file <span style="FONT-SIZE: 0px">xx</span>sh<span style="font-size:0px">yy</span>aring</p>'
    assert seen(text) == "file sharing"


def test_links_have_what_they_show() -> None:
    page = page_of(
        '<a href="http://a.test/?x=1&amp;y=2">Click <b>here</b></a> <AREA HREF=http://b.test> <a name=x>n</a>'
    )
    assert [(link.url, link.shown) for link in page.anchors] == [
        ("http://a.test/?x=1&y=2", "Click here"),
        ("http://b.test", ""),
    ]


def test_a_host_in_entities_is_seen_as_a_trick_and_an_ampersand_in_a_query_is_none() -> None:
    tricks = {
        "http&#58;//evil.test/": True,
        "&#104;ttp://evil.test/": True,
        "http://ev&#105;l.test/": True,
        "http://a.test/?x=1&#38;y=2": False,
        "http://a.test/?x=1&amp;y=2": False,
    }
    assert {url: page_of(f'<a href="{url}">x</a>').anchors[0].in_host for url in tricks} == tricks


def test_forms_and_their_passwords_are_seen() -> None:
    page = page_of("<form action='//f.test/p'><INPUT TYPE = PassWord><button formaction=//g.test>")
    assert page.asks_password
    assert page.forms == ("//f.test/p", "//g.test")


def test_the_first_base_counts() -> None:
    assert page_of('<base href="http://a.test/"><base href="http://b.test/">').base == "http://a.test/"


@pytest.mark.parametrize(
    "hostile",
    [
        '<a "' * 60_000,
        "<style>" * 37_000,
        "<!--" * 60_000,
        "<a =" * 60_000,
        "<" * 260_000,
        "&" * 260_000,
        "<a " + "a" * 250_000,
        "<div style=display:none>" * 10_000,
        "<div bgcolor=#fff>" * 14_000 + "<b color=#fff></x>" * 3_000,
        "<style>" + ".x{" * 80_000,
        '<x style="opacity:' + " " * 250_000,
        "<a href=x>" * 25_000,
    ],
)
def test_hostile_html_is_read_within_its_bounds(hostile: str) -> None:
    page = page_of(hostile)
    assert len(page.anchors) <= MOST_LINKS
    assert len(page.text) <= MOST_HTML


def test_what_is_too_long_is_cut_and_said_so() -> None:
    assert page_of("x" * (MOST_HTML + 1)).cut
    assert not page_of("x" * MOST_HTML).cut
