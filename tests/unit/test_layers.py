"""The direction of imports: lower layers know nothing of higher ones."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import microgen

PACKAGE = Path(microgen.__file__).parent

# Part → the parts of ours that it may import. Parts not listed may import everything.
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "arith": set(),
    "resources": {"errors"},
    "cores": {"errors"},
    "boards": {"errors", "resources", "cores"},
    "placement": {"errors", "boards"},
    "boardfile": {"errors", "boards"},
    "packs": {"errors", "boards", "cores"},
    "mindir": {"errors"},
    "ops": {"errors", "mindir", "arith"},
    "frontends": {"errors", "mindir", "ops"},
    "exporters": {"errors", "mindir", "ops", "frontends"},
    "passes": {"errors", "mindir", "ops"},
    "npu": {"errors", "arith", "mindir", "ops", "frontends", "exporters", "runtime"},
    "tosa": {"errors", "mindir", "ops"},
    "plan": {"errors", "mindir", "ops"},
    "runtime": {"errors", "mindir", "ops"},
    "data": {"errors", "arith", "arrays", "mindir", "ops", "passes", "runtime"},
    "quantize": {"errors", "arith", "arrays", "data", "mindir", "ops", "passes", "runtime"},
    "codegen": {"errors", "arith", "mindir", "ops", "plan", "boardfile", "boards", "cores", "placement", "resources"},
    "target": {"errors", "boards", "cores", "resources"},
    "project": {"errors", "mindir", "boardfile", "boards"},
    "arrays": {"errors", "mindir", "arith"},
}

# Packages that only these parts may import.
RESERVED = {
    "jinja2": {"codegen"},
    "tflite": {"frontends", "exporters"},
    "onnx": {"frontends", "exporters"},
    "torch": {"frontends", "exporters", "delegates"},
    "click": {"cli"},
    "rich": {"cli"},
}


def imports(path: Path) -> set[str]:
    """Dotted names of everything that a module imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found.update({f"{node.module}.{alias.name}" for alias in node.names})
    return found


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_downwards(path: Path) -> None:
    part = part_of(path)
    if part == "__init__":
        return
    for name in imports(path):
        top, _, rest = name.partition(".")
        if top == "microgen":
            other = rest.split(".")[0]
            if part in ALLOWED and other not in {"__version__", part}:
                assert other in ALLOWED[part], f"{part} imports {name}"
        elif top in RESERVED:
            assert part in RESERVED[top], f"{part} imports {top}"
