"""Arguments and options that several commands share, and what they mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from microgen import compiler, packs
from microgen.boards import Board, all_boards, load_board
from microgen.cli.output import progress_bars, steps_of
from microgen.data.audio_file import load_front_end
from microgen.data.config import Preprocess
from microgen.data.graph import RawPixels
from microgen.data.pipeline import Pipeline
from microgen.errors import UsageError
from microgen.npu import ACCELERATORS, VELA_OPTIONS, NpuTarget
from microgen.quantize import load_config

F = TypeVar("F", bound=Callable[..., Any])


class Bytes(click.ParamType[int]):
    """A size: ``4096``, ``64K``, ``1M``."""

    name = "bytes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes."""
        if isinstance(value, int):
            return value
        text = str(value).upper().removesuffix("B").removesuffix("I")
        factor = {"K": 1024, "M": 1 << 20}.get(text[-1:], 1)
        digits = text[:-1] if factor > 1 else text
        if not digits.isdecimal() or int(digits) == 0:
            self.fail(f"{value!r} is not a size; write it like 65536, 64K or 1M")
        return int(digits) * factor


class Names(click.ParamType[tuple[str, ...]]):
    """A list: ``make,iar``."""

    name = "list"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """The names, without duplicates, in order."""
        if isinstance(value, tuple):
            return value
        names = tuple(dict.fromkeys(part.strip() for part in str(value).split(",") if part.strip()))
        if not names:
            self.fail("the list is empty")
        return names


class Place(click.ParamType[tuple[tuple[str, str], ...]]):
    """What lies where: ``weights=qspi,arena=dtcm``."""

    name = "placement"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[tuple[str, str], ...]:
        """Pairs of what and the region's name."""
        if isinstance(value, tuple):
            return value
        pairs = [tuple(part.rpartition("=")[::2]) for part in str(value).split(",") if part.strip()]
        if not pairs or not all(what.strip() and region.strip() for what, region in pairs):
            self.fail(f"{value!r} is not WHAT=REGION")
        return tuple((what.strip(), region.strip()) for what, region in pairs)


class Size(click.ParamType[tuple[int, int]]):
    """A picture's size: ``240,320``."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Height and width."""
        if isinstance(value, tuple):
            return value
        height, comma, width = (part.strip() for part in str(value).partition(","))
        if not (comma and height.isdecimal() and width.isdecimal() and len(height + width) < 10):
            self.fail(f"{value!r} is no height and width; write it like 240,320")
        return int(height), int(width)


class InputShape(click.ParamType[tuple[str, tuple[int, ...]]]):
    """The shape of an input: ``image:1,3,32,32``."""

    name = "shape"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, tuple[int, ...]]:
        """The input's name and its dimensions."""
        if isinstance(value, tuple):
            return value
        # A name may have colons itself.
        name, _, dimensions = str(value).rpartition(":")
        parts = [part.strip() for part in dimensions.split(",")]
        if not name or not all(part.isdecimal() and 0 < int(part) < 1 << 31 for part in parts):
            self.fail(f"{value!r} is not NAME:1,3,32,32")
        return name, tuple(int(part) for part in parts)


json_option = click.option(
    "--json", "json_target", metavar="FILE", help="Write the result as JSON; - for standard output."
)
model_argument = click.argument("model", type=click.Path(path_type=Path))
models_argument = click.argument("models", metavar="MODEL...", nargs=-1, required=True, type=click.Path(path_type=Path))
folder_argument = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))


shapes_option = click.option("--input-shape", "input_shapes", multiple=True, type=InputShape(),
                              metavar="NAME:1,3,32,32", help="Static shape of an input; may be repeated.")  # fmt: skip


file_layout_option = click.option("--io-layout", type=click.Choice(compiler.IO_LAYOUTS), default="source",
                                   show_default=True,
                                   help="Order of dimensions at inputs and outputs of the new file.")  # fmt: skip


npu_options = (
    click.option("--npu", metavar="ETHOS-U",
                 help=f"An Ethos-U beside the core computes what it can: {', '.join(ACCELERATORS)}."),
    click.option("--npu-option", "npu_settings", multiple=True, metavar="NAME=VALUE",
                 help=f"An option of Vela; may be repeated: {', '.join(VELA_OPTIONS)}."),
)  # fmt: skip


def npu_of(name: str | None, settings: tuple[str, ...]) -> NpuTarget | None:
    """What ``npu_options`` say. UsageError as ``NpuTarget``, and for an option without an NPU."""
    if name is None and settings:
        raise UsageError("needs --npu", where="--npu-option")
    return None if name is None else NpuTarget(name, settings)


def compile_options(command: F) -> F:
    """The options that compile, verify and bench share."""
    for option in reversed(
        (
            click.option("--name", help="Prefix of the generated C names (default: from the file's name); "
                         "for several models, separated by commas."),
            click.option("--kernels", type=click.Choice(compiler.KERNELS), default="auto", show_default=True,
                         help="Kernel flavour; portable uses no SIMD."),
            click.option("--cmsis-nn", default=compiler.BUNDLED, show_default=True, metavar="bundled|DIR|pack",
                         help="Link CMSIS-NN from the source tree in DIR, or from the installed pack ARM::CMSIS-NN, in "
                         "place of the bundled kernels."),
            click.option("--project", "projects", type=Names(), default="make", show_default=True,
                         help=f"Project files to write, separated by commas: {', '.join(compiler.PROJECTS)}."),
            click.option("--api", type=click.Choice(compiler.APIS), default=compiler.NATIVE, show_default=True,
                         help="Interface that the code gets besides its own."),
            click.option("--place", multiple=True, type=Place(), metavar="WHAT=REGION,…",
                         help="Memory region for weights, arena, code, stack or data; weights/PATTERN for some "
                         "layers' weights."),
            click.option("--share-arena", is_flag=True, help="Several models work in one arena, one after the other."),
            click.option("--optimize", type=click.Choice(compiler.OPTIMIZE), default="speed", show_default=True,
                         help="What to favour."),
            click.option("--hybrid-weights", type=click.Choice(compiler.HYBRID_WEIGHTS), default="flash",
                         show_default=True, help="Where int8 weights of layers in float are unpacked: floats in flash, "
                         "or int8 in flash and floats in RAM from the start on."),
            click.option("--io-layout", type=click.Choice(compiler.IO_LAYOUTS), default="channels-last",
                         show_default=True, help="Order of dimensions at the interface of ONNX and MindSpore models."),
            click.option("--stack", "stack_bytes", type=Bytes(),
                         help="Bytes of stack of the program around the networks.  [default: 4096, on boards with "
                         "16 KB of RAM or less 1024]"),
            click.option("--max-flash", type=Bytes(), help="Refuse more flash than this (64K, 1M)."),
            click.option("--max-ram", type=Bytes(), help="Refuse more RAM than this."),
            click.option("--calibration", type=click.Path(path_type=Path), metavar="FILE|DIR",
                         help="Quantize a float model with these samples (.npz, .npy, a folder of images or sounds)."),
            click.option("--pixels", type=Size(), metavar="H,W",
                         help="Put the steps of --preprocess before the model, on the device: its input is then a raw "
                         "picture of H×W pixels (uint8)."),
            click.option("--preprocess", type=click.Path(path_type=Path), metavar="FILE",
                         help="How images and sounds become the model's input (YAML, as --config): on the device with "
                         "--pixels; evaluate does it on the host without."),
            click.option("--frontend", type=click.Path(path_type=Path), metavar="FILE",
                         help="Put this audio front end (YAML) before the model: its input is then samples of sound."),
            click.option("--config", type=click.Path(path_type=Path), metavar="FILE",
                         help="How to quantize and to preprocess the samples (YAML)."),
            shapes_option,
            *npu_options,
        )
    ):  # fmt: skip
        command = option(command)
    return command


def options_of(values: dict[str, Any]) -> compiler.Options:
    """The values of ``compile_options``, as the compiler takes them."""
    given = dict(values)
    config, front_end = given.pop("config"), given.pop("frontend")
    given["pixels"] = _raw_pixels(given["pixels"], given.pop("preprocess"))
    if front_end is not None:
        given["frontend"] = load_front_end(front_end)
    given["place"] = _placement(given["place"])
    given["npu"] = npu_of(given["npu"], given.pop("npu_settings"))
    shapes = dict(given.pop("input_shapes"))
    if config is None:
        return compiler.Options(**given, input_shapes=shapes)
    if given["calibration"] is None:
        raise UsageError("needs --calibration", where="--config")
    return compiler.Options(**given, input_shapes=shapes, quantization=load_config(config))


def _raw_pixels(size: tuple[int, int] | None, steps: Path | None) -> RawPixels | None:
    """What ``--pixels`` and ``--preprocess`` say; UsageError for the second alone."""
    if size is None:
        if steps is not None:
            raise UsageError("needs --pixels", where="--preprocess")
        return None
    preprocess = load_config(steps).preprocess if steps is not None else Preprocess()
    if preprocess != Preprocess() and not preprocess.steps:
        hint = "Only nearest resizing runs on a device, so every step is named"
        raise UsageError("must list steps for --pixels", where=f"--preprocess {steps}", hint=hint)
    return RawPixels(*size, Pipeline(preprocess.steps))


def _placement(given: tuple[tuple[tuple[str, str], ...], ...]) -> dict[str, str]:
    place: dict[str, str] = {}
    for what, region in (pair for pairs in given for pair in pairs):
        if place.setdefault(what, region) != region:
            raise UsageError(f"{what} is placed in {place[what]} and in {region}", where="--place")
    return place


def compiled_models(models: tuple[Path, ...], board: Board, options: compiler.Options) -> tuple[compiler.Compiled, ...]:
    """The compiled models of one project; progress is shown while they are quantized."""
    with progress_bars() as progress:
        return compiler.compile_models(models, board, options, progress=steps_of(progress))


device_option = click.option("--device", metavar="CHIP", help="A device of an installed pack (see: microgen packs), in "
                             "place of --board.")  # fmt: skip


def board_options(text: str) -> Callable[[F], F]:
    """``--board``, described by ``text``, and ``--device``; ``board_of`` and ``boards_of`` say what they mean."""

    def decorate(command: F) -> F:
        return click.option("--board", help=text)(device_option(command))

    return decorate


def board_of(name: str | None, device: str | None) -> Board:
    """The board of that name or file, or the board of a device. UsageError unless exactly one is given."""
    if (name is None) == (device is None):
        what = "one of --board and --device is needed" if name is None else "--board and --device exclude each other"
        raise UsageError(what, hint="microgen boards lists boards, microgen packs list --devices PATTERN devices")
    return packs.board_for(device) if device is not None else load_board(str(name))


def boards_of(text: str | None, device: str | None) -> list[Board]:
    """The boards to run on: those of a list of names or files, or the board of a device.

    UsageError unless exactly one is given, and for a board that has no emulator.
    """
    names = Names().convert(text, None, None) if text is not None else (None,)
    boards = [board_of(name, device) for name in names]
    for board in boards:
        if board.emulator is None:
            alike = [b.name for b in all_boards() if b.emulator is not None and b.core.cmsis == board.core.cmsis]
            hint = f"With a {board.core.cmsis}, too: --board {' or '.join(alike)}" if alike else "See: microgen boards"
            raise UsageError(f"board {board.name} has no emulator to run on", hint=hint)
    return boards


board_list = board_options("Board names or .toml files, separated by commas.")
