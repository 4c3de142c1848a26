"""How far float results may be from the expected ones: what computes rounds, what moves data does not."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from microgen.mindir import Array

#: Of the largest finite magnitude of a tensor.
RELATIVE = 1e-5


def tolerance(expected: Array, operands: Iterable[Array | None]) -> float | None:
    """How far elements may be from ``expected``, the result of an operator on ``operands``: None where bytes must be
    the same. Those are integers, and floats made of integers alone.

    Zero, where numbers must be the same (up to the sign of zero), for results all of whose values occur in the
    operands: such an operator selects or moves. Otherwise ``RELATIVE`` times the largest finite magnitude.
    """
    floats = [a for a in operands if a is not None and a.dtype.kind == "f"]
    if expected.dtype.kind != "f" or not floats:
        return None
    if expected.dtype == np.float16:
        return float(np.abs(expected[np.isfinite(expected)]).max(initial=0.0)) * 2e-3
    given = np.concatenate([a.reshape(-1) for a in floats] + [np.zeros(1, expected.dtype)])
    result = expected[~np.isnan(expected)]
    if np.isin(result, given).all():
        return 0.0
    return float(np.abs(result[np.isfinite(result)]).max(initial=0.0)) * RELATIVE


def differing(found: Array, expected: Array, allowed: float | None) -> Array:
    """Which elements differ by more than ``allowed``; NaN equals NaN."""
    if allowed is None:
        unequal: Array = found != expected
        return unequal
    with np.errstate(invalid="ignore", over="ignore"):
        near = np.abs(found.astype(np.float64) - expected.astype(np.float64)) <= allowed
    return ~(near | (found == expected) | (np.isnan(found) & np.isnan(expected)))


def assert_close(found: Array, expected: Array, operands: Iterable[Array | None], what: str = "") -> None:
    """Fails where ``found`` is no acceptable result; see ``tolerance``."""
    assert found.dtype == expected.dtype and found.shape == expected.shape, what
    allowed = tolerance(expected, operands)
    wrong = differing(found, expected, allowed)
    if wrong.any():
        at = tuple(int(i[0]) for i in np.nonzero(wrong))
        raise AssertionError(
            f"{what}: {int(wrong.sum())} of {wrong.size} elements differ by more than {allowed}; "
            f"first {list(at)}: {found[at]}, not {expected[at]}"
        )
