"""``manifest.json``: what was generated, from what, and a digest of every file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from microgen.codegen.options import CodegenOptions
from microgen.codegen.projects.model import ProjectModel
from microgen.codegen.view import ModelView
from microgen.mindir import Value
from microgen.plan.model import Plan

FORMAT = 1


def manifest(
    plan: Plan, view: ModelView, project: ProjectModel, options: CodegenOptions, files: Mapping[str, bytes]
) -> bytes:
    """The manifest as JSON. ``files`` maps every other file's path to its content."""
    document = {
        "generator": "microgen",
        "format": FORMAT,
        "version": options.version,
        "name": options.name,
        "board": project.board.name,
        "model": {"file": options.model_file, "sha256": options.model_sha256, "graph": view.graph_name},
        "options": {
            **options.facts,
            "optimize": options.optimize,
            "projects": list(options.projects),
            "stack_bytes": options.stack_bytes,
            "placement": {role: region.name for role, region in project.placement.items()},
        },
        "inputs": [_port(value, options) for value in plan.graph.inputs],
        "outputs": [_port(value, options) for value in plan.graph.outputs],
        "macs": view.macs,
        "layers": [
            {
                "index": layer.index,
                "name": layer.name,
                "op": layer.op,
                "kernel": layer.kernel,
                "macs": layer.macs,
                "outputs": [list(shape) for shape in layer.output_shapes],
            }
            for layer in view.layers
        ],
        "arena": {
            "bytes": view.arena_bytes,
            "alignment": view.alignment,
            "places": [
                {"name": p.name, "offset": p.offset, "bytes": p.nbytes, "first_step": p.first, "last_step": p.last}
                for p in view.places
            ],
        },
        "constants": {
            "bytes": view.const_bytes,
            "tables": [{"symbol": t.symbol, "name": t.origin, "bytes": t.nbytes} for t in view.tables],
        },
        "files": {path: hashlib.sha256(content).hexdigest() for path, content in sorted(files.items())},
    }
    return (json.dumps(document, indent=2, ensure_ascii=True) + "\n").encode("ascii")


def _port(value: Value, options: CodegenOptions) -> dict[str, object]:
    quant = value.type.quant
    known = quant is not None and quant.is_per_tensor
    return {
        "name": value.name,
        "dtype": str(value.type.dtype),
        "shape": list(value.shape),
        "layout": list(options.layouts[value.name]) if value.name in options.layouts else None,
        "bytes": value.type.nbytes,
        "scale": quant.scale if quant is not None and known else None,
        "zero_point": quant.zero_point if quant is not None and known else None,
    }
