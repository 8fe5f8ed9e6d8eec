"""Nothing gets lost: whoever is not in the manifest is named in the report, and counted."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import photoset
import pytest
from fuzz import damaged, examples
from hypothesis import given
from hypothesis import strategies as st
from prepared import manifest, report, run

from pfafn.data.check import check
from pfafn.stages.prepare import RejectedError

SIZE = (64, 48)
KINDS = {
    "img/{}_0.jpg": "person", "label/{}_0.png": "parsing", "pose/{}_0_keypoints.json": "keypoints",
    "color/{}_1.jpg": "garment", "edge/{}_1.jpg": "mask",
}  # fmt: skip
SAMPLES = {"train": range(4), "test": range(100, 103)}
FILES = [
    f"{split}_{kind.format(f'{n:06d}')}"
    for split, numbers in SAMPLES.items()
    for n in numbers
    for kind in KINDS
]
PERSONS = {f"{n:06d}_0" for numbers in SAMPLES.values() for n in numbers}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photoset.viton(tmp_path_factory.mktemp("sound") / "data", size=SIZE)


@st.composite
def spoilt(draw: st.DrawFn) -> dict[str, str]:
    """What happens to some of the files."""
    harm = st.sampled_from(["gone", "empty", "text", "damaged", "copied"])
    return draw(st.dictionaries(st.sampled_from(FILES), harm, min_size=1, max_size=8))


def spoil(file: Path, harm: str, data: st.DataObject) -> None:
    if harm == "gone":
        file.unlink()
    elif harm == "empty":
        file.write_bytes(b"")
    elif harm == "text":
        file.write_text("Not found")
    elif harm == "copied":
        twin = sorted(file.parent.iterdir())[0]
        file.write_bytes(twin.read_bytes())
    else:
        file.write_bytes(data.draw(damaged(file.read_bytes())))


@examples(25)
@given(data=st.data(), harms=spoilt())
def test_whoever_is_not_taken_is_named_with_a_reason(
    sound: Path, data: st.DataObject, harms: dict[str, str]
) -> None:
    with TemporaryDirectory() as place:
        root = shutil.copytree(sound, Path(place) / "data")
        for file, harm in harms.items():
            spoil(root / file, harm, data)
        strays = unknown(root)
        try:
            out = run(root, max_rejected=1.0)
        except RejectedError:
            named = {f.sample for f in check(root) if f.rejects and f.sample}
            assert {person_of(name) for name in named} | strays == PERSONS
            return
        told, taken = report(out), set(manifest(out)["person"])
        named = {reject["sample"] for reject in told["rejects"] if reject["sample"]}
        lost = PERSONS - taken - strays
        assert lost <= {person_of(name) for name in named}
        assert told["counts"]["rejected"] == len(lost)
        assert sum(told["reasons"].values()) == len(told["rejects"]) + len(told["notes"])
        assert all(reject["reason"] and reject["file"] for reject in told["rejects"])


def person_of(sample: str) -> str:
    """The person who wears a garment, or itself."""
    return f"{sample[:-2]}_0"


def unknown(root: Path) -> set[str]:
    """Persons of whom nothing tells: their files are gone, strays, or a garment to try on."""
    strays = {Path(f.file).name[:6] for f in check(root) if f.reason == "stray_file"}
    img, color, label, pose = (
        {path.name[:6] for path in root.glob(f"*_{kind}/*")}
        for kind in ("img", "color", "label", "pose")
    )
    assert (label | pose) - img - color <= strays
    train = {person[:6] for person in PERSONS if person < "000100"}
    known = img | color & (train | label | pose)
    return {person for person in PERSONS if person[:6] not in known}


@pytest.mark.parametrize(
    "name", ["\udcff_0.jpg", "\x1b[2J_0.jpg", "._000001_0.jpg", "_0.jpg", "000001_0 .jpg"]
)
def test_a_file_with_an_odd_name_harms_nobody(tmp_path: Path, name: str) -> None:
    data = photoset.viton(tmp_path / "data", size=SIZE)
    (data / "train_img" / name).write_bytes(b"x")
    out = run(data, max_rejected=0.3)
    assert set(manifest(out)["person"]) == PERSONS
    told = {f["file"] for f in report(out)["notes"] + report(out)["rejects"]}
    assert all(file.isprintable() for file in told)
    assert bool(told) == (not name.startswith("."))


def test_several_people_in_a_keypoint_file_are_noted_and_who_counts(tmp_path: Path) -> None:
    data = photoset.viton(tmp_path / "data", size=SIZE)
    crowd = photoset.openpose(photoset.keypoints(SIZE))
    passer_by = photoset.openpose(photoset.keypoints(SIZE) * [0.5, 0.5, 1])
    crowd["people"] = passer_by["people"] + crowd["people"]
    photoset.write_json(data / "train_pose/000001_0_keypoints.json", crowd)
    out = run(data)
    assert set(manifest(out)["person"]) == PERSONS
    assert report(out)["reasons"] == {"several_people": 1}
    assert report(out)["notes"][0]["file"] == "train_pose/000001_0_keypoints.json"
    assert report(out)["notes"][0]["value"].startswith("number 2 of 2 counts")
