"""A garment comes to the person at the resolution of its own photo, wherever the flow puts it."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from pfafn.models.geometry import grid_of
from pfafn.photos import warping
from pfafn.photos.entrance import GarmentPhoto
from pfafn.photos.fitting import fit
from pfafn.photos.framing import Frame
from pfafn.photos.warping import Drawn, Overlay, OwnGarment

H, W = MODEL = (32, 48)
TIMES = 4
LARGE = (TIMES * H, TIMES * W)
RED = (255, 0, 0)


def checkerboard(size: tuple[int, int]) -> np.ndarray:
    """Every pixel another shade than its neighbours."""
    fields = np.indices(size).sum(axis=0) % 2
    return np.where(fields[..., None], np.uint8([220, 60, 10]), np.uint8([20, 90, 250]))


def grid(x: float = 0, y: float = 0) -> np.ndarray:
    """Samples so many of the model's pixels farther right and down."""
    offset = torch.tensor([float(x), float(y)]).view(1, 2, 1, 1).expand(1, 2, H, W)
    return grid_of(offset)[0].numpy()


def drawn(places: np.ndarray, composition: int = 255) -> Drawn:
    picture, alone = np.zeros((*MODEL, 3), np.uint8), np.full(MODEL, composition, np.uint8)
    return Drawn(picture, picture, alone, np.full((*MODEL, 1), 255, np.uint8), places)


def garment(rgb: np.ndarray, mask: np.ndarray | None = None) -> GarmentPhoto:
    return GarmentPhoto.of(rgb, np.full(rgb.shape[:2], 255, np.uint8) if mask is None else mask)


def worn(
    photo: GarmentPhoto,
    places: np.ndarray,
    size: tuple[int, int] = LARGE,
    below: int = 0,
    composition: int = 255,
) -> np.ndarray:
    """A photo of one shade with the garment above it."""
    own, whole = OwnGarment.of(photo, MODEL), Frame.whole(size)
    over = Overlay(own, drawn(places, composition), size, whole).over
    return over(np.full((*size, 3), below, np.uint8), *whole.slices)


def test_what_does_not_move_arrives_to_the_pixel() -> None:
    rgb = checkerboard(LARGE)
    assert np.array_equal(worn(garment(rgb), grid()), rgb)


def test_half_a_pixel_of_the_models_is_as_many_pixels_of_the_photo() -> None:
    rgb = checkerboard(LARGE)
    found = worn(garment(rgb), grid(x=0.5, y=-0.25))
    assert np.array_equal(found[1:, :-2], rgb[:-1, 2:])


def test_a_garment_of_another_shape_lies_where_the_model_saw_it_letterboxed() -> None:
    rgb = checkerboard((TIMES * H, TIMES * H))
    beside = TIMES * (W - H) // 2
    found = worn(garment(rgb), grid(), below=7)
    assert np.array_equal(found[:, beside:-beside], rgb)
    assert (found[:, :beside] == 7).all() and (found[:, -beside:] == 7).all()


@pytest.mark.parametrize("shape", [(10, TIMES * W), (TIMES * H, 10)], ids=["flat", "narrow"])
def test_a_garment_that_rounding_has_squeezed_lies_where_the_model_saw_it(
    shape: tuple[int, int],
) -> None:
    """Two and a half of the model's rows or columns have become two, the others are as many."""
    photo = garment(np.full((*shape, 3), 200, np.uint8))
    seen = fit(photo.mask, MODEL, interpolation="nearest", fill=0)
    enlarged = seen.repeat(TIMES, 0).repeat(TIMES, 1)
    assert np.array_equal(worn(photo, grid())[..., 0], np.where(enlarged, 200, 0))


def test_a_photo_of_another_shape_is_that_part_of_the_models_picture() -> None:
    rgb, side = checkerboard(LARGE), TIMES * H
    beside = TIMES * (W - H) // 2
    assert np.array_equal(worn(garment(rgb), grid(), (side, side)), rgb[:, beside:-beside])


def test_a_garment_smaller_than_the_model_is_enlarged_smoothly() -> None:
    small = np.arange(0, 240, 10, dtype=np.uint8)[None, :, None].repeat(16, 0).repeat(3, 2)
    found = worn(garment(small), grid())[8:-8, 8:-8].astype(float)
    times = LARGE[1] / 24
    expected = 10 * ((np.arange(8, LARGE[1] - 8) + 0.5) / times - 0.5)
    assert np.abs(found - expected[None, :, None]).max() <= 1


def test_of_a_garment_far_larger_than_the_person_no_thread_is_left_out() -> None:
    """Lines of a pixel come to their mean, not to stripes that are not there."""
    lines = np.where(np.arange(20 * W) % 3 > 0, 240, 0).astype(np.uint8)
    rgb = np.broadcast_to(lines[None, :, None], (20 * H, 20 * W, 3)).copy()
    found = worn(garment(rgb), grid(), (2 * H, 2 * W))[4:-4, 4:-4]
    assert np.abs(found.astype(int) - 160).max() <= 160 / 10


def test_a_garment_of_any_size_is_held_in_few_pixels_and_lies_where_it_did(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ramp = np.linspace(0, 250, 16 * W).astype(np.uint8)
    photo = garment(np.broadcast_to(ramp[None, :, None], (16 * H, 16 * W, 3)).copy())
    whole = worn(photo, grid(), (2 * H, 2 * W)).astype(int)
    monkeypatch.setattr(warping, "LARGEST", 60)
    assert OwnGarment.of(photo, MODEL).rgba.shape == (40, 60, 4)
    few = worn(photo, grid(), (2 * H, 2 * W))
    assert np.abs(few - whole)[4:-4, 4:-4].max() <= 1


def test_nothing_of_the_background_comes_along_and_the_garment_stays_where_it_is() -> None:
    ys, xs = np.indices(LARGE)
    mask = np.where(np.hypot(ys - 50, xs - 120) < 40, 255, 0).astype(np.uint8)
    rgb = np.where(mask[..., None] > 0, np.uint8(RED), np.uint8(255))
    photo = garment(rgb, mask)
    assert np.array_equal(worn(photo, grid())[..., 0], mask)
    assert not worn(photo, grid(x=0.3, y=0.6))[..., 1:].any()


def test_it_shows_as_much_as_the_composition_says() -> None:
    photo = garment(np.full((*LARGE, 3), 200, np.uint8))
    half = worn(photo, grid(), below=100, composition=128)
    assert np.abs(half.astype(int) - 150).max() <= 1
    assert (worn(photo, grid(), below=100, composition=0) == 100).all()


def test_beside_its_picture_there_is_no_garment() -> None:
    found = worn(garment(np.full((*LARGE, 3), 200, np.uint8)), grid(x=W / 2), below=7)
    assert (found[:, : LARGE[1] // 2 - 2] == 200).all()
    assert (found[:, LARGE[1] // 2 + 2 :] == 7).all()


def test_a_frame_within_a_photo_has_the_garment_in_it_part_by_part() -> None:
    rgb = checkerboard(LARGE)
    frame, size = Frame(10, -20, *LARGE), (160, 240)
    over = Overlay(OwnGarment.of(garment(rgb), MODEL), drawn(grid()), size, frame).over
    columns = slice(3, 150)
    found = np.vstack([
        over(np.zeros((len(range(*rows.indices(160))), 147, 3), np.uint8), rows, columns)
        for rows in (slice(10, 11), slice(11, 70), slice(70, 138))
    ])  # fmt: skip
    assert np.array_equal(found, rgb[:, 23:170])


def test_any_flow_samples_as_the_networks_do_between_the_pixels() -> None:
    """Against torch: places enlarged, and a garment of soft colours sampled there."""
    torch.manual_seed(3)
    offset = F.interpolate(4 * torch.randn(1, 2, 4, 6), MODEL, mode="bicubic")
    ys, xs = np.mgrid[: LARGE[0], : LARGE[1]]
    rgb = np.stack([ys, xs, (ys + xs) // 2], axis=-1).astype(np.uint8)
    found = worn(garment(rgb), grid_of(offset)[0].numpy())
    places = F.interpolate(grid_of(offset), LARGE, mode="bilinear")
    # A centre of the model's border pixels is not one of the photo's.
    reach = torch.tensor([(W - 1) / W, (H - 1) / H]).view(1, 2, 1, 1)
    source = torch.from_numpy(np.dstack([rgb, np.full(LARGE, 255)])).float().movedim(-1, 0)[None]
    expected = F.grid_sample(source, (places * reach).movedim(1, -1), align_corners=False)[0]
    inner = slice(TIMES, -TIMES), slice(TIMES, -TIMES)
    off = np.abs(found[inner] - expected[:3].movedim(0, -1).numpy()[inner])
    sure = (expected[3] > 254).numpy()[inner]
    assert sure.mean() > 0.5 and off[sure].max() <= 1.5
