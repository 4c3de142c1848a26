"""What a data set says of a model's outputs: figures of each path, and where paths predict differently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from microgen import metrics
from microgen.data.datasets import Dataset
from microgen.errors import InputError, UsageError
from microgen.metrics import ClassFigures, Numbers, Reals
from microgen.mindir import Array, Graph, Value

ACCURACY, AUC, MSE, MAE = "accuracy", "auc", "mse", "mae"
METRICS = (ACCURACY, AUC, MSE, MAE)

_MAX_DIFFERING = 1000


@dataclass(frozen=True, slots=True)
class PathFigures:
    """One path's results.

    ``value`` is the metric's (higher is better for accuracy and auc, lower for mse and mae); ``top`` the share of
    samples whose label is among the K best, ``classes`` and ``confusion`` the figures of a classifier (else None and
    empty). ``predictions`` are classes, or the errors of samples. ``same_bytes``: how many samples have exactly the
    first path's output.
    """

    path: str
    value: float
    top: float | None
    classes: tuple[ClassFigures, ...]
    confusion: Numbers | None
    predictions: Array
    same_bytes: int


@dataclass(frozen=True, slots=True)
class Differing:
    """A sample for which paths predict different classes."""

    number: int
    name: str
    label: int | None
    predictions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came out. ``agreement`` counts, for each pair of paths, samples for which both predict the same class (for
    errors: have the same output); ``differing`` names the first thousand of those where not all do.
    """

    metric: str
    samples: int
    top: int
    classes: tuple[str, ...]
    paths: tuple[PathFigures, ...]
    agreement: Mapping[tuple[str, str], int] = field(default_factory=dict)
    differing: tuple[Differing, ...] = ()
    differing_count: int = 0

    def as_json(self) -> dict[str, Any]:
        """The stable keys of ``--json``."""
        return {
            "samples": self.samples,
            "metric": self.metric,
            "top_k": self.top,
            "classes": list(self.classes),
            "paths": [self._path_json(p) for p in self.paths],
            "agreement": [{"paths": list(pair), "same": same} for pair, same in self.agreement.items()],
            "differing_count": self.differing_count,
            "differing": [
                {"sample": d.number, "name": d.name, "label": d.label, "predictions": dict(d.predictions)}
                for d in self.differing
            ],
        }

    def _path_json(self, p: PathFigures) -> dict[str, Any]:
        content: dict[str, Any] = {"path": p.path, self.metric: p.value, "same_bytes_as_first": p.same_bytes}
        if p.confusion is not None:
            content["top_k_accuracy"] = p.top
            content["per_class"] = [
                {"class": name, "support": c.support, "predicted": c.predicted, "precision": c.precision,
                 "recall": c.recall}
                for name, c in zip(self.classes, p.classes, strict=True)
            ]  # fmt: skip
            content["confusion"] = p.confusion.tolist()
        return content


def choose_metric(asked: str | None, graph: Graph, value: Value, dataset: Dataset) -> str:
    """What was asked for, else what labels and output suggest; UsageError for what does not exist."""
    if asked is not None:
        if asked not in METRICS:
            raise UsageError(f"unknown metric {asked!r}", where="--metric", hint=f"Known are {', '.join(METRICS)}")
        return asked
    rebuilds = len(graph.inputs) == 1 and graph.inputs[0].shape == value.shape and value.type.elements > 1
    labels = dataset.labels.numbers
    if labels is None:
        return MSE
    return AUC if rebuilds and labels.max(initial=0) <= 1 else ACCURACY


def _real(array: Array, value: Value) -> Reals:
    """``array`` of the type of ``value`` in real numbers."""
    quant = value.type.quant
    if quant is None or array.dtype.kind == "f":
        return array.astype(np.float64)
    return (array.astype(np.float64) - quant.zero_point) * quant.scale


class Judge:
    """Compares outputs with what a data set says of its samples."""

    def __init__(self, graph: Graph, value: Value, dataset: Dataset, metric: str | None, top: int) -> None:
        """Errors and defaults as ``microgen.evaluate.evaluate``."""
        self.graph, self.value, self.dataset = graph, value, dataset
        self.metric = metric = choose_metric(metric, graph, value, dataset)
        self.labels: Numbers | None = None
        self.targets: Reals | None = None
        self.count = max(2, value.type.elements)
        self.top = max(1, min(top, self.count))
        self.classes: tuple[str, ...] = ()
        if metric in (ACCURACY, AUC):
            self.labels = self._labels()
        if metric == ACCURACY:
            self._take_classes()
        elif metric in (MSE, MAE) and dataset.labels.y is not None:
            self.targets = self._targets(dataset.labels.y)
        elif len(graph.inputs) != 1 or graph.inputs[0].type.elements != value.type.elements:
            what = f"the output has {value.type.elements} values, the input does not: nothing to compare with"
            raise InputError(what, where=dataset.where, hint="Give targets as y, or labels")

    def _labels(self) -> Numbers:
        labels = self.dataset.labels.numbers
        if labels is None:
            has = "has no labels" if self.dataset.labels.y is None else "has targets that are no classes"
            hint = "Give --labels FILE, or --metric mse for real targets"
            raise InputError(has, where=self.dataset.where, hint=hint)
        if self.metric == AUC and sorted(np.unique(labels)) != [0, 1]:
            what = f"has labels {np.unique(labels).tolist()[:5]}, auc needs samples of 0 (normal) and of 1"
            raise InputError(what, where=self.dataset.where)
        return labels

    def _take_classes(self) -> None:
        assert self.labels is not None
        if len(names := self.dataset.classes) > self.count:
            what = f"has {len(names)} classes, the model's output has {self.count}"
            raise InputError(what, where=self.dataset.where, hint="Name the model's own, in order, with --classes FILE")
        if (largest := int(self.labels.max(initial=0))) >= self.count:
            what = f"has label {largest}, the model's output has classes 0 to {self.count - 1}"
            raise InputError(what, where=self.dataset.where)
        numbered = (str(i) for i in range(len(names), self.count))
        self.classes = (*names, *numbered)

    def _targets(self, y: Array) -> Reals:
        if y.size != len(self.dataset) * self.value.type.elements:
            what = f"has targets {list(y.shape)}, the output is {[len(self.dataset), *self.value.shape]}"
            raise InputError(what, where=self.dataset.where)
        return y.reshape(len(self.dataset), -1).astype(np.float64)

    def errors(self, inputs: Sequence[Array], found: Array, start: int) -> list[Reals]:
        """Of some samples, which begin at ``start``, the error of each; nothing for a classifier."""
        if self.metric == ACCURACY:
            return []
        real = _real(found, self.value).reshape(len(found), -1)
        if self.targets is not None:
            wanted = self.targets[start : start + len(found)]
        else:
            wanted = _real(inputs[0], self.graph.inputs[0]).reshape(len(found), -1)
        return [(metrics.mean_absolute if self.metric == MAE else metrics.mean_squared)(real, wanted)]

    def figures(self, path: str, outputs: Array, errors: Reals | None, same: int) -> PathFigures:
        """One path's."""
        if errors is not None:
            labels = self.labels
            value = metrics.area_under_curve(labels, errors) if labels is not None else float(errors.mean())
            return PathFigures(path, value, None, (), None, errors, same)
        assert self.labels is not None
        scores = _real(outputs, self.value).reshape(len(outputs), -1)
        if np.isnan(scores).any():
            raise InputError(f"{path} gives NaN for some samples", where=self.dataset.where)
        predicted = metrics.predictions(scores)
        hits = predicted == self.labels
        if scores.shape[1] > 1:
            among = (metrics.ranked(scores, self.top) == self.labels[:, None]).any(axis=1)
        else:
            among = hits if self.top == 1 else np.ones_like(hits)
        matrix = metrics.confusion(self.labels, predicted, self.count)
        accuracy = float(hits.mean())
        return PathFigures(path, accuracy, float(among.mean()), metrics.per_class(matrix), matrix, predicted, same)

    def evaluation(self, figures: tuple[PathFigures, ...]) -> Evaluation:
        """All paths'."""
        pairs = [(a, b) for i, a in enumerate(figures) for b in figures[i + 1 :]]
        agreement = {(a.path, b.path): int((a.predictions == b.predictions).sum()) for a, b in pairs}
        where = np.zeros(len(self.dataset), np.bool_)
        for f in figures[1:]:
            where |= f.predictions != figures[0].predictions
        differing = np.flatnonzero(where) if self.metric == ACCURACY else np.array([], np.int64)
        return Evaluation(
            self.metric,
            len(self.dataset),
            self.top,
            self.classes,
            figures,
            agreement,
            tuple(self._differing(int(i), figures) for i in differing[:_MAX_DIFFERING]),
            len(differing),
        )

    def _differing(self, row: int, figures: Sequence[PathFigures]) -> Differing:
        number = int(self.dataset.chosen[row])
        label = None if self.labels is None else int(self.labels[row])
        predicted = {f.path: int(f.predictions[row]) for f in figures}
        return Differing(number, self.dataset.name_of(number), label, predicted)
