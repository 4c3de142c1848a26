"""MindSpore Lite's C interface, as its code generator for microcontrollers (Micro) gives it to applications.

Names, values and layouts are those that MindSpore Lite 2.x publishes in ``include/c_api``; docs/mindspore-api.md says
what differs. There is no heap: handles come from arrays whose sizes the generated ``microgen_ms_limits.h`` holds.
"""

from __future__ import annotations

from dataclasses import dataclass

from microgen import resources
from microgen.codegen.apis import ApiFiles
from microgen.codegen.environment import Render
from microgen.codegen.projects.model import Group, Network, ProjectModel
from microgen.codegen.view import PortView
from microgen.errors import UsageError

NAME = "mindspore"
HOOKS = True

_INCLUDE = "mindspore/include"
_SOURCE = "mindspore/src"
_PUBLIC = ("context_c.h", "data_type_c.h", "format_c.h", "model_c.h", "status_c.h", "tensor_c.h", "types_c.h")
_PRIVATE = (
    "microgen_ms.h",
    *(f"microgen_ms_{part}.c" for part in ("context", "hooks", "model", "predict", "tensor")),
    "tensor.h",
)
_RENDERED = {
    f"{_INCLUDE}/model_handle.h": "model_handle.h.j2",
    f"{_SOURCE}/microgen_ms_limits.h": "microgen_ms_limits.h.j2",
    f"{_SOURCE}/microgen_ms_networks.c": "microgen_ms_networks.c.j2",
}
_DATA_TYPES = {
    "bool": "Bool",
    "int8_t": "Int8",
    "int16_t": "Int16",
    "int32_t": "Int32",
    "int64_t": "Int64",
    "uint8_t": "UInt8",
    "uint16_t": "UInt16",
    "uint32_t": "UInt32",
    "uint64_t": "UInt64",
    "float": "Float32",
}


@dataclass(frozen=True, slots=True)
class _Port:
    """An input or output. ``kept`` is where in the workspace an input's data survives an inference; 0 of outputs."""

    name: str
    type: str
    shape: tuple[int, ...]
    shape_symbol: str
    nbytes: int
    kept: int


@dataclass(frozen=True, slots=True)
class _Network:
    """A network: ``ports`` are the inputs, then the outputs. ``arena_bytes`` are a multiple of the alignment; in
    ``workspace_bytes`` a copy of each input follows them. ``slack`` is what aligning any memory costs at most.
    ``keeps``: it has states between inferences.
    """

    name: str
    macro: str
    ports: tuple[_Port, ...]
    alignment: int
    arena_bytes: int
    workspace_bytes: int
    keeps: bool

    @property
    def slack(self) -> int:
        return self.alignment - 1


def files(project: ProjectModel, render: Render) -> ApiFiles:
    """The interface in ``mindspore/``: public headers in ``include/``, sources in ``src/``.

    Raises UsageError for a network that has the name of one of its headers.
    """
    folder = resources.templates_dir() / "mindspore"
    networks = [_network(network) for network in project.networks]
    layers = [layer.inputs + layer.outputs for network in project.networks for layer in network.view.layers]
    rank = max(len(port.shape) for network in networks for port in network.ports)
    variables: dict[str, object] = {
        "project": project,
        "networks": networks,
        "rank": rank,
        "layer_rank": max([rank, *(len(tensor.shape) for layer in layers for tensor in layer)]),
        "layer_tensors": max([1, *map(len, layers)]),
        "alignment": max(network.alignment for network in networks),
        "shared_arena": project.shared_arena,
        "shared_bytes": max(network.workspace_bytes + network.slack for network in networks),
        "shared_in_place_bytes": max(network.arena_bytes + network.slack for network in networks),
    }
    added = {
        **{f"{_INCLUDE}/c_api/{name}": (folder / name).read_bytes() for name in _PUBLIC},
        **{f"{_SOURCE}/{name}": (folder / name).read_bytes() for name in _PRIVATE},
        **{path: render(f"mindspore/{template}", variables) for path, template in _RENDERED.items()},
    }
    added = dict(sorted(added.items()))
    group = Group(
        "api",
        tuple(path for path in added if path.endswith(".c")),
        tuple(path for path in added if path.endswith(".h")),
    )
    # Applications say "c_api/model_c.h", "include/c_api/model_c.h", "model_handle.h" and "src/tensor.h".
    return ApiFiles(added, group, (_INCLUDE, "mindspore"))


def _network(network: Network) -> _Network:
    view = network.view
    if network.name.lower() == "model_handle":
        raise UsageError(
            "a network cannot be called model_handle: MindSpore's interface has a header of that name",
            where="--name",
            hint="Give it another name with --name",
        )
    arena = _rounded(view.arena_bytes, view.alignment)
    end = arena
    ports: list[_Port] = []
    for port in view.inputs:
        ports.append(_port(network.name, port, len(ports), end))
        end += _rounded(port.nbytes, view.alignment)
    for port in view.outputs:
        ports.append(_port(network.name, port, len(ports), 0))
    return _Network(network.name, network.macro, tuple(ports), view.alignment, arena, end, bool(view.state_bytes))


def _port(network: str, port: PortView, index: int, kept: int) -> _Port:
    symbol = f"mg_ms_{network}_shape_{index}" if port.shape else "NULL"
    type_name = f"kMSDataTypeNumberType{_DATA_TYPES[port.ctype]}"
    return _Port(port.name, type_name, port.shape, symbol, port.nbytes, kept)


def _rounded(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment
