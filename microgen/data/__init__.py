"""Data for models: images and sounds from files, the steps that prepare them, data sets with labels."""

from microgen.data.audio import FrontEnd
from microgen.data.config import Preprocess
from microgen.data.datasets import Batch, Dataset, load
from microgen.data.images import decode
from microgen.data.pipeline import Pipeline
from microgen.data.sounds import read_sound, read_sound_int16
from microgen.data.steps import Affine, Color, Crop, Form, Normalize, Pad, PadTo, Resize, Rotate, Scale, Step

__all__ = [
    "Affine",
    "Batch",
    "Color",
    "Crop",
    "Dataset",
    "Form",
    "FrontEnd",
    "Normalize",
    "Pad",
    "PadTo",
    "Pipeline",
    "Preprocess",
    "Resize",
    "Rotate",
    "Scale",
    "Step",
    "decode",
    "load",
    "read_sound",
    "read_sound_int16",
]
