"""Both sides of the NPU's driver: what the generated code gives it, and what serves its stand-in."""

from __future__ import annotations

import ctypes
import struct
import subprocess
from pathlib import Path

import pytest

from microgen import resources
from microgen.codegen import kernels
from microgen.errors import DeviceFault
from microgen.npu.cosimulation import REPLY, REQUEST, simulated_npu

# What arm_nn_types.h of every CMSIS-NN calls ARM_CMSIS_NN_NO_IMPL_ERROR.
NO_IMPL_ERROR = -2

STUB = """
#include <stddef.h>
#include <stdint.h>
#include <string.h>
struct ethosu_driver { int unused; };
static struct ethosu_driver driver;
int reservations, releases, absent, result, regions_given, bytes_given;
uint64_t addresses_given[8];
size_t sizes_given[8];
struct ethosu_driver *ethosu_reserve_driver(void) { reservations++; return absent ? NULL : &driver; }
void ethosu_release_driver(struct ethosu_driver *given) { releases += given == &driver; }
int ethosu_invoke_v3(struct ethosu_driver *given, const void *payload, int bytes, uint64_t *addresses,
                     const size_t *sizes, int regions, void *user)
{
    (void)payload, (void)user;
    regions_given = regions;
    bytes_given = bytes;
    memcpy(addresses_given, addresses, (size_t)regions * sizeof *addresses);
    memcpy(sizes_given, sizes, (size_t)regions * sizeof *sizes);
    addresses[0] = 0; /* a driver may change the table */
    return given == NULL ? -1 : result;
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, host_gcc: str) -> ctypes.CDLL:
    folder, runtime = tmp_path_factory.mktemp("driver"), resources.runtime_c_dir()
    (folder / kernels.GENERATED_HEADER).write_text(kernels.nn_header(runtime, ["mg_ethos_u_invoke"]))
    (folder / "stub.c").write_text(STUB)
    flags = [
        "-std=c11",
        "-Wall",
        "-Wextra",
        "-Wconversion",
        "-Werror",
        "-fPIC",
        "-shared",
        f"-I{folder}",
        f"-I{runtime}",
    ]
    sources = [str(folder / "stub.c"), str(runtime / "mg_ethos_u.c")]
    subprocess.run([host_gcc, *flags, *sources, "-o", str(folder / "lib.so")], check=True)
    return ctypes.CDLL(str(folder / "lib.so"))


def invoke(library: ctypes.CDLL, fast: int) -> int:
    return int(library.mg_ethos_u_invoke(b"COP1", 4, ctypes.c_void_p(0x1000), 96, ctypes.c_void_p(0x2000), 64, fast))


def given(
    library: ctypes.CDLL, name: str, kind: type[ctypes.c_uint64] | type[ctypes.c_size_t], count: int
) -> list[int]:
    return list((kind * count).in_dll(library, name))


def value(library: ctypes.CDLL, name: str) -> ctypes.c_int:
    return ctypes.c_int.in_dll(library, name)


def test_regions(library: ctypes.CDLL) -> None:
    assert invoke(library, 0) == 0
    assert (value(library, "regions_given").value, value(library, "bytes_given").value) == (2, 4)
    assert given(library, "addresses_given", ctypes.c_uint64, 2) == [0x1000, 0x2000]
    assert invoke(library, 32) == 0
    assert value(library, "regions_given").value == 3
    assert given(library, "addresses_given", ctypes.c_uint64, 3) == [0x1000, 0x2000, 0x2040]
    assert given(library, "sizes_given", ctypes.c_size_t, 3) == [96, 64, 32]


def test_failures(library: ctypes.CDLL) -> None:
    """Whatever the driver says but 0 is a failure, and the driver is given back; none is no reason to release it."""
    taken, released = value(library, "reservations"), value(library, "releases")
    before = taken.value - released.value
    for result in (-1, 1):
        value(library, "result").value = result
        assert invoke(library, 0) == NO_IMPL_ERROR
    value(library, "result").value = 0
    assert taken.value - released.value == before
    value(library, "absent").value = 1
    assert invoke(library, 0) == NO_IMPL_ERROR
    value(library, "absent").value = 0
    assert taken.value - released.value == before + 1


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("request_bytes", "message"),
    [
        (b"nope" + bytes(8), "another format"),
        (struct.pack("<4sII", b"MGNP", 4, 9), "another format"),
        (struct.pack("<4sIII", b"MGNP", 4, 1, 0xFFFFFFFF), "hands over"),
        (struct.pack("<4sIII", b"MGNP", 4, 1, 0) + b"COP1", "does not end with NPU_OP_STOP"),
    ],
)
def test_requests_that_make_no_sense(request_bytes: bytes, message: str, tmp_path: Path) -> None:
    def ask() -> bytes:
        with (
            (tmp_path / REQUEST).open("wb", buffering=0) as request,
            (tmp_path / REPLY).open("rb", buffering=0) as reply,
        ):
            request.write(request_bytes)
            return reply.read(4) or b""

    answers = []
    with pytest.raises(DeviceFault, match=f"simulated NPU stopped.*{message}"), simulated_npu(tmp_path):
        answers.append(ask())
    assert answers == [struct.pack("<I", 1)]
    assert listed(tmp_path) == []


def test_nothing_is_asked(tmp_path: Path) -> None:
    with simulated_npu(tmp_path):
        assert listed(tmp_path) == [REPLY, REQUEST]
    assert listed(tmp_path) == []
