"""The view: what the C templates are given, as ready lists of text.

All decisions about the network are made where a view is built (``microgen.codegen.lower``); a template lays out
what it finds. Text that comes from the model is still raw in a view: the templates send it through one
sanitizing filter each.
"""

from __future__ import annotations

from dataclasses import dataclass

from microgen.codegen.tables import Parameters, Table


@dataclass(frozen=True, slots=True)
class CallView:
    """One C call with its arguments as C expressions.

    ``context`` tells whether the call takes the ``cmsis_nn_context``, which then covers ``scratch_bytes`` at
    ``scratch`` ("NULL" without any); ``checked`` whether it returns a status; ``guard`` is what the kernel
    needs, as a C constant expression, "" where it does not say; ``query`` is the call, as C, that asks a linked
    CMSIS-NN for it, "" without one. ``error`` is the end of the name of the status that a ``checked`` call's failure
    has.
    """

    function: str
    args: tuple[str, ...]
    checked: bool
    error: str
    context: bool
    scratch: str
    scratch_bytes: int
    guard: str
    query: str


@dataclass(frozen=True, slots=True)
class OutputView:
    """An output of a layer, or an input that it reads from the arena, for the trace and for hooks: C expression of its
    address, size in bytes; ``name`` is raw text from the model.
    """

    index: int
    address: str
    nbytes: int
    name: str
    ctype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CopyView:
    """``nbytes`` bytes that are copied, both places as C expressions."""

    target: str
    source: str
    nbytes: int


@dataclass(frozen=True, slots=True)
class RunView:
    """A sub-graph's function as it is called: its arena, what is copied there before and from there after it."""

    function: str
    arena: str
    before: tuple[CopyView, ...]
    after: tuple[CopyView, ...]


@dataclass(frozen=True, slots=True)
class BranchView:
    """``then`` runs where the byte at ``condition`` is not 0, ``otherwise`` elsewhere."""

    condition: str
    then: RunView
    otherwise: RunView


@dataclass(frozen=True, slots=True)
class RepeatView:
    """After the copies ``first``, ``test`` and ``body`` take turns until the byte at ``condition`` is 0."""

    first: tuple[CopyView, ...]
    condition: str
    test: RunView
    body: RunView


@dataclass(frozen=True, slots=True)
class LayerView:
    """One step: ``name`` is raw text from the model; ``kernel`` names the functions that are called; ``layers`` are the
    names of the model's layers where the step is several of them. ``control`` stands in place of calls where the step
    is a branch or a loop over the sub-graphs ``graphs``, named by their functions.
    """

    index: int
    name: str
    op: str
    kernel: str
    macs: int
    input_shapes: tuple[tuple[int, ...], ...]
    output_shapes: tuple[tuple[int, ...], ...]
    calls: tuple[CallView, ...]
    inputs: tuple[OutputView, ...]
    outputs: tuple[OutputView, ...]
    layers: tuple[str, ...] = ()
    control: BranchView | RepeatView | None = None
    graphs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LoopView:
    """``steps`` times ``period`` layers from ``first`` on as a loop over the variable ``step``.

    ``layers`` are those of the first step with the calls as they stand in the loop. ``table`` has ``columns``, (type,
    name) each, and for every step one of ``rows``. ``traced`` gives for every step where the outputs of its layers lie.
    """

    first: int
    period: int
    steps: int
    step: str
    layers: tuple[LayerView, ...]
    table: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, ...], ...]
    traced: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class GraphView:
    """A sub-graph as a function over an arena of its own: that of the network's layer ``layer``, of itself or of a
    sub-graph in it. ``name`` is raw text from the model.
    """

    function: str
    layer: int
    name: str
    arena_bytes: int
    layers: tuple[LayerView, ...]
    places: tuple[PlaceView, ...]
    uses_context: bool
    uses_arena: bool


@dataclass(frozen=True, slots=True)
class PortView:
    """A graph input or output. ``scale`` is a literal, "" for a tensor without a per-tensor quantization;
    ``formula`` is the real value of an element ``q``. ``file_shape`` is the shape in the model file where the
    dimensions were rearranged, else None. ``note`` is what else there is to say.
    """

    index: int
    name: str
    ctype: str
    shape: tuple[int, ...]
    elements: int
    nbytes: int
    scale: str
    zero_point: str
    formula: str
    address: str
    constant: bool
    file_shape: tuple[int, ...] | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class PlaceView:
    """A tensor or scratch area in the arena. ``first`` and ``last`` are the steps between which it is alive:
    −1 before the first step, the number of steps behind the last one.
    """

    symbol: str
    name: str
    offset: int
    nbytes: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class StateView:
    """What is kept between invocations: ``name`` is raw text from the model; ``address`` the C expression of its place.
    It begins with ``fill`` in every byte or, where that is "", with the table ``initial``.
    """

    index: int
    name: str
    address: str
    nbytes: int
    fill: str
    initial: str


@dataclass(frozen=True, slots=True)
class StartView:
    """A constant that is made in RAM when the network starts: ``name`` is raw text from the model."""

    name: str
    nbytes: int
    calls: tuple[CallView, ...]


@dataclass(frozen=True, slots=True)
class ModelView:
    """Everything the C templates need to know of a plan.

    ``functions`` are those of our kernels that are called, ``library_functions`` those of a linked CMSIS-NN.
    ``sections`` are the layers as the C has them, some in loops. ``start`` is made once, before the first of them; it
    lies in the ``state_bytes`` that nothing else uses. ``graphs`` are the sub-graphs, each behind those that it calls.
    """

    prefix: str
    macro: str
    graph_name: str
    inputs: tuple[PortView, ...]
    outputs: tuple[PortView, ...]
    states: tuple[StateView, ...]
    layers: tuple[LayerView, ...]
    sections: tuple[LayerView | LoopView, ...]
    places: tuple[PlaceView, ...]
    tables: tuple[Table, ...]
    parameters: tuple[Parameters, ...]
    functions: tuple[str, ...]
    library_functions: tuple[str, ...]
    arena_bytes: int
    state_bytes: int
    alignment: int
    uses_context: bool
    uses_arena: bool
    has_guards: bool
    start: tuple[StartView, ...] = ()
    graphs: tuple[GraphView, ...] = ()

    @property
    def every_layer(self) -> list[LayerView]:
        """The layers of the network and of its sub-graphs."""
        return [*self.layers, *(layer for graph in self.graphs for layer in graph.layers)]

    @property
    def loops(self) -> list[LoopView]:
        """The loops among the sections."""
        return [section for section in self.sections if isinstance(section, LoopView)]

    @property
    def queries(self) -> list[CallView]:
        """The calls whose scratch a linked CMSIS-NN is asked for; equal questions once."""
        calls = [call for layer in self.every_layer for call in layer.calls if call.query]
        return list({(call.query, call.scratch_bytes): call for call in calls}.values())

    @property
    def uses_math(self) -> bool:
        """Whether a number is written as a macro of ``<math.h>``."""
        calls = [call for layer in self.every_layer for call in layer.calls]
        calls += [call for made in self.start for call in made.calls]
        arguments = [argument for call in calls for argument in call.args]
        fields = [field for parameters in self.parameters for field in parameters.fields]
        return any(macro in text for text in (*arguments, *fields) for macro in ("INFINITY", "NAN"))

    @property
    def uses_npu(self) -> bool:
        """Whether a layer runs on an NPU."""
        return any(call.error == "NPU" for layer in self.every_layer for call in layer.calls)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(layer.macs for layer in self.layers)

    @property
    def const_bytes(self) -> int:
        """Bytes of all tables."""
        return sum(table.nbytes for table in self.tables)
