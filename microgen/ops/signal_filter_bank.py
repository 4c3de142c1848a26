"""SignalFilterBank: energies gathered into overlapping bands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from microgen.errors import VerifyError
from microgen.mindir import Array, DType, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op, Sample, constraint
from microgen.ops.call import Arg, Call, Input, Int, Output, Target
from microgen.ops.movement import present
from microgen.ops.signal_form import frames, last, one_frame_form, table, wrong_types
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource


def bank_types(tables: Sequence[Value]) -> str | None:
    """What is wrong with the element types of a filter bank's five tables."""
    return wrong_types(*((value, DType.INT16) for value in tables))


def bank_problem(tables: Sequence[Value], bins: int) -> str | None:
    """What is wrong with a filter bank's tables: weights, unweights, first bins, first weights, widths."""
    try:
        weights, unweights, first_bins, first_weights, widths = map(table, tables)
    except VerifyError as error:
        return error.what
    if min(weights.min(), unweights.min(), first_bins.min(), first_weights.min(), widths.min()) < 0:
        return "a table holds a negative number"
    if (first_bins + widths).max() > bins or (first_weights + widths).max() > min(len(weights), len(unweights)):
        return "a band reaches beyond them"
    return None


def channels(tables: Sequence[Value]) -> int:
    """The number of bands; VerifyError for tables of unequal length or with several dimensions."""
    odd = next((value for value in tables if len(value.shape) != 1), None)
    if odd is not None:
        raise VerifyError(f"table {odd.name!r} is {list(odd.shape)}, not [n]")
    lengths = {last(value) for value in tables[2:]}
    if len(lengths) != 1 or min(lengths) < 2:
        raise VerifyError(f"the bands' tables have {' and '.join(map(str, sorted(lengths)))} elements")
    return lengths.pop() - 1


def gathered(x: NDArray[np.uint64], tables: Sequence[Array]) -> NDArray[np.uint64]:
    """The bands [..., bands] of energies [..., bins], see ``SignalFilterBank``."""
    weights, unweights, first_bins, first_weights, widths = (array.astype(np.int64) for array in tables)
    result = np.zeros((*x.shape[:-1], len(widths) - 1), np.uint64)
    carried = np.zeros(x.shape[:-1], np.uint64)
    for part, (first, place, width) in enumerate(zip(first_bins, first_weights, widths, strict=True)):
        bins = x[..., first : first + width]
        rising, falling = (
            (bins * slope[place : place + width].astype(np.uint64)).sum(-1, dtype=np.uint64)
            for slope in (weights, unweights)
        )
        if part:
            result[..., part - 1] = carried + rising
        carried = falling
    return result


@dataclass(frozen=True)
class SignalFilterBank(Op):
    """Sums of energies, uint32 [..., bins], in overlapping bands, uint64 [..., bands].

    Band i is the weighted sum of the bins of part i + 1 of the spectrum and the unweighted one of those of part i:
    its slopes. Tables, constants in int16: weights and unweights by place, then for each of bands + 1 parts the first
    bin, the first place and the width.
    """

    name: ClassVar[str] = "SignalFilterBank"
    tflite_custom: ClassVar[tuple[str, ...]] = ("SignalFilterBank",)
    whole_range: ClassVar[bool] = True

    @classmethod
    def from_tflite(cls, source: TFLiteSource) -> tuple[Op, tuple[Value | None, ...]]:
        declared, found = source.int_option("num_channels"), channels([source.input(i) for i in range(1, 6)])
        if declared != found:
            raise VerifyError(f"num_channels is {declared}, the tables have {found}")
        return cls(), source.inputs

    def to_tflite(self, node: Node) -> TFLiteForm:
        return one_frame_form(node, self.name, {"num_channels": last(node.output)})

    def infer(self, node: Node) -> tuple[tuple[DType, tuple[int, ...]], ...]:
        source = node.input(0)
        last(source)
        return ((DType.UINT64, (*source.shape[:-1], channels([node.input(i) for i in range(1, 6)]))),)

    @constraint
    def types(self, node: Node) -> str | None:
        """energies are uint32, tables int16"""
        return wrong_types((node.input(0), DType.UINT32)) or bank_types([node.input(i) for i in range(1, 6)])

    @constraint
    def tables(self, node: Node) -> str | None:
        """tables are constants that are not negative and stay inside of the spectrum and the weights"""
        return bank_problem([node.input(i) for i in range(1, 6)], last(node.input(0)))

    def evaluate(self, node: Node, inputs: Sequence[Array | None]) -> list[Array]:
        x, *tables = present(inputs)
        return [gathered(x.astype(np.uint64), [array[0] for array in tables])]

    def macs(self, node: Node) -> int:
        return 2 * frames(node.output) * int(table(node.input(5)).sum())

    def lower(self, node: Node, target: Target) -> tuple[Call, ...]:
        sizes = (frames(node.output), last(node.input(0)), last(node.output))
        args: tuple[Arg, ...] = (*map(Input, range(6)), Output(), *map(Int, sizes))
        return (Call("mg_signal_filter_bank_u32", args),)

    @classmethod
    def samples(cls) -> Iterator[Sample]:
        for id, shape, widths in (
            ("one", (20,), (3, 4, 5, 6)),
            ("empty_part", (20,), (2, 0, 1, 9, 4)),
            ("frames", (3, 9), (2, 3, 4)),
        ):
            places = np.cumsum([0, *widths])[:-1].astype(np.int16)
            generator = sampling.rng(id)
            tables = [
                sampling.constant(name, data.astype(np.int16))
                for name, data in (
                    ("weights", generator.integers(0, 4097, sum(widths))),
                    ("unweights", generator.integers(0, 4097, sum(widths))),
                    ("first_bins", np.minimum(places + 1, shape[-1] - np.array(widths))),
                    ("first_weights", places),
                    ("widths", np.array(widths)),
                )
            ]
            yield sampling.single(cls(), id, [TensorType(DType.UINT32, shape), *tables], None)
