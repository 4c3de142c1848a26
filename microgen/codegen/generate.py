"""From a plan to the files of a project."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from microgen import resources
from microgen.boards import Board
from microgen.codegen import cmsis_nn, cmsis_nn_header, kernels
from microgen.codegen.cmsis_nn import Tree
from microgen.codegen.cmsis_nn_calls import Linked
from microgen.codegen.environment import Render, make_renderer
from microgen.codegen.lower import build_view
from microgen.codegen.manifest import manifest
from microgen.codegen.options import CodegenOptions
from microgen.codegen.projects import select
from microgen.codegen.projects.model import Group, ProjectModel
from microgen.codegen.tables import TABLE_ALIGNMENT
from microgen.codegen.view import ModelView
from microgen.ops.call import Isa
from microgen.plan.model import Plan

SCRATCH_HEADER = "mg_scratch.h"


def generate(plan: Plan, board: Board, options: CodegenOptions) -> dict[str, bytes]:
    """The C project of ``plan`` for ``board``: relative path (with ``/``) → content.

    Nothing is written to disk; the same arguments give the same bytes. Raises UsageError for a project type
    or a placement that does not exist.
    """
    writers = select(options.projects)
    placement = board.placement(options.placement)
    runtime_c = resources.runtime_c_dir()
    render = make_renderer()
    view = build_view(plan, options.name, runtime_c, options.layouts)
    runtime = _runtime_files(view, runtime_c, plan.target.isa)
    library = plan.target.library
    tree = library.tree if isinstance(library, Linked) else None
    linked = tree.files(view.library_functions) if tree is not None else {}
    emulator = resources.templates_dir() / "emulator"
    applications = sorted(path.name for path in emulator.iterdir() if path.is_file())
    project = ProjectModel(
        name=options.name,
        macro=view.macro,
        version=options.version,
        model_file=options.model_file,
        model_sha256=options.model_sha256,
        board=board,
        placement=placement,
        groups=(
            _group("model", "", [f"{options.name}.c", f"{options.name}_weights.c", f"{options.name}.h"]),
            _group("runtime", "runtime/", runtime),
            _group("emulator", "emulator/", [name.removesuffix(".j2") for name in applications]),
            _group("cmsis_nn", "", list(linked)),
        ),
        includes=(".", "runtime", *_header_folders(linked), "emulator"),
        defines=(),
        optimize=options.optimize,
        stack_bytes=options.stack_bytes,
        input_bytes=sum(port.nbytes for port in view.inputs),
    )
    variables: dict[str, object] = {
        "model": view,
        "library": tree,
        "project": project,
        "table_alignment": TABLE_ALIGNMENT,
        "board": board,
        "placement": placement,
        "stack_size": options.stack_bytes,
        "project_names": options.projects,
    }
    files = {
        f"{options.name}.h": render("model/model.h.j2", variables),
        f"{options.name}.c": render("model/model.c.j2", variables),
        f"{options.name}_weights.c": render("model/weights.c.j2", variables),
        "README.md": render("project/README.md.j2", variables),
        "runtime/LICENSE": (resources.templates_dir() / "project" / "LICENSE-2.0.txt").read_bytes(),
        **_copied_runtime(view, runtime, runtime_c, plan.target.isa, tree),
        **linked,
        **_application(applications, emulator, render, variables),
    }
    for writer in writers:
        added = writer(project, render)
        assert not added.keys() & files.keys()
        files.update(added)
    files = dict(sorted(files.items()))
    files["manifest.json"] = manifest(plan, view, project, options, files)
    return files


def _runtime_files(view: ModelView, runtime_c: Path, isa: Isa) -> list[str]:
    """Names in runtime/: the kernels that are called, what they need, and the generated header."""
    needed = set(kernels.needed_files(runtime_c, view.functions, isa)) | {kernels.GENERATED_HEADER}
    if view.has_guards:
        needed.add(SCRATCH_HEADER)
    return sorted(needed)


def _copied_runtime(
    view: ModelView, names: list[str], runtime_c: Path, isa: Isa, tree: Tree | None
) -> dict[str, bytes]:
    banner = "/* SPDX-License-Identifier: Apache-2.0 */\n/* Generated: the kernels of this project. */"
    adapted = cmsis_nn_header.adapter_text(tree) if tree is not None else None
    generated = {kernels.GENERATED_HEADER: kernels.nn_header(runtime_c, view.functions, banner, isa, adapted)}
    if tree is not None:
        generated[kernels.TYPES_HEADER] = cmsis_nn_header.types_header(tree, runtime_c)
    return {
        f"runtime/{name}": generated[name].encode("utf-8") if name in generated else (runtime_c / name).read_bytes()
        for name in names
    }


def _header_folders(linked: Iterable[str]) -> tuple[str, ...]:
    """The folders of a copied CMSIS-NN that belong on the include path."""
    folders = (f"{cmsis_nn.FOLDER}/Include", f"{cmsis_nn.FOLDER}/core")
    return tuple(folder for folder in folders if any(path.startswith(f"{folder}/") for path in linked))


def _application(names: list[str], folder: Path, render: Render, variables: dict[str, object]) -> dict[str, bytes]:
    return {
        f"emulator/{name.removesuffix('.j2')}": render(f"emulator/{name}", variables)
        if name.endswith(".j2")
        else (folder / name).read_bytes()
        for name in names
    }


def _group(name: str, folder: str, names: list[str]) -> Group:
    return Group(
        name,
        tuple(folder + file for file in names if file.endswith(".c")),
        tuple(folder + file for file in names if file.endswith(".h")),
    )
