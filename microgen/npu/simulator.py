"""Executes a command stream as the NPU would: command after command, for many samples at once.

The order of the stream is kept strictly, so waits and block dependencies have nothing to do; cycles are not modelled
(``Compiled.estimate`` has Vela's).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from microgen.errors import InputError
from microgen.mindir import Array
from microgen.npu.accelerators import Accelerator, accelerator
from microgen.npu.compiled import Compiled
from microgen.npu.convolution import convolve
from microgen.npu.decoder import Decoder
from microgen.npu.dma import transfer
from microgen.npu.elementwise import combine
from microgen.npu.memory import Memory
from microgen.npu.pooling import pool
from microgen.npu.registers import Op
from microgen.npu.state import Registers
from microgen.npu.stream import Command, Stream, StreamError, parse

# Samples that run at once: enough to keep NumPy busy, few enough to bound the windows of convolutions.
_CHUNK = 16
_IGNORED = (Op.DMA_WAIT, Op.KERNEL_WAIT, Op.PMU_MASK, Op.IRQ)
# What memory holds that nothing was written to: two patterns, to tell results that depend on it.
_POISON, _OTHER_POISON = 0xA5, 0x5A


def simulate(compiled: Compiled, inputs: Sequence[Array]) -> list[Array]:
    """The outputs for a batch: [samples, *shape] of every output, in the model's order.

    ``inputs`` hold one array of [samples, *shape] per input, of the input's type. Raises InputError where they do
    not fit, and StreamError for a stream that the NPU could not execute: one that is damaged, reaches outside of its
    regions, or was compiled for another configuration.
    """
    arrays = _checked(compiled, inputs)
    target, stream = _program(compiled)
    samples = len(arrays[0]) if arrays else 1
    parts: list[list[Array]] = [[np.empty((0, *t.shape), t.dtype)] for t in compiled.outputs]
    with Decoder() as decoder:
        for start in range(0, samples, _CHUNK):
            count = min(_CHUNK, samples - start)
            chunk = [a[start : start + count] for a in arrays]
            for part, result in zip(parts, _run(compiled, stream, target, decoder, chunk, count), strict=True):
                part.append(result)
    return [np.concatenate(part) for part in parts]


def unwritten_outputs(compiled: Compiled) -> tuple[str, ...]:
    """The names of outputs that depend on memory which nothing was written to, for an input of zeros.

    For some operators Vela compiles streams that leave out a part of the result; this finds them. Raises StreamError
    as ``simulate`` does.
    """
    target, stream = _program(compiled)
    zeros = [np.zeros((1, *t.shape), t.dtype) for t in compiled.inputs]
    with Decoder() as decoder:
        first, second = (_run(compiled, stream, target, decoder, zeros, 1, p) for p in (_POISON, _OTHER_POISON))
    pairs = zip(compiled.outputs, first, second, strict=True)
    return tuple(tensor.name for tensor, a, b in pairs if (a != b).any())


def _program(compiled: Compiled) -> tuple[Accelerator, Stream]:
    target, stream = accelerator(compiled.accelerator), parse(compiled.command_stream)
    if stream.config is not None and stream.config != target.config_word:
        raise StreamError(f"the stream is for configuration {stream.config:#010x}, not {target.name}")
    return target, stream


def _run(
    compiled: Compiled,
    stream: Stream,
    target: Accelerator,
    decoder: Decoder,
    inputs: Sequence[Array],
    samples: int,
    poison: int = _POISON,
) -> list[Array]:
    regions = {region: np.full((samples, size), poison, np.uint8) for region, size in compiled.regions.items()}
    regions[compiled.weight_region] = np.frombuffer(compiled.weights, np.uint8)[None]
    shram = np.full((samples, target.shram_bytes), poison, np.uint8)
    memory = Memory(regions, shram, frozenset({compiled.weight_region}))
    for tensor, array in zip(compiled.inputs, inputs, strict=True):
        memory.put(tensor.region, tensor.offset, np.ascontiguousarray(array).reshape(samples, -1).view(np.uint8))
    execute(stream, memory, decoder, target)
    results = []
    for tensor in compiled.outputs:
        data = np.array(memory.bytes_at(tensor.region, tensor.offset, tensor.size))
        results.append(np.broadcast_to(data.view(tensor.dtype), (samples, tensor.size // tensor.dtype.itemsize)))
    return [r.reshape(samples, *t.shape) for r, t in zip(results, compiled.outputs, strict=True)]


def execute(stream: Stream, memory: Memory, decoder: Decoder, target: Accelerator) -> None:
    """Carries out the commands of ``stream`` on ``memory``. Raises StreamError, which names the command."""
    registers = Registers()
    for command in stream.commands:
        if command.code is Op.STOP:
            return
        try:
            _step(command, registers, memory, decoder, target)
        except StreamError as error:
            error.where = error.where or command.where
            raise


def _step(command: Command, registers: Registers, memory: Memory, decoder: Decoder, target: Accelerator) -> None:
    code = command.code
    if not isinstance(code, Op):
        registers.set(command)
    elif code in (Op.CONV, Op.DEPTHWISE):
        convolve(registers, memory, decoder, target, depthwise=code is Op.DEPTHWISE)
    elif code is Op.POOL:
        pool(registers, memory, command.param)
    elif code is Op.ELEMENTWISE:
        combine(registers, memory, command.param)
    elif code is Op.DMA_START:
        transfer(registers, memory, target)
    else:
        assert code in _IGNORED


def _checked(compiled: Compiled, inputs: Sequence[Array]) -> list[Array]:
    if len(inputs) != len(compiled.inputs):
        raise InputError(f"{len(inputs)} inputs were given, the model has {len(compiled.inputs)}")
    arrays = [np.asarray(a) for a in inputs]
    for tensor, array in zip(compiled.inputs, arrays, strict=True):
        if array.dtype != tensor.dtype or array.ndim == 0 or array.shape[1:] != tensor.shape:
            expected = f"{tensor.dtype} [samples, {', '.join(map(str, tensor.shape))}]"
            raise InputError(f"input is {array.dtype} {list(array.shape)}, not {expected}", where=tensor.name)
        if len(array) != len(arrays[0]):
            raise InputError(f"{len(array)} samples, but {len(arrays[0])} for the first input", where=tensor.name)
    return arrays
