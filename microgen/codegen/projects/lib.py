"""Sources and headers for any build system, and a plain list of them that scripts can read."""

from __future__ import annotations

from microgen.codegen.environment import Render
from microgen.codegen.projects.gnu import LEVELS
from microgen.codegen.projects.model import ProjectModel

NAME = "lib"
NEEDS: frozenset[str] = frozenset()


def hint(project: ProjectModel) -> str:
    """How to use the list."""
    return (
        "Any other build system: compile what `sources.txt` lists, with its include folders, into your firmware. "
        f"Include `{project.name}.h`."
    )


def files(project: ProjectModel, render: Render) -> dict[str, bytes]:
    """``sources.txt``."""
    variables = {
        "project": project,
        "sources": project.network_sources,
        # The headers of the runtime and of a linked CMSIS-NN serve the sources alone.
        "headers": [*project.group("model").headers, *project.group("api").headers],
        "optimization": LEVELS[project.optimize],
    }
    return {"sources.txt": render("lib/sources.txt.j2", variables)}
