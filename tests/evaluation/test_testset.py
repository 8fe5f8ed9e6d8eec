"""What a test split knows: pairs, true pictures and flows, and which protocol it is."""

import shutil

import numpy as np
import pandas as pd
import photoset
import pyarrow as pa
import pytest
import tinyset
import torch

from pfafn.evaluation.testset import NothingToEvaluate, Pair, TestSet, truths
from pfafn.evaluation.truth import may_change
from pfafn.photos.images import encode_png
from pfafn.samples.shards import Shards


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


def test_the_true_parsing_is_read_exactly(test_set):
    known = test_set.known(Pair(tinyset.SPLIT + 1, 2, "unpaired"))
    assert torch.equal(known.shown, torch.from_numpy(tinyset.true_parsing()))


def test_truth_that_was_stored_without_its_parsing_has_no_groups(tmp_path, batch):
    tinyset.write_all(tmp_path)
    stored = tmp_path / "prepare/truth"
    kept = map(Shards(stored).__getitem__, range(3))
    content = [{name: row[name] for name in ("tryon", "flow")} for row in kept]
    shutil.rmtree(stored)
    tinyset.rows(stored, dict.fromkeys(content[0], pa.binary()), content)
    a = truths(TestSet(tmp_path / "prepare", tmp_path / "annotate"), batch, "unpaired")[0]
    assert a.image is not None and a.groups() == {}


def test_unpaired_without_truth_the_photo_is_true_beside_what_may_change(test_set, batch):
    a, b, c = truths(test_set, batch, "unpaired")
    assert a.whole and b.whole
    assert not c.whole and c.clothes is None
    torch.testing.assert_close(c.image, batch.person[2] / 2 + 0.5)
    assert torch.equal(c.region, may_change(batch.annotation)[2])
    assert 0 < c.region.float().mean() < 1


def test_paired_the_photo_is_the_truth_and_parsing_says_where_the_clothes_are(test_set, batch):
    a, b, c = truths(test_set, batch, "paired")
    torch.testing.assert_close(a.image, batch.person[0] / 2 + 0.5)
    clothes = torch.from_numpy(photoset.parsing(tinyset.SIZE) == photoset.Parsing.UPPER_CLOTHES)
    assert torch.equal(b.clothes[0], clothes)
    assert a.flow is not None and b.flow is None
    assert a.groups() == {}  # nothing is uncovered
    assert c is None


def test_unpaired_the_region_is_old_and_new_clothes(test_set, batch):
    batch.annotation.parsing.zero_()
    batch.annotation.parsing[1, :4, :4] = photoset.Parsing.UPPER_CLOTHES
    b = truths(test_set, batch, "unpaired")[1]
    expected = torch.from_numpy(tinyset.visible())[None].clone()
    expected[:, :4, :4] = True
    assert torch.equal(b.region, expected)


def test_the_known_flow_outweighs_a_wrong_parsing(test_set, batch):
    batch.annotation.parsing.zero_()
    a = truths(test_set, batch, "paired")[0]
    assert torch.equal(a.clothes[0], torch.from_numpy(tinyset.visible()))


def test_paired_the_region_is_the_clothes_that_are_worn(test_set, batch):
    a, b, _ = truths(test_set, batch, "paired")
    assert a.region.any() and b.region.any()
    assert torch.equal(a.region, a.clothes) and torch.equal(b.region, b.clothes)


def test_of_several_other_garments_the_first_is_tried_on(tmp_path):
    tinyset.write_all(tmp_path)
    path = tmp_path / "prepare/manifest.parquet"
    manifest = pd.read_parquet(path)
    manifest["unpaired"] = [[2, 1, 0]] * len(manifest)
    manifest.to_parquet(path)
    test = TestSet(tmp_path / "prepare", tmp_path / "annotate")
    assert {test.pair(item, "unpaired").garment for item in test.persons} == {2}


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
    told = test_set.protocol()
    assert protocol_after(tmp_path, more_training_persons) == told
    assert (told["persons"], told["image"]) == (3, list(tinyset.SIZE))  # height first


def annotated_otherwise(**others):
    """A change of what tutor and baselines are told of every person."""

    def change(artifacts) -> None:
        shutil.rmtree(artifacts / "annotate/shards")
        tinyset.write_annotations(artifacts, **others)

    return change


TORSO = encode_png(np.ones(tinyset.SIZE, np.uint8))


def other_photos(artifacts) -> None:
    shutil.rmtree(artifacts / "prepare/persons")
    black = {"image": encode_png(np.zeros((*tinyset.SIZE, 3), np.uint8))}
    tinyset.rows(artifacts / "prepare/persons", {"image": pa.binary()}, [black] * 7)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (another_garment_name, "pairs"),
        (no_truth, "pictures"),
        (annotated_otherwise(parsing=np.zeros(tinyset.SIZE, np.uint8)), "pictures"),
        (annotated_otherwise(body_parts=TORSO), "pictures"),
        (annotated_otherwise(keypoints=[1.0] * 54), "pictures"),
        (other_photos, "pictures"),
    ],
)
def test_other_pairs_or_pictures_are_another_protocol(test_set, tmp_path, change, key):
    before, after = test_set.protocol(), protocol_after(tmp_path, change)
    assert {name for name in before if before[name] != after[name]} == {key}
