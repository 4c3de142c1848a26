"""Where microgen's own data folders lie: templates, C kernels, board files.

An installed wheel carries them inside the package (``microgen/_data/``); in a checkout, which an editable
install points at, they are the top-level folders of the repository.
"""

from __future__ import annotations

from pathlib import Path

from microgen.errors import ToolMissing

_PACKAGE = Path(__file__).resolve().parent


def _data_dir(name: str) -> Path:
    for parent in (_PACKAGE / "_data", _PACKAGE.parent):
        folder = parent / name
        if folder.is_dir():
            return folder
    raise ToolMissing(
        f"microgen's own folder {name}/ is missing from this installation",
        where=str(_PACKAGE),
        hint="Install microgen again",
    )


def templates_dir() -> Path:
    """Folder of the Jinja templates and of the files that are copied beside them."""
    return _data_dir("templates")


def runtime_c_dir() -> Path:
    """Folder of the C kernels."""
    return _data_dir("runtime_c")


def boards_dir() -> Path:
    """Folder of the board files, one ``.toml`` each."""
    return _data_dir("boards")
