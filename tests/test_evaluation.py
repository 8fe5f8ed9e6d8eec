"""Scores with known answers, baselines that are only geometry, and what a test split knows."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import photoset
import pytest
import tinyset
import torch

from pfafn.baselines import USUAL_BOX, bounding_box, paste_on_torso, torso_box
from pfafn.batches import to_device
from pfafn.data.parts import Keypoint
from pfafn.evaluation import Dressed, dress, rows, summary
from pfafn.figures import CAPTION, COLUMNS, GAP, HEADER, Gallery, draw_curves
from pfafn.models import tryon
from pfafn.models.geometry import grid_of
from pfafn.scores import (
    METRICS,
    Outcome,
    Truth,
    end_point_error,
    iou,
    psnr,
    psnr_within,
    scores,
    ssim,
)
from pfafn.testset import NothingToEvaluate, Pair, TestSet, truths

H, W = SIZE = (24, 40)


def picture(seed: int = 0) -> torch.Tensor:
    return torch.rand(3, H, W, generator=torch.Generator().manual_seed(seed))


def region(rows: slice = slice(None), columns: slice = slice(None)) -> torch.Tensor:
    mask = torch.zeros(1, H, W, dtype=torch.bool)
    mask[:, rows, columns] = True
    return mask


# Scores


def test_a_constant_error_of_a_tenth_is_twenty_decibels():
    image = picture() * 0.8
    assert psnr(image + 0.1, image) == pytest.approx(20, abs=1e-4)


def test_equal_pictures_score_best():
    image = picture()
    assert psnr(image, image) == 100
    assert ssim(image, image) == pytest.approx(1, abs=1e-6)
    flat = torch.full((3, H, W), 0.9)
    assert ssim(flat, flat) == pytest.approx(1, abs=2e-4)


def test_ssim_is_symmetric_and_falls_with_noise():
    image = picture()
    noisy = [(image + s * picture(1)).clamp(0, 1) for s in (0.1, 0.5)]
    assert ssim(image, noisy[0]) == pytest.approx(ssim(noisy[0], image))
    assert 1 > ssim(image, noisy[0]) > ssim(image, noisy[1])


def test_psnr_of_the_clothes_sees_nothing_outside_them():
    image, inside = picture() * 0.8, region(slice(2, 9), slice(5, 30))
    wrong_outside = torch.where(inside, image + 0.1, torch.zeros(()))
    assert psnr_within(wrong_outside, image, inside) == pytest.approx(20, abs=1e-4)


def test_scores_of_an_empty_region_are_unknown():
    nowhere = region(slice(0, 0))
    assert math.isnan(psnr_within(picture(), picture(), nowhere))
    assert math.isnan(iou(nowhere.float(), nowhere))
    assert math.isnan(end_point_error(grid_of(torch.zeros(1, 2, H, W))[0], picture()[:2], nowhere))


def test_iou_of_two_overlapping_boxes():
    mask = region(slice(0, 10), slice(0, 10)).float() * 0.6
    clothes = region(slice(0, 10), slice(5, 15))
    assert iou(mask, clothes) == pytest.approx(50 / 150)
    assert iou(mask * 0.5, clothes) == 0  # below one half nothing is shown


def test_end_point_error_is_in_pixels_of_both_axes():
    flow = torch.zeros(2, H, W)
    offset = torch.tensor([3.0, -4.0]).view(1, 2, 1, 1).expand(1, 2, H, W)
    grid = grid_of(flow[None] + offset)[0]
    assert end_point_error(grid, flow, region()) == pytest.approx(5, abs=1e-4)


def test_end_point_error_counts_only_where_the_garment_shows():
    true = torch.zeros(2, H, W)
    true[0, :, : W // 2] = 7.0
    grid = grid_of(torch.zeros(1, 2, H, W))[0]
    left, right = region(columns=slice(0, W // 2)), region(columns=slice(W // 2, W))
    assert end_point_error(grid, true, left) == pytest.approx(7, abs=1e-4)
    assert end_point_error(grid, true, right) == pytest.approx(0, abs=1e-4)


def test_what_is_not_known_is_not_a_number():
    nothing = scores(Outcome(picture()), Truth(None, None, None))
    assert list(nothing) == list(METRICS)
    assert all(math.isnan(value) for value in nothing.values())
    unwarped = scores(Outcome(picture()), Truth(picture(), region(), region()))
    assert {name for name, value in unwarped.items() if math.isnan(value)} == {"iou", "epe"}


# Baselines


def points(**at: tuple[float, float]) -> torch.Tensor:
    found = torch.zeros(len(Keypoint), 3)
    for name, (x, y) in at.items():
        found[Keypoint[name]] = torch.tensor([x, y, 1.0])
    return found


TORSO = {
    "RIGHT_SHOULDER": (15, 6),
    "LEFT_SHOULDER": (25, 6),
    "RIGHT_HIP": (17, 16),
    "LEFT_HIP": (23, 16),
}


def test_the_torso_box_surrounds_shoulders_and_hips():
    left, top, right, bottom = torso_box(points(**TORSO), SIZE)
    assert (left + right) / 2 == 20
    assert left < 15 and right > 25
    assert top < 6 and bottom > 16


def test_a_mirrored_person_has_the_same_box():
    mirrored = {name: (40 - x, y) for name, (x, y) in TORSO.items()}
    assert torso_box(points(**mirrored), SIZE) == torso_box(points(**TORSO), SIZE)


def test_hips_outside_the_picture_are_put_below_the_shoulders():
    shoulders = {name: at for name, at in TORSO.items() if "SHOULDER" in name}
    left, top, right, bottom = torso_box(points(**shoulders), SIZE)
    assert right - left == pytest.approx(17)
    assert bottom > top + 15


def test_without_shoulders_the_box_is_the_usual_one():
    expected = tuple(f * side for f, side in zip(USUAL_BOX, (W, H, W, H), strict=True))
    assert torso_box(points(), SIZE) == expected


def test_the_bounding_box_of_a_mask_is_its_outermost_pixels():
    assert bounding_box(region(slice(3, 8), slice(10, 31)).float()) == (10, 3, 30, 7)
    assert bounding_box(region(slice(0, 0)).float()) == (0, 0, W - 1, H - 1)


def test_the_garments_corners_land_on_the_torso_boxs_corners():
    mask = region(slice(2, 22), slice(4, 37)).float()
    garment = torch.where(mask > 0, 0.5, 0.0).expand(3, H, W)
    person = torch.full((1, 3, H, W), -1.0)
    keypoints = points(**TORSO)
    made = paste_on_torso(person, garment[None], mask[None], keypoints[None])
    left, top, right, bottom = torso_box(keypoints, SIZE)
    ys, xs = torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij")
    inside = (xs > left) & (xs < right) & (ys > top) & (ys < bottom)
    outside = (xs < left - 2) | (xs > right + 2) | (ys < top - 2) | (ys > bottom + 2)
    torch.testing.assert_close(made.mask[0, 0][inside], torch.ones(int(inside.sum())))
    assert made.mask[0, 0][outside].max() == 0
    torch.testing.assert_close(made.image[0, :, inside], torch.full((3, int(inside.sum())), 0.5))
    assert (made.image[0][:, outside] == -1).all()


# The test split


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    return tinyset.write_all(tmp_path_factory.mktemp("project") / "artifacts")


@pytest.fixture(scope="module")
def test_set(artifacts) -> TestSet:
    return TestSet(artifacts / "prepare", artifacts / "annotate")


def batch_of(test: TestSet) -> dict[str, torch.Tensor]:
    samples = [test.samples[i] for i in range(len(test.samples))]
    return {name: torch.stack([sample[name] for sample in samples]) for name in samples[0]}


def test_a_person_who_wears_none_of_the_garments_is_left_out_of_paired(test_set):
    paired = [pair for pair in test_set.pairs() if pair.protocol == "paired"]
    assert [(test_set.persons[p.item], test_set.garments[p.garment]) for p in paired] == [
        ("a", "g0"),
        ("b", "g1"),
    ]
    assert sum(pair.protocol == "unpaired" for pair in test_set.pairs()) == 3


def test_the_true_flow_is_read_in_pixels_x_first(test_set):
    known = test_set.known(Pair(tinyset.SPLIT, 1, "unpaired"))
    seen = torch.from_numpy(tinyset.visible())
    assert torch.equal(known.visible[0], seen)
    assert (known.flow[0][seen] == 3).all()
    assert (known.flow[1][seen] == -2).all()


def test_the_true_picture_is_read_exactly(test_set):
    known = test_set.known(Pair(tinyset.SPLIT + 1, 2, "unpaired"))
    expected = torch.from_numpy(tinyset.true_picture(tinyset.SPLIT + 1)).permute(2, 0, 1) / 255
    assert torch.equal(known.image, expected)


def test_unpaired_without_truth_has_nothing_to_compare_with(test_set):
    a, b, c = truths(test_set, batch_of(test_set), "unpaired")
    assert a.image is not None and b.image is not None
    assert c == Truth(None, None, None, None, None)


def test_paired_the_photo_is_the_truth_and_parsing_says_where_the_clothes_are(test_set):
    batch = batch_of(test_set)
    a, b, c = truths(test_set, batch, "paired")
    torch.testing.assert_close(a.image, batch["person"][0] / 2 + 0.5)
    clothes = torch.from_numpy(photoset.parsing(tinyset.SIZE) == photoset.Parsing.UPPER_CLOTHES)
    assert torch.equal(b.clothes[0], clothes)
    assert a.flow is not None and b.flow is None
    assert c is None


def test_unpaired_the_region_is_old_and_new_clothes(test_set):
    batch = batch_of(test_set)
    batch["parsing"] = torch.zeros_like(batch["parsing"])
    batch["parsing"][1, :4, :4] = photoset.Parsing.UPPER_CLOTHES
    b = truths(test_set, batch, "unpaired")[1]
    expected = torch.from_numpy(tinyset.visible())[None].clone()
    expected[:, :4, :4] = True
    assert torch.equal(b.region, expected)


def test_the_known_flow_outweighs_a_wrong_parsing(test_set):
    batch = batch_of(test_set)
    batch["parsing"] = torch.zeros_like(batch["parsing"])
    a = truths(test_set, batch, "paired")[0]
    assert torch.equal(a.clothes[0], torch.from_numpy(tinyset.visible()))


def test_no_test_person_is_the_users_error(tmp_path):
    tinyset.write_all(tmp_path)
    manifest = pd.read_parquet(tmp_path / "prepare/manifest.parquet")
    manifest[manifest["split"] == "train"].to_parquet(tmp_path / "prepare/manifest.parquet")
    with pytest.raises(NothingToEvaluate, match="no test person.*prepare.test_fraction"):
        TestSet(tmp_path / "prepare", tmp_path / "annotate")


def protocol_after(tmp_path, change) -> dict:
    tinyset.write_all(tmp_path)
    change(tmp_path)
    return TestSet(tmp_path / "prepare", tmp_path / "annotate").protocol()


def more_training_persons(artifacts) -> None:
    """Another person in front of all: every item number moves, nothing in the test split does."""
    path = artifacts / "prepare/manifest.parquet"
    manifest = pd.read_parquet(path)
    manifest["person"] = manifest["person"].replace("t0", "somebody else")
    manifest.to_parquet(path)


def another_garment_name(artifacts) -> None:
    path = artifacts / "prepare/garments.parquet"
    garments = pd.read_parquet(path).replace("g2", "g9")
    garments.to_parquet(path)


def no_truth(artifacts) -> None:
    (artifacts / "prepare/truth.parquet").unlink()


def test_the_protocol_is_the_same_for_the_same_pictures_and_pairs(test_set, tmp_path):
    assert protocol_after(tmp_path, more_training_persons) == test_set.protocol()


@pytest.mark.parametrize(
    ("change", "key"), [(another_garment_name, "pairs"), (no_truth, "pictures")]
)
def test_other_pairs_or_pictures_are_another_protocol(test_set, tmp_path, change, key):
    before, after = test_set.protocol(), protocol_after(tmp_path, change)
    assert {name for name in before if before[name] != after[name]} == {key}


# Models on it


@pytest.fixture(scope="module")
def networks(artifacts):
    return [tryon.load(artifacts / f"{r}_tryon/model.safetensors")[0] for r in ("tutor", "student")]


@pytest.mark.parametrize("protocol", ["paired", "unpaired"])
def test_every_model_dresses_the_batch(networks, test_set, protocol):
    batch = to_device(batch_of(test_set), torch.device("cpu"))
    made = dress(*networks, batch, protocol)
    assert list(made) == ["tutor", "student", "person", "torso_box"]
    for model, dressed in made.items():
        assert dressed.image.shape == (3, 3, *tinyset.SIZE)
        assert (dressed.grid is None) == (model == "person")
    assert torch.equal(made["person"].image, batch["person"])


def test_a_table_row_per_pair_and_model(networks, test_set):
    batch = batch_of(test_set)
    for protocol, pairs in (("paired", 2), ("unpaired", 3)):
        found = pd.DataFrame(rows(test_set, batch, dress(*networks, batch, protocol), protocol))
        assert len(found) == 4 * pairs
        expected = {"item", "person", "garment", "protocol", "model", *METRICS}
        assert set(found.columns) == expected


def test_paired_the_untouched_person_scores_perfectly(networks, test_set):
    batch = batch_of(test_set)
    found = rows(test_set, batch, dress(*networks, batch, "paired"), "paired")
    untouched = [row for row in found if row["model"] == "person"]
    assert [row["psnr"] for row in untouched] == [100, 100]
    assert [row["ssim"] for row in untouched] == pytest.approx([1, 1], abs=2e-4)


def test_a_model_that_gives_no_numbers_has_no_scores(test_set):
    batch = batch_of(test_set)
    broken = batch["person"].clone()
    broken[1, 0, 5, 5] = torch.nan
    found = rows(test_set, batch, {"student": Dressed(broken)}, "paired")
    assert not math.isnan(found[0]["ssim"])
    assert all(math.isnan(found[1][name]) for name in METRICS)


def test_the_summary_averages_what_is_known_and_says_how_much_that_is():
    table = pd.DataFrame([
        {"protocol": "unpaired", "model": model, **dict.fromkeys(METRICS, math.nan), "ssim": value}
        for model, values in (("student", (0.5, math.nan)), ("person", (0.2, 0.4)))
        for value in values
    ])  # fmt: skip
    found = summary(table)
    assert found["unpaired"] == {"student": {"ssim": 0.5}, "person": {"ssim": 0.3}}
    assert found["counts"] == {"unpaired": {"pairs": 2, "student": 1, "person": 2}}


# Pictures


def evaluated(batch, made):
    return SimpleNamespace(protocol="unpaired", batch=batch, dressed=made, rows=[])


@pytest.mark.parametrize("known", [True, False])
def test_the_grid_has_a_row_per_person_and_a_column_for_what_is_known(networks, test_set, known):
    batch = batch_of(test_set)
    seen = evaluated(batch, dress(*networks, batch, "unpaired"))
    gallery = Gallery(2)
    image = torch.zeros(3, *tinyset.SIZE) if known else None
    for _ in range(2):  # the second batch finds it full
        gallery.add(seen, [image] * 3, ["a in g1", "b in g2", "c in g0"])
    found = photoset.cv2.imdecode(np.frombuffer(gallery.png(), np.uint8), 1)
    height, width = (2 * side for side in tinyset.SIZE)
    columns = len(COLUMNS) if known else len(COLUMNS) - 1
    assert found.shape[0] == HEADER + 2 * (height + CAPTION + GAP) + GAP
    assert found.shape[1] == columns * (width + GAP) + GAP


def test_curves_of_the_stages_that_have_one_are_drawn(tmp_path):
    curve = pd.DataFrame({"step": range(1, 41), "total": np.linspace(5, 1, 40)})
    curve.to_csv(tmp_path / "curve.csv", index=False)
    draw_curves({"tutor_warp": tmp_path / "curve.csv"}, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
