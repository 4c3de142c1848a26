"""What calibration samples show of every activation: extremes in a first pass, histograms in a second."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgen.errors import InputError, one_line
from microgen.mindir import Array, DType, Graph, Value
from microgen.quantize.data import Samples
from microgen.quantize.ranges import BINS, Observed
from microgen.runtime import Session
from microgen.runtime.session import initial_states

#: Told what is being done, how much of it is done and how much there is.
Progress = Callable[[str, int, int], None]

# What all activations of the samples that run at once may take.
_BATCH_BYTES = 1 << 27
_LARGEST_BATCH = 16


def silent(what: str, done: int, total: int) -> None:
    """The progress report that says nothing."""


def batches(graph: Graph, samples: Samples, copies: int = 1) -> Iterator[tuple[int, tuple[Array, ...]]]:
    """(number of the first sample, arrays) in pieces whose activations fit into memory, held ``copies`` times."""
    per_sample = copies * sum(v.type.nbytes for v in graph.values() if not v.is_const)
    size = max(1, min(_LARGEST_BATCH, _BATCH_BYTES // max(per_sample, 1)))
    for start in range(0, len(samples), size):
        yield start, tuple(a[start : start + size] for a in samples.arrays)


def observe(
    graph: Graph,
    samples: Samples,
    wanted: Sequence[Value],
    config_momentum: float,
    *,
    histograms: bool,
    progress: Progress = silent,
) -> dict[Value, Observed]:
    """The observations of the float values ``wanted`` of ``graph`` over all samples.

    Results do not depend on how samples are batched. Raises InputError where the network computes something that is
    not finite, naming the layer and the sample.
    """
    seen: dict[Value, Observed] = {}
    session, total = Session(graph), len(samples)
    kept = initial_states(graph)
    for start, arrays in batches(graph, samples):
        values = session.run_all(arrays, wanted, kept)
        for value in wanted:
            seen[value] = _extremes(seen.get(value), values[value], config_momentum, value, start)
        progress("Observing ranges", start + len(arrays[0]), total)
    if not histograms:
        return seen
    counts = {value: np.zeros(BINS, np.float64) for value in wanted}
    zeros = dict.fromkeys(wanted, 0)
    kept = initial_states(graph)
    for start, arrays in batches(graph, samples):
        values = session.run_all(arrays, wanted, kept)
        for value in wanted:
            flat: NDArray[Any] = values[value].reshape(-1)
            present = flat[flat != 0]
            zeros[value] += len(flat) - len(present)
            if seen[value].high > seen[value].low:
                counts[value] += np.histogram(present, BINS, (seen[value].low, seen[value].high))[0]
        progress("Counting values", start + len(arrays[0]), total)
    return {v: dataclasses.replace(seen[v], counts=counts[v], zeros=zeros[v]) for v in wanted}


def channel_peaks(graph: Graph, samples: Samples, wanted: Sequence[Value]) -> dict[Value, NDArray[np.float64]]:
    """The largest magnitude of every channel (last axis) of the float values ``wanted``."""
    peaks = {value: np.zeros(value.shape[-1]) for value in wanted}
    session = Session(graph)
    kept = initial_states(graph)
    for _, arrays in batches(graph, samples):
        for value, array in session.run_all(arrays, wanted, kept).items():
            rows: NDArray[Any] = array.reshape(-1, value.shape[-1])
            peaks[value] = np.maximum(peaks[value], np.abs(rows).max(axis=0))
    return peaks


def _extremes(before: Observed | None, array: Array, momentum: float, value: Value, start: int) -> Observed:
    rows: NDArray[Any] = array.reshape(len(array), -1)
    lows, highs = rows.min(axis=1), rows.max(axis=1)
    bad = ~(np.isfinite(lows) & np.isfinite(highs))
    if bad.any():
        number = start + int(np.argmax(bad))
        raise InputError(
            f"sample {number} makes this layer compute values that are not finite",
            where=one_line(value.name),
            hint="Check the samples' range against what the model was trained with",
        )
    average = before.average if before is not None else (float(lows[0]), float(highs[0]))
    for low, high in zip(lows, highs, strict=True):
        average = (
            momentum * average[0] + (1.0 - momentum) * float(low),
            momentum * average[1] + (1.0 - momentum) * float(high),
        )
    low, high = float(lows.min()), float(highs.max())
    if before is not None:
        low, high = min(low, before.low), max(high, before.high)
    return Observed(low, high, average)


def float_values(graph: Graph) -> list[Value]:
    """The activations of ``graph`` that are float32."""
    return [v for v in graph.values() if not v.is_const and v.type.dtype is DType.FLOAT32]


def constant_layers(graph: Graph, seen: Mapping[Value, Observed]) -> list[str]:
    """A warning for every layer whose output is the same number for all samples."""
    return [
        f"{one_line(node.name, 60)} ({node.op.name}) gives {seen[v].low:g} everywhere, for every sample"
        for node in graph.nodes
        for v in node.outputs
        if v in seen and seen[v].low == seen[v].high and v.type.elements * 2 > 2
    ]
