"""Post-training quantization: observe what float networks compute, choose scales, rewrite to int8."""

from microgen.quantize.compare import Layer, Likeness
from microgen.quantize.config import Granularity, Method, Ports, Preprocess, QuantConfig, Scheme
from microgen.quantize.data import Samples, load_samples
from microgen.quantize.pipeline import Quantized, quantize_graph
from microgen.quantize.report import Report
from microgen.quantize.settings import load_config

__all__ = [
    "Granularity",
    "Layer",
    "Likeness",
    "Method",
    "Ports",
    "Preprocess",
    "QuantConfig",
    "Quantized",
    "Report",
    "Samples",
    "Scheme",
    "load_config",
    "load_samples",
    "quantize_graph",
]
