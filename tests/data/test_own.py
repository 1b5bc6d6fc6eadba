"""A reader's own data: folders of images and arrays as they are, and one sentence for all that is not valid."""

from __future__ import annotations

import doctest
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from companion.data import load, own
from companion.data.own import own_data


def images(folder, counts, size=(6, 4), test="test"):
    """A folder of images, each of one colour that tells its class; widths and heights are ``size``."""
    for half, number in (("train", 2), (test, 1)):
        for place, name in enumerate(counts):
            (folder / half / name).mkdir(parents=True)
            for i in range(number):
                Image.new("RGB", size, (10 * place, 100 + i, 200)).save(folder / half / name / f"{i}.png")
    return folder


def test_sets_by_name():
    found, whole = own_data("digits"), load("digits")
    assert found.train[0] is whole.train_inputs
    assert found.test[1] is whole.test_labels


@pytest.mark.parametrize("test", ["test", "val"])
def test_a_folder_of_images(tmp_path, test):
    found = own_data(images(tmp_path, ["bee", "ant"], test=test))
    assert found.classes == ("ant", "bee")
    assert found.train[0].shape == (4, 3, 4, 6)
    assert found.train[0].dtype == torch.uint8
    assert found.train[1].tolist() == [0, 0, 1, 1]
    assert found.train[0][:, 0, 0, 0].tolist() == [10, 10, 0, 0]  # the bees were drawn first, and come second
    assert found.test[0].shape == (2, 3, 4, 6)
    assert found.test[1].tolist() == [0, 1]
    assert own_data(tmp_path, grey=True).train[0].shape == (4, 1, 4, 6)
    assert own_data(tmp_path, size=3).train[0].shape == (4, 3, 3, 3)


def test_images_of_several_sizes_need_one(tmp_path):
    images(tmp_path, ["ant", "bee"])
    Image.new("RGB", (9, 9)).save(tmp_path / "train" / "bee" / "1.png")
    with pytest.raises(ValueError, match=r"1.png has 9 x 9 pixels, and the first image 4 x 6: give the size"):
        own_data(tmp_path)
    assert own_data(tmp_path, size=5).train[0].shape == (4, 3, 5, 5)


RAMP = np.linspace(0, 65535, 64).round().astype(np.uint16).reshape(8, 8)
RAMP[0, :6] = 0, 128, 129, 385, 386, 65535


def write_ppm(image, place):
    place.write_bytes(b"P5 8 8 65535\n" + np.asarray(image).astype(">u2").tobytes())


def write_white_is_zero(image, place):
    """Pillow would write the numbers as they are, and reads them so."""
    image = Image.fromarray(65535 - np.asarray(image))
    image.save(place, tiffinfo={262: 0})


def write_big_endian(image, place):
    Image.frombytes("I;16B", image.size, np.asarray(image).astype(">u2").tobytes()).save(place)


@pytest.mark.parametrize(
    ("name", "save"),
    [
        ("a.png", Image.Image.save),
        ("a.tif", Image.Image.save),
        ("b.tif", write_big_endian),
        ("w.tif", write_white_is_zero),
        ("a.ppm", write_ppm),
    ],
)
def test_grey_images_of_16_bits_become_the_nearest_of_8(tmp_path, name, save):
    """They were cut off at 255, so that all but the darkest were white."""
    images(tmp_path, ["ant", "bee"], (8, 8))
    for place in list(tmp_path.rglob("*.png")):
        place.unlink()
        save(Image.fromarray(RAMP), place.with_name(place.stem + name))
    expected = torch.from_numpy((RAMP / 257).round().astype(np.uint8))
    grey, colour = (own_data(tmp_path, grey=grey).train[0] for grey in (True, False))
    assert (grey.shape, colour.shape) == ((4, 1, 8, 8), (4, 3, 8, 8))
    assert torch.equal(grey, expected.expand(4, 1, 8, 8))
    assert torch.equal(colour, expected.expand(4, 3, 8, 8))
    assert own_data(tmp_path, size=4).train[0].float().std() > 50


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def test_colours_of_16_bits_become_their_upper_8(tmp_path):
    """As Pillow reads them; it does not write them."""
    images(tmp_path, ["ant", "bee"], (8, 8))
    rows = b"".join(b"\0" + np.repeat(row, 3).astype(">u2").tobytes() for row in RAMP)
    head = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    for place in tmp_path.rglob("*.png"):
        place.write_bytes(content)
    found = own_data(tmp_path).train[0]
    assert torch.equal(found, torch.from_numpy((RAMP >> 8).astype(np.uint8)).expand(4, 3, 8, 8))


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (RAMP.astype(np.int32), "its pixels are whole numbers of 32 bits or with a sign, and valid are 8 bits, or 16"),
        (
            (RAMP / 65535).astype(np.float32),
            "its pixels are floating point, and valid are 8 bits, or 16 without a sign",
        ),
    ],
)
@pytest.mark.parametrize("grey", [False, True])
def test_images_without_a_range_are_named(tmp_path, pixels, words, grey):
    images(tmp_path, ["ant", "bee"], (8, 8))
    Image.fromarray(pixels).save(tmp_path / "test" / "bee" / "deep.tif")
    with pytest.raises(ValueError, match=rf"deep.tif is no image that can be read: {words}") as caught:
        own_data(tmp_path, grey=grey)
    assert "\n" not in str(caught.value)


def spoil_class(folder):
    (folder / "test" / "bee").rename(folder / "test" / "bees")


def spoil_image(folder):
    (folder / "train" / "ant" / "0.png").write_bytes(b"no image")


def spoil_half(folder):
    place = folder / "train" / "ant" / "0.png"
    Image.effect_noise((200, 200), 50).save(place)
    place.write_bytes(place.read_bytes()[:9000])


def spoil_empty(folder):
    for place in (folder / "test" / "ant").iterdir():
        place.unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "test").rename(folder / "tests"), r"has no train/ and test/ \(or val/\): valid are"),
        (lambda folder: (folder / "train").rename(folder / "training"), "has no train/ and test/"),
        (spoil_class, "must have the same classes; bee, bees is only in one"),
        (spoil_image, r"0.png is no image that can be read \(UnidentifiedImageError\)"),
        (spoil_half, r"0.png is no image that can be read"),
        (spoil_empty, "no valid file for the classes ant"),
    ],
)  # fmt: skip
def test_folders_that_are_not_valid(tmp_path, spoil, words):
    spoil(images(tmp_path, ["ant", "bee"]))
    with pytest.raises(ValueError, match=words) as caught:
        own_data(tmp_path, size=3)
    assert "\n" not in str(caught.value)


GOOD = {
    "x_train": np.arange(24, dtype=np.float64).reshape(4, 2, 3),
    "y_train": np.array([0, 1, 2, 0], dtype=np.uint8),
    "x_test": np.ones((2, 2, 3)),
    "y_test": np.array([2, 1]),
}


def test_arrays(tmp_path):
    np.savez(tmp_path / "a.npz", **GOOD, more=np.ones(1))
    found = own_data(tmp_path / "a.npz")
    assert found.train[0].dtype == torch.float32
    assert found.train[0].shape == (4, 2, 3)
    assert found.train[1].tolist() == [0, 1, 2, 0]
    assert found.test[1].dtype == torch.int64
    np.savez_compressed(
        tmp_path / "b.npz", **GOOD | {"x_train": np.ones((4, 5), np.uint8), "x_test": np.ones((2, 5), np.uint8)}
    )
    assert own_data(str(tmp_path / "b.npz")).train[0].dtype == torch.uint8


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was run",))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"y_test": None}, "lacks y_test: an .npz must have x_train, y_train, x_test, y_test"),
        ({"x_train": np.array([Trap()] * 4)}, "arrays of Python objects: only arrays of numbers"),
        ({"x_train": np.ones((4, 2, 3), int)}, r"x_train of .* must be examples .* not \[4, 2, 3\] int64"),
        ({"x_train": np.ones(4)}, r"not \[4\] float64"),
        ({"x_test": np.full((2, 2, 3), np.nan)}, "x_test of .* not finite"),
        ({"x_test": np.ones((0, 2, 3)), "y_test": np.ones(0, int)}, "must be examples"),
        ({"y_train": np.array([0, 1, 2])}, r"y_train of .* must be 4 classes, whole numbers from 0, \[N\], not \[3\]"),
        ({"y_train": np.array([0.0, 1, 2, 0])}, "float64"),
        ({"y_train": np.array([0, 1, -2, 0])}, "whole numbers from 0"),
        ({"x_test": np.ones((2, 3, 2))}, r"of one shape and type, not \[2, 3\] torch.float32 and \[3, 2\]"),
    ],
)
def test_arrays_that_are_not_valid(tmp_path, change, words):
    arrays = {name: value for name, value in (GOOD | change).items() if value is not None}
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=words) as caught:
        own_data(tmp_path / "a.npz")
    assert "\n" not in str(caught.value)


def test_every_flipped_bit_of_the_first_header_is_named_or_harmless(tmp_path):
    """The archive's own header and that of the array in it: 190 bytes, and never anything but a sentence."""
    place = tmp_path / "a.npz"
    np.savez(place, **GOOD)
    whole = place.read_bytes()
    told = []
    for bit in range(8 * 190):
        content = bytearray(whole)
        content[bit // 8] ^= 1 << bit % 8
        place.write_bytes(content)
        try:
            own_data(place)
        except ValueError as error:
            told.append(str(error))
    assert len(told) > 900
    assert all("a.npz is no .npz that can be read" in one or "a.npz has arrays of Python" in one for one in told)


def test_what_is_no_data(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 nothing")
    (tmp_path / "b.npz").write_bytes(b"")
    (tmp_path / "c.csv").write_text("1,2")
    for name, words in (
        ("a.npz", "is no .npz that can be read"),
        ("b.npz", "is no .npz that can be read"),
        ("c.csv", "are neither a folder nor an .npz: valid are mnist, cifar10, digits, a folder"),
        ("d", "are not there: valid are"),
    ):
        with pytest.raises(ValueError, match=words):
            own_data(tmp_path / name)
    np.savez(tmp_path / "e.npz", **GOOD)
    for asked in ("digits", tmp_path / "e.npz"):
        with pytest.raises(ValueError, match="are for folders of images"):
            own_data(asked, size=3)
    with pytest.raises(ValueError, match="at least 1, not 0"):
        own_data(tmp_path, size=0)


def test_examples_in_docstrings():
    result = doctest.testmod(own)
    assert (result.attempted > 0, result.failed) == (True, 0)
