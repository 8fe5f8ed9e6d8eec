"""The result in the photo: of its size, and where nothing changes its own."""

import numpy as np
import photoset
import pytest
import torch
from wearing import SIZE, H, W, network, pictures

from pfafn.inference import TryOn
from pfafn.models.generator import Rendered
from pfafn.models.geometry import grid_of
from pfafn.models.parts import Keypoint
from pfafn.models.warp import Alignment, Warped
from pfafn.photos.checks import PictureError
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.fitting import fit, restore
from pfafn.photos.framing import frame
from pfafn.studio.pair import drawn_pair

pytestmark = pytest.mark.usefixtures("plain_arithmetic")


@pytest.fixture
def model() -> TryOn:
    return TryOn(network("student"), SIZE)


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


@pytest.mark.parametrize("keep", [False, True])
def test_in_a_larger_photo_the_garment_is_as_its_own_photo_has_it(keep: bool) -> None:
    """A flow that moves nothing: noise of a garment four times as large comes to the pixel."""
    model = TryOn(network("student", keep=keep), SIZE)
    draws = model.net.generator.forward

    def still(person: list, features: list, garment: torch.Tensor, mask: torch.Tensor) -> Warped:
        alignment = Alignment([grid_of(torch.zeros(1, 2, H, W))], [], [])
        return Warped(garment, mask, alignment, [])

    def shows_all(seen: torch.Tensor) -> Rendered:
        rendered = draws(seen)
        return rendered._replace(mask=torch.ones_like(rendered.mask))

    model.net.warp.align, model.net.generator.forward = still, shows_all
    large = (4 * H, 4 * W)
    garment = np.random.default_rng(4).integers(0, 256, (*large, 3), np.uint8)
    mask = np.zeros(large, np.uint8)
    mask[40:200, 80:300] = 255
    worn = model.wear(photoset.person(1, large), garment, mask)
    inner = slice(48, 192), slice(88, 292)
    assert np.array_equal(worn[inner], garment[inner])
    encoded = model.encode_person(PersonPhoto.of(photoset.person(1, large)))
    flat = model.encode_garment(GarmentPhoto.of(garment, mask))
    assert np.array_equal(model.dress([(encoded, flat)])[0], worn)


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


@pytest.mark.slow  # a person of that size is drawn for seconds
def test_a_photo_of_1024x768_comes_back_as_one_dressed_in_its_own_pixels(model) -> None:
    size = (1024, 768)
    drawn = drawn_pair(size)
    given = drawn.photo.picture, drawn.garment.picture, drawn.garment.mask
    worn = model.wear(*given, pose=drawn.keypoints)
    assert worn.shape == (*size, 3) and worn.dtype == np.uint8
    kept = (worn == given[0]).all(axis=-1)
    torso = drawn.keypoints[[Keypoint.NECK, Keypoint.LEFT_HIP, Keypoint.RIGHT_HIP], :2]
    left, top = torso.min(axis=0).astype(int)
    right, bottom = torso.max(axis=0).astype(int)
    assert kept.mean() > 0.3 and kept[:, :20].all()
    assert kept[top:bottom, left:right].mean() < 0.1
