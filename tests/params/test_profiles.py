"""The settings the project comes with: a changed one is another experiment, so it is pinned."""

from pathlib import Path

import pytest

from pfafn.kit.files import content_key
from pfafn.params.file import Params

ROOT = Path(__file__).parents[2]
# Who changes a setting on purpose writes its new key here, and says in the commit what it is for.
KEYS = {
    "params.yaml": "5e06dfcac84fdd57",
    "profiles/hd.yaml": "961578f627624499",
    "profiles/paper.yaml": "0da2851002f908d9",
    "profiles/smoke.yaml": "f3a6ce6cbdb671f6",
}


@pytest.mark.parametrize("file", KEYS)
def test_no_setting_changes_by_the_way(file: str) -> None:
    params = Params.load(ROOT / file).model_dump(mode="json", by_alias=True)
    assert content_key(params)[:16] == KEYS[file]


def test_every_profile_is_pinned() -> None:
    found = ROOT.glob("profiles/*.yaml")
    assert {file.relative_to(ROOT).as_posix() for file in found} == {*KEYS} - {"params.yaml"}


def test_the_paper_profile_is_the_published_setting() -> None:
    paper = Params.load(ROOT / "profiles/paper.yaml")
    assert (paper.image.size, paper.perceptual.weights) == ((256, 192), "imagenet")
    assert paper.model.model_dump() == {
        "channels": (64, 128, 256, 256, 256), "fpn": 256, "generator": 64,
    }  # fmt: skip
    assert paper.losses.warp.model_dump() == {
        "l1": 1.0, "vgg": 0.2, "mask": 2.0, "second_order": 6.0, "tv": 0.01,
    }  # fmt: skip
    assert paper.losses.distillation.model_dump() == {
        "mode": "adjustable", "features": 0.04, "flow": 1.0,
    }  # fmt: skip
    assert (paper.losses.generator.l1, paper.losses.generator.vgg) == (5.0, 1.0)
    assert (paper.losses.generator.mask, paper.losses.generator.occlusion) == (1.0, 0.0)
    assert paper.optimizer.model_dump() == {"beta1": 0.5, "beta2": 0.999, "muon": 0.0}
    assert paper.student_warp.frozen_epochs == 99  # of 200: the encoders stand still
    ends = (paper.tutor_tryon, 0.5), (paper.student_tryon, 0.25)
    for stage, weight in ends:
        assert (stage.lr_warp, stage.lr_generator, stage.warp_weight) == (1e-5, 5e-5, weight)
    assert (paper.student_tryon.generator, paper.student_tryon.photos) == ("fresh", 0.0)
    assert not paper.fakes.arms_in_front
    assert (paper.fakes.keep, paper.student_tryon.keep, paper.student_tryon.tone) == (False, 0, 0)
