"""How right predictions are: of classifiers, of regressions, of anomaly detectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]
Numbers = NDArray[np.int64]


def ranked(scores: Reals, top: int) -> Numbers:
    """The ``top`` classes of each sample of ``scores`` [samples, classes], best first; of equals the first."""
    order: Numbers = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    return order


def predictions(scores: Reals) -> Numbers:
    """The class of each sample of ``scores`` [samples, classes]; a single column is the probability of class 1."""
    if scores.shape[1] == 1:
        return (scores[:, 0] > 0.5).astype(np.int64)
    best: Numbers = scores.argmax(axis=1).astype(np.int64)
    return best


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """Of one class: ``support`` samples have it, ``predicted`` were taken for it.

    ``precision``: how many of those predicted have it; ``recall``: how many of those that have it were predicted. 0
    where there are none.
    """

    support: int
    predicted: int
    precision: float
    recall: float


def confusion(labels: Numbers, predicted: Numbers, classes: int) -> Numbers:
    """[classes, classes]: how many samples of the row's class were taken for the column's."""
    counts = np.bincount(labels * classes + predicted, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)


def per_class(matrix: Numbers) -> tuple[ClassFigures, ...]:
    """The figures of each class of a confusion matrix."""
    right, support, predicted = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    return tuple(
        ClassFigures(int(s), int(p), float(r / p) if p else 0.0, float(r / s) if s else 0.0)
        for r, s, p in zip(right, support, predicted, strict=True)
    )


def area_under_curve(labels: Numbers, scores: Reals) -> float:
    """The area under the ROC curve: how likely a sample of label 1 has a higher score than one of label 0, a tie being
    half a win (Hanley and McNeil, 1982). Both labels must occur.
    """
    _, group, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = ((ends - counts + 1 + ends) / 2)[group.reshape(-1)]
    positive = labels == 1
    above = int(positive.sum())
    below = len(labels) - above
    return float((ranks[positive].sum() - above * (above + 1) / 2) / (above * below))


def mean_squared(found: Reals, wanted: Reals) -> Reals:
    """Of each sample ([samples, …]) the mean of the squared differences."""
    result: Reals = ((found - wanted) ** 2).reshape(len(found), -1).mean(axis=1)
    return result


def mean_absolute(found: Reals, wanted: Reals) -> Reals:
    """Of each sample ([samples, …]) the mean of the differences' magnitudes."""
    result: Reals = np.abs(found - wanted).reshape(len(found), -1).mean(axis=1)
    return result
