"""A library for the Arduino IDE, as a folder and as the .zip that the IDE imports, with an example sketch.

The IDE compiles everything below ``src/`` with that folder alone on the include path: public headers lie in it, the
rest in ``src/network/`` (Arduino's library specification, revision 2.2).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from microgen.codegen.environment import Render
from microgen.codegen.packaging import content_version, move, zip_archive
from microgen.codegen.projects.model import ProjectModel

NAME = "arduino"
NEEDS = frozenset({"example"})

_INTERNAL = "src/network"
# Arduino's names for the board packages with a vendor's Cortex-M chips; "*" is any.
_ARCHITECTURES = {
    "Nordic Semiconductor": "mbed,mbed_nano,nrf52",
    "RPi": "mbed,mbed_rp2040,rp2040",
    "STMicroelectronics": "mbed_giga,mbed_nicla,mbed_opta,mbed_portenta,stm32",
}


def hint(project: ProjectModel) -> str:
    """How to use what is written."""
    name = library_name(project)
    return (
        f"- Arduino: import `arduino/{name}.zip` with Sketch > Include Library > Add .ZIP Library, then open "
        f"File > Examples > {name} > SelfTest."
    )


def library_name(project: ProjectModel) -> str:
    """The name of the library and of its folder: only Arduino's own libraries may be called ``Arduino…``."""
    return f"Network_{project.name}" if project.name.lower().startswith("arduino") else project.name


def files(project: ProjectModel, render: Render) -> dict[str, bytes]:
    """The files of ``arduino/``."""
    library = _library(project)
    variables = {
        "project": project,
        "name": library_name(project),
        "version": content_version(project.version, library),
        "architectures": _ARCHITECTURES.get(project.board.vendor.partition(":")[0], "*"),
        "headers": [posixpath.basename(path) for path in project.group("model").headers],
    }
    sketch = "examples/SelfTest"
    library |= {
        "library.properties": render("arduino/library.properties.j2", variables),
        "keywords.txt": render("arduino/keywords.txt.j2", variables),
        f"{sketch}/SelfTest.ino": render("arduino/SelfTest.ino.j2", variables),
    }
    root = library_name(project)
    archive = zip_archive({f"{root}/{path}": content for path, content in library.items()})
    return {f"arduino/{root}/{path}": content for path, content in library.items()} | {f"arduino/{root}.zip": archive}


def _library(project: ProjectModel) -> dict[str, bytes]:
    """The copies of the project's own files, by path in the library."""
    moves = dict(_moves(project))
    assert len(set(moves.values())) == len(moves), "two files would lie at one path"
    return move(moves, project.contents, project.includes, "src")


def _moves(project: ProjectModel) -> Iterator[tuple[str, str]]:
    """(path in the project, path in the library) of every file of the networks and of the sketch."""
    yield "runtime/LICENSE", "LICENSE"
    for path in (*project.group("model").headers, *project.group("api").headers):
        folders = [f for f in project.includes if f != "." and path.startswith(f"{f}/")]
        yield path, f"src/{path.removeprefix(max(folders, key=len, default='') + '/')}"
    for path in (*project.group("model").sources, *project.group("api").sources):
        yield path, f"{_INTERNAL}/{posixpath.basename(path)}"
    for path in (*project.group("runtime").sources, *project.group("runtime").headers):
        yield path, f"{_INTERNAL}/{path.removeprefix('runtime/')}"
    yield from ((path, f"{_INTERNAL}/{path}") for path in project.contents if path.startswith("cmsis_nn/"))
    example = project.group("example")
    for path in (*example.sources, *example.headers):
        if not path.endswith("/main.c"):
            yield path, f"examples/SelfTest/{posixpath.basename(path)}"
