"""Whom the studio draws from a seed, and how, does not change unless somebody means it.

`python tests/studio/test_drawn.py` writes anew what is drawn by now, in small.
"""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pfafn.models.parts import BodyPart, Parsing
from pfafn.studio.dataset import draw_sample
from pfafn.studio.flat import lay_flat
from pfafn.studio.noise import corrupt
from pfafn.studio.scene import keypoints, photograph

KEPT = Path(__file__).with_name("drawn.npz")
SIZE, SMALL = (64, 48), (6, 8)  # (height, width); (width, height)
PEOPLE = 40  # among whom is every pose, style, cut and fabric
# How much a machine that rounds otherwise may move each of what is kept.
TOLERANCE = {"photo": 2, "garment": 2, "parsing": 4, "body_parts": 4, "noisy": 8, "flow": 0.2,
             "points": 0.1}  # fmt: skip


def drawn(index: int) -> dict[str, NDArray]:
    """A person of the default seed, in small: pictures, pixels of each class, mean flow, points."""
    person, garment = draw_sample(7, "train" if index % 2 else "test", index)
    flat = lay_flat(garment, *SIZE)
    photo = photograph(person, garment, flat)
    noisy = corrupt(photo.parsing, 0.7, np.random.default_rng(index))
    flow = photo.flow[photo.visible]
    small = {"photo": photo.picture, "garment": flat.picture}
    counts = {"parsing": photo.parsing, "body_parts": photo.body_parts, "noisy": noisy}
    return {
        **{
            name: cv2.resize(rgb, SMALL, interpolation=cv2.INTER_AREA)
            for name, rgb in small.items()
        },
        **{name: np.bincount(ids.ravel(), minlength=most(name)) for name, ids in counts.items()},
        "flow": np.concatenate([flow.mean(0), flow.std(0)]).astype(np.float32),
        "points": keypoints(person, *SIZE),
    }


def most(name: str) -> int:
    return max(BodyPart if name == "body_parts" else Parsing) + 1


def everybody() -> dict[str, NDArray]:
    people = [drawn(index) for index in range(PEOPLE)]
    return {name: np.stack([person[name] for person in people]) for name in TOLERANCE}


@pytest.fixture(scope="module")
def now() -> dict[str, NDArray]:
    return everybody()


@pytest.mark.parametrize("name", TOLERANCE)
def test_the_same_seed_draws_the_same_people_as_ever(now: dict[str, NDArray], name: str):
    with np.load(KEPT) as kept:
        then = kept[name]
    np.testing.assert_allclose(now[name].astype(float), then, atol=TOLERANCE[name])


if __name__ == "__main__":
    np.savez_compressed(KEPT, **everybody())
