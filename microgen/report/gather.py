"""Gathers the facts of a report: plain data, the same for the page and for JSON."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import microgen
from microgen import arith, compiler, fit
from microgen.arrays import read_inputs
from microgen.bench import Figures, bench_board
from microgen.boards import Board
from microgen.compiler import Compiled, Options
from microgen.mindir import Array, Graph, TensorType, Value
from microgen.ops.base import op_of
from microgen.ops.call import Const
from microgen.ops.packed import weight_bytes
from microgen.plan import Step
from microgen.project import write_project
from microgen.quantize import load_samples
from microgen.quantize.observe import Progress, silent
from microgen.report import advise, arena, health
from microgen.report.agreement import agreement
from microgen.target.toolchain import build_project, measure_model, model_objects
from microgen.verification import TOLERANCE, sample_inputs

#: What the JSON calls its own shape.
FORMAT = "microgen report 1"
NOT_MEASURED = "not measured"
# The edge inputs with which sample_inputs begins.
_EDGES = 3
# Ranges are taken from at most so many samples.
_MOST_SAMPLES = 200

Say = Callable[[str], None]


def _silent(text: str) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a report is made of: ``samples`` random inputs, or those of the file ``source``; ``measure``: on the
    board's emulator, where it has one.
    """

    model: Path
    board: Board
    options: Options
    samples: int = 10
    source: Path | None = None
    measure: bool = True


def gather(request: Request, *, progress: Progress = silent, say: Say = _silent) -> dict[str, Any]:
    """Compile, measure, compare and advise; the result holds only what JSON can.

    Raises what ``compile_model``, ``bench_board`` and reading the inputs raise.
    """
    board = request.board
    options = replace(request.options, projects=("make",))
    data = compiler.read_model(request.model)
    compiled = compiler.compile_model(request.model, board, options, progress=progress)
    inputs, origin = _inputs(request, compiled)
    why = _why_not_measured(request)
    figures = None if why else bench_board(compiled, verify=False, say=say)
    code = figures.flash_code if figures is not None else None
    static = figures.ram_static if figures is not None else None
    if figures is None and request.measure:
        say("building")
        code, static = _built(compiled)
    paths = agreement(compiled, inputs, why, say)
    facts: dict[str, Any] = {
        "format": FORMAT,
        "version": microgen.__version__,
        "model": _model(request.model.name, data, compiled),
        "board": {"name": board.name, "title": board.title, "core": board.core.title, "isa": board.core.isa,
                  "fpu": board.core.fpu, "clock": board.clock, "emulator": board.emulator is not None},
        "options": _options(options),
        "totals": {"macs": sum(op_of(n).macs(n) for n in compiled.graph.nodes),
                   "instructions": figures.instructions if figures is not None else None},
        "memory": {
            "flash": {"code": code, "const": compiled.const_bytes},
            "ram": {"arena": compiled.plan.arena_bytes, "static": static,
                    "stack": figures.ram_stack if figures is not None else None,
                    "stack_reserved": options.stack_on(board)},
            "regions": _regions(compiled, board, code, static),
        },
        "measured": _how(figures, why),
        "layers": _layers(compiled, figures),
        "arena": _arena(compiled),
        "quantization": _quantization(compiled, inputs, origin),
        "agreement": paths,
        "exactness": _exactness(paths["paths"][-1], board),
    }  # fmt: skip
    say("looking for improvements")
    facts["hints"] = advise.hints(compiled, facts, options, measure=not why)
    return facts


def _why_not_measured(request: Request) -> str:
    if request.board.emulator is None:
        return f"board {request.board.name} has no emulator"
    return "" if request.measure else "left out by --no-measure"


def _inputs(request: Request, compiled: Compiled) -> tuple[list[Array], str]:
    """Inputs for every path and where they come from."""
    ports = compiled.graph.inputs
    if request.source is not None:
        arrays = read_inputs(request.source, [(v.name, v.type) for v in ports], compiled.layouts)
        return [a[:_MOST_SAMPLES] for a in arrays], request.source.name
    calibration = request.options.calibration
    if calibration is None:
        return sample_inputs([v.type for v in ports], request.samples), ""
    graph = compiler.load_graph(request.model, request.options.input_shapes)
    found = load_samples(calibration, graph, request.options.quantization.preprocess, max(1, request.samples))
    return [_typed(a, v, compiled) for a, v in zip(found.arrays, ports, strict=True)], calibration.name


def _typed(array: Array, port: Value, compiled: Compiled) -> Array:
    """A sample of the float network as the compiled one takes it."""
    if layout := compiled.layouts.get(port.name):
        array = np.transpose(array, (0, *(axis + 1 for axis in layout)))
    if port.type.quant is None or array.dtype == port.type.dtype.numpy:
        return np.ascontiguousarray(array, port.type.dtype.numpy)
    low, high = port.type.dtype.limits
    quant = port.type.quant
    real = array.astype(np.float32)
    return arith.quantize_float(real, quant.scale, quant.zero_point, low, high).astype(port.type.dtype.numpy)


def _built(compiled: Compiled) -> tuple[int, int]:
    """Bytes of code and of static data; a board that nothing emulates can be built for."""
    with tempfile.TemporaryDirectory(prefix="microgen-report-") as folder:
        project = Path(folder) / "project"
        write_project(compiled.files, project)
        report = measure_model(compiled.board, model_objects(build_project(project)), compiled.name)
    return report.code, report.static


def _model(file: str, data: bytes, compiled: Compiled) -> dict[str, Any]:
    graph = compiled.graph
    return {
        "file": file,
        "name": compiled.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "numbers": _numbers(graph),
        "inputs": [{"name": v.name, "type": _type(v.type)} for v in graph.inputs],
        "outputs": [{"name": v.name, "type": _type(v.type)} for v in graph.outputs],
    }


def _numbers(graph: Graph) -> str:
    """``integer``, ``float`` or ``mixed``: what the layers compute with."""
    kinds = {v.type.dtype.is_float for node in graph.nodes for v in node.outputs}
    return "mixed" if len(kinds) > 1 else "float" if kinds == {True} else "integer"


def _type(t: TensorType) -> str:
    return f"{t.dtype} {'×'.join(map(str, t.shape)) or 'scalar'}"


def _options(options: Options) -> dict[str, Any]:
    return {"optimize": options.optimize, "kernels": options.kernels, "cmsis_nn": Path(options.cmsis_nn).name,
            "calibration": options.calibration.name if options.calibration is not None else None,
            "npu": options.npu.accelerator if options.npu is not None else None,
            "place": dict(sorted(options.place.items()))}  # fmt: skip


def _regions(compiled: Compiled, board: Board, code: int | None, static: int | None) -> list[dict[str, Any]]:
    rows = []
    roles = compiled.manifest["options"]["placement"]
    for planned in fit.planned_regions(compiled.manifest, board):
        region = planned.region
        items: list[dict[str, Any]] = [{"label": item.label, "bytes": item.nbytes} for item in planned.items]
        if code and roles["code"] == region.name:
            items.append({"label": "code of the model", "bytes": code})
        if static and roles["data"] == region.name:
            items.append({"label": "data of the model", "bytes": static})
        rows.append({"name": region.name, "kind": region.kind, "size": region.size,
                     "used": sum(item["bytes"] for item in items), "items": items})  # fmt: skip
    return rows


def _how(figures: Figures | None, why: str) -> dict[str, Any]:
    if figures is None:
        return {"instructions": False, "why": why}
    return {"instructions": True, "method": figures.method, "compiler": figures.compiler, "emulator": figures.emulator}


def _layers(compiled: Compiled, figures: Figures | None) -> list[dict[str, Any]]:
    graph = compiled.graph
    number = {v: i for i, node in enumerate(graph.nodes) for v in node.outputs}
    rows = []
    for index, step in enumerate(compiled.plan.steps):
        node = step.node
        operands = [v for v in node.inputs if v is not None]
        rows.append(
            {
                "index": index,
                "name": node.name,
                "op": node.op.name,
                "kernel": ", ".join(dict.fromkeys(call.function for call in step.calls)) or "view",
                "type": _type(node.outputs[0].type),
                "macs": op_of(node).macs(node),
                "instructions": figures.layers[index].instructions if figures is not None else None,
                "weight_bytes": weight_bytes(node) + _npu_bytes(step),
                "npu_cycles": op_of(node).npu_cycles,
                "view": op_of(node).is_view,
                # Layers by number, the network's inputs by their number below zero: -1 is the first.
                "reads": sorted({number[v] if v in number else -1 - graph.inputs.index(v)
                                 for v in operands if v in number or v in graph.inputs}),
                "outputs": [graph.outputs.index(v) for v in node.outputs if v in graph.outputs],
            }
        )  # fmt: skip
    return rows


def _npu_bytes(step: Step) -> int:
    """Command stream and weights of a part that an NPU computes."""
    if op_of(step.node).npu_cycles is None:
        return 0
    return sum(arg.data.nbytes for call in step.calls for arg in call.args if isinstance(arg, Const))


def _arena(compiled: Compiled) -> dict[str, Any]:
    found = arena.blocks(compiled.plan)
    live = arena.live_bytes(found, len(compiled.plan.steps))
    step = live.index(max(live)) if live else 0
    return {
        "bytes": compiled.plan.arena_bytes,
        "peak": {"step": step, "bytes": live[step] if live else 0},
        "live": live,
        "blocks": [{name: getattr(block, name) for name in block.__slots__} for block in found],
    }


def _quantization(compiled: Compiled, inputs: Sequence[Array], origin: str) -> dict[str, Any]:
    # Edge inputs are there to provoke faults; no range is judged by them.
    judged = list(inputs) if origin or not inputs or len(inputs[0]) <= _EDGES else [a[_EDGES:] for a in inputs]
    return {
        "samples": len(judged[0]) if judged else 0,
        "source": origin or "random",
        "layers": health.observe(compiled.graph, judged),
    }


def _exactness(device: dict[str, Any], board: Board) -> dict[str, str]:
    words = {
        "bit-exact": "every layer byte for byte as on the host",
        "within tolerance": f"floats within {TOLERANCE:g} of their layer's largest magnitude",
        "not run": device["note"],
        "differs": device["note"],
        "ended early": device["note"],
    }
    verdict = NOT_MEASURED if device["status"] == "not run" else device["status"]
    return {"verdict": verdict, "board": board.name, "why": words[device["status"]]}
