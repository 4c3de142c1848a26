"""Scores what the microcontroller answered to the held-back digits.

``score.py ANSWERS.npz`` compares the outputs that ``microgen run --output`` wrote with the labels in
``digits_test.npz``; ``--bench FILE`` adds flash and RAM from ``microgen bench --json FILE``. Needs only numpy.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

SAMPLES = Path(__file__).resolve().parent / "digits_test.npz"
REQUIRED_ACCURACY = 0.97


def predictions(path: Path) -> np.ndarray:
    """The digit with the highest score, for each answer in the model's only output ([N, 10] or [N, 1, 10])."""
    with np.load(path) as outputs:
        if len(outputs.files) != 1:
            sys.exit(f"{path}: expected one output, found {', '.join(outputs.files) or 'none'}")
        scores = outputs[outputs.files[0]]
    return scores.reshape(len(scores), -1).argmax(axis=1)


def memory_lines(path: Path) -> list[str]:
    """Flash and RAM of the only result in a bench report."""
    (result,) = json.loads(path.read_text())["results"]
    flash, ram = result["flash"], result["ram"]
    flash_parts = f"code {flash['code']:,}, weights and tables {flash['const']:,}"
    ram_parts = f"arena {ram['arena']:,}, static {ram['static']:,}, stack {ram['stack']:,}"
    return [
        f"  flash      {sum(flash.values()):,} bytes  ({flash_parts})",
        f"  RAM        {sum(ram.values()):,} bytes  ({ram_parts})",
        f"  work       {result['instructions']:,} instructions for {result['macs']:,} multiply-accumulates",
    ]


def main() -> int:
    """Returns 0, or 1 where the accuracy is below what the sample model is known to reach."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("answers", type=Path, metavar="ANSWERS.npz", help="the outputs of the run")
    parser.add_argument("--bench", type=Path, metavar="FILE", help="a report of microgen bench --json")
    arguments = parser.parse_args()

    with np.load(SAMPLES) as samples:
        y = samples["y"]
    answered = predictions(arguments.answers)
    if answered.shape != y.shape:
        sys.exit(f"{arguments.answers}: {len(answered)} answers to {len(y)} samples")
    hits = int((answered == y).sum())
    print(f"  accuracy   {hits / len(y):.1%}  ({hits} of {len(y)} held-back samples)")
    if arguments.bench:
        print("\n".join(memory_lines(arguments.bench)))
    if hits < REQUIRED_ACCURACY * len(y):
        print(f"The accuracy is below {REQUIRED_ACCURACY:.0%}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
