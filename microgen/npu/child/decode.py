"""Decodes weight streams in a process of its own: Vela's decoder ends the process that gives it a damaged stream.

Reads from standard input a length (4 bytes, little-endian) and so many bytes; answers with a count and so many
16-bit weights; until the input ends.
"""

import array
import struct
import sys

from ethosu import mlw_codec


def main() -> None:
    """Answers until the input ends."""
    while header := sys.stdin.buffer.read(4):
        encoded = sys.stdin.buffer.read(struct.unpack("<I", header)[0])
        weights = array.array("h", mlw_codec.decode(bytearray(encoded)))
        if sys.byteorder == "big":
            weights.byteswap()
        sys.stdout.buffer.write(struct.pack("<I", len(weights)) + weights.tobytes())
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
