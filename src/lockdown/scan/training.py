"""Train the classifier: letters and what they are, in; a model, out. The same letters give the same model, bit for bit.

One linear model for each view (a support vector machine with squared hinge loss, by dual coordinate descent: Hsieh and
others, ICML 2008), then a logistic regression over the three, fitted on what each says of letters it was not trained
on. Newsletters that were wanted ("hard ham") count more: few of them are at hand, and they are what filters lose.

Fails as: ValueError where there are not enough letters of both kinds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from lockdown.model.scan import Letter
from lockdown.scan.features import GRAM_BITS, SHAPE_BITS, WORD_BITS, Features, Ids, features, length_of
from lockdown.scan.weights import Scales, Weights

Floats: TypeAlias = npt.NDArray[np.float64]

_FOLDS = 5
_FEWEST = 10
"""Of each kind."""
_COMMON = 0.05
"""Words that more than this share of letters have are common."""


class Example(NamedTuple):
    """One letter of known kind."""

    letter: Letter
    is_spam: bool
    is_hard: bool
    """Wanted, but looks like spam: a newsletter, an offer that was asked for."""
    sha256: str


class View(NamedTuple):
    """How one view is trained."""

    name: str
    bits: int
    softness: float
    """The price of an error (C): more follows the examples more closely."""
    hard: float
    """How much more a hard example counts."""
    epochs: int


VIEWS = (
    View("words", WORD_BITS, 30.0, 3.0, 25),
    View("grams", GRAM_BITS, 30.0, 3.0, 25),
    View("shapes", SHAPE_BITS, 1.5, 8.0, 20),
)


class Data(NamedTuple):
    """Examples as arrays."""

    features: list[Features]
    spam: npt.NDArray[np.bool_]
    hard: npt.NDArray[np.bool_]


def data_of(examples: Sequence[Example]) -> Data:
    """Read the letters once."""
    return Data(
        [features(example.letter) for example in examples],
        np.array([example.is_spam for example in examples], dtype=np.bool_),
        np.array([example.is_hard for example in examples], dtype=np.bool_),
    )


# ── one view ──


def fit(ids: Sequence[Ids], spam: npt.NDArray[np.bool_], price: Floats, view: View) -> Floats:
    """The weights of one view. Examples are binary and of length one, or a little less.

    Without a bias: what is unknown shall say nothing, and a corpus has its own idea of how common spam is.
    """
    weights = np.zeros(1 << view.bits)
    lengths = [1.0 / length_of(view.name, len(row)) for row in ids]
    squares = [len(row) * length * length for row, length in zip(ids, lengths, strict=True)]
    signs = np.where(spam, 1.0, -1.0).tolist()
    held = [0.0] * len(ids)
    ridge = (0.5 / price).tolist()
    shuffled = np.random.Generator(np.random.PCG64(7))
    for _ in range(view.epochs):
        for at in shuffled.permutation(len(ids)).tolist():
            row, length, sign = ids[at], lengths[at], signs[at]
            lack = 1.0 - sign * float(weights[row].sum()) * length - held[at] * ridge[at]
            grown = max(held[at] + lack / (squares[at] + ridge[at]), 0.0)
            step, held[at] = (grown - held[at]) * sign, grown
            if step:
                weights[row] += step * length
    return weights


def says(ids: Sequence[Ids], weights: Floats, view: View) -> Floats:
    """What a view says of letters."""
    return np.array([float(weights[row].sum()) / length_of(view.name, len(row)) for row in ids])


def _view_of(data: Data, view: View) -> list[Ids]:
    return [getattr(taken, view.name) for taken in data.features]


def _prices(data: Data, view: View) -> Floats:
    return view.softness * np.where(data.hard, view.hard, 1.0)


def folds_of(data: Data, count: int = _FOLDS) -> npt.NDArray[np.intp]:
    """Which fold each example is in: every kind is spread evenly."""
    folds = np.zeros(len(data.features), dtype=np.intp)
    for kind in (data.spam, data.hard, ~data.spam & ~data.hard):
        members = np.flatnonzero(kind)
        order = np.random.Generator(np.random.PCG64(11)).permutation(members.size)
        folds[members[order]] = np.arange(members.size) % count
    return folds


def _out_of_fold(data: Data, view: View, folds: npt.NDArray[np.intp]) -> Floats:
    rows, prices = _view_of(data, view), _prices(data, view)
    said = np.zeros(len(rows))
    for fold in range(int(folds.max()) + 1):
        inner, outer = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        learned = fit([rows[at] for at in inner], data.spam[inner], prices[inner], view)
        said[outer] = says([rows[at] for at in outer], learned, view)
    return said


# ── all views ──


def logistic(columns: Floats, spam: npt.NDArray[np.bool_], ridge: float = 10.0, rounds: int = 30) -> Floats:
    """Logistic regression by Newton's method; the last coefficient is the bias, which is not shrunk."""
    inputs = np.column_stack((columns, np.ones(len(columns))))
    shrink = np.diag([ridge] * columns.shape[1] + [1e-9])
    found = np.zeros(inputs.shape[1])
    for _ in range(rounds):
        chance = 1.0 / (1.0 + np.exp(-np.clip(inputs @ found, -30, 30)))
        slope = inputs.T @ (chance - spam) + shrink @ found
        curve = (inputs * (chance * (1.0 - chance))[:, None]).T @ inputs + shrink
        found -= np.linalg.solve(curve, slope)
    return found


def train(examples: Sequence[Example], views: Sequence[View] = VIEWS) -> Weights:
    """A model of these examples, its marks set by cross-validation within them."""
    return train_data(data_of(examples), trained_on(examples), views)


def train_data(data: Data, source: str, views: Sequence[View] = VIEWS) -> Weights:
    """The same, for letters already read."""
    if min(int(data.spam.sum()), int((~data.spam).sum())) < _FEWEST:
        raise ValueError(f"not enough examples: at least {_FEWEST} of each kind")
    folds = folds_of(data)
    apart = np.column_stack([_out_of_fold(data, view, folds) for view in views])
    spread = apart.std(axis=0) + 1e-9
    joined = logistic(apart / spread, data.spam)
    logits = (apart / spread) @ joined[:-1] + joined[-1]
    return _assembled(data, views, joined[:-1] / spread, float(joined[-1]), logits, source)


def _assembled(data: Data, views: Sequence[View], shares: Floats, start: float, logits: Floats, source: str) -> Weights:
    tables, scales = {}, {}
    for view, share in zip(views, shares.tolist(), strict=True):
        tables[view.name], step = _rounded(fit(_view_of(data, view), data.spam, _prices(data, view), view))
        scales[view.name] = share * step
    tag, hold = marks(logits, data)
    return Weights(
        **tables, common=_common(data), scales=Scales(**scales, start=start, tag=tag, hold=hold),
        trained_on=source, figures=figures(logits, data.spam),
    )  # fmt: skip


def _rounded(weights: Floats) -> tuple[npt.NDArray[np.int8], float]:
    """Weights in one octet each. The few that are larger than all others by far are cut off."""
    known = np.abs(weights[weights != 0])
    step = float(np.quantile(known, 0.9999)) / 127 if known.size else 1.0
    return np.clip(np.rint(weights / step), -127, 127).astype(np.int8), step


def _common(data: Data) -> npt.NDArray[np.uint8]:
    often = np.zeros(1 << WORD_BITS, dtype=np.int64)
    for taken in data.features:
        often[taken.words] += 1
    return (often > _COMMON * len(data.features)).astype(np.uint8)


# ── marks and figures ──

_TAG_EASY, _TAG_HARD = 0.002, 0.004
"""Shares of wanted mail that the classifier alone may lift over the mark of 5 points."""
_HOLD_EASY, _HOLD_HARD = 0.0005, 0.0
_LEAST_TAG = 2.5
"""Where no hard ham is at hand, the marks would come out far too low."""


def marks(logits: Floats, data: Data) -> tuple[float, float]:
    """The logits of 5 and of 8 points, from what was said of letters not trained on."""
    easy, hard = logits[~data.spam & ~data.hard], logits[~data.spam & data.hard]
    tag = max(_above(easy, _TAG_EASY), _above(hard, _TAG_HARD), _LEAST_TAG)
    return tag, max(_above(easy, _HOLD_EASY), _above(hard, _HOLD_HARD), tag + 1.0)


def _above(logits: Floats, share: float) -> float:
    """The least mark that no more than this share of letters passes."""
    if not logits.size:
        return 0.0
    return float(np.sort(logits)[::-1][min(logits.size - 1, int(share * logits.size))]) + 1e-6


def auc(said: Floats, spam: npt.NDArray[np.bool_]) -> float:
    """The chance that a spam is held for more of a spam than a ham; ties count half."""
    _, place, often = np.unique(said, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(often) - (often - 1) / 2)[place]
    yes, no = int(spam.sum()), int((~spam).sum())
    return float((ranks[spam].sum() - yes * (yes + 1) / 2) / max(1, yes * no))


def recall_at(said: Floats, spam: npt.NDArray[np.bool_], share: float) -> float:
    """The share of spam above the mark that at most `share` of ham passes."""
    return float((said[spam] >= _above(said[~spam], share)).mean())


def figures(said: Floats, spam: npt.NDArray[np.bool_]) -> dict[str, float | int]:
    """What a header tells of a model."""
    return {
        "spam": int(spam.sum()), "ham": int((~spam).sum()), "auc": round(auc(said, spam), 5),
        "recall_at_0.1%": round(recall_at(said, spam, 0.001), 4),
        "recall_at_0.5%": round(recall_at(said, spam, 0.005), 4),
    }  # fmt: skip


def trained_on(examples: Sequence[Example]) -> str:
    """One sum for the list of messages, whatever its order."""
    return hashlib.sha256("\n".join(sorted(example.sha256 for example in examples)).encode()).hexdigest()
