"""The command line that says what ``Options`` say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from microgen.quantize import QuantConfig

if TYPE_CHECKING:
    from microgen.compiler import Options


def words(
    options: Options, defaults: Options, model_files: Sequence[str], names: Sequence[str], board: str
) -> list[str]:
    """What follows ``microgen compile`` to get a project of ``options``, as far as a command line can say it.

    Files of which only the content is known here have capital letters in place of a name.
    """
    found = [*model_files, "--board", board, "--name", ",".join(names), "--project", ",".join(options.projects)]
    for flag, value, default in (
        ("--kernels", options.kernels, defaults.kernels),
        ("--cmsis-nn", options.cmsis_nn.replace("\\", "/").rstrip("/").rpartition("/")[2], defaults.cmsis_nn),
        ("--api", options.api, defaults.api),
        ("--optimize", options.optimize, defaults.optimize),
        ("--io-layout", options.io_layout, defaults.io_layout),
        ("--hybrid-weights", options.hybrid_weights, defaults.hybrid_weights),
        ("--stack", options.stack_bytes, defaults.stack_bytes),
        ("--max-flash", options.max_flash, defaults.max_flash),
        ("--max-ram", options.max_ram, defaults.max_ram),
    ):
        if value != default:
            found += [flag, str(value)]
    for what, region in options.place.items():
        found += ["--place", f"{what}={region}"]
    return [*found, *(["--share-arena"] if options.share_arena else []), *_of_files(options), *_of_npu(options)]


def _of_files(options: Options) -> Iterator[str]:
    for name, shape in options.input_shapes.items():
        yield from ("--input-shape", f"{name}:{','.join(map(str, shape))}")
    if options.calibration is not None:
        yield from ("--calibration", options.calibration.name)
        if options.quantization != QuantConfig():
            yield from ("--config", "CONFIG.yaml")
    if options.pixels is not None:
        yield from ("--pixels", f"{options.pixels.height},{options.pixels.width}")
        if options.pixels.pipeline.steps:
            yield from ("--preprocess", "STEPS.yaml")
    if options.frontend is not None:
        yield from ("--frontend", "FRONTEND.yaml")


def _of_npu(options: Options) -> Iterator[str]:
    if options.npu is not None:
        yield from ("--npu", options.npu.accelerator)
        for option in options.npu.options:
            yield from ("--npu-option", option)
