"""From plans to the files of a project."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from microgen import resources
from microgen.boardfile import project_board_files
from microgen.boards import Board
from microgen.codegen import apis, cmsis_nn, cmsis_nn_header, kernels
from microgen.codegen.applications import Parts, application_files
from microgen.codegen.cmsis_nn import Tree
from microgen.codegen.cmsis_nn_calls import Linked
from microgen.codegen.environment import Render, make_renderer
from microgen.codegen.lower import build_view
from microgen.codegen.manifest import manifest
from microgen.codegen.options import NetworkInput, ProjectOptions, identifier
from microgen.codegen.projects import Writer, select
from microgen.codegen.projects.model import Group, Network, ProjectModel
from microgen.codegen.tables import TABLE_ALIGNMENT, section_macros
from microgen.errors import UsageError
from microgen.ops.call import Isa, Target
from microgen.placement import Placement, check_patterns, make_placement

SCRATCH_HEADER = "mg_scratch.h"


def generate(networks: Sequence[NetworkInput], board: Board, options: ProjectOptions) -> dict[str, bytes]:
    """The C project of ``networks`` for ``board``: relative path (with ``/``) → content.

    All plans are made for the same target. Nothing is written to disk; the same arguments give the same bytes. Raises
    UsageError for a project type, an interface or a placement that does not exist, and for two networks of one name.
    """
    writers = select(options.projects)
    api = apis.select(options.api)
    _check_names([network.name for network in networks])
    placement = make_placement(board, options.placement)
    target = networks[0].plan.target
    assert all(network.plan.target == target for network in networks)
    render = make_renderer()
    views = [_network(network, options.version) for network in networks]
    check_patterns(placement, [table.names for network in views for table in network.view.tables])
    runtime, runtime_files = _runtime(views, target)
    tree = target.library.tree if isinstance(target.library, Linked) else None
    linked = tree.files({f for n in views for f in n.view.library_functions}) if tree is not None else {}
    parts = Parts.of(board, _needed(writers, board), npu=bool(options.npu))
    name = project_name([network.name for network in networks])
    umbrella = [f"{name}.h"] if len(networks) > 1 else []
    code = [path for n in networks for path in (f"{n.name}.c", f"{n.name}_weights.c", f"{n.name}.h")]
    groups = [
        group("model", code + umbrella),
        group("runtime", [f"runtime/{file}" for file in runtime]),
        group("cmsis_nn", list(linked)),
        group("application", parts.application(name)),
        group("example", parts.example(name)),
    ]
    project = ProjectModel(
        name=name,
        macro=name.upper(),
        version=options.version,
        networks=tuple(views),
        board=board,
        placement=placement,
        groups=tuple(groups),
        includes=(".", "runtime", *_header_folders(linked)),
        defines=(),
        optimize=options.optimize,
        stack_bytes=options.stack_bytes,
        shared_arena=options.share_arena and len(networks) > 1,
        linker_script=parts.linker_script,
        npu=options.npu,
    )
    interface = api.files(project, render)
    project = replace(
        project,
        groups=(*project.groups, interface.group),
        includes=(*project.includes, *interface.includes),
    )
    files = {
        **_code(project, render, tree, placement, api.hooks),
        "runtime/LICENSE": (resources.templates_dir() / "project" / "LICENSE-2.0.txt").read_bytes(),
        **runtime_files,
        **linked,
        **interface.files,
        **project_board_files(board),
        **application_files(project, parts, render),
        "README.md": render(
            "project/README.md.j2",
            {
                "project": project,
                "library": tree,
                "hints": [writer.hint(project) for writer in writers],
                "command": options.command or (*(n.model_file for n in networks), "--board", board.name),
            },
        ),
    }
    project = replace(project, contents=files.copy())
    for writer in writers:
        written = writer.files(project, render)
        assert not written.keys() & files.keys()
        files.update(written)
    files = dict(sorted(files.items()))
    files["manifest.json"] = manifest(networks, project, options, files)
    return files


def project_name(names: Sequence[str]) -> str:
    """The C identifier that names a project of networks of these names."""
    return names[0] if len(names) == 1 else identifier("_".join(names))


def needs_example(projects: Iterable[str], board: Board) -> bool:
    """Whether a project of these types contains the self-test, so that its networks need an ``Example``."""
    return "example" in _needed(select(projects), board)


def group(name: str, files: Sequence[str]) -> Group:
    """The group of these files: sources and headers in order, other files left out."""
    return Group(
        name,
        tuple(file for file in files if file.endswith(".c")),
        tuple(file for file in files if file.endswith(".h")),
    )


def _check_names(names: Sequence[str]) -> None:
    """Refuse two networks whose files or macros would be the same ones."""
    seen: dict[str, str] = {}
    for name in [*names, *([project_name(names)] if len(names) > 1 else [])]:
        for taken in (name.upper(), f"{name}_weights".upper()):
            if taken in seen:
                what = f"the networks {seen[taken]} and {name} would have the same names in C"
                raise UsageError(what, where="--name", hint="Give each a name of its own: --name first,second")
            seen[taken] = name


def _needed(writers: Iterable[Writer], board: Board) -> frozenset[str]:
    """The optional groups that a project of these writers has; an application off the emulator is the example."""
    needs = frozenset[str]().union(*(writer.needs for writer in writers))
    return needs | {"example"} if "application" in needs and board.emulator is None else needs


def _network(network: NetworkInput, version: str) -> Network:
    view = build_view(network.plan, network.name, resources.runtime_c_dir(), network.layouts, network.notes)
    return Network(view, version, network.model_file, network.model_sha256, network.example)


def _code(
    project: ProjectModel, render: Render, tree: Tree | None, placement: Placement, hooks: bool
) -> dict[str, bytes]:
    """The networks' own files; with ``hooks`` they can be compiled to call a function around each layer."""
    files: dict[str, bytes] = {}
    for network in project.networks:
        macros, macro_of = section_macros(network.name, network.view.tables, placement)
        variables: dict[str, object] = {
            "network": network,
            "model": network.view,
            "library": tree,
            "placement": placement,
            "table_alignment": TABLE_ALIGNMENT,
            "hooks": hooks,
            "section_macros": macros,
            "macro_of": macro_of,
        }
        files[f"{network.name}.h"] = render("model/model.h.j2", variables)
        files[f"{network.name}.c"] = render("model/model.c.j2", variables)
        files[f"{network.name}_weights.c"] = render("model/weights.c.j2", variables)
    if len(project.networks) > 1:
        files[f"{project.name}.h"] = render("model/networks.h.j2", {"project": project})
    return files


def _runtime(networks: Sequence[Network], target: Target) -> tuple[list[str], dict[str, bytes]]:
    """What runtime/ holds: the kernels that any network calls, what they need, and the generated headers."""
    runtime_c = resources.runtime_c_dir()
    functions = sorted({function for network in networks for function in network.view.functions})
    needed = set(kernels.needed_files(runtime_c, functions, target.isa)) | {kernels.GENERATED_HEADER}
    if any(network.view.has_guards for network in networks):
        needed.add(SCRATCH_HEADER)
    names = sorted(needed)
    tree = target.library.tree if isinstance(target.library, Linked) else None
    return names, _copied_runtime(functions, names, runtime_c, target.isa, tree)


def _copied_runtime(
    functions: Sequence[str], names: Sequence[str], runtime_c: Path, isa: Isa, tree: Tree | None
) -> dict[str, bytes]:
    banner = "/* SPDX-License-Identifier: Apache-2.0 */\n/* Generated: the kernels of this project. */"
    adapted = cmsis_nn_header.adapter_text(tree) if tree is not None else None
    generated = {kernels.GENERATED_HEADER: kernels.nn_header(runtime_c, functions, banner, isa, adapted)}
    if tree is not None:
        generated[kernels.TYPES_HEADER] = cmsis_nn_header.types_header(tree, runtime_c)
    return {
        f"runtime/{name}": generated[name].encode("utf-8") if name in generated else (runtime_c / name).read_bytes()
        for name in names
    }


def _header_folders(linked: Mapping[str, bytes]) -> tuple[str, ...]:
    """The folders of a copied CMSIS-NN that belong on the include path."""
    folders = (f"{cmsis_nn.FOLDER}/Include", f"{cmsis_nn.FOLDER}/core")
    return tuple(folder for folder in folders if any(path.startswith(f"{folder}/") for path in linked))
