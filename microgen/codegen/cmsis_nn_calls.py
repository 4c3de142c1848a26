"""Which calls of a network a genuine CMSIS-NN serves, with what scratch, and which stay with microgen's kernels.

Where a version's function computes other bytes than the reference, cannot do what a layer needs or asks for less
scratch than it then uses, the layer keeps microgen's kernel: the network's bytes come first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from microgen.codegen import cmsis_nn_scratch as rules
from microgen.codegen.cmsis_nn import Tree
from microgen.codegen.cmsis_nn_scratch import Window
from microgen.mindir import Array, Node
from microgen.ops.call import Call, Const, Context, Int, Isa, SizeQuery, Struct


@dataclass(frozen=True, slots=True, eq=False)
class Linked:
    """A CMSIS-NN tree as what calls are bound to; see ``microgen.ops.call.Library``."""

    tree: Tree

    def bind(self, node: Node, call: Call, isa: Isa) -> Call:
        """``call`` as the tree's function with its scratch, or unchanged where microgen's kernel must serve."""
        # Which bytes the versions' functions of int16 and of packed weights compute is not known: ours serve.
        if call.function.endswith(("_s16", "_s4")):
            return call
        if not self.tree.has(call.function) or not is_usable(call.function, self.tree.version.number, isa):
            return call
        special = _SPECIAL.get(call.function)
        if special is not None:
            return special(self.tree, node, call, isa) or call
        takes_scratch = any(isinstance(arg, Context) for arg in call.args)
        return call if takes_scratch else _bound(self.tree, call, 0)


def is_usable(function: str, version: tuple[int, int], isa: Isa) -> bool:
    """Whether a version's function can be compiled: v4.0's softmax for Helium makes GCC 12 crash."""
    return not (function == "arm_softmax_s8" and version < (4, 1) and isa is Isa.MVE)


def _bound(tree: Tree, call: Call, scratch: int, *asked: int | Int) -> Call:
    """``call`` to the tree's function; ``asked`` are the arguments of its question for scratch: positions among
    the call's own arguments, or numbers.
    """
    function = f"{call.function}_get_buffer_size"
    query = None
    if asked and tree.has(function):
        args = tuple(call.args[item] if isinstance(item, int) else item for item in asked)
        query = SizeQuery(function, args)
    return replace(call, scratch=scratch, scratch_guard="", from_library=True, size_query=query)


def _convolve(tree: Tree, node: Node, call: Call, isa: Isa) -> Call | None:
    window, version = Window.of(call), tree.version.number
    grouped = window.filter_channels != window.channels
    # Groups came with v6; the size asked for 1x1 and one-row filters does not know them.
    if grouped and (version < (6, 0) or window.kernel[0] == 1):
        return None
    if window.is_row(version) and isa is Isa.MVE and version >= (4, 1):
        # The kernel for rows refuses padding that is neither SAME nor VALID, and up to v5 very wide padding.
        total, odd = window.row_padding
        if window.padding[1] * 2 + odd != total or (version < (6, 0) and not window.row_adds_up):
            return None
    return _bound(tree, call, rules.convolve_wrapper(window, version, isa), 1, 3, 5, 9)


def _depthwise(tree: Tree, node: Node, call: Call, isa: Isa) -> Call | None:
    scratch = rules.depthwise_wrapper(Window.of(call), tree.version.number, isa)
    return _bound(tree, call, scratch, 1, 3, 5, 9)


def _average_pool(tree: Tree, node: Node, call: Call, isa: Isa) -> Call | None:
    if _pools_one_image_of_many(tree, node):
        return None
    *_, width, channels = node.output.shape
    return _bound(tree, call, rules.average_pool(channels, isa), Int(width), Int(channels))


def _max_pool(tree: Tree, node: Node, call: Call, isa: Isa) -> Call | None:
    return None if _pools_one_image_of_many(tree, node) else _bound(tree, call, 0)


def _pools_one_image_of_many(tree: Tree, node: Node) -> bool:
    """Before v6 the pooling functions leave all images of a batch but the first alone."""
    return tree.version.number < (6, 0) and node.output.shape[0] > 1


def _fully_connected(tree: Tree, node: Node, call: Call, isa: Isa) -> Call | None:
    version = tree.version.number
    params = call.args[1]
    assert isinstance(params, Struct)
    fields = dict(params.fields)
    input_offset, filter_offset = fields["input_offset"], fields["filter_offset"]
    assert isinstance(input_offset, Int) and isinstance(filter_offset, Int)
    if filter_offset.value and version < (6, 0):
        return None
    bound = _bound(tree, call, 0, 5)
    if not rules.fully_connected(node.output.shape[-1], version, isa):
        return bound
    if not node.input(1).is_const:
        return None
    sums = weight_sums(node, input_offset.value, filter_offset.value, version)
    return replace(bound, context_data=Const("weight_sums", sums))


def weight_sums(node: Node, input_offset: int, filter_offset: int, version: tuple[int, int]) -> Array:
    """The sums of a dense layer's weights that its function reads on Helium, as int32 modulo 2^32.

    v5 and v6: the sums alone, although v6's ``arm_vector_sum_s8`` can do more; v7: those times the input offset,
    plus the bias.
    """
    weights = node.input(1).const.astype(np.int64)
    sums: npt.NDArray[np.int64] = weights.sum(axis=1, dtype=np.int64)
    if version >= (7, 0):
        bias = node.optional_input(2)
        sums = (sums + filter_offset * weights.shape[1]) * input_offset
        if bias is not None:
            sums = sums + bias.const.astype(np.int64).reshape(-1)
    wrapped: Array = sums.astype(np.uint32).view(np.int32)
    return wrapped


def _own(tree: Tree, node: Node, call: Call, isa: Isa) -> None:
    """Ours: the library's takes scratch in two contexts and no question tells how much."""


_SPECIAL: dict[str, Callable[[Tree, Node, Call, Isa], Call | None]] = {
    "arm_convolve_wrapper_s8": _convolve,
    "arm_depthwise_conv_wrapper_s8": _depthwise,
    "arm_avgpool_s8": _average_pool,
    "arm_max_pool_s8": _max_pool,
    "arm_fully_connected_s8": _fully_connected,
    "arm_fully_connected_per_channel_s8": _fully_connected,
    "arm_svdf_s8": _own,
    "arm_svdf_state_s16_s8": _own,
}
