"""The synthetic data set on disk: layout, reproducibility, truth."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from pfafn.models.parts import Keypoint, Parsing
from pfafn.studio.dataset import synthesise

H, W = 128, 96


def read_tree(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def read(path: Path) -> np.ndarray:
    """Pixels as stored, colours in RGB order."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return image if image.ndim == 2 else image[..., ::-1]


def pairs_of(root: Path) -> list[tuple[str, str]]:
    lines = (root / "test_pairs.txt").read_text().splitlines()
    return [tuple(Path(name).stem for name in line.split()) for line in lines]


def warp_by(flow: np.ndarray, garment: np.ndarray) -> np.ndarray:
    """The flat garment sampled bilinearly where a decoded KITTI flow points."""
    ys, xs = np.mgrid[: flow.shape[0], : flow.shape[1]].astype(np.float32)
    offset = (flow[..., :2].astype(np.float32) - 32768) / 64
    return cv2.remap(garment, xs + offset[..., 0], ys + offset[..., 1], cv2.INTER_LINEAR)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("studio") / "data"
    synthesise(out, train=3, test=4, size=(H, W))
    return out


def test_the_layout_is_vitons_with_the_truth_beside_it(data: Path):
    train = ["000000", "000001", "000002"]
    pairs = {f"{p}__{g}.png" for p, g in pairs_of(data)}
    own = {f"{i:06d}_0__{i:06d}_1.png" for i in range(3, 7)}
    expected = {
        "train_img": {f"{i}_0.jpg" for i in train},
        "train_color": {f"{i}_1.jpg" for i in train},
        "train_edge": {f"{i}_1.png" for i in train},
        "train_label": {f"{i}_0.png" for i in train},
        "train_pose": {f"{i}_0_keypoints.json" for i in train},
        "train_densepose": {f"{i}_0.npy" for i in train},
        "truth/train_flow": {f"{i}_0__{i}_1.png" for i in train},
        "truth/test_tryon": pairs,
        "truth/test_label": pairs,
        "truth/test_flow": pairs | own,
    }
    assert {f: {p.name for p in (data / f).iterdir()} for f in expected} == expected


def test_every_picture_has_the_size_asked_for(data: Path):
    pictures = [p for p in data.rglob("*") if p.suffix in (".jpg", ".png")]
    assert {read(p).shape[:2] for p in pictures} == {(H, W)}


def test_labels_are_ids_and_masks_are_black_and_white(data: Path):
    assert set(np.unique(read(data / "test_edge/000003_1.png"))) == {0, 255}
    assert read(data / "test_label/000003_0.png").max() <= max(Parsing)
    parts = np.load(data / "test_densepose/000003_0.npy")
    assert parts.shape == (H, W)
    assert parts.max() <= 24


def test_keypoints_are_openposes_18(data: Path):
    pose = json.loads((data / "test_pose/000003_0_keypoints.json").read_text())
    points = np.reshape(pose["people"][0]["pose_keypoints"], (18, 3))
    assert set(points[:, 2]) <= {0.0, 1.0}
    assert points[Keypoint.LEFT_SHOULDER, 0] > points[Keypoint.RIGHT_SHOULDER, 0]


def test_nobody_tries_on_their_own_garment_and_each_garment_is_tried_once(data: Path):
    pairs = pairs_of(data)
    assert all(person[:6] != garment[:6] for person, garment in pairs)
    assert sorted(g[:6] for _, g in pairs) == sorted(p[:6] for p, _ in pairs)


def test_the_same_seed_gives_the_same_bytes_with_any_number_of_workers(data: Path, tmp_path: Path):
    synthesise(tmp_path / "again", train=3, test=4, size=(H, W), workers=2)
    assert read_tree(tmp_path / "again") == read_tree(data)


def test_another_seed_draws_other_people(data: Path, tmp_path: Path):
    synthesise(tmp_path / "other", train=1, test=0, size=(H, W), seed=8)
    name = "train_img/000000_0.jpg"
    assert (tmp_path / "other" / name).read_bytes() != (data / name).read_bytes()


def test_a_sample_does_not_depend_on_how_many_are_drawn(data: Path, tmp_path: Path):
    synthesise(tmp_path / "few", train=1, test=2, size=(H, W))
    few, many = read_tree(tmp_path / "few"), read_tree(data)
    assert few["train_img/000000_0.jpg"] == many["train_img/000000_0.jpg"]
    assert few["test_img/000001_0.jpg"] == many["test_img/000003_0.jpg"]


def test_parsing_noise_spoils_the_photos_parsing_and_nothing_else(data: Path, tmp_path: Path):
    synthesise(tmp_path / "noisy", train=3, test=4, size=(H, W), parsing_noise=1.0)
    noisy, clean = read_tree(tmp_path / "noisy"), read_tree(data)
    changed = {name for name in clean if noisy[name] != clean[name]}
    assert changed == {name for name in clean if name.startswith(("train_label/", "test_label/"))}


@pytest.mark.parametrize("paired", [True, False], ids=["worn", "tried on"])
def test_the_true_flow_turns_the_flat_garment_into_the_worn_one_up_to_light(
    data: Path, paired: bool
):
    person, garment = pairs_of(data)[0]
    garment = person[:6] + "_1" if paired else garment
    flow = read(data / f"truth/test_flow/{person}__{garment}.png")
    tried = data / f"truth/test_tryon/{person}__{garment}.png"
    photo = read(data / f"test_img/{person}.jpg" if paired else tried).astype(float)
    warped = warp_by(flow, read(data / f"test_color/{garment}.jpg")).astype(float)
    inside = cv2.erode(flow[..., 2].astype(np.uint8), np.ones((3, 3))) > 0
    light = (photo * warped).sum(-1) / (warped * warped).sum(-1).clip(1)
    assert np.abs(photo - light[..., None] * warped)[inside].mean() < 4
    assert 0.5 < light[inside].min() < light[inside].max() < 1.3


def test_the_flow_lands_on_the_garment_and_is_zero_where_it_is_not_seen(data: Path):
    flow = read(data / "truth/test_flow/000003_0__000003_1.png")
    seen = flow[..., 2] == 1
    mask = warp_by(flow, read(data / "test_edge/000003_1.png"))
    assert (mask[seen] > 127).mean() > 0.97
    assert not flow[~seen].any()


@pytest.mark.parametrize("worn", [True, False], ids=["worn", "tried on"])
def test_the_parsing_calls_upper_clothes_what_the_flow_calls_visible(data: Path, worn: bool):
    person, garment = ("000003_0", "000003_1") if worn else pairs_of(data)[0]
    pair = f"{person}__{garment}.png"
    flow = read(data / "truth/test_flow" / pair)
    parsing = read(data / (f"test_label/{person}.png" if worn else f"truth/test_label/{pair}"))
    np.testing.assert_array_equal(parsing == Parsing.UPPER_CLOTHES, flow[..., 2] == 1)


def test_the_true_picture_in_another_garment_keeps_the_face(data: Path):
    person, garment = pairs_of(data)[0]
    photo = read(data / f"test_img/{person}.jpg").astype(float)
    truth = read(data / f"truth/test_tryon/{person}__{garment}.png")
    face = read(data / f"test_label/{person}.png") == Parsing.FACE
    assert np.abs(photo - truth)[face].mean() < 4  # JPEG


def test_progress_is_told_of_each_person(tmp_path: Path):
    steps: list[int] = []
    synthesise(tmp_path / "data", train=2, test=2, size=(64, 32), progress=steps.append)
    assert sum(steps) == 4


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path):
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(FileExistsError, match="not empty"):
        synthesise(tmp_path, train=1, test=0, size=(64, 32))
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_filled(tmp_path: Path):
    (tmp_path / "data").mkdir()
    synthesise(tmp_path / "data", train=1, test=0, size=(64, 32))
    assert (tmp_path / "data/train_img/000000_0.jpg").is_file()


def test_a_run_that_breaks_off_leaves_no_data_folder(tmp_path: Path):
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthesise(tmp_path / "data", train=2, test=0, size=(64, 32), progress=stop)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": (100, 96)}, "multiples of 32"),
        ({"train": 0, "test": 0}, "not both 0"),
        ({"test": 1}, "at least 2"),
        ({"parsing_noise": 1.5}, "between 0 and 1"),
        ({"workers": 0}, "at least 1"),
    ],
)
def test_impossible_numbers_are_refused(wrong: dict, message: str, tmp_path: Path):
    settings = {"train": 2, "test": 2, "size": (64, 32)} | wrong
    with pytest.raises(ValueError, match=message):
        synthesise(tmp_path / "data", **settings)
