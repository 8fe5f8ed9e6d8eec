"""Over many files: who is remembered, and for whom."""

from pathlib import Path

import numpy as np
import pytest
import torch
from iccprofiles import encoded
from PIL import Image

from benchmarks.icc import WIDE
from pfafn.doctor.findings import Finding, Severity, found
from pfafn.inference.folders import (
    HELD,
    Job,
    TryOnError,
    dress_all,
    in_blocks,
    jobs,
    left_out,
    mask_of,
    pictures,
)
from pfafn.inference.writing import write_picture
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.images import encode_png, read_rgb

SIZE = (36, 48)
BLURRED = found("blurred", Severity.WARN, "it is blurred", 2.5, 1.9)


class Pasting:
    """Stands in for a model: a try-on is the person, and the garment where its mask is."""

    device = torch.device("cpu")

    def encode_person(self, photo: PersonPhoto, pose: object) -> PersonPhoto:
        return photo

    def encode_garment(self, photo: GarmentPhoto) -> GarmentPhoto:
        return photo

    def dress(
        self, pairs: list[tuple[PersonPhoto, GarmentPhoto]], *, preserve: bool | None
    ) -> list[np.ndarray]:
        return [np.where(g.mask[..., None] > 0, g.rgb, p.rgb) for p, g in pairs]


@pytest.fixture(params=["cpu", "cuda"], autouse=True)
def _on_each_kind_of_device(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a GPU pictures are read and written by threads of their own."""
    monkeypatch.setattr(Pasting, "device", torch.device(request.param))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Even pictures, each of its own gray; `half` and `whole` are masks."""
    for number, name in enumerate(["a.jpg", "a.png", "x.jpg", "x.png"]):
        (tmp_path / name).write_bytes(encode_png(np.full((*SIZE, 3), 50 * number, np.uint8)))
    for name, columns in (("half", 24), ("whole", 48)):
        mask = np.zeros(SIZE, np.uint8)
        mask[:, :columns] = 255
        (tmp_path / f"{name}.png").write_bytes(encode_png(mask))
    return tmp_path


def worn(shop: Path, *asked: tuple[str, str, str]) -> list[list[int]]:
    """The first row of each try-on of (person, garment, mask), its outermost two pixels."""
    todo = [
        Job(shop / person, shop / garment, shop / f"{mask}.png", shop / f"out/{number}.png")
        for number, (person, garment, mask) in enumerate(asked)
    ]
    assert not dress_all(Pasting(), todo)  # type: ignore[arg-type]
    return [read_rgb(job.out)[0, [0, -1], 0].tolist() for job in todo]


def test_persons_whose_names_differ_in_the_suffix_alone_are_two(shop: Path) -> None:
    asked = [("a.jpg", "x.png", "half"), ("a.png", "x.png", "half"), ("a.jpg", "x.jpg", "half")]
    assert worn(shop, *asked) == [[150, 0], [150, 50], [100, 0]]


def test_garments_whose_names_differ_in_the_suffix_alone_are_two(shop: Path) -> None:
    asked = [("a.jpg", "x.jpg", "half"), ("a.jpg", "x.png", "half")]
    assert worn(shop, *asked) == [[100, 0], [150, 0]]


def test_a_garment_with_another_mask_is_another_garment(shop: Path) -> None:
    asked = [("a.jpg", "x.jpg", "half"), ("a.jpg", "x.jpg", "whole")]
    assert worn(shop, *asked) == [[100, 0], [100, 100]]


def test_a_result_that_cannot_be_written_stops_no_other_and_all_are_counted(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    todo = [
        Job(shop / "a.jpg", shop / "x.jpg", shop / "half.png", shop / out)
        for out in ("a.jpg/below a file.png", "out/good.png")
    ]
    failed = dress_all(Pasting(), todo)  # type: ignore[arg-type]
    assert list(failed) == todo[:1] and "a.jpg" in failed[todo[0]]
    assert todo[1].out.is_file()
    assert capsys.readouterr().err.startswith("tryon: 2/2 pictures")


def test_each_job_is_told_when_it_is_done_with_what_went_wrong(shop: Path) -> None:
    todo = [
        Job(shop / person, shop / "x.jpg", shop / "half.png", shop / f"out/{person}.png")
        for person in ("a.jpg", "gone.jpg", "a.png")
    ]
    told: list[tuple[Job, bool, bool]] = []
    dress_all(
        Pasting(),  # type: ignore[arg-type]
        todo,
        each=lambda job, error: told.append((job, "gone.jpg" in (error or ""), job.out.is_file())),
    )
    assert told == [(todo[0], False, True), (todo[1], True, False), (todo[2], False, True)]


def test_without_what_belongs_beside_it_there_is_no_result(shop: Path) -> None:
    todo = [
        Job(shop / "a.jpg", shop / "x.jpg", shop / "half.png", shop / f"out/{name}.png")
        for name in ("bad", "good")
    ]

    def beside(job: Job, person: PersonPhoto, garment: GarmentPhoto) -> None:
        assert not job.out.exists() and person.rgb.max() == 0 and garment.rgb.max() == 100
        if job == todo[0]:
            raise OSError("no space left")

    assert dress_all(Pasting(), todo, beside=beside) == {todo[0]: "no space left"}  # type: ignore[arg-type]
    assert [job.out.exists() for job in todo] == [False, True]


def test_what_failed_is_told_in_the_order_in_which_it_was_asked_for(tmp_path: Path) -> None:
    todo = [
        Job(tmp_path / person, tmp_path / str(garment), None, tmp_path / f"{person}{garment}.png")
        for person in "ab"
        for garment in range(HELD + 1)
    ]
    assert list(dress_all(Pasting(), todo)) == todo != in_blocks(todo)  # type: ignore[arg-type]


def test_a_folders_pictures_are_told_by_any_spelling_of_their_suffix(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "c.Jpeg", "d.HEIC", "e.avif", "f.tif", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name[0] for path in pictures(tmp_path)] == ["a", "b", "c", "d", "e", "f"]


def test_what_of_a_folder_is_no_picture_is_named_and_counted(tmp_path: Path) -> None:
    assert left_out(tmp_path) is None
    for name in ("a.png", "notes.txt", "._a.png", ".DS_Store", "b.psd"):
        (tmp_path / name).touch()
    (tmp_path / "more").mkdir()
    said = left_out(tmp_path)
    assert said and said.startswith(f"{tmp_path}: 3 left out")
    assert said.endswith(": b.psd, more, notes.txt")
    assert [path.name for path in pictures(tmp_path)] == ["a.png"]
    assert left_out(tmp_path / "a.png") is None


def test_what_a_judge_says_of_a_photo_is_noted_with_its_file(shop: Path) -> None:
    notes: list[tuple[Path, Finding]] = []
    todo = [Job(shop / "a.png", shop / "x.jpg", None, shop / "out/g.png")]
    judge, note = (lambda photo: [BLURRED]), (lambda *note: notes.append(note))
    assert not dress_all(Pasting(), todo, note, judge=judge)  # type: ignore[arg-type]
    assert notes == [(shop / "a.png", BLURRED), (shop / "x.jpg", BLURRED)]


def test_a_mask_as_png_wins_over_a_photo_of_its_name_beside_it(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png"):
        (tmp_path / name).touch()
    assert mask_of(Path("garments/a.jpg"), tmp_path) == tmp_path / "a.png"


@pytest.mark.parametrize("name", ["b.jpg", "b", "b.png", "B.JPEG", "{shop}/b.jpg", "{own}/b.jpg"])
def test_a_pair_names_a_picture_however_it_is_spelt(shop: Path, name: str) -> None:
    (shop / "a.jpg").rename(shop / "b.jpg")
    (shop / "pairs.txt").write_text(f"{name.format(shop=shop, own=shop.name)} x.png\n")
    [job] = jobs(shop, shop, None, shop / "out", shop / "pairs.txt")
    assert (job.person, job.garment) == (shop / "b.jpg", shop / "x.png")


@pytest.mark.parametrize("name", ["a", "a.webp", "elsewhere/x.jpg"])
def test_of_several_pictures_that_may_be_meant_none_is_guessed(shop: Path, name: str) -> None:
    (shop / "pairs.txt").write_text(f"{name} x.png\n")
    [job] = jobs(shop, shop, None, shop / "out", shop / "pairs.txt")
    assert not job.person.exists()


def test_a_folder_without_pictures_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(TryOnError, match=f"{tmp_path}: no pictures in it"):
        pictures(tmp_path)


@pytest.mark.parametrize("file", ["person", "garment"])
def test_with_pairs_persons_and_garments_are_folders(shop: Path, file: str) -> None:
    pairs = shop / "pairs.txt"
    pairs.write_text("a.jpg x.jpg\n")
    given = {"person": shop, "garment": shop} | {file: shop / "a.jpg"}
    with pytest.raises(TryOnError, match="a.jpg: with --pairs, --person and --garment are folders"):
        jobs(**given, mask=None, out=shop / "out", pairs=pairs)


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_a_list_without_pairs_is_named(shop: Path, content: str) -> None:
    (shop / "pairs.txt").write_text(content)
    with pytest.raises(TryOnError, match="pairs.txt: no pairs in it"):
        jobs(shop, shop, None, shop / "out", shop / "pairs.txt")


@pytest.mark.parametrize(
    ("out", "written"), [("w.JPG", True), ("w.png", True), ("w.jpeg", True), ("w.webp", False)]
)
def test_a_result_is_a_png_or_a_jpeg(shop: Path, out: str, written: bool) -> None:
    asked = (shop / "a.jpg", shop / "x.jpg", None, shop / out)
    if written:
        assert jobs(*asked) == [Job(*asked)]
    else:
        with pytest.raises(TryOnError, match="w.webp: the result is written as .png or .jpg"):
            jobs(*asked)


def test_a_jpeg_keeps_its_colours_and_leaves_no_scratch(tmp_path: Path) -> None:
    colour = (200, 60, 20)
    write_picture(tmp_path / "new/w.jpg", np.full((16, 24, 3), colour, np.uint8))
    np.testing.assert_allclose(read_rgb(tmp_path / "new/w.jpg")[8, 12], colour, atol=2)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["w.jpg"]


def test_persons_are_gone_through_once_for_as_many_garments_as_are_held() -> None:
    todo = [
        Job(Path(f"p{p}"), Path(f"g{g:02d}"), None, Path(f"{p}-{g}"))
        for g in range(HELD + 1)
        for p in range(2)
    ]
    order = [(job.person.name, job.garment.name) for job in in_blocks(todo)]
    blocks = [range(HELD), range(HELD, HELD + 1)]
    expected = [(f"p{p}", f"g{g:02d}") for block in blocks for p in range(2) for g in block]
    assert order == expected


def test_of_folders_each_person_tries_on_each_garment_one_person_after_the_other(
    tmp_path: Path,
) -> None:
    for name in ("p/b.jpg", "p/a.jpg", "g/y.jpg", "g/x.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    todo = jobs(tmp_path / "p", tmp_path / "g", None, tmp_path / "out")
    assert [job.out.name for job in todo] == ["a__x.png", "a__y.png", "b__x.png", "b__y.png"]


def test_a_file_is_no_folder_and_a_folder_may_be_called_like_a_picture(shop: Path) -> None:
    (shop / "notes").touch()
    with pytest.raises(TryOnError, match="notes is a file, and the results .* are several"):
        jobs(shop, shop / "x.jpg", None, shop / "notes")
    (shop / "out.png").mkdir()
    [job] = jobs(shop / "a.jpg", shop / "x.jpg", None, shop / "out.png")
    assert job.out == shop / "out.png/a__x.png"


def test_each_name_of_a_pair_may_begin_with_its_own_folder(tmp_path: Path) -> None:
    for name in ("p/a.jpg", "g/x.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    (tmp_path / "pairs.txt").write_text("p/a.jpg g/x.jpg\n")
    [job] = jobs(tmp_path / "p", tmp_path / "g", None, tmp_path / "out", tmp_path / "pairs.txt")
    assert (job.person, job.garment) == (tmp_path / "p/a.jpg", tmp_path / "g/x.jpg")


def test_a_picture_is_of_the_kind_its_name_says_in_folders_that_are_made(tmp_path: Path) -> None:
    for name, start in (("a/b/w.PNG", b"\x89PNG"), ("w.JPEG", b"\xff\xd8")):
        write_picture(tmp_path / name, np.zeros((8, 12, 3), np.uint8))
        assert (tmp_path / name).read_bytes().startswith(start)


def test_a_picture_that_cannot_take_its_place_leaves_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "w.png").mkdir()
    with pytest.raises(OSError):
        write_picture(tmp_path / "w.png", np.zeros((8, 12, 3), np.uint8))
    assert [path.name for path in tmp_path.iterdir()] == ["w.png"]


@pytest.mark.parametrize("name", ["w.png", "w.jpg"])
def test_a_result_has_the_persons_colour_profile(shop: Path, name: str) -> None:
    """What is not the garment's is the person's own pixel, to the bit where the file keeps bits."""
    wide = np.random.default_rng(3).integers(90, 200, (*SIZE, 3), np.uint8)
    profile = WIDE["Display P3"]
    (shop / "p3.png").write_bytes(encoded(wide, icc_profile=profile))
    todo = [Job(shop / "p3.png", shop / "x.jpg", shop / "half.png", shop / name)]
    assert not dress_all(Pasting(), todo)  # type: ignore[arg-type]
    with Image.open(shop / name) as result:
        assert result.info["icc_profile"] == profile
        if name == "w.png":
            np.testing.assert_array_equal(np.asarray(result)[:, 24:], wide[:, 24:])


def test_a_pose_that_is_told_frames_the_person(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, points = [], np.zeros((18, 3), np.float32)
    monkeypatch.setattr(
        Pasting, "encode_person", lambda self, photo, pose: asked.append(pose) or photo
    )
    todo = [Job(shop / "a.png", shop / "x.jpg", shop / "half.png", shop / "w.png")]
    assert not dress_all(Pasting(), todo, pose=lambda rgb: points)  # type: ignore[arg-type]
    assert asked == [points]
