"""Code generation: from a planned graph to the files of a C project."""

from microgen.codegen.cmsis_nn import load as load_tree
from microgen.codegen.cmsis_nn_calls import Linked
from microgen.codegen.generate import generate
from microgen.codegen.options import CodegenOptions

__all__ = ["CodegenOptions", "Linked", "generate", "load_tree"]
