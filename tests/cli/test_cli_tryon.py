"""`pfafn tryon`: who is dressed in what, under which name, and what cannot be used."""

import json
import re
import sys
import unicodedata
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import photoset
import pytest
import tinyset
from PIL import Image
from verbs import done, names, noted, refused, run

from pfafn.inference import TryOn
from pfafn.inference.folders import HELD, Job, TryOnError, in_blocks, jobs
from pfafn.photos.colours import srgb_profile
from pfafn.photos.images import read_rgb

SIZE = (64, 96)


@pytest.fixture
def shop(tmp_path):
    """person/{a,b}.jpg, garment/{x,y}.png with mask/{x,y}.png, and a model."""
    for n, name in enumerate("ab"):
        photoset.write_rgb(tmp_path / f"person/{name}.jpg", photoset.person(n, SIZE))
    for n, name in enumerate("xy"):
        rgb, mask = photoset.garment(n, SIZE)
        photoset.write_rgb(tmp_path / f"garment/{name}.png", rgb)
        photoset.write_gray(tmp_path / f"mask/{name}.png", mask)
    tinyset.write_model(tmp_path / "model.safetensors")
    return tmp_path


def folders(shop) -> list[object]:
    return ["--person", shop / "person", "--garment", shop / "garment",
            "--model", shop / "model.safetensors", "--out", shop / "out"]  # fmt: skip


def one(shop, **other) -> list[object]:
    words = {"person": shop / "person/a.jpg", "garment": shop / "garment/x.png",
             "model": shop / "model.safetensors", "out": shop / "worn.png"} | other  # fmt: skip
    return [word for name, value in words.items() for word in (f"--{name}", value)]


def test_one_person_in_one_garment(shop):
    done("tryon", *one(shop))
    worn = read_rgb(shop / "worn.png")
    model = TryOn.load(shop / "model.safetensors")
    pair = read_rgb(shop / "person/a.jpg"), read_rgb(shop / "garment/x.png")
    assert np.array_equal(worn, model.wear(*pair, preserve=True))
    assert names(shop) == ["garment", "mask", "model.safetensors", "person", "worn.png"]


def test_all_of_the_picture_may_be_the_networks(shop):
    done("tryon", *one(shop), "--no-preserve")
    model = TryOn.load(shop / "model.safetensors")
    pair = read_rgb(shop / "person/a.jpg"), read_rgb(shop / "garment/x.png")
    assert np.array_equal(read_rgb(shop / "worn.png"), model.wear(*pair))


def test_a_mask_file_is_used(shop):
    done("tryon", *one(shop))
    estimated = read_rgb(shop / "worn.png")
    photoset.write_gray(shop / "half.png", np.uint8([[255] * 48 + [0] * 48] * 64))
    done("tryon", *one(shop, mask=shop / "half.png"))
    assert not np.array_equal(read_rgb(shop / "worn.png"), estimated)


def test_a_cut_outs_transparency_is_its_mask(shop):
    rgb, mask = photoset.garment(0, SIZE)
    cv2.imwrite(str(shop / "cut.png"), np.dstack([rgb[..., ::-1], mask]))
    done("tryon", *one(shop, garment=shop / "cut.png"))
    found = read_rgb(shop / "worn.png")
    done("tryon", *one(shop, mask=shop / "mask/x.png"))
    assert np.array_equal(read_rgb(shop / "worn.png"), found)


def test_the_result_may_be_a_jpeg_or_go_into_a_folder(shop):
    done("tryon", *one(shop, out=shop / "worn.jpg"))
    assert (shop / "worn.jpg").read_bytes().startswith(b"\xff\xd8")
    (shop / "out").mkdir()
    done("tryon", *one(shop, out=shop / "out"))
    assert names(shop / "out") == ["a__x.png"]


def test_without_pairs_everybody_tries_on_everything(shop):
    result = done("tryon", *folders(shop))
    assert names(shop / "out") == ["a__x.png", "a__y.png", "b__x.png", "b__y.png"]
    assert "4 of 4 written" in result.stdout


def test_in_a_folder_every_picture_is_encoded_once(shop, monkeypatch):
    encoded = []
    for name in ("encode_person", "encode_garment"):
        encode = getattr(TryOn, name)
        monkeypatch.setattr(
            TryOn, name, lambda *given, n=name, e=encode: encoded.append(n) or e(*given)
        )
    done("tryon", *folders(shop))
    assert sorted(encoded) == 2 * ["encode_garment"] + 2 * ["encode_person"]


def test_people_come_back_only_when_no_more_garments_can_be_held(tmp_path):
    people, garments = [tmp_path / p for p in "ab"], [tmp_path / str(n) for n in range(HELD + 2)]
    todo = [Job(p, g, None, tmp_path / f"{p.name}{g.name}") for p in people for g in garments]
    ordered = in_blocks(todo)
    assert sorted(ordered) == sorted(todo)
    turns = [job.person.name for job in ordered]
    assert turns == HELD * ["a"] + HELD * ["b"] + 2 * ["a"] + 2 * ["b"]


def test_one_garment_on_a_folder_of_people(shop):
    done("tryon", *one(shop, person=shop / "person", out=shop / "out"))
    assert names(shop / "out") == ["a__x.png", "b__x.png"]


def test_what_is_no_picture_among_the_garments_is_told(shop):
    (shop / "garment/notes.txt").touch()
    said = done("tryon", *one(shop, garment=shop / "garment", out=shop / "out")).stderr
    assert f"note: {shop}/garment: 1 left out, no pictures by their names: notes.txt" in said


def test_a_pairs_file_says_who_tries_on_what(shop):
    (shop / "pairs.txt").write_text("a.jpg y.png\n\nb.jpg x.png\na.jpg y.png\n")
    (shop / "person/notes.txt").touch()
    result = done("tryon", *folders(shop), "--mask", shop / "mask", "--pairs", shop / "pairs.txt")
    assert names(shop / "out") == ["a__y.png", "b__x.png"]
    assert "left out" not in result.stderr
    done("tryon", *one(shop, garment=shop / "garment/y.png", mask=shop / "mask/y.png"))
    assert (shop / "out/a__y.png").read_bytes() == (shop / "worn.png").read_bytes()


def test_a_bad_picture_is_named_and_the_others_are_done(shop):
    whole = (shop / "person/a.jpg").read_bytes()
    (shop / "person/a.jpg").write_bytes(whole[: len(whole) // 2])
    result = run("tryon", *folders(shop))
    assert result.exit_code == 1
    assert names(shop / "out") == ["b__x.png", "b__y.png"]
    failed = [line for line in result.stderr.splitlines() if line.startswith("failed: ")]
    assert len(failed) == 2
    assert all(line.startswith("failed: a.jpg with ") and "damaged" in line for line in failed)
    assert "2 of 4 written" in result.stdout


def test_every_picture_of_a_folder_is_tried_and_what_is_none_is_named(shop, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # as if it were not installed
    for name in ("c.avif", "d.tif", "e.webp"):
        Image.fromarray(photoset.person(3, SIZE)).save(shop / "person" / name)
    for name in ("._a.jpg", "notes.txt", "f.HEIC"):
        (shop / "person" / name).write_bytes(b"\0\0\0\x18ftypheic")
    result = run("tryon", *one(shop, person=shop / "person", out=shop / "out"))
    assert result.exit_code == 1
    assert "5 of 6 written" in result.stdout
    assert names(shop / "out") == [f"{name}__x.png" for name in "abcde"]
    assert (
        "failed: f.HEIC with x.png" in result.stderr and "pip install pillow-heif" in result.stderr
    )
    assert (
        f"note: {shop}/person: 1 left out, no pictures by their names: notes.txt" in result.stderr
    )


def test_a_note_is_given_once_and_is_no_failure(shop):
    rgb = np.full((*SIZE, 3), 255, np.uint8)
    rgb[4:20, 8:-8] = rgb[-20:-4, 8:-8] = 90
    photoset.write_rgb(shop / "garment/x.png", rgb)
    result = done("tryon", *folders(shop))
    assert "4 of 4 written" in result.stdout
    assert result.stderr.count("note: ") == 1
    assert "x.png: 2 garments: the mask is in 2 large parts; crop it" in result.stderr


def test_results_are_told_as_lines_of_json_and_nothing_else_is_on_standard_output(shop):
    (shop / "person/a.jpg").write_bytes(b"no picture")
    result = run("tryon", *folders(shop), "--json", "--sheet", shop / "sheet.jpg")
    assert result.exit_code == 1
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert [Path(line["person"]).name for line in told] == ["a.jpg", "a.jpg", "b.jpg", "b.jpg"]
    assert [line["out"] for line in told[:2]] == [None, None]
    assert all("a.jpg" in line["error"] for line in told[:2])
    assert [line["out"] for line in told[2:]] == [str(shop / f"out/b__{n}.png") for n in "xy"]
    assert "2 of 4 written" in result.stderr and "contact sheets: 1" in result.stderr


def test_on_a_sheet_everybody_and_everything_is_seen_at_once(shop):
    result = done("tryon", *folders(shop), "--sheet", shop / "sheet.png")
    assert f"contact sheets: 1, {shop}/sheet.png\n" in result.stdout
    assert read_rgb(shop / "sheet.png").std() > 5


def test_a_sheet_that_could_not_be_written_is_refused_before_anything_is_done(shop):
    assert "sheet.gif" in refused("tryon", *folders(shop), "--sheet", shop / "sheet.gif")
    assert not (shop / "out").exists()


def test_an_explained_result_is_the_same_and_has_its_parts_beside_it(shop):
    done("tryon", *one(shop))
    plain = (shop / "worn.png").read_bytes()
    done("tryon", *one(shop), "--explain")
    assert (shop / "worn.png").read_bytes() == plain
    assert names(shop / "worn.explain") == ["flow.png", "mask.png", "notes.json", "warped.png"]


def test_a_result_says_that_its_colours_are_srgb(shop):
    for name in ("worn.png", "worn.jpg"):
        done("tryon", *one(shop, out=shop / name))
        with Image.open(shop / name) as image:
            assert image.info["icc_profile"] == srgb_profile()


def test_a_missing_mask_fails_its_garment_only(shop):
    (shop / "mask/y.png").unlink()
    result = run("tryon", *folders(shop), "--mask", shop / "mask")
    assert result.exit_code == 1
    assert names(shop / "out") == ["a__x.png", "b__x.png"]
    assert "y.png: cannot be read" in result.stderr


def test_a_garment_that_cannot_be_told_from_its_background_is_named(shop):
    photoset.write_rgb(shop / "garment/x.png", np.full((*SIZE, 3), 255, np.uint8))
    result = run("tryon", *one(shop))
    assert result.exit_code == 1
    assert re.search(
        r"failed: a.jpg with x.png: .*x.png: it is blank: .*; take a photo that shows",
        result.stderr,
    )
    assert not (shop / "worn.png").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"person": "nobody.jpg"}, "nobody.jpg: no such file or folder"),
        ({"mask": "nomask.png"}, "nomask.png: no such file or folder"),
        ({"pairs": "nopairs.txt"}, "nopairs.txt: no such file or folder"),
        ({"out": "worn.gif"}, "worn.gif: the result is written as .png or .jpg"),
        ({"model": "nothing.safetensors"}, "no model at nothing.safetensors"),
    ],
)
def test_what_is_missing_is_named_before_anything_is_done(shop, change, said):
    assert said in refused("tryon", *one(shop, **change))
    assert "worn.png" not in names(shop)


def test_a_tutor_cannot_be_used_without_parsing(shop):
    tinyset.write_model(shop / "tutor.safetensors", "tutor")
    said = refused("tryon", *one(shop, model=shop / "tutor.safetensors"))
    assert "is a tutor, which needs parsing" in said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a.jpg", "pairs.txt, line 2: expected a person's and a garment's file name"),
        ("../a.jpg x.png", "pairs.txt, line 2: '../a.jpg' leads out of the folder"),
        ("a.jpg /x.png", "pairs.txt, line 2: '/x.png' leads out of the folder"),
        ("a b.jpg x.png", "line 2: expected"),
    ],
)
def test_a_line_of_the_pairs_file_that_is_no_pair_is_named(shop, line, said):
    (shop / "pairs.txt").write_text(f"a.jpg x.png\n{line}\n")
    assert said in refused("tryon", *folders(shop), "--pairs", shop / "pairs.txt")
    assert not (shop / "out").exists()


def test_a_folder_in_the_place_of_a_pairs_file_is_named(shop):
    said = refused("tryon", *folders(shop), "--pairs", shop / "mask")
    assert "mask is a folder, and --pairs names a file" in said


def test_a_file_name_with_spaces_is_set_off_by_a_tab(shop):
    (shop / "person/a.jpg").rename(shop / "person/a b.jpg")
    (shop / "pairs.txt").write_text("a b.jpg\tx.png\n")
    done("tryon", *folders(shop), "--pairs", shop / "pairs.txt")
    assert names(shop / "out") == ["a b__x.png"]


@pytest.mark.parametrize("word", ["--person", "--garment"])
def test_a_folder_makes_several_pictures_and_no_picture_is_a_folder(shop, word):
    kind = word[2:]
    said = refused("tryon", *one(shop, **{kind: shop / kind}))
    assert "worn.png is the name of a picture" in said
    assert not (shop / "worn.png").exists()


def test_a_name_is_found_however_accents_and_case_are_written(shop):
    (shop / "person/a.jpg").rename(shop / "person" / unicodedata.normalize("NFD", "ren\u00e9.jpg"))
    (shop / "pairs.txt").write_text("ren\u00e9.jpg X.PNG upper_body\n", encoding="utf-8-sig")
    done("tryon", *folders(shop), "--pairs", shop / "pairs.txt")
    assert len(names(shop / "out")) == 1


def test_two_results_of_the_same_name_are_refused(shop):
    photoset.write_rgb(shop / "person/a.png", photoset.person(1, SIZE))
    with pytest.raises(TryOnError, match="would both be a__x.png"):
        jobs(shop / "person", shop / "garment", None, shop / "out")


def test_masks_of_a_folder_may_have_another_suffix(shop):
    (shop / "mask/x.png").rename(shop / "mask/x.jpg")
    found = jobs(shop / "person/a.jpg", shop / "garment/x.png", shop / "mask", shop / "o.png")
    assert found == [
        Job(shop / "person/a.jpg", shop / "garment/x.png", shop / "mask/x.jpg", shop / "o.png")
    ]


@pytest.mark.parametrize(("words", "asked"), [((), ["a.jpg"]), (("--no-frame",), [])])
def test_where_somebody_tells_poses_the_person_is_framed(shop, monkeypatch, words, asked):
    told = []
    known = SimpleNamespace(pose=lambda rgb: told.append("a.jpg") or photoset.keypoints(SIZE))
    monkeypatch.setattr("pfafn.estimators.people.people", lambda: known)
    judged = noted(monkeypatch, "pfafn.doctor.verdict.warned", [])
    done("tryon", *one(shop), *words)
    assert told == asked
    assert [who for (_, who, _), _ in judged] == [known, known]
