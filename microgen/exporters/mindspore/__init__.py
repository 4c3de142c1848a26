"""MindIR to MindSpore: a .mindir file that mindspore.load reads, for graphs in float.

Images turn to [N, C, H, W] where an operator needs it, and stay so as long as they can.
"""

from __future__ import annotations

from microgen.errors import VerifyError
from microgen.exporters.mindspore import images, shapes
from microgen.exporters.mindspore.forms import FORMS, default_form
from microgen.exporters.mindspore.writer import Writer
from microgen.mindir import DType, Graph

SUFFIXES = (".mindir",)
FLOAT_ONLY = True

_FORM_MODULES = (images, shapes)  # imported for the forms that they enter

_TYPES = frozenset((DType.FLOAT32, DType.INT32, DType.INT64, DType.BOOL, DType.UINT8, DType.INT8, DType.FLOAT16))


def save(graph: Graph) -> bytes:
    """``graph`` as the bytes of a .mindir file; the same graph gives the same bytes.

    Raises VerifyError for quantized tensors, states and what no primitive expresses.
    """
    graph.require_no_states("a .mindir file")
    for value in graph.values():
        if value.type.quant is not None or value.type.dtype not in _TYPES:
            hint = "Export the float model"
            raise VerifyError(f"{value.type} cannot be written to a .mindir file", where=value.name, hint=hint)
    writer = Writer(graph)
    for node in graph.nodes:
        writer.label = node.name
        FORMS.get(node.op.name, default_form)(writer, node)
    return writer.file()
