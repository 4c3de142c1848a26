"""A genuine CMSIS-NN behind the streaming test program, and where trees of it are found."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from microgen import resources
from microgen.codegen import cmsis_nn, cmsis_nn_header, kernels
from microgen.codegen.cmsis_nn import Tree
from microgen.codegen.cmsis_nn_calls import Linked, is_usable
from microgen.codegen.kernels import Function
from microgen.mindir import Node
from microgen.ops.call import Call, Isa, Target
from tests.support.stream import Library
from tests.support.stream_abi import Abi, Structs

#: Names one CMSIS-NN source tree, or several separated as in PATH.
VARIABLE = "MICROGEN_CMSIS_NN"
_VENDORED = Path("backend/cmsis_nn/vendor/cmsis_nn")


def vendored_tree() -> Path | None:
    """The part of CMSIS-NN v4.0 that the package bakenn carries; None where it is not installed."""
    found = importlib.util.find_spec("bakenn")
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0]) / _VENDORED


def named_trees() -> list[Path]:
    """The trees that the environment names."""
    return [Path(part) for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]


@dataclass(frozen=True)
class _ByLinkName:
    """Binds calls as a project does, with the names under which this program knows our own kernels."""

    linked: Linked

    def bind(self, node: Node, call: Call, isa: Isa) -> Call:
        bound = self.linked.bind(node, call, isa)
        ours = not bound.from_library and bound.function.startswith(kernels.PUBLIC_API)
        return replace(bound, function=kernels.PREFIX + bound.function) if ours else bound


@dataclass(frozen=True)
class GenuineLibrary(Library):
    """Our kernels, by their link names, and the functions of a tree, staged in the folder ``staged``."""

    tree: Tree = None  # type: ignore[assignment]
    staged: Path = Path()

    @classmethod
    def stage(cls, tree: Tree, isa: Isa, staged: Path) -> GenuineLibrary:
        """Lay out sources and headers as a project has them."""
        runtime_c = resources.runtime_c_dir()
        library = cls(runtime_c, isa, tree, staged)
        for path in runtime_c.iterdir():
            if path.suffix in {".c", ".h"}:
                _write(staged / "runtime" / path.name, path.read_bytes())
        _write(staged / "runtime" / kernels.TYPES_HEADER, cmsis_nn_header.types_header(tree, runtime_c).encode())
        for path, content in tree.files(library._genuine()).items():
            _write(staged / path, content)
            if path.endswith(".c"):
                # A file that a system header includes gives no warnings: they are not ours to mend.
                name = Path(path).stem
                _write(
                    staged / "quiet" / f"{name}.h", f'#pragma GCC system_header\n#include "{staged / path}"\n'.encode()
                )
                _write(staged / "quiet" / f"genuine_{name}.c", f'#include "{name}.h"\n'.encode())
        return library

    @property
    def target(self) -> Target:
        return Target(self.isa, _ByLinkName(Linked(self.tree)))

    @property
    def includes(self) -> list[Path]:
        folders = [self.staged / name for name in ("runtime", f"{cmsis_nn.FOLDER}/Include", f"{cmsis_nn.FOLDER}/core")]
        return [folder for folder in folders if folder.is_dir()]

    @property
    def functions(self) -> dict[str, Function]:
        ours = super().functions
        prefixed = {_link_name(name): replace(function, name=_link_name(name)) for name, function in ours.items()}
        return prefixed | {name: ours[name] for name in self._genuine()}

    @property
    def structs(self) -> Structs:
        # CMSIS-NN's parameters of an LSTM were others before v6; no kernel takes them.
        found = kernels.structs(self.folder)
        return {name: fields for name, fields in found.items() if "lstm" not in name or name.startswith("mg_")}

    def sources(self) -> list[Path]:
        files = kernels.needed_files(self.folder, super().functions, self.isa)
        ours = [self.staged / "runtime" / file for file in files if file.endswith(".c")]
        return [*ours, *sorted((self.staged / "quiet").glob("*.c"))]

    def write_header(self, folder: Path) -> None:
        names = super().functions
        text = kernels.nn_header(self.folder, names, isa=self.isa, genuine=cmsis_nn_header.adapter_text(self.tree))
        (folder / kernels.GENERATED_HEADER).write_text(text)

    def thunks(self, abi: Abi) -> str:
        return "#define MICROGEN_CMSIS_NN\n" + super().thunks(abi)

    def _genuine(self) -> Iterable[str]:
        """The functions that the tree has and a network or an adapter may call."""
        known = {a.function for a in cmsis_nn_header.adapters(self.tree)}
        return [
            name
            for name, function in kernels.functions(self.folder).items()
            if self.tree.has(name)
            and is_usable(name, self.tree.version.number, self.isa)
            and (name in known or self.tree.functions[name] == len(function.parameters))
        ]


def _link_name(name: str) -> str:
    return kernels.PREFIX + name if name.startswith(kernels.PUBLIC_API) else name


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
