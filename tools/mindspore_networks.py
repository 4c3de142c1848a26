"""The networks of the MindSpore fixtures: small, in inference mode, every parameter drawn from a seed."""

from __future__ import annotations

import mindspore as ms
import mindspore_operators as operators
import numpy as np
from mindspore import lazy_inline, nn, ops


class LeNet(nn.Cell):
    """The classic: convolution, pooling, three dense layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, pad_mode="same", has_bias=True)
        self.conv2 = nn.Conv2d(6, 12, 5, pad_mode="valid")
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(kernel_size=2, stride=2)
        self.flatten = nn.Flatten()
        self.fc1 = nn.Dense(12 * 5 * 5, 60)
        self.fc2 = nn.Dense(60, 40)
        self.fc3 = nn.Dense(40, 10)

    def construct(self, x: ms.Tensor) -> ms.Tensor:
        """Class scores."""
        x = self.pool(self.relu(self.conv1(x)))
        x = self.pool(self.relu(self.conv2(x)))
        x = self.relu(self.fc1(self.flatten(x)))
        return self.fc3(self.relu(self.fc2(x)))


class Residual(nn.Cell):
    """Two convolutions with batch normalization beside a shortcut, which is a 1×1 convolution where sizes change."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride=stride, pad_mode="pad", padding=1)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, pad_mode="same")
        self.bn2 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU()
        self.project = stride != 1 or channels != out
        if self.project:
            self.shortcut = nn.Conv2d(channels, out, 1, stride=stride, pad_mode="same")
            self.bn3 = nn.BatchNorm2d(out)

    def construct(self, x: ms.Tensor) -> ms.Tensor:
        """[N, out, H / stride, W / stride]."""
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        if self.project:
            x = self.bn3(self.shortcut(x))
        return self.relu(y + x)


class ResNet(nn.Cell):
    """A stem, two residual blocks, global pooling as a mean."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, pad_mode="pad", padding=1, has_bias=True)
        self.bn = nn.BatchNorm2d(8)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(kernel_size=3, stride=2, pad_mode="same")
        self.block1 = Residual(8, 8, 1)
        self.block2 = Residual(8, 16, 2)
        self.fc = nn.Dense(16, 10)

    def construct(self, x: ms.Tensor) -> ms.Tensor:
        """Probabilities."""
        x = self.pool(self.relu(self.bn(self.stem(x))))
        x = self.block2(self.block1(x))
        return ops.softmax(self.fc(ops.mean(x, (2, 3))), -1)


class InvertedResidual(nn.Cell):
    """1×1 expansion, depthwise 3×3, linear 1×1 projection; a shortcut where shapes allow one."""

    def __init__(self, channels: int, out: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = channels * expansion
        self.shortcut = stride == 1 and channels == out
        layers: list[nn.Cell] = []
        if expansion != 1:
            layers += [nn.Conv2d(channels, hidden, 1), nn.BatchNorm2d(hidden), nn.ReLU6()]
        layers += [
            nn.Conv2d(hidden, hidden, 3, stride=stride, pad_mode="pad", padding=1, group=hidden),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(),
            nn.Conv2d(hidden, out, 1),
            nn.BatchNorm2d(out),
        ]
        self.body = nn.SequentialCell(layers)

    def construct(self, x: ms.Tensor) -> ms.Tensor:
        """[N, out, H / stride, W / stride]."""
        y = self.body(x)
        return x + y if self.shortcut else y


class MobileNetV2(nn.Cell):
    """MobileNetV2 with four blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.SequentialCell(
            [
                nn.Conv2d(3, 8, 3, stride=2, pad_mode="pad", padding=1),
                nn.BatchNorm2d(8),
                nn.ReLU6(),
                InvertedResidual(8, 8, 1, 1),
                InvertedResidual(8, 12, 2, 4),
                InvertedResidual(12, 12, 1, 4),
                InvertedResidual(12, 16, 2, 4),
                nn.Conv2d(16, 32, 1),
                nn.BatchNorm2d(32),
                nn.ReLU6(),
            ]
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(p=0.2)
        self.fc = nn.Dense(32, 5)

    def construct(self, x: ms.Tensor) -> ms.Tensor:
        """Class scores."""
        return self.fc(self.dropout(self.flatten(self.pool(self.features(x)))))


class Mlp(nn.Cell):
    """Dense layers with several activations."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.SequentialCell(
            [
                nn.Dense(20, 32, activation="tanh"),
                nn.Dense(32, 24, activation="sigmoid"),
                nn.Dense(24, 16, has_bias=False),
                nn.LeakyReLU(0.1),
                nn.Dense(16, 6),
                nn.Softmax(),
            ]
        )

    def construct(self, x: ms.Tensor) -> ms.Tensor:
        """Probabilities."""
        return self.layers(x)


class Shared(nn.Cell):
    """A dense layer that stays a function of its own in the file."""

    @lazy_inline
    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Dense(8, 8)

    def construct(self, x: ms.Tensor) -> tuple[ms.Tensor, ms.Tensor]:
        """[N, 8] and the input."""
        return ops.relu(self.dense(x)), x


class Functions(nn.Cell):
    """Two calls of functions that return tuples."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Shared(), Shared()

    def construct(self, x: ms.Tensor) -> ms.Tensor:
        """[2, 8]."""
        y, unchanged = self.first(x)
        z, before = self.second(y)
        return z + unchanged * before


NETWORKS: dict[str, tuple[type[nn.Cell], tuple[tuple[int, ...], ...]]] = {
    "lenet": (LeNet, ((1, 1, 28, 28),)),
    "resnet": (ResNet, ((1, 3, 16, 16),)),
    "mobilenetv2": (MobileNetV2, ((1, 3, 32, 32),)),
    "mlp": (Mlp, ((1, 20),)),
    "image_operators": (operators.ImageOperators, ((1, 4, 12, 11),)),
    "vector_operators": (operators.VectorOperators, ((1, 48), (4, 8))),
    "further_operators": (operators.FurtherOperators, ((1, 4, 6, 6),)),
    "elementwise_operators": (operators.ElementwiseOperators, ((3, 5), (3, 5))),
    "rare_operators": (operators.RareOperators, ((1, 4, 6, 6),)),
    "functions": (Functions, ((2, 8),)),
}


def make(name: str) -> tuple[nn.Cell, list[np.ndarray]]:
    """The network in inference mode with sensible parameters, and inputs for it."""
    rng = np.random.default_rng(sum(name.encode()))
    network, shapes = NETWORKS[name]
    cell = network()
    cell.set_train(False)
    for parameter in cell.get_parameters():
        shape = parameter.shape
        if parameter.name.endswith("moving_variance"):
            data = rng.uniform(0.4, 2.0, shape)
        elif parameter.name.endswith("gamma"):
            data = rng.uniform(0.6, 1.4, shape)
        elif len(shape) > 1:
            data = rng.normal(0.0, (2.0 / np.prod(shape[1:])) ** 0.5, shape)
        else:
            data = rng.normal(0.0, 0.2, shape)
        parameter.set_data(ms.Tensor(data.astype(np.float32)))
    return cell, [rng.normal(0.0, 1.0, shape).astype(np.float32) for shape in shapes]
