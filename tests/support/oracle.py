"""The reference interpreter of TensorFlow Lite Micro (package ``tflite-micro``) as the oracle of int8 results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# The interpreter's arena; nothing but virtual memory where it is not used.
_ARENA_BYTES = 16 << 20


class OracleRefused(Exception):
    """The interpreter does not take this model; its own message is on standard error."""


@dataclass(frozen=True)
class Result:
    """What one invocation computed: the model's outputs, and tensors by index and by name when asked for.

    ``tensors`` holds the inputs and every operator's outputs; of tensors that share a name ``by_name`` has the last.
    """

    outputs: list[Array]
    tensors: dict[int, Array]
    names: dict[int, str]

    @property
    def by_name(self) -> dict[str, Array]:
        return {self.names[index]: array for index, array in self.tensors.items()}


class Oracle:
    """One model in the interpreter; every call of ``run`` is one invocation."""

    def __init__(self, model: bytes, *, all_tensors: bool = False) -> None:
        import tflite
        from tflite_micro.python.tflite_micro import runtime

        config = runtime.InterpreterConfig
        kind = config.kPreserveAllTensors if all_tensors else config.kAllocationRecording
        arena = _ARENA_BYTES + 16 * len(model)
        try:
            self._interpreter: Any = runtime.Interpreter.from_bytes(model, None, arena, kind)
        except RuntimeError as error:
            raise OracleRefused(str(error)) from error
        graph = tflite.Model.GetRootAs(model, 0).Subgraphs(0)
        self._inputs = [int(graph.Inputs(i)) for i in range(graph.InputsLength())]
        self._outputs = [int(graph.Outputs(i)) for i in range(graph.OutputsLength())]
        computed = list(self._inputs)
        for i in range(graph.OperatorsLength()):
            operator = graph.Operators(i)
            computed += [int(operator.Outputs(j)) for j in range(operator.OutputsLength())]
        self._names = {i: graph.Tensors(i).Name().decode() for i in computed}
        self._computed = computed if all_tensors else []

    def run(self, inputs: Sequence[Array]) -> Result:
        """One invocation; ``inputs`` are in the model's order, each of exactly its tensor's shape and type."""
        assert len(inputs) == len(self._inputs)
        for index, array in enumerate(inputs):
            self._interpreter.set_input(np.asarray(array, order="C"), index)
        try:
            self._interpreter.invoke()
        except RuntimeError as error:
            raise OracleRefused(str(error)) from error
        # The arrays are views into the arena, which the next invocation overwrites.
        outputs = [np.array(self._interpreter.get_output(i)) for i in range(len(self._outputs))]
        tensors = {i: np.array(self._interpreter.GetTensor(i, 0)["tensor_data"]) for i in self._computed}
        return Result(outputs, tensors, {i: self._names[i] for i in tensors})

    def run_batch(self, inputs: Sequence[Array]) -> Result:
        """One invocation for each sample of the leading axis; results have that axis in front as well."""
        results = [self.run([array[i] for array in inputs]) for i in range(len(inputs[0]))]
        outputs = [np.stack([r.outputs[i] for r in results]) for i in range(len(self._outputs))]
        tensors = {i: np.stack([r.tensors[i] for r in results]) for i in results[0].tensors}
        return Result(outputs, tensors, results[0].names)


def run(model: bytes, inputs: Sequence[Array], *, all_tensors: bool = False) -> Result:
    """One invocation of ``model`` with ``inputs`` of the tensors' own shapes; see ``Oracle``."""
    return Oracle(model, all_tensors=all_tensors).run(inputs)


def run_batch(model: bytes, inputs: Sequence[Array], *, all_tensors: bool = False) -> Result:
    """Several samples along a leading axis of every input and result; see ``Oracle``."""
    return Oracle(model, all_tensors=all_tensors).run_batch(inputs)
