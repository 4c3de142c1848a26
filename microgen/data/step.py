"""What a step is, and what several of them check."""

from __future__ import annotations

import enum
import math
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np

from microgen.errors import InputError
from microgen.mindir import Array

#: Neither side of an image may be longer after a step.
MAX_SIDE = 8192

METHODS = ("nearest", "bilinear", "bicubic", "lanczos", "box")


class Form(enum.Enum):
    """What flows between steps: an image, mono int16 samples [n], or any array of numbers."""

    IMAGE = "an image"
    SOUND = "int16 samples of sound"
    VALUES = "numbers"


@runtime_checkable
class Step(Protocol):
    """One step. ``takes`` None: whatever comes; ``gives`` None: the form that it took.

    A front end that makes features from sound takes ``Form.SOUND`` and gives ``Form.VALUES``.
    """

    takes: ClassVar[Form | None]
    gives: ClassVar[Form | None]

    def __call__(self, array: Array, /) -> Array:
        """The array, processed. Raises InputError for one that the step cannot take."""


@runtime_checkable
class SoundFrontEnd(Step, Protocol):
    """A step from sound to ``features`` in each of its frames, from sound of ``sample_rate`` Hz.

    ``samples`` is how many it wants at once, 0 for what ``samples_for`` says of the frames that a model takes.
    """

    @property
    def features(self) -> int:
        """Features of a frame."""

    @property
    def sample_rate(self) -> int:
        """In Hz."""

    @property
    def samples(self) -> int:
        """Samples, or 0."""

    def samples_for(self, frames: int) -> int:
        """The least samples that hold so many frames."""


def check(name: str, holds: bool, what: str) -> None:
    """InputError at ``name`` unless it ``holds``."""
    if not holds:
        raise InputError(what, where=name)


def check_sides(name: str, height: int, width: int, least: int = 1) -> None:
    """InputError for an image\'s sides that are not in range."""
    within = least <= height <= MAX_SIDE and least <= width <= MAX_SIDE
    check(name, within, f"height and width must be {least} to {MAX_SIDE}, not {height} and {width}")


def check_method(name: str, method: str, allowed: tuple[str, ...] = METHODS) -> None:
    """InputError for a filter that is not among ``allowed``."""
    check(f"{name}.method", method in allowed, f"must be one of {', '.join(allowed)}, not {method!r}")


def check_finite(name: str, *numbers: float) -> None:
    """InputError for infinities and NaN."""
    check(name, all(math.isfinite(n) for n in numbers), "must be finite numbers")


class ImageStep:
    """A step from image to image."""

    takes: ClassVar[Form | None] = Form.IMAGE
    gives: ClassVar[Form | None] = Form.IMAGE


def colour(value: tuple[float, ...], array: Array, where: str) -> Array:
    """``value`` for each channel of an image, in its element type; InputError where that is not possible."""
    channels = array.shape[2]
    if len(value) not in (1, channels):
        raise InputError(f"has {len(value)} numbers for {channels} channels", where=where)
    numbers = np.broadcast_to(np.array(value, np.float64), (channels,))
    if array.dtype == np.uint8 and not (np.isin(numbers, np.arange(256))).all():
        raise InputError(f"must be whole numbers from 0 to 255, not {list(value)}", where=where)
    return numbers.astype(array.dtype)
