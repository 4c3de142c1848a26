"""Runs a built project on the emulator: inputs in, outputs and layer traces back."""

from __future__ import annotations

import re
import struct
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microgen.boards import Board
from microgen.errors import DeviceFault
from microgen.mindir import Array, TensorType
from microgen.target.emulator import run_elf

_STATS = re.compile(r"^MG (?P<pairs>.*)$", re.MULTILINE)
# Emulation is some hundred times slower than counting to a billion; what takes longer hangs.
_SECONDS_PER_RUN = 120.0


@dataclass(frozen=True, slots=True)
class DeviceRun:
    """What came back.

    ``outputs`` are [samples, repeat, *shape] for each output; ``trace`` likewise for each traced tensor (empty
    without trace); ``stack_bytes`` is the high-water mark of ``_invoke``.
    """

    outputs: tuple[Array, ...]
    trace: tuple[Array, ...]
    stack_bytes: int
    console: str


def input_blob(inputs: Sequence[Array], *, repeat: int, poison: bool, network: int = 0) -> bytes:
    """``input.bin`` of the emulator application: its header, then every sample's inputs.

    ``network`` is the number of the network that they are for.
    """
    samples = len(inputs[0])
    header = struct.pack("<4sIII", b"MGIN", samples, repeat, network << 8 | int(poison))
    flat = [np.ascontiguousarray(a).reshape(samples, -1).view(np.uint8).reshape(samples, -1) for a in inputs]
    return header + np.concatenate(flat, axis=1).tobytes()


def split(blob: bytes, types: Sequence[TensorType], samples: int, repeat: int, what: str) -> tuple[Array, ...]:
    """The arrays in a file of the emulator application; DeviceFault when its length is not right."""
    size = sum(t.nbytes for t in types)
    if len(blob) != size * samples * repeat:
        raise DeviceFault(f"the firmware wrote {len(blob)} bytes of {what}, not {size * samples * repeat}")
    table = np.frombuffer(blob, np.uint8).reshape(samples, repeat, size)
    arrays, start = [], 0
    for t in types:
        part = np.ascontiguousarray(table[:, :, start : start + t.nbytes])
        arrays.append(part.view(t.dtype.numpy).reshape(samples, repeat, *t.shape))
        start += t.nbytes
    return tuple(arrays)


def run_firmware(
    board: Board,
    elf: Path,
    inputs: Sequence[Array],
    outputs: Sequence[TensorType],
    *,
    trace: Sequence[TensorType] = (),
    repeat: int = 1,
    poison: bool = False,
    network: int = 0,
    timeout: float | None = None,
) -> DeviceRun:
    """Run the emulator application over ``inputs`` ([samples, *shape] each), every sample ``repeat`` times.

    ``network`` is its number in the project. ``poison`` fills the arena with a pattern before each sample's ``_init``.
    ``trace`` gives the types of the tensors that a build with TRACE=1 reports, in order. Raises DeviceFault for faults,
    hangs and short files.
    """
    samples = len(inputs[0])
    with tempfile.TemporaryDirectory(prefix="microgen-run-") as name:
        folder = Path(name)
        (folder / "input.bin").write_bytes(input_blob(inputs, repeat=repeat, poison=poison, network=network))
        limit = timeout if timeout is not None else _SECONDS_PER_RUN + 2.0 * samples * repeat
        result = run_elf(board, elf, files=folder, timeout=limit)
        if result.exit_code:
            last = (result.console.strip().splitlines() or ["nothing was printed"])[-1]
            raise DeviceFault(f"the firmware ended with code {result.exit_code}: {last}", where=board.name)
        found = _STATS.search(result.console)
        pairs = dict(p.split("=", 1) for p in found["pairs"].split() if "=" in p) if found else {}
        blob = (folder / "output.bin").read_bytes() if (folder / "output.bin").is_file() else b""
        traced = (folder / "trace.bin").read_bytes() if trace and (folder / "trace.bin").is_file() else b""
        return DeviceRun(
            split(blob, outputs, samples, repeat, "output"),
            split(traced, trace, samples, repeat, "trace"),
            int(pairs.get("stack", "0")),
            result.console,
        )
