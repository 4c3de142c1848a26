"""A second opinion on what a quantized sub-graph computes: Arm's TOSA tools.

A .tflite file becomes a TOSA graph by Arm's converter, and TOSA's reference model executes it. Both run in a Python of
their own (``TOSA_PYTHON``), for they pin packages that microgen needs in other versions.
"""

from __future__ import annotations

from microgen.tosa.claims import refusal
from microgen.tosa.environment import TOSA_PYTHON, find_python
from microgen.tosa.tools import convert, execute

__all__ = ["TOSA_PYTHON", "convert", "execute", "find_python", "refusal"]
