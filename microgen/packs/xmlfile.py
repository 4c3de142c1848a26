"""XML from outside, read into a small tree: bounded in size, depth and count, without any document type or entity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from microgen.errors import InputError, one_line

#: Far above the largest published description (a few megabytes).
MAX_BYTES = 1 << 25
_MAX_ELEMENTS = 1_000_000
_MAX_DEPTH = 100
_MAX_TEXT = 1 << 20


@dataclass(slots=True)
class Node:
    """An element: name, attributes, kept children, the line that it starts in, and text (of the two outer levels)."""

    tag: str
    attributes: Mapping[str, str]
    line: int
    children: list[Node] = field(default_factory=list)
    text: str = ""

    def all(self, *tags: str) -> Iterator[Node]:
        """The children of these names, in order."""
        return (child for child in self.children if child.tag in tags)

    def first(self, tag: str) -> Node | None:
        """The first child of this name."""
        return next(self.all(tag), None)

    def content(self, tag: str) -> str:
        """The text of the first child of this name, without surrounding space; empty where there is none."""
        child = self.first(tag)
        return child.text.strip() if child is not None else ""

    def get(self, name: str) -> str:
        """An attribute without surrounding space; empty where it is missing."""
        return self.attributes.get(name, "").strip()


class _Builder:
    """Builds the tree of the kept elements while the parser reads."""

    def __init__(self, where: str, keep: frozenset[str]) -> None:
        self.where = where
        self.keep = keep
        self.root: Node | None = None
        self.open: list[Node] = []
        self.depth = 0
        self.skipped_from: int | None = None
        self.count = 0
        self.text = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.data
        # A document type is the only way to declare entities: without one, none can be expanded or fetched.
        self.parser.StartDoctypeDeclHandler = self.refuse

    def error(self, what: str) -> InputError:
        return InputError(f"line {self.parser.CurrentLineNumber}: {what}", where=self.where)

    def refuse(self, *_: object) -> None:
        raise self.error("a document type declaration is refused: descriptions of packs have none")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        self.count += 1
        if self.depth > _MAX_DEPTH:
            raise self.error(f"elements are nested deeper than {_MAX_DEPTH} levels")
        if self.count > _MAX_ELEMENTS:
            raise self.error(f"has more than {_MAX_ELEMENTS:,} elements")
        if self.skipped_from is not None:
            return
        if tag not in self.keep and self.depth > 1:
            self.skipped_from = self.depth
            return
        node = Node(tag, attributes, self.parser.CurrentLineNumber)
        if self.open:
            self.open[-1].children.append(node)
        else:
            self.root = node
        self.open.append(node)

    def end(self, _: str) -> None:
        if self.skipped_from is None:
            self.open.pop()
        elif self.skipped_from == self.depth:
            self.skipped_from = None
        self.depth -= 1

    def data(self, text: str) -> None:
        # Only what the outermost element says of itself is text; the rest would be histories and explanations.
        if self.skipped_from is None and 0 < len(self.open) <= 2 and not (text.isspace() and not self.open[-1].text):
            self.text += len(text)
            if self.text > _MAX_TEXT:
                raise self.error(f"has more than {_MAX_TEXT:,} characters of text")
            self.open[-1].text += text


def parse(data: bytes, where: str, root: str, keep: frozenset[str]) -> Node:
    """The tree of a document whose outermost element is ``root``; of the others, only those in ``keep`` are kept.

    Raises InputError for what is no well-formed XML, for another outermost element, for a document type declaration
    and for what is too large.
    """
    if len(data) > MAX_BYTES:
        raise InputError(f"{len(data):,} bytes are more than a description may have", where=where)
    builder = _Builder(where, keep)
    try:
        builder.parser.Parse(data, True)
    except expat.ExpatError as error:
        raise InputError(
            f"is no well-formed XML (line {error.lineno}: {expat.ErrorString(error.code)})", where=where
        ) from None
    except (LookupError, ValueError) as error:
        # An encoding that does not exist.
        raise InputError(f"is no readable XML ({error})", where=where) from None
    if builder.root is None or builder.root.tag != root:
        found = one_line(builder.root.tag, 40) if builder.root is not None else "nothing"
        raise InputError(f"its outermost element is {found}, {root} expected", where=where)
    return builder.root
