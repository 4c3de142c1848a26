"""The pipeline, readable top to bottom: model file → graph → quantization if asked for → passes → plan → C project."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from microgen import codegen, frontends
from microgen.boards import Board
from microgen.errors import DoesNotFit, InputError, UnsupportedError, UsageError, one_line
from microgen.frontends.options import ImportOptions
from microgen.mindir import Graph
from microgen.ops.base import op_of
from microgen.ops.call import Isa, Target
from microgen.ops.layout import Permutation
from microgen.passes import absorb_border_transposes, optimize
from microgen.plan import Plan, Step, check, make_plan, schedule
from microgen.quantize import QuantConfig, quantize_graph
from microgen.quantize.observe import Progress, silent

# Far above any model for a microcontroller; keeps a mistaken path from filling the memory.
MAX_MODEL_BYTES = 1 << 28
_MAX_NAME = 40


BUNDLED = "bundled"


@dataclass(frozen=True, slots=True)
class Options:
    """What ``compile`` can be told.

    ``name`` prefixes everything in the generated C (default: from the file's name); ``kernels`` is ``auto``,
    ``cmsis-nn`` (keep to CMSIS-NN's functions) or ``portable`` (no SIMD); ``cmsis_nn`` is ``bundled`` or the
    folder of a CMSIS-NN source tree that is linked in place of our own functions of its API; ``optimize`` is
    ``speed``, ``size`` or ``ram``; ``max_flash`` and ``max_ram`` are limits in bytes below the board's own;
    ``projects`` are the project files to write. ``calibration`` names samples (see ``quantize.load_samples``) with
    which a float model is quantized to int8 as ``quantization`` says; ``input_shapes`` gives inputs static shapes.
    ``io_layout`` is ``channels-last``, as the device computes, or ``source``: inputs and outputs keep the model file's
    order of dimensions, at the price of a transposition.
    """

    name: str | None = None
    kernels: str = "auto"
    cmsis_nn: str = BUNDLED
    optimize: str = "speed"
    projects: tuple[str, ...] = ("make",)
    max_flash: int | None = None
    max_ram: int | None = None
    stack_bytes: int = 4096
    calibration: Path | None = None
    quantization: QuantConfig = field(default_factory=QuantConfig)
    input_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    io_layout: str = "channels-last"

    def __post_init__(self) -> None:
        if self.kernels not in KERNELS:
            raise UsageError(f"unknown kernels {self.kernels!r}", hint=f"Use one of {', '.join(KERNELS)}")
        if self.optimize not in OPTIMIZE:
            raise UsageError(f"unknown optimization {self.optimize!r}", hint=f"Use one of {', '.join(OPTIMIZE)}")
        if self.io_layout not in IO_LAYOUTS:
            raise UsageError(f"unknown layout {self.io_layout!r}", hint=f"Use one of {', '.join(IO_LAYOUTS)}")
        if self.cmsis_nn != BUNDLED and self.kernels == "portable":
            # A CMSIS-NN chooses its flavour by the compiler's own macros.
            hint = "Leave out one of the two options"
            raise UsageError("a linked CMSIS-NN cannot be kept from using SIMD", where="--kernels portable", hint=hint)
        if self.name is not None and not (
            re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", self.name) and len(self.name) <= _MAX_NAME
        ):
            hint = f"Use a letter, then letters, digits and underscores, at most {_MAX_NAME}"
            raise UsageError(f"{self.name!r} cannot prefix C names", where="--name", hint=hint)


IO_LAYOUTS = ("channels-last", "source")
KERNELS = ("auto", "cmsis-nn", "portable")
OPTIMIZE = ("speed", "size", "ram")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled model: ``source`` as the frontend read it or the quantizer made it, ``plan`` with the optimized graph,
    and the project.

    ``layouts`` tells of each input and output, by name, whose dimensions were rearranged for the device: compiled =
    source.transpose(permutation).
    """

    source: Graph
    plan: Plan
    board: Board
    name: str
    files: Mapping[str, bytes]
    layouts: Mapping[str, Permutation] = field(default_factory=dict)

    @property
    def graph(self) -> Graph:
        """The optimized graph that the C code computes."""
        return self.plan.graph

    @property
    def weight_bytes(self) -> int:
        """Bytes of weights, biases and other constant inputs; the least that flash must hold."""
        return sum(v.type.nbytes for v in self.graph.constants())

    @property
    def manifest(self) -> Mapping[str, Any]:
        """The project's manifest."""
        content: Mapping[str, Any] = json.loads(self.files["manifest.json"])
        return content


def read_model(path: Path) -> bytes:
    """The bytes of a model file; InputError with the reason when that is not possible."""
    try:
        if path.is_dir():
            raise InputError("is a folder, not a model file", where=str(path))
        size = path.stat().st_size
        if size > MAX_MODEL_BYTES:
            raise InputError(f"{size:,} bytes are more than a microcontroller's model can have", where=str(path))
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(path)) from None


def load_graph(path: Path, input_shapes: Mapping[str, tuple[int, ...]] | None = None) -> Graph:
    """A model file as MindIR, verified, not yet optimized; ``input_shapes`` gives inputs static shapes, by name."""
    return _load(path, read_model(path), input_shapes or {})


def _load(path: Path, data: bytes, input_shapes: Mapping[str, tuple[int, ...]]) -> Graph:
    graph = frontends.load(path, data, ImportOptions(input_shapes=input_shapes))
    found = {v.name: v.shape for v in graph.inputs}
    for name, shape in input_shapes.items():
        listed = ", ".join(f"{one_line(n, 60)} {list(s)}" for n, s in found.items())
        if name not in found:
            what = f"{one_line(name, 60)!r} is no input of the model"
            raise UsageError(what, where="--input-shape", hint=f"Its inputs are {listed}")
        if found[name] != tuple(shape):
            what = f"{one_line(name, 60)!r} cannot have the shape {list(shape)}: the model fixes it"
            raise UsageError(what, where="--input-shape", hint=f"Its inputs are {listed}")
    return graph


def compile_model(path: Path, board: Board, options: Options = Options(), *, progress: Progress = silent) -> Compiled:
    """Compile the model file at ``path`` for ``board``; nothing is written. ``progress`` is told of the quantization.

    Raises InputError, UnsupportedError (every unsupported layer at once) and DoesNotFit.
    """
    data = read_model(path)
    source = _load(path, data, options.input_shapes)
    if options.calibration is not None:
        source = quantize_graph(source, options.calibration, options.quantization, progress=progress).graph
    sha256 = hashlib.sha256(data).hexdigest()
    channels_first = frontends.is_channels_first(path, data)
    return compile_graph(source, board, options, model_file=path.name, sha256=sha256, channels_first=channels_first)


def compile_graph(
    source: Graph,
    board: Board,
    options: Options,
    *,
    model_file: str,
    sha256: str,
    channels_first: bool = False,
) -> Compiled:
    """Compile a graph; ``model_file`` and ``sha256`` name its origin in the generated files.

    ``channels_first``: transpositions at the graph's border come from the format that it was read from, and may become
    part of the interface.
    """
    graph = optimize(source)
    layouts: Mapping[str, Permutation] = {}
    if channels_first and options.io_layout == "channels-last":
        graph, layouts = absorb_border_transposes(graph)
        graph = optimize(graph)
    if problems := device_problems(graph):
        raise UnsupportedError(problems)
    if options.optimize == "ram":
        schedule(graph)
    isa = Isa.PORTABLE if options.kernels == "portable" else Isa(board.core.isa)
    library = None if options.cmsis_nn == BUNDLED else codegen.Linked(codegen.load_tree(Path(options.cmsis_nn)))
    plan = make_plan(graph, Target(isa, library))
    check(plan)
    name = options.name or c_name(model_file)
    compiled = Compiled(source, plan, board, name, {}, layouts)
    _check_fits(compiled, options)
    files = codegen.generate(
        plan,
        board,
        codegen.CodegenOptions(
            name=name,
            model_file=model_file,
            model_sha256=sha256,
            projects=options.projects,
            optimize=options.optimize,
            stack_bytes=options.stack_bytes,
            facts={
                "kernels": options.kernels,
                "cmsis_nn": BUNDLED if library is None else str(library.tree.version),
                "max_flash": options.max_flash,
                "max_ram": options.max_ram,
                **_quantization_facts(options),
            },
            layouts=layouts,
        ),
    )
    return Compiled(source, plan, board, name, files, layouts)


def _quantization_facts(options: Options) -> dict[str, str]:
    """What the manifest says of the quantization, where there was one."""
    if options.calibration is None:
        return {}
    config = options.quantization
    return {
        "calibration": options.calibration.name,
        "quantization": f"{config.scheme.value}, {config.method.value}, {config.weights.value}",
    }


def device_problems(graph: Graph) -> list[str]:
    """One line for every rule of the generated C that a layer of an optimized graph breaks."""
    return [
        f"{one_line(node.name, 80)} ({node.op.name}): {one_line(problem, 600)}"
        for node in graph.nodes
        for problem in op_of(node).problems(node, device=True)
    ]


def c_name(file_name: str) -> str:
    """A C prefix from a file's name: ``Person-Detect v2.tflite`` gives ``person_detect_v2``."""
    stem = file_name.rsplit(".", 1)[0] if "." in file_name[1:] else file_name
    name = re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")[:_MAX_NAME].rstrip("_")
    return codegen.CodegenOptions.identifier(name or "model")


def _check_fits(compiled: Compiled, options: Options) -> None:
    """Refuse what cannot fit, with the figures.

    The user's limits are for the model alone, the board's memory also holds the stack. The size of the code is
    known only after the build: the linker and ``project.check_limits`` look again then.
    """
    board, arena = compiled.board, compiled.plan.arena_bytes
    regions = board.placement()
    # The stack lies in the same memory on most boards.
    stack = options.stack_bytes if regions["stack"] is regions["arena"] else 0
    widest = max(compiled.plan.steps, key=_working_set, default=None)
    smaller = f"the widest layer is {one_line(widest.node.label, 60)}" if widest else "the inputs are too large"
    checks = (
        ("the weights take", compiled.weight_bytes, "flash", regions["weights"].size, options.max_flash, "--max-flash"),
        ("the arena takes", arena, "RAM", regions["arena"].size - stack, options.max_ram, "--max-ram"),
    )
    for subject, used, kind, available, limit, flag in checks:
        hint = "Choose a larger board or a smaller model" + (f"; {smaller}" if kind == "RAM" else "")
        if limit is not None and used > limit:
            raise DoesNotFit(
                f"{subject} {used:,} bytes of {kind}, {flag} allows {limit:,}", where=compiled.name, hint=hint
            )
        if used > available:
            rest = f", {stack:,} more are the stack's" if stack and kind == "RAM" else ""
            what = f"{subject} {used:,} bytes of {kind}, {board.name} has {available:,}{rest}"
            raise DoesNotFit(what, where=compiled.name, hint=hint)


def _working_set(step: Step) -> int:
    """Bytes of a step's inputs and outputs in the arena."""
    return sum(v.type.nbytes for v in (*step.node.inputs, *step.node.outputs) if v is not None and not v.is_const)
