"""The Ethos-U configurations: what differs between them and matters for what they compute.

Facts from the Vela package (``ethosu.vela.architecture_features`` and the register descriptions of ``config_r``).
"""

from __future__ import annotations

from dataclasses import dataclass

from microgen.errors import UsageError

_U55, _U65 = 0, 1


@dataclass(frozen=True, slots=True)
class Accelerator:
    """One configuration.

    ``name`` is Vela's; ``macs`` are multiply-accumulates a cycle of one core; ``ofm_ublock`` and ``ifm_ublock`` are
    the channels of the smallest blocks of output and input, which order the weights; ``shram_bytes`` is the internal
    memory of one core, whose last 2 KiB hold the tables of activations.
    """

    name: str
    product: int
    cores: int
    macs: int
    ofm_ublock: int
    ifm_ublock: int
    shram_bytes: int

    @property
    def is_u65(self) -> bool:
        """Whether this is an Ethos-U65: DMA in two and three dimensions, two cores in its largest configuration."""
        return self.product == _U65

    @property
    def config_word(self) -> int:
        """The CONFIG register that a command stream for this configuration expects."""
        macs_log2 = (self.macs * self.cores).bit_length() - 1
        return macs_log2 | (self.cores * self.shram_bytes >> 10) << 8 | self.product << 28


_ALL = (
    Accelerator("ethos-u55-32", _U55, 1, 32, 4, 8, 16 << 10),
    Accelerator("ethos-u55-64", _U55, 1, 64, 8, 8, 16 << 10),
    Accelerator("ethos-u55-128", _U55, 1, 128, 8, 8, 24 << 10),
    Accelerator("ethos-u55-256", _U55, 1, 256, 8, 8, 48 << 10),
    Accelerator("ethos-u65-256", _U65, 1, 256, 8, 8, 48 << 10),
    Accelerator("ethos-u65-512", _U65, 2, 256, 8, 8, 48 << 10),
)

#: The names that Vela and ``accelerator`` know.
ACCELERATORS = tuple(a.name for a in _ALL)


def accelerator(name: str) -> Accelerator:
    """The configuration of this name, UsageError for any other."""
    for candidate in _ALL:
        if candidate.name == name:
            return candidate
    raise UsageError(f"there is no accelerator {name!r}", hint=f"Known are {', '.join(ACCELERATORS)}")
