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
from microgen.npu.cosimulation import simulated_npu
from microgen.target.emulator import run_elf

_STATS = re.compile(r"^MG (?P<pairs>.*)$", re.MULTILINE)
_STACK_END = re.compile(r"^MG-STACK layer=(\d{1,6})$", re.MULTILINE)
# Emulation is some hundred times slower than counting to a billion; what takes longer hangs.
_SECONDS_PER_RUN = 120.0


@dataclass(frozen=True, slots=True)
class DeviceRun:
    """What came back.

    ``outputs`` are [samples, repeat, *shape] for each output; ``trace`` likewise for each traced tensor (empty
    without trace), ``seen`` the inputs as the traced network found them; ``stack_bytes`` is the high-water mark of
    ``_invoke``. ``stack_end`` is the layer during which the end of the stack was written to (None: it was not; only
    with trace).
    """

    outputs: tuple[Array, ...]
    trace: tuple[Array, ...]
    stack_bytes: int
    console: str
    seen: tuple[Array, ...] = ()
    stack_end: int | None = None


class Stopped(DeviceFault):
    """A firmware that ended early. ``traced`` are the bytes of trace that it had written by then, ``stack_end`` is as
    in ``DeviceRun``.
    """

    def __init__(self, fault: DeviceFault, traced: int, stack_end: int | None) -> None:
        super().__init__(fault.what, where=fault.where, hint=fault.hint)
        self.traced = traced
        self.stack_end = stack_end


def input_blob(inputs: Sequence[Array], *, repeat: int, poison: bool, network: int = 0) -> bytes:
    """``input.bin`` of the emulator application: its header, then every sample's inputs.

    ``network`` is the number of the network that they are for.
    """
    samples = len(inputs[0]) if inputs else 1
    header = struct.pack("<4sIII", b"MGIN", samples, repeat, network << 8 | int(poison))
    flat = [np.ascontiguousarray(a).reshape(samples, -1).view(np.uint8).reshape(samples, -1) for a in inputs]
    return header + np.concatenate([np.empty((samples, 0), np.uint8), *flat], axis=1).tobytes()


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


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _read(file: Path, wanted: bool = True) -> bytes:
    return file.read_bytes() if wanted and file.is_file() else b""


def _stack_end(console: str) -> int | None:
    found = _STACK_END.search(console)
    return None if found is None else int(found[1])


def run_firmware(
    board: Board,
    elf: Path,
    inputs: Sequence[Array],
    outputs: Sequence[TensorType],
    *,
    trace: Sequence[TensorType] = (),
    seen: Sequence[TensorType] = (),
    repeat: int = 1,
    poison: bool = False,
    network: int = 0,
    timeout: float | None = None,
) -> DeviceRun:
    """Run the emulator application over ``inputs`` ([samples, *shape] each), every sample ``repeat`` times.

    ``network`` is its number in the project. ``poison`` fills the arena with a pattern before each sample's ``_init``.
    ``trace`` gives the types of the tensors that a build with TRACE=1 reports, in order, ``seen`` those of the inputs,
    which it reports, too. Raises DeviceFault for faults, hangs and short files, which is Stopped where the firmware
    ended early.
    """
    samples = len(inputs[0]) if inputs else 1
    with tempfile.TemporaryDirectory(prefix="microgen-run-") as name:
        folder = Path(name)
        (folder / "input.bin").write_bytes(input_blob(inputs, repeat=repeat, poison=poison, network=network))
        limit = timeout if timeout is not None else _SECONDS_PER_RUN + 2.0 * samples * repeat
        with simulated_npu(folder):
            try:
                result = run_elf(board, elf, files=folder, timeout=limit)
            except DeviceFault as fault:
                raise Stopped(fault, _size(folder / "trace.bin"), _stack_end(fault.console)) from None
        if result.exit_code:
            last = (result.console.strip().splitlines() or ["nothing was printed"])[-1]
            ended = DeviceFault(f"the firmware ended with code {result.exit_code}: {last}", where=board.name)
            raise Stopped(ended, _size(folder / "trace.bin"), _stack_end(result.console))
        found = _STATS.search(result.console)
        pairs = dict(p.split("=", 1) for p in found["pairs"].split() if "=" in p) if found else {}
        blob = _read(folder / "output.bin")
        traced, inputs_seen = _read(folder / "trace.bin", bool(trace)), _read(folder / "seen.bin", bool(seen))
        return DeviceRun(
            split(blob, outputs, samples, repeat, "output"),
            split(traced, trace, samples, repeat, "trace"),
            int(pairs.get("stack", "0")),
            result.console,
            split(inputs_seen, seen, samples, repeat, "inputs seen"),
            _stack_end(result.console),
        )
