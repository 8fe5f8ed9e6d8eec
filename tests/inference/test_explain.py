"""What a try-on is made of: beside the result, of the photo's size, from the networks."""

import json
from pathlib import Path

import numpy as np
import photoset
import pytest
import torch

from pfafn.doctor.findings import Severity, found
from pfafn.inference import TryOn
from pfafn.inference.account import Account
from pfafn.inference.explain import FADED, SQUARES, explain, folder, pictures, wheel
from pfafn.inference.folders import Job
from pfafn.models.geometry import grid_of
from pfafn.models.tryon import TryOnNet, Worn
from pfafn.models.warp import Alignment, Warped
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.images import read_rgb
from pfafn.photos.tensors import to_pixels

H, W = SIZE = (64, 96)
EVERYWHERE = np.ones(SIZE, bool)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> TryOn:
    monkeypatch.setenv("PFAFN_DEVICE", "cpu")
    monkeypatch.setenv("PFAFN_PRECISION", "fp32")
    torch.manual_seed(5)
    return TryOn(TryOnNet("student", [4, 4, 4, 4, 4], 8, 4), SIZE)


def encoded(model: TryOn, size: tuple[int, int] = SIZE) -> tuple:
    person, garment = photoset.person(1, size), GarmentPhoto.of(*photoset.garment(2, SIZE))
    return model.encode_person(PersonPhoto.of(person)), model.encode_garment(garment)


def shift(x: float, y: float) -> torch.Tensor:
    return (
        torch.tensor([x, y], dtype=torch.float32).view(1, 2, 1, 1).expand(1, 2, H, W).contiguous()
    )


def plain(colours: np.ndarray) -> np.ndarray:
    """The colour between the lines: the one that is most frequent."""
    found, counts = np.unique(colours.reshape(-1, 3), axis=0, return_counts=True)
    return found[counts.argmax()]


def test_what_a_try_on_is_made_of_makes_that_try_on(model: TryOn) -> None:
    pair = encoded(model)
    worn = model.made_of(*pair)
    np.testing.assert_array_equal(to_pixels(worn.image)[0], model.dress([pair])[0])


@pytest.mark.parametrize(
    ("offset", "rgb"),
    [
        ((8, 0), (255, 0, 0)),  # red: the garment's pixel lies to the right
        ((-8, 0), (0, 255, 255)),
        ((0, 8), (128, 255, 0)),
        ((0, -8), (128, 0, 255)),
        ((0, 0), (255, 255, 255)),
    ],
)
def test_the_hue_says_where_the_garments_pixel_lies(
    offset: tuple[float, float], rgb: tuple[int, int, int]
) -> None:
    colours = wheel(shift(*offset)[0].numpy(), EVERYWHERE)
    np.testing.assert_allclose(plain(colours), rgb, atol=1)


def test_the_farthest_of_the_garment_is_pure_whatever_lies_beside_it() -> None:
    flow = shift(2, 0)[0].numpy()
    flow[0, :, : W // 2] = 50
    garment = EVERYWHERE.copy()
    garment[:, : W // 2] = False
    np.testing.assert_array_equal(plain(wheel(flow, garment)[:, W // 2 + 1 :]), (255, 0, 0))


def test_lines_divide_the_garment_into_even_squares() -> None:
    """What samples every second pixel of it sees the squares half as wide."""
    step, faded = W // SQUARES, round(255 * FADED)
    still = wheel(shift(0, 0)[0].numpy(), EVERYWHERE)[..., 0] == faded
    assert np.flatnonzero(still[1]).tolist() == [*range(step, W, step)]
    assert np.flatnonzero(still[:, 1]).tolist() == [*range(step, H, step)]
    skipping = np.stack([np.indices(SIZE)[1], np.zeros(SIZE)]).astype(np.float32)
    dark = wheel(skipping, EVERYWHERE)[1].max(axis=-1) == faded
    assert np.flatnonzero(dark).tolist() == [*range(step // 2, W, step // 2)]


def test_beside_the_garment_there_is_white_and_the_person_is_tinted_where_it_shows() -> None:
    flow, left = shift(3, 0), torch.zeros(1, 1, H, W)
    left[..., : W // 2] = 1
    above = left.clone()
    above[..., H // 2 :, :] = 0
    garment, person = torch.full((1, 3, H, W), -0.5), torch.full((1, 3, H, W), -1.0)
    alignment = Alignment([grid_of(flow)], [], [])
    worn = Worn(garment, garment, above, Warped(garment, left, alignment, []), above, garment)
    made = {name: image[0].numpy() for name, image in pictures(worn, person, flow).items()}
    assert (made["warped"][:, : W // 2] == 64).all() and (made["warped"][:, W // 2 :] == 255).all()
    assert plain(made["flow"][:, : W // 2]).tolist() == [255, 0, 0]
    assert (made["flow"][:, W // 2 :] == 255).all()
    assert ((made["mask"] > 0).any(axis=-1) == (above[0, 0] > 0).numpy()).all()


def test_pictures_of_the_photos_size_and_what_is_known_lie_beside_the_result(
    model: TryOn, tmp_path: Path
) -> None:
    job = Job(tmp_path / "p.jpg", tmp_path / "g.jpg", None, tmp_path / "out/p.v2__g.png")
    account = Account()
    ragged = found("mask_doubtful", Severity.WARN, "ragged")
    account.note(job.garment, ragged)
    explain(model, job, *encoded(model, (50, 33)), account.of(job))
    assert folder(job.out) == tmp_path / "out/p.v2__g.explain"
    names = ["flow.png", "mask.png", "notes.json", "warped.png"]
    assert sorted(path.name for path in folder(job.out).iterdir()) == names
    for name in ("flow", "mask", "warped"):
        assert read_rgb(folder(job.out) / f"{name}.png").shape == (50, 33, 3)
    told = json.loads((folder(job.out) / "notes.json").read_text())
    assert told["warnings"] == [{"file": str(job.garment), **ragged.as_json()}]
    assert told["out"] == str(job.out)
    assert told["model_size"] == [H, W]
    assert 0 <= told["shown"] <= told["covered"] <= 1


def test_numbers_are_of_the_garment_on_the_person(model: TryOn, tmp_path: Path) -> None:
    """Of one that covers a quarter and is half shown; half of it is moved twice as far."""
    left, flow = torch.zeros(1, 1, H, W), shift(30, 40)
    left[..., : W // 4] = 1
    flow[..., : W // 4], flow[..., : W // 8] = shift(6, 8)[..., :1], shift(3, 4)[..., :1]
    garment = torch.zeros(1, 3, H, W)
    warped = Warped(garment, left, Alignment([grid_of(flow)], [], []), [])
    model.made_of = lambda *pair: Worn(garment, garment, left / 2, warped, left, garment)  # type: ignore[method-assign]
    job = Job(tmp_path / "p.jpg", tmp_path / "g.jpg", None, tmp_path / "w.png")
    explain(model, job, *encoded(model), {})
    assert json.loads((folder(job.out) / "notes.json").read_text()) == {
        "covered": 0.25, "model_size": [H, W], "moved_mean": 7.5, "moved_most": 10, "shown": 0.125,
    }  # fmt: skip
