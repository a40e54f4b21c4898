"""Learning from what people here report, and its limits."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.model.scan import Letter
from lockdown.model.unknown import Unknown
from lockdown.scan.classifier import Classifier
from lockdown.scan.learning import (
    INDEX,
    JOURNAL,
    MOST,
    PER_REPORTER,
    PER_SENDER,
    Learner,
    Lesson,
    LocalLearning,
    counting_of,
)
from tests.scan.written import letter

INVOICE = (
    "Attached is invoice {} for consulting services rendered in October. The amount of {} euros is payable by bank "
    "transfer to our usual account. Ordering department, cost centre and delivery slip are listed overleaf. Questions "
    "about bookkeeping go to Margaret in accounting. {}"
)


_OUTSIDE = b'{"v":1,"words":[1,2,3,4,5,99999999],"key":"","is_spam":true,"by":"","domain":"","at":0}'


class House:
    """A house that learns: one who writes, one who reads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.local = LocalLearning(folder)
        found = Classifier.load(local=self.local)
        assert isinstance(found, Classifier)
        self.classifier = found
        self.learner = Learner(folder, found.weights)
        self.clock = 0.0

    def learn(self, read: Letter, *, spam: bool, by: str = "ann", sender: str = "evil.test") -> str | Unknown:
        self.clock += 1
        return self.learner.learn(read, spam, by, sender, self.clock)

    def rebuild(self) -> None:
        assert not isinstance(self.learner.rebuild(), Unknown)
        assert not isinstance(self.local.refresh(), Unknown)

    def moves(self, read: Letter) -> float:
        """How far what was learned moves the score of this letter."""
        bare = Classifier(self.classifier.weights)
        return self.classifier.judge(read).score - bare.judge(read).score


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "learned")


def invoice(number: int = 7, more: str = "") -> Letter:
    return letter(INVOICE.format(f"INV-{number}", number * 100, more), f"Invoice {number}")


def other_mail() -> Letter:
    return letter(
        "The gardeners propose to plant beech hedges along the northern boundary before frost arrives. Rabbits ate "
        "last year's seedlings, hence fencing is suggested. Shall Thursday's committee discuss quotations?"
    )


def test_what_was_reported_scores_higher_when_it_comes_again(house: House) -> None:
    house.learn(invoice(), spam=True)
    house.rebuild()
    assert house.moves(invoice()) == pytest.approx(PER_SENDER)
    assert 0.5 < house.moves(invoice(8, "Sincerely, Bertram")) < PER_SENDER + 1e-9


def test_what_was_released_scores_lower_when_it_comes_again(house: House) -> None:
    house.learn(invoice(), spam=False)
    house.rebuild()
    assert house.moves(invoice()) == pytest.approx(-PER_SENDER)


def test_the_sender_who_was_reported_is_moved_further_than_others(house: House) -> None:
    house.learn(invoice(), spam=True, sender="example.org")
    house.rebuild()
    assert house.moves(invoice()) > PER_SENDER


def test_other_mail_is_not_moved_at_all(house: House) -> None:
    house.learn(invoice(), spam=True)
    house.rebuild()
    assert house.moves(other_mail()) == 0.0


@pytest.mark.parametrize("spam", [True, False])
def test_a_thousand_reports_of_one_sender_count_as_one(house: House, spam: bool) -> None:
    """One who fills the reports with the text of an ordinary invoice does not make invoices of others spam."""
    lines = [house.learn(invoice(number), spam=spam, by=f"user{number % 9}") for number in range(1000)]
    assert not any(isinstance(line, Unknown) for line in lines)
    house.rebuild()
    assert abs(house.moves(invoice(7))) <= PER_SENDER + 1e-9
    assert len(house.local) <= 8


def test_one_reporter_with_many_senders_is_bounded(house: House) -> None:
    for number in range(60):
        house.learn(invoice(number), spam=True, by="mallory", sender=f"sender{number}.test")
    house.rebuild()
    assert house.moves(invoice(7)) == pytest.approx(PER_REPORTER)


def test_all_reports_together_are_bounded(house: House) -> None:
    for number in range(60):
        house.learn(invoice(number), spam=True, by=f"user{number}", sender=f"sender{number}.test")
    house.rebuild()
    assert house.moves(invoice(7)) == pytest.approx(MOST)


def test_a_letter_reported_as_both_moves_nothing(house: House) -> None:
    house.learn(invoice(), spam=True, by="ann")
    house.learn(invoice(), spam=False, by="ann")
    house.rebuild()
    assert house.moves(invoice()) == 0.0


def test_two_people_who_contradict_each_other_move_nothing(house: House) -> None:
    house.learn(invoice(), spam=True, by="ann")
    house.learn(invoice(), spam=False, by="bob")
    house.rebuild()
    assert house.moves(invoice()) == pytest.approx(0.0)


def test_a_lesson_can_be_taken_back(house: House) -> None:
    house.learn(invoice(), spam=True)
    house.rebuild()
    house.learner.unlearn(invoice(), "ann", 9.0)
    house.rebuild()
    assert house.moves(invoice()) == 0.0 and len(house.local) == 0


def test_a_learned_score_is_explained(house: House) -> None:
    house.learn(invoice(), spam=True)
    house.rebuild()
    reasons = house.classifier.explain(invoice())
    assert reasons[-1].name == "learned" and reasons[-1].points == pytest.approx(PER_SENDER)
    assert sum(reason.points for reason in reasons) == pytest.approx(house.classifier.judge(invoice()).score)


def test_a_letter_with_too_few_words_of_its_own_teaches_nothing(house: House) -> None:
    found = house.learn(letter("see you"), spam=True)
    assert isinstance(found, Unknown) and "too few words" in found.why


def test_readers_notice_only_what_is_new(house: House) -> None:
    assert house.local.refresh() is False
    house.learn(invoice(), spam=True)
    house.learner.rebuild()
    assert house.local.refresh() is True
    assert house.local.refresh() is False


def test_the_same_lessons_give_the_same_index(tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        there = House(tmp_path / name)
        for number in range(5):
            there.learn(invoice(number), spam=number % 2 == 0, sender=f"s{number}.test")
        there.rebuild()
        made.append((tmp_path / name / INDEX).read_bytes())
    assert made[0] == made[1]


def test_a_torn_last_line_is_left_out_and_the_next_lesson_is_whole(house: House) -> None:
    house.learn(invoice(), spam=True)
    journal = house.folder / JOURNAL
    journal.write_bytes(journal.read_bytes()[:-30])
    house.learn(other_mail(), spam=True)
    house.rebuild()
    assert len(house.local) == 1 and house.moves(other_mail()) > 0


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.sampled_from(
            [
                b'{"v":1}',
                b'{"v":1,"words":[1,2,3,4,5,99999999],"key":"","is_spam":true,"by":"","domain":"","at":0}',
                b"[" * 9999,
            ]
        ),
    )
)
def test_whatever_is_in_the_journal_lessons_can_be_made(tmp_path_factory: pytest.TempPathFactory, junk: bytes) -> None:
    there = House(tmp_path_factory.mktemp("junk"))
    (there.folder / JOURNAL).write_bytes(junk)
    there.learn(invoice(), spam=True)
    there.rebuild()
    assert len(there.local) == 1


@pytest.mark.parametrize("damage", ["cut", "bit", "other", "header"])
def test_a_damaged_index_is_told_and_the_old_one_stays(house: House, damage: str) -> None:
    house.learn(invoice(), spam=True)
    house.rebuild()
    index = house.folder / INDEX
    whole = index.read_bytes()
    index.write_bytes(
        {
            "cut": whole[:-3], "bit": whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:], "other": b"hello",
            "header": whole.replace(b"{", b"[", 1),
        }[damage]
    )  # fmt: skip
    found = house.local.refresh()
    assert isinstance(found, Unknown) and str(index) in found.why
    assert house.moves(invoice()) == pytest.approx(PER_SENDER)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    there = House(tmp_path / "file" / "below")
    assert isinstance(there.learn(invoice(), spam=True), Unknown)
    assert isinstance(there.learner.rebuild(), Unknown)


def test_no_one_sender_or_reporter_fills_the_lessons(house: House) -> None:
    many = [Lesson(str(n), True, "mallory", f"s{n}.test", float(n), (1, 2, 3, 4, 5, 6)) for n in range(5000)]
    assert len(counting_of(many)) == 1024
