"""Trains the sample network in PyTorch and exports it to ONNX in float, for microgen to quantize.

Needs ``pip install torch==2.13.0 onnx onnxscript scikit-learn``; microgen itself needs none but onnx. Writes three
files beside this script: ``digits_float.onnx``, ``digits_calibration.npz`` (``image`` float32 [1347, 1, 8, 8], the
training samples) and ``digits_float_test.npz`` (``image`` float32 [450, 1, 8, 8] and ``y`` uint8 [450], the samples
that are held back from training and from calibration).
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

HERE = Path(__file__).resolve().parent
SEED = 7
EPOCHS = 60
BATCH = 32


class Digits(nn.Module):
    """[N, 1, 8, 8] in 0..1 to the logits [N, 10]."""

    def __init__(self) -> None:
        super().__init__()

        def block(source: int, channels: int, size: int, groups: int = 1) -> nn.Sequential:
            convolution = nn.Conv2d(source, channels, size, padding=size // 2, groups=groups, bias=False)
            return nn.Sequential(convolution, nn.BatchNorm2d(channels), nn.ReLU6())

        self.features = nn.Sequential(
            block(1, 16, 3),
            block(16, 16, 3, groups=16),
            block(16, 32, 1),
            nn.MaxPool2d(2),
            block(32, 32, 3),
            nn.AvgPool2d(2),
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(128, 10))

    def forward(self, x: Tensor) -> Tensor:
        """The logits of ``x``."""
        return self.head(self.features(x))


def shifted(images: Tensor, generator: torch.Generator) -> Tensor:
    """Half of the images moved by up to one pixel, all with a little noise."""
    padded = nn.functional.pad(images, (1, 1, 1, 1))
    moved = images.clone()
    for i in range(len(images)):
        if torch.rand((), generator=generator) < 0.5:
            row, column = torch.randint(0, 3, (2,), generator=generator).tolist()
            moved[i] = padded[i, :, row : row + 8, column : column + 8]
    noise = torch.randn(moved.shape, generator=generator) * 0.03
    return (moved + noise).clamp(0, 1)


def train(x: Tensor, y: Tensor) -> nn.Module:
    """The network, fitted to ``x`` and ``y``."""
    generator = torch.Generator().manual_seed(SEED)
    model = Digits()
    optimizer = torch.optim.Adam(model.parameters(), 4e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    loss = nn.CrossEntropyLoss(label_smoothing=0.05)
    for _ in range(EPOCHS):
        samples = shifted(x, generator)
        for batch in torch.randperm(len(x), generator=generator).split(BATCH):
            optimizer.zero_grad()
            loss(model(samples[batch]), y[batch]).backward()
            optimizer.step()
        schedule.step()
    return model.eval()


def main() -> None:
    """Trains, exports, writes the samples, and prints the accuracy on those held back."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    data = load_digits()  # pixels are counts of 0..16
    images = (data.images[:, None] / 16).astype(np.float32)
    x_train, x_test, y_train, y_test = train_test_split(
        images, data.target, test_size=0.25, stratify=data.target, random_state=SEED
    )
    model = train(torch.from_numpy(x_train), torch.from_numpy(y_train))
    path = HERE / "digits_float.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (torch.from_numpy(x_test[:1]),),
            str(path),
            input_names=["image"],
            output_names=["digit"],
            dynamic_axes={"image": {0: "batch"}, "digit": {0: "batch"}},
            opset_version=17,
            dynamo=False,
        )
    onnx.checker.check_model(onnx.load(path))
    np.savez_compressed(HERE / "digits_calibration.npz", image=x_train)
    np.savez_compressed(HERE / "digits_float_test.npz", image=x_test, y=y_test.astype(np.uint8))
    with torch.no_grad():
        hits = int((model(torch.from_numpy(x_test)).argmax(1).numpy() == y_test).sum())
    print(f"model: {path.stat().st_size:,} bytes; float accuracy: {hits}/{len(x_test)} = {hits / len(x_test):.4f}")


if __name__ == "__main__":
    main()
