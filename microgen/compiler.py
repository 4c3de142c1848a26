"""The pipeline, readable top to bottom: model file → graph → passes → plan → C project."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microgen import codegen, frontends
from microgen.boards import Board
from microgen.errors import DoesNotFit, InputError, UsageError, one_line
from microgen.mindir import Graph
from microgen.ops.call import Isa, Target
from microgen.passes import optimize
from microgen.plan import Plan, Step, check, make_plan, schedule

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
    ``projects`` are the project files to write.
    """

    name: str | None = None
    kernels: str = "auto"
    cmsis_nn: str = BUNDLED
    optimize: str = "speed"
    projects: tuple[str, ...] = ("make",)
    max_flash: int | None = None
    max_ram: int | None = None
    stack_bytes: int = 4096

    def __post_init__(self) -> None:
        if self.kernels not in KERNELS:
            raise UsageError(f"unknown kernels {self.kernels!r}", hint=f"Use one of {', '.join(KERNELS)}")
        if self.optimize not in OPTIMIZE:
            raise UsageError(f"unknown optimization {self.optimize!r}", hint=f"Use one of {', '.join(OPTIMIZE)}")
        if self.cmsis_nn != BUNDLED and self.kernels == "portable":
            # A CMSIS-NN chooses its flavour by the compiler's own macros.
            hint = "Leave out one of the two options"
            raise UsageError("a linked CMSIS-NN cannot be kept from using SIMD", where="--kernels portable", hint=hint)
        if self.name is not None and not (
            re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", self.name) and len(self.name) <= _MAX_NAME
        ):
            hint = f"Use a letter, then letters, digits and underscores, at most {_MAX_NAME}"
            raise UsageError(f"{self.name!r} cannot prefix C names", where="--name", hint=hint)


KERNELS = ("auto", "cmsis-nn", "portable")
OPTIMIZE = ("speed", "size", "ram")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled model: ``source`` as the frontend read it, ``plan`` with the optimized graph, and the project."""

    source: Graph
    plan: Plan
    board: Board
    name: str
    files: Mapping[str, bytes]

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


def load_graph(path: Path) -> Graph:
    """A model file as MindIR, verified, not yet optimized."""
    return frontends.load(path, read_model(path))


def compile_model(path: Path, board: Board, options: Options = Options()) -> Compiled:
    """Compile the model file at ``path`` for ``board``; nothing is written.

    Raises InputError, UnsupportedError (every unsupported layer at once) and DoesNotFit.
    """
    data = read_model(path)
    source = frontends.load(path, data)
    return compile_graph(source, board, options, model_file=path.name, sha256=hashlib.sha256(data).hexdigest())


def compile_graph(source: Graph, board: Board, options: Options, *, model_file: str, sha256: str) -> Compiled:
    """Compile a graph; ``model_file`` and ``sha256`` name its origin in the generated files."""
    graph = optimize(source)
    if options.optimize == "ram":
        schedule(graph)
    isa = Isa.PORTABLE if options.kernels == "portable" else Isa(board.core.isa)
    library = None if options.cmsis_nn == BUNDLED else codegen.Linked(codegen.load_tree(Path(options.cmsis_nn)))
    plan = make_plan(graph, Target(isa, library))
    check(plan)
    name = options.name or c_name(model_file)
    compiled = Compiled(source, plan, board, name, {})
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
            },
        ),
    )
    return Compiled(source, plan, board, name, files)


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
