"""One compiler cache for a test run: tests compile the same kernels with the same flags hundreds of times.

``ccache`` stands before the compilers on PATH. It compares what is compiled by content, so that a changed kernel is
compiled. Its files are the run's own and go with it; without ccache every test compiles by itself.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

COMPILERS = (
    "arm-none-eabi-gcc",
    "arm-none-eabi-g++",
    "cc",
    "gcc",
    "g++",
    "clang",
    *(f"clang-{n}" for n in range(14, 23)),
)


def start(folder: Path) -> bool:
    """Puts ccache in front of the compilers that are installed, for this process and its children; False where there
    is none. ``folder`` is new or empty.
    """
    ccache = shutil.which("ccache")
    if ccache is None:
        return False
    programs = folder / "bin"
    programs.mkdir(parents=True)
    for name in COMPILERS:
        if (compiler := shutil.which(name)) is not None:
            (programs / name).symlink_to(ccache)
            if name == "arm-none-eabi-gcc":
                # Build systems look for the other programs of a toolchain beside its compiler.
                others = {path.name: path for path in Path(compiler).parent.glob("arm-none-eabi-*")}
                for other in others.keys() - set(COMPILERS):
                    (programs / other).symlink_to(others[other])
    settings = {
        "DIR": str(folder / "files"),
        "MAXSIZE": "2G",
        # Tests work in folders of their own: what differs in nothing but the folder's name is the same.
        "BASEDIR": str(folder.parent),
        "NOHASHDIR": "1",
        # Sources are generated immediately before they are compiled.
        "SLOPPINESS": "include_file_mtime,include_file_ctime",
    }
    for name in [name for name in os.environ if name.startswith("CCACHE_")]:
        del os.environ[name]
    os.environ.update({f"CCACHE_{name}": value for name, value in settings.items()})
    os.environ["PATH"] = os.pathsep.join([str(programs), os.environ.get("PATH", os.defpath)])
    return True
