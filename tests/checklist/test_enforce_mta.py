"""Every finding of items 4 and 8 that does not hold is turned by its proposals, or left with a reason.

The proposals are made by the real postconf on a copy of the recorded files; then the room's own audit is asked again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockdown.checklist.attachments.audit import audit as audit_attachments
from lockdown.checklist.attachments.enforce import enforce as enforce_attachments
from lockdown.checklist.relaying.audit import audit as audit_relaying
from lockdown.checklist.relaying.enforce import enforce as enforce_relaying
from lockdown.config import Settings, read_settings
from lockdown.engine.plan import places_of
from lockdown.engine.snapshots import settings_of, snapshot_from_folder, snapshot_of
from lockdown.facts import gateway
from lockdown.model.change import Left, Proposal, SetPostfix
from lockdown.model.finding import Finding
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown
from tests.checklist.mended import bad, make, mended, places, with_files, worse
from tests.live.faults_postfix import FAULTS, Fault
from tests.live.test_faults_postfix import GUARDED, LOADED
from tests.recordings.literal import host
from tests.recordings.make import MASTER_CF
from tests.recordings.test_configs import labels
from tests.recordings.test_configs import paths as files_of

pytestmark = pytest.mark.skipif(not shutil.which("postconf", path="/usr/sbin"), reason="Postfix is not installed")
HOSTS = Path(__file__).parents[1] / "recordings" / "hosts"
NAMES = sorted(path.name for path in HOSTS.iterdir() if path.is_dir())
NOW = datetime(2026, 1, 15, tzinfo=UTC)
ROOMS = ((audit_attachments, enforce_attachments), (audit_relaying, enforce_relaying))
Said = Proposal | Left


@dataclass(frozen=True)
class Round:
    """What was found, what was said to it, what is found after the proposals were made, and what is said then."""

    before: list[Finding]
    said: list[Said]
    after: list[Finding]
    again: list[Said]

    @property
    def proposals(self) -> list[Proposal]:
        return [one for one in self.said if isinstance(one, Proposal)]

    @property
    def left(self) -> list[Left]:
        return [one for one in self.said if isinstance(one, Left)]


def found(snapshot: Snapshot, policy: Settings) -> list[Finding]:
    return [one for audit, _ in ROOMS for one in audit(snapshot, policy)]


def said(snapshot: Snapshot, policy: Settings) -> list[Said]:
    return [one for _, enforce in ROOMS for one in enforce(snapshot, policy)]


def judged(before: Snapshot, policy: Settings, after: Callable[[list[Proposal]], Snapshot]) -> Round:
    proposals = [one for one in said(before, policy) if isinstance(one, Proposal)]
    then = after(proposals) if proposals else before
    return Round(found(before, policy), said(before, policy), found(then, policy), said(then, policy))


def contradictions(proposals: list[Proposal]) -> list[tuple[Proposal, Proposal]]:
    """Two that want different things of one place: the plan would do neither."""
    return [
        (one, other)
        for one, other in combinations(proposals, 2)
        if one.change != other.change and set(places_of(one.change)) & set(places_of(other.change))
    ]


def check(one: Round) -> None:
    """What must hold of every machine."""
    assert places(one.said) == places(bad(one.before)), "a finding without an answer, or an answer to nothing"
    assert not places(one.proposals) & places(one.left), "a finding is turned, or left"
    assert not places(one.proposals) & places(bad(one.after)), [
        (each.control, each.target, each.state, each.says) for each in bad(one.after)
    ]
    assert worse(one.before, one.after) == []
    assert [each for each in one.again if isinstance(each, Proposal)] == []
    assert contradictions(one.proposals) == []
    for each in one.proposals:
        assert each.why.endswith(".") and each.side_effects and each.change
    for each in one.left:
        assert each.why.endswith(".") and each.try_this, each


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_machine_is_mended_or_told_why_not(name: str, tmp_path: Path) -> None:
    snapshot = snapshot_from_folder(HOSTS / name)
    own = settings_of(snapshot)
    policy = Settings() if isinstance(own, Unknown) else own

    def after(proposals: list[Proposal]) -> Snapshot:
        return mended(snapshot, [one.change for one in proposals], tmp_path / "postfix")

    check(judged(snapshot, policy, after))


def of_files() -> Iterator[str]:
    yield from dict.fromkeys(label.files for label in labels() if files_of(label.files) is not None)


@pytest.mark.parametrize("files", list(of_files()))
def test_files_of_a_real_server_are_mended_or_told_why_not(files: str, tmp_path: Path) -> None:
    places_of_files = files_of(files)
    assert places_of_files
    for place in places_of_files:
        text = place.read_text(errors="replace").rstrip("\n")
        (tmp_path / place.name.rpartition("__")[2]).write_text(f"{text}\n")
    target = tmp_path if len(places_of_files) > 1 else next(tmp_path.iterdir())

    def after(proposals: list[Proposal]) -> Snapshot:
        for name in ("main.cf", "master.cf"):
            (tmp_path / name).touch()
        for one in proposals:
            make(tmp_path, one.change)
        for file in tmp_path.iterdir():
            if not file.stat().st_size:
                file.unlink()
        return snapshot_of(str(target), NOW)

    check(judged(snapshot_of(str(target), NOW), Settings(), after))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_mended_or_told_why_not(fault: Fault, tmp_path: Path) -> None:
    healthy = snapshot_from_folder(HOSTS / "healthy")
    old, new = fault.master if fault.master[0] else ("\n", "\n")
    texts = {"main.cf": f"{GUARDED}{fault.main}\n", "master.cf": MASTER_CF.replace(old, new)}

    def after(proposals: list[Proposal]) -> Snapshot:
        return with_files(healthy, texts, [one.change for one in proposals], tmp_path)

    one = judged(after([]), LOADED.settings, after)
    check(one)
    assert fault.control in {each.control for each in one.said}


BEHIND = '[gateway]\nlisten = ["192.0.2.7:2525"]\nupstream = "smtp://127.0.0.1:25"\n[site]\ndomains = ["example.com"]\n'


def changes_of(main: str, settings: str = "") -> dict[tuple[str, str], str | None]:
    """What is set to what, by service and name, on a machine of a few lines."""
    policy = read_settings([("lockdown.toml", settings)]).settings
    proposals = (one.change for one in said(host(main, settings=settings), policy) if isinstance(one, Proposal))
    return {(one.service, one.name): one.value for one in proposals if isinstance(one, SetPostfix)}


def test_the_gateway_is_never_counted_as_one_client() -> None:
    rates = "smtpd_client_message_rate_limit = 0\nsmtpd_client_event_limit_exceptions = 192.0.2.99\n"
    made = changes_of(rates, BEHIND)
    assert made["smtp/inet", "smtpd_client_message_rate_limit"] == "100"
    assert made["smtp/inet", "smtpd_client_event_limit_exceptions"] == "127.0.0.0/8,[::1]/128,127.0.0.1"


def test_a_gateway_that_is_trusted_is_told_apart_from_the_clients_it_brings() -> None:
    made = changes_of("mynetworks = 127.0.0.0/8, 198.51.0.0/17, 192.0.2.20/32\n", BEHIND)
    assert made["smtp/inet", "mynetworks"] == "192.0.2.20/32"
    assert made["smtp/inet", "smtpd_authorized_xclient_hosts"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("networks", "kept"),
    [
        ("0.0.0.0/0", "127.0.0.0/8 [::1]/128"),
        ("127.0.0.0/8, 128.0.0.0/1, 192.0.2.20/32", "[::1]/128 127.0.0.0/8 192.0.2.20/32"),
        ("[::]/0 192.168.1.0/24", "127.0.0.0/8 [::1]/128 192.168.1.0/24"),
        ("10.0.0.0/8", None),
        ("0.0.0.0/0 10.0.0.0/8", "127.0.0.0/8 [::1]/128 10.0.0.0/8"),
    ],
)
def test_only_what_cannot_be_anybodys_own_is_taken_from_mynetworks(networks: str, kept: str | None) -> None:
    assert changes_of(f"mynetworks = {networks}\n").get(("", "mynetworks")) == kept


@pytest.mark.parametrize(
    ("written", "closed"),
    [
        ("", "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination"),
        ("permit", "permit_sasl_authenticated, reject_unauth_destination, permit"),
        (
            "check_client_access static:OK, permit_mynetworks, reject_unauth_destination",
            "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination, check_client_access static:OK",
        ),
        (
            "sleep 1, permit_mynetworks, permit, reject",
            "sleep 1, permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination, permit, reject",
        ),
        ("permit_mx_backup, reject_unauth_destination", None),
    ],
)
def test_the_relay_rule_comes_before_the_first_word_that_lets_strangers_in(written: str, closed: str | None) -> None:
    main = f"smtpd_relay_restrictions = {written}\nsmtpd_recipient_restrictions = permit_naked_ip_address, reject\n"
    assert changes_of(main).get(("", "smtpd_relay_restrictions")) == closed


def test_users_are_never_locked_out_for_want_of_a_certificate() -> None:
    main = "smtpd_sasl_auth_enable = yes\nsmtpd_tls_cert_file = /etc/ssl/gone.pem\nsmtpd_tls_auth_only = no\n"
    answers = said(host(main), Settings())
    assert [type(one) for one in answers if one.control == "relaying.passwords-need-tls"] == [Left]


def test_a_map_of_senders_binds_only_who_has_logged_in_where_strangers_bring_mail_too() -> None:
    main = "smtpd_sasl_auth_enable = yes\nsmtpd_sender_login_maps = texthash:/etc/postfix/logins\n"
    made = changes_of(main + "smtpd_sender_restrictions = warn_if_reject reject_sender_login_mismatch, permit\n")
    assert made["smtp/inet", "smtpd_sender_restrictions"] == "reject_authenticated_sender_login_mismatch,permit"


def test_a_size_is_no_larger_than_what_the_scanner_here_reads() -> None:
    main = "message_size_limit = 0\nmailbox_size_limit = 0\n"
    assert changes_of(main)["", "message_size_limit"] == str(50 * 1024**2)
    conf = "StreamMaxLength 30M\nMaxFileSize 40M\nMaxScanSize 100M\n"
    with_clamd = replace(host(main), readings={**host(main).readings, "clamav/clamd.conf": conf})
    sizes = {one.change.value for one in said(with_clamd, Settings())
             if isinstance(one, Proposal) and isinstance(one.change, SetPostfix)
             and one.change.name == "message_size_limit"}  # fmt: skip
    assert sizes == {str(30 * 1024**2)}


def alone(snapshot: Snapshot) -> Snapshot:
    """Without a gateway, whose settings take the most time to read."""
    return replace(snapshot, readings={**snapshot.readings, gateway.SOURCE: Unknown("there is none")})


_WORDS = st.sampled_from([
    "permit_mynetworks", "permit_sasl_authenticated", "permit", "reject", "defer", "reject_unauth_destination",
    "permit_naked_ip_address", "warn_if_reject", "check_client_access static:OK", "check_sender_access static:reject",
    "check_helo_access inline:{friend=OK}", "permit_mx_backup", "check_policy_service unix:p", "nonsense", "sleep 1",
    "permit_auth_destination", "reject_unverified_recipient", "$nothing", "{", "check_client_access",
])  # fmt: skip
_NETWORKS = st.sampled_from(
    ["127.0.0.0/8", "0.0.0.0/0", "[::]/0", "!10.0.0.1", "10.0.0.0/8", "198.51.0.0/17", "x", "/y"]
)


@given(relay=st.lists(_WORDS, max_size=5), recipient=st.lists(_WORDS, max_size=4), client=st.lists(_WORDS, max_size=3),
       networks=st.lists(_NETWORKS, max_size=3))  # fmt: skip
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_lists_say_what_is_proposed_closes_the_relay_and_is_proposed_once(
    relay: list[str], recipient: list[str], client: list[str], networks: list[str]
) -> None:
    main = (
        f"smtpd_relay_restrictions = {', '.join(relay)}\nsmtpd_recipient_restrictions = {' '.join(recipient)}\n"
        f"smtpd_client_restrictions = {', '.join(client)}\nmynetworks = {' '.join(networks)}\n"
    )
    before = alone(host(main))
    answers = list(enforce_relaying(before, Settings()))
    assert places(answers) == places(bad(audit_relaying(before, Settings())))
    made = {
        (one.change.name, one.change.service): one.change.value
        for one in answers
        if isinstance(one, Proposal) and isinstance(one.change, SetPostfix)
    }
    assert all(value is not None for value in made.values())
    overrides = "".join(f"{service}/{name} = {value}\n" for (name, service), value in made.items() if service)
    after = alone(
        host(main + "".join(f"{n} = {v}\n" for (n, service), v in made.items() if not service), overrides=overrides)
    )
    turned = places(one for one in answers if isinstance(one, Proposal))
    assert not turned & places(bad(audit_relaying(after, Settings()))), made
    assert not turned & places(one for one in enforce_relaying(after, Settings()) if isinstance(one, Proposal))
