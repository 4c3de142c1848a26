"""Custom operators of .tflite files: their options are read within bounds."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from flatbuffers import flexbuffers

from microgen.errors import InputError, UnsupportedError, VerifyError
from microgen.exporters.tflite import write
from microgen.frontends import tflite_custom
from microgen.frontends.tflite import load
from microgen.mindir import DType, Graph, Node, TensorType, Value
from microgen.ops import sampling
from microgen.ops.base import Op
from microgen.ops.signal_pcan import SignalPCAN
from microgen.ops.signal_rfft import SignalRfft
from microgen.ops.tflite_form import TFLiteForm, TFLiteSource
from tests.support.graphs import Blob


class Table:
    """An operator of a file that has these options."""

    path = "Operators[0]"

    def __init__(self, data: bytes) -> None:
        self._data = data

    def vector(self, name: str) -> Any:
        assert name == "CustomOptions"
        return np.frombuffer(self._data, np.uint8)


def options(data: bytes) -> Any:
    return tflite_custom.options(Table(data))  # type: ignore[arg-type]


def flexbuffer(**values: Any) -> bytes:
    return bytes(flexbuffers.Dumps(values))


def test_numbers() -> None:
    found = options(flexbuffer(T=7, fft_length=512, clamping=True, factor=0.5, low=-(1 << 40)))
    assert [found(k) for k in ("T", "fft_length", "clamping", "factor", "low")] == [7, 512, True, 0.5, -(1 << 40)]
    with pytest.raises(VerifyError, match="option 'shift' is missing"):
        found("shift")
    with pytest.raises(VerifyError, match="is missing"):
        options(b"")("shift")


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        b"no flexbuffer at all",
        bytes(flexbuffers.Dumps([1, 2])),
        flexbuffer(name="text"),
        flexbuffer(inner={"a": 1}),
        flexbuffer(**{f"k{i}": i for i in range(65)}),
        flexbuffer(**{"x" * 5000: 1}),
    ],
    ids=["short", "text", "list", "string", "map", "many", "long"],
)
def test_what_is_no_map_of_numbers(data: bytes) -> None:
    with pytest.raises(InputError) as error:
        options(data)
    assert error.value.where == "Operators[0].CustomOptions"


def test_damaged_options() -> None:
    data, source = flexbuffer(T=7, fft_length=512, shift=12), random.Random(4)
    refused = 0
    for _ in range(500):
        changed = bytearray(data)
        for _ in range(source.randint(1, 4)):
            changed[source.randrange(len(changed))] = source.randrange(256)
        try:
            options(bytes(changed[: source.randint(1, len(changed))]))
        except InputError:
            refused += 1
    assert 100 < refused < 500


def test_files() -> None:
    graph = sampling.single(SignalRfft(16), "rfft", [TensorType(DType.INT16, (16,))], None).graph
    data = write(graph)
    assert load(data).nodes[0].op == SignalRfft(16)
    with pytest.raises(UnsupportedError, match=r"CUSTOM SignalRffx\).*not supported") as error:
        load(data.replace(b"SignalRfft", b"SignalRffx"))
    assert "SignalWindow" in error.value.hint
    with pytest.raises(UnsupportedError, match="option 'fft_length' is missing"):
        load(data.replace(b"fft_length", b"fft_lengti"))


def test_what_was_compiled_for_an_npu() -> None:
    data = write(sampling.single(SignalRfft(16), "rfft", [TensorType(DType.INT16, (16,))], None).graph)
    compiled = data.replace(b"\x0a\0\0\0SignalRfft", b"\x07\0\0\0ethos-u\0\0\0")
    with pytest.raises(UnsupportedError, match="compiled for an Ethos-U NPU already") as error:
        load(compiled)
    assert "--npu" in error.value.hint


def refusal(op: Op, *inputs: TensorType | Value) -> str:
    """Why a file with this operator is not taken."""
    operands = tuple(Value(f"i{i}", v) if isinstance(v, TensorType) else v for i, v in enumerate(inputs))
    output = Value("o", TensorType(DType.UINT64, (1,)))
    graph = Graph("g", [v for v in operands if not v.is_const], [output], [Node(op, operands, (output,), "n")])
    with pytest.raises((UnsupportedError, VerifyError)) as error:
        load(write(graph))
    return str(error.value)


@dataclass(frozen=True)
class Written(Blob):
    """A custom operator with these options."""

    code: str = ""
    options: tuple[tuple[str, int], ...] = ()

    def to_tflite(self, node: Node) -> TFLiteForm:
        return TFLiteForm(self.code, node.inputs, options=dict(self.options), custom=True)


def table(*data: Any) -> Value:
    return sampling.constant("table", np.array(data, np.int16))


@pytest.mark.parametrize(
    ("tables", "what"),
    [
        ([[[1, 2]], [1, 2], [0, 0], [0, 1], [1, 1]], "is [1, 2], not [n]"),
        ([[1, 2], [1, 2], [0, 0], [0], [1, 1]], "1 and 2 elements"),
        ([[1, 2], [1, 2], [0, 9], [0, 1], [1, 1]], "reaches beyond them"),
        ([[1, 2], [1, 2], [0, 0], [0, 2], [1, 1]], "reaches beyond them"),
        ([[1, -2], [1, 2], [0, 0], [0, 1], [1, 1]], "a negative number"),
    ],
)
def test_filter_banks_that_lead_outside(tables: list[Any], what: str) -> None:
    energies = TensorType(DType.UINT32, (9,))
    given = [table(*data) for data in tables]
    assert what in refusal(Written(code="SignalFilterBank", options=(("num_channels", 1),)), energies, *given)


@pytest.mark.parametrize(
    ("code", "options", "what"),
    [
        ("SignalRfft", {"T": 7, "fft_length": 1 << 40}, "output is"),
        ("SignalRfft", {"T": 2, "fft_length": 16}, "T is 2 for int16 samples"),
        ("SignalEnergy", {"start_index": 0, "end_index": 5}, "output is"),
        ("SignalEnergy", {"start_index": 0}, "option 'end_index' is missing"),
    ],
)
def test_options_that_make_no_sense(code: str, options: dict[str, int], what: str) -> None:
    assert what in refusal(Written(code=code, options=tuple(options.items())), TensorType(DType.INT16, (8,)))


def test_an_option_that_is_no_integer() -> None:
    source = TFLiteSource("SignalWindow", (), (), lambda name: 0.5)
    with pytest.raises(VerifyError, match=r"option 'shift' is 0\.5, not an integer"):
        source.int_option("shift")


def test_a_gain_table_of_another_shape() -> None:
    lut = sampling.constant("lut", np.zeros((5, 25), np.int16))
    kind = TensorType(DType.UINT32, (3,))
    node = sampling.single(SignalPCAN(6), "x", [kind, kind, lut], None).graph.nodes[0]
    assert list(SignalPCAN(6).problems(node)) == ["the gain table is a constant [125], but it is [5, 25]"]
