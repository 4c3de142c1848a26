"""What a user may say about a model that its file leaves open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from microgen.mindir import Array


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """``input_shapes`` gives inputs static shapes, by name; ``constants`` fixes inputs to values, so that they are no
    inputs any more; ``folder`` is where files that the model refers to lie (None: it may not refer to any).
    """

    input_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    constants: Mapping[str, Array] = field(default_factory=dict)
    folder: Path | None = None
