"""What quantization did to each layer: for people, as JSON, as a plot."""

from __future__ import annotations

import importlib
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from microgen.errors import ToolMissing, UsageError, one_line
from microgen.quantize.compare import Layer
from microgen.quantize.config import QuantConfig

#: (heading, whether it is right-aligned) of the table's columns.
COLUMNS: tuple[tuple[str, bool], ...] = (
    ("#", True),
    ("layer", False),
    ("operator", False),
    ("type", False),
    ("cosine", True),
    ("SQNR dB", True),
    ("alone dB", True),
    ("observed", True),
    ("used", True),
    ("clipped", True),
    ("", False),
)
_FORMATS = (".png", ".svg")
# What the table shows of a name; converters join the names of all that they fused.
_NAME = 44


@dataclass(frozen=True)
class Report:
    """Layers in execution order; ``outputs`` are the likenesses of the model's outputs by name."""

    config: QuantConfig
    samples: int
    layers: tuple[Layer, ...]
    warnings: tuple[str, ...]
    float_bytes: int
    quantized_bytes: int
    equalized: int = 0

    def ranked(self) -> list[Layer]:
        """The layers, the one that is furthest from the float network first."""
        return sorted(self.layers, key=lambda layer: (layer.accumulated.sqnr, layer.index))

    def rows(self, limit: int | None = None) -> list[list[str]]:
        """The table's rows, worst first."""
        return [_row(layer) for layer in self.ranked()[:limit]]

    def as_json(self) -> dict[str, Any]:
        """The report with stable keys; ``layers`` are ranked, worst first."""
        return {
            "method": self.config.method.value,
            "weights": self.config.weights.value,
            "scheme": self.config.scheme.value,
            "io": self.config.io.value,
            "samples": self.samples,
            "equalized_pairs": self.equalized,
            "bias_correction": self.config.bias_correction,
            "float_bytes": self.float_bytes,
            "quantized_bytes": self.quantized_bytes,
            "warnings": list(self.warnings),
            "layers": [asdict(layer) for layer in self.ranked()],
        }

    def plot(self, suffix: str) -> bytes:
        """A picture of the layers, in execution order: signal over error, and ranges. ``suffix`` is .png or .svg.

        ToolMissing without matplotlib, UsageError for another format.
        """
        if suffix.lower() not in _FORMATS:
            raise UsageError(f"plots are {' and '.join(_FORMATS)} files, not {suffix or 'without ending'}")
        return _draw(self.layers, suffix.lower()[1:])


def check_plot(path: Path) -> None:
    """Raise, before the work is done, what ``Report.plot`` would raise for this file."""
    if path.suffix.lower() not in _FORMATS:
        raise UsageError(f"must end in {' or '.join(_FORMATS)}", where=f"--plot {path}")
    _matplotlib("figure")


def _row(layer: Layer) -> list[str]:
    return [
        str(layer.index),
        one_line(layer.name, _NAME),
        layer.op,
        layer.dtype,
        f"{layer.accumulated.cosine:.5f}",
        f"{layer.accumulated.sqnr:.1f}",
        "-" if layer.alone is None else f"{layer.alone.sqnr:.1f}",
        f"{layer.observed[0]:.3g}..{layer.observed[1]:.3g}",
        "-" if layer.used is None else f"{layer.used[0]:.3g}..{layer.used[1]:.3g}",
        f"{100 * layer.clipped:.2f}%",
        layer.note,
    ]


def _matplotlib(module: str) -> Any:
    try:
        return importlib.import_module(f"matplotlib.{module}")
    except ImportError:
        hint = "pip install matplotlib"
        raise ToolMissing("matplotlib is not installed", where="plot", hint=hint) from None


def _draw(layers: Sequence[Layer], kind: str) -> bytes:
    figure = _matplotlib("figure").Figure(figsize=(max(7.0, 0.32 * len(layers) + 2.0), 8.0), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    places = [layer.index for layer in layers]
    above.plot(places, [layer.accumulated.sqnr for layer in layers], "o-", label="whole network")
    alone = [(layer.index, layer.alone.sqnr) for layer in layers if layer.alone is not None]
    above.plot([i for i, _ in alone], [s for _, s in alone], "s--", label="layer alone")
    above.set_ylabel("signal / quantization noise, dB")
    above.grid(alpha=0.3)
    above.legend()
    for layer in layers:
        below.plot([layer.index] * 2, layer.observed, color="tab:gray", linewidth=6, alpha=0.5, solid_capstyle="butt")
        if layer.used is not None:
            below.plot([layer.index] * 2, layer.used, color="tab:blue", linewidth=2, marker="_")
    below.set_ylabel("range: observed (gray), int8 (blue)")
    below.grid(alpha=0.3)
    # Names come from model files: a dollar sign would start a formula.
    names = [f"{layer.index}  {one_line(layer.name, 32)}".replace("$", r"\$") for layer in layers]
    below.set_xticks(places, names, rotation=90, fontsize=7)
    stream = io.BytesIO()
    matplotlib = importlib.import_module("matplotlib")
    # No date and no random identifiers: the same report gives the same file.
    with matplotlib.rc_context({"svg.hashsalt": "microgen"}):
        figure.savefig(stream, format=kind, metadata={"Date": None} if kind == "svg" else {"Software": None})
    return stream.getvalue()
