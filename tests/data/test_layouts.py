import re
from pathlib import PurePosixPath

import photoset
import pytest

from pfafn.data.catalogue import read_catalogue
from pfafn.data.layouts import (
    DRESSCODE,
    LAYOUTS,
    VITON,
    VITON_HD,
    VITON_RESIZE,
    LayoutError,
    detect,
    recognise,
)
from pfafn.kit.files import MissingInput
from pfafn.models.parts import Category


def catalogue(root, seed=0, test_fraction=0.5):
    return read_catalogue(root, seed=seed, test_fraction=test_fraction)


def everyone(root):
    return [person for split in catalogue(root).splits.values() for person in split.persons]


def names(root, split, **options):
    return [person.name for person in catalogue(root, **options).splits[split].persons]


def hd(root, whole, lone=(), garments=()):
    for n in whole:
        photoset.viton_hd_sample(root, n)
    for n in lone:
        photoset.viton_hd_sample(root, n, whole=False, points=18)
    for n in garments:
        photoset.viton_hd_garment(root, n)
    return root


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_is_told_from_its_folders(tmp_path, name):
    hd(tmp_path / "viton-hd", [1])
    photoset.viton(tmp_path / "viton", 1, 1)
    photoset.viton_resize(tmp_path / "viton-resize", 1, 1)
    photoset.dresscode(tmp_path / "dresscode", 1)
    assert detect(tmp_path / name).name == name


def test_an_unknown_layout_lists_what_was_looked_for(tmp_path):
    (tmp_path / "pictures").mkdir()
    with pytest.raises(LayoutError, match=r"it has \['pictures'\].*train_img.*upper_body/images"):
        detect(tmp_path)


def test_an_empty_folder_says_how_to_get_data(tmp_path):
    with pytest.raises(MissingInput, match="pfafn adopt"):
        detect(tmp_path)


def test_viton_test_clothes_are_garments(tmp_path):
    root = photoset.viton(tmp_path, 1, 2)
    (root / "test_color").rename(root / "test_clothes")
    assert sorted(catalogue(root).splits["test"].garments) == ["000100_1", "000101_1"]


def test_of_two_pictures_of_a_person_one_is_taken_and_the_other_is_astray(tmp_path):
    image = everyone(photoset.viton(tmp_path, 2, 1))[0].image
    again = image.with_suffix(".png")
    again.write_bytes(image.read_bytes())
    assert everyone(tmp_path)[0].image == image
    assert catalogue(tmp_path).strays == [again]


def test_viton_without_test_folders_draws_a_seeded_test_split(tmp_path):
    photoset.viton(tmp_path, train=8, test=0)
    drawn = names(tmp_path, "test", test_fraction=0.25, seed=3)
    assert len(drawn) == 2
    assert drawn == names(tmp_path, "test", test_fraction=0.25, seed=3)
    assert len(names(tmp_path, "train", test_fraction=0.25, seed=3)) == 6


def test_a_drawn_person_takes_its_garment_to_test(tmp_path):
    photoset.viton(tmp_path, train=4, test=0)
    splits = catalogue(tmp_path).splits
    assert {p.garment for p in splits["test"].persons} == splits["test"].garments.keys()
    assert {p.garment for p in splits["train"].persons} == splits["train"].garments.keys()


def test_viton_hd_persons_without_a_garment_are_test_only(tmp_path):
    hd(tmp_path, whole=range(4), lone=[10, 11], garments=[20, 21, 22])
    splits = catalogue(tmp_path, test_fraction=0.25).splits
    assert len(splits["train"].persons) == 3
    assert {p.name: p.garment for p in splits["test"].persons if p.garment is None}.keys() == {
        "00010_00", "00011_00",
    }  # fmt: skip
    assert {"00020_00", "00021_00", "00022_00"} < splits["test"].garments.keys()


def test_a_person_alone_in_train_joins_test(tmp_path):
    hd(tmp_path, whole=[1], lone=[10], garments=[20])
    assert names(tmp_path, "test", test_fraction=0.1) == ["00001_00", "00010_00"]


def test_viton_hd_reads_both_spellings_of_its_folders(tmp_path):
    hd(tmp_path, whole=[1], lone=[10])
    assert all(p.keypoints and p.parsing for p in everyone(tmp_path))


@pytest.mark.parametrize("name", LAYOUTS)
def test_folders_may_be_spelt_otherwise(tmp_path, name):
    """In capitals, with _ for -, and training for train: the same photos are found."""
    split_sets(tmp_path)
    expected = listed(catalogue(tmp_path / name))
    for folder in sorted((tmp_path / name).rglob("*/"), key=lambda p: -len(p.parts)):
        spelt = re.sub("^train(?![a-z])", "training", folder.name.replace("-", "_")).upper()
        folder.rename(folder.with_name(spelt))
    found = catalogue(tmp_path / name)
    assert listed(found) == expected
    assert (found.strays, found.unused, found.layout.name) == ([], {}, name)


def split_sets(root):
    photoset.viton(root / "viton", 2, 2)
    photoset.viton_resize(root / "viton-resize", 2, 2)
    photoset.dresscode(root / "dresscode", 4)
    for split, n in (("train", 1), ("train", 2), ("test", 3)):
        photoset.viton_hd_sample(root / "viton-hd" / split, n)


def listed(found) -> list[tuple]:
    """What a catalogue holds, but for the spelling of paths."""
    return [
        (p.split, p.name, p.garment, bool(p.parsing), bool(p.keypoints), p.absent,
         bool(p.garment and found.splits[p.split].garments[p.garment].mask))
        for split in found.splits.values() for p in split.persons
    ] + [found.splits["test"].pairs]  # fmt: skip


def test_an_annotation_that_is_not_there_is_told_where_its_folder_is(tmp_path):
    (tmp_path / "Train").mkdir()
    photoset.viton_hd_sample(tmp_path / "Train", 1)
    next((tmp_path / "Train/image-parse-v3").iterdir()).unlink()
    (person,) = catalogue(tmp_path, test_fraction=0).splits["test"].persons
    assert [path.relative_to(tmp_path).parts[0] for path in person.absent] == ["Train"]


@pytest.mark.parametrize(
    "name",
    [
        "test_pairs_unpaired.txt",
        "Test_Unpaired.txt",
        "TEST-PAIRS.TXT",
        "test_pairs.csv",
        "test_pairs.txt.txt",
    ],
)
def test_a_pairs_file_may_have_another_usual_name(tmp_path, name):
    root = photoset.viton(tmp_path, 1, 3)
    expected = catalogue(root).splits["test"].pairs
    (root / "test_pairs.txt").rename(root / name)
    assert catalogue(root).splits["test"].pairs == expected != []


def test_a_pairs_file_may_lie_with_its_split(tmp_path):
    root = photoset.viton_resize(tmp_path)
    (root / "test_pairs.txt").rename(root / "test/test_pairs.txt")
    assert catalogue(root).splits["test"].pairs == [("000100_0", "000101_1")]


def test_of_paired_and_unpaired_files_the_unpaired_one_comes_first(tmp_path):
    root = photoset.viton(tmp_path, 1, 3)
    (root / "test_pairs.txt").rename(root / "test_pairs_unpaired.txt")
    (root / "test_pairs_paired.txt").write_text("000100_0.jpg 000100_1.jpg\n")
    assert [g for p, g in catalogue(root).splits["test"].pairs if p == "000100_0"] == [
        "000101_1", "000100_1",
    ]  # fmt: skip


def test_dresscode_reads_pairs_beside_its_categories_too(tmp_path):
    root = photoset.dresscode(tmp_path)
    expected = names(root, "train"), names(root, "test")
    for file in ("train_pairs.txt", "test_pairs_unpaired.txt", "test_pairs_paired.txt"):
        parts = [root / category / file for category in ("upper_body", "dresses")]
        (root / file).write_text("".join(part.read_text() for part in parts))
        for part in parts:
            part.unlink()
    assert (names(root, "train"), names(root, "test")) == expected


def test_a_name_in_letters_and_accents_is_the_composed_one(tmp_path):
    root = photoset.viton(tmp_path, 1, 1)
    for path in list(root.glob("test_*/000100*")):
        path.rename(path.with_name(path.name.replace("000100", "rene\u0301")))
    (root / "test_pairs.txt").write_text("ren\u00e9_0.jpg ren\u00e9_1.jpg\n")
    test = catalogue(root).splits["test"]
    assert [(person.name, person.garment) for person in test.persons] == test.pairs


def test_a_folder_that_no_layout_reads_is_counted(tmp_path):
    root = photoset.viton(tmp_path, 1, 1)
    for name in ("train_masks/old/a.png", "train_masks/b.png", "test_img/more/c.jpg"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    (root / "empty").mkdir()
    unused = catalogue(root).unused
    assert unused == {root / "train_masks": 2, root / "test_img/more": 1}


def test_a_pairs_file_without_pairs_is_told(tmp_path):
    root = photoset.viton(tmp_path, 1, 1)
    (root / "test_pairs.txt").write_text("\n")
    [(path, problem)] = catalogue(root).bad_lines
    assert path == root / "test_pairs.txt"
    assert "no pairs in the file" in problem


def test_a_pairs_file_of_another_name_is_astray(tmp_path):
    root = photoset.viton(tmp_path, 1, 1)
    (root / "my_pairs.csv").write_text("a b")
    assert catalogue(root).strays == [root / "my_pairs.csv"]


def test_dresscode_takes_splits_from_its_pairs_and_categories_from_folders(tmp_path):
    photoset.dresscode(tmp_path)
    assert names(tmp_path, "train") == ["000000_0", "000001_0", "000050_0", "000051_0"]
    test = catalogue(tmp_path).splits["test"].persons
    assert [p.category for p in test] == [Category.UPPER] * 2 + [Category.DRESS] * 2
    assert ("000002_0", "000003_1") in catalogue(tmp_path).splits["test"].pairs


@pytest.mark.parametrize(
    ("layout", "name", "known"),
    [
        (VITON, "train_img/000001_0.jpg", True),
        (VITON, "test_clothes/000001_1.JPG", True),
        (VITON, "test_clothes/000001_1.webp", True),
        (VITON, "test_clothes/._000001_1.jpg", False),
        (VITON, "test_pairs.txt", True),
        (VITON, "truth/test_flow/a__b.png", True),
        (VITON, "train_img/000001_1.jpg", False),
        (VITON, "train_img/run.sh", False),
        (VITON, "other/train_img/000001_0.jpg", False),
        (DRESSCODE, "dresses/keypoints/000001_2.json", True),
        (DRESSCODE, "keypoints/000001_2.json", False),
        (DRESSCODE, "dresses/images/000001_2.jpg", False),
        (VITON_RESIZE, "train/image/000001_1.jpg", False),
        (VITON_RESIZE, "train/image-parse/000001_0.jpg", False),
        (VITON_HD, "image-densepose/000001_00.png", False),
    ],
)
def test_a_layout_knows_its_files(layout, name, known):
    assert layout.knows(PurePosixPath(name)) is known


FILES = {
    VITON.name: """
        train_img/1_0.jpg test_img/1_0.png train_color/1_1.jpg train_clothes/1_1.jpg
        train_edge/1_1.jpg test_label/1_0.png train_pose/1_0_keypoints.json
        test_densepose/1_0.npy test_pairs.txt demo.txt truth/test_tryon/a__b.png
        truth/test_label/a__b.png truth/test_flow/a__b.png truth/train_flow/a__b.png""",
    VITON_RESIZE.name: """
        train/image/1_0.jpg test/cloth/1_1.jpg train/cloth-mask/1_1.jpg test/image-parse/1_0.png
        train/pose/1_0_keypoints.json image/1_0.jpg cloth/1_1.jpg cloth-mask/1_1.png
        image-parse/1_0.png pose/1_0_keypoints.json test_pairs.txt""",
    VITON_HD.name: """
        train/image/1_00.jpg test/cloth/1_00.jpg train/cloth-mask/1_00.jpg image/1_00.jpg
        cloth/1_00.jpg cloth-mask/1_00.jpg test/image-parse-v3/1_00.png image-parse-v3/1_00.png
        test/image-parse/1_00.png image-parse/1_00.png train/openpose_json/1_00_keypoints.json
        test/openpose-json/1_00_keypoints.json openpose-json/1_00_keypoints.json test_pairs.txt""",
    DRESSCODE.name: """
        upper_body/images/1_0.jpg lower_body/images/1_1.jpg dresses/masks/1_1.png
        dresses/cloth-mask/1_1.jpg upper_body/label_maps/1_4.png upper_body/keypoints/1_2.json
        lower_body/dense/1_5.png upper_body/train_pairs.txt dresses/test_pairs_unpaired.txt
        dresses/test_pairs_paired.txt""",
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_layout_knows_every_kind_of_file_that_its_data_set_has(layout):
    files = FILES[layout.name].split()
    assert [file for file in files if not layout.knows(PurePosixPath(file))] == []


@pytest.mark.parametrize(
    ("folders", "name"),
    [
        ({"test_img"}, "viton"),
        ({"train/image", "train/cloth", "train/pose"}, "viton-resize"),
        ({"test/image", "test/cloth", "test/pose"}, "viton-resize"),
        ({"image", "cloth", "pose"}, "viton-resize"),
        ({"train/image", "train/cloth"}, "viton-hd"),
        ({"test/image", "test/cloth"}, "viton-hd"),
        ({"image", "cloth"}, "viton-hd"),
        ({"lower_body/images"}, "dresscode"),
        ({"dresses/images"}, "dresscode"),
        ({"train/image", "test/cloth"}, None),
        (set(), None),
    ],
)
def test_a_layout_is_told_by_any_of_its_signs(folders, name):
    assert recognise(folders) is (name and LAYOUTS[name])


def test_only_dresscodes_keypoints_count_in_pixels_of_another_picture():
    drawn = {layout.name: layout.drawn_in for layout in LAYOUTS.values() if layout.drawn_in}
    assert drawn == {"dresscode": (512, 384)}
    dressed = [each.name for each in LAYOUTS.values() if each.every_person_has_a_garment]
    assert dressed == ["viton", "viton-resize"]
