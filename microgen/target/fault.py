"""Turns the fault record that the start-up code prints into an error that names the fault and the function."""

from __future__ import annotations

import re
from collections.abc import Mapping

from microgen.errors import DeviceFault
from microgen.target.elf import Elf

_RECORD = re.compile(r"MICROGEN-FAULT((?: [a-z_]+=[0-9a-f]{8})+)")
_STACK = re.compile(r"MICROGEN-STACK((?: [0-9a-f]{8})+)")

# Bits of the Configurable Fault Status Register (Armv8-M ARM, D1.2.10), the most telling first.
STACK_FAULT = "stack overflow"
_STACK_END = "__stack_limit"
_CFSR = (
    (1 << 20, "UsageFault", STACK_FAULT),
    (1 << 4, "MemManage fault", STACK_FAULT),
    (1 << 12, "BusFault", STACK_FAULT),
    (1 << 0, "MemManage fault", "execution of memory that holds no code"),
    (1 << 1, "MemManage fault", "access outside of the board's memory, or a write to read-only memory,"),
    (1 << 3, "MemManage fault", "return from an exception with a broken stack"),
    (1 << 5, "MemManage fault", "saving of floating-point registers"),
    (1 << 8, "BusFault", "instruction fetch from an address with no memory"),
    (1 << 9, "BusFault", "precise data access"),
    (1 << 10, "BusFault", "imprecise data access"),
    (1 << 11, "BusFault", "return from an exception with a broken stack"),
    (1 << 13, "BusFault", "saving of floating-point registers"),
    (1 << 16, "UsageFault", "undefined instruction"),
    (1 << 17, "UsageFault", "call or jump through a bad pointer (Thumb bit not set)"),
    (1 << 18, "UsageFault", "bad exception return"),
    (1 << 19, "UsageFault", "coprocessor, FPU or Helium instruction while that unit is off or absent"),
    (1 << 24, "UsageFault", "unaligned access"),
    (1 << 25, "UsageFault", "division by zero"),
)
_MMFAR_VALID, _BFAR_VALID, _SFAR_VALID = 1 << 7, 1 << 15, 1 << 6
_EXCEPTIONS = {
    2: "NMI",
    3: "HardFault",
    7: "SecureFault",
    11: "SVCall",
    12: "DebugMonitor",
    14: "PendSV",
    15: "SysTick",
}


def describe_address(elf: Elf, address: int) -> str:
    """``function+0x12 (0x00001234)``, or the bare address where it lies in no function."""
    name = elf.symbolize(address)
    return f"{name} ({address & ~1:#010x})" if name else f"{address:#010x}, in no function"


def _kind(record: Mapping[str, int]) -> str:
    cfsr = record["cfsr"]
    for bit, fault, text in _CFSR:
        if not cfsr & bit:
            continue
        if text != STACK_FAULT:
            if cfsr & 0xFF and cfsr & _MMFAR_VALID:
                text += f" at {record['mmfar']:#010x}"
            elif cfsr & 0xFF00 and cfsr & _BFAR_VALID:
                text += f" at {record['bfar']:#010x}"
        return f"{fault}: {text}"
    if record.get("sfsr"):
        where = f" at {record['sfar']:#010x}" if record["sfsr"] & _SFAR_VALID else ""
        return f"SecureFault: SFSR {record['sfsr']:#x}{where}"
    if record["hfsr"] & 2:
        return "HardFault: the vector table cannot be read"
    number = record["exception"]
    return _EXCEPTIONS.get(number, f"unexpected exception {number}")


def _caller_from_stack(elf: Elf, console: str) -> str:
    """The innermost return address in a dump of the stack: a word behind a call, Thumb bit set."""
    returns = {call.return_address | 1 for call in elf.calls()}
    for line in _STACK.finditer(console):
        for word in line[1].split():
            if int(word, 16) in returns:
                return elf.symbolize(int(word, 16) - 4)
    return ""


def fault_in(console: str, elf: Elf) -> DeviceFault | None:
    """The fault that the console tells of, ``None`` if the firmware reported none."""
    match = _RECORD.search(console)
    if match is None:
        return None
    record = {name: int(value, 16) for name, value in (field.split("=") for field in match[1].split())}
    kind = _kind(record)
    end = next((symbol.address for symbol in elf.symbols if symbol.name == _STACK_END), 0)
    if STACK_FAULT not in kind and record["sp"] < end:
        # Without memory protection it goes on below its end until it meets something else.
        kind += f" after a {STACK_FAULT},"
    larger = "Give it a larger stack: compile with --stack BYTES (__stack_size in the linker script)"
    hint = larger if STACK_FAULT in kind else ""
    if "pc" in record:
        place = f"in {describe_address(elf, record['pc'])}"
        caller = elf.symbolize(record["lr"] - 4)
        if caller and caller.split("+")[0] != elf.symbolize(record["pc"]).split("+")[0]:
            place += f", called from {caller}"
    else:
        caller = _caller_from_stack(elf, console)
        place = f"in {caller} or in what it calls" if caller else f"with the stack pointer at {record['sp']:#010x}"
    return DeviceFault(f"the firmware faulted: {kind} {place}", where=str(elf.path), hint=hint, console=console)
