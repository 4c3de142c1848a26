"""What the C kernels declare, read from their sources: functions, dependencies, parameter structs.

There is no list of kernels and no prototype header to keep by hand: the folder of kernels is scanned, and
``nn_header`` writes the prototypes of those that a project uses.

The C that is accepted, comments and preprocessor lines aside:

- a ``.c`` file holds function definitions, ``static`` objects and functions, and typedefs; every function
  that is not ``static`` is public, and every parameter of one has the form ``type name``, where type is a
  name with qualifiers and ``*`` (no array, no function pointer, nothing unnamed);
- a ``.h`` file holds ``typedef struct { ... } name;`` with fields ``type name;`` or ``type name[number];``,
  ``typedef enum { ... } name;`` and ``static inline`` functions;
- a ``.c`` file may declare functions of a library that the user links, with ``extern``;
- one file includes another of the same folder by ``#include "file"``;
- a kernel ``X.c`` may have flavours ``X_dsp.c`` and ``X_mve.c``, which define the same public functions with
  the same parameters for another instruction set (``mg_isa.h`` says which one is compiled).

Anything else raises ``KernelSourceError``, a bug in a kernel's source.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from microgen.ops.call import Isa

GENERATED_HEADER = "microgen_nn.h"
TYPES_HEADER = "mg_nn_types.h"
ISA_HEADER = "mg_isa.h"
# CMSIS-NN's names; our functions of these names are linked as PREFIX + name.
PUBLIC_API = "arm_"
PREFIX = "mg_"

# Flavour of a kernel by the end of its file's name, and what MG_ISA_LIMIT is for each instruction set.
_FLAVOURS = {Isa.DSP: "_dsp.c", Isa.MVE: "_mve.c"}
_LIMITS = {Isa.PORTABLE: 0, Isa.DSP: 1, Isa.MVE: 2}

_LINE_LENGTH = 100
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_STRING = re.compile(r'"(?:\\.|[^"\\\n])*"' + r"|'(?:\\.|[^'\\\n])*'")
_DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.MULTILINE)
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"\n]+)"', re.MULTILINE)
_FUNCTION = re.compile(r"(?P<returns>\w[\w\s*]*?[\s*])(?P<name>\w+)\s*\((?P<parameters>[^()]*)\)")
_DECLARATION = re.compile(r"(?P<ctype>\w[\w\s*]*?[\s*])(?P<name>\w+)(?:\[(?P<count>\d+)\])?")
_TOKEN = re.compile(r"\w+|\*")


class KernelSourceError(ValueError):
    """A kernel's source has a form that the scanner does not know: which file and which text."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a function. ``ctype`` is spelt ``const int8_t *``, without qualifiers of the
    parameter itself (``const int32_t`` is ``int32_t``) and without ``restrict``.
    """

    ctype: str
    name: str


@dataclass(frozen=True)
class Function:
    """One public function. ``prototype`` is its declaration on one line."""

    name: str
    returns: str
    parameters: tuple[Parameter, ...]
    file: str
    prototype: str


@dataclass(frozen=True)
class Field:
    """One field of a struct; ``count`` is the length of an array and None for a scalar."""

    ctype: str
    name: str
    count: int | None = None


@dataclass(frozen=True)
class _Source:
    """One file: its functions, the typedefs it makes, what it includes, every identifier it mentions."""

    name: str
    functions: tuple[Function, ...]
    structs: Mapping[str, tuple[Field, ...]]
    typedefs: frozenset[str]
    includes: tuple[str, ...]
    identifiers: frozenset[str]


@dataclass(frozen=True)
class _Library:
    sources: Mapping[str, _Source]
    functions: Mapping[str, Function]


def functions(runtime_c: Path) -> Mapping[str, Function]:
    """The public functions of the kernels in ``runtime_c`` by name, in alphabetical order."""
    return _library(runtime_c).functions


def structs(path: Path) -> dict[str, tuple[Field, ...]]:
    """The struct typedefs of a header, or of all headers of a folder, by name."""
    if path.is_dir():
        found: dict[str, tuple[Field, ...]] = {}
        for source in _library(path).sources.values():
            if source.name.endswith(".h"):
                found.update(source.structs)
        return found
    return dict(_read(path).structs)


def needed_files(runtime_c: Path, names: Iterable[str], isa: Isa = Isa.PORTABLE) -> tuple[str, ...]:
    """The names of the files that a project needs to call ``names``, sorted: sources and headers, with all
    that they call and include in turn, without the generated header. Of flavours those of ``isa``; plain C is
    always among them.

    Raises KeyError for a function that does not exist.
    """
    library = _library(runtime_c)
    files: set[str] = {TYPES_HEADER, ISA_HEADER} & library.sources.keys()
    pending = [library.functions[name].file for name in names]
    while pending:
        file = pending.pop()
        if file in files:
            continue
        files.add(file)
        source = library.sources[file]
        pending.extend(source.includes)
        flavour = file.removesuffix(".c") + _FLAVOURS.get(isa, "")
        if flavour in library.sources:
            pending.append(flavour)
        called = source.identifiers & library.functions.keys()
        pending.extend(library.functions[name].file for name in called)
    return tuple(sorted(files))


def nn_header(
    runtime_c: Path, names: Iterable[str], banner: str = "", isa: Isa = Isa.PORTABLE, genuine: str | None = None
) -> str:
    """The text of ``microgen_nn.h`` for a project that calls ``names``: the headers that its prototypes
    need, the instruction set, the prefix of the link names, one prototype for each function of the files that it
    needs.

    ``banner`` is a finished C comment that is put first. ``genuine`` is what a source file that defines
    MICROGEN_CMSIS_NN sees of a linked CMSIS-NN; to it, ours have their link names alone. Raises KeyError for a
    function that does not exist.
    """
    library = _library(runtime_c)
    files = set(needed_files(runtime_c, names, isa))
    declared = [function for function in library.functions.values() if function.file in files]
    homes = {typedef: s.name for s in library.sources.values() for typedef in s.typedefs if s.name in files}
    used = {word for function in declared for word in _TOKEN.findall(function.prototype)}
    headers = {homes[word] for word in used & homes.keys() if homes[word].endswith(".h")} - {TYPES_HEADER}

    lines = [banner] if banner else []
    lines += ["#ifndef MICROGEN_NN_H", "#define MICROGEN_NN_H", ""]
    if ISA_HEADER in files:
        lines += [f"#define MG_ISA_LIMIT {_LIMITS[isa]} /* {isa.value} */", f'#include "{ISA_HEADER}"']
    lines += [f'#include "{TYPES_HEADER}"']
    lines += [f'#include "{header}"' for header in sorted(headers)]
    renamed = [function.name for function in declared if function.name.startswith(PUBLIC_API)]
    link_names = [f"#define {name} {PREFIX}{name}" for name in renamed]
    if renamed:
        link_names.insert(0, "/* Link names of our own: a firmware may hold CMSIS-NN as well. */")
    if genuine is not None:
        other = ["#else", *link_names] if link_names else []
        link_names = ["#ifdef MICROGEN_CMSIS_NN", genuine, *other, "#endif"]
    if link_names:
        lines += ["", *link_names]
    lines.append("")
    for function in declared:
        prototype = function.prototype + ";"
        if genuine is not None and function.name in renamed:
            prototype = prototype.replace(f"{function.name}(", f"{PREFIX}{function.name}(", 1)
        lines.append(_wrapped(prototype))
    lines += ["", "#endif", ""]
    return "\n".join(lines)


@cache
def _library(runtime_c: Path) -> _Library:
    sources = {path.name: _read(path) for path in sorted(runtime_c.iterdir()) if path.suffix in {".c", ".h"}}
    found: dict[str, Function] = {}
    for source in sources.values():
        for file in source.includes:
            if file not in sources:
                raise KernelSourceError(f"{source.name}: includes {file}, which is not in {runtime_c.name}/")
        if _plain_name(source.name) != source.name:
            continue
        for function in source.functions:
            if function.name in found:
                other = found[function.name].file
                raise KernelSourceError(f"{source.name}: {function.name} is also defined in {other}")
            found[function.name] = function
    for source in sources.values():
        if (plain := _plain_name(source.name)) != source.name:
            _check_flavour(source, sources.get(plain))
    return _Library(MappingProxyType(sources), MappingProxyType(dict(sorted(found.items()))))


def _plain_name(file: str) -> str:
    """The file of plain C that ``file`` is a flavour of; ``file`` itself when it is none."""
    for ending in _FLAVOURS.values():
        if file.endswith(ending):
            return file.removesuffix(ending) + ".c"
    return file


def _check_flavour(source: _Source, plain: _Source | None) -> None:
    if plain is None:
        raise KernelSourceError(f"{source.name}: there is no {_plain_name(source.name)}")
    signatures = {f.name: (f.returns, [p.ctype for p in f.parameters]) for f in plain.functions}
    for function in source.functions:
        if signatures.get(function.name) != (function.returns, [p.ctype for p in function.parameters]):
            raise KernelSourceError(f"{source.name}: {function.name} is not declared as in {plain.name}")


def _read(path: Path) -> _Source:
    text = _COMMENT.sub(" ", path.read_text(encoding="utf-8"))
    includes = tuple(name for name in _INCLUDE.findall(text) if name != GENERATED_HEADER)
    code = _STRING.sub('""', _DIRECTIVE.sub("", text))
    found: list[Function] = []
    struct_fields: dict[str, tuple[Field, ...]] = {}
    typedefs: set[str] = set()
    for head, body, tail in _top_level(path.name, code):
        if head.startswith("typedef"):
            typedefs.add(_typedef(path.name, head, body, tail, struct_fields))
        elif head.startswith("static inline ") or (path.suffix == ".c" and _is_hidden(head, body)):
            continue
        elif path.suffix == ".c" and body is not None and not tail:
            found.append(_function(path.name, head))
        else:
            raise KernelSourceError(f"{path.name}: unknown form at file scope: {head!r}")
    macros = " ".join(_DIRECTIVE.findall(text))
    identifiers = frozenset(re.findall(r"[A-Za-z_]\w*", code + " " + macros))
    return _Source(
        path.name,
        tuple(found),
        MappingProxyType(struct_fields),
        frozenset(typedefs),
        includes,
        identifiers,
    )


def _is_hidden(head: str, body: str | None) -> bool:
    """Whether the piece of a source file is of no use to other files: its own, or another library's."""
    return head.startswith("static ") or (head.startswith("extern ") and body is None)


def _top_level(file: str, code: str) -> Iterator[tuple[str, str | None, str]]:
    """Each piece at file scope as (text before the braces, text in the braces or None, text up to the
    semicolon). A function's definition has no semicolon: its third part is empty.
    """
    position = 0
    while code[position:].strip():
        stop = re.compile(r"[;{]").search(code, position)
        if stop is None:
            raise KernelSourceError(f"{file}: text after the last definition: {code[position:].strip()!r}")
        head = " ".join(code[position : stop.start()].split())
        position = stop.end()
        if stop.group() == ";":
            yield head, None, ""
            continue
        closing = _closing_brace(file, code, position)
        body, position, tail = code[position:closing], closing + 1, ""
        if not head.endswith(")"):
            semicolon = code.find(";", position)
            if semicolon < 0:
                raise KernelSourceError(f"{file}: no semicolon after {head!r}")
            tail, position = " ".join(code[position:semicolon].split()), semicolon + 1
        yield head, body, tail


def _closing_brace(file: str, code: str, start: int) -> int:
    depth = 1
    for match in re.compile(r"[{}]").finditer(code, start):
        depth += 1 if match.group() == "{" else -1
        if depth == 0:
            return match.start()
    raise KernelSourceError(f"{file}: a brace is not closed")


def _typedef(file: str, head: str, body: str | None, tail: str, struct_fields: dict[str, tuple[Field, ...]]) -> str:
    """The name that a typedef makes; a struct's fields are added to ``struct_fields``."""
    if body is None or not re.fullmatch(r"\w+", tail) or head not in {"typedef struct", "typedef enum"}:
        raise KernelSourceError(f"{file}: unknown form of typedef: {head!r}")
    if head == "typedef struct":
        struct_fields[tail] = tuple(_field(file, text) for text in body.split(";") if text.strip())
    return tail


def _field(file: str, text: str) -> Field:
    match = _DECLARATION.fullmatch(" ".join(text.split()))
    if match is None:
        raise KernelSourceError(f"{file}: unknown form of field: {' '.join(text.split())!r}")
    count = int(match["count"]) if match["count"] else None
    return Field(_ctype(match["ctype"]), match["name"], count)


def _function(file: str, head: str) -> Function:
    match = _FUNCTION.fullmatch(head)
    if match is None:
        raise KernelSourceError(f"{file}: unknown form of function: {head!r}")
    parameters: list[Parameter] = []
    if match["parameters"].strip() != "void":
        for text in match["parameters"].split(","):
            declaration = _DECLARATION.fullmatch(text.strip())
            if declaration is None or declaration["count"]:
                raise KernelSourceError(f"{file}: unknown form of parameter of {match['name']}: {text!r}")
            parameters.append(Parameter(_ctype(declaration["ctype"]), declaration["name"]))
    # C++ has no `restrict`, and C takes a declaration without it for the same.
    prototype = re.sub(r"\brestrict ", "", head)
    return Function(match["name"], _ctype(match["returns"]), tuple(parameters), file, prototype)


def _ctype(text: str) -> str:
    """A type in one spelling: ``const int8_t *const *``; see ``Parameter``."""
    words = [word for word in _TOKEN.findall(text) if word != "restrict"]
    if "*" not in words:
        words = [word for word in words if word != "const"]
    while words[-1] == "const":
        words.pop()
    return " ".join(words).replace("* ", "*")


def _wrapped(prototype: str) -> str:
    """A prototype in lines that continue under its first parameter, or indented by four where that is
    too far right.
    """
    opening = prototype.index("(") + 1
    widest = max(map(len, prototype[opening:].split(", "))) + 1
    indent = opening if opening <= _LINE_LENGTH // 2 and opening + widest < _LINE_LENGTH else 4
    lines = [prototype[:opening]] if indent == 4 else []
    current = " " * indent if indent == 4 else prototype[:opening]
    for piece in prototype[opening:].split(", "):
        addition = piece if current.isspace() or current.endswith("(") else ", " + piece
        if len(current) + len(addition) >= _LINE_LENGTH and not current.isspace():
            lines.append(current + ",")
            current = " " * indent + piece
        else:
            current += addition
    return "\n".join([*lines, current])
