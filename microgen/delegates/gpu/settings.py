"""PyTorch's settings while this path runs: no inexact algorithm, as many threads as asked for.

They belong to the whole process, so they are put back when the last run that needs them ends.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import torch

_lock = threading.Lock()
_running = 0
_restore = contextlib.ExitStack()


@contextlib.contextmanager
def exact_arithmetic(threads: int) -> Iterator[None]:
    """Full float32 products (no TF32, no bfloat16), no cuDNN, whose choice of algorithms includes Winograd's and
    Fourier's. Runs at the same time share the settings, and the first one's number of threads.
    """
    global _running
    with _lock:
        if _running == 0:
            _enter(threads)
        _running += 1
    try:
        with torch.inference_mode():
            yield
    finally:
        with _lock:
            _running -= 1
            if _running == 0:
                _restore.close()


def _enter(threads: int) -> None:
    _restore.callback(torch.set_num_threads, torch.get_num_threads())
    torch.set_num_threads(threads)
    _set(torch.backends.cudnn, "enabled", False)
    if not hasattr(torch.backends.cuda.matmul, "fp32_precision"):  # before PyTorch 2.9
        _restore.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
        torch.set_float32_matmul_precision("highest")
        return
    onednn: Any = torch.backends.mkldnn
    for operators in (torch.backends.cuda.matmul, onednn.conv, onednn.matmul):
        _set(operators, "fp32_precision", "ieee")


def _set(owner: Any, name: str, value: object) -> None:
    _restore.callback(setattr, owner, name, getattr(owner, name))
    setattr(owner, name, value)
