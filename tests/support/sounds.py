"""Sounds for tests of audio front ends: made here, int16 at 16 kHz."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 16000
Shorts = NDArray[np.int16]


def sounds(samples: int) -> dict[str, Shorts]:
    """Of each kind one: vowel-like, tones, noise, silence, and what fills or leaves the range of the samples."""
    generator = np.random.default_rng(5)
    t = np.arange(samples) / RATE
    pulses = (np.arange(samples) % 130 == 0).astype(np.float64)
    ringing = [np.exp(-300 * t[:400]) * np.sin(2 * np.pi * f * t[:400]) for f in (700, 1200, 2600)]
    formants = np.sum(ringing, axis=0)
    vowel = np.convolve(pulses, formants)[:samples] * (0.2 + np.sin(2 * np.pi * 3 * t) ** 2) * 8000
    chirp = 12000 * np.sin(2 * np.pi * (100 * t + 3500 * t * t / max(t[-1], 1e-3)))
    made = {
        "vowel": vowel + generator.normal(0, 20, samples),
        "chirp": chirp,
        "noise": generator.normal(0, 3000, samples),
        "quiet": generator.normal(0, 2, samples),
        "silence": np.zeros(samples),
        "square": np.where(np.arange(samples) // 20 % 2, 32767.0, -32768.0),
        "extremes": generator.choice([-32768.0, 32767.0, 0.0], samples),
    }
    return {name: np.clip(np.round(x), -32768, 32767).astype(np.int16) for name, x in made.items()}
