import pickle

import numpy as np
import pandas as pd
import photoset
import pyarrow as pa
import pytest
import torch

from pfafn.kit.files import MissingInput
from pfafn.models.parts import Category
from pfafn.photos import images
from pfafn.samples.augment import Augment
from pfafn.samples.dataset import StudentSamples, TestSamples, TutorSamples, UnpairedSamples
from pfafn.samples.loading import epoch_keys, read
from pfafn.samples.shards import ShardError, ShardWriter

H, W = SIZE = (64, 96)


def rows(folder, columns: dict[str, pa.DataType], content: list[dict]):
    with ShardWriter(folder, pa.schema(list(columns.items())), 2) as writer:
        for row in content:
            writer.append(row)


def png(array: np.ndarray) -> bytes:
    return images.encode_png(array)


@pytest.fixture
def stages(tmp_path):
    """Three train persons and one in test without a garment of its own; garment n suits person n.

    Person 1's fakes are both rejected; person 0 has two accepted ones.
    """
    prepare, annotate, fakes = (tmp_path / name for name in ("prepare", "annotate", "fakes"))
    rows(prepare / "persons", {"image": pa.binary()},
         [{"image": png(photoset.person(n, SIZE))} for n in range(4)])  # fmt: skip
    worn = [photoset.garment(n, SIZE) for n in range(4)]
    rows(prepare / "garments", {"image": pa.binary(), "mask": pa.binary()},
         [{"image": png(rgb), "mask": png(mask)} for rgb, mask in worn])  # fmt: skip
    pd.DataFrame({
        "item": range(4), "split": ["train"] * 3 + ["test"], "person": list("abcd"),
        "category": ["upper", "upper", "dress", "upper"], "garment": [0, 1, 2, -1],
        "unpaired": [[1, 2], [2, 0], [0, 1], [3]],
    }).to_parquet(prepare / "manifest.parquet")  # fmt: skip
    annotation = {"parsing": pa.binary(), "body_parts": pa.binary(),
                  "keypoints": pa.list_(pa.float32())}  # fmt: skip
    points = photoset.keypoints(SIZE).ravel().tolist()
    parsing = [png(np.roll(photoset.parsing(SIZE), n, axis=0)) for n in range(4)]
    rows(annotate / "shards", annotation,
         [{"parsing": ids, "body_parts": ids, "keypoints": points} for ids in parsing])  # fmt: skip
    grays = [images.pack(np.full((*SIZE, 3), 10 * n, np.uint8)) for n in range(6)]
    half = images.pack(np.full(SIZE, 51, np.uint8))
    rows(fakes / "shards", {"image": pa.binary(), "mask": pa.binary()},
         [{"image": gray, "mask": half} for gray in grays])  # fmt: skip
    pd.DataFrame({
        "item": [0, 0, 1, 1, 2, 2], "k": [0, 1] * 3, "garment": [1, 2, 2, 0, 0, 1],
        "accepted": [True, True, False, False, False, True],
    }).to_parquet(fakes / "fakes.parquet")  # fmt: skip
    return prepare, annotate, fakes


def same(one, other):
    torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_pictures_are_scaled_to_minus_one_and_one(stages):
    person = TutorSamples(*stages[:2])[1].person
    expected = torch.from_numpy(photoset.person(1, SIZE)).permute(2, 0, 1) / 127.5 - 1
    torch.testing.assert_close(person, expected)
    assert person.is_contiguous()


def test_a_garment_is_multiplied_by_its_mask(stages):
    image, mask = TutorSamples(*stages[:2])[0].garment
    assert mask.shape == (1, H, W)
    assert mask.unique().tolist() == [0, 1]
    assert (image * (1 - mask) == 0).all()
    assert (image * mask != 0).any()


def test_samples_are_what_the_strict_decoders_see(stages, monkeypatch):
    quick = UnpairedSamples(*stages[:2], 0)[1]
    monkeypatch.setattr("pfafn.samples.dataset.quick_rgb", images.decode_rgb)
    monkeypatch.setattr("pfafn.samples.dataset.quick_gray", images.decode_ids)
    same(quick, UnpairedSamples(*stages[:2], 0)[1])


def test_a_damaged_picture_names_its_shard_and_row(stages):
    shard = stages[2] / "shards" / "00002.arrow"
    content = bytearray(shard.read_bytes())
    content[content.index(images.pack(np.full((*SIZE, 3), 50, np.uint8))) + 9] ^= 1
    shard.write_bytes(content)
    dataset = StudentSamples(*stages)
    assert dataset.items.tolist() == [0, 2]
    dataset[0]
    with pytest.raises(ShardError, match=r"fakes/shards/00002.arrow: row 1 is damaged"):
        dataset[1]


def test_item_and_category_name_the_row(stages):
    sample = TutorSamples(*stages[:2])[2]
    assert (sample.item, sample.annotation.category) == (2, Category.DRESS)
    assert sample.item.dtype == sample.annotation.category.dtype == torch.int64


def test_a_split_holds_its_own_items(stages):
    dataset = TestSamples(*stages[:2])
    assert dataset.items.tolist() == [3]
    assert dataset.manifest["person"].tolist() == ["d"]
    with pytest.raises(IndexError, match=r"items 0..0, asked for 1"):
        dataset[1]


def test_a_test_person_without_a_garment_wears_zeros_and_tries_on_the_unpaired_one(stages):
    sample = TestSamples(*stages[:2])[0]
    assert not sample.worn.mask.any()
    assert sample.worn.image.shape == (3, H, W)
    rgb, mask = (torch.from_numpy(array) for array in photoset.garment(3, SIZE))
    same(sample.unpaired.mask[0], (mask > 127).float())
    expected = (rgb.permute(2, 0, 1) / 127.5 - 1) * sample.unpaired.mask
    torch.testing.assert_close(sample.unpaired.image, expected)


def test_annotations_come_as_stored(stages):
    annotation = TutorSamples(*stages[:2])[0].annotation
    np.testing.assert_array_equal(annotation.parsing, photoset.parsing(SIZE))
    np.testing.assert_array_equal(annotation.keypoints, photoset.keypoints(SIZE))
    assert annotation.body_parts.dtype == torch.uint8


@pytest.mark.parametrize("k", [0, 1])
def test_the_kth_unpaired_garment_is_the_manifests(stages, k):
    dataset = UnpairedSamples(*stages[:2], k)
    row = dataset.manifest["unpaired"][0][k]
    assert dataset[0].row == row
    same(dataset[0].garment, TutorSamples(*stages[:2])[row].garment)


def test_the_wearer_of_an_unpaired_garment_comes_with_its_annotation(stages):
    dataset = UnpairedSamples(*stages[:2], 0)
    sample, wearer = dataset[0], dataset[1].annotation
    assert sample.row == dataset.manifest["garment"][1]
    assert not torch.equal(sample.annotation.parsing, wearer.parsing)
    same(tuple(sample.wearer), wearer[:2])


def test_a_garment_that_nobody_of_the_split_wears_has_a_wearer_of_zeros(stages):
    manifest = pd.read_parquet(stages[0] / "manifest.parquet")
    manifest["unpaired"] = [[3]] * 4
    manifest.to_parquet(stages[0] / "manifest.parquet")
    sample = UnpairedSamples(*stages[:2], 0)[0]
    for ids in sample.wearer:
        same(ids, torch.zeros_like(sample.annotation.parsing))


def test_asking_for_too_many_unpaired_garments_names_the_person(stages):
    with pytest.raises(ValueError, match="person a has only 2"):
        UnpairedSamples(*stages[:2], 2)


def test_only_items_with_an_accepted_fake_are_kept(stages):
    dataset = StudentSamples(*stages)
    assert dataset.items.tolist() == [0, 2]
    image, mask = dataset[1].fake
    torch.testing.assert_close(image, torch.full((3, H, W), 50 / 127.5 - 1))
    torch.testing.assert_close(mask, torch.full((1, H, W), 0.2))


def test_the_student_trains_on_the_tutor_s_samples_and_a_fake(stages):
    same(StudentSamples(*stages)[1][:4], tuple(TutorSamples(*stages[:2])[2]))


def test_the_epoch_draws_among_accepted_fakes(stages):
    dataset = StudentSamples(*stages)
    fakes = (dataset[epoch, 0].fake.image for epoch in range(20))
    assert {round(float((image[0, 0, 0] + 1) * 127.5)) for image in fakes} == {0, 10}


def test_a_share_of_the_keys_has_the_photo_for_a_fake_and_nothing_over_it(stages):
    photos, share = 0, 0.25
    dataset = StudentSamples(*stages, photos=share)
    for epoch in range(200):
        sample = dataset[(epoch, 0)]
        is_photo = torch.equal(sample.fake.image, sample.person)
        assert is_photo == (not sample.fake.mask.any())
        photos += is_photo
    assert abs(photos / 200 - share) < 4 * (share * (1 - share) / 200) ** 0.5
    assert not torch.equal(dataset[0].fake.image, dataset[0].person), "a plain key has the fake"


def test_without_photos_the_draw_of_fakes_is_as_ever(stages):
    never, hardly = (StudentSamples(*stages, photos=share) for share in (0.0, 1e-12))
    for epoch in range(20):
        same(never[epoch, 0], hardly[epoch, 0])


def test_augmentation_depends_on_seed_epoch_and_item_alone(stages):
    def dataset(seed):
        augment = Augment(flip=0.5, shift=0.2, colour=0.2)
        return TutorSamples(*stages[:2], augment=augment, seed=seed)

    used = dataset(5)
    for key in [(0, 1), (3, 2), (1, 0)]:
        used[key]
    same(used[2, 1], pickle.loads(pickle.dumps(dataset(5)))[2, 1])
    assert (used[2, 1].person != used[3, 1].person).any()
    assert (used[2, 1].person != dataset(6)[2, 1].person).any()


def test_leaving_out_items_does_not_change_the_others(stages):
    how = {"augment": Augment(shift=0.2), "seed": 3}
    fakes = pd.read_parquet(stages[2] / "fakes.parquet")
    every = fakes.assign(accepted=[True, False] * 3)  # one each: nothing is drawn among them
    every.to_parquet(stages[2] / "fakes.parquet")
    whole = StudentSamples(*stages, **how)
    every[every["item"] != 1].reset_index(drop=True).to_parquet(stages[2] / "fakes.parquet")
    fewer = StudentSamples(*stages, **how)
    assert fewer.items[1] == whole.items[2]
    same(fewer[1, 1].person, whole[1, 2].person)


def test_without_an_epoch_nothing_is_augmented(stages):
    same(TutorSamples(*stages[:2], augment=Augment(flip=1.0))[0], TutorSamples(*stages[:2])[0])


def test_loader_workers_give_batches_of_the_same_samples(stages):
    dataset = StudentSamples(*stages, augment=Augment(flip=0.5, shift=0.2))
    sampler = epoch_keys(2, seed=1, epoch=4)
    loader = torch.utils.data.DataLoader(dataset, batch_size=2, sampler=sampler, num_workers=1)
    same(next(read(loader)), torch.utils.data.default_collate([dataset[key] for key in sampler]))


@pytest.mark.parametrize(("place", "stage"), [(0, "prepare"), (1, "annotate"), (2, "fakes")])
def test_a_missing_input_names_its_stage(stages, tmp_path, place, stage):
    folders = [*stages[:place], tmp_path / "none", *stages[place + 1 :]]
    with pytest.raises(MissingInput, match=f"dvc repro {stage}"):
        StudentSamples(*folders)


def test_an_epoch_visits_every_item_once():
    keys = epoch_keys(10, seed=1, epoch=2)
    assert sorted(keys) == [(2, i) for i in range(10)]
    assert keys != sorted(keys)


def test_epochs_and_seeds_have_their_own_order():
    orders = [epoch_keys(50, seed, epoch) for seed, epoch in [(1, 0), (1, 1), (2, 0)]]
    assert len({tuple(i for _, i in order) for order in orders}) == 3


def test_ranks_share_the_items_evenly():
    ranks = [epoch_keys(10, 1, 0, rank=r, world=3) for r in range(3)]
    assert [len(keys) for keys in ranks] == [4, 4, 4]
    assert {i for keys in ranks for _, i in keys} == set(range(10))
