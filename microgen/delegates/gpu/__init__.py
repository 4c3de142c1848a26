"""Path ``gpu``: the device's own integers on PyTorch tensors, on CUDA where there is one, else on the processor.

Exact for int8 and many samples at a time, so that a whole validation set is judged on what the device computes.

One function per operator says how it is computed (``windows``, ``dense``, ``elementwise``, ``movement``, ``reduction``)
and enters itself into the table of ``rows`` by the operator's class; what has no row runs on the reference path.
Nothing here is imported before the delegate is made: PyTorch is an extra.
"""

from microgen.delegates.gpu.delegate import Gpu

__all__ = ["Gpu"]
