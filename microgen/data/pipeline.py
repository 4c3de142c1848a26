"""Steps, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microgen.data.images import IMAGES, MAX_PIXELS, decode
from microgen.data.sounds import SOUNDS, read_sound, read_sound_int16
from microgen.data.steps import Color, Form, Step
from microgen.errors import InputError
from microgen.mindir import Array

_MAX_STEPS = 64


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Steps in order; InputError where one cannot take what comes before it gives."""

    steps: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        if len(self.steps) > _MAX_STEPS:
            raise InputError(f"has more than {_MAX_STEPS} steps", where="preprocess.steps")
        form: Form | None = None
        for number, step in enumerate(self.steps):
            place = f"preprocess.steps.{number}"
            if not isinstance(step, Step):
                raise InputError(f"{type(step).__name__} is no step", where=place)
            if form is not None and step.takes not in (None, form):
                assert step.takes is not None
                what = f"{type(step).__name__} takes {step.takes.value}, the step before gives {form.value}"
                raise InputError(what, where=place)
            form = step.gives or form or step.takes

    @property
    def takes(self) -> Form | None:
        """What the first step that minds takes; None where none does."""
        return next((step.takes for step in self.steps if step.takes is not None), None)

    def __call__(self, array: Array) -> Array:
        """``array`` after all steps. Raises InputError where one cannot take it."""
        for step in self.steps:
            array = step(array)
            if array.size > 8 * MAX_PIXELS:
                raise InputError(f"{array.size:,} numbers are too many", where=type(step).__name__)
        return array

    def read(self, path: Path, channels: int = 3) -> Array:
        """An image or WAV file after all steps; an image is decoded in gray where the input has 1 of ``channels``.

        Raises InputError, which names the file.
        """
        suffix = path.suffix.lower()
        if suffix in IMAGES:
            return self.on(path, decode(path, self._in_gray(channels)), Form.IMAGE)
        if suffix in SOUNDS:
            short = self.takes is Form.SOUND
            return self.on(path, read_sound_int16(path) if short else read_sound(path), Form.SOUND)
        raise InputError(f"does not end in {', '.join((*IMAGES, *SOUNDS))}", where=str(path))

    def on(self, path: Path, array: Array, form: Form) -> Array:
        """``array``, which is of ``form`` and comes from a file, after all steps; errors name the file."""
        if self.takes not in (None, Form.VALUES, form):
            assert self.takes is not None
            raise InputError(f"gives {form.value}, the steps take {self.takes.value}", where=str(path))
        try:
            return np.asarray(self(array))
        except InputError as error:
            if not error.where.startswith("preprocess."):
                error.what = f"{error.where}: {error.what}" if error.where else error.what
                error.where = str(path)
            raise

    def _in_gray(self, channels: int) -> bool:
        """Whether images are decoded in gray: asked for first, or because the input has one channel."""
        first = next((step for step in self.steps if isinstance(step, Color)), None)
        if first is None:
            return channels == 1
        return first.order == "gray" and self.steps[0] is first
