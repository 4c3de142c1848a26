"""Exports the PyTorch networks of the tests to ONNX, as users do: ``python tools/make_torch_models.py``.

Needs ``pip install torch==2.13.0 onnx onnxscript onnxruntime numpy``; neither microgen nor its tests need PyTorch.
Writes ``tests/data/torch/*.onnx``. The weights are seeded random numbers in the range of trained ones, and the
statistics of the batch normalizations are those of random images, so that values stay of the order of 1 in every
layer: what is tested is the graphs that the exporter writes, and arithmetic on them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import torch
from torch import Tensor, nn
from torch.nn import functional

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent / "tests" / "data" / "torch"
SEED = 11
# onnxruntime's and PyTorch's own kernels already differ by this much
TOLERANCE = 1e-4


class LeNet(nn.Module):
    """LeNet-5 with ReLU on 1x28x28."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 1, 28, 28] to [N, 10]."""
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        x = functional.relu(self.fc1(x))
        return self.fc3(functional.relu(self.fc2(x)))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside an identity or a projection."""

    def __init__(self, source: int, channels: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(source, channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            nn.BatchNorm2d(channels),
        )
        same = stride == 1 and source == channels
        self.shortcut = nn.Identity() if same else nn.Conv2d(source, channels, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """[N, source, H, W] to [N, channels, H / stride, W / stride]."""
        return functional.relu(self.body(x) + self.shortcut(x))


class ResNet8(nn.Module):
    """The residual network of MLPerf Tiny's image classification, on 3x32x32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.stages = nn.Sequential(ResidualBlock(16, 16, 1), ResidualBlock(16, 32, 2), ResidualBlock(32, 64, 2))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 3, 32, 32] to [N, 10] probabilities."""
        x = self.pool(self.stages(self.stem(x)))
        return functional.softmax(self.head(x.flatten(1)), dim=1)


def _rounded(channels: float) -> int:
    """Channels as MobileNets round them: to multiples of 8, never down by more than a tenth."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, linear projection."""

    def __init__(self, source: int, channels: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = source * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers += [nn.Conv2d(source, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU6()]
        layers += [
            nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(),
            nn.Conv2d(hidden, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        ]
        self.body = nn.Sequential(*layers)
        self.residual = stride == 1 and source == channels

    def forward(self, x: Tensor) -> Tensor:
        """[N, source, H, W] to [N, channels, H / stride, W / stride]."""
        return x + self.body(x) if self.residual else self.body(x)


class MobileNetV2(nn.Module):
    """MobileNetV2 of width 0.35 on 3x48x48; the last convolution has 256 channels, which keeps the file small."""

    #: expansion, channels, repetitions, stride
    SETTINGS = (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    )

    def __init__(self, width: float = 0.35) -> None:
        super().__init__()
        channels = _rounded(32 * width)
        layers: list[nn.Module] = [nn.Conv2d(3, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU6()]
        for expansion, wide, count, stride in self.SETTINGS:
            for i in range(count):
                layers.append(InvertedResidual(channels, _rounded(wide * width), stride if i == 0 else 1, expansion))
                channels = _rounded(wide * width)
        layers += [nn.Conv2d(channels, 256, 1, bias=False), nn.BatchNorm2d(256), nn.ReLU6()]
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(256, 10))

    def forward(self, x: Tensor) -> Tensor:
        """[N, 3, 48, 48] to [N, 10]."""
        return self.classifier(self.features(x).mean([2, 3]))


class SqueezeBlocks(nn.Module):
    """Two blocks of MobileNetV3's kind, with squeeze-and-excitation and hard activations, on 3x24x24."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.Hardswish())
        self.expand = nn.Sequential(nn.Conv2d(8, 24, 1, bias=False), nn.BatchNorm2d(24), nn.Hardswish())
        self.depth = nn.Sequential(nn.Conv2d(24, 24, 5, 1, 2, groups=24), nn.BatchNorm2d(24), nn.Hardswish())
        self.squeeze = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(24, 8, 1), nn.ReLU(), nn.Conv2d(8, 24, 1), nn.Hardsigmoid()
        )
        self.project = nn.Sequential(nn.Conv2d(24, 8, 1), nn.BatchNorm2d(8))
        self.act = nn.PReLU(8)
        self.head = nn.Sequential(nn.Conv2d(8, 16, 3, 2, 1, groups=4), nn.LeakyReLU(0.1), nn.AvgPool2d(2), nn.Flatten())
        self.classes = nn.Linear(144, 4)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 3, 24, 24] to [N, 4]."""
        x = self.stem(x)
        y = self.depth(self.expand(x))
        x = self.act(x + self.project(y * self.squeeze(y)))
        return torch.tanh(self.classes(self.head(x)))


class DsCnn(nn.Module):
    """The depthwise separable network of MLPerf Tiny's keyword spotting, on 1x49x10."""

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.ZeroPad2d((1, 1, 4, 5)),
            nn.Conv2d(1, channels, (10, 4), 2, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        ]
        for _ in range(4):
            layers += [
                nn.Conv2d(channels, channels, 3, 1, 1, groups=channels, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(),
                nn.Conv2d(channels, channels, 1, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(),
            ]
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(channels, 12)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 1, 49, 10] to [N, 12] probabilities."""
        x = functional.adaptive_avg_pool2d(self.features(x), 1)
        return functional.softmax(self.head(torch.flatten(x, 1)), dim=-1)


def _double(source: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(source, channels, 3, padding=1),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.ReLU(),
    )


class UNetTiny(nn.Module):
    """Three levels; one step up by a transposed convolution, one by bilinear interpolation. On 3x32x32."""

    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2, self.bottom = _double(3, 8), _double(8, 16), _double(16, 32)
        self.up2 = nn.ConvTranspose2d(32, 16, 2, 2)
        self.merge2 = _double(32, 16)
        self.up1 = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.merge1 = _double(24, 8)
        self.head = nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 3, 32, 32] to a mask [N, 2, 32, 32]."""
        one = self.down1(x)
        two = self.down2(functional.max_pool2d(one, 2))
        three = self.bottom(functional.max_pool2d(two, 2))
        two = self.merge2(torch.cat([self.up2(three), two], 1))
        one = self.merge1(torch.cat([self.up1(two), one], 1))
        return torch.sigmoid(self.head(one))


class TemporalBlock(nn.Module):
    """Two dilated causal convolutions beside an identity or a projection."""

    def __init__(self, source: int, channels: int, dilation: int) -> None:
        super().__init__()
        self.left = 2 * dilation
        self.conv1 = nn.Conv1d(source, channels, 3, dilation=dilation)
        self.conv2 = nn.Conv1d(channels, channels, 3, dilation=dilation)
        self.shortcut = nn.Conv1d(source, channels, 1) if source != channels else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """[N, source, L] to [N, channels, L]."""
        y = functional.relu(self.conv1(functional.pad(x, (self.left, 0))))
        y = functional.relu(self.conv2(functional.pad(y, (self.left, 0))))
        return functional.relu(y + self.shortcut(x))


class TemporalNet(nn.Module):
    """A temporal convolutional network over 64 steps of 4 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(TemporalBlock(4, 16, 1), TemporalBlock(16, 16, 2), TemporalBlock(16, 24, 4))
        self.head = nn.Linear(24, 5)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 4, 64] to [N, 5]."""
        return self.head(self.blocks(x)[:, :, -1])


class Encoder(nn.Module):
    """A small transformer encoder: 16 steps of 8 features, two layers of two heads, mean pooling."""

    def __init__(self, width: int = 32, heads: int = 2) -> None:
        super().__init__()
        self.embed = nn.Linear(8, width)
        self.position = nn.Parameter(torch.zeros(1, 16, width))
        self.layers = nn.ModuleList(EncoderLayer(width, heads) for _ in range(2))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 6)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 16, 8] to [N, 6]."""
        x = self.embed(x) + self.position
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x).mean(1))


class EncoderLayer(nn.Module):
    """Self-attention and a GELU network of two dense layers, each behind a layer normalization."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.merge = nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """[N, T, width] to the same shape."""
        batch, steps, width = x.shape
        y = self.norm1(x)

        def split(t: Tensor) -> Tensor:
            return t.view(batch, steps, self.heads, width // self.heads).transpose(1, 2)

        query, key, value = split(self.query(y)), split(self.key(y)), split(self.value(y))
        scores = query @ key.transpose(-2, -1) / (width // self.heads) ** 0.5
        mixed = (torch.softmax(scores, dim=-1) @ value).transpose(1, 2).reshape(batch, steps, width)
        x = x + self.merge(mixed)
        return x + self.narrow(functional.gelu(self.wide(self.norm2(x))))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "lenet": (LeNet, (1, 1, 28, 28)),
    "resnet8": (ResNet8, (1, 3, 32, 32)),
    "mobilenetv2_035": (MobileNetV2, (1, 3, 48, 48)),
    "dscnn": (DsCnn, (1, 1, 49, 10)),
    "unet_tiny": (UNetTiny, (1, 3, 32, 32)),
    "tcn": (TemporalNet, (1, 4, 64)),
    "transformer": (Encoder, (1, 16, 8)),
    "squeeze": (SqueezeBlocks, (1, 3, 24, 24)),
}


def settle(model: nn.Module, shape: tuple[int, ...]) -> None:
    """Gives normalizations, biases and position codes values as training would, from random inputs."""
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.LayerNorm)):
            nn.init.uniform_(module.weight, 0.6, 1.4)
            nn.init.normal_(module.bias, 0.0, 0.2)
        elif isinstance(module, (nn.Conv2d, nn.Conv1d, nn.Linear, nn.ConvTranspose2d)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.normal_(module.bias, 0.0, 0.1)
    for name, parameter in model.named_parameters():
        if name == "position":
            nn.init.normal_(parameter, 0.0, 0.3)
    model.train()
    with torch.no_grad():
        for _ in range(30):
            model(torch.randn(16, *shape[1:]))
    model.eval()


def export(model: nn.Module, shape: tuple[int, ...], path: Path, *, dynamo: bool, plain: bool = False) -> None:
    """Writes ``model`` as one ONNX file and compares onnxruntime with PyTorch.

    ``plain`` keeps the batch normalizations and leaves the batch open, which older scripts do.
    """
    sample = torch.randn(*shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options: dict[str, Any] = {"external_data": False} if dynamo else {"opset_version": 17}
        if plain:
            options = {
                "opset_version": 13,
                "do_constant_folding": False,
                "training": torch.onnx.TrainingMode.PRESERVE,
                "dynamic_axes": {"input": {0: "batch"}, "output": {0: "batch"}},
            }
        torch.onnx.export(
            model, (sample,), str(path), dynamo=dynamo, input_names=["input"], output_names=["output"], **options
        )
    file = onnx.load(path)
    # The exporter notes the Python source of every node, with this machine's paths.
    for node in file.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*file.graph.value_info, *file.graph.input, *file.graph.output):
        del value.metadata_props[:]
    del file.graph.metadata_props[:]
    del file.metadata_props[:]
    onnx.save(file, path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"input": sample.numpy()})
    with torch.no_grad():
        expected = model(sample).numpy()
    error = float(abs(found - expected).max() / abs(expected).max())
    assert error < TOLERANCE, f"{path.name}: {error}"
    print(f"{path.name}: {path.stat().st_size:,} bytes, onnxruntime differs from PyTorch by {error:.1e}")


def main() -> None:
    """Exports every network with the present exporter, and those that differ also with the older one."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, (make, shape) in NETWORKS.items():
        torch.manual_seed(SEED)
        model = make()
        settle(model, shape)
        export(model, shape, TARGET / f"{name}.onnx", dynamo=True)
        if name in ("lenet", "dscnn", "tcn", "transformer"):
            export(model, shape, TARGET / f"{name}_torchscript.onnx", dynamo=False)
        if name in ("resnet8", "unet_tiny", "squeeze"):
            export(model, shape, TARGET / f"{name}_batchnorm.onnx", dynamo=False, plain=True)


if __name__ == "__main__":
    main()
