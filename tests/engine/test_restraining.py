"""What a flood has in common is restrained within all bounds, step by step, and only as far as it helps."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lockdown.config import Monitoring, Settings
from lockdown.engine.answer import Answerer
from lockdown.engine.blocking import NotBlockable, Protected
from lockdown.engine.effect import SETTLES, Effect, effect
from lockdown.engine.incidents import answered
from lockdown.engine.means import Deed, Means
from lockdown.engine.restraining import LONGEST_TERM, MOST_RESTRAINTS, PROMOTION, Restrainable, judge_restraint
from lockdown.model.alarm import Alarm, Answer, Incident
from lockdown.model.finding import Severity
from lockdown.model.restraint import Restraint
from lockdown.model.traffic import Dimension, Doors, Grip, GripUser, HoldQueued, Match, Restrain, Rung, Seen, Traffic
from lockdown.model.unknown import Unknown
from lockdown.state.store import Store, open_store

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
NETWORK: Match = ((Dimension.NETWORK, "203.0.113.0/24"),)
SUBJECT: Match = ((Dimension.SUBJECT, "you have won"),)
SENDER: Match = ((Dimension.SENDER, "a@example.net"),)
OURS = Protected(ipaddress.ip_network("198.51.100.0/24"), "the office")


def wish(match: Match = NETWORK, rung: Rung = Rung.DEFER, **changes: Any) -> Restrain:
    whole = Restrain(match, rung, HOUR, 0.9, 0.0, "94 % from there, no good mail in 30 days")
    return replace(whole, **changes)


# ── bounds ──

USER = (Dimension.USER, "anna")
ALLOWED = [
    wish(),
    wish(SUBJECT, Rung.REJECT),
    wish(rung=Rung.DROP),
    wish(((Dimension.CLIENT, "2001:db8::1"),), Rung.DROP, doors=Doors.SIGN_IN),
    wish(SENDER, Rung.SLOW),
    wish(((Dimension.SENDER, ""), (Dimension.RECIPIENT, "b@example.org")), Rung.QUARANTINE),
    wish((*SENDER, *NETWORK), Rung.REJECT),
    wish(((Dimension.WIDE_NETWORK, "203.0.0.0/16"),), Rung.SLOW),
]
NOT_ALLOWED = [
    (wish(()), "nothing"),
    (wish(term=timedelta(days=8)), "lasts up to 7 days"),
    (wish(term=timedelta(0)), "lasts up to 7 days"),
    (wish(SENDER), "anybody may write that"),
    (wish(((Dimension.SENDER, ""), (Dimension.RECIPIENT, "b@example.org")), Rung.REJECT), "anybody may write that"),
    (wish((USER,), Rung.DEFER), "lockdown user hold"),
    (wish(SUBJECT, Rung.DROP), "addresses and small networks alone"),
    (wish(rung=Rung.REJECT, doors=Doors.SIGN_IN), "only the packet filter"),
    (wish(((Dimension.WIDE_NETWORK, "203.0.0.0/16"),)), "a whole provider"),
    (wish(((Dimension.NETWORK, "203.0.0.0/8"),)), "wider than /16"),
    (wish(((Dimension.NETWORK, "198.51.100.0/24"),)), "the office"),
    (wish(((Dimension.CLIENT, "198.51.100.9"), *SUBJECT)), "the office"),
    (wish(((Dimension.CLIENT, "198.51.100.9"),), Rung.SLOW), "the office"),
    (wish(((Dimension.NETWORK, "nonsense"),)), "not an address or a network"),
    (wish(spill=0.3), "30% of the good mail"),
]


@pytest.mark.parametrize("wanted", ALLOWED)
def test_what_is_proved_and_in_bounds_may_be_restrained(wanted: Restrain) -> None:
    assert isinstance(judge_restraint(wanted, [OURS], NOW), Restrainable)


@pytest.mark.parametrize(("wanted", "why"), NOT_ALLOWED)
def test_what_is_not_proved_too_wide_or_ours_is_not_restrained(wanted: Restrain, why: str) -> None:
    judged = judge_restraint(wanted, [OURS], NOW)
    assert isinstance(judged, NotBlockable)
    assert why in judged.why


# ── a whole story ──


@dataclass
class Hands(Means):
    """Notes what it is asked for."""

    why_not: str = ""
    until: datetime | None = None
    asked: list[Any] = field(default_factory=list)
    let_go: bool = False

    def still_grips(self, user: str) -> bool:
        return not self.let_go

    def drop(self, network: str, term: timedelta, why: str, doors: Doors) -> str:
        self.asked.append((network, doors))
        return self.why_not

    def hold(self, wish: HoldQueued, by: str) -> Deed | None:
        self.asked.append(wish.match)
        return Deed(True, f"{len(self.asked)} held", undo="lockdown queue undo 1")

    def grip(self, wish: GripUser, by: str) -> Deed | None:
        self.asked.append((wish.user, wish.grip))
        return Deed(True, wish.words, self.until, undo=f"lockdown user release {wish.user}")


class Site:
    """One incident, whose alarm rings again and again."""

    def __init__(self, store: Store, monitoring: Monitoring, hands: Hands) -> None:
        self.store, self.now = store, NOW
        self.held: list[Match] = []
        self._answerer = Answerer(Settings(monitoring=monitoring), store, lambda: [OURS], hands, self.held.append)
        self.incident = Incident("k", "monitoring.flood", "o", "c", Severity.HIGH, "A flood.", NOW, NOW, number=3)

    def ring(
        self, *wishes: Any, traffic: Traffic | Unknown | None = None, after: timedelta = timedelta(0)
    ) -> list[Answer]:
        """What is said this time."""
        self.now += after
        alarm = Alarm("monitoring.flood", "o", "c", Severity.HIGH, "A flood.", wishes=wishes)
        said = list(self._answerer.answers(self.incident, alarm, traffic, self.now))
        for one in said:
            self.incident = answered(self.incident, one)
        return said

    def end_those_of_later(self) -> None:
        self._answerer.end_those_of_later(self.now)

    def running(self) -> list[tuple[Match, Rung]]:
        return [(one.match, one.rung) for one in self.store.active_restraints(self.now)]


@contextmanager
def opened(folder: Path, hands: Hands | None = None, **monitoring: Any) -> Iterator[Site]:
    store = open_store(folder)
    try:
        yield Site(store, Monitoring(**monitoring), hands or Hands())
    finally:
        store.close()


def flood(now_a_minute: int, match: Match = NETWORK, *, age: float = 30.0) -> Traffic:
    """A minute with 60 messages of a flood and 12 others, then so much of the flood in the time since an answer."""
    ends = 1000.0
    began = ends - age
    seen = [Seen(f"f{n}", began - 60 + n, "accepted", match) for n in range(60)]
    seen += [Seen(f"o{n}", began - 60 + 5 * n, "accepted", ()) for n in range(12)]
    later = now_a_minute * age / 60
    seen += [Seen(f"l{n}", began + n * age / later, "accepted", match) for n in range(int(later))]
    seen += [Seen(f"p{n}", began + 5 * n, "accepted", ()) for n in range(int(age / 5))]
    seen += [Seen(f"r{n}", began + n / 10, "deferred", match) for n in range(int(age * 10))]
    return Traffic(seconds=age + 60, seen=tuple(sorted(seen, key=lambda one: one.at)))


def test_the_first_wish_is_carried_out_once_and_says_until_when_and_how_it_is_undone(tmp_path: Path) -> None:
    with opened(tmp_path) as site:
        (answer,) = site.ring(wish())
        assert answer.done and answer.until == NOW + HOUR and answer.undo == "lockdown block remove r1"
        assert answer.says.startswith("r1: network 203.0.113.0/24 is put off (451) for 1h: 94 % from there")
        assert site.ring(wish(), after=timedelta(seconds=2)) == []
        assert site.running() == [(NETWORK, Rung.DEFER)]


def test_while_it_helps_nothing_more_is_done_and_the_effect_is_said_once(tmp_path: Path) -> None:
    with opened(tmp_path) as site:
        site.ring(wish(), wish(SUBJECT))
        (told,) = site.ring(wish(), wish(SUBJECT), traffic=flood(6), after=timedelta(seconds=30))
        assert told.says.startswith("r1 helps: ")
        assert site.ring(wish(), wish(SUBJECT), traffic=flood(6), after=timedelta(seconds=1)) == []
        assert len(site.running()) == 1


def test_what_does_not_help_by_half_is_followed_by_the_next_wish(tmp_path: Path) -> None:
    with opened(tmp_path) as site:
        site.ring(wish(), wish(SUBJECT, Rung.QUARANTINE))
        said = site.ring(wish(), wish(SUBJECT, Rung.QUARANTINE), traffic=flood(50), after=timedelta(seconds=30))
        assert [one.says.split(":")[0] for one in said] == ["r1 does not help enough", "r2"]
        assert site.running() == [(NETWORK, Rung.DEFER), (SUBJECT, Rung.QUARANTINE)]


def test_the_next_rung_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    with opened(tmp_path) as site:
        site.ring(wish(), wish(rung=Rung.REJECT))
        site.ring(wish(), wish(rung=Rung.REJECT), traffic=flood(50), after=timedelta(seconds=30))
        assert site.running() == [(NETWORK, Rung.REJECT)]


# ── the ladder ──

CLIENT: Match = ((Dimension.CLIENT, "203.0.113.9"),)
STRANGER = (wish(CLIENT), wish(CLIENT, Rung.REJECT), wish(CLIENT, Rung.DROP), wish(SUBJECT, Rung.QUARANTINE))
KNOWN = (wish(CLIENT, Rung.SLOW), wish(CLIENT), wish(CLIENT, Rung.QUARANTINE), wish(SUBJECT, Rung.QUARANTINE))
SOON = timedelta(seconds=30)


def turned_away(site: Site, number: int, hits: int) -> None:
    site.store.count_hits({number: hits}).result()


def test_what_is_slowed_and_comes_through_all_the_same_is_put_off(tmp_path: Path) -> None:
    with opened(tmp_path) as site:
        site.ring(*KNOWN)
        assert site.running() == [(CLIENT, Rung.SLOW)]
        site.ring(*KNOWN, traffic=flood(50, CLIENT), after=SOON)
        assert site.running() == [(CLIENT, Rung.DEFER)]


def test_what_is_slowed_enough_is_not_put_off(tmp_path: Path) -> None:
    with opened(tmp_path) as site:
        site.ring(*KNOWN)
        for _ in range(5):
            turned_away(site, 1, 500)
            site.ring(*KNOWN, traffic=flood(5, CLIENT), after=SOON)
        assert site.running() == [(CLIENT, Rung.SLOW)]


def test_where_it_comes_through_although_its_source_is_put_off_the_next_thing_in_common_is_tried(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as site:
        site.ring(*STRANGER)
        site.ring(*STRANGER, traffic=flood(50, CLIENT), after=SOON)
        assert site.running() == [(CLIENT, Rung.DEFER), (SUBJECT, Rung.QUARANTINE)]


def test_who_is_put_off_and_comes_again_and_again_is_refused_for_good_and_then_shut_out(tmp_path: Path) -> None:
    hands = Hands()
    with opened(tmp_path, hands) as site:
        site.ring(*STRANGER)
        turned_away(site, 1, 600)
        said = site.ring(*STRANGER, traffic=flood(0, CLIENT), after=SOON)
        assert said[-1].says.startswith("r2: client 203.0.113.9 is refused (550) for 1h: turned away 600 times in 30s")
        assert site.running() == [(CLIENT, Rung.REJECT)]
        turned_away(site, 2, 600)
        site.ring(*STRANGER, traffic=flood(0, CLIENT), after=SOON)
        assert site.running() == [(CLIENT, Rung.DROP)]
        assert hands.asked == [("203.0.113.9", Doors.MAIL)]
        site.ring(*STRANGER, traffic=flood(0, CLIENT), after=SOON)
        assert site.running() == [(CLIENT, Rung.DROP)], "and nothing comes after"


@pytest.mark.parametrize(("hits", "after"), [(299, SOON), (600, timedelta(minutes=11))])
def test_who_comes_again_as_an_honest_server_does_is_only_put_off(tmp_path: Path, hits: int, after: timedelta) -> None:
    with opened(tmp_path) as site:
        site.ring(*STRANGER)
        turned_away(site, 1, hits)
        site.ring(*STRANGER, traffic=flood(0, CLIENT), after=after)
        assert site.running() == [(CLIENT, Rung.DEFER)]


def test_who_presses_and_is_known_for_good_mail_is_never_refused_for_good(tmp_path: Path) -> None:
    with opened(tmp_path) as site:
        site.ring(*KNOWN[1:])
        turned_away(site, 1, 6000)
        site.ring(*KNOWN[1:], traffic=flood(0, CLIENT), after=SOON)
        assert site.running() == [(CLIENT, Rung.DEFER)]


def test_nobody_is_shut_out_because_an_answer_does_not_help(tmp_path: Path) -> None:
    with opened(tmp_path) as site:
        wishes = (wish(CLIENT), wish(CLIENT, Rung.DROP))
        site.ring(*wishes)
        site.ring(*wishes, traffic=flood(50, CLIENT), after=SOON)
        assert site.running() == [(CLIENT, Rung.DEFER)]


def test_a_protected_source_is_not_shut_out_however_it_presses(tmp_path: Path) -> None:
    ours: Match = ((Dimension.CLIENT, "198.51.100.9"),)
    with opened(tmp_path) as site:
        site.store.restrain(
            Restraint(ours, Rung.DEFER, NOW, NOW + HOUR, "lockdown", "x", incident=3, hits=900)
        ).result()
        said = site.ring(wish(ours, Rung.DROP), traffic=flood(0, ours), after=SOON)
        assert any("the office" in one.says and not one.done for one in said)
        assert site.running() == [(ours, Rung.DEFER)]


@pytest.mark.parametrize("back", [HOUR, timedelta(days=1)])
def test_when_the_clock_is_set_back_an_answer_begins_anew_and_neither_lasts_longer_nor_climbs(
    tmp_path: Path, back: timedelta
) -> None:
    with opened(tmp_path) as site:
        site.ring(*STRANGER)
        turned_away(site, 1, 600)
        site.now -= back
        site.end_those_of_later()
        assert site.running() == []
        (answer, *_) = [one for one in site.ring(*STRANGER, traffic=flood(0, CLIENT)) if one.done]
        assert answer.until == site.now + HOUR
        assert site.running() == [(CLIENT, Rung.DEFER)]


@pytest.mark.parametrize("ahead", [HOUR, timedelta(days=1)])
def test_when_the_clock_is_set_ahead_an_answer_is_over_and_given_again_where_it_still_rings(
    tmp_path: Path, ahead: timedelta
) -> None:
    with opened(tmp_path) as site:
        site.ring(*STRANGER)
        site.now += ahead
        assert site.running() == []
        site.ring(*STRANGER, traffic=flood(60, CLIENT))
        assert site.running() == [(CLIENT, Rung.DEFER)]


def test_what_a_person_has_set_is_not_ended_by_a_clock(tmp_path: Path) -> None:
    with opened(tmp_path) as site:
        site.store.restrain(Restraint(CLIENT, Rung.DEFER, NOW, NOW + HOUR, "anna", "x")).result()
        site.now -= HOUR
        site.end_those_of_later()
        assert site.running() == [(CLIENT, Rung.DEFER)]


def test_in_shadow_nothing_climbs(tmp_path: Path) -> None:
    with opened(tmp_path, mode="observe") as site:
        site.ring(*STRANGER)
        turned_away(site, 1, 6000)
        assert site.ring(*STRANGER, traffic=flood(50, CLIENT), after=SOON) == []


def test_an_effect_that_is_not_known_is_no_reason_to_go_on(tmp_path: Path) -> None:
    with opened(tmp_path) as site:
        site.ring(wish(), wish(SUBJECT))
        (said,) = site.ring(wish(), wish(SUBJECT), traffic=Unknown("no log"), after=timedelta(seconds=30))
        assert "not known" in said.says
        assert len(site.running()) == 1


def test_an_answer_is_given_time_before_it_is_measured(tmp_path: Path) -> None:
    with opened(tmp_path) as site:
        site.ring(wish(), wish(SUBJECT))
        assert site.ring(wish(), wish(SUBJECT), traffic=flood(50), after=SETTLES / 2) == []


def test_when_nothing_is_left_that_is_said_once(tmp_path: Path) -> None:
    with opened(tmp_path) as site:
        site.ring(wish())
        said = site.ring(wish(), traffic=flood(50), after=timedelta(seconds=30))
        assert said[-1].says == "nothing else is left that could be tried by itself"
        assert site.ring(wish(), traffic=flood(50), after=timedelta(seconds=1)) == []


def test_a_wish_that_may_not_be_is_told_and_the_next_one_is_carried_out(tmp_path: Path) -> None:
    with opened(tmp_path) as site:
        refused, done = site.ring(wish(SENDER), wish(SUBJECT))
        assert "anybody may write that" in refused.says and not refused.done
        assert done.done
        assert site.running() == [(SUBJECT, Rung.DEFER)]


def test_a_person_who_has_lifted_it_is_not_overruled_while_the_incident_lasts(tmp_path: Path) -> None:
    with opened(tmp_path) as site:
        site.ring(wish())
        site.store.end_restraint(1, "anna", NOW + timedelta(seconds=5)).result()
        (said,) = site.ring(wish(), after=timedelta(seconds=30))
        assert "anna has lifted it" in said.says and not said.done
        assert site.running() == []


def test_what_comes_back_after_its_term_is_restrained_for_twice_as_long_up_to_a_week(tmp_path: Path) -> None:
    with opened(tmp_path) as site:
        terms = []
        for _ in range(10):
            (answer,) = [one for one in site.ring(wish(), after=timedelta(0)) if one.until]
            assert answer.until is not None
            terms.append(answer.until - site.now)
            site.now = answer.until
        assert terms[:3] == [HOUR, 2 * HOUR, 4 * HOUR]
        assert terms[-1] == LONGEST_TERM


def test_more_restraints_than_an_attack_needs_are_a_runaway(tmp_path: Path) -> None:
    with opened(tmp_path) as site:
        for number in range(MOST_RESTRAINTS):
            match: Match = ((Dimension.CLIENT, f"192.0.2.{number}"),)
            site.store.restrain(Restraint(match, Rung.DEFER, NOW, NOW + HOUR, "lockdown", "x", incident=9)).result()
        (said,) = site.ring(wish())
        assert "restraints run already" in said.says and not said.done


@pytest.mark.parametrize(("hits_of_one", "is_answered"), [(5, True), (100, False)])
def test_a_small_flood_that_is_over_makes_room_for_the_next_one(
    tmp_path: Path, hits_of_one: int, is_answered: bool
) -> None:
    with opened(tmp_path) as site:
        places: list[Match] = [((Dimension.CLIENT, f"192.0.2.{number}"),) for number in range(MOST_RESTRAINTS)]
        for match in places:
            site.store.restrain(Restraint(match, Rung.DEFER, NOW, NOW + HOUR, "lockdown", "x", incident=9)).result()
        hits = {one.number: hits_of_one if one.match == places[7] else 100 for one in site.store.active_restraints(NOW)}
        site.store.count_hits(hits).result()
        (said,) = site.ring(wish(), after=timedelta(minutes=12))
        assert said.done is is_answered
        running = {one.match for one in site.store.active_restraints(site.now)}
        assert len(running) == MOST_RESTRAINTS
        assert (places[7] in running) is not is_answered


def test_who_guesses_passwords_from_a_hundred_networks_does_not_keep_a_flood_from_its_answer(tmp_path: Path) -> None:
    with opened(tmp_path) as site:
        for number in range(MOST_RESTRAINTS):
            match: Match = ((Dimension.CLIENT, f"192.0.2.{number}"),)
            shut = Restraint(match, Rung.DROP, NOW, NOW + HOUR, "lockdown", "x", incident=9, doors=Doors.SIGN_IN)
            site.store.restrain(shut).result()
        (said,) = site.ring(wish())
        assert said.done


@pytest.mark.parametrize("monitoring", [{"mode": "observe"}, {"shadow": ("defer",)}])
def test_in_shadow_it_is_counted_and_said_and_nothing_else(tmp_path: Path, monitoring: dict[str, Any]) -> None:
    with opened(tmp_path, **monitoring) as site:
        (said,) = site.ring(wish())
        assert "would be put off (451) for 1h" in said.says and "it is only counted" in said.says
        assert not said.done
        assert [one.shadow for one in site.store.active_restraints(NOW)] == [True]
        assert site.ring(wish(), traffic=flood(50), after=timedelta(seconds=30)) == []


def test_a_kind_in_shadow_does_not_keep_the_others_from_acting(tmp_path: Path) -> None:
    with opened(tmp_path, shadow=("drop",)) as site:
        (said,) = site.ring(wish())
        assert said.done


@pytest.mark.parametrize(("ended_by", "is_told"), [("", True), ("anna", False)])
def test_after_days_in_shadow_to_which_nobody_objected_it_is_said_that_it_may_act(
    tmp_path: Path, ended_by: str, is_told: bool
) -> None:
    with opened(tmp_path, shadow=("defer",)) as site:
        since = NOW - PROMOTION - HOUR
        before = Restraint(
            NETWORK, Rung.DEFER, since, since + HOUR, "lockdown", "x", shadow=True, hits=40,
            ended_at=since if ended_by else None, ended_by=ended_by,
        )  # fmt: skip
        site.store.restrain(before).result()
        (said,) = site.ring(wish())
        assert ('take "defer" out of monitoring.shadow' in said.says) is is_told


def test_the_packet_filter_is_asked_and_where_it_cannot_the_gateway_refuses(tmp_path: Path) -> None:
    hands = Hands()
    with opened(tmp_path, hands) as site:
        (said,) = site.ring(wish(rung=Rung.DROP))
        assert "shut out by the packet filter" in said.says and said.done
        assert hands.asked == [("203.0.113.0/24", Doors.MAIL)]


def test_where_there_is_no_packet_filter_mail_is_refused_and_signing_in_is_not_believed_shut(tmp_path: Path) -> None:
    with opened(tmp_path, Hands("nft is not installed")) as site:
        (mail,) = site.ring(wish(rung=Rung.DROP))
        assert "is refused (550)" in mail.says and "nft is not installed" in mail.says
        (sign_in,) = site.ring(wish(((Dimension.CLIENT, "192.0.2.9"),), Rung.DROP, doors=Doors.SIGN_IN), after=2 * HOUR)
        assert not sign_in.done and sign_in.until is None
        assert site.running() == []


def test_queued_mail_is_held_again_each_minute_and_an_account_is_gripped_once(tmp_path: Path) -> None:
    hands = Hands()
    queued, account = HoldQueued(NETWORK, "clogs"), GripUser("anna", Grip.HOLD_OUTBOUND, "+6.2 points")
    with opened(tmp_path, hands) as site:
        held, gripped = site.ring(queued, account)
        assert held.undo == "lockdown queue undo 1" and gripped.undo == "lockdown user release anna"
        assert gripped.says == "account anna is held: what it sends outside waits: +6.2 points"
        assert site.held == [NETWORK], "whoever counts the queue is told"
        assert site.ring(queued, account, after=timedelta(seconds=20)) == []
        assert len(site.ring(queued, account, after=timedelta(seconds=50))) == 1


def test_an_account_is_gripped_again_when_its_term_is_over_and_the_incident_goes_on(tmp_path: Path) -> None:
    hands = Hands(until=NOW + HOUR)
    account = GripUser("anna", Grip.HOLD_OUTBOUND, "+6.2 points")
    with opened(tmp_path, hands) as site:
        assert len(site.ring(account)) == 1
        assert site.ring(account, after=timedelta(minutes=59)) == []
        hands.until = NOW + 3 * HOUR
        (again,) = site.ring(account, after=timedelta(minutes=2))
        assert again.done and again.until == NOW + 3 * HOUR
        assert site.ring(account, after=HOUR) == [], "once more, and not at every look"
        assert len(hands.asked) == 2


def test_an_account_that_a_person_has_let_go_is_gripped_again_for_what_it_does_then(tmp_path: Path) -> None:
    # What it did before is forgiven: then the alarm does not ring.
    hands = Hands(until=NOW + HOUR)
    account = GripUser("anna", Grip.HOLD_OUTBOUND, "+6.2 points")
    with opened(tmp_path, hands) as site:
        site.ring(account)
        hands.let_go = True
        (again,) = site.ring(account, after=timedelta(minutes=10))
        assert again.done


def test_queued_mail_and_accounts_in_shadow_are_only_told_of(tmp_path: Path) -> None:
    hands = Hands()
    with opened(tmp_path, hands, shadow=("hold", "grip")) as site:
        said = site.ring(HoldQueued(NETWORK, "clogs"), GripUser("anna", Grip.LOCK, "points"))
        assert [one.done for one in said] == [False, False]
        assert hands.asked == []


# ── the effect ──


@pytest.mark.parametrize(("now_a_minute", "helped"), [(0, True), (20, True), (45, False), (60, False), (120, False)])
def test_the_effect_is_what_still_comes_through_of_the_flood(now_a_minute: int, helped: bool) -> None:
    ran = Restraint(NETWORK, Rung.DEFER, NOW - timedelta(seconds=30), NOW + HOUR, "lockdown", "x")
    measured = effect(ran, 1.0, flood(now_a_minute), NOW)
    assert isinstance(measured, Effect)
    assert measured.helped is helped
    assert measured.before == pytest.approx(60, abs=2)
    assert measured.now == pytest.approx(now_a_minute, abs=6)


def test_of_a_flood_that_nobody_counted_before_the_effect_is_unknown() -> None:
    ran = Restraint(SUBJECT, Rung.DEFER, NOW - timedelta(seconds=30), NOW + HOUR, "lockdown", "x")
    assert isinstance(effect(ran, 1.0, flood(30), NOW), Unknown)


def test_where_nothing_comes_often_any_more_it_has_helped() -> None:
    ran = Restraint(NETWORK, Rung.DEFER, NOW - timedelta(seconds=30), NOW + HOUR, "lockdown", "x")
    measured = effect(ran, 1.0, Traffic(seconds=600), NOW)
    assert isinstance(measured, Effect) and measured.helped
