"""arm_convolve_wrapper_s8_get_buffer_size read filter_dims->c, which callers of CMSIS-NN may leave out."""

from __future__ import annotations

import subprocess
from pathlib import Path

from microgen import resources
from microgen.codegen import kernels

ASK = "arm_convolve_wrapper_s8_get_buffer_size"
SOURCE = """
#include <stdio.h>
#include "microgen_nn.h"

int main(void)
{
    const int32_t channels[] = {6, 0, -7, 4, 60, 3};
    const cmsis_nn_conv_params conv = {.stride = {1, 1}, .dilation = {1, 1}};
    const cmsis_nn_dims image = {1, 5, 7, 6};
    for (unsigned i = 0; i < sizeof channels / sizeof *channels; i++) {
        const cmsis_nn_dims filter = {9, 1, 1, channels[i]};
        printf("%d ", (int)arm_convolve_wrapper_s8_get_buffer_size(&conv, &image, &filter, &image));
    }
    printf("%d\\n", (int)arm_convolve_1x1_s8_fast_get_buffer_size(&image));
    return 0;
}
"""


def test_channels_that_make_no_groups_are_not_read(host_gcc: str, tmp_path: Path) -> None:
    folder = resources.runtime_c_dir()
    (tmp_path / "main.c").write_text(SOURCE)
    (tmp_path / kernels.GENERATED_HEADER).write_text(kernels.nn_header(folder, [ASK]))
    sources = [str(folder / f) for f in kernels.needed_files(folder, [ASK]) if f.endswith(".c")]
    program = tmp_path / "main"
    flags = ["-std=c11", f"-I{tmp_path}", f"-I{folder}", "-fsanitize=address,undefined", "-o", str(program)]
    subprocess.run([host_gcc, str(tmp_path / "main.c"), *sources, *flags, "-lm"], check=True)
    done = subprocess.run([str(program)], capture_output=True, text=True, check=True)
    *asked, pointwise = map(int, done.stdout.split())
    assert asked[:5] == [pointwise] * 5
    assert asked[5] == 3 * 4  # two groups of three channels take the general kernel
