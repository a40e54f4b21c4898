"""What is read of scanners and of the DNS: settings as people write them, answers that are damaged, hostile records."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.facts import clamav, rspamd, scanner_files
from lockdown.facts.dkim_key import DkimKey, dkim_key
from lockdown.facts.dns_records import DnsAnswer, Nothing, Records, described, record, text_line
from lockdown.facts.filters import Kind, Way, filters
from lockdown.facts.gateway import gateway
from lockdown.facts.own_names import dmarc_names, public_addresses, questions
from lockdown.facts.postfix import Postfix, postfix
from lockdown.facts.scanner_files import Absent, Words, size_in, words_of
from lockdown.facts.spf_record import walk
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown
from tests.recordings import scanners
from tests.recordings.literal import host


def of(source: str, text: Reading) -> Snapshot:
    return Snapshot("here", datetime(2026, 1, 15, tzinfo=UTC), "0", {source: text})


# ── files of settings ──


def test_the_packaged_clamd_conf_is_understood() -> None:
    conf = clamav.clamd(of(scanner_files.CLAMD, scanners.CLAMD_PACKAGED))
    assert isinstance(conf, Words)
    assert clamav.sockets(conf) == ("clamd:///run/clamav/clamd.ctl",)
    assert clamav.is_of(conf, "clamd:///var/run/clamav/clamd.ctl")
    assert not clamav.is_of(conf, "clamd://127.0.0.1:3310")
    known = clamav.limits(conf, "1.4.6")
    assert not isinstance(known, Unknown)
    assert [(limit.name, str(limit.value)) for limit in known] == [
        ("StreamMaxLength", "25 MiB"),
        ("MaxFileSize", "25 MiB"),
        ("MaxScanSize", "100 MiB"),
    ]
    assert not clamav.tells_what_it_skipped(conf)


def test_a_clamd_on_a_port_is_known_by_every_name_of_loopback() -> None:
    conf = clamav.clamd(of(scanner_files.CLAMD, "TCPSocket 3310\nTCPAddr 127.0.0.1\nTCPAddr ::1\n"))
    assert isinstance(conf, Words)
    for url in ("clamd://127.0.0.1:3310", "clamd://localhost:3310", "clamd://[::1]:3310"):
        assert clamav.is_of(conf, url)
    assert not clamav.is_of(conf, "clamd://127.0.0.1:3311")


def test_the_last_line_counts_and_a_comment_does_not() -> None:
    conf = clamav.clamd(of(scanner_files.CLAMD, "AlertExceedsMax no\n# AlertExceedsMax no\n  alertexceedsmax YES\n"))
    assert isinstance(conf, Words)
    assert clamav.tells_what_it_skipped(conf)
    assert conf.evidence("AlertExceedsMax").line == 3


def test_a_file_that_is_not_there_is_another_answer_than_one_that_is_denied() -> None:
    assert isinstance(words_of(of("clamav/clamd.conf", "not installed: no file\n"), "clamav/clamd.conf"), Absent)
    assert isinstance(words_of(of("clamav/clamd.conf", Unknown("denied")), "clamav/clamd.conf"), Unknown)
    assert isinstance(words_of(of("other", ""), "clamav/clamd.conf"), Unknown)


@pytest.mark.parametrize(
    ("text", "size"), [("25M", 25 << 20), ("100k", 100 << 10), ("1G", 1 << 30), ("0", 0), ("1048576", 1 << 20)]
)
def test_sizes_are_read_as_clamav_writes_them(text: str, size: int) -> None:
    assert size_in(text) == size


@pytest.mark.parametrize("text", ["", "M", "-1M", "1.5M", "1T", "9" * 40])
def test_what_is_no_size_is_none(text: str) -> None:
    assert size_in(text) is None


@pytest.mark.parametrize(
    "text",
    [
        'clamav { servers = "/run/clamav/clamd.ctl"; }\n',
        'clamav {\n  type = "clamav";\n  servers = "/run/clamav/clamd.ctl";\n}\n',
        "clamav { type = clamav; servers = '/run/clamav/clamd.ctl' }",
    ],
)
def test_the_scanner_of_rspamd_is_found_however_it_is_written(text: str) -> None:
    readings = {**scanners.absent(), "rspamd/options.inc": "", "rspamd/local.d/antivirus.conf": text}
    found = rspamd.antivirus(replace(of("x", ""), readings=readings))
    assert isinstance(found, rspamd.Setting)
    assert found.value == "/run/clamav/clamd.ctl"


def test_a_scanner_of_rspamd_that_is_switched_off_is_none() -> None:
    text = 'enabled = false;\nclamav { servers = "/run/clamav/clamd.ctl"; }\n'
    readings = {**scanners.absent(), "rspamd/options.inc": "", "rspamd/local.d/antivirus.conf": text}
    found = rspamd.antivirus(replace(of("x", ""), readings=readings))
    assert isinstance(found, rspamd.Setting)
    assert found.value == ""


def test_a_selector_that_is_no_name_is_not_asked_for() -> None:
    text = 'selector = "good";\nselector = "../../evil";\nselector = "a b";\nselector = "good";\n'
    assert rspamd.selectors(of("rspamd/local.d/dkim_signing.conf", text)) == ("good",)


@given(st.text(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_text_is_a_file_of_settings(text: str) -> None:
    for source in ("clamav/clamd.conf", "rspamd/local.d/options.inc"):
        assert isinstance(words_of(of(source, f"x{text}"), source), Words)


# ── filters of Postfix ──


@pytest.mark.parametrize(
    ("main", "kinds"),
    [
        ("smtpd_milters = inet:[::1]:11332\n", [(Kind.RSPAMD, Way.MILTER, True)]),
        ("smtpd_milters = inet:mail-filter.example.com:9000\n", [(Kind.UNTOLD, Way.MILTER, False)]),
        (
            "smtpd_milters = unix:/run/opendkim/opendkim.sock, { inet:127.0.0.1:11332, connect_timeout = 5s }\n",
            [(Kind.IDENTITY, Way.MILTER, True), (Kind.RSPAMD, Way.MILTER, True)],
        ),
        (
            "smtpd_milters =\ncontent_filter = amavis:unix:/var/run/amavisd.sock\n",
            [(Kind.AMAVIS, Way.CONTENT_FILTER, True)],
        ),
        ("smtpd_milters =\nsmtpd_proxy_filter = :10025\n", [(Kind.UNTOLD, Way.PROXY, True)]),
        ("smtpd_milters = {\n", [(Kind.UNTOLD, Way.MILTER, True)]),
    ],
)  # fmt: skip
def test_filters_are_told_by_where_they_listen(main: str, kinds: list[tuple[Kind, Way, bool]]) -> None:
    machine = host(main)
    server = postfix(machine)
    assert isinstance(server, Postfix)
    found = filters(machine, server, server.services[0], gateway(machine))
    assert [(one.kind, one.way, one.is_local) for one in found] == kinds


# ── the DNS ──


def test_a_text_record_comes_back_as_it_was() -> None:
    odd = 'v=spf1 "quoted" \\ back\nslash é \x00 end'
    assert record(of("dns/example.com/TXT", described([text_line(odd)])), "Example.COM.", "TXT") == Records((odd,))


@pytest.mark.parametrize("damaged", ["", "NOERROR\n", "NOERROR\nnot json\n", "SOMETHING\n", "NOERROR\n[1\n"])
def test_a_damaged_answer_is_unknown_and_not_nothing(damaged: str) -> None:
    assert isinstance(record(of("dns/example.com/TXT", damaged), "example.com", "TXT"), Unknown)


def test_no_such_name_and_no_such_record_are_told_apart() -> None:
    assert record(of("dns/a.example/TXT", "NXDOMAIN\n"), "a.example", "TXT") == Nothing(True)
    assert record(of("dns/a.example/TXT", "NODATA\n"), "a.example", "TXT") == Nothing(False)


def test_the_questions_follow_the_answers_until_there_are_none() -> None:
    policy_text = '[site]\ndomains = ["example.com"]\n'
    machine = host(settings=policy_text)
    own = gateway(machine)
    assert not isinstance(own, Unknown)
    bare = {name: text for name, text in machine.readings.items() if not name.startswith("dns/")}
    first = questions(replace(machine, readings=bare), own.settings)
    assert ("example.com", "TXT") in first
    assert ("_spf.example.net", "TXT") not in first
    with_spf = {**bare, **scanners.txt("example.com", "v=spf1 include:_spf.example.net -all")}
    assert ("_spf.example.net", "TXT") in questions(replace(machine, readings=with_spf), own.settings)
    assert questions(replace(machine, readings={**bare, **scanners.NAMES}), own.settings) == ()


def test_the_example_raises_no_question() -> None:
    machine = host()
    own = gateway(machine)
    assert not isinstance(own, Unknown)
    assert questions(replace(machine, readings={}), own.settings) == ()


def test_only_addresses_that_others_see_are_asked_for() -> None:
    text = "lo 127.0.0.1/8\neth0 10.0.0.7/8\neth0 192.0.2.7/24\neth0 fe80::1/64\neth0 2001:db8::7/64\n"
    text += "docker0 192.0.2.9/24\n"
    assert public_addresses(of("host/interfaces", text)) == ("192.0.2.7", "2001:db8::7")


def test_the_tree_of_dmarc_is_climbed_to_two_labels() -> None:
    assert dmarc_names("example.com") == ("_dmarc.example.com",)
    assert dmarc_names("a.b.example.com") == ("_dmarc.a.b.example.com", "_dmarc.b.example.com", "_dmarc.example.com")
    assert len(dmarc_names(".".join("abcdefghijklmnop") + ".example.com")) <= 6


# ── hostile records ──


def zone(texts: dict[str, str]) -> object:
    def lookup(name: str, kind: str) -> DnsAnswer:
        return Records((texts[name],)) if kind == "TXT" and name in texts else Nothing(True)

    return lookup


def test_records_that_include_themselves_come_to_an_end() -> None:
    found = walk(zone({"a.example": "v=spf1 include:a.example include:a.example include:a.example -all"}), "a.example")  # type: ignore[arg-type]
    assert found.lookups > 10


def test_a_name_in_a_record_that_is_no_name_is_an_error_and_not_a_question() -> None:
    asked: list[str] = []

    def lookup(name: str, kind: str) -> DnsAnswer:
        asked.append(name)
        return (
            Records(("v=spf1 include:../../etc include:a..b a:-.x/24 -all",)) if name == "a.example" else Nothing(True)
        )

    assert walk(lookup, "a.example").errors
    assert all(".." not in name and "/" not in name for name in asked)


@given(st.text(alphabet="v=spf1 +-~?almxincudeptr:/%{}.0123_redirect=\x00é", max_size=400))
@settings(max_examples=150, deadline=None)
def test_any_record_is_walked_to_an_end(text: str) -> None:
    walk(zone({"a.example": f"v=spf1 {text}"}), "a.example")  # type: ignore[arg-type]


@given(st.binary(max_size=400), st.text(max_size=30))
@settings(max_examples=150, deadline=None)
def test_any_octets_are_a_key_or_none(der: bytes, tags: str) -> None:
    found = dkim_key(f"{tags}; p={base64.b64encode(der).decode()}")
    assert isinstance(found, DkimKey | Unknown)


def test_every_cut_of_a_key_is_none() -> None:
    whole = base64.b64decode(scanners.KEY_2048.partition("p=")[2])
    assert dkim_key(scanners.KEY_2048) == DkimKey("rsa", 2048, False)
    for end in range(len(whole) - 1):
        cut = dkim_key("p=" + base64.b64encode(whole[:end]).decode())
        assert isinstance(cut, Unknown) or cut.bits == 0
