"""What Vela makes of a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from microgen.errors import InputError
from microgen.frontends import flatbuffer, tflite_schema
from microgen.frontends.tflite_schema import Record

_IDENTIFIER = b"TFL3"
_DTYPES = {"INT8": "i1", "UINT8": "u1", "INT16": "<i2", "INT32": "<i4"}


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output: the model's name, shape and element type, and where it lies, in bytes."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    region: int
    offset: int

    @property
    def size(self) -> int:
        """Bytes."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class Compiled:
    """A model for one accelerator.

    ``command_stream`` goes to the driver as it is. ``regions`` tells how many bytes each region must have; that of
    ``weight_region`` holds ``weights``, all the others are working memory: ``scratch_size`` and, where the memory
    mode has one, ``fast_scratch_size`` bytes. ``estimate`` are the figures of Vela's own summary by their names there
    (``cycles_npu``, ``cycles_total``, ``nn_macs``, ``inference_time`` in seconds, ``sram_memory_used`` in KiB, …).
    """

    accelerator: str
    command_stream: bytes = field(repr=False)
    weights: bytes = field(repr=False)
    weight_region: int
    scratch_region: int
    scratch_size: int
    fast_scratch_region: int
    fast_scratch_size: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    estimate: dict[str, float] = field(repr=False)

    @property
    def cycles(self) -> int:
        """Cycles of one inference, as Vela estimates them."""
        return round(self.estimate["cycles_total"])

    @property
    def regions(self) -> dict[int, int]:
        """Size of every region."""
        sizes = {self.weight_region: len(self.weights)}
        for region, size in (
            (self.scratch_region, self.scratch_size),
            (self.fast_scratch_region, self.fast_scratch_size),
        ):
            if size:
                sizes[region] = max(size, sizes.get(region, 0))
        return sizes


@dataclass(frozen=True, slots=True)
class Port:
    """Name, shape and element type (TensorFlow Lite's name) of an input or output of a model file."""

    name: str
    shape: tuple[int, ...]
    kind: str


def ports(model: bytes) -> tuple[list[Port], list[Port]]:
    """Inputs and outputs of a .tflite file. Raises InputError for a damaged one."""
    if model[4:8] != _IDENTIFIER:
        raise InputError("is not a TensorFlow Lite model (the identifier TFL3 is missing)")
    subgraphs = Record(flatbuffer.root(model, _IDENTIFIER), "Model").children("Subgraphs", "SubGraph")
    if not subgraphs:
        raise InputError("holds no subgraph")
    tensors = subgraphs[0].children("Tensors", "Tensor")
    names = tflite_schema.names("TensorType")

    def port(index: int) -> Port:
        if not 0 <= index < len(tensors):
            raise InputError(f"refers to tensor {index}, the file has {len(tensors)}")
        record = tensors[index]
        kind = names.get(record.integer("Type"), "of an unknown type")
        return Port(record.text("Name") or f"tensor_{index}", tuple(record.vector("Shape").tolist()), kind)

    return (
        [port(i) for i in subgraphs[0].vector("Inputs").tolist()],
        [port(i) for i in subgraphs[0].vector("Outputs").tolist()],
    )


def read(folder: Path, stem: str, accelerator: str, model_ports: tuple[list[Port], list[Port]]) -> Compiled:
    """The result that Vela wrote to ``folder``: ``<stem>_vela.npz`` and its summary."""
    with np.load(folder / f"{stem}_vela.npz", allow_pickle=False) as data:
        number = {k: int(data[k]) for k in ("weight_region", "scratch_region", "scratch_size")}
        fast_region, fast_size = int(data["scratch_fast_region"]), int(data["scratch_fast_size"])
        if data["variable_region"].size:
            raise InputError("keeps variables between invocations, which is not supported on the NPU yet")
        sides = []
        for side, given in zip(("input", "output"), model_ports, strict=True):
            regions, offsets, sizes = (data[f"{side}_{k}"].tolist() for k in ("region", "offset", "elem_size"))
            elements = [int(np.prod(shape)) for shape in data[f"{side}_shape"]]
            sides.append(_tensors(given, regions, offsets, sizes, elements))
        stream, weights = data["cmd_data"].tobytes(), data["weight_data"].tobytes()
    return Compiled(
        accelerator=accelerator,
        command_stream=stream,
        weights=weights,
        fast_scratch_region=fast_region,
        fast_scratch_size=fast_size,
        inputs=sides[0],
        outputs=sides[1],
        estimate=_summary(folder, stem),
        **number,
    )


def _tensors(
    given: list[Port], regions: list[int], offsets: list[int], sizes: list[int], elements: list[int]
) -> tuple[Tensor, ...]:
    found = []
    for port, region, offset, size, count in zip(given, regions, offsets, sizes, elements, strict=True):
        shape = tuple(1 if n < 1 else n for n in port.shape)
        if port.kind not in _DTYPES:
            raise InputError(f"is {port.kind}, the NPU has {', '.join(_DTYPES)}", where=port.name)
        dtype = np.dtype(_DTYPES[port.kind])
        if int(np.prod(shape, dtype=np.int64)) != count or dtype.itemsize != size:
            raise InputError(f"Vela made {count} elements of {size} bytes of {list(shape)}", where=port.name)
        found.append(Tensor(port.name, shape, dtype, region, offset))
    return tuple(found)


def _summary(folder: Path, stem: str) -> dict[str, float]:
    """The numbers of the one line of Vela's summary."""
    paths = sorted(folder.glob(f"{stem}_summary_*.csv"))
    if len(paths) != 1:
        raise InputError(f"Vela has written {len(paths)} summaries, not 1", hint='pip install "microgen[npu]"')
    names, values = (line.split(",") for line in paths[0].read_text().splitlines()[:2])
    figures = {}
    for name, value in zip(names, values, strict=True):
        try:
            figures[name] = float(value)
        except ValueError:
            continue  # a name: of the configuration, of a memory
    return figures
