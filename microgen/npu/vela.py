"""Compiles a model for the NPU with Arm's Vela, in a process of its own and a temporary folder."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from microgen.errors import InputError, UnsupportedError, UsageError, one_line
from microgen.npu.accelerators import accelerator
from microgen.npu.compiled import Compiled, ports, read
from microgen.npu.decoder import check_installed
from microgen.npu.prepare import prepared

_STEM = "model"
_SECONDS = 600.0
# What Vela says about operators that it leaves to the processor.
_REFUSED = re.compile(r"operator: (\S+), ofm: '(.*)'\s*\n\s*(?:-\s*)?Reason: (.*)")
_LEFT = re.compile(r"(?:without passthrough/CPU operations \(found|Non-passthrough operation \()\s*([^)]*)\)")

# What Vela says about options that it does not have, and about configuration files.
_OPTION = re.compile(r"(?:OptionError: ['\"]?Error: |vela(?:\.py)?: error: )(.*)")


class NotWhollyError(UnsupportedError):
    """Vela leaves operators of the model to the processor (exit code 2).

    ``operators`` are the names of the kinds that are left, ``problems`` one line for every operator that Vela
    explains.
    """

    def __init__(self, problems: Iterable[str], operators: Iterable[str]) -> None:
        super().__init__(problems, hint="A model for the NPU alone must hold nothing else than what it has")
        self.operators = tuple(operators)


def compile_for_npu(model: bytes, name: str, options: Sequence[str] = ()) -> Compiled:
    """The .tflite file ``model`` for the accelerator of this ``name`` (one of ``ACCELERATORS``).

    The multipliers are those of the reference interpreter (``microgen.npu.prepare``). ``options`` are further ones of
    Vela's command line (``--optimise Size``, ``--memory-mode …``). Raises UsageError for an unknown accelerator and for
    options that Vela refuses, ToolMissing without the package ethos-u-vela, NotWhollyError when operators remain for
    the processor, and InputError with Vela's words when it refuses the model.
    """
    target = accelerator(name)
    check_installed()
    given = ports(model)
    with tempfile.TemporaryDirectory(prefix="microgen-vela-") as folder:
        path = Path(folder) / f"{_STEM}.tflite"
        path.write_bytes(prepared(model))
        command = [sys.executable, "-m", "ethosu.vela", path.name, "--accelerator-config", target.name]
        command += ["--output-format", "raw", "--output-dir", ".", *options]
        try:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise InputError(f"Vela has not compiled the model after {_SECONDS:.0f} seconds") from None
        if done.returncode or not (Path(folder) / f"{_STEM}_vela.npz").is_file():
            raise _refusal(done.stdout + "\n" + done.stderr, done.returncode)
        return read(Path(folder), _STEM, target.name, given)


def _refusal(said: str, status: int) -> InputError | NotWhollyError | UsageError:
    if status < 0:
        return InputError(f"Vela was ended by signal {-status} while it compiled the model")
    if (option := _OPTION.search(said)) is not None:
        return UsageError(one_line(option.group(1).strip("'\" ")), where="an option of Vela")
    left = _LEFT.search(said)
    if left is None:
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        last = lines[-1] if lines else f"exit status {status}"
        return InputError(f"Vela refuses the model: {one_line(last.removeprefix('RuntimeError: '))}")
    operators = [name.strip() for name in left.group(1).split(",")]
    found = _REFUSED.findall(said)
    reasons = [f"{one_line(layer)} ({operator}): {one_line(reason)}" for operator, layer, reason in found]
    return NotWhollyError(reasons or [f"{name} is left to the processor" for name in operators], operators)
