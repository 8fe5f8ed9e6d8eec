"""Dressing people whose pictures have any size, and saying what cannot be used."""

from pathlib import Path

import numpy as np
import photoset
import pytest
import torch

from pfafn.inference import TryOn, TutorTryOn
from pfafn.kit.errors import UserError
from pfafn.models.generator import Rendered
from pfafn.models.parts import Category
from pfafn.models.tryon import TryOnNet
from pfafn.photos.checks import PictureError
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.fitting import fit, fit_points, restore
from pfafn.photos.framing import frame
from pfafn.photos.masks import garment_mask
from pfafn.photos.tensors import to_pixels
from pfafn.weights import model_file
from pfafn.weights.model_file import ModelError

H, W = SIZE = (64, 96)
WIDTHS = {"channels": [4, 4, 4, 4, 4], "fpn": 8, "generator": 4}


@pytest.fixture(autouse=True)
def plain_arithmetic(monkeypatch) -> None:
    monkeypatch.setenv("PFAFN_DEVICE", "cpu")
    monkeypatch.setenv("PFAFN_PRECISION", "fp32")


def network(role: str, **other) -> TryOnNet:
    torch.manual_seed(5)
    return TryOnNet(role, **(WIDTHS | other)).eval()


def saved(path: Path, role: str, **other) -> Path:
    model_file.save(network(role, **other), path, {"image": list(SIZE)})
    return path


@pytest.fixture
def model() -> TryOn:
    return TryOn(network("student"), SIZE)


def pictures(size: tuple[int, int] = SIZE):
    """person, garment, mask."""
    return photoset.person(1, size), *photoset.garment(2, size)


def annotations(size: tuple[int, int] = SIZE):
    """parsing, keypoints."""
    return photoset.parsing(size), photoset.keypoints(size)


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


@pytest.fixture
def tutor() -> TutorTryOn:
    return TutorTryOn(network("tutor"), SIZE)


def test_a_tutor_dresses_by_parsing_and_pose(tutor) -> None:
    parsing, points = annotations()
    worn = tutor.wear(*pictures(), parsing, points)
    moved = tutor.wear(*pictures(), parsing, points + np.float32([9, 0, 0]))
    assert worn.shape == (H, W, 3)
    assert not np.array_equal(worn, moved)


def test_a_tutor_is_not_shown_the_clothes_it_replaces(tutor) -> None:
    person, garment, mask = pictures()
    parsing, points = annotations()
    repainted = person.copy()
    repainted[parsing == photoset.Parsing.UPPER_CLOTHES] = (9, 99, 199)
    worn = [tutor.wear(p, garment, mask, parsing, points) for p in (person, repainted)]
    assert np.array_equal(*worn)


def test_body_parts_that_are_given_replace_the_derived_ones(tutor) -> None:
    parsing, points = annotations()
    derived = tutor.wear(*pictures(), parsing, points)
    given = tutor.wear(*pictures(), parsing, points, np.zeros(SIZE, np.uint8))
    assert not np.array_equal(derived, given)


def test_a_tutors_annotations_shrink_with_the_person_into_the_models_size(tutor) -> None:
    """Everything twice as big is the same to the network, to the last bit."""
    person, garment, mask = pictures()
    parsing, points = annotations()
    points = points.round()
    parts = np.zeros(SIZE, np.uint8)
    small = tutor.wear(person, garment, mask, parsing, points, parts)
    twice = [np.kron(a, np.ones((2, 2), np.uint8)) for a in (parsing, parts)]
    points = points * 2 + np.float32([0.5, 0.5, 0])  # pixel centres are integers
    large = tutor.wear(person.repeat(2, 0).repeat(2, 1), garment, mask, twice[0], points, twice[1])
    assert np.array_equal(large, restore(small, (2 * H, 2 * W)))


def test_between_whole_sizes_a_tutors_annotations_stay_ids(tutor) -> None:
    size = (150, 70)
    person, parsing = photoset.person(1, size), photoset.parsing(size)
    points, parts = photoset.keypoints(size), parsing // 2 * 3
    _, garment, mask = pictures()
    worn = tutor.wear(person, garment, mask, parsing, points, parts)
    ids = [fit(each, SIZE, interpolation="nearest", fill=0) for each in (parsing, parts)]
    person = fit(person, SIZE, interpolation="smooth", fill=255)
    fitted = tutor.wear(person, garment, mask, ids[0], fit_points(points, size, SIZE), ids[1])
    assert np.array_equal(worn, restore(fitted, size))


def test_a_tutors_annotations_stand_where_a_letterboxed_person_stands(tutor) -> None:
    """A narrow photo is the same to the network as the one with its margins."""
    _, garment, mask = pictures()
    narrow, margin = (H, W // 2), W // 4
    person, parsing = photoset.person(1, narrow), photoset.parsing(narrow)
    points, parts = photoset.keypoints(narrow), np.zeros(narrow, np.uint8)
    worn = tutor.wear(person, garment, mask, parsing, points, parts)
    sides = ((0, 0), (margin, margin))
    wide = tutor.wear(
        np.pad(person, (*sides, (0, 0)), constant_values=255), garment, mask,
        np.pad(parsing, sides), points + np.float32([margin, 0, 0]), np.pad(parts, sides),
    )  # fmt: skip
    assert np.array_equal(worn, wide[:, margin:-margin])


def test_the_category_decides_what_is_replaced(tutor) -> None:
    worn = [
        tutor.wear(*pictures(), *annotations(), category=category)
        for category in (Category.UPPER, Category.LOWER)
    ]
    assert not np.array_equal(*worn)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("parsing", np.full(SIZE, 99, np.uint8), r"parsing must hold ids 0\.\.13, found 99"),
        ("parsing", np.zeros((8, 8), np.uint8), r"parsing must be .*got uint8 \(8, 8\)"),
        ("body_parts", np.full(SIZE, 25, np.uint8), r"body_parts must hold ids 0\.\.24, found 25"),
        ("keypoints", np.zeros((17, 3)), r"18 rows of x, y, score, got float64 \(17, 3\)"),
        ("keypoints", np.full((18, 3), np.nan), "keypoints must be finite"),
        ("keypoints", None, "got object"),
    ],
)
def test_annotations_that_do_not_fit_are_named(tutor, name, value, said: str) -> None:
    parsing, points = annotations()
    given = {"parsing": parsing, "keypoints": points} | {name: value}
    with pytest.raises(PictureError, match=said):
        tutor.wear(*pictures(), **given)


def test_of_a_larger_photo_what_does_not_change_is_its_own_to_the_bit(model) -> None:
    person = photoset.person(1, (300, 450))
    worn = model.wear(person, *pictures()[1:])
    anew = model.wear(person, *pictures()[1:], preserve=False)
    kept = (worn == person).all(axis=-1)
    assert kept.mean() > 0.5 and not kept.all()
    assert (anew == person).all(axis=-1).mean() < 0.1
    np.testing.assert_array_equal(anew, restore(drawn(model, person), (300, 450)))


def drawn(model: TryOn, person: np.ndarray) -> np.ndarray:
    """The network's own picture of a photo."""
    shown = fit(person, SIZE, interpolation="smooth", fill=255)
    return model.wear(shown, *pictures()[1:])


def test_at_the_models_size_the_photo_is_kept_if_asked(model) -> None:
    person = pictures()[0]
    kept = (model.wear(*pictures(), preserve=True) == person).all(axis=-1)
    assert kept.any() and not kept.all()


@pytest.mark.parametrize("keep", [1.0, 0.0])
def test_a_student_that_says_what_stays_is_believed(keep: float) -> None:
    model = TryOn(network("student", keep=True), SIZE)
    draws = model.net.generator.forward

    def says(seen: torch.Tensor) -> Rendered:
        rendered = draws(seen)
        nowhere = torch.zeros_like(rendered.mask)  # shows the garment
        return rendered._replace(mask=nowhere, keep=nowhere + keep)

    model.net.generator.forward = says
    person = photoset.person(1, (300, 450))
    worn = model.wear(person, *pictures()[1:])
    assert (worn == person).all(axis=-1).mean() == pytest.approx(keep, abs=0.05)


def test_a_pose_shows_the_network_a_small_person_in_a_large_photo_near(model) -> None:
    """The photo in a larger one, with its pose: outside its frame nothing is touched."""
    person, garment, mask = pictures()
    points = photoset.keypoints(SIZE)
    large = np.full((6 * H, 6 * W, 3), 200, np.uint8)
    large[2 * H : 3 * H, 3 * W : 4 * W] = person
    moved = points + np.where(points[:, 2:] > 0, np.float32([3 * W, 2 * H, 0]), 0)
    worn = model.wear(large, garment, mask, pose=moved)
    told = frame(large.shape[:2], moved, SIZE)
    touched = np.argwhere((worn != large).any(axis=-1))
    assert told.height < 2 * H and len(touched)
    assert (touched.min(axis=0) >= (told.top, told.left)).all()
    assert (touched.max(axis=0) < (told.top + told.height, told.left + told.width)).all()
    seen = model.encode_person(PersonPhoto.of(large), moved)
    flat = model.encode_garment(GarmentPhoto.of(garment, mask))
    assert np.array_equal(model.dress([(seen, flat)])[0], worn)


def test_a_pose_that_is_none_is_named(model) -> None:
    with pytest.raises(PictureError, match="keypoints must be finite"):
        model.wear(*pictures(), pose=np.full((18, 3), np.nan))
