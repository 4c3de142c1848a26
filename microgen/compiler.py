"""The pipeline, readable top to bottom: model file → graph → quantization if asked for → passes → plan → C project."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from microgen import advice, codegen, commandline, fit, frontends, npu, packs
from microgen.boards import Board
from microgen.codegen.cmsis_nn import VERSIONS
from microgen.data.audio import FrontEnd, prepend
from microgen.data.graph import RawPixels
from microgen.errors import InputError, UnsupportedError, UsageError, one_line
from microgen.example import make_example
from microgen.frontends.options import ImportOptions
from microgen.mindir import Graph
from microgen.ops.base import every_value, op_of
from microgen.ops.call import Isa, Target
from microgen.ops.layout import Permutation
from microgen.passes import absorb_border_transposes, optimize
from microgen.placement import check_patterns, make_placement
from microgen.plan import Plan, check, in_one_arena, make_plan, order_recurrences, order_states, schedule, unpacking
from microgen.quantize import QuantConfig, quantize_graph
from microgen.quantize.observe import Progress, silent

# Far above any model for a microcontroller; keeps a mistaken path from filling the memory.
MAX_MODEL_BYTES = 1 << 28
_SPELLINGS = str.maketrans(
    {
        "ä": "ae",
        "ö": "oe",
        "ü": "ue",
        "ß": "ss",
        "æ": "ae",
        "ø": "oe",
        "œ": "oe",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
    }
)
_MAX_NAME = 40


BUNDLED = "bundled"
FROM_PACK = "pack"


@dataclass(frozen=True, slots=True)
class Options:
    """What ``compile`` can be told.

    ``name`` prefixes everything in the generated C (default: from the file's name); ``kernels`` is ``auto``,
    ``cmsis-nn`` (keep to CMSIS-NN's functions) or ``portable`` (no SIMD); ``cmsis_nn`` is ``bundled``, or
    ``pack`` (of the installed ARM::CMSIS-NN) or the folder of a CMSIS-NN source tree that is linked in place of our own
    functions of its API; ``optimize`` is
    ``speed``, ``size`` or ``ram``; ``max_flash`` and ``max_ram`` are limits in bytes below the board's own;
    ``projects`` are the project files to write. ``calibration`` names samples (see ``quantize.load_samples``) with
    which a float model is quantized to int8 as ``quantization`` says; ``input_shapes`` gives inputs static shapes.
    ``io_layout`` is ``channels-last``, as the device computes, or ``source``: inputs and outputs keep the model file's
    order of dimensions, at the price of a transposition. ``place`` puts weights, arena or code into a memory region
    of the board (``microgen.placement``); ``api`` is ``native`` or another interface that the code gets besides;
    ``stack_bytes`` None is what the board has for the stack. ``share_arena``: several networks work in one arena,
    one after the other. ``hybrid_weights``: integers that are weights of layers in float become floats in
    ``flash``, or stay integers there and are unpacked into ``ram`` by the network's ``_init``. ``frontend`` makes
    the model's input from samples of sound, which are then what the device is given, ``pixels`` makes it from a raw
    picture. ``npu`` is an Ethos-U that computes what it can. ``command`` are the words behind ``microgen compile``
    that said all this, for the project's README; without them it has what can be told from the options.
    """

    name: str | None = None
    kernels: str = "auto"
    cmsis_nn: str = BUNDLED
    optimize: str = "speed"
    projects: tuple[str, ...] = ("make",)
    max_flash: int | None = None
    max_ram: int | None = None
    stack_bytes: int | None = None
    calibration: Path | None = None
    quantization: QuantConfig = field(default_factory=QuantConfig)
    input_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    io_layout: str = "channels-last"
    place: Mapping[str, str] = field(default_factory=dict)
    api: str = codegen.NATIVE
    share_arena: bool = False
    hybrid_weights: str = "flash"
    npu: npu.NpuTarget | None = None
    frontend: FrontEnd | None = None
    pixels: RawPixels | None = None
    command: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kernels not in KERNELS:
            raise UsageError(f"unknown kernels {self.kernels!r}", hint=f"Use one of {', '.join(KERNELS)}")
        if self.optimize not in OPTIMIZE:
            raise UsageError(f"unknown optimization {self.optimize!r}", hint=f"Use one of {', '.join(OPTIMIZE)}")
        if self.hybrid_weights not in HYBRID_WEIGHTS:
            raise UsageError(
                f"unknown place of weights {self.hybrid_weights!r}", hint=f"Use one of {', '.join(HYBRID_WEIGHTS)}"
            )
        if self.io_layout not in IO_LAYOUTS:
            raise UsageError(f"unknown layout {self.io_layout!r}", hint=f"Use one of {', '.join(IO_LAYOUTS)}")
        if self.cmsis_nn != BUNDLED and self.kernels == "portable":
            # A CMSIS-NN chooses its flavour by the compiler's own macros.
            hint = "Leave out one of the two options"
            raise UsageError("a linked CMSIS-NN cannot be kept from using SIMD", where="--kernels portable", hint=hint)
        for name in self.name.split(",") if self.name is not None else ():
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or len(name) > _MAX_NAME:
                hint = f"Use a letter, then letters, digits and underscores, at most {_MAX_NAME}"
                raise UsageError(f"{name!r} cannot prefix C names", where="--name", hint=hint)

    def stack_on(self, board: Board) -> int:
        """The size of the application's stack on ``board``."""
        return board.default_stack if self.stack_bytes is None else self.stack_bytes


IO_LAYOUTS = ("channels-last", "source")
PROJECTS = tuple(codegen.known_projects())
APIS = tuple(codegen.known_apis())
NATIVE = codegen.NATIVE
KERNELS = ("auto", "cmsis-nn", "portable")
OPTIMIZE = ("speed", "size", "ram")
HYBRID_WEIGHTS = ("flash", "ram")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled model: ``source`` as the frontend read it or the quantizer made it, ``plan`` with the optimized graph,
    and the project.

    ``layouts`` tells of each input and output, by name, whose dimensions were rearranged for the device: compiled =
    source.transpose(permutation). ``index`` is the network's number in the project. ``offloaded`` says what the NPU
    computes, where there is one.
    """

    source: Graph
    plan: Plan
    board: Board
    name: str
    files: Mapping[str, bytes]
    layouts: Mapping[str, Permutation] = field(default_factory=dict)
    index: int = 0
    offloaded: npu.Offloaded | None = None

    @property
    def graph(self) -> Graph:
        """The optimized graph that the C code computes."""
        return self.plan.graph

    @property
    def weight_bytes(self) -> int:
        """Bytes of weights, biases and other constant inputs; the least that flash must hold."""
        return min(self.const_bytes, sum(v.type.nbytes for v in every_value(self.graph) if v.is_const))

    @property
    def manifest(self) -> Mapping[str, Any]:
        """The project's manifest."""
        content: Mapping[str, Any] = json.loads(self.files["manifest.json"])
        return content

    @property
    def const_bytes(self) -> int:
        """Bytes of all constants in the generated code."""
        return int(self.manifest["networks"][self.index]["constants"]["bytes"])


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
    return compile_models([path], board, options, progress=progress)[0]


def compile_models(
    paths: Sequence[Path], board: Board, options: Options = Options(), *, progress: Progress = silent
) -> tuple[Compiled, ...]:
    """Compile several model files into one project, which every result holds; see ``compile_model``.

    ``options.name`` then gives the names separated by commas. Raises UsageError for options that serve one model only.
    """
    single = (
        ("--calibration", options.calibration is not None),
        ("--frontend", options.frontend is not None),
        ("--pixels", options.pixels is not None),
        ("--input-shape", bool(options.input_shapes)),
    )
    flag = next((name for name, given in single if given), None)
    if len(paths) > 1 and flag is not None:
        raise UsageError("serves one model only", where=flag, hint="Prepare each with quantize or convert first")
    names = _names([path.name for path in paths], options.name)
    prepared = []
    for path, name in zip(paths, names, strict=True):
        read = read_source(path, options, progress)
        prepared.append(_prepare(read.graph, board, options, name, path.name, read.sha256, read.channels_first))
    return _generated(prepared, board, options)


@dataclass(frozen=True, slots=True)
class Source:
    """A model file's graph, quantized where that was asked for; what else ``compile_graph`` wants to know of it."""

    graph: Graph
    model_file: str
    sha256: str
    channels_first: bool


def read_source(path: Path, options: Options = Options(), progress: Progress = silent) -> Source:
    """The model file at ``path``, quantized where ``options`` has calibration samples, behind the
    front end where it has one; errors as ``compile_model``.
    """
    data = read_model(path)
    graph = _load(path, data, options.input_shapes)
    if options.calibration is not None:
        graph = quantize_graph(graph, options.calibration, options.quantization, progress=progress).graph
    if options.frontend is not None:
        graph = prepend(options.frontend, graph)
    if options.pixels is not None:
        graph = options.pixels.before(graph)
    return Source(graph, path.name, hashlib.sha256(data).hexdigest(), frontends.is_channels_first(path, data))


def device_form(
    source: Graph, channels_first: bool, options: Options = Options()
) -> tuple[Graph, Mapping[str, Permutation]]:
    """The optimized graph with its interface as the device has it, and the ``layouts`` of ``Compiled``."""
    graph = optimize(source)
    if not channels_first or options.io_layout != "channels-last":
        return graph, {}
    graph, layouts = absorb_border_transposes(graph)
    return optimize(graph), layouts


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
    part of the interface. A front end that ``options`` has is in the graph already (``read_source`` joins it).
    """
    (name,) = _names([model_file], options.name)
    prepared = _prepare(source, board, options, name, model_file, sha256, channels_first)
    return _generated([prepared], board, options)[0]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A network on its way: the graph as it was read, and its plan."""

    source: Graph
    network: codegen.NetworkInput
    offloaded: npu.Offloaded | None


def _prepare(
    source: Graph, board: Board, options: Options, name: str, model_file: str, sha256: str, channels_first: bool
) -> _Prepared:
    graph, layouts = device_form(source, channels_first, options)
    if problems := device_problems(graph):
        raise UnsupportedError(problems)
    offloaded = None if options.npu is None else npu.offload(graph, options.npu)
    graph = graph if offloaded is None else offloaded.graph
    order_recurrences(graph)
    if options.optimize == "ram":
        schedule(graph)
    graph = order_states(graph)
    isa = Isa.PORTABLE if options.kernels == "portable" else Isa(board.core.isa)
    start = unpacking(source, graph) if options.hybrid_weights == "ram" else ()
    plan = make_plan(graph, Target(isa, _library(options)), start)
    if plan.arena_bytes > board.ram_size:  # before anything of that size is made here
        # A pattern may be for another network's constants.
        regions = replace(options, place={role: region for role, region in options.place.items() if "/" not in role})
        _check_fits([codegen.NetworkInput(plan, name, model_file, sha256, layouts)], board, regions)
    check(plan)
    example = make_example(graph) if codegen.needs_example(options.projects, board) else None
    notes = {} if options.frontend is None else {"samples": options.frontend.description}
    network = codegen.NetworkInput(plan, name, model_file, sha256, layouts, example, notes=notes)
    return _Prepared(source, network, offloaded)


def _library(options: Options) -> codegen.Linked | None:
    """The CMSIS-NN to link in place of our own functions of its API, if any."""
    if options.cmsis_nn == BUNDLED:
        return None
    installed = options.cmsis_nn == FROM_PACK
    tree = packs.cmsis_nn_tree(v.number for v in VERSIONS) if installed else Path(options.cmsis_nn)
    return codegen.Linked(codegen.load_tree(tree))


def _in_one_arena(prepared: Sequence[_Prepared]) -> tuple[_Prepared, ...]:
    plans = in_one_arena([p.network.plan for p in prepared])
    for plan in plans:
        check(plan)
    return tuple(replace(p, network=replace(p.network, plan=plan)) for p, plan in zip(prepared, plans, strict=True))


def _generated(prepared: Sequence[_Prepared], board: Board, options: Options) -> tuple[Compiled, ...]:
    _check_fits([p.network for p in prepared], board, options)
    if options.share_arena:
        prepared = _in_one_arena(prepared)
    compiled = [
        Compiled(p.source, p.network.plan, board, p.network.name, {}, p.network.layouts, index, p.offloaded)
        for index, p in enumerate(prepared)
    ]
    library = prepared[0].network.plan.target.library
    files = codegen.generate(
        [p.network for p in prepared],
        board,
        codegen.ProjectOptions(
            projects=options.projects,
            api=options.api,
            optimize=options.optimize,
            stack_bytes=options.stack_on(board),
            placement=options.place,
            share_arena=options.share_arena,
            npu="" if options.npu is None else options.npu.accelerator,
            command=options.command or _command([p.network for p in prepared], board, options),
            facts={
                "kernels": options.kernels,
                "cmsis_nn": str(library.tree.version) if isinstance(library, codegen.Linked) else BUNDLED,
                "max_flash": options.max_flash,
                "max_ram": options.max_ram,
                **_quantization_facts(options),
                **_npu_facts(options),
                **_front_end_facts(options),
            },
        ),
    )
    return tuple(replace(c, files=files) for c in compiled)


def _command(networks: Sequence[codegen.NetworkInput], board: Board, options: Options) -> tuple[str, ...]:
    files, names = [network.model_file for network in networks], [network.name for network in networks]
    return tuple(commandline.words(options, Options(), files, names, board.name))


def _names(model_files: Sequence[str], given: str | None) -> list[str]:
    """The prefix of each network's C names: what the user chose, else from its file's name."""
    if given is None:
        return [c_name(file) for file in model_files]
    names = given.split(",")
    if len(names) != len(model_files):
        raise UsageError(f"{len(names)} names for {len(model_files)} models", where=f"--name {given}")
    return names


def _quantization_facts(options: Options) -> dict[str, str]:
    """What the manifest says of the quantization, where there was one."""
    if options.calibration is None:
        return {}
    config = options.quantization
    return {
        "calibration": options.calibration.name,
        "quantization": f"{config.scheme.value}, {config.method.value}, {config.weights.value}",
    }


def _front_end_facts(options: Options) -> dict[str, Any]:
    """What the manifest says of the front end, where there is one."""
    facts = {} if options.frontend is None else {"frontend": options.frontend.facts()}
    return facts if options.pixels is None else facts | {"pixels": options.pixels.facts()}


def _npu_facts(options: Options) -> dict[str, object]:
    """What the manifest says of the NPU, where there is one."""
    if options.npu is None:
        return {}
    return {"npu": options.npu.accelerator, "npu_options": [_without_folder(option) for option in options.npu.options]}


def _without_folder(option: str) -> str:
    """An option of Vela; of a file of the user's its name."""
    name, _, value = option.partition("=")
    return f"{name}={Path(value).name}" if name == "config" and Path(value).is_absolute() else option


def device_problems(graph: Graph) -> list[str]:
    """One line for every rule of the generated C that a layer of an optimized graph breaks."""
    return [
        f"{one_line(node.name, 80)} ({node.op.name}): {one_line(problem, 600)}"
        for node in graph.nodes
        for problem in op_of(node).problems(node, device=True)
    ]


def c_name(file_name: str) -> str:
    """A C prefix from a file's name: ``Person-Detect v2.tflite`` gives ``person_detect_v2``, ``Größe.ms`` ``groesse``.

    Letters with a customary spelling get that, other accents are dropped; what is then no ASCII letter separates.
    """
    stem = file_name.rsplit(".", 1)[0] if "." in file_name[1:] else file_name
    # Some file systems store letters and accents apart.
    spelled = unicodedata.normalize("NFC", stem).lower().translate(_SPELLINGS)
    plain = "".join(c for c in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(c))
    name = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:_MAX_NAME].rstrip("_")
    return codegen.identifier(name or "model")


def _check_fits(networks: Sequence[codegen.NetworkInput], board: Board, options: Options) -> None:
    """Refuse what cannot fit, with the figures and with what would help.

    The user's limits are for the networks alone, the board's memory also holds the stack. The size of the code is
    known only after the build: the linker and ``project.check_limits`` look again then.
    """
    needs = tuple(fit.network_needs(network, network.plan) for network in networks)
    placement = make_placement(board, options.place)
    check_patterns(placement, [constant.names for network in needs for constant in network.constants])
    situation = advice.Situation(
        board=board,
        needs=fit.Needs(needs, options.stack_on(board), options.share_arena and len(needs) > 1),
        place=options.place,
        max_flash=options.max_flash,
        max_ram=options.max_ram,
        replan=advice.replanner(networks, Isa.PORTABLE if options.kernels == "portable" else None),
        for_ram=options.optimize == "ram",
        calibrated=options.calibration is not None,
    )
    advice.check(situation, where=", ".join(network.name for network in networks))
