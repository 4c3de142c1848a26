"""Text from outside made harmless: one function for each language that generated files are written in.

Names of tensors and layers come from model files and may hold anything. Every such text reaches a generated
file through exactly one of these functions, which are the filters of the template environment.
"""

from __future__ import annotations

import re
import shlex
import unicodedata

_C_COMMENT_SAFE = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-+=.,:;/|!()[]{}<>#$%&@^~'\"`"
)
_MARKDOWN_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 /.,:;=+-")
_MAKE_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./, ")

_KCONFIG_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-+.=,:;/()")

# CMake's own targets under any generator, and those of the CMakeLists.txt that is written here.
_CMAKE_TARGETS_TEXT = """
all all_build clean continuous depend edit_cache experimental help install list_install_components nightly package
package_source preinstall rebuild_cache run run_tests size test uninstall zero_check
"""
_CMAKE_TARGETS = frozenset(_CMAKE_TARGETS_TEXT.split())

# Keywords of C11 and C++20 and the macros of the headers that generated code includes.
_RESERVED_WORDS_TEXT = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class co_await
co_return co_yield compl concept const const_cast consteval constexpr constinit continue decltype default delete do
double dynamic_cast else enum explicit export extern false float for friend goto if inline int long mutable
namespace new noexcept not not_eq nullptr operator or or_eq private protected public register reinterpret_cast
requires restrict return short signed sizeof static static_assert static_cast struct switch template this
thread_local throw true try typedef typeid typename typeof union unsigned using virtual void volatile wchar_t while
xor xor_eq NULL
"""
_RESERVED_WORDS = frozenset(_RESERVED_WORDS_TEXT.split())
# A project's header must not hide one of the C library or of the runtime: both are found on the include path.
_RESERVED_HEADERS_TEXT = """
assert complex ctype errno fenv float inttypes iso646 limits locale malloc math memory setjmp signal stdalign stdarg
stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string strings tgmath threads time uchar unistd wchar
wctype main startup semihosting stack_paint arduino
"""
_RESERVED_HEADERS = frozenset(_RESERVED_HEADERS_TEXT.split())
# With _t behind it, as generated code has it, each of these is a type of the C library.
_RESERVED_TYPES = re.compile(
    r"u?int(_least|_fast)?(8|16|32|64)|u?int(ptr|max)|s?size|ptrdiff|max_align|wchar|off|clock"
)
_RESERVED_PREFIXES = ("mg_", "arm_", "cmsis_", "microgen_", "__")

MAX_IDENTIFIER = 48


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."


def c_comment(text: str, limit: int = 120) -> str:
    """``text`` for the inside of a C comment of either kind: one line of printable ASCII.

    Whatever could end the comment, continue the line or form a trigraph becomes ``\\x``, ``\\u`` or ``\\U``
    with hexadecimal digits; more than ``limit`` characters are cut.
    """
    return "".join(c if c in _C_COMMENT_SAFE else _hex_escape(c) for c in _cut(text, limit))


def _hex_escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def c_string(text: str) -> str:
    """``text`` as a C string literal with its quotes; the bytes are UTF-8, all but printable ASCII in octal."""
    parts = []
    for byte in text.encode("utf-8", "surrogatepass"):
        character = chr(byte)
        if character in '"\\?':
            parts.append("\\" + character)
        elif 0x20 <= byte < 0x7F:
            parts.append(character)
        else:
            parts.append(f"\\{byte:03o}")
    return '"' + "".join(parts) + '"'


def c_identifier(text: str, fallback: str = "model") -> str:
    """The nearest C and C++ identifier: at most MAX_IDENTIFIER letters, digits and single underscores.

    It never is a keyword, never names a header of the C library or of the runtime and never starts with a
    prefix that the runtime owns. Different texts may give the same identifier. ``fallback`` serves a text
    without any letter or digit.
    """
    name = re.sub(r"[^A-Za-z0-9]+", "_", text.encode("ascii", "replace").decode("ascii")).strip("_")
    name = name[:MAX_IDENTIFIER].rstrip("_") or fallback
    if name[0].isdigit():
        name = f"n{name}"
    lowered = name.lower()
    if (
        name in _RESERVED_WORDS
        or _RESERVED_TYPES.fullmatch(name)
        or lowered in _RESERVED_HEADERS
        or lowered.startswith(_RESERVED_PREFIXES)
    ):
        name = f"model_{name}"
    return name


def make(text: str) -> str:
    """``text`` for a comment or value of a Makefile: letters, digits, spaces and ``_-+./,``, all else ``_``."""
    return "".join(c if c in _MAKE_SAFE else "_" for c in text)


def cmake(text: str) -> str:
    """``text`` for a comment or a quoted argument of CMake: letters, digits, spaces and ``_-+./,``, all else ``_``.

    Quotes, ``\\``, ``$``, ``;`` and ``#`` would mean something there.
    """
    return "".join(c if c in _MAKE_SAFE else "_" for c in text)


def cmake_target(text: str) -> str:
    """A C identifier as the name of a CMake target: the names that CMake keeps for targets of its own, and ours of the
    tools around a network, get ``_network`` behind them.
    """
    return f"{text}_network" if text.lower() in _CMAKE_TARGETS else text


def yaml(text: str, limit: int = 200) -> str:
    """``text`` as a double-quoted YAML scalar of printable ASCII, which is harmless in a comment, too."""
    parts = []
    for character in _cut(text, limit):
        code = ord(character)
        if 0x20 <= code < 0x7F:
            parts.append("\\" + character if character in '"\\' else character)
        elif 0xD800 <= code < 0xE000:
            parts.append("\\ufffd")
        else:
            parts.append(_hex_escape(character))
    return '"' + "".join(parts) + '"'


def xml(text: str) -> str:
    """``text`` as XML character data or attribute value; characters that XML 1.0 forbids become U+FFFD."""
    named = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
    parts = []
    for character in text:
        code = ord(character)
        legal = (_is_text(code) and code & 0xFFFE != 0xFFFE) or character == "\t"
        parts.append(named.get(character, character) if legal else "\ufffd")
    return "".join(parts)


def html(text: str, limit: int = 300) -> str:
    """``text`` as HTML character data or the value of a quoted attribute, in pages and in SVG within them.

    What steers a browser or a reader (control characters, marks of writing direction, invisible characters) becomes
    visible as ``[U+202E]``; more than ``limit`` characters are cut.
    """
    named = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
    parts = []
    for character in _cut(text, limit):
        shown = character == " " or (character.isprintable() and not unicodedata.combining(character))
        parts.append(named.get(character, character) if shown else f"[U+{ord(character):04X}]")
    return "".join(parts)


def markdown(text: str, limit: int = 120) -> str:
    """``text`` as plain words within a line of Markdown or HTML; everything with a meaning is a character entity.

    Letters of any script have none.
    """
    cut = _cut(text, limit)
    parts = []
    for before, character, after in zip(" " + cut, cut, cut[1:] + " ", strict=False):
        # An underscore emphasizes only at the edge of a word.
        inside = character == "_" and (before + after).isascii() and before.isalnum() and after.isalnum()
        parts.append(
            character if inside or character in _MARKDOWN_PLAIN or character.isalpha() else f"&#{_legal(character)};"
        )
    return "".join(parts)


def kconfig(text: str) -> str:
    """``text`` for a prompt in quotes, a comment or a help text of a Kconfig file: all but plain characters is ``_``.

    What is left neither ends a string nor begins a macro call.
    """
    return "".join(c if c in _KCONFIG_SAFE else "_" for c in text)


def properties(text: str) -> str:
    """``text`` as a value in a file of ``key=value`` lines: one line of printable characters, no blanks at its ends."""
    return "".join(c if c.isprintable() else " " for c in text).strip()


def shell(text: str) -> str:
    """``text`` as one word of a shell's command line, on one line and with nothing invisible in it.

    Words with such characters, or of undecodable bytes, are written ``$'…'``, as bash, zsh and ksh read them.
    """
    if text.isprintable():
        return shlex.quote(text)
    parts = []
    for character in text:
        if character in "\\'":
            parts.append("\\" + character)
        elif character.isprintable():
            parts.append(character)
        else:
            parts += [f"\\{byte:03o}" for byte in _bytes_of(character)]
    return "$'" + "".join(parts) + "'"


def _bytes_of(character: str) -> bytes:
    """A character of a command line: half of a surrogate pair stands for a byte that is no text."""
    escaped = 0xDC80 <= ord(character) < 0xDD00
    return character.encode("utf-8", "surrogateescape" if escaped else "surrogatepass")


def _legal(character: str) -> int:
    return ord(character) if _is_text(ord(character)) else 0xFFFD


def _is_text(code: int) -> bool:
    """Whether a code point is neither a control character nor half of a surrogate pair."""
    return code >= 0x20 and not 0x7F <= code < 0xA0 and not 0xD800 <= code < 0xE000
