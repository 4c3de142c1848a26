"""How well the quantization of a network suits the data that goes through it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgen.mindir import Array, Graph, Node, Value
from microgen.ops.attributes import Activation
from microgen.report.drawing import kind_of
from microgen.runtime import Session

#: Below this share of its range a tensor wastes its bits; above this share of clipped elements it loses data.
LITTLE_USED = 0.25
MUCH_CLIPPED = 0.01
_CHUNK = 16
# Their output's scale is prescribed, whatever the data.
_PRESCRIBED = frozenset({"Softmax", "LogSoftmax", "Logistic", "Tanh"})


@dataclass
class _Seen:
    lowest: int
    highest: int
    clipped: int = 0
    elements: int = 0


def observe(graph: Graph, inputs: Sequence[Array]) -> list[dict[str, Any]]:
    """A row for every quantized output of every layer: scale, zero point, values seen, share of the range, clipping.

    A clamp that belongs to the layer (ReLU) is no clipping. ``flags`` says in words what is suspicious.
    """
    nodes = {value: (index, node) for index, node in enumerate(graph.nodes) for value in node.outputs}
    wanted = [v for v in nodes if v.type.quant is not None and v.type.quant.is_per_tensor and not v.is_const]
    seen: dict[Value, _Seen] = {}
    session = Session(graph)
    for start in range(0, len(inputs[0]) if inputs else 0, _CHUNK):
        _add(seen, nodes, session.run_all([a[start : start + _CHUNK] for a in inputs], wanted))
    return [_row(value, *nodes[value], seen[value]) for value in wanted if value in seen]


def _bounds(value: Value, node: Node) -> tuple[int | None, int | None]:
    """The limits at which an element has been clipped; None where the layer's own clamp, or nothing, lies."""
    low, high = value.type.dtype.limits
    own = getattr(node.op, "activation", None)
    clamp = own if isinstance(own, Activation) else Activation.NONE
    real_low, real_high = clamp.interval
    quant = value.type.quant
    assert quant is not None
    # Within one step: scales are made to put the clamp just there.
    at_low = (low - quant.zero_point) * quant.scale <= real_low + quant.scale
    at_high = (high - quant.zero_point) * quant.scale >= real_high - quant.scale
    # A pooling or a movement at its input's scale clips nothing that was not clipped before it.
    passes = node.op.name in _PRESCRIBED or _keeps_scale(value, node)
    return (None if at_low or passes else low), (None if at_high or passes else high)


def _keeps_scale(value: Value, node: Node) -> bool:
    """Whether a layer picks, moves or averages values and keeps their scale and zero point."""
    sources = [v for v in node.inputs if v is not None and not v.is_const]
    picks = kind_of(node.op.name) in ("movement", "pooling") and not any(s in node.op.name for s in ("Sum", "Prod"))
    return picks and all(v.type.quant == value.type.quant for v in sources)


def _add(seen: dict[Value, _Seen], nodes: Mapping[Value, tuple[int, Node]], values: Mapping[Value, Array]) -> None:
    for value, array in values.items():
        if array.size == 0:
            continue
        lowest, highest = int(array.min()), int(array.max())
        entry = seen.setdefault(value, _Seen(lowest, highest))
        entry.lowest, entry.highest = min(entry.lowest, lowest), max(entry.highest, highest)
        low, high = _bounds(value, nodes[value][1])
        entry.clipped += sum(int(np.count_nonzero(array == limit)) for limit in (low, high) if limit is not None)
        entry.elements += array.size


def _row(value: Value, index: int, node: Node, seen: _Seen) -> dict[str, Any]:
    quant = value.type.quant
    assert quant is not None
    low, high = value.type.dtype.limits
    used = (seen.highest - seen.lowest) / (high - low)
    clipped = seen.clipped / seen.elements
    flags = []
    if seen.highest == seen.lowest:
        flags.append(f"constant ({seen.lowest}) on all samples: a dead layer, or samples that do not excite it")
    elif used < LITTLE_USED and node.op.name not in _PRESCRIBED:
        flags.append(
            f"uses {used:.0%} of its range: calibrate with samples like those of the field, without outliers "
            "(--config with a percentile or MSE method)"
        )
    if clipped > MUCH_CLIPPED:
        flags.append(f"{clipped:.1%} of its elements are clipped: calibrate with samples that reach the extremes")
    return {
        "layer": index,
        "name": value.name,
        "op": node.op.name,
        "dtype": str(value.type.dtype),
        "scale": quant.scale,
        "zero_point": quant.zero_point,
        "real_range": [(low - quant.zero_point) * quant.scale, (high - quant.zero_point) * quant.scale],
        "lowest": seen.lowest,
        "highest": seen.highest,
        "used": used,
        "clipped": clipped,
        "flags": flags,
    }
