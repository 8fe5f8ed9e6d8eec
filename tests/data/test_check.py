"""Who is left out of sound photos: whoever has nothing to try on, and what shows test persons."""

from pathlib import Path

import photoset
from prepared import copy

from pfafn.data.check import DEFAULTS, check, review

SIZE = (64, 48)


def found(data: Path) -> list[tuple[str, str, str | None]]:
    return [(f.file, f.reason.value, f.sample) for f in check(data)]


def test_who_has_no_garment_but_her_own_to_try_on_is_left_out(tmp_path: Path) -> None:
    data = photoset.viton(tmp_path / "data", train=1, test=2, size=SIZE)
    [finding] = check(data)
    assert (finding.file, finding.reason.value) == ("train_img/000000_0.jpg", "no_other_garment")
    assert (finding.split, finding.sample, finding.rejects) == ("train", "000000_0", True)
    assert finding.value == "no other upper garment in train"


def test_a_twin_of_her_own_garment_is_no_other_one(tmp_path: Path) -> None:
    data = photoset.viton(tmp_path / "data", train=2, test=2, size=SIZE)
    copy(data, "train_color/000000_1.jpg", "train_color/000001_1.jpg")
    lonely = [(f"train_img/00000{n}_0.jpg", "no_other_garment", f"00000{n}_0") for n in range(2)]
    assert found(data) == lonely


def test_a_sound_set_has_no_finding(tmp_path: Path) -> None:
    assert found(photoset.viton(tmp_path / "data", train=2, test=2, size=SIZE)) == []


def test_a_person_without_a_garment_of_her_own_is_taken_into_test(tmp_path: Path) -> None:
    for n in range(3):
        photoset.viton_hd_sample(tmp_path / "data", n, whole=n > 0, size=SIZE)
    photoset.viton_hd_garment(tmp_path / "data", 9)
    taken = review(tmp_path / "data", DEFAULTS, seed=0)
    assert "00000_00" in [person.files.name for person in taken.persons["test"]]
