"""MindIR to TensorFlow Lite: a .tflite file that any interpreter of the format reads."""

from __future__ import annotations

from microgen.exporters.tflite.legal import legalize
from microgen.exporters.tflite.writer import write
from microgen.mindir import Graph

__all__ = ["SUFFIXES", "legalize", "save", "write"]

SUFFIXES = (".tflite",)


def save(graph: Graph, *, int4: bool = True) -> bytes:
    """``graph`` as the bytes of a .tflite file; the same graph gives the same bytes.

    What the format or the reference interpreter lacks is spelt with what they have, see ``legalize``. Tensors keep
    their names, with a number behind those that are taken. Without ``int4``, for readers that do not know it, weights
    of four bits are written as int8. Raises VerifyError for what cannot be expressed.
    """
    return write(legalize(graph), int4=int4)
