"""Data sets: every way in, in order, in batches; files that lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microgen.data import Preprocess, load
from microgen.data.labels import labels_of, read_classes
from microgen.errors import InputError
from microgen.mindir import DType, QuantParams, TensorType
from tests.unit.test_data_files import write_wav

VECTOR = [("in", TensorType(DType.FLOAT32, (1, 5)))]
QUANTIZED = [("in", TensorType(DType.INT8, (1, 5), QuantParams((0.5,), (3,))))]
PICTURE = [("in", TensorType(DType.FLOAT32, (1, 2, 2, 3)))]
ROWS = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)


def all_of(dataset: Any, ports: Any, **options: Any) -> Any:
    batches = list(dataset.batches(ports, **options))
    numbers = np.concatenate([b.numbers for b in batches])
    return numbers, [np.concatenate(parts) for parts in zip(*(b.inputs for b in batches), strict=True)]


def write_image(path: Path, value: int) -> None:
    image = pytest.importorskip("PIL.Image")
    path.parent.mkdir(parents=True, exist_ok=True)
    image.fromarray(np.full((2, 2, 3), value, np.uint8)).save(path)


@pytest.mark.parametrize("key", ["x", "inputs", "in", "pixels"])
def test_an_archive_of_arrays(tmp_path: Path, key: str) -> None:
    np.savez(tmp_path / "a.npz", **{key: ROWS}, y=np.arange(20) % 3, classes=np.array(["a", "b", "c"]))
    dataset = load(tmp_path / "a.npz")
    assert len(dataset) == 20 and dataset.classes == ("a", "b", "c")
    numbers, (rows,) = all_of(dataset, VECTOR, size=7)
    np.testing.assert_array_equal(rows[:, 0], ROWS)
    np.testing.assert_array_equal(numbers, np.arange(20))
    some = load(tmp_path / "a.npz", limit=4)
    numbers, (rows,) = all_of(some, VECTOR)
    assert numbers.tolist() == [0, 5, 10, 15] and some.labels.numbers.tolist() == [0, 2, 1, 0]
    np.testing.assert_array_equal(rows[:, 0], ROWS[[0, 5, 10, 15]])


def test_real_numbers_are_quantized_and_integers_are_taken(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=ROWS)
    (found,) = all_of(load(tmp_path / "a.npz"), QUANTIZED)[1]
    assert found.dtype == np.int8
    np.testing.assert_array_equal(found[:, 0], np.clip(np.round(ROWS / 0.5) + 3, -128, 127))
    integers = np.arange(-50, 50).reshape(20, 5).astype(np.int8)
    np.savez(tmp_path / "b.npz", x=integers)
    np.testing.assert_array_equal(all_of(load(tmp_path / "b.npz"), QUANTIZED)[1][0][:, 0], integers)
    # With their scale they are numbers for a float input, and for one of another scale.
    np.savez(tmp_path / "c.npz", x=integers, input_scale=np.float32(0.25), input_zero_point=np.int32(-1))
    reals = (integers.astype(np.float32) + 1) * np.float32(0.25)
    np.testing.assert_array_equal(all_of(load(tmp_path / "c.npz"), VECTOR)[1][0][:, 0], reals)
    coarse = all_of(load(tmp_path / "c.npz"), QUANTIZED)[1][0][:, 0].astype(np.int64)
    assert np.abs((coarse - 3) * 0.5 - reals).max() <= 0.25
    np.savez(tmp_path / "d.npz", x=integers, input_scale=np.float32(0.5), input_zero_point=np.int32(3))
    np.testing.assert_array_equal(all_of(load(tmp_path / "d.npz"), QUANTIZED)[1][0][:, 0], integers)


def test_an_array_with_its_labels_in_another_file(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", ROWS)
    np.save(tmp_path / "y.npy", np.arange(20))
    (tmp_path / "y.txt").write_text("b\na\n" * 10)
    assert load(tmp_path / "x.npy").labels.y is None
    assert load(tmp_path / "x.npy", labels=tmp_path / "y.npy", limit=2).labels.numbers.tolist() == [0, 10]
    named = load(tmp_path / "x.npy", labels=tmp_path / "y.txt")
    assert named.classes == ("a", "b") and named.labels.numbers.tolist() == [1, 0] * 10
    other = load(tmp_path / "x.npy", labels=tmp_path / "y.txt", classes=("b", "c", "a"))
    assert other.classes == ("b", "c", "a") and other.labels.numbers.tolist() == [0, 2] * 10


def test_several_inputs_by_name(tmp_path: Path) -> None:
    ports = [("a", TensorType(DType.FLOAT32, (1, 5))), ("b", TensorType(DType.FLOAT32, (2,)))]
    np.savez(tmp_path / "a.npz", b=np.ones((20, 2)), a=ROWS, y=np.eye(20, 4)[:, ::-1])
    dataset = load(tmp_path / "a.npz")
    assert dataset.labels.numbers is None  # of the last rows none is hot
    _, arrays = all_of(dataset, ports)
    assert [a.shape for a in arrays] == [(20, 1, 5), (20, 2)]
    with pytest.raises(InputError, match="has no array for input 'c'; it has a, b"):
        next(dataset.batches([*ports, ("c", ports[1][1])]))


def test_a_folder_for_each_class(tmp_path: Path) -> None:
    for name, value in (("dog/b.png", 1), ("cat/z.png", 2), ("dog/a.png", 3), ("cat/deep/a.bmp", 4)):
        write_image(tmp_path / name, value)
    dataset = load(tmp_path)
    assert dataset.classes == ("cat", "dog") and dataset.labels.numbers.tolist() == [0, 0, 1, 1]
    numbers, (pixels,) = all_of(dataset, PICTURE, size=3)
    assert pixels[:, 0, 0, 0, 0].tolist() == [4, 2, 3, 1]
    assert [dataset.name_of(i) for i in numbers] == ["cat/deep/a.bmp", "cat/z.png", "dog/a.png", "dog/b.png"]
    assert load(tmp_path, classes=("dog", "cow", "cat")).labels.numbers.tolist() == [2, 2, 0, 0]
    with pytest.raises(InputError, match=r"'dog' is no class\. Classes are cat, cow"):
        load(tmp_path, classes=("cat", "cow"))
    raw = [("in", TensorType(DType.UINT8, (1, 2, 2, 3)))]
    assert all_of(dataset, raw)[1][0].dtype == np.uint8 and all_of(dataset, raw)[1][0].max() == 4
    half = Preprocess(scale=0.5)
    with pytest.raises(InputError, match="element type is float32, not uint8"):
        all_of(dataset, raw, preprocess=half)
    assert all_of(dataset, PICTURE, preprocess=half)[1][0].max() == 2.0
    assert len(load(tmp_path / "dog")) == 2 and load(tmp_path / "dog").labels.y is None
    write_image(tmp_path / "stray.png", 0)
    with pytest.raises(InputError, match=r"'stray\.png' lies beside the folders of the classes"):
        load(tmp_path)


def test_a_folder_and_a_table(tmp_path: Path) -> None:
    for i in range(3):
        write_image(tmp_path / "p" / f"{i}, x.png", i)
    table = tmp_path / "p" / "t.csv"
    table.write_text('\ufefffile,label,note\n"2, x.png",dog,\n\n"0, x.png", cat ,x\n', encoding="utf-8")
    for dataset in (load(table), load(tmp_path / "p", labels=table)):
        assert dataset.classes == ("cat", "dog") and dataset.labels.numbers.tolist() == [1, 0]
        assert all_of(dataset, PICTURE)[1][0][:, 0, 0, 0, 0].tolist() == [2, 0]
    table.write_text('"1, x.png",3\n"0, x.png",0\n')
    assert load(table).labels.numbers.tolist() == [3, 0] and load(table).classes == ()
    table.write_text('"1, x.png",0.5\n"0, x.png",3\n')
    assert load(table).labels.numbers is None and load(table).labels.y.tolist() == [0.5, 3.0]


def test_a_file_of_sound_is_a_sample(tmp_path: Path) -> None:
    for name, count in (("no/a.wav", 3), ("yes/a.wav", 9)):
        (tmp_path / name).parent.mkdir()
        write_wav(tmp_path / name, (np.arange(count, dtype="<i2") << 12).tobytes(), 2)
    _, (values,) = all_of(load(tmp_path), VECTOR)
    np.testing.assert_array_equal(values[:, 0] * 8, [[0, 1, 2, 0, 0], [0, 1, 2, 3, 4]])


def test_batches_are_bounded(tmp_path: Path) -> None:
    huge = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, (40, 1 << 20))
    huge[:, 0] = np.arange(40)
    ports = [("in", TensorType(DType.FLOAT32, (1 << 20,)))]
    batches = list(load(tmp_path / "x.npy").batches(ports))
    assert [len(b.numbers) for b in batches] == [16, 16, 8]
    assert batches[2].inputs[0][:, 0].tolist() == list(range(32, 40))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": ROWS, "y": np.arange(19)}, "has 19 labels for other numbers of samples (x 20)"),
        ({"x": ROWS[:0], "y": np.arange(0)}, "holds no samples"),
        ({"y": np.arange(19)}, "has no array of samples"),
        ({"a": ROWS, "b": ROWS[:3]}, "arrays have different numbers of samples: [3, 20]"),
        ({"x": ROWS, "y": np.array(3)}, "has 0 labels"),
        ({"x": ROWS, "input_scale": 0.0, "input_zero_point": 0}, "input_scale must be positive"),
        ({"x": ROWS, "input_scale": [1.0, 2.0], "input_zero_point": 0}, "must be one number each"),
    ],
)
def test_arrays_that_do_not_fit_together(tmp_path: Path, arrays: Any, message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError) as caught:
        load(tmp_path / "a.npz")
    assert message in str(caught.value) and "a.npz" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.png\n", "line 1: must hold a file and its label"),
        ("a.png,1\n../secret.png,1\n", "line 2: '../secret.png' lies outside of"),
        ("/etc/passwd,1\n", "line 1: '/etc/passwd' lies outside of"),
        ("b.png,1\n", "'b.png' is no file in"),
        ("link.png,1\n", "'link.png' lies outside of"),
        ("t.csv,1\n", "'t.csv' does not end in .png"),
        ("a.png,1\na\0.png,1\n", "line 2: "),
        ("x" * 5000 + ",1\n", "line 1: "),
        ('"' + "x" * 200_000 + '",1\n', "is no CSV file"),
        ("file,label\n", "holds no lines"),
        ("", "holds no lines"),
        ("a.png,1\na.wav,1\n", "holds both images and sounds"),
    ],
)
def test_tables_that_lie(tmp_path: Path, text: str, message: str) -> None:
    folder = tmp_path / "data"
    write_image(folder / "a.png", 1)
    write_image(tmp_path / "secret.png", 1)
    write_wav(folder / "a.wav", bytes(4), 2)
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "t.csv").write_text(text)
    with pytest.raises(InputError) as caught:
        load(folder / "t.csv")
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty").mkdir()
    for name, message in (
        ("missing.npz", "cannot be read"),
        ("text.npz", "neither a .npy nor a .npz"),
        ("bytes.csv", "is not text in UTF-8"),
        ("missing.csv", "cannot be read"),
        ("empty", "holds no files that end in"),
    ):
        with pytest.raises(InputError, match=message):
            load(tmp_path / name)
    with pytest.raises(InputError, match=r"must be a \.csv file"):
        load(tmp_path, labels=tmp_path / "y.npy")
    write_image(tmp_path / "empty" / "a.png", 1)
    two = [PICTURE[0], ("other", PICTURE[0][1])]
    with pytest.raises(InputError, match="files serve one input, the model has 2"):
        next(load(tmp_path / "empty").batches(two))
    (tmp_path / "empty" / "a.png").write_bytes(b"\x89PNG")
    with pytest.raises(InputError, match=r"a\.png: cannot be read as an image"):
        next(load(tmp_path / "empty").batches(PICTURE))


def test_classes_have_names(tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text("yes\n\n no \n")
    assert read_classes(tmp_path / "c.txt") == ("yes", "no")
    (tmp_path / "c.txt").write_text("yes\nno\nyes\n")
    with pytest.raises(InputError, match="names the class 'yes' twice"):
        read_classes(tmp_path / "c.txt")
    (tmp_path / "c.txt").write_text("")
    with pytest.raises(InputError, match="names of classes"):
        read_classes(tmp_path / "c.txt")
    # Numbers that are names are names.
    assert labels_of(["10", "2"], ("10", "2"), "x").numbers.tolist() == [0, 1]
    assert labels_of(["10", "2"], (), "x").numbers.tolist() == [10, 2]
