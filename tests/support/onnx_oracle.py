"""onnxruntime as the oracle of float operators that the reference interpreter of TensorFlow Lite Micro lacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from microgen.mindir import Array, Graph, Value
from microgen.ops.base import op_of

_OPSET = 21
_IR_VERSION = 10


def run_batch(graph: Graph, inputs: Sequence[Array]) -> list[Array]:
    """The outputs of a one-node graph as its operator writes it to ONNX, for samples along a leading axis.

    Raises VerifyError where the operator has no ONNX form.
    """
    import onnxruntime

    model = _model(graph)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), sess_options=options, providers=["CPUExecutionProvider"]
    )
    results = []
    for i in range(len(inputs[0]) if inputs else 1):
        feed = {f"input_{k}": np.asarray(array[i]) for k, array in enumerate(inputs)}
        results.append(session.run(None, feed))
    return [np.stack([np.asarray(r[k]) for r in results]) for k in range(len(graph.outputs))]


def _model(graph: Graph) -> Any:
    from onnx import helper, numpy_helper

    (node,) = graph.nodes
    form = op_of(node).to_onnx(node)
    names: dict[Value, str] = {value: f"input_{i}" for i, value in enumerate(graph.inputs)}
    constants = []
    for i, value in enumerate(form.inputs):
        if value is not None and value.is_const and value not in names:
            names[value] = f"constant_{i}"
            constants.append(numpy_helper.from_array(np.ascontiguousarray(value.const), names[value]))
    outputs = {value: f"output_{i}" for i, value in enumerate(node.outputs)}
    attributes = {
        key: numpy_helper.from_array(v) if isinstance(v, np.ndarray) else list(v) if isinstance(v, tuple) else v
        for key, v in form.attributes.items()
    }
    made = helper.make_node(
        form.operator,
        ["" if value is None else names[value] for value in form.inputs],
        list(outputs.values()),
        **attributes,
    )

    def info(name: str, value: Value) -> Any:
        kind = helper.np_dtype_to_tensor_dtype(value.type.dtype.numpy)
        return helper.make_tensor_value_info(name, kind, value.shape)

    body = helper.make_graph(
        [made],
        "operator",
        [info(names[value], value) for value in graph.inputs],
        [info(outputs[value], value) for value in graph.outputs],
        constants,
    )
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
