"""The Cortex-M processors that microgen builds for, by the features that a chip's maker chose: options as data."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from microgen.errors import InputError

FPUS = ("none", "sp", "dp")
"""No floating-point unit, one for single precision, one for double precision as well."""

MVES = ("none", "int", "fp")
"""No Helium, Helium for whole numbers, Helium for floats as well."""


@dataclass(frozen=True)
class Core:
    """One Cortex-M processor in one configuration.

    ``gcc_flags`` serve arm-none-eabi-gcc from version 12 and clang (which also needs ``--target=arm-none-eabi``);
    ``iar_flags`` are the options of IAR's ``iccarm``. ``fpu`` is one of FPUS, ``mve`` one of MVES; ``dsp``: it has the
    DSP extension. ``isa`` is the best kernel flavour that it can execute (``portable``, ``dsp`` or ``mve``). ``mpu`` is
    the architecture of its memory protection unit, ``v6``, ``v7`` or ``v8``, or ``none``; like ``trustzone`` it is what
    the processor can have: chips may lack it. ``cmsis`` is the processor's name in CMSIS packs (Dcore).
    """

    name: str
    title: str
    arch: str
    gcc_flags: tuple[str, ...]
    iar_flags: tuple[str, ...]
    fpu: str
    isa: str
    mpu: str
    mve: str
    dsp: bool
    trustzone: bool
    cmsis: str


@dataclass(frozen=True)
class _Family:
    """A processor as Arm licenses it. ``dsp`` is never, maybe or always; ``fpu`` and ``mve`` are its choices, the last
    of each being what the plain name stands for; ``fpu_names`` are the suffixes of our names for the others.
    ``march``: compilers that do not know the processor yet get its architecture instead.
    """

    cmsis: str
    arch: str
    mpu: str
    fpu: tuple[str, ...] = ("none",)
    dsp: str = "never"
    mve: tuple[str, ...] = ("none",)
    gcc_fpu: tuple[tuple[str, str], ...] = ()
    iar_fpu: tuple[tuple[str, str], ...] = ()
    fpu_names: tuple[tuple[str, str], ...] = (("none", "-nofp"),)
    march: bool = False

    @property
    def stem(self) -> str:
        return self.cmsis.lower().replace("+", "plus")

    @property
    def trustzone(self) -> bool:
        return self.arch.startswith("armv8")


_GCC_SP, _GCC_DP = ("sp", "fpv5-sp-d16"), ("dp", "fpv5-d16")
_IAR_SP, _IAR_DP = ("sp", "VFPv5_sp"), ("dp", "VFPv5_d16")
_SP = ("none", "sp")
_DP = ("none", "dp")

# Sources: the technical reference manuals of the processors ("implementation options"), the option lists of
# arm-none-eabi-gcc 12 and of IAR's iccarm 9. GCC knows Cortex-M85 from version 13 only.
_FAMILIES = (
    _Family("Cortex-M0", "armv6-m", "none"),
    _Family("Cortex-M0+", "armv6-m", "v6"),
    _Family("Cortex-M1", "armv6-m", "none"),
    _Family("Cortex-M3", "armv7-m", "v7"),
    _Family(
        "Cortex-M4", "armv7e-m", "v7", _SP, "always",
        gcc_fpu=(("sp", "fpv4-sp-d16"),), iar_fpu=(("sp", "VFPv4_sp"),), fpu_names=(("sp", "f"),),
    ),
    _Family(
        "Cortex-M7", "armv7e-m", "v7", ("none", "dp", "sp"), "always",
        gcc_fpu=(_GCC_SP, _GCC_DP), iar_fpu=(_IAR_SP, _IAR_DP),
        fpu_names=(("none", "-nofp"), ("dp", "dp")),
    ),
    _Family("Cortex-M23", "armv8-m.base", "v8"),
    _Family("Cortex-M33", "armv8-m.main", "v8", _SP, "maybe", gcc_fpu=(_GCC_SP,), iar_fpu=(_IAR_SP,)),
    _Family("Cortex-M35P", "armv8-m.main", "v8", _SP, "maybe", gcc_fpu=(_GCC_SP,), iar_fpu=(_IAR_SP,)),
    _Family("Cortex-M55", "armv8.1-m.main", "v8", _DP, "always", MVES, iar_fpu=(_IAR_DP,)),
    _Family("Cortex-M85", "armv8.1-m.main", "v8", _DP, "always", MVES, iar_fpu=(_IAR_DP,), march=True),
)  # fmt: skip

_FPU_TITLES = {"none": "without FPU", "sp": "with a single-precision FPU", "dp": "with a double-precision FPU"}
_MVE_NAMES = {"none": "-nomve", "int": "-mveint", "fp": ""}
_MVE_TITLES = {"none": "without Helium", "int": "with Helium for whole numbers only", "fp": "with Helium"}


def _make(family: _Family, fpu: str, dsp: bool, mve: str) -> Core:
    suffix, says = "", []
    if family.dsp == "maybe" and not dsp:
        suffix += "-nodsp"
        says.append("without DSP extension")
    if mve != family.mve[-1]:
        suffix += _MVE_NAMES[mve]
        says.append(_MVE_TITLES[mve])
    if len(family.fpu) > 1 and dict(family.fpu_names).get(fpu):
        suffix += dict(family.fpu_names)[fpu]
        says.append(_FPU_TITLES[fpu])
    plain = family.cmsis + ("F" if suffix == "f" else "")
    return Core(
        name=family.stem + suffix,
        title=plain if suffix == "f" or not says else f"{plain} {' and '.join(says)}",
        arch=family.arch,
        gcc_flags=_gcc_flags(family, fpu, dsp, mve),
        iar_flags=_iar_flags(family, fpu, dsp, mve),
        fpu=fpu,
        isa="mve" if mve != "none" else "dsp" if dsp else "portable",
        mpu=family.mpu,
        mve=mve,
        dsp=dsp,
        trustzone=family.trustzone,
        cmsis=family.cmsis,
    )


def _gcc_flags(family: _Family, fpu: str, dsp: bool, mve: str) -> tuple[str, ...]:
    # Vectors live in the registers of floats, so that Helium passes arguments as a core with an FPU does.
    registers = "-mfloat-abi=" + ("soft" if fpu == mve == "none" else "hard")
    if family.march:
        vectors = {"none": "+dsp", "int": "+mve", "fp": "+mve.fp"}[mve]
        floats = {"none": "+nofp", "dp": "+fp.dp"}[fpu]
        return f"-march={family.arch}{vectors}{floats}", "-mtune=cortex-m55", registers
    processor = f"-mcpu={family.stem}"
    if family.dsp == "maybe" and not dsp:
        processor += "+nodsp"
    if len(family.mve) > 1:
        processor += "+nomve" if mve == "none" else "+nomve.fp" if mve == "int" and fpu != "none" else ""
        processor += "+nofp" if fpu == "none" else ""
    unit = dict(family.gcc_fpu).get(fpu)
    return (processor, f"-mfpu={unit}", registers) if unit else (processor, registers)


def _iar_flags(family: _Family, fpu: str, dsp: bool, mve: str) -> tuple[str, ...]:
    processor = family.cmsis
    if family.cmsis == "Cortex-M4" and fpu != "none":
        processor += "F"
    if family.dsp == "maybe" and not dsp:
        processor += ".no_dsp"
    if len(family.mve) > 1 and mve == "none":
        processor += ".no_mve"
    # Without a name for "Helium for whole numbers beside an FPU", floats are computed by software there.
    unit = dict(family.iar_fpu).get(fpu, "none") if mve != "int" else "none"
    return f"--cpu={processor}", f"--fpu={unit}"


def _choices(family: _Family) -> Iterator[Core]:
    dsps = {"never": (False,), "maybe": (True, False), "always": (True,)}[family.dsp]
    for fpu, dsp, mve in itertools.product(reversed(family.fpu), dsps, reversed(family.mve)):
        if not (mve == "fp" and fpu == "none"):
            yield _make(family, fpu, dsp, mve)


CORES: dict[str, Core] = {core.name: core for family in _FAMILIES for core in _choices(family)}
"""Every core that a board file may name."""


def core(name: str) -> Core:
    """The core of that name, as board files give it. Raises InputError for a name that none has."""
    if name not in CORES:
        raise InputError(f"unknown core {name!r}", hint=f"Known are {', '.join(CORES)}")
    return CORES[name]


def core_for(processor: str, fpu: str = "none", dsp: bool = False, mve: str = "none") -> Core:
    """The core by its features: ``processor`` is CMSIS's name (``Cortex-M33``) or the same in lower case
    (``cortex-m0plus``), ``fpu`` one of FPUS, ``mve`` one of MVES.

    A processor that cannot be without the DSP extension has it whatever ``dsp`` says. Raises InputError for a processor
    that is not known and for features that it cannot have.
    """
    wanted = processor.lower().replace("+", "plus")
    family = next((family for family in _FAMILIES if family.stem == wanted), None)
    if family is None:
        known = ", ".join(family.cmsis for family in _FAMILIES)
        raise InputError(f"unknown processor {processor!r}", hint=f"Known are {known}")
    if fpu not in family.fpu:
        raise InputError(f"has no FPU {fpu!r}", where=family.cmsis, hint=f"It can have {', '.join(family.fpu)}")
    if mve not in family.mve:
        raise InputError(f"has no Helium {mve!r}", where=family.cmsis, hint=f"It can have {', '.join(family.mve)}")
    if mve == "fp" and fpu == "none":
        raise InputError("Helium for floats needs an FPU", where=family.cmsis)
    if dsp and family.dsp == "never":
        raise InputError("has no DSP extension", where=family.cmsis)
    return _make(family, fpu, dsp or family.dsp == "always", mve)
