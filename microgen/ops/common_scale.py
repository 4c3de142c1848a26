"""Two int8 operands brought to one scale, twice the larger of theirs, before an operator combines them."""

from __future__ import annotations

import math

from microgen import arith
from microgen.mindir import Node
from microgen.ops.binary import scale_and_zero_point


def common_scale_fields(node: Node, left_shift: int, degree: int = 1) -> dict[str, int]:
    """The fields of ``mg_add_s8_quant`` for a result that is a polynomial of ``degree`` in the operands, which are
    refined by ``left_shift`` bits.

    Raises ValueError for scales that are out of range; those of a sum (degree 1) are only ever shifted right.
    """
    scale_1, zero_1 = scale_and_zero_point(node.input(0))
    scale_2, zero_2 = scale_and_zero_point(node.input(1))
    scale_out, zero_out = scale_and_zero_point(node.output)
    twice_larger = 2.0 * max(scale_1, scale_2)
    multiplier_1, shift_1 = arith.quantize_multiplier(scale_1 / twice_larger)
    multiplier_2, shift_2 = arith.quantize_multiplier(scale_2 / twice_larger)
    total = math.prod((twice_larger,) * degree)
    multiplier, shift = arith.quantize_multiplier(total / ((1 << degree * left_shift) * scale_out))
    if degree == 1 and shift > 0:
        raise ValueError(
            f"the larger input scale {twice_larger / 2:.9g} is at least 2^{left_shift - 1} times the output scale "
            f"{scale_out:.9g}"
        )
    return {
        "left_shift": left_shift,
        "input_1_offset": -zero_1,
        "input_1_multiplier": multiplier_1,
        "input_1_shift": shift_1,
        "input_2_offset": -zero_2,
        "input_2_multiplier": multiplier_2,
        "input_2_shift": shift_2,
        "output_offset": zero_out,
        "output_multiplier": multiplier,
        "output_shift": shift,
    }


def scaled_operands(q: dict[str, int], first: arith.Ints, second: arith.Ints) -> tuple[arith.Ints, arith.Ints]:
    """Both operands, refined by ``left_shift`` bits, at one scale; ``q`` has the fields of ``mg_add_s8_quant``."""
    one, two = (
        arith.multiply_by_quantized_multiplier(
            (x + q[f"input_{i}_offset"]) << q["left_shift"], q[f"input_{i}_multiplier"], q[f"input_{i}_shift"]
        )
        for i, x in ((1, first), (2, second))
    )
    return one, two
