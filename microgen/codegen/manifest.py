"""``manifest.json``: what was generated, from what, and a digest of every file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from microgen.codegen.options import NetworkInput, ProjectOptions
from microgen.codegen.projects.model import Network, ProjectModel
from microgen.codegen.view import GraphView
from microgen.mindir import Value
from microgen.placement import Placement

FORMAT = 2


def manifest(
    inputs: Sequence[NetworkInput], project: ProjectModel, options: ProjectOptions, files: Mapping[str, bytes]
) -> bytes:
    """The manifest as JSON. ``inputs`` are the project's networks; ``files`` maps every other file's path to its
    content.
    """
    document = {
        "generator": "microgen",
        "format": FORMAT,
        "version": options.version,
        "name": project.name,
        "board": project.board.name,
        "options": {
            **options.facts,
            "api": options.api,
            "optimize": options.optimize,
            "projects": list(options.projects),
            "stack_bytes": options.stack_bytes,
            "placement": {role: region.name for role, region in project.placement.roles.items()},
            "tables": {pattern: region.name for pattern, region in project.placement.tables},
        },
        "arena": {"bytes": project.arena_bytes, "shared": project.shared_arena},
        "networks": [_network(*pair, project.placement) for pair in zip(inputs, project.networks, strict=True)],
        "files": {path: hashlib.sha256(content).hexdigest() for path, content in sorted(files.items())},
    }
    return (json.dumps(document, indent=2, ensure_ascii=True) + "\n").encode("ascii")


def _network(given: NetworkInput, network: Network, placement: Placement) -> dict[str, object]:
    view, graph = network.view, given.plan.graph
    return {
        "name": network.name,
        "model": {"file": network.model_file, "sha256": network.model_sha256, "graph": view.graph_name},
        "inputs": [_port(value, given.layouts) for value in graph.inputs],
        "outputs": [_port(value, given.layouts) for value in graph.outputs],
        "macs": view.macs,
        "layers": [
            {
                "index": layer.index,
                "name": layer.name,
                "op": layer.op,
                "kernel": layer.kernel,
                "macs": layer.macs,
                "outputs": [list(shape) for shape in layer.output_shapes],
                **({"graphs": list(layer.graphs)} if layer.graphs else {}),
            }
            for layer in view.layers
        ],
        **({"graphs": [_graph(graph) for graph in view.graphs]} if view.graphs else {}),
        "arena": {
            "bytes": view.arena_bytes,
            "state_bytes": view.state_bytes,
            "alignment": view.alignment,
            "places": [
                {"name": p.name, "offset": p.offset, "bytes": p.nbytes, "first_step": p.first, "last_step": p.last}
                for p in view.places
            ],
        },
        "constants": {
            "bytes": view.const_bytes,
            "tables": [
                {
                    "symbol": t.symbol,
                    "name": t.origin,
                    "layers": list(t.layers),
                    "bytes": t.nbytes,
                    "region": placement.region_of(*t.names).name,
                }
                for t in view.tables
            ],
        },
    }


def _graph(graph: GraphView) -> dict[str, object]:
    """A sub-graph that layers call."""
    return {
        "function": graph.function,
        "name": graph.name,
        "layer": graph.layer,
        "arena_bytes": graph.arena_bytes,
        "layers": [
            {"index": layer.index, "name": layer.name, "op": layer.op, "kernel": layer.kernel, "macs": layer.macs}
            for layer in graph.layers
        ],
    }


def _port(value: Value, layouts: Mapping[str, tuple[int, ...]]) -> dict[str, object]:
    quant = value.type.quant
    known = quant is not None and quant.is_per_tensor
    return {
        "name": value.name,
        "dtype": str(value.type.dtype),
        "shape": list(value.shape),
        "layout": list(layouts[value.name]) if value.name in layouts else None,
        "bytes": value.type.nbytes,
        "scale": quant.scale if quant is not None and known else None,
        "zero_point": quant.zero_point if quant is not None and known else None,
    }
