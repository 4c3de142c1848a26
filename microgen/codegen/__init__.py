"""Code generation: from a planned graph to the files of a C project."""

from microgen.codegen.apis import apis as known_apis
from microgen.codegen.applications import fnv1a
from microgen.codegen.cmsis_nn import load as load_tree
from microgen.codegen.cmsis_nn_calls import Linked
from microgen.codegen.generate import generate, needs_example, project_name
from microgen.codegen.options import NATIVE, NetworkInput, ProjectOptions, identifier
from microgen.codegen.projects import writers as known_projects
from microgen.codegen.projects.model import Example

__all__ = [
    "NATIVE",
    "Example",
    "Linked",
    "NetworkInput",
    "ProjectOptions",
    "fnv1a",
    "generate",
    "identifier",
    "known_apis",
    "known_projects",
    "load_tree",
    "needs_example",
    "project_name",
]
