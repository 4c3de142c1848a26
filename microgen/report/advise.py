"""What would make a network smaller or faster: nothing is proposed that has not been computed."""

from __future__ import annotations

from dataclasses import replace
from statistics import median
from typing import Any

from microgen.bench import bench_board
from microgen.compiler import Compiled, Options, compile_graph
from microgen.errors import MicrogenError, one_line
from microgen.plan import check, make_plan, schedule

# A layer counts from this share of all instructions on.
_NOTABLE = 0.05
# So many times the usual instructions per MAC are worth a word.
_COSTLY = 2.0
_NAMED = 3


def hints(compiled: Compiled, facts: dict[str, Any], options: Options, *, measure: bool) -> list[dict[str, str]]:
    """``{"goal", "what", "gain"}`` each; ``facts`` are those of the report, as far as they are gathered."""
    candidates = (
        _peak(facts),
        _scheduled(compiled, options),
        _quantized(compiled, options),
        _largest_weights(facts),
        _flavour(compiled, facts, options, measure),
        _software_floats(compiled),
        *_costly(facts),
    )
    return [hint for hint in candidates if hint is not None]


def _hint(goal: str, what: str, gain: str) -> dict[str, str]:
    return {"goal": goal, "what": what, "gain": gain}


def _label(layer: dict[str, Any]) -> str:
    return f"layer {layer['index']} {one_line(layer['name'].split(';')[0], 60)} ({layer['op']})"


def _peak(facts: dict[str, Any]) -> dict[str, str] | None:
    arena, layers = facts["arena"], facts["layers"]
    live = arena["live"]
    if len(live) < 2:
        return None
    peak = arena["peak"]["step"]
    alike = [step for step, size in enumerate(live) if size == live[peak]]
    if len(alike) > 1:
        listed = ", ".join(_label(layers[step]) for step in alike[:_NAMED])
        more = f" and {len(alike) - _NAMED} more" if len(alike) > _NAMED else ""
        what = f"{listed}{more} need {live[peak]:,} bytes of the arena each"
        return _hint("RAM", what, "none from one of them alone: all would have to shrink")
    runner = live.index(max(size for size in live if size != live[peak]))
    gap = live[peak] - live[runner]
    what = (
        f"{_label(layers[peak])} sets the arena: {live[peak]:,} bytes are in use there. Fewer channels, a smaller "
        "input or an earlier stride there would help"
    )
    return _hint("RAM", what, f"up to {gap:,} bytes; then {_label(layers[runner])} with {live[runner]:,} bytes sets it")


def _scheduled(compiled: Compiled, options: Options) -> dict[str, str] | None:
    if options.optimize == "ram":
        return None
    graph = compiled.graph.copy()
    schedule(graph)
    plan = make_plan(graph, compiled.plan.target, [step.node for step in compiled.plan.start])
    check(plan)
    saved = compiled.plan.arena_bytes - plan.arena_bytes
    if saved <= 0:
        return None
    return _hint("RAM", f"--optimize ram orders the layers for an arena of {plan.arena_bytes:,} bytes",
                 f"{saved:,} bytes of RAM")  # fmt: skip


def _quantized(compiled: Compiled, options: Options) -> dict[str, str] | None:
    floats = sum(v.type.nbytes for v in compiled.graph.constants() if v.type.dtype.is_float)
    if not floats or options.calibration is not None:
        return None
    # One byte in place of four.
    weights = floats - floats // 4
    inner = [v for v in compiled.graph.values() if not v.is_const]
    share = sum(v.type.nbytes for v in inner if v.type.dtype.is_float) / max(1, sum(v.type.nbytes for v in inner))
    arena = round(compiled.plan.arena_bytes * share * 3 / 4)
    return _hint("flash, RAM, speed", "int8 in place of float: give samples with --calibration",
                 f"about {weights:,} bytes of weights and {arena:,} of arena, by the elements' sizes")  # fmt: skip


def _largest_weights(facts: dict[str, Any]) -> dict[str, str] | None:
    layers, total = facts["layers"], facts["memory"]["flash"]["const"]
    largest = max(layers, key=lambda e: e["weight_bytes"], default=None)
    if largest is None or len(layers) < 2 or largest["weight_bytes"] < total / 4:
        return None
    size = largest["weight_bytes"]
    what = f"{_label(largest)} holds {size / total:.0%} of the constants: the place to prune or to factorize"
    return _hint("flash", what, f"{size:,} bytes lie there")


def _flavour(compiled: Compiled, facts: dict[str, Any], options: Options, measure: bool) -> dict[str, str] | None:
    core = compiled.board.core
    if options.kernels != "portable" or core.isa == "portable":
        return None
    what = f"--kernels auto uses the {core.isa.upper()} instructions that {compiled.board.name} has"
    before = facts["totals"]["instructions"]
    if not measure or not before:
        return _hint("speed", what, "not measured")
    try:
        faster = compile_graph(compiled.source, compiled.board, replace(options, kernels="auto", name=compiled.name),
                               model_file=facts["model"]["file"], sha256=facts["model"]["sha256"])  # fmt: skip
        after = bench_board(faster, verify=False).instructions
    except MicrogenError as error:
        return _hint("speed", what, f"not measured: {error}")
    if after >= before:
        return None
    return _hint("speed", what, f"{before:,} → {after:,} instructions ({1 - after / before:.0%} fewer)")


def _software_floats(compiled: Compiled) -> dict[str, str] | None:
    fpu = compiled.board.core.fpu
    floats = sum(any(v.type.dtype.is_float for v in node.outputs) for node in compiled.graph.nodes)
    if fpu != "none" or not floats:
        return None
    return _hint("speed", f"{floats} layers compute floats, which {compiled.board.name} does in software",
                 "int8 or a core with a floating-point unit; not measured")  # fmt: skip


def _costly(facts: dict[str, Any]) -> list[dict[str, str]]:
    """The layers that take many instructions for what they compute."""
    total = facts["totals"]["instructions"]
    if not total:
        return []
    notable = [e for e in facts["layers"] if e["instructions"] and e["instructions"] >= _NOTABLE * total]
    ratios = [e["instructions"] / e["macs"] for e in facts["layers"] if e["macs"] and e["instructions"]]
    usual = median(ratios) if ratios else 0.0
    found: list[tuple[int, dict[str, str]]] = []
    for e in notable:
        share = f"{e['instructions'] / total:.0%} of the instructions"
        if not e["macs"]:
            what = f"{_label(e)} multiplies nothing and takes {share}"
            found.append(
                (e["instructions"], _hint("speed", what, f"up to {e['instructions']:,} instructions without it"))
            )
        elif len(ratios) > 2 and e["instructions"] / e["macs"] >= _COSTLY * usual:
            saved = round(e["instructions"] - usual * e["macs"])
            costs = f"{e['instructions'] / e['macs']:.2f} per MAC"
            what = f"{_label(e)} takes {share} at {costs}; the median of the layers is {usual:.2f}"
            found.append((saved, _hint("speed", what, f"{saved:,} instructions, were it as good as the median")))
    return [hint for _, hint in sorted(found, key=lambda pair: -pair[0])[:_NAMED]]
