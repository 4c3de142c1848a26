"""The genuine CMSIS-NN of an installed pack."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from microgen.errors import UsageError
from microgen.packs.cache import Cache, default_root

PACK = "ARM::CMSIS-NN"
_HEADER = "Include/arm_nnfunctions.h"


def cmsis_nn_tree(known: Iterable[tuple[int, int]] = (), cache: Cache | None = None) -> Path:
    """The folder of the newest installed ARM::CMSIS-NN, if possible of a version (major, minor) in ``known``.

    Raises UsageError where none is installed with its files.
    """
    numbers = {f"{major}.{minor}" for major, minor in known}
    installed = [
        pack
        for pack in (cache or Cache(default_root())).installed()
        if pack.name.family == PACK and (pack.folder / _HEADER).is_file()
    ]
    if not installed:
        hint = f"Add it with: microgen packs add {PACK}, or name a source tree: --cmsis-nn DIR"
        raise UsageError(f"the pack {PACK} is not installed", where="--cmsis-nn pack", hint=hint)
    preferred = [pack for pack in installed if ".".join(str(pack.name.version).split(".")[:2]) in numbers]
    return (preferred or installed)[0].folder
