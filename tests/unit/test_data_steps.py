"""Steps from image to image, against NumPy, Pillow, SciPy and scikit-image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgen.data import Affine, Color, Crop, Form, Normalize, Pad, PadTo, Pipeline, Resize, Rotate, Scale, Step
from microgen.errors import InputError

FAST = settings(max_examples=40, deadline=None)
SIDES = st.integers(1, 24)


def picture(height: int, width: int, channels: int = 3, seed: int = 0, dtype: Any = np.uint8) -> Any:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, channels))
    return values.astype(dtype)


def pil(pixels: Any) -> Any:
    image = pytest.importorskip("PIL.Image")
    return image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


@FAST
@given(SIDES, SIDES, SIDES, SIDES, st.sampled_from([1, 3]), st.sampled_from(["lanczos", "bilinear", "bicubic", "box"]))
def test_resize_is_pillows(rows: int, columns: int, height: int, width: int, channels: int, method: str) -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = picture(rows, columns, channels)
    expected = np.asarray(pil(pixels).resize((width, height), getattr(image.Resampling, method.upper())))
    found = Resize(height, width, method)(pixels)
    assert found.dtype == np.uint8 and found.shape == (height, width, channels)
    np.testing.assert_array_equal(found, expected.reshape(found.shape))


@FAST
@given(SIDES, SIDES, SIDES, SIDES)
def test_nearest_is_pillows_but_for_its_ties(rows: int, columns: int, height: int, width: int) -> None:
    """Pillow adds up fractions, and may be a pixel off where a middle lies exactly between two."""
    image = pytest.importorskip("PIL.Image")
    pixels = picture(rows, columns)
    expected = np.asarray(pil(pixels).resize((width, height), image.Resampling.NEAREST))
    clear = [(2 * np.arange(new) + 1) * old % (2 * new) != 0 for new, old in ((height, rows), (width, columns))]
    found = Resize(height, width, "nearest")(pixels)
    np.testing.assert_array_equal(found[clear[0]][:, clear[1]], expected[clear[0]][:, clear[1]])


@FAST
@given(SIDES, SIDES, SIDES, SIDES)
def test_enlarging_is_scikit_images(rows: int, columns: int, more: int, wider: int) -> None:
    """Where nothing is averaged, bilinear means the same to everybody."""
    transform = pytest.importorskip("skimage.transform")
    pixels = picture(rows, columns, 2, dtype=np.float32)
    size = rows + more, columns + wider
    expected = transform.resize(pixels, size, order=1, mode="edge", anti_aliasing=False, preserve_range=True)
    np.testing.assert_allclose(Resize(*size)(pixels), expected, atol=1e-3)


@pytest.mark.parametrize(("fit", "size"), [("stretch", (10, 20)), ("cover", (15, 20)), ("contain", (10, 13))])
def test_fit_keeps_proportions(fit: str, size: tuple[int, int]) -> None:
    assert Resize(10, 20, fit=fit)(picture(30, 40)).shape[:2] == size


@FAST
@given(SIDES, SIDES, SIDES, SIDES, st.sampled_from(["cover", "contain"]))
def test_fit_covers_and_is_contained(rows: int, columns: int, height: int, width: int, fit: str) -> None:
    found = Resize(height, width, fit=fit).size(rows, columns)
    one_is_equal = found[0] == height or found[1] == width
    within = found[0] >= height and found[1] >= width if fit == "cover" else found[0] <= height and found[1] <= width
    assert one_is_equal and within and min(found) >= 1


@FAST
@given(SIDES, SIDES, st.data())
def test_crop_is_slicing(rows: int, columns: int, data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, rows)), data.draw(st.integers(1, columns))
    top, left = data.draw(st.integers(0, rows - height)), data.draw(st.integers(0, columns - width))
    pixels = picture(rows, columns)
    np.testing.assert_array_equal(
        Crop(height, width, top, left)(pixels), pixels[top : top + height, left : left + width]
    )
    middle = Crop(height, width)(pixels)
    up, near = (rows - height) // 2, (columns - width) // 2
    np.testing.assert_array_equal(middle, pixels[up : up + height, near : near + width])


@FAST
@given(SIDES, SIDES, *[st.integers(0, 9)] * 4, st.sampled_from(["constant", "edge", "reflect"]))
def test_pad_is_numpys(rows: int, columns: int, top: int, bottom: int, left: int, right: int, mode: str) -> None:
    pixels = picture(rows, columns)
    found = Pad(top, bottom, left, right, (7.0,) if mode == "constant" else (0.0,), mode)(pixels)
    values = {"constant_values": 7} if mode == "constant" else {}
    around = ((top, bottom), (left, right), (0, 0))
    np.testing.assert_array_equal(found, np.pad(pixels, around, mode, **values))  # type: ignore[call-overload]


def test_padding_has_a_colour() -> None:
    padded = PadTo(3, 4, (1.0, 2.0, 3.0))(picture(1, 1))
    assert padded.shape == (3, 4, 3) and padded[0, 0].tolist() == [1, 2, 3]
    np.testing.assert_array_equal(padded[1, 1], picture(1, 1)[0, 0])


def test_colours_are_pillows() -> None:
    pixels = picture(40, 50)
    np.testing.assert_array_equal(Color("gray")(pixels)[..., 0], np.asarray(pil(pixels).convert("L")))
    np.testing.assert_array_equal(Color("bgr")(pixels), pixels[..., ::-1])
    np.testing.assert_allclose(Color("gray")(pixels.astype(np.float32)), Color("gray")(pixels), atol=0.51)
    gray = pixels[..., :1]
    assert Color("gray")(gray) is gray and Color("rgb")(pixels) is pixels
    np.testing.assert_array_equal(Color("bgr")(gray), np.concatenate([gray] * 3, axis=2))


@FAST
@given(SIDES, SIDES, st.floats(-200, 200), st.booleans())
def test_rotate_is_pillows(rows: int, columns: int, degrees: float, expand: bool) -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = picture(rows, columns)
    expected = pil(pixels).rotate(degrees, image.Resampling.BILINEAR, expand=expand, fillcolor=(9, 8, 7))
    np.testing.assert_array_equal(Rotate(degrees, expand=expand, value=(9.0, 8.0, 7.0))(pixels), np.asarray(expected))


def test_quarter_turns_are_exact() -> None:
    pixels = picture(5, 7)
    np.testing.assert_array_equal(Rotate(90, expand=True)(pixels), np.rot90(pixels))
    np.testing.assert_array_equal(Rotate(180)(pixels), pixels[::-1, ::-1])


@FAST
@given(st.integers(6, 24), st.integers(6, 24), *[st.floats(-0.3, 0.3)] * 4, *[st.floats(-3, 3)] * 2)
def test_affine_is_scipys(rows: int, columns: int, a: float, b: float, d: float, e: float, c: float, f: float) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    pixels = picture(rows, columns, 1, dtype=np.float32)
    matrix = np.array([[1 + a, b], [d, 1 + e]])
    found = Affine((1 + a, b, c, d, 1 + e, f))(pixels)[..., 0]
    # SciPy counts (row, column), and from pixels' middles.
    swap = matrix[::-1, ::-1]
    offset = swap @ [0.5, 0.5] + [f, c] - 0.5
    expected = ndimage.affine_transform(pixels[..., 0], swap, offset, order=1, mode="nearest")
    y, x = np.mgrid[:rows, :columns]
    at_x, at_y = matrix @ [x.reshape(-1) + 0.5, y.reshape(-1) + 0.5] + np.array([[c], [f]])
    inside = ((at_x > 0.51) & (at_x < columns - 0.51) & (at_y > 0.51) & (at_y < rows - 0.51)).reshape(rows, columns)
    np.testing.assert_allclose(found[inside], expected[inside], atol=0.05)


def test_affine_gives_another_size_and_fills() -> None:
    moved = Affine((1, 0, -2, 0, 1, 0), 4, 8, "nearest", (5.0, 6.0, 7.0))(picture(4, 4))
    assert moved.shape == (4, 8, 3) and moved[0, 0].tolist() == [5, 6, 7]
    np.testing.assert_array_equal(moved[:, 2:6], picture(4, 4))


def test_scale_and_normalize_are_in_single_precision() -> None:
    pixels = picture(3, 4)
    found = Scale(1 / 255, -0.5)(pixels)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, pixels.astype(np.float32) * np.float32(1 / 255) - np.float32(0.5))
    normalized = Normalize((1.0, 2.0, 3.0), (4.0,), 0.5)(pixels)
    assert normalized.dtype == np.float32
    np.testing.assert_allclose(normalized, (pixels * 0.5 - [1, 2, 3]) / 4, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Resize(0, 5), "height and width must be 1 to 8192, not 0 and 5"),
        (lambda: Resize(5, 9000), "1 to 8192"),
        (lambda: Resize(5, 5, "cubic"), "must be one of nearest, bilinear"),
        (lambda: Resize(5, 5, fit="fill"), "must be one of stretch, cover, contain"),
        (lambda: Crop(5, 5, -1), "must not be negative"),
        (lambda: Pad(-1), "sides must be 0 to 8192"),
        (lambda: Pad(mode="wrap"), "must be one of constant, edge, reflect"),
        (lambda: Color("yuv"), "must be one of rgb, bgr, gray, not 'yuv'"),
        (lambda: Rotate(float("nan")), "finite"),
        (lambda: Rotate(5, "box"), "must be one of nearest, bilinear, bicubic, not 'box'"),
        (lambda: Affine((1.0, 0.0)), "must be 6 numbers, not 2"),
        (lambda: Affine((1e9, 0, 0, 0, 1, 0)), "between -1e6 and 1e6"),
        (lambda: Scale(float("inf")), "finite"),
        (lambda: Normalize(std=(0.0,)), "std must not be 0"),
        (lambda: Crop(5, 3)(picture(4, 4)), "3×5 at (0, -1) is not within an image of 4×4"),
        (lambda: PadTo(3, 4)(picture(4, 4)), "are more than 4×3. Resize first, with fit: contain"),
        (lambda: Pad(1, value=(300.0,))(picture(4, 4)), "whole numbers from 0 to 255, not [300.0]"),
        (lambda: Pad(1, value=(1.0, 2.0))(picture(4, 4)), "has 2 numbers for 3 channels"),
        (lambda: Pad(8192)(np.zeros((1, 8192, 1), np.uint8)), "pixels are too many"),
        (lambda: Color("gray")(picture(4, 4, 2)), "has 2 channels, not 1 or 3"),
        (lambda: Pipeline((Scale(),) * 65), "more than 64 steps"),
        (lambda: Pipeline((Scale(), "resize")), "str is no step"),  # type: ignore[arg-type]
        (lambda: Resize(8192, 8192, fit="cover")(np.zeros((1, 8, 1), np.uint8)), "cannot be scaled to 8192×8192"),
    ],
)
def test_what_cannot_be_is_refused(make: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        make()
    assert message in str(caught.value)


class Loudness:
    """A front end of two numbers: what a pipeline asks of one."""

    takes = Form.SOUND
    gives = Form.VALUES

    def __call__(self, array: Any) -> Any:
        assert array.dtype == np.int16
        return np.array([np.abs(array.astype(np.int32)).max(), len(array)], np.int32)


def test_steps_fit_together() -> None:
    pipeline = Pipeline((Resize(4, 4), Color("gray"), Scale(2.0)))
    assert pipeline.takes is Form.IMAGE and pipeline(picture(8, 9)).shape == (4, 4, 1)
    loud = Pipeline((Loudness(), Scale(0.5)))
    assert isinstance(Loudness(), Step) and loud.takes is Form.SOUND
    assert loud(np.array([1, -300, 5], np.int16)).tolist() == [150.0, 1.5]
    with pytest.raises(InputError, match=r"preprocess\.steps\.1: Crop takes an image, the step before gives numbers"):
        Pipeline((Loudness(), Crop(1, 1)))
