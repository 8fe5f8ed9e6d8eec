"""What a try-on has left of a photo: known answers."""

import numpy as np

from benchmarks.kept import Files, Kept, cell, enlarged

PHOTO = np.full((4, 6, 3), 100, np.uint8)
RIGHT = np.tile(np.arange(6) >= 3, (4, 1))


def test_a_pixel_is_the_photos_if_all_of_its_colours_are() -> None:
    worn = PHOTO.copy()
    worn[:, 3] += np.array([10, 0, 20], np.uint8)
    worn[:, :3] = 0  # elsewhere
    kept = Kept.of(worn, PHOTO, RIGHT)
    assert (kept.pixels, kept.own) == (12, 8)
    assert kept.error == 4 * 500 / 3


def test_persons_count_by_their_pixels_and_equal_ones_have_no_noise() -> None:
    far = Kept(10, 0, 10 * 255.0**2 / 10)  # a tenth of the worst that can be
    assert cell([far]) == "0.00%, 10.0 dB"
    assert cell([far, Kept(90, 90, 0.0)]) == "90.00%, 20.0 dB"
    assert cell([Kept(90, 90, 0.0)]) == "100.00%, equal"
    assert cell([Kept(0, 0, 0.0)]) == "–"


def test_an_enlarged_place_has_no_pixel_that_is_partly_outside() -> None:
    found = enlarged(RIGHT, (8, 12))
    assert found[:, 7:].all() and not found[:, :6].any()


def test_of_a_letterboxed_photo_a_place_is_found_without_its_borders() -> None:
    found = enlarged(RIGHT, (8, 8))  # columns 1 to 4 show it
    assert found[:, 5:].all() and not found[:, :4].any()


def test_photos_are_found_by_their_names_in_any_split(tmp_path) -> None:
    for folder in ("train_img", "train_color", "test_img", "test_color", "test_edge"):
        (tmp_path / folder).mkdir()
    names = ("train_img/1_0.jpg", "train_color/1_1.jpg", "test_img/2_0.jpg", "test_color/2_1.jpg",
             "test_edge/2_1.jpg")  # fmt: skip
    for name in names:
        (tmp_path / name).touch()
    files = Files(tmp_path)
    train, test = (tmp_path / name for name in names[:3:2])
    assert files.persons == {"1_0": train, "2_0": test}
    train, test, mask = (tmp_path / names[i] for i in (1, 3, 4))
    assert files.garments == {"1_1": (train, None), "2_1": (test, mask)}
