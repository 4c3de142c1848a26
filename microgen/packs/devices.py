"""Devices of a pack: processors and memories with what they inherit from family, sub-family and device.

Attributes of processors add up from the outer levels to the inner ones; a memory is known by its name, and an inner one
of the same name changes the outer one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from microgen.errors import InputError, UsageError, one_line
from microgen.packs.xmlfile import Node

_NUMBER = re.compile(r"\+?(?:0[xX]([0-9a-fA-F]{1,16})|(\d{1,20}))")
_TRUE = frozenset({"1", "true"})
# Meaning of the identifiers IRAM1 … IROM8, RAM1 … ROM8, which access= replaced; RAM and ROM are external.
_ID = re.compile(r"(I?)(RAM|ROM)\d{0,2}")
_ID_ACCESS = {"RAM": "rwx", "ROM": "rx"}

# A processor that cannot have a floating-point unit, whatever its description says.
_NEVER_FPU = frozenset(
    {"Cortex-M0", "Cortex-M0+", "Cortex-M1", "Cortex-M3", "Cortex-M23", "SC000", "SC300", "ARMV8MBL"}
)
# Those whose unit always computes double precision, where they have one.
_ALWAYS_DP = frozenset({"Cortex-M55", "Cortex-M85"})
_CAN_DP = frozenset({"Cortex-M7", "Cortex-M52", "ARMV81MML", "Star-MC3"}) | _ALWAYS_DP
_ALWAYS_DSP = frozenset({"Cortex-M4", "Cortex-M7"})
_CAN_MVE = frozenset({"Cortex-M52", "Cortex-M55", "Cortex-M85", "ARMV81MML", "Star-MC3"})
_CAN_DSP = frozenset({"Cortex-M33", "Cortex-M35P", "ARMV8MML", "Star-MC1"}) | _ALWAYS_DSP | _CAN_MVE
_NEVER_MPU = frozenset({"Cortex-M0", "Cortex-M1"})
_MICROCONTROLLER = frozenset({"SC000", "SC300", "ARMV8MBL", "ARMV8MML", "ARMV81MML", "Star-MC1", "Star-MC3"})


@dataclass(frozen=True, slots=True)
class Processor:
    """A processor of a device. ``name`` is its Pname, empty where there is only one; ``core`` is Dcore as written.

    ``fpu`` is none, sp or dp, ``mve`` none, int or fp, ``clock`` in Hz (0: not given). What the core cannot have is not
    believed.
    """

    name: str
    core: str
    fpu: str
    mve: str
    dsp: bool
    mpu: bool
    trustzone: bool
    clock: int
    endian: str

    @property
    def is_microcontroller(self) -> bool:
        """Whether code for Cortex-M runs on it."""
        return self.core.startswith("Cortex-M") or self.core in _MICROCONTROLLER


@dataclass(frozen=True, slots=True)
class Memory:
    """A range of memory: ``size`` bytes from ``start``; ``access`` holds the letters r, w, x, p, s, n, c.

    ``processor`` is the Pname of the only processor that sees it so, or empty; ``alias`` names a memory that is the
    same cells at another address; ``external``: outside of the chip.
    """

    name: str
    start: int
    size: int
    access: str
    default: bool
    startup: bool
    processor: str
    alias: str
    external: bool

    @property
    def end(self) -> int:
        """Address of the first byte behind it."""
        return self.start + self.size

    @property
    def is_writable(self) -> bool:
        """Whether a store changes it."""
        return "w" in self.access


@dataclass(frozen=True, slots=True)
class Device:
    """A device or a variant of one. ``vendor`` is Dvendor with its number, such as ``STMicroelectronics:13``."""

    name: str
    vendor: str
    family: str
    sub_family: str
    processors: tuple[Processor, ...]
    memories: tuple[Memory, ...]

    def processor(self, name: str = "") -> Processor:
        """The processor of that Pname; without a name, the only one that runs code for Cortex-M.

        Raises UsageError with the choices where that does not say which.
        """
        choices = [p for p in self.processors if p.is_microcontroller]
        if not choices:
            cores = ", ".join(sorted({one_line(p.core, 40) for p in self.processors}))
            raise UsageError(f"is no Cortex-M device: its core is {cores}", where=self.name)
        listed = " or ".join(f"{self.name}:{p.name}" for p in choices if p.name)
        if not name:
            if len(choices) > 1:
                cores = ", ".join(f"{p.name} ({p.core})" for p in choices)
                raise UsageError(f"has several processors: {cores}", where=self.name, hint=f"Choose {listed}")
            return choices[0]
        found = next((p for p in choices if p.name.lower() == name.lower()), None)
        if found is None:
            hint = f"Choose {listed}" if listed else f"It has one processor: {self.name}"
            raise UsageError(f"has no processor {one_line(name, 40)!r}", where=self.name, hint=hint)
        return found


def resolve(name: str, chain: Sequence[Node], where: str) -> Device:
    """The device that a chain of elements, outermost first, describes. InputError names the wrong element."""
    vendor = next((v for node in reversed(chain) if (v := node.get("Dvendor"))), "")
    sub_family = next((v for node in reversed(chain) if (v := node.get("DsubFamily"))), "")
    processors = _processors(name, chain, where)
    memories = tuple(_memories(chain, where))
    return Device(name, one_line(vendor, 100), one_line(chain[0].get("Dfamily"), 100), one_line(sub_family, 100),
                  processors, memories)  # fmt: skip


def _processors(device: str, chain: Sequence[Node], where: str) -> tuple[Processor, ...]:
    nodes = [node for level in chain for node in level.all("processor")]
    if not nodes:
        raise InputError(f"line {chain[-1].line}: device {device} has no processor element", where=where)
    names = list(dict.fromkeys(node.get("Pname") for node in nodes if node.get("Pname"))) or [""]
    return tuple(_processor(name, [n for n in nodes if n.get("Pname") in ("", name)], where) for name in names)


def _processor(name: str, nodes: Sequence[Node], where: str) -> Processor:
    merged: dict[str, str] = {}
    for node in nodes:
        merged.update({key: value.strip() for key, value in node.attributes.items() if value.strip()})
    node = Node("processor", merged, nodes[-1].line)
    core = node.get("Dcore")
    if not core or len(core) > 40:
        raise InputError(f"line {node.line}: processor {one_line(name, 40)} has no Dcore", where=where)
    clock = _number(node, "Dclock", where) if node.get("Dclock") else 0
    mpu = node.get("Dmpu") in ("MPU", "1") and core not in _NEVER_MPU
    trustzone = node.get("Dtz") in ("TZ", "1")
    mve = {"MVE": "int", "1": "int", "FP_MVE": "fp"}.get(node.get("Dmve"), "none") if core in _CAN_MVE else "none"
    fpu = _fpu(core, node.get("Dfpu"))
    # Vectors of floats need the unit for scalars.
    mve = "int" if mve == "fp" and fpu == "none" else mve
    dsp = core in _ALWAYS_DSP or mve != "none" or (core in _CAN_DSP and node.get("Ddsp") in ("DSP", "1"))
    endian = node.get("Dendian") or "Little-endian"
    return Processor(name, core, fpu, mve, dsp, mpu, trustzone, clock, endian)


def _fpu(core: str, text: str) -> str:
    if core in _NEVER_FPU or text in ("", "NO_FPU", "0"):
        return "none"
    if core in _ALWAYS_DP or (text == "DP_FPU" and core in _CAN_DP):
        return "dp"
    return "sp"


def _memories(chain: Sequence[Node], where: str) -> Iterator[Memory]:
    merged: dict[tuple[str, str], Node] = {}
    for node in (node for level in chain for node in level.all("memory")):
        key = node.get("Pname"), node.get("name") or node.get("id")
        if not key[1]:
            raise InputError(f"line {node.line}: memory has neither name nor id", where=where)
        outer = merged.get(key)
        attributes = {**outer.attributes, **node.attributes} if outer is not None else node.attributes
        merged[key] = Node("memory", attributes, node.line)
    for node in merged.values():
        memory = _memory(node, where)
        if memory.size > 0:
            yield memory


def _memory(node: Node, where: str) -> Memory:
    name = node.get("name") or node.get("id")
    kind = _ID.fullmatch(node.get("id")) or _ID.fullmatch(name)
    # Without access= the old identifiers say it; the specification's default for others is read-only.
    access = node.get("access") or (_ID_ACCESS[kind[2]] if kind else "r")
    start, size = _number(node, "start", where), _number(node, "size", where)
    if start + size > 1 << 32:
        raise InputError(f"line {node.line}: memory {one_line(name, 40)} lies beyond 32 bits", where=where)
    return Memory(
        one_line(name, 60),
        start,
        size,
        access,
        default=node.get("default").lower() in _TRUE,
        startup=node.get("startup").lower() in _TRUE,
        processor=node.get("Pname"),
        alias=node.get("alias"),
        external=kind is not None and not kind[1],
    )


def _number(node: Node, attribute: str, where: str) -> int:
    text = node.get(attribute)
    match = _NUMBER.fullmatch(text)
    if match is None:
        said = f"{one_line(text, 40)!r} is no number" if text else "is missing"
        raise InputError(f"line {node.line}: {node.tag} {one_line(node.get('name') or node.get('id') or '', 40)}: "
                         f"{attribute} {said}", where=where)  # fmt: skip
    return int(match[1], 16) if match[1] else int(match[2])
