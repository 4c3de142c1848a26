"""Makes tests/data/mindspore with MindSpore itself, and lets MindSpore run what microgen exports.

    python tools/make_mindspore_fixtures.py [--check] [--model ic_resnet8_float.tflite]

needs an environment with mindspore 2.10 (which wants numpy below 2) and microgen's own dependencies. Without
``--check`` it writes one .mindir and one .npz (inputs ``x0``, ``x1``, … and outputs ``y0``, …) for every network of
mindspore_networks.py. With or without, it loads every fixture with microgen, exports it again, runs the export with
MindSpore and writes the differences and the exports' hashes to roundtrip.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import mindspore as ms
import mindspore_networks
import numpy as np
from mindspore import nn
from mindspore.train import serialization

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from microgen import frontends  # noqa: E402
from microgen.exporters.mindspore import save  # noqa: E402
from microgen.passes import optimize  # noqa: E402
from microgen.runtime import Session  # noqa: E402

FOLDER = REPOSITORY / "tests" / "data" / "mindspore"
#: Written once more with its weights in a file of their own, as MindSpore does with models above 1 GB.
EXTERNAL = "functions"


def main() -> None:
    """Makes the fixtures and checks the exports."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="leave the fixtures as they are")
    parser.add_argument("--model", type=Path, action="append", default=[], help="a float model to export as well")
    options = parser.parse_args()
    ms.set_context(mode=ms.GRAPH_MODE, device_target="CPU")
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not options.check:
        for name in mindspore_networks.NETWORKS:
            make(name)
    results = {name: check(FOLDER / f"{name}.mindir") for name in mindspore_networks.NETWORKS}
    results |= {path.name: check(path) for path in options.model}
    record = {"mindspore": ms.__version__, "numpy": np.__version__, "exports": results}
    (FOLDER / "roundtrip.json").write_text(json.dumps(record, indent=1) + "\n")


def make(name: str) -> None:
    """One fixture."""
    cell, inputs = mindspore_networks.make(name)
    tensors = [ms.Tensor(x) for x in inputs]
    arrays = {f"x{i}": x for i, x in enumerate(inputs)}
    # What is not inlined can be exported as a graph, but not run as one.
    ms.set_context(mode=ms.PYNATIVE_MODE if name == EXTERNAL else ms.GRAPH_MODE)
    arrays |= {f"y{i}": y for i, y in enumerate(outputs_of(cell(*tensors)))}
    ms.set_context(mode=ms.GRAPH_MODE)
    np.savez_compressed(FOLDER / f"{name}.npz", **arrays)
    _export(cell, tensors, FOLDER / f"{name}.mindir")
    if name == EXTERNAL:
        limit, serialization.TOTAL_SAVE = serialization.TOTAL_SAVE, 0
        _export(cell, tensors, FOLDER / "external_graph.mindir", "external")
        serialization.TOTAL_SAVE = limit
        for path in (FOLDER / "external_variables").iterdir():
            path.chmod(0o644)
        (FOLDER / "external_variables").chmod(0o755)


def _export(cell: nn.Cell, tensors: list[ms.Tensor], path: Path, stem: str = "") -> None:
    path.unlink(missing_ok=True)
    ms.export(cell, *tensors, file_name=str(path.parent / (stem or path.stem)), file_format="MINDIR")
    path.chmod(0o644)


def outputs_of(result: Any) -> list[np.ndarray]:
    """The arrays of a network's result."""
    return [t.asnumpy() for t in (result if isinstance(result, (tuple, list)) else (result,))]


def check(path: Path) -> dict[str, Any]:
    """MindSpore's own run of what microgen exports: hash of the export, largest difference, largest magnitude."""
    graph = frontends.load(path, path.read_bytes())
    exported = save(graph)
    stored = path.with_suffix(".npz")
    if path.suffix == ".mindir":
        with np.load(stored) as arrays:
            inputs = [arrays[f"x{i}"] for i in range(len(graph.inputs))]
            expected = [arrays[f"y{i}"] for i in range(len(graph.outputs))]
    else:
        rng = np.random.default_rng(1)
        inputs = [rng.uniform(0.0, 1.0, v.shape).astype(np.float32) for v in graph.inputs]
        expected = [y[0] for y in Session(graph).run([x[None] for x in inputs])]
    difference, optimized = (_difference(data, inputs, expected) for data in (exported, save(optimize(graph))))
    largest = max(float(np.abs(e).max()) for e in expected)
    print(f"{path.name}: {difference:.3g} and, optimized, {optimized:.3g} of {largest:.3g}")
    return {
        "sha256": hashlib.sha256(exported).hexdigest(),
        "max_difference": float(f"{difference:.3g}"),
        "optimized_max_difference": float(f"{optimized:.3g}"),
        "largest_output": float(f"{largest:.3g}"),
    }


def _difference(exported: bytes, inputs: list[np.ndarray], expected: list[np.ndarray]) -> float:
    """The largest difference of MindSpore's outputs to the expected ones."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "export.mindir"
        file.write_bytes(exported)
        cell = nn.GraphCell(ms.load(str(file)))
        found = outputs_of(cell(*(ms.Tensor(x) for x in inputs)))
    assert [f.shape for f in found] == [e.shape for e in expected]
    return max(float(np.abs(f - e).max()) for f, e in zip(found, expected, strict=True))


if __name__ == "__main__":
    main()
