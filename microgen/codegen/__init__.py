"""Code generation: from a planned graph to the files of a C project."""

from microgen.codegen.generate import generate
from microgen.codegen.options import CodegenOptions

__all__ = ["CodegenOptions", "generate"]
