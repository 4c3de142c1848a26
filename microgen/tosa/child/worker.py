"""Converts a model to TOSA, or runs TOSA's reference model; executed by the Python that has those tools.

    worker.py convert FOLDER    model.tflite → model.tosa
    worker.py run FOLDER        model.tosa, inputs.npz → outputs.npz, arrays arr_0, arr_1, … of [samples, *shape]

Exit status 3: the tools refuse, 4: they are not installed; the last line of standard error says why.
"""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

REFUSED, MISSING = 3, 4
SECONDS = 280


def convert(folder: Path) -> None:
    """Through the converter's MLIR to TOSA's own file format."""
    import tosa_converter_for_tflite as converter

    source, middle, result = (folder / f"model.{end}" for end in ("tflite", "mlir", "tosa"))
    converter.tflite_flatbuffer_to_tosa_mlir(str(source), str(middle), converter.TosaConverterOutputFormat.Bytecode)
    program = Path(sysconfig.get_path("scripts")) / "tosa-opt"
    if not program.is_file():
        raise ImportError("No program named 'tosa-opt'")
    # -E as for this script: PYTHONPATH is meant for another Python.
    command = [sys.executable, "-E", str(program), "--tosa-serialize", f"--tosa-flatbuffer-filename={result}"]
    command += ["-o", os.devnull, str(middle)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False)
    if done.returncode or not result.is_file():
        said = [line for line in done.stderr.splitlines() if "error:" in line] or done.stderr.splitlines()
        why = said[0].split("error: ")[-1] if said else f"tosa-opt ends with status {done.returncode}"
        # What the converter does not know it leaves as it was.
        raise ValueError("the converter leaves an operator as it is" if "dialect 'tfl'" in why else why)


def run(folder: Path) -> None:
    """Sample by sample: a TOSA graph has fixed shapes."""
    import numpy as np
    import tosa_reference_model as model

    graph = (folder / "model.tosa").read_bytes()
    with np.load(folder / "inputs.npz", allow_pickle=False) as stored:
        inputs = [stored[f"arr_{index}"] for index in range(len(stored.files))]
    found = []
    for sample in range(len(inputs[0]) if inputs else 1):
        # The model takes arrays of one piece only; of a scalar, indexing would make no array.
        outputs, status = model.run(graph, [np.ascontiguousarray(a[sample]).reshape(a.shape[1:]) for a in inputs])
        if status != model.GraphStatus.TOSA_VALID:
            raise ValueError(f"the reference model calls the graph {status.name}")
        found.append(outputs)
    np.savez(folder / "outputs.npz", *[np.stack(arrays) for arrays in zip(*found, strict=True)])


def main() -> int:
    """The exit status."""
    try:
        {"convert": convert, "run": run}[sys.argv[1]](Path(sys.argv[2]))
    except ImportError as error:
        print(error, file=sys.stderr)
        return MISSING
    except (RuntimeError, ValueError, subprocess.TimeoutExpired) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())
