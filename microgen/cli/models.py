"""inspect, quantize, convert: model files."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from microgen import compiler, exporters
from microgen.cli.app import app
from microgen.cli.output import ERRORS, Report, progress_bars, rearrangement, steps_of
from microgen.cli.parameters import (
    Names,
    file_layout_option,
    json_option,
    model_argument,
    npu_of,
    shapes_option,
)
from microgen.errors import UnsupportedError, UsageError, one_line
from microgen.frontends import is_channels_first
from microgen.mindir import Graph, Node
from microgen.npu import NpuTarget, offload
from microgen.ops.base import every_value, op_of
from microgen.ops.registry import operators
from microgen.passes import absorb_border_transposes, optimize
from microgen.quantize import Granularity, Method, Ports, QuantConfig, Scheme, load_config, quantize_graph
from microgen.quantize.report import COLUMNS, check_plot
from microgen.runtime.delegate import Delegate, Explains, find_delegates, known_paths
from microgen.runtime.partition import assign, partition


@app.command("quantize")
@model_argument
@click.option("--calibration", required=True, type=click.Path(path_type=Path), metavar="FILE|DIR",
              help="Samples: .npz or .npy (samples first), a folder of images or WAV files.")  # fmt: skip
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The quantized model's file.")
@click.option("--config", type=click.Path(path_type=Path), help="A YAML file; options given here go before it.")
@click.option("--method", type=click.Choice([m.value for m in Method]), help="How ranges are chosen.")
@click.option("--per-tensor", is_flag=True, help="One scale for all output channels of a layer's weights.")
@click.option("--scheme", type=click.Choice([s.value for s in Scheme]),
              help="What becomes int8; int16x8 has int16 activations.")  # fmt: skip
@click.option("--weight-bits", type=click.Choice(["4", "8"]),
              help="Bits of the weights of convolutions and dense layers; 4: two in a byte.")  # fmt: skip
@click.option("--weights-only", is_flag=True, help="Keep the arithmetic in float.")
@click.option("--io", type=click.Choice([p.value for p in Ports]), help="Element type of inputs and outputs.")
@click.option("--skip", type=Names(), help="Layers (patterns) or operators to keep in float, separated by commas.")
@click.option("--equalize", is_flag=True, help="Equalize the weights' ranges of consecutive layers.")
@click.option("--bias-correction/--no-bias-correction", default=None,
              help="Correct biases for the mean error of each layer (the default).")  # fmt: skip
@click.option("--samples", type=click.IntRange(1), help="Use this many of the samples, evenly spaced.")
@click.option("--evaluation", type=click.Path(path_type=Path), metavar="FILE|DIR",
              help="Samples for the report (default: those of the calibration).")  # fmt: skip
@click.option("--report", "report_file", type=click.Path(path_type=Path), help="Write the report as JSON.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw the report (.png or .svg; needs matplotlib).")
@shapes_option
@file_layout_option
@json_option
def quantize_command(
    model: Path,
    calibration: Path,
    output: Path,
    io_layout: str,
    config: Path | None,
    evaluation: Path | None,
    report_file: Path | None,
    plot: Path | None,
    input_shapes: tuple[tuple[str, tuple[int, ...]], ...],
    json_target: str | None,
    **asked: Any,
) -> None:
    """Quantize the float MODEL to int8 and say what each layer lost."""
    report = Report(json_target)
    settings = _quantization(load_config(config) if config is not None else QuantConfig(), asked)
    # What cannot be written is said before the work, not after it.
    exporters.exporter(output, quantized=True)
    written = [file for file in (output, report_file, plot) if file is not None]
    for file in written:
        exporters.check_folder(file)
    _check_distinct(model, *written)
    if plot is not None:
        check_plot(plot)
    graph = compiler.load_graph(model, dict(input_shapes))
    with progress_bars() as progress:
        result = quantize_graph(graph, calibration, settings, evaluation=evaluation, progress=steps_of(progress))
    found = result.report
    exporters.save(_interface(result.graph, model, io_layout, report), output)
    content = {"model": str(model), "output": str(output), **found.as_json()}
    if report_file is not None:
        exporters.write_file(report_file, (json.dumps(content, indent=2) + "\n").encode())
    if plot is not None:
        exporters.write_file(plot, found.plot(plot.suffix))
    for warning in found.warnings:
        ERRORS.print(f"[bold yellow]warning:[/] {escape(warning)}")
    report.say(f"{output}: {found.samples} samples, constants {found.float_bytes:,} → {found.quantized_bytes:,} bytes")
    if found.equalized:
        report.say(f"{found.equalized} pairs of layers equalized")
    report.say("Layers, the one that is furthest from the float network first:")
    report.table(COLUMNS, found.rows())
    report.json(content)


def _check_distinct(model: Path, *written: Path) -> None:
    """Refuse to write two things to one file, or over the model that is read, which could not be had back."""
    seen = {model.resolve()}
    for file in written:
        if file.resolve() in seen:
            what = "is the model itself" if file.resolve() == model.resolve() else "is written twice"
            raise UsageError(what, where=str(file), hint="Name another file")
        seen.add(file.resolve())


def _interface(graph: Graph, model: Path, io_layout: str, report: Report) -> Graph:
    """``graph``, which was read from ``model``, with its inputs and outputs in the order of dimensions asked for."""
    if io_layout == "source" or not is_channels_first(model, compiler.read_model(model)):
        return graph
    graph, layouts = absorb_border_transposes(optimize(graph))
    for value in (*graph.inputs, *graph.outputs):
        if value.name in layouts:
            report.say(rearrangement(value, layouts[value.name], "in the new file", "the source"))
    return graph


@app.command()
@model_argument
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The new file.")
@shapes_option
@file_layout_option
@json_option
def convert(
    model: Path,
    output: Path,
    input_shapes: tuple[tuple[str, tuple[int, ...]], ...],
    io_layout: str,
    json_target: str | None,
) -> None:
    """Write MODEL in another format: .tflite, .onnx (int8 as QDQ) or, in float, .mindir."""
    report = Report(json_target)
    exporters.exporter(output)
    exporters.check_folder(output)
    _check_distinct(model, output)
    graph = optimize(compiler.load_graph(model, dict(input_shapes)))
    exporters.exporter(output, quantized=any(v.type.quant is not None for v in graph.values()))
    graph = _interface(graph, model, io_layout, report)
    exporters.save(graph, output)
    report.say(f"{output}: {len(graph.nodes)} layers, {output.stat().st_size:,} bytes")
    report.json({"model": str(model), "output": str(output), "layers": len(graph.nodes)})


def _quantization(config: QuantConfig, asked: dict[str, Any]) -> QuantConfig:
    """``config`` with what the command line says otherwise."""
    skip: tuple[str, ...] = asked["skip"] or ()
    known = {kind.name for kind in operators()}
    changes: dict[str, Any] = {
        "skip_operators": (*config.skip_operators, *(s for s in skip if s in known)),
        "skip_layers": (*config.skip_layers, *(s for s in skip if s not in known)),
        "equalize": config.equalize or asked["equalize"],
    }
    if asked["bias_correction"] is not None:
        changes["bias_correction"] = asked["bias_correction"]
    if asked["method"] is not None:
        changes["method"] = Method(asked["method"])
    if asked["io"] is not None:
        changes["io"] = Ports(asked["io"])
    if asked["samples"] is not None:
        changes["samples"] = asked["samples"]
    if asked["weight_bits"] is not None:
        changes["weight_bits"] = int(asked["weight_bits"])
    if asked["per_tensor"]:
        changes["weights"] = Granularity.PER_TENSOR
    if asked["scheme"] is not None:
        changes["scheme"] = Scheme(asked["scheme"])
    if asked["weights_only"]:
        changes["scheme"] = Scheme.WEIGHTS_ONLY
    return dataclasses.replace(config, **changes)


@app.command()
@model_argument
@click.option(
    "--path",
    "paths",
    type=Names(),
    metavar="P[,…]",
    help=f"Show which of these paths runs each layer on this computer, and why not: {', '.join(known_paths())}.",
)
@click.option("--npu", metavar="ETHOS-U", help="Show what an Ethos-U beside the core would compute, and why not more.")
@click.option("--npu-option", "npu_settings", multiple=True, metavar="NAME=VALUE", help="An option of Vela.")
@shapes_option
@json_option
def inspect(
    model: Path,
    paths: tuple[str, ...] | None,
    npu: str | None,
    npu_settings: tuple[str, ...],
    input_shapes: tuple[tuple[str, tuple[int, ...]], ...],
    json_target: str | None,
) -> None:
    """Show layers, shapes and MACs of MODEL; names every unsupported layer."""
    report = Report(json_target)
    delegates = find_delegates(paths) if paths is not None else []
    accelerator = npu_of(npu, npu_settings)
    source = compiler.load_graph(model, dict(input_shapes))
    graph = optimize(source)
    for kind, values in (("input", graph.inputs), ("output", graph.outputs)):
        for value in values:
            report.say(f"{kind} {one_line(value.name)}: {value.type}")
    for state in graph.states:
        report.say(f"state {one_line(state.name)}: {state.before.type}, kept between invocations")
    layers: list[dict[str, Any]] = [
        {"index": i, "name": n.name, "op": n.op.name, "shape": list(n.outputs[0].shape), "macs": op_of(n).macs(n),
         "parameters": _parameters(n)}
        for i, n in enumerate(graph.nodes)
    ]  # fmt: skip
    rows = [
        [str(e["index"]), e["name"], e["op"], "×".join(map(str, e["shape"])), f"{e['macs']:,}", f"{e['parameters']:,}"]
        for e in layers
    ]
    columns = [
        ("#", True),
        ("name", False),
        ("operator", False),
        ("output", False),
        ("MACs", True),
        ("parameters", True),
    ]
    report.table(columns, rows)
    macs, parameters = (sum(int(e[key]) for e in layers) for key in ("macs", "parameters"))
    merged = len(source.nodes) - len(graph.nodes)
    report.say(f"{len(layers)} layers ({merged} merged or removed), {macs:,} MACs, {parameters:,} parameters")
    if any(op_of(node).graphs for node in graph.nodes):
        report.say("Of a loop the MACs are those of one pass, of a branch those of the longer side")
    if delegates or accelerator is not None:
        content: dict[str, Any] = {"name": graph.name, "layers": layers}
        content |= _paths(report, graph, delegates) if delegates else {}
        content |= {"npu": _on_npu(report, graph, accelerator)} if accelerator is not None else {}
        report.json({**content, "macs": macs, "parameters": parameters})
        return
    problems = compiler.device_problems(graph)
    report.json({"name": graph.name, "layers": layers, "macs": macs, "parameters": parameters, "unsupported": problems})
    if problems:
        raise UnsupportedError(problems, hint="The host runtime computes them, the generated C does not")


def _parameters(node: Node) -> int:
    """How many constants a layer reads, in its sub-graphs too."""
    inner = (v for part in op_of(node).graphs for v in every_value(part))
    return sum(v.type.elements for v in (*node.inputs, *inner) if v is not None and v.is_const)


def _on_npu(report: Report, graph: Graph, target: NpuTarget) -> dict[str, Any]:
    """Prints which layers the NPU would compute and why not the others; returns it for the JSON."""
    found = offload(graph, target)
    part = {layer: node.name for node, op in found.parts for layer in op.layers.nodes}
    rows = [
        [str(i), n.name, n.op.name, part.get(n, "core"), one_line(found.refusals.get(n, ""), 160)]
        for i, n in enumerate(graph.nodes)
    ]
    columns = [("#", True), ("name", False), ("operator", False), ("runs on", False), ("why not on the NPU", False)]
    report.say()
    report.table(columns, rows)
    for node, op in found.parts:
        report.say(
            f"{node.name}: {len(op.inside_names)} layers, {op.npu_cycles:,} cycles by Vela's estimate, commands "
            f"{len(op.compiled.command_stream):,} bytes, weights {len(op.compiled.weights):,} bytes"
        )
    return {"accelerator": target.accelerator, **found.as_json()}


def _paths(report: Report, graph: Graph, delegates: list[Delegate]) -> dict[str, Any]:
    """Prints who runs each layer and why nobody before did; returns it for the JSON."""
    assignments = assign(graph, delegates)
    parts = partition(graph, assignments)
    number = {node: index for index, part in enumerate(parts) for node in part.graph.nodes}
    entries = [
        {"index": index, "path": a.delegate.name, "part": number[a.node],
         "refusals": [{"path": path, "reason": reason} for path, reason in a.refusals]}
        for index, a in enumerate(assignments)
    ]  # fmt: skip
    rows = [
        [str(index), a.node.name, a.node.op.name, a.delegate.name, str(number[a.node]),
         "; ".join(f"{path}: {one_line(reason, 120)}" for path, reason in a.refusals)]
        for index, a in enumerate(assignments)
    ]  # fmt: skip
    columns = [
        ("#", True),
        ("name", False),
        ("operator", False),
        ("path", False),
        ("part", True),
        ("refused by", False),
    ]
    report.say()
    report.table(columns, rows)
    counts = {d.name: sum(a.delegate is d for a in assignments) for d in delegates}
    report.say(", ".join(f"{name}: {count} layers" for name, count in counts.items()) + f"; parts: {len(parts)}")
    explained = {i: p.delegate.explain(p.graph) for i, p in enumerate(parts) if isinstance(p.delegate, Explains)}
    for index, lines in explained.items():
        for line in lines:
            report.say(f"part {index} on {parts[index].delegate.name}: {one_line(line, 300)}")
    notes = [{"part": index, "notes": lines} for index, lines in explained.items()]
    return {"paths": entries, "parts": len(parts), "explained": notes}
