"""Networks that exist for the operators in them."""

from __future__ import annotations

import mindspore as ms
import numpy as np
from mindspore import nn, ops


class ImageOperators(nn.Cell):
    """The operators on images that the other networks leave out; two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 6, 3, stride=(2, 1), pad_mode="pad", padding=(1, 0, 2, 1), dilation=(1, 2))
        self.grouped = nn.Conv2d(4, 8, 3, pad_mode="same", group=2, has_bias=True)
        self.average = nn.AvgPool2d(kernel_size=3, stride=2, pad_mode="same")
        self.valid_average = nn.AvgPool2d(kernel_size=(2, 3), stride=1, pad_mode="valid")
        self.padded_pool = nn.MaxPool2d(kernel_size=3, stride=1, pad_mode="pad", padding=1)
        self.hswish, self.hsigmoid, self.sigmoid, self.tanh = nn.HSwish(), nn.HSigmoid(), nn.Sigmoid(), nn.Tanh()
        self.adaptive = nn.AdaptiveAvgPool2d((2, 3))
        self.bias_add = ops.BiasAdd()
        self.reduce = ops.ReduceMean(keep_dims=True)
        self.bias = ms.Parameter(ms.Tensor(np.zeros(4, np.float32)), name="bias")

    def construct(self, x: ms.Tensor) -> tuple[ms.Tensor, ms.Tensor]:
        """[1, 14, 6, 6] and [1, 6, 2, 3]."""
        a = self.bias_add(self.hswish(x), self.bias)
        b = self.grouped(a)
        gate = self.hsigmoid(self.reduce(b, (2, 3)))
        b = self.average(b * gate)
        c = self.tanh(self.conv(self.sigmoid(a)))
        d = self.padded_pool(c)[:, :, :, :6]
        return ops.concat((b, d), 1), self.adaptive(self.valid_average(c))


class VectorOperators(nn.Cell):
    """Shapes and arithmetic, two inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = ms.Parameter(ms.Tensor(np.zeros((12, 8), np.float32)), name="weight")
        self.dense = nn.Dense(8, 8)
        self.matmul = ops.MatMul(transpose_b=True)

    def construct(self, x: ms.Tensor, y: ms.Tensor) -> ms.Tensor:
        """[4, 4]."""
        a = ops.transpose(ops.reshape(x, (1, 3, 4, 4)), (0, 2, 3, 1))
        a = ops.flatten(ops.relu6(a * 2.0 - 0.5))
        a = ops.matmul(ops.reshape(a, (4, 12)), self.weight)
        b = self.dense(ops.maximum(a, y) / (ops.exp(y) + 1.0))
        c = ops.sqrt(ops.square(b) + 0.01) + ops.abs(a) * ops.sigmoid(-b)
        c = ops.gelu(c) + ops.expand_dims(ops.squeeze(ops.reduce_mean(c, 1)), 1)
        return ops.softmax(self.matmul(c, a + y), 0)


class FurtherOperators(nn.Cell):
    """Operators that are not on the list of the others: one output for each group."""

    def __init__(self) -> None:
        super().__init__()
        self.average = nn.AvgPool2d(3, 2, pad_mode="pad", padding=1, count_include_pad=False)
        self.norm = nn.LayerNorm((6,))
        self.transposed = nn.Conv2dTranspose(4, 3, 3, stride=2, pad_mode="pad", padding=1, has_bias=True)
        self.prelu = nn.PReLU(4)
        self.conv1d = nn.Conv1d(6, 5, 3, pad_mode="same")
        self.pool1d = nn.MaxPool1d(2, 2)
        self.elu = nn.ELU()
        self.gelu = nn.GELU()
        self.exact_gelu = nn.GELU(False)

    def construct(self, x: ms.Tensor) -> tuple[ms.Tensor, ...]:
        """19 tensors."""
        unary = ops.softplus(self.elu(x)) + ops.silu(x) + ops.mish(x) + ops.log_softmax(x, 1)
        gelu = self.gelu(x) + self.exact_gelu(x) + ops.clamp(x, -0.5, 0.7)
        reduced = ops.sum(x, 1, keepdim=True) + ops.amax(x, 1, keepdims=True) + ops.amin(x, 2, keepdims=True)
        resized = ops.interpolate(x, size=(12, 12), mode="bilinear", align_corners=False)
        image = x[0]
        power = ops.pow(ops.abs(x), 1.5) / ops.rsqrt(ops.abs(x) + 1)
        mask = ops.cast(x > 0, ms.float32)
        return (
            self.average(x),
            ops.split(x, 2, 1)[1],
            self.norm(x),
            self.transposed(x),
            self.prelu(x),
            self.pool1d(self.conv1d(ops.reshape(x, (1, 6, 24)))),
            unary,
            gelu,
            reduced,
            resized,
            ops.pad(x, (1, 2, 0, 1), "constant", 0.25),
            ops.avg_pool2d(x, 2, 2),
            ops.max_pool2d(x, 2, 2),
            ops.stack((x, mask), 1),
            ops.tile(x, (1, 2, 1, 1)),
            ops.bmm(image, image),
            ops.gather(x, ms.Tensor([1, 0], ms.int32), 1),
            power,
            ops.dense(x, ms.Tensor(np.linspace(-1, 1, 30, dtype=np.float32).reshape(5, 6))),
        )


class ElementwiseOperators(nn.Cell):
    """Functions of one and two tensors; outputs by the range of the inputs that they need."""

    def construct(self, x: ms.Tensor, y: ms.Tensor) -> tuple[ms.Tensor, ...]:
        """Stacks of [3, 5]."""
        small, positive = ops.tanh(x) * 0.9, ops.abs(x) + 0.5
        anywhere = (
            ops.abs(x), ops.neg(x), ops.exp(x), ops.square(x), ops.tanh(x), ops.sigmoid(x), ops.relu(x), ops.relu6(x),
            ops.elu(x), ops.selu(x), ops.mish(x), ops.hardswish(x), ops.hardsigmoid(x), ops.floor(x), ops.ceil(x),
            ops.round(x), ops.sign(x), ops.erf(x), ops.softplus(x), ops.softsign(x), ops.sin(x), ops.cos(x),
            ops.sinh(x), ops.cosh(x), ops.asinh(x), ops.atan(x), ops.silu(x), ops.celu(x, 0.7), ops.gelu(x, "tanh"),
        )  # fmt: skip
        positive_only = (
            ops.log(positive), ops.sqrt(positive), ops.rsqrt(positive), ops.reciprocal(positive),
            ops.acosh(positive + 1),
        )  # fmt: skip
        small_only = (ops.tan(small), ops.asin(small), ops.acos(small), ops.atanh(small))
        both = (
            x + y, x - y, x * y, x / positive, ops.maximum(x, y), ops.minimum(x, y), ops.pow(positive, y),
            ops.floor_mod(x, positive), ops.square(x - y), ops.SquaredDifference()(x, y), ops.select(x > y, x, y),
            1.5 - x, 2.0 / positive, x**2,
        )  # fmt: skip
        tests = (
            x > y, x >= y, x < y, x <= y, x == y, x != y, ops.logical_and(x > 0, y > 0), ops.logical_or(x > 0, y > 0),
            ops.logical_xor(x > 0, y > 0), ops.logical_not(x > 0), ops.isnan(x), ops.isinf(y),
        )  # fmt: skip
        flags = ops.cast(ops.stack(tests), ms.float32)
        return ops.stack(anywhere), ops.stack(positive_only), ops.stack(small_only), ops.stack(both), flags


class RareOperators(nn.Cell):
    """What few networks have."""

    def construct(self, x: ms.Tensor) -> tuple[ms.Tensor, ...]:
        """12 tensors."""
        indices = ms.Tensor(np.arange(24).reshape(1, 4, 6, 1) % 6, ms.int32)
        largest, places = ops.topk(x, 2)
        return (
            ops.flip(x, (2, 3)),
            ops.DepthToSpace(2)(ops.concat((x, -x), 1)),
            ops.SpaceToDepth(2)(x),
            ops.gather_d(x, 3, indices),
            largest,
            places,
            ops.cumsum(x, 1),
            ops.argmax(x, 1),
            ops.interpolate(x, size=(9, 12), mode="nearest"),
            ops.pad(x, (2, 1, 1, 2), "reflect"),
            ops.broadcast_to(ops.prod(x, 1, True), (1, 4, 6, 6)),
            ops.slice(x, (0, 1, 2, 0), (1, 2, 3, 6)),
        )
