"""How far augmentation goes, each way and no further."""

import numpy as np
import pytest

from pfafn.samples.augment import Augment

H, W = 80, 64
RED = (200, 40, 40)


def sample() -> dict[str, np.ndarray]:
    """A red box of 20 rows and 16 columns in the middle; the garment is all red."""
    person, mask = np.full((H, W, 3), 255, np.uint8), np.zeros((H, W), np.uint8)
    box = slice(30, 50), slice(24, 40)
    person[box], mask[box] = RED, 255
    red = np.full((H, W, 3), RED, np.uint8)
    return {"person": person, "fake_mask": mask, "garment": red}


def augmented(seed: int, **strength: float) -> dict[str, np.ndarray]:
    return Augment(**strength)(sample(), np.random.default_rng(seed))


def test_a_person_is_moved_to_every_side_and_no_further_than_said() -> None:
    moves = []
    for seed in range(30):
        ys, xs = np.nonzero(augmented(seed, shift=0.25)["fake_mask"])
        moves.append(((ys.mean() - 39.5) / H, (xs.mean() - 31.5) / W))
    least, most = np.min(moves, axis=0), np.max(moves, axis=0)
    assert (least < -0.15).all() and (most > 0.15).all()
    assert np.abs(moves).max() <= 0.25 + 1 / W


def test_a_person_is_scaled_down_and_up_with_its_aspect() -> None:
    sides = []
    for seed in range(30):
        ys, xs = np.nonzero(augmented(seed, scale=0.3)["fake_mask"])
        sides.append((np.ptp(ys) / 19, np.ptp(xs) / 15))
    assert np.min(sides) < 0.85 and np.max(sides) > 1.15
    assert np.min(sides) > 0.6 and np.max(sides) < 1.4
    np.testing.assert_allclose(*np.transpose(sides), atol=0.15)


@pytest.mark.parametrize("name", ["person", "garment"])
def test_every_picture_changes_its_colours_and_none_its_hue(name: str) -> None:
    before = sample()[name]
    is_red = before[..., 0] != before[..., 1]
    after = np.stack([augmented(seed, colour=0.3)[name][is_red] for seed in range(8)]).astype(int)
    assert np.ptp(after[..., 0]) > 20
    assert np.abs(after[..., 1] - after[..., 2]).max() <= 1, "red has as much green as blue"
    assert (after[..., 0] > after[..., 1]).all()
