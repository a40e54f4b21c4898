"""How well spam is told from wanted mail: Lockdown and its peers, trained and tested on the same messages in one run.

Two splits of the SpamAssassin corpus. *hash*: by the sum of the body, so that campaigns are known from the training.
*batch*: trained on the first batches, tested on those of later months and on newsletters that no one has shown it:
nearer to life. Content alone: no network tests, no client address. Recall at 0.1 % is taken at the best mark on the
test part itself, for every engine alike; the shares at default marks are what each does as it is shipped.

Fails as: `Unmeasurable` where the corpus is not here; a peer that does not start is named and left out.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.figures import Figure, NotMeasured, Sign, Target, Unmeasurable
from benchmarks.peers import filters
from benchmarks.session import Measured, Setup
from benchmarks.training import CASES, CorpusMessage, corpus, example_of
from benchmarks.unknown_sender import examined
from lockdown.checklist.antispam.gate import score
from lockdown.config import Settings
from lockdown.model.scan import Reading
from lockdown.scan.classifier import Classifier
from lockdown.scan.training import auc, recall_at, train

_FIRST = ("easy-ham-1", "spam-1")
_SLOW = ("spamassassin", "rspamd")
_QUICK_ROUNDS = 2
_AS_SHIPPED = Settings()

Scores = npt.NDArray[np.float64]


class Split(NamedTuple):
    """What is learned from, and what is judged."""

    name: str
    training: list[CorpusMessage]
    test: list[CorpusMessage]


class Result(NamedTuple):
    """What one engine said of a test part."""

    engine: str
    scores: Scores
    mark: float
    """From which score on it takes a message for spam, as shipped."""
    seconds: float
    how: str


def splits(messages: Sequence[CorpusMessage]) -> list[Split]:
    """Both ways to part the corpus."""
    return [
        Split("hash", [each for each in messages if not each.half], [each for each in messages if each.half]),
        Split(
            "batch",
            [each for each in messages if each.batch in _FIRST],
            [each for each in messages if each.batch not in _FIRST],
        ),
    ]


def measure(setup: Setup) -> Measured:
    """Everything, split by split."""
    folder = Path(os.environ.get("LOCKDOWN_CASES", CASES))
    messages = list(corpus(folder))
    if not messages:
        raise Unmeasurable(f"the corpus is not in {folder} (LOCKDOWN_CASES names the folder)")
    for split in splits(messages):
        yield from _measured(split, setup)


def _measured(split: Split, setup: Setup) -> Measured:
    engines: list[tuple[str, Callable[[], Iterator[Result]]]] = [("lockdown", lambda: lockdown(split))]
    for peer in filters.PEERS:
        if setup.rounds > _QUICK_ROUNDS or peer.name not in _SLOW:
            engines.append((peer.name, lambda peer=peer: _of_peer(peer, split, setup)))  # type: ignore[misc]
        else:
            yield NotMeasured(f"accuracy, {split.name}", peer.name, "slow: left out when quick")
    for name, run in engines:
        try:
            for result in run():
                yield from _figures(split, result)
        except Unmeasurable as reason:
            yield NotMeasured(f"accuracy, {split.name}", name, str(reason))


def _of_peer(peer: filters.Peer, split: Split, setup: Setup) -> Iterator[Result]:
    with peer.start(setup.place(f"accuracy-{split.name}-{peer.name}")) as filter_:
        filter_.learn([message for message in split.training if message.is_spam], is_spam=True)
        filter_.learn([message for message in split.training if not message.is_spam], is_spam=False)
        began = time.perf_counter()
        scores = np.array(filter_.scores(split.test))
        yield Result(peer.name, scores, peer.mark, time.perf_counter() - began, peer.how)


# ── ourselves ──


def lockdown(split: Split) -> Iterator[Result]:
    """The classifier alone, and the builtin engine whole: with the signals that need no network."""
    classifier = Classifier(train([example_of(message) for message in split.training]))
    letters = [example_of(message).letter for message in split.test]
    began = time.perf_counter()
    scores = np.array([classifier.judge(letter).score for letter in letters])
    seconds = time.perf_counter() - began
    yield Result("lockdown, classifier", scores, 5.0, seconds, "letters read before; reasons included; one core")
    began = time.perf_counter()
    whole = np.array([_builtin(classifier, message) for message in split.test])
    how = "read, classified, signals without DNS; one core"
    yield Result("lockdown, builtin", whole, 5.0, time.perf_counter() - began, how)


def _builtin(classifier: Classifier, message: CorpusMessage) -> float:
    seen = examined(message.content)
    assert isinstance(seen.reading, Reading)
    return score(seen._replace(opinions=(classifier.judge(seen.reading.letter),)), _AS_SHIPPED).points


# ── figures ──

_TARGETS = {
    ("hash", "AUC"): Target(Sign.AT_LEAST, 0.9995),
    ("hash", "recall at 0.1 %"): Target(Sign.AT_LEAST, 0.95),
    ("batch", "AUC"): Target(Sign.AT_LEAST, 0.98),
}


def _figures(split: Split, result: Result) -> Iterator[Figure]:
    spam = np.array([message.is_spam for message in split.test])
    hard = np.array([message.is_hard for message in split.test])
    flagged = result.scores >= result.mark
    values = {
        "AUC": auc(result.scores, spam),
        # The table shows three digits, and all that matters in an area is what it lacks.
        "1 - AUC": 1.0 - auc(result.scores, spam),
        "recall at 0.1 %": recall_at(result.scores, spam, 0.001),
        "recall at 0.5 %": recall_at(result.scores, spam, 0.005),
        "recall as shipped": float(flagged[spam].mean()),
        "wanted lost as shipped": float(flagged[~spam].mean()),
        "easy ham lost as shipped": float(flagged[~spam & ~hard].mean()),
        "hard ham lost as shipped": float(flagged[hard].mean()) if hard.any() else 0.0,
        "messages a second": len(split.test) / result.seconds,
    }
    ours = result.engine == "lockdown, builtin"
    for name, value in values.items():
        target = _TARGETS.get((split.name, name)) if ours else None
        how = f"{len(split.training)} trained, {len(split.test)} tested; {result.how}"
        yield Figure(f"accuracy, {split.name}", f"{result.engine}: {name}", value, "", how, target)
