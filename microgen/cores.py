"""The processor cores that boards name: compiler options and capabilities, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Core:
    """One Cortex-M core in one configuration.

    ``gcc_flags`` serve arm-none-eabi-gcc and clang (which also needs ``--target=arm-none-eabi``);
    ``iar_flags`` are the options of IAR's ``iccarm``. ``fpu`` is ``none``, ``sp`` or ``dp``; ``isa`` is the
    best kernel flavour that the core can execute (``portable``, ``dsp`` or ``mve``); ``mpu`` is the
    architecture of its memory protection unit, ``v7`` or ``v8``.
    """

    name: str
    title: str
    arch: str
    gcc_flags: tuple[str, ...]
    iar_flags: tuple[str, ...]
    fpu: str
    isa: str
    mpu: str


def _core(name: str, title: str, arch: str, isa: str, fpu: str, gcc: str, iar: str) -> Core:
    mpu = "v7" if arch.startswith("armv7") else "v8"
    return Core(name, title, arch, tuple(gcc.split()), tuple(iar.split()), fpu, isa, mpu)


_TABLE = (
    _core(
        "cortex-m3",
        "Cortex-M3",
        "armv7-m",
        "portable",
        "none",
        "-mcpu=cortex-m3 -mfloat-abi=soft",
        "--cpu=Cortex-M3 --fpu=none",
    ),
    _core(
        "cortex-m4",
        "Cortex-M4",
        "armv7e-m",
        "dsp",
        "none",
        "-mcpu=cortex-m4 -mfloat-abi=soft",
        "--cpu=Cortex-M4 --fpu=none",
    ),
    _core(
        "cortex-m4f",
        "Cortex-M4F",
        "armv7e-m",
        "dsp",
        "sp",
        "-mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard",
        "--cpu=Cortex-M4F --fpu=VFPv4_sp",
    ),
    _core(
        "cortex-m7",
        "Cortex-M7",
        "armv7e-m",
        "dsp",
        "sp",
        "-mcpu=cortex-m7 -mfpu=fpv5-sp-d16 -mfloat-abi=hard",
        "--cpu=Cortex-M7 --fpu=VFPv5_sp",
    ),
    _core(
        "cortex-m7dp",
        "Cortex-M7 with a double-precision FPU",
        "armv7e-m",
        "dsp",
        "dp",
        "-mcpu=cortex-m7 -mfpu=fpv5-d16 -mfloat-abi=hard",
        "--cpu=Cortex-M7 --fpu=VFPv5_d16",
    ),
    _core(
        "cortex-m33",
        "Cortex-M33",
        "armv8-m.main",
        "dsp",
        "sp",
        "-mcpu=cortex-m33 -mfpu=fpv5-sp-d16 -mfloat-abi=hard",
        "--cpu=Cortex-M33 --fpu=VFPv5_sp",
    ),
    _core(
        "cortex-m55",
        "Cortex-M55",
        "armv8.1-m.main",
        "mve",
        "dp",
        "-mcpu=cortex-m55 -mfloat-abi=hard",
        "--cpu=Cortex-M55 --fpu=VFPv5_d16",
    ),
)

CORES: dict[str, Core] = {core.name: core for core in _TABLE}
"""Every core that a board file may name."""
