"""The embedded classifier: its model file, its scores, its explanations."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockdown.mime.letter import letter_of
from lockdown.mime.reader import read_message
from lockdown.model.scan import Letter, Link, Mailbox
from lockdown.model.unknown import Unknown
from lockdown.scan.classifier import LEAST_POINTS, MOST_POINTS, Classifier, points_of
from lockdown.scan.features import features, paired, read, shape_hashes, shape_ids, shapes_of
from lockdown.scan.training import Example, auc, recall_at, train
from lockdown.scan.weights import SHIPPED, Weights, load, save
from tests.scan.written import letter, stored

GOLDENS = Path(__file__).parent / "letters"
MESSAGES = Path(__file__).parents[1] / "messages"
WANTED = [*(MESSAGES / "wanted").glob("*.eml"), *(MESSAGES / "today" / "wanted").glob("*.eml")]


@pytest.fixture(scope="module")
def shipped() -> Classifier:
    found = Classifier.load()
    assert isinstance(found, Classifier), found
    return found


# ── scores ──


@pytest.mark.parametrize("path", sorted(GOLDENS.glob("*.eml")), ids=lambda path: path.stem)
def test_a_letter_has_the_score_it_always_had(shipped: Classifier, path: Path) -> None:
    """Deterministic on every machine: a change of features or model must be meant (update the file then)."""
    expected = json.loads((GOLDENS / "scores.json").read_text())[path.stem]
    assert shipped.judge(stored(path)).score == pytest.approx(expected, abs=0.01)


def test_another_process_gives_the_same_score(shipped: Classifier) -> None:
    path = GOLDENS / "pills.eml"
    program = (
        "import sys; from pathlib import Path; from lockdown.scan.classifier import Classifier;"
        "from lockdown.mime.letter import letter_of; from lockdown.mime.reader import read_message;"
        "print(repr(Classifier.load().judge(letter_of(read_message(Path(sys.argv[1]).read_bytes()))).score))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "5"},
    )
    assert float(said.stdout) == shipped.judge(letter_of(read_message(path.read_bytes()))).score


def test_a_letter_of_unknown_words_says_next_to_nothing(shipped: Classifier) -> None:
    unknown = " ".join(f"qx{chr(97 + i % 26)}zv{chr(97 + i // 26)}jj" for i in range(400))
    assert abs(shipped.judge(letter(unknown, "qxzv wjkq")).score) < 2.0


@pytest.mark.parametrize("path", sorted(WANTED), ids=lambda path: path.stem)
def test_words_alone_leave_wanted_mail_of_today_in_peace(shipped: Classifier, path: Path) -> None:
    assert shipped.judge(stored(path)).score < 4.0


def test_words_alone_never_refuse(shipped: Classifier) -> None:
    worst = "click here free viagra guaranteed money remove unsubscribe credit mortgage " * 300
    assert 8.0 < shipped.judge(letter(worst, "FREE MONEY!!!")).score <= MOST_POINTS


def test_points_rise_with_the_logit_everywhere(shipped: Classifier) -> None:
    scales = shipped.weights.scales
    points = [points_of(logit, scales) for logit in np.linspace(-20, 20, 2001).tolist()]
    assert all(a < b for a, b in pairwise(points))
    assert points[0] >= LEAST_POINTS and points[-1] <= MOST_POINTS
    marks = (scales.start, scales.tag, scales.hold)
    assert [round(points_of(mark, scales), 9) for mark in marks] == [0.0, 5.0, 8.0]


# ── explanations ──


@pytest.mark.parametrize("path", sorted(GOLDENS.glob("*.eml")), ids=lambda path: path.stem)
def test_the_reasons_add_up_to_the_score(shipped: Classifier, path: Path) -> None:
    seen = stored(path)
    assert sum(reason.points for reason in shipped.explain(seen)) == pytest.approx(shipped.judge(seen).score)


def test_the_words_that_decided_are_named(shipped: Classifier) -> None:
    opinion = shipped.judge(stored(GOLDENS / "pills.eml"))
    assert opinion.score >= 5.0 and opinion.required == 5.0 and opinion.engine == "builtin"
    assert "viagra" in opinion.reasons[0].says


def test_what_each_word_adds_is_what_the_views_add(shipped: Classifier) -> None:
    """The slow way of explaining against the fast way of scoring, names aside."""
    seen = stored(GOLDENS / "pills.eml")._replace(senders=(), attachments=())
    words, grams, shapes = shipped.weights.parts(features(seen))
    assert float(shipped._shares(read(seen)).sum()) == pytest.approx(words + grams)
    assert sum(share for share, _ in shipped._by_shape(shapes_of(seen, read(seen).raw))) == pytest.approx(shapes)


def test_a_text_that_comes_again_from_another_has_its_own_shapes_and_names(shipped: Classifier) -> None:
    seen = stored(GOLDENS / "pills.eml")
    others = [seen, seen._replace(senders=(Mailbox("Viagra Shop", "a@b.example"),)), seen._replace(fields=frozenset())]
    others += [seen._replace(subject="Re: the minutes"), seen._replace(attachments=("offer.exe",))]
    for other in others + others:
        fresh = Classifier(shipped.weights)
        assert (shipped.judge(other), shipped.explain(other)) == (fresh.judge(other), fresh.explain(other))
    assert len({shipped.judge(other).score for other in others}) == len(others)


def test_an_ordinary_letter_is_not_explained(shipped: Classifier) -> None:
    assert shipped.judge(stored(GOLDENS / "thread.eml")).reasons == ()


# ── features ──

_TEXT = st.text(max_size=300)


def _strange(text: str, subject: str, name: str, address: str, links: list[str], names: list[str]) -> Letter:
    return letter(
        text, subject, senders=(Mailbox(name, address),), links=tuple(Link(url, url[:20]) for url in links),
        attachments=tuple(names), date=name, message_id=address, charsets=(subject,),
    )  # fmt: skip


_LETTERS = st.builds(_strange, _TEXT, _TEXT, _TEXT, _TEXT, st.lists(_TEXT, max_size=4), st.lists(_TEXT, max_size=3))


@settings(max_examples=150, deadline=None)
@given(_LETTERS)
def test_any_letter_has_a_finite_score_that_its_reasons_explain(shipped: Classifier, seen: Letter) -> None:
    score = shipped.judge(seen).score
    assert math.isfinite(score) and LEAST_POINTS <= score <= MOST_POINTS
    assert sum(reason.points for reason in shipped.explain(seen)) == pytest.approx(score, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="ab1é$ .\n", max_size=120), st.text(alphabet="xyz ", max_size=30))
def test_the_words_found_are_those_that_a_plain_reader_finds(text: str, subject: str) -> None:
    taken = read(letter(text, subject))
    found = [taken.running[b:e] for b, e in zip(taken.words.begins, taken.words.ends, strict=True)]
    plain = re.sub(r"[0-9]", "0", f"{subject} {text}".lower()).encode()
    assert found == re.findall(rb"[a-z0'$%\x80-\xff]+", plain)
    same = dict(zip(found, taken.words.hashes.tolist(), strict=True))
    assert [same[word] for word in found] == taken.words.hashes.tolist() and len(set(same.values())) == len(same)


def test_a_feature_counts_once_however_often_it_stands_there() -> None:
    once, often = features(letter("remove me")), features(letter("remove me " * 50))
    assert set(once.words) == set(often.words) and len(set(often.grams)) == often.grams.size


def test_two_shapes_together_are_a_feature_of_their_own() -> None:
    one, other, both = (set(shape_ids(shapes).tolist()) for shapes in (["a"], ["b"], ["b", "a", "a"]))
    assert len(one) == len(other) == 1 and one | other < both and len(both) == 3


def test_pairs_are_known_by_their_halves() -> None:
    one, other = paired(3)
    assert list(zip(one.tolist(), other.tolist(), strict=True)) == [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    assert paired(0)[0].size == 0


def test_a_letter_of_countless_shapes_is_read_to_their_bound() -> None:
    assert shape_hashes(str(each) for each in range(5000)).size == 160


def test_a_huge_letter_is_read_to_its_bound() -> None:
    taken = features(letter("é" * 5_000_000, "s" * 100_000, attachments=("n" * 1000,) * 200))
    assert taken.grams.size < 20_000


def test_addresses_hosts_and_dates_are_no_features() -> None:
    one = letter("hello there", links=(Link("http://a.test/x", "a.test"),))
    other = one._replace(
        links=(Link("http://b.test/y", "b.test"),), senders=(Mailbox("Ann", "ann@other.test"),),
        message_id="<1@other.test>", date="Tue, 03 Nov 2027 09:14:03 +0000",
    )  # fmt: skip
    for view, another in zip(features(one), features(other), strict=True):
        assert view.tolist() == another.tolist()


# ── the model file ──


def test_the_shipped_model_is_small_and_says_where_it_comes_from(shipped: Classifier) -> None:
    assert SHIPPED.stat().st_size <= 1_500_000
    assert len(shipped.weights.trained_on) == 64 and shipped.weights.figures["spam"] > 500


def _damaged(content: bytes) -> dict[str, bytes]:
    header_end = content.index(b"\n", 30)
    return {
        "empty": b"",
        "another-file": b"PK\x03\x04" + content[4:],
        "a-newer-form": content.replace(b"classifier 1", b"classifier 2", 1),
        "newer-features": content.replace(b'"features": ', b'"features": 9', 1),
        "cut-off": content[:-1],
        "cut-in-header": content[:100],
        "one-bit": content[:-500] + bytes([content[-500] ^ 1]) + content[-499:],
        "no-header": content[:22] + b"\n" + content[header_end:],
        "header-not-a-table": content[:22] + b"[1]" + content[header_end:],
        "deep-header": content[:22] + b"[" * 60_000 + content[header_end:],
        "scales-are-not-numbers": re.sub(rb'"words": [-0-9.e]+', b'"words": NaN', content),
    }


@pytest.mark.parametrize("damage", _damaged(b"x" * 600 + b"\n"))
def test_a_damaged_model_is_told(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "mail.model"
    path.write_bytes(_damaged(SHIPPED.read_bytes())[damage])
    found = Classifier.load(path)
    assert isinstance(found, Unknown) and str(path) in found.why


def test_an_absent_model_is_told(tmp_path: Path) -> None:
    found = Classifier.load(tmp_path / "none.model")
    assert isinstance(found, Unknown) and "No such file" in found.why


# ── training ──


def _examples() -> list[Example]:
    texts = {True: "win free money now click", False: "the meeting about the report is moved to"}
    return [
        Example(
            letter(f"{texts[spam]} {'again ' * (n % 3)}{n % 7}", "offer" if spam else "plan"), spam, n % 10 == 0, str(n)
        )
        for spam in (True, False)
        for n in range(30)
    ]


@pytest.fixture(scope="module")
def small() -> Weights:
    return train(_examples())


def test_the_same_examples_give_the_same_file(tmp_path: Path, small: Weights) -> None:
    for name, weights in (("one", small), ("two", train(_examples()))):
        save(weights, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_saved_model_judges_as_it_did(tmp_path: Path, small: Weights) -> None:
    save(small, tmp_path / "m")
    again = load(tmp_path / "m")
    assert isinstance(again, Weights)
    seen = letter("free money and a meeting")
    assert Classifier(again).judge(seen) == Classifier(small).judge(seen)


def test_what_it_was_shown_it_tells_apart(small: Weights) -> None:
    classifier = Classifier(small)
    assert (
        classifier.judge(letter("click now to win money")).score > classifier.judge(letter("the report is moved")).score
    )


def test_too_few_examples_make_no_model() -> None:
    with pytest.raises(ValueError, match="not enough examples"):
        train(_examples()[:35])


def test_figures_are_those_of_the_textbook() -> None:
    said, spam = np.array([0.9, 0.8, 0.8, 0.1]), np.array([True, False, True, False])
    assert auc(said, spam) == pytest.approx((1 + 1 + 0.5 + 1) / 4)
    assert recall_at(said, spam, 0.0) == 0.5
