"""Dressing people whose pictures have any size, and saying what cannot be used."""

import gc
import weakref

import numpy as np
import photoset
import pytest
import torch
from wearing import SIZE, H, W, network, pictures, saved

from pfafn.inference import TryOn, TutorTryOn
from pfafn.kit.errors import UserError
from pfafn.photos.checks import PictureError
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.fitting import fit, restore
from pfafn.photos.masks import garment_mask
from pfafn.photos.tensors import to_pixels
from pfafn.weights.model_file import ModelError

pytestmark = pytest.mark.usefixtures("plain_arithmetic")


@pytest.fixture
def model() -> TryOn:
    return TryOn(network("student"), SIZE)


def test_at_the_models_size_it_is_the_network_and_nothing_else(model) -> None:
    person, garment, mask = pictures()
    image = torch.from_numpy(person).permute(2, 0, 1)[None] / 127.5 - 1
    flat = torch.from_numpy(garment).permute(2, 0, 1)[None] / 127.5 - 1
    solid = torch.from_numpy(mask)[None, None] / 255
    with torch.no_grad():
        expected = to_pixels(network("student").wear(image, flat * solid, solid).image)[0]
    np.testing.assert_allclose(model.wear(person, garment, mask), expected, atol=1)


@pytest.mark.parametrize("size", [(64, 96), (128, 192), (300, 200), (50, 333), (7, 5), (64, 95)])
def test_the_result_has_the_persons_size(model, size) -> None:
    worn = model.wear(photoset.person(1, size), *photoset.garment(2, SIZE))
    assert worn.shape == (*size, 3)
    assert worn.dtype == np.uint8
    assert worn.flags["C_CONTIGUOUS"]


@pytest.mark.parametrize("size", [(64, 96), (128, 192), (200, 130), (90, 300)])
def test_what_fit_did_is_undone(size) -> None:
    """A smooth picture survives the way into the model's size and back, also at its borders."""
    ys, xs = np.mgrid[: size[0], : size[1]] / np.array(size)[:, None, None]
    smooth = np.stack([ys * 200, xs * 200, 100 + 50 * ys * xs], axis=-1).astype(np.uint8)
    inside = fit(smooth, SIZE, interpolation="smooth", fill=255)
    back = restore(inside, size).astype(int)
    assert np.abs(back - smooth).max() <= 6


def test_for_a_smaller_photo_the_result_is_averaged() -> None:
    """Of every 4 x 4 pixels one is white."""
    dots = np.zeros((*SIZE, 3), np.uint8)
    dots[::4, ::4] = 255
    assert (restore(dots, (H // 4, W // 4)) == round(255 / 16)).all()


def test_garment_and_mask_may_have_another_size_than_the_person(model) -> None:
    person, garment, mask = pictures()
    doubled = [np.kron(a, np.ones((2, 2) + (1,) * (a.ndim - 2), np.uint8)) for a in (garment, mask)]
    found = model.wear(person, *doubled).astype(int)
    np.testing.assert_allclose(found, model.wear(person, garment, mask), atol=1)


def test_without_a_mask_the_garment_is_told_from_its_background(model) -> None:
    person, garment, _ = pictures()
    told, _ = garment_mask(garment)
    assert np.array_equal(model.wear(person, garment), model.wear(person, garment, told))


def test_wearing_twice_is_the_same_and_changes_no_input(model) -> None:
    person, garment, mask = pictures()
    copies = [a.copy() for a in (person, garment, mask)]
    first = model.wear(person, garment, mask)
    assert np.array_equal(first, model.wear(person, garment, mask))
    for before, after in zip(copies, (person, garment, mask), strict=True):
        assert np.array_equal(before, after)


def test_in_a_gallery_everybody_wears_what_they_would_wear_alone(model) -> None:
    """Persons of different sizes, a person twice, a garment twice: in one batch or one by one."""
    photos = [photoset.person(1, SIZE), photoset.person(2, (50, 33))]
    flat = [photoset.garment(n, SIZE) for n in (2, 3)]
    persons = [model.encode_person(PersonPhoto.of(photo)) for photo in photos]
    garments = [model.encode_garment(GarmentPhoto.of(*each)) for each in flat]
    which = [(0, 0), (1, 0), (0, 1)]
    together = model.dress([(persons[p], garments[g]) for p, g in which])
    for (p, g), found in zip(which, together, strict=True):
        alone = model.wear(photos[p], *flat[g])
        np.testing.assert_allclose(found.astype(int), alone, atol=1)
        assert np.array_equal(model.dress([(persons[p], garments[g])])[0], alone)


def test_views_with_negative_strides_are_fine(model) -> None:
    person, garment, mask = pictures()
    mirrored = model.wear(person[:, ::-1], garment[:, ::-1], mask[:, ::-1])
    copied = model.wear(*(np.ascontiguousarray(a[:, ::-1]) for a in (person, garment, mask)))
    assert np.array_equal(mirrored, copied)


def test_a_model_that_nobody_holds_any_more_is_gone_at_once() -> None:
    gone = TryOn(network("student"), SIZE)
    weights = weakref.ref(next(gone.net.parameters()))
    gone.wear(*pictures())
    gc.disable()
    del gone
    found = weights()
    gc.enable()
    assert found is None


def test_a_saved_model_wears_like_the_one_in_memory(model, tmp_path) -> None:
    loaded = TryOn.load(saved(tmp_path / "student.safetensors", "student"))
    assert loaded.size == SIZE
    assert np.array_equal(loaded.wear(*pictures()), model.wear(*pictures()))


def test_a_registered_name_is_looked_up(model, tmp_path, monkeypatch) -> None:
    path = saved(tmp_path / "student.safetensors", "student")
    asked = []
    monkeypatch.setattr("pfafn.registry.resolve", lambda uri: asked.append(uri) or path)
    TryOn.load("models:/pfafn-student@champion")
    assert asked == ["models:/pfafn-student@champion"]


@pytest.mark.parametrize(
    ("person", "garment", "mask", "said"),
    [
        (np.zeros((8, 8), np.uint8), None, None, r"person must be .*got uint8 \(8, 8\)"),
        (np.zeros((8, 8, 4), np.uint8), None, None, r"person .*got uint8 \(8, 8, 4\)"),
        (np.zeros((8, 8, 3)), None, None, r"person .*got float64 \(8, 8, 3\)"),
        (np.zeros((0, 8, 3), np.uint8), None, None, r"person .*got uint8 \(0, 8, 3\)"),
        ("p.jpg", None, None, "person .*got str"),
        (None, np.zeros((3, 8, 8), np.uint8), None, r"garment .*got uint8 \(3, 8, 8\)"),
        (None, None, np.zeros((8, 9), np.uint8), r"\(64, 96\) like .*got uint8 \(8, 9\)"),
        (None, None, np.zeros(SIZE, bool), r"mask must be a uint8 .*got bool"),
        (None, None, np.zeros(SIZE, np.uint8), "mask is empty: a garment.s pixels are"),
        (None, np.full((*SIZE, 3), 255, np.uint8), "estimated", "mask is empty: it could not be"),
    ],
)
def test_what_cannot_be_used_is_named(model, person, garment, mask, said: str) -> None:
    usual = pictures()
    person = usual[0] if person is None else person
    mask = usual[2] if mask is None else None if isinstance(mask, str) else mask
    with pytest.raises(PictureError, match=said):
        model.wear(person, usual[1] if garment is None else garment, mask)


def test_a_tutor_is_no_student(tmp_path) -> None:
    path = saved(tmp_path / "tutor.safetensors", "tutor")
    with pytest.raises(ModelError, match=r"tutor.safetensors: is a tutor, which needs parsing"):
        TryOn.load(path)


def test_a_student_is_no_tutor(tmp_path) -> None:
    path = saved(tmp_path / "student.safetensors", "student")
    with pytest.raises(ModelError, match=r"student.safetensors: is a student"):
        TutorTryOn.load(path)


def test_a_warp_network_alone_cannot_draw(tmp_path) -> None:
    path = saved(tmp_path / "warp.safetensors", "student", generator=None)
    with pytest.raises(ModelError, match=r"warp.safetensors: .*take the model of student_tryon"):
        TryOn.load(path)


def test_a_missing_model_is_the_users_error(tmp_path) -> None:
    with pytest.raises(UserError, match="no model at .*nowhere"):
        TryOn.load(tmp_path / "nowhere.safetensors")
