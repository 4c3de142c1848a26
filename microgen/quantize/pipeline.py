"""Post-training quantization, readable top to bottom: optimize → equalize → observe → assign → rewrite → compare."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from microgen.errors import InputError
from microgen.mindir import Graph, Node, Value
from microgen.ops.packed import packs
from microgen.ops.quantization import QuantRule
from microgen.passes import optimize
from microgen.quantize import ranges
from microgen.quantize.assign import Assignment, assign, select
from microgen.quantize.compare import compare
from microgen.quantize.config import QuantConfig, Scheme
from microgen.quantize.correct import correct_biases, correct_float_biases
from microgen.quantize.data import Samples, Source, load_samples
from microgen.quantize.equalize import equalize
from microgen.quantize.observe import Progress, constant_layers, float_values, observe, silent
from microgen.quantize.prepare import prepare
from microgen.quantize.ranges import Observed
from microgen.quantize.report import Report
from microgen.quantize.rewrite import Refused, Rewritten, rewrite, weights_only


@dataclass(frozen=True)
class Quantized:
    """The quantized graph, the optimized float graph that it was made of, what carries each of that graph's values,
    and the report.
    """

    graph: Graph
    source: Graph
    values: Mapping[Value, Value]
    report: Report


def quantize_graph(
    graph: Graph,
    samples: Samples | Source,
    config: QuantConfig = QuantConfig(),
    *,
    evaluation: Samples | Source | None = None,
    progress: Progress = silent,
) -> Quantized:
    """``graph``, in float, quantized as ``config`` says with ranges from ``samples`` (see ``load_samples``).

    The report compares with the float network on ``evaluation``, the calibration samples without them. ``progress`` is
    told the step, how many of its samples are done and how many there are. The same arguments give the same graph.

    Raises InputError for samples that do not suit the model and for a model that has nothing to quantize.
    """
    source = prepare(optimize(graph))
    rules, stays = select(source, config)
    if not rules:
        reasons = sorted({f"{n.op.name}: {why}" for n, why in stays.items()})
        what = "has no float layer that could become int8"
        hint = "; ".join(reasons) or "It computes with integers already"
        raise InputError(what, where=graph.name, hint=hint)
    checked = (
        samples if isinstance(samples, Samples) else load_samples(samples, graph, config.preprocess, config.samples)
    )
    judged = checked if evaluation is None else evaluation
    if not isinstance(judged, Samples):
        judged = load_samples(judged, graph, config.preprocess, config.samples)
    pairs = 0
    if config.equalize:
        source, pairs = equalize(source, rules, checked)
        rules, stays = select(source, config)
    seen = observe(
        source,
        checked,
        float_values(source),
        config.momentum,
        histograms=config.scheme is Scheme.INT8 and config.method in ranges.NEED_HISTOGRAM,
        progress=progress,
    )
    rewritten, stays = SCHEMES[config.scheme](source, rules, stays, config, checked, seen, progress)
    notes = {**stays, **rewritten.notes}
    layers = compare(source, rewritten, judged, seen, notes, progress)
    report = Report(
        config,
        len(checked),
        layers,
        (*checked.warnings, *constant_layers(source, seen)),
        _constant_bytes(source),
        _constant_bytes(rewritten.graph),
        pairs,
    )
    return Quantized(rewritten.graph, source, rewritten.values, report)


Step = Callable[
    [Graph, dict[Node, QuantRule], dict[Node, str], QuantConfig, Samples, Mapping[Value, Observed], Progress],
    tuple[Rewritten, dict[Node, str]],
]


def _integers(
    graph: Graph,
    rules: dict[Node, QuantRule],
    stays: dict[Node, str],
    config: QuantConfig,
    samples: Samples,
    seen: Mapping[Value, Observed],
    progress: Progress,
) -> tuple[Rewritten, dict[Node, str]]:
    """Weights in int8 and activations in int8 or int16, as TensorFlow Lite's schemes have it."""
    chosen: dict[Value, ranges.Range] = {}

    def range_of(value: Value) -> ranges.Range:
        if value not in chosen:
            # int16 has steps enough for all that was seen.
            is_int8, found = config.scheme is Scheme.INT8, seen[value]
            chosen[value] = ranges.choose(found, config) if is_int8 else ranges.Range.of(found.low, found.high)
        return chosen[value]

    while True:
        assignment = assign(graph, rules, stays, range_of, config.activations)
        try:
            return _written(graph, assignment, config, samples, progress), stays
        except Refused as refused:
            # What an operator cannot compute with these scales stays in float; its neighbours' groups change with it.
            rules = {n: r for n, r in rules.items() if n is not refused.node}
            stays = {**stays, refused.node: refused.reason}
            if not rules:
                raise InputError(refused.reason, where=refused.node.label) from None


def _written(
    graph: Graph, assignment: Assignment, config: QuantConfig, samples: Samples, progress: Progress
) -> Rewritten:
    # Layers are corrected one by one over all samples; with states, a sample depends on all layers of the last one.
    corrects = config.bias_correction and not graph.states
    biases = correct_biases(graph, assignment, config, samples, progress) if corrects else {}
    return rewrite(graph, assignment, config, biases)


def _weights_only(
    graph: Graph,
    rules: dict[Node, QuantRule],
    stays: dict[Node, str],
    config: QuantConfig,
    samples: Samples,
    seen: Mapping[Value, Observed],
    progress: Progress,
) -> tuple[Rewritten, dict[Node, str]]:
    """Weights in int8, arithmetic in float: smaller files, the same speed."""
    corrects = config.bias_correction and not graph.states
    biases = correct_float_biases(graph, rules, config, samples, progress) if corrects else {}
    return weights_only(graph, rules, config, biases), stays


SCHEMES: Mapping[Scheme, Step] = {
    Scheme.INT8: _integers,
    Scheme.INT16X8: _integers,
    Scheme.WEIGHTS_ONLY: _weights_only,
}


def _constant_bytes(graph: Graph) -> int:
    plain = sum(v.type.nbytes for v in graph.constants())
    packed = {n.input(1): n for n in graph.nodes if packs(n, getattr(n.op, "weight_bits", 8))}
    return plain - sum(value.type.nbytes // 2 for value in packed)
