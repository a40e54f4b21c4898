"""Postfix read from main.cf and master.cf alone: what a real Postfix would say of them, and what it gives up at."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockdown.facts import postfix as facts
from lockdown.facts.postfix import NotGiven, Postfix, postfix, services_alone
from lockdown.facts.postfix_defaults import DEFAULTS
from lockdown.facts.postfix_files import services_of, settings_of
from lockdown.facts.postfix_restrictions import Client, Outcome, Recipient, answer
from lockdown.host.folder import read_folder
from lockdown.host.tree import NO_COMMANDS
from lockdown.model.snapshot import Reading, Snapshot
from lockdown.model.unknown import Unknown

HOSTS = Path(__file__).parents[1] / "recordings" / "hosts"
RECORDED = sorted(path.parent.parent.name for path in HOSTS.glob("*/postfix/main.cf"))
POSTCONF = Path("/usr/sbin/postconf")
NOT_TOLD = Unknown(NO_COMMANDS)
NO_MAIN = Unknown("/etc/postfix/main.cf was not given")
OF_THE_MACHINE = frozenset({"mynetworks", "myhostname", "mydomain", "mail_version", "config_directory"})


def files(main: Reading = NO_MAIN, master: Reading = NOT_TOLD, **more: Reading) -> Snapshot:
    readings = {facts.WHERE: NOT_TOLD, facts.EFFECTIVE: NOT_TOLD, facts.MAIN_CF: main, facts.MASTER_CF: master}
    return Snapshot("files", datetime(2026, 1, 1, tzinfo=UTC), "1", readings | more)


def read(main: str, master: Reading = NOT_TOLD) -> Postfix:
    found = postfix(files(main, master))
    assert isinstance(found, Postfix), found
    return found


def why_not(main: Reading = NO_MAIN, master: Reading = NOT_TOLD) -> str:
    found = postfix(files(main, master))
    assert isinstance(found, Unknown), found
    return found.why


@pytest.mark.parametrize("name", RECORDED)
def test_the_files_of_a_recorded_host_say_what_its_postfix_said(name: str) -> None:
    recorded = read_folder(HOSTS / name)
    told = postfix(recorded)
    alone = postfix(replace(recorded, readings={**recorded.readings, facts.WHERE: NOT_TOLD, facts.EFFECTIVE: NOT_TOLD}))
    if not isinstance(told, Postfix):
        assert not isinstance(alone, Postfix)
        return
    assert isinstance(alone, Postfix), alone
    assert alone.from_files and not alone.not_given
    services = {(one.name, one.type, one.command): dict(one.overrides) for one in told.services}
    assert {(one.name, one.type, one.command): dict(one.overrides) for one in alone.services} == services
    for setting in told.parameters.keys() & alone.parameters.keys():
        if setting in told.explicit or not OF_THE_MACHINE & names_in(told, setting):
            assert alone.value(setting).replace(", ", ",") == told.value(setting).replace(", ", ","), setting


def names_in(found: Postfix, setting: str, depth: int = 0) -> set[str]:
    """The settings that a value hangs on."""
    inside = set(re.findall(r"\$[{(]?(\w+)", found.raw(setting)))
    deeper = [names_in(found, name, depth + 1) for name in inside] if depth < 5 else []
    return {setting} | inside | {name for names in deeper for name in names}


@pytest.mark.skipif(not POSTCONF.exists(), reason="Postfix is not installed (apt-get install postfix)")
@pytest.mark.parametrize("level", ["0", "1", "2", "3.6"])
def test_the_defaults_are_those_of_the_installed_postfix(level: str, tmp_path: Path) -> None:
    version = subprocess.run([POSTCONF, "-d", "-h", "mail_version"], capture_output=True, text=True, check=True).stdout
    if not version.startswith("3.7."):
        pytest.skip(f"the defaults are those of Postfix 3.7, and {version.strip()} is installed")
    main = f"compatibility_level = {level}\nmyhostname = mail.example.org\n"
    (tmp_path / "main.cf").write_text(main)
    (tmp_path / "master.cf").write_text("")
    said = subprocess.run([POSTCONF, "-c", tmp_path, "-x"], capture_output=True, text=True, check=True).stdout
    real = {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in said.splitlines())}
    found = read(main)
    written = settings_of(DEFAULTS)
    assert isinstance(written, dict) and len(written) > 700
    hangs_on_the_machine = {
        name for name in written if (OF_THE_MACHINE - {"myhostname", "mydomain"}) & names_in(found, name)
    }
    filled_in_later = {name for name, value in real.items() if "$" in value}  # by each mail, not by main.cf
    for name in sorted((written.keys() & real.keys()) - hangs_on_the_machine - filled_in_later):
        assert found.value(name).replace(", ", ",") == real[name].replace(", ", ","), name


MAIN = """\
# a comment
  passed = over
relay_domains = a.example,
    # a comment between

    b.example
smtpd_banner=$myhostname ESMTP=1 \r
relay_domains = c.example
\td.example
empty =
"""


def test_main_cf_is_read_as_postfix_reads_it() -> None:
    found = read(MAIN)
    assert found.value("relay_domains") == "c.example d.example"
    assert found.raw("smtpd_banner") == "$myhostname ESMTP=1"
    assert found.explicit == {"relay_domains", "smtpd_banner", "empty"}
    assert (found.evidence("relay_domains").line, found.evidence("smtpd_banner").line) == (8, 7)


@pytest.mark.skipif(not POSTCONF.exists(), reason="Postfix is not installed (apt-get install postfix)")
def test_and_so_does_the_installed_postconf(tmp_path: Path) -> None:
    (tmp_path / "main.cf").write_text(MAIN)
    ran = subprocess.run([POSTCONF, "-c", tmp_path, "-h", "relay_domains", "smtpd_banner"], capture_output=True)
    values = read(MAIN)
    assert ran.stdout.decode().splitlines() == [values.raw("relay_domains"), values.raw("smtpd_banner")]


MASTER = """\
smtp inet n - n - - smtpd -o a=b -v -o c=$d
    # -o not=this
  -o { e = f  g }
  -oh={i
 j} -o x
10.0.0.1:2525 inet n - n - - smtpd word -o k=l
-o unix - - - - - x
"""


def test_master_cf_is_read_as_postfix_reads_it() -> None:
    services = services_of(MASTER)
    assert not isinstance(services, Unknown)
    assert [(one.name, one.type, one.command) for one in services][:2] == [
        ("smtp", "inet", "smtpd"), ("10.0.0.1:2525", "inet", "smtpd"),
    ]  # fmt: skip
    assert dict(services[0].overrides) == {"a": "b", "c": "$d", "e": "f  g", "h": "{i j}"}
    assert not services[1].overrides


@pytest.mark.parametrize(
    ("main", "says"),
    [
        ("[core]\nverbose=yes\n", "main.cf, line 1: `[core]`"),
        ("a = b\nnot a setting\n", "main.cf, line 2: `not a setting`"),
        ("two words = x\n", "line 1"),
        ("= x\n", "line 1"),
        ("a = b\0c\n", "NUL"),
        ("a = $b\nb = $a\nmyhostname = $a\n", "refers to itself"),
        ("a = ${b\n", "never closed"),
        (Unknown("main.cf: not UTF-8"), "not UTF-8"),
    ],
)
def test_what_postfix_does_not_start_on_is_unknown_with_its_line(main: Reading, says: str) -> None:
    assert says in why_not(main)


@pytest.mark.parametrize("line", ["smtp inet n - n - smtpd", "smtp tcp n - n - - smtpd", "}{", "a\0 inet - - - - - x"])
def test_a_line_of_master_cf_that_is_no_service_is_unknown(line: str) -> None:
    assert "master.cf" in why_not("a = b\n", f"pickup unix n - y 60 1 pickup\n{line}\n")


def test_main_cf_without_master_cf_has_the_services_of_the_default_one() -> None:
    found = read("mynetworks = 127.0.0.0/8\n")
    assert found.not_given == "master.cf"
    assert [service.label for service in found.smtp_services()] == ["smtp/inet"]
    assert "was not given" in found.service_evidence(found.smtp_services()[0]).text
    assert "is not written" in found.evidence("smtpd_banner").text


SUBMISSION = "smtp inet n - n - - smtpd\nsubmission inet n - n - - smtpd\n  -o smtpd_client_restrictions={}\n"


@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        ("permit_sasl_authenticated,reject", Outcome.REJECTS),
        ("permit_mynetworks,reject", Outcome.UNREAD),
        ("$mine", Outcome.UNREAD),
        ("a_class,reject", Outcome.UNREAD),
        ("permit", Outcome.UNREAD),
    ],
)
def test_master_cf_alone_decides_only_what_it_overrides(rule: str, outcome: Outcome) -> None:
    snapshot = files(master=SUBMISSION.format(rule))
    assert "main.cf was not given" in why_not(master=SUBMISSION.format(rule))
    found = services_alone(snapshot)
    assert found is not None
    service = found.service_on_port(587)
    assert service is not None
    assert answer(found, service, Client.STRANGER, Recipient.FOREIGN).outcome is outcome
    with pytest.raises(NotGiven, match="mynetworks"):
        found.value("mynetworks", service)


def test_services_alone_are_only_where_nothing_else_is() -> None:
    assert services_alone(files("a = b\n", SUBMISSION)) is None
    assert services_alone(files()) is None
    assert services_alone(files(master="what is this\n")) is None
    assert services_alone(files(master=SUBMISSION, **{facts.WHERE: "not installed: no postconf"})) is None


def test_an_image_that_holds_postfix_is_read_by_its_files() -> None:
    found = postfix(files("a = b\n", SUBMISSION, **{facts.WHERE: "/usr/sbin/postconf\n"}))
    assert isinstance(found, Postfix) and not found.not_given


def test_a_postfix_that_gives_no_answer_is_not_guessed_from_its_files() -> None:
    denied = {facts.WHERE: "/usr/sbin/postconf\n", facts.EFFECTIVE: Unknown("postconf ended with 1: fatal")}
    assert postfix(files("a = b\n", SUBMISSION, **denied)) == Unknown("postconf ended with 1: fatal")


@pytest.mark.parametrize(
    ("level", "version", "guard"),
    [("", (), "no"), ("2", (), "no"), ("3.6", (3, 6), "no"), ("3.10", (3, 10), "normalize"), ("x", (), "no")],
)
def test_a_level_tells_the_least_version_and_its_defaults(level: str, version: tuple[int, ...], guard: str) -> None:
    found = read(f"compatibility_level = {level}\n" if level else "biff = no\n")
    assert found.version == version
    assert found.value("smtpd_forbid_bare_newline") == guard
    assert found.depends_on_version("smtpd_forbid_bare_newline") == (guard == "no")


def test_the_domain_follows_from_the_name_of_the_host() -> None:
    assert (
        read("myhostname = mx.example.org\n").value("mydestination")
        == "mx.example.org, localhost.example.org, localhost"
    )
    assert read("mydomain = example.com\nmyhostname = a.$mydomain\n").value("myhostname") == "a.example.com"


@given(st.text(max_size=300), st.text(max_size=300))
def test_no_text_is_too_odd(main: str, master: str) -> None:
    for found in (postfix(files(main, master)), postfix(files(main)), services_alone(files(master=master))):
        assert found is None or isinstance(found, Postfix | Unknown)


LINES = st.sampled_from(
    [
        "smtpd_relay_restrictions =", " permit", "mynetworks = ${a?{b}:{c}}", "a = $b", "#", "b = $$", " -o { a = b",
        "}", "smtp inet n - n - - smtpd", "\x0b", "\x85x = y", "mydestination = ${{$a} == {b}",
    ]
)  # fmt: skip


@given(st.lists(LINES, max_size=12), st.lists(LINES, max_size=12))
def test_no_order_of_lines_is_too_odd(main: list[str], master: list[str]) -> None:
    assert isinstance(postfix(files("\n".join(main), "\n".join(master))), Postfix | Unknown)


def test_what_no_server_has_is_not_looked_at() -> None:
    assert "services" in why_not("a = b\n", "".join(f"{n} inet n - n - - smtpd\n" for n in range(300)))
    assert "smtpd_relay_restrictions is longer" in why_not("smtpd_relay_restrictions = " + "permit " * 20_000)


@pytest.mark.parametrize(
    "main",
    [
        "".join(f"a{number} = $a{number + 1}$a{number + 1}\n" for number in range(28)),
        "".join(f"a{number} = {'$b' * 50}\n" for number in range(20_000)) + "b = x\n",
        "x = y\n" * 1_000_000,
        "x =\n" + " y\n" * 300_000,
        "x = " + "{" * 500_000 + "\n",
        "x = " + "${a?" * 100_000 + "\n",
        "smtpd_relay_restrictions = " + "permit_sasl_authenticated, " * 30_000 + "reject\n",
    ],
    ids=["doubling", "many macros", "a million lines", "one endless value", "braces", "open macros", "a long list"],
)
def test_a_trap_costs_seconds_at_most(main: str) -> None:
    began = monotonic()
    assert isinstance(postfix(files(main)), Postfix | Unknown)
    assert monotonic() - began < 15
