"""microgen compiles neural networks into standalone C for Cortex-M and proves that the C computes the same bits.

The Python API:

    compile_model(path, board, options) -> Compiled    model file to C project, in memory
    write_project(files, folder)                        the project on disk
    load_graph(path) -> Graph                           model file to MindIR
    optimize(graph) -> Graph                            the passes
    quantize_graph(graph, samples, config) -> Quantized  float to int8, with a report
    load_samples(source, graph) -> Samples              calibration samples, checked
    save_model(graph, path)                             MindIR to .tflite, .onnx, …
    Model(path).build(context).predict(inputs)          execution on this computer, on the paths of a Context
    Session(graph).run(inputs)                          exact execution in NumPy
    verify_board(compiled)                              host against emulated device, every layer
    bench_board(compiled)                               instructions, flash, RAM
    load_board(name), all_boards()                      what can be targeted
"""

__version__ = "0.1.0"

from microgen.bench import bench_board
from microgen.boards import Board, all_boards, load_board
from microgen.compiler import Compiled, Options, compile_model, load_graph
from microgen.errors import MicrogenError
from microgen.exporters import save as save_model
from microgen.model import Context, Model
from microgen.passes import optimize
from microgen.project import write_project
from microgen.quantize import QuantConfig, Quantized, load_config, load_samples, quantize_graph
from microgen.runtime import Session
from microgen.verification import verify_board

__all__ = [
    "Board",
    "Compiled",
    "Context",
    "MicrogenError",
    "Model",
    "Options",
    "QuantConfig",
    "Quantized",
    "Session",
    "__version__",
    "all_boards",
    "bench_board",
    "compile_model",
    "load_board",
    "load_config",
    "load_graph",
    "load_samples",
    "optimize",
    "quantize_graph",
    "save_model",
    "verify_board",
    "write_project",
]
