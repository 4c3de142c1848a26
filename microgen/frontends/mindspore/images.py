"""Primitives on images [N, C, H, W]: convolution, normalization, resizing."""

from __future__ import annotations

from microgen.errors import VerifyError
from microgen.frontends import nchw
from microgen.frontends.mindspore.call import Call, Item, primitive
from microgen.mindir import Value
from microgen.ops.add import Add
from microgen.ops.attributes import Padding, same_or_valid
from microgen.ops.depth_to_space import DepthToSpace
from microgen.ops.layer_norm import LayerNorm
from microgen.ops.prelu import PRelu
from microgen.ops.resize_bilinear import ResizeBilinear
from microgen.ops.resize_nearest import ResizeNearest
from microgen.ops.resizing import Coordinates
from microgen.ops.space_to_depth import SpaceToDepth


def check_image(x: Value) -> None:
    """VerifyError unless ``x`` is [N, C, H, W]."""
    if len(x.shape) != 4:
        raise VerifyError(f"the input must have 4 dimensions, not {len(x.shape)}")


def spatial(values: tuple[int, ...], name: str, *, largest: int = 1 << 16) -> tuple[int, int]:
    """(height, width) of one number, two, or four of which the first two are 1."""
    if len(values) == 1:
        values = (values[0], values[0])
    if len(values) not in (2, 4) or (len(values) == 4 and values[:2] != (1, 1)):
        raise VerifyError(f"{name} {list(values)} is not that of height and width")
    if not all(1 <= v <= largest for v in values):
        raise VerifyError(f"{name} {list(values)} is out of range")
    return values[-2], values[-1]


def padding_of(
    call: Call,
    x: Value,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
    mode_at: int | None = None,
) -> Padding:
    """The padding that the call's mode means; the mode may be the input at ``mode_at``."""
    mode = call.pad_mode(mode_at)
    if mode == "pad":
        return explicit(call.integers("pad", None, call.integers("pad_list", None, (0, 0, 0, 0))))
    return same_or_valid(mode.upper(), (x.shape[2], x.shape[3]), kernel, stride, dilation)


def explicit(values: tuple[int, ...]) -> Padding:
    """Padding given as one number or as (top, bottom, left, right)."""
    if len(values) == 1:
        values = values * 4
    if len(values) != 4 or not all(0 <= v <= 1 << 16 for v in values):
        raise VerifyError(f"padding {list(values)} is out of range")
    top, bottom, left, right = values
    return Padding(top, left, bottom, right)


@primitive("Conv2D")
def _convolution(call: Call) -> Item:
    call.channels_first()
    x, weights, bias = call.tensor(0), call.tensor(1), call.optional(2)
    check_image(x)
    if len(weights.shape) != 4:
        raise VerifyError(f"the weights must have 4 dimensions, not {len(weights.shape)}")
    if call.integer("mode", None, 1) != 1:
        raise VerifyError("only convolutions of mode 1 are supported")
    stride = spatial(call.integers("stride", None, 1), "stride")
    dilation = spatial(call.integers("dilation", None, 1), "dilation")
    padding = padding_of(call, x, (weights.shape[2], weights.shape[3]), stride, dilation)
    groups = call.integer("group", None, call.integer("groups", None, 1))
    options = {"stride": stride, "dilation": dilation, "padding": padding, "groups": groups}
    return nchw.convolution(call.b, x, weights, bias, **options)  # type: ignore[arg-type]


@primitive("Conv2DTranspose", "Conv2DBackpropInput")
def _transposed_convolution(call: Call) -> Item:
    """Inputs: image, weights [in, out / groups, H, W], the result's shape."""
    call.channels_first()
    x, weights = call.tensor(0), call.tensor(1)
    check_image(x)
    size = call.integers("input_size", 2)
    if len(weights.shape) != 4 or len(size) != 4:
        raise VerifyError("weights and result must have 4 dimensions")
    stride = spatial(call.integers("stride", None, 1), "stride")
    dilation = spatial(call.integers("dilation", None, 1), "dilation")
    kernel = (weights.shape[2], weights.shape[3])
    # The padding is that of the convolution whose input has the result's size.
    mode = call.pad_mode()
    if mode == "pad":
        padding = explicit(call.integers("pad", None, call.integers("pad_list", None, (0, 0, 0, 0))))
    else:
        padding = same_or_valid(mode.upper(), (size[2], size[3]), kernel, stride, dilation)
    extra = []
    pads = ((padding.top, padding.bottom), (padding.left, padding.right))
    for length, wanted, k, s, d, (before, after) in zip(
        x.shape[2:], size[2:], kernel, stride, dilation, pads, strict=True
    ):
        extra.append(wanted - ((length - 1) * s + (k - 1) * d + 1 - before - after))
    if not all(0 <= e < max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise VerifyError(f"the result's shape {list(size)} does not follow from the input's {list(x.shape)}")
    groups = call.integer("group", None, call.integer("groups", None, 1))
    options = {"stride": stride, "dilation": dilation, "padding": padding, "output_padding": extra, "groups": groups}
    return nchw.transposed_convolution(call.b, x, weights, None, **options)  # type: ignore[arg-type]


@primitive("BiasAdd")
def _bias_add(call: Call) -> Item:
    call.channels_first(2)
    x, bias = call.tensor(0), call.tensor(1)
    if len(x.shape) < 2 or bias.shape != x.shape[1:2]:
        raise VerifyError(f"a bias {list(bias.shape)} for an input {list(x.shape)}")
    return call.b.add(Add(), x, _by_channel(call, bias, x))


def _by_channel(call: Call, values: Value, x: Value) -> Value:
    """[C] as [C, 1, 1], so that it broadcasts over the dimensions behind the channels."""
    shape = (*values.shape, *(1,) * (len(x.shape) - 2))
    if values.is_const and len(shape) > 1:
        return call.b.constant(values.const.reshape(shape), f"{values.name}/channels")
    return nchw.reshape(call.b, values, shape)


@primitive("BatchNorm")
def _batch_norm(call: Call) -> Item:
    if call.flag("is_training", 5):
        hint = "Call set_train(False) before exporting"
        raise VerifyError(f"it takes its statistics from the batch, as in training. {hint}")
    call.channels_first(8)
    x, parts = call.tensor(0), [call.tensor(i) for i in range(1, 5)]
    if len(x.shape) < 2:
        raise VerifyError(f"the input {list(x.shape)} has no channels")
    y = nchw.batch_norm(call.b, x, parts[0], parts[1], parts[2], parts[3], call.number("epsilon", 6, 1e-5))
    return (y, *(None,) * 4)


@primitive("PReLU")
def _prelu(call: Call) -> Item:
    x, slope = call.tensor(0), call.tensor(1)
    return call.b.add(PRelu(), x, slope if slope.type.elements == 1 else _by_channel(call, slope, x))


# Normalization and resizing -----------------------------------------------------------------------------


@primitive("LayerNorm")
def _layer_norm(call: Call) -> Item:
    x, gamma, beta = call.tensor(0), call.tensor(1), call.tensor(2)
    first = call.axis(call.integer("begin_norm_axis", 3, 1), len(x.shape))
    if call.axis(call.integer("begin_params_axis", 4, 1), len(x.shape)) != first:
        raise VerifyError("begin_norm_axis and begin_params_axis differ")
    op = LayerNorm(axes=len(x.shape) - first, epsilon=call.number("epsilon", 5, 1e-7))
    return (call.b.add(op, x, gamma, beta), None, None)


@primitive("ResizeBilinearV2", "ResizeNearestNeighborV2")
def _resize(call: Call) -> Item:
    x, size = call.tensor(0), call.integers("size", 1)
    check_image(x)
    if call.flag("align_corners", 2):
        coordinates = Coordinates.ALIGN_CORNERS
    else:
        coordinates = Coordinates.HALF_PIXEL if call.flag("half_pixel_centers", 3) else Coordinates.ASYMMETRIC
    if len(size) != 2 or not all(1 <= s <= 1 << 16 for s in size):
        raise VerifyError(f"size {list(size)} is out of range")
    resize = ResizeBilinear if call.primitive == "ResizeBilinearV2" else ResizeNearest
    y = call.b.add(resize(size=(size[0], size[1]), coordinates=coordinates), nchw.to_nhwc(call.b, x))
    return nchw.to_nchw(call.b, y)


@primitive("DepthToSpace", "SpaceToDepth")
def _blocks(call: Call) -> Item:
    call.channels_first()
    x, block = call.tensor(0), call.integer("block_size")
    check_image(x)
    op = DepthToSpace(block) if call.primitive == "DepthToSpace" else SpaceToDepth(block)
    return nchw.to_nchw(call.b, call.b.add(op, nchw.to_nhwc(call.b, x)))
