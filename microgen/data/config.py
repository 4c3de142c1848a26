"""How files become samples of a model's input."""

from __future__ import annotations

from dataclasses import dataclass

from microgen.data.pipeline import Pipeline
from microgen.data.steps import MAX_SIDE, Color, Crop, Form, Normalize, Resize, SoundFrontEnd, Step
from microgen.errors import InputError

# What describes the steps for users who list none.
_SHORT = ("resize", "crop", "channels", "scale", "mean", "std")


def _choice(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        names = ", ".join(str(a) for a in allowed if a is not None)
        raise InputError(f"must be one of {names}, not {value!r}", where=f"preprocess.{name}")


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How files become samples.

    Images: the short side is scaled and the middle cut out (``crop``: ``center``), or the whole is scaled (``none``),
    to ``resize`` (height, width; None: the input's own). ``channels`` is ``rgb``, ``bgr`` or ``gray`` (None: by the
    input's number of channels). WAV files: mono, cut into pieces of ``window`` values (None: the input's number of
    elements), ``hop`` apart (None: the window's length); ``sample_rate`` in Hz is checked where given; values are in
    [-1, 1].
    Then both: ``(value · scale - mean) / std``; pixels are 0 to 255, ``mean`` and ``std`` hold one number or one per
    channel. ``layout`` is ``nhwc`` or ``nchw`` (None: by the input's shape).

    ``steps``, where there are any, say instead what is done, one after the other, with the decoded image or with a
    window of the sound (int16 samples for a front end, else values in [-1, 1]).
    """

    resize: tuple[int, int] | None = None
    crop: str = "center"
    channels: str | None = None
    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    layout: str | None = None
    sample_rate: int | None = None
    window: int | None = None
    hop: int | None = None
    steps: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        _choice("crop", self.crop, ("center", "none"))
        _choice("channels", self.channels, (None, "rgb", "bgr", "gray"))
        _choice("layout", self.layout, (None, "nhwc", "nchw"))
        if any(s == 0.0 for s in self.std) or not self.std or not self.mean:
            raise InputError("std must not be 0, mean and std must not be empty", where="preprocess")
        for name, number in (("sample_rate", self.sample_rate), ("window", self.window), ("hop", self.hop)):
            if number is not None and number < 1:
                raise InputError(f"must be positive, not {number}", where=f"preprocess.{name}")
        if self.resize is not None and (len(self.resize) != 2 or min(self.resize) < 1 or max(self.resize) > MAX_SIDE):
            raise InputError(f"must be [height, width], each 1 to {MAX_SIDE}", where="preprocess.resize")
        if self.steps:
            Pipeline(self.steps)
            defaults = (None, "center", None, 1.0, (0.0,), (1.0,))
            for name, default in zip(_SHORT, defaults, strict=True):
                if getattr(self, name) != default:
                    hint = "Write it as one of the steps"
                    raise InputError("does not go together with steps", where=f"preprocess.{name}", hint=hint)

    def image_pipeline(self, height: int, width: int, channels: int) -> Pipeline:
        """What is done with an image for an input of that size."""
        if self.steps:
            return Pipeline(self.steps)
        rows, columns = self.resize or (height, width)
        color = Color(self.channels or ("gray" if channels == 1 else "rgb"))
        normalize = Normalize(self.mean, self.std, self.scale)
        if self.crop == "none":
            return Pipeline((color, Resize(rows, columns), normalize))
        return Pipeline((color, Resize(rows, columns, fit="cover"), Crop(rows, columns), normalize))

    def sound_pipeline(self) -> Pipeline:
        """What is done with a window of sound."""
        return Pipeline(self.steps or (Normalize(self.mean, self.std, self.scale),))

    @property
    def takes_sound_as_is(self) -> bool:
        """Whether nothing is to be done with sounds."""
        return not self.steps and (self.scale, self.mean, self.std) == (1.0, (0.0,), (1.0,))

    def window_of(self, elements: int) -> int:
        """Values in a window of sound for an input of ``elements``."""
        if self.window is not None:
            return self.window
        pipeline = self.sound_pipeline()
        if pipeline.takes is not Form.SOUND:
            return elements
        first = pipeline.steps[0]
        if isinstance(first, SoundFrontEnd):
            frames, rest = divmod(elements, first.features)
            if first.samples:
                return first.samples
            if not rest:
                return first.samples_for(frames)
        hint = "Set window to the number of samples that the front end takes"
        raise InputError("is missing", where="preprocess.window", hint=hint)

    @property
    def rate(self) -> int | None:
        """The sample rate that sounds must have, in Hz: as given, else the front end's; None: any."""
        first = self.steps[0] if self.steps else None
        if self.sample_rate is None and isinstance(first, SoundFrontEnd):
            return first.sample_rate
        return self.sample_rate
