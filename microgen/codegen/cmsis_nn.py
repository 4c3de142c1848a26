"""A CMSIS-NN source tree: which version it is, what it defines, which of its files a project needs.

CMSIS-NN has no version macro. A version is known by the ``$Revision`` of ``Include/arm_nnfunctions.h`` and by the
signatures of the functions that changed between versions; both must agree, and anything else is refused, because
a wrong guess compiles and computes wrong bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from microgen import resources
from microgen.errors import InputError

#: The folder of a project that holds the copied tree.
FOLDER = "cmsis_nn"
API_HEADER = "arm_nnfunctions.h"
_STAND_IN = "cmsis_compiler.h"

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.MULTILINE)
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+["<]([^">\n]+)[">]', re.MULTILINE)
_REVISION = re.compile(r"\$Revision:\s*V\.(\d+)\.(\d+)\.(\d+)")
_PROTOTYPE = re.compile(r"\b(arm_\w+)\s*\(([^(){};]*)\)\s*;")
_DEFINITION = re.compile(r"^[A-Za-z_][\w \t*]*?\b(arm_\w+)\s*\(([^(){};]*)\)\s*\{", re.MULTILINE)
_OBJECT = re.compile(r"^(?:static |const |extern )*\w[\w \t*]*?\b(\w+)\s*\[[^\]]*\]\s*=", re.MULTILINE)
_WORD = re.compile(r"[A-Za-z_]\w*")
_SAFE_PATH = re.compile(r"[A-Za-z0-9_./-]+")
# CMSIS 6 keeps what one architecture profile needs in a folder of its own.
_CORE_HEADER = re.compile(r"(?:[\w-]+/)?\w+\.h")
# Where CMSIS-Core lies beside the tree in CMSIS 5, CMSIS 6, a pack folder, a cache of packs and a vendored copy.
_CORE_FOLDERS = (
    "CMSIS/Core/Include",
    "Core/Include",
    "../Core/Include",
    "../CMSIS/Core/Include",
    "../cmsis_core/Include",
    "../CMSIS_5/CMSIS/Core/Include",
    "../CMSIS_6/CMSIS/Core/Include",
    "../../CMSIS/*/CMSIS/Core/Include",
)
_LICENSES = ("LICENSE", "LICENSE.txt")
_MAX_FILE = 1 << 22


@dataclass(frozen=True, slots=True)
class Version:
    """A known version. ``parameters`` counts the parameters of the functions that tell versions apart, with 0
    for a function that the version does not declare.
    """

    number: tuple[int, int]
    revision: tuple[int, int]
    parameters: Mapping[str, int]

    def __str__(self) -> str:
        return "v{}.{}".format(*self.number)


def _version(number: tuple[int, int], revision: tuple[int, int], *counts: int) -> Version:
    return Version(number, revision, dict(zip(_TELLTALES, counts, strict=True)))


_TELLTALES = (
    "arm_convolve_s8",
    "arm_vector_sum_s8",
    "arm_convolve_1_x_n_s8_get_buffer_size",
    "arm_convolve_wrapper_s8_get_buffer_size_mve",
    "arm_fully_connected_per_channel_s8",
)
VERSIONS = (
    _version((4, 0), (11, 2), 11, 0, 2, 0, 0),
    _version((4, 1), (11, 3), 11, 0, 2, 4, 0),
    _version((5, 0), (12, 4), 11, 4, 2, 4, 0),
    _version((6, 0), (16, 0), 11, 6, 4, 4, 0),
    _version((7, 0), (18, 0), 12, 7, 4, 4, 11),
)


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    relative: str
    defines: frozenset[str]
    words: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """A CMSIS-NN source tree of a known version.

    ``functions`` gives the number of parameters of each public function that the tree both declares and
    defines; a partial tree has fewer than its version.
    """

    root: Path
    version: Version
    functions: Mapping[str, int]
    _sources: tuple[_File, ...]

    def has(self, function: str) -> bool:
        """Whether the tree defines this function of the public API."""
        return function in self.functions

    def files(self, functions: Iterable[str]) -> dict[str, bytes]:
        """What a project needs to call ``functions``: path below the project folder → content.

        The sources that define them with all that those use in turn, the headers, the licence, and CMSIS-Core's
        compiler header where the tree includes it: the one beside the tree, else a stand-in.
        """
        homes: dict[str, list[_File]] = {}
        for source in self._sources:
            for name in source.defines:
                homes.setdefault(name, []).append(source)
        needed: dict[str, Path] = {}
        pending = [file for name in functions for file in homes[name]]
        while pending:
            file = pending.pop()
            if file.relative in needed:
                continue
            needed[file.relative] = file.path
            pending += [home for name in file.words & homes.keys() for home in homes[name]]
        result = {f"{FOLDER}/{relative}": _bytes(path) for relative, path in needed.items()}
        result.update(self._headers([*needed.values(), self.root / "Include" / API_HEADER]))
        for name in _LICENSES:
            path = self.root / name
            if path.is_file():
                result[f"{FOLDER}/{name}"] = _bytes(path)
        return dict(sorted(result.items()))

    def _headers(self, files: Iterable[Path]) -> dict[str, bytes]:
        include = self.root / "Include"
        core = _core_folder(self.root)
        found: dict[str, bytes] = {f"{FOLDER}/Include/{API_HEADER}": _bytes(include / API_HEADER)}
        pending = list(files)
        while pending:
            path = pending.pop()
            for name in _INCLUDE.findall(_text(path)):
                header = next((f for f in (path.parent / name, include / name) if f.is_file()), None)
                if header is not None and _inside(header, self.root):
                    target = f"{FOLDER}/{header.resolve().relative_to(self.root.resolve()).as_posix()}"
                elif core is not None and _CORE_HEADER.fullmatch(name) and (core / name).is_file():
                    header, target = core / name, f"{FOLDER}/core/{name}"
                elif name == _STAND_IN:
                    stand_in = resources.templates_dir() / FOLDER / _STAND_IN
                    found[f"{FOLDER}/core/{_STAND_IN}"] = stand_in.read_bytes()
                    continue
                else:
                    continue
                if target not in found:
                    found[target] = _bytes(header)
                    pending.append(header)
        return found


def _core_folder(root: Path) -> Path | None:
    """The folder of CMSIS-Core beside a tree; of several versions the newest."""
    for pattern in _CORE_FOLDERS:
        found = [path for path in root.glob(pattern) if (path / _STAND_IN).is_file()]
        if found:
            return max(found, key=lambda path: [int(number) for number in re.findall(r"\d+", path.as_posix())])
    return None


def load(root: Path) -> Tree:
    """The tree in the folder ``root``.

    Raises InputError when it is no CMSIS-NN source tree, and for a version that is not known.
    """
    return _load(root.absolute())


@cache
def _load(root: Path) -> Tree:
    where = f"--cmsis-nn {root}"
    hint = "Give the root of a CMSIS-NN source tree, the folder that holds Include/ and Source/"
    if not root.is_dir():
        raise InputError("is no folder", where=where, hint=hint)
    header = root / "Include" / API_HEADER
    if not header.is_file():
        raise InputError(f"is no CMSIS-NN tree: it has no Include/{API_HEADER}", where=where, hint=hint)
    if not (root / "Source").is_dir():
        raise InputError("is no CMSIS-NN tree: it has no Source/", where=where, hint=hint)
    text = _text(header)
    declared = _declared(text)
    version = _recognized(text, declared, where)
    sources = tuple(_source(root, path) for path in sorted((root / "Source").rglob("*.c")))
    defined = frozenset().union(*(file.defines for file in sources))
    public = {name: count for name, count in declared.items() if name in defined}
    if not public:
        raise InputError("is no CMSIS-NN tree: Source/ defines no function of its API", where=where, hint=hint)
    return Tree(root, version, public, sources)


def _declared(text: str) -> dict[str, int]:
    code = _DIRECTIVE.sub("", _COMMENT.sub(" ", text))
    return {name: parameters.count(",") + 1 for name, parameters in _PROTOTYPE.findall(code)}


def _recognized(text: str, declared: Mapping[str, int], where: str) -> Version:
    known = ", ".join(map(str, VERSIONS))
    hint = f"Known are {known}; without --cmsis-nn the kernels of microgen are used"
    match = _REVISION.search(text)
    if match is None:
        raise InputError(f"Include/{API_HEADER} has no $Revision: its version is unknown", where=where, hint=hint)
    revision = (int(match[1]), int(match[2]))
    version = next((v for v in VERSIONS if v.revision == revision), None)
    if version is None:
        raise InputError(f"CMSIS-NN of revision {match[0].split()[-1]} is not known", where=where, hint=hint)
    for name, count in version.parameters.items():
        if declared.get(name, 0) != count:
            found = f"{declared[name]} parameters" if name in declared else "no declaration"
            raise InputError(f"its revision is that of {version}, but {name} has {found} there", where=where, hint=hint)
    return version


def _source(root: Path, path: Path) -> _File:
    relative = path.relative_to(root).as_posix()
    if not _SAFE_PATH.fullmatch(relative):
        raise InputError(f"a file name cannot stand in a Makefile: {relative!r}", where=f"--cmsis-nn {root}")
    code = _DIRECTIVE.sub("", _COMMENT.sub(" ", _text(path)))
    defines = {name for name, _ in _DEFINITION.findall(code)} | set(_OBJECT.findall(code))
    local = set(re.findall(r"^static [^({;=]*?\b(\w+)\s*[\[(]", code, re.MULTILINE))
    # Macros can call functions too, so the words of preprocessor lines count.
    words = frozenset(_WORD.findall(_COMMENT.sub(" ", _text(path))))
    return _File(path, relative, frozenset(defines - local), words)


def _inside(path: Path, root: Path) -> bool:
    return path.resolve().is_relative_to(root.resolve())


def _text(path: Path) -> str:
    return _bytes(path).decode("utf-8", "replace")


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MAX_FILE:
            raise InputError(f"{path.name} is too large for a source file", where=f"--cmsis-nn {path.parent}")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(path)) from None
