"""What each number of params.yaml may be: its bounds are taken, just beyond them it is refused."""

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from pfafn.params.file import Params
from pfafn.params.section import ParamsError

CONTENT = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text())
TRAININGS = ("tutor_warp", "tutor_tryon", "student_warp", "student_tryon")


def keys(names: str, *sections: str) -> list[str]:
    return [f"{section}.{name}" for section in sections for name in names.split()]


# Keys, the least that is taken, what is just too little, the most, what is just too much.
BOUNDS = [
    (["seed", "fakes.edge", "student_warp.frozen_epochs"], 0, -1, 9999, None),
    (keys("epochs decay", *TRAININGS), 0, -1, 9999, None),
    (keys("batch accumulate", *TRAININGS), 1, 0, 4, None),
    (keys("per_person batch", "fakes") + keys("batch grid_rows", "evaluate"), 1, 0, 1, None),
    (keys("unpaired limit.train limit.test", "prepare"), 1, 0, 9999, None),
    (["model.generator", "model.channels.0", "model.channels.4"], 1, 0, 9999, None),
    (["model.fpn"], 8, 7, 9999, None),
    (["image.height", "image.width"], 64, 32, 4096, 4128),
    (keys("max_rejected test_fraction min_mask max_mask", "prepare"), 0, -0.01, 1, 1.01),
    (keys("flip shift scale colour", "augment"), 0, -0.01, 1, 1.01),
    (keys("min_area min_agreement", "fakes") + ["student_tryon.photos"], 0, -0.01, 1, 1.01),
    (["optimizer.beta1", "optimizer.beta2"], 0, -0.01, 1, 1.01),
    (["optimizer.muon"], 0, -0.01, 999.0, None),
    (keys("l1 vgg mask second_order tv", "losses.warp"), 0, -0.01, 999.0, None),
    (keys("l1 vgg mask occlusion in_front", "losses.generator"), 0, -0.01, 999.0, None),
    (keys("skin_l1 skin_vgg skin_late", "losses.generator"), 0, -0.01, 999.0, None),
    (["tutor_warp.hem", *keys("keep stays tone", "student_tryon")], 0, -0.01, 999.0, None),
    (keys("features flow", "losses.distillation"), 0, -0.01, 999.0, None),
    (["register.margin", *keys("warp_weight", *TRAININGS[1::2])], 0, -0.01, 999.0, None),
    (keys("lr", *TRAININGS[::2]), 1e-9, 0, 1.0, None),
    (keys("lr_warp lr_generator", *TRAININGS[1::2]), 1e-9, 0, 1.0, None),
]
CASES = {key: bounds for names, *bounds in BOUNDS for key in names}


def replaced(key: str, value: Any) -> dict[str, Any]:
    """What params.yaml holds, with one value replaced."""
    *path, name = (int(part) if part.isdigit() else part for part in key.split("."))
    content = section = copy.deepcopy(CONTENT)
    for part in path:
        section = section[part]
    section[name] = value
    return content


@pytest.mark.parametrize(("key", "bounds"), CASES.items(), ids=CASES)
def test_a_number_is_taken_within_its_bounds_and_refused_by_name_beyond(
    key: str, bounds: list[float | None]
) -> None:
    least, less, most, more = bounds
    Params.check(replaced(key, least), "p")
    Params.check(replaced(key, most), "p")
    for beyond in (less, math.nan, math.inf, "many", *([] if more is None else [more])):
        with pytest.raises(ParamsError, match=rf"{key} = '?{beyond}"):
            Params.check(replaced(key, beyond), "p")


def numbers(content: object, path: str = "") -> list[str]:
    """The keys of all numbers below; of a list's, the first and the last one's."""
    if isinstance(content, list):
        content = {place: content[place] for place in (0, len(content) - 1)}
    if isinstance(content, dict):
        return [key for name, part in content.items() for key in numbers(part, f"{path}.{name}")]
    is_number = isinstance(content, int | float) and not isinstance(content, bool)
    return [path[1:]] if is_number else []


def test_every_number_has_its_bounds_here() -> None:
    assert set(CASES) == {*numbers(CONTENT), "prepare.limit.train", "prepare.limit.test"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model.channels", [8] * 4),
        ("model.channels", [8] * 6),
        ("tutor_warp.batch", 1.5),
        ("annotate.body_parts", "none"),
        ("annotate.source", "guess"),
        ("student_tryon.generator", "paper"),
        ("fakes.arms_in_front", "perhaps"),
        ("fakes.keep", "most"),
        ("losses.warp.vgg19", 1.0),
    ],
)
def test_what_is_no_such_value_is_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(ParamsError, match=f"p: cannot be used: {key} = "):
        Params.check(replaced(key, value), "p")


def test_there_is_at_least_one_epoch() -> None:
    content = replaced("tutor_warp.epochs", 1)
    content["tutor_warp"]["decay"] = 0
    Params.check(content, "p")
    content["tutor_warp"]["epochs"] = 0
    with pytest.raises(ParamsError, match=r"epochs \+ decay must be at least 1"):
        Params.check(content, "p")


PARSER = {"parser": "p", "sha256": "0123abcd", "pose": "parser"}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"source": "estimate"}, "with {'parser': None, 'sha256': None, 'pose': None}: to estim"),
        ({"source": "estimate", **PARSER, "pose": None}, "with {'pose': None}: to estimate"),
        ({**PARSER, "pose": None}, "with {'parser': 'p', 'sha256': '0123abcd'}: .* else all are"),
        (
            {"source": "estimate", **PARSER, "body_parts": "files"},
            "body_parts must be auto or derived, not files",
        ),
    ],
)
def test_a_parser_is_told_where_annotations_are_estimated_and_nowhere_else(
    told: dict[str, str], said: str
) -> None:
    content = replaced("annotate.source", "dataset")
    content["annotate"] |= told
    with pytest.raises(ParamsError, match=said):
        Params.check(content, "p")


def test_a_file_of_vgg19_is_told_by_eight_digits_or_more_of_its_hash() -> None:
    content = replaced("perceptual.weights", "vgg.pth")
    for digits in ("0123abcd", "0" * 64):
        content["perceptual"]["sha256"] = digits
        Params.check(content, "p")
    for digits in ("0" * 7, "0123ABCD", "0123abcg"):
        content["perceptual"]["sha256"] = digits
        with pytest.raises(ParamsError, match=f"perceptual.sha256 = '{digits}'"):
            Params.check(content, "p")
