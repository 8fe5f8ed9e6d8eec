"""The verbs as a user types them."""

import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import photoset
import pytest
import tinyset
import torch
from typer.testing import CliRunner

from pfafn.cli import app
from pfafn.data.images import read_rgb
from pfafn.inference import TryOn
from pfafn.models import tryon
from pfafn.models.official import export_official
from pfafn.tryon_files import Job, TryOnError, jobs

VERBS = ["synth", "adopt", "check", "tryon", "import-official", "export-official", "registry",
         "version"]  # fmt: skip
SIZE = (64, 96)


def run(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


def done(*words: object):
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result


def refused(*words: object) -> str:
    """What a verb says on standard error when it cannot do it."""
    result = run(*words)
    assert result.exit_code == 1, result.output
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.output
    return result.stderr


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


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# Starting


def test_the_module_is_a_program():
    found = subprocess.run(
        [sys.executable, "-m", "pfafn", "--help"], capture_output=True, text=True, check=True
    )
    for verb in VERBS:
        assert verb in found.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb):
    assert "Usage" in done(verb, "--help").output


def test_help_needs_neither_torch_nor_numpy():
    code = "import sys, pfafn.cli; print({'torch', 'numpy', 'mlflow', 'cv2'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_the_version_is_the_packages():
    assert re.fullmatch(r"\d+\.\d+\.\d+\s*", done("version").output)


# tryon


def test_one_person_in_one_garment(shop):
    done("tryon", *one(shop))
    worn = read_rgb(shop / "worn.png")
    model = TryOn.load(shop / "model.safetensors")
    expected = model.wear(read_rgb(shop / "person/a.jpg"), read_rgb(shop / "garment/x.png"))
    assert np.array_equal(worn, expected)
    assert names(shop) == ["garment", "mask", "model.safetensors", "person", "worn.png"]


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


def test_one_garment_on_a_folder_of_people(shop):
    done("tryon", *one(shop, person=shop / "person", out=shop / "out"))
    assert names(shop / "out") == ["a__x.png", "b__x.png"]


def test_a_pairs_file_says_who_tries_on_what(shop):
    (shop / "pairs.txt").write_text("a.jpg y.png\n\nb.jpg x.png\na.jpg y.png\n")
    done("tryon", *folders(shop), "--mask", shop / "mask", "--pairs", shop / "pairs.txt")
    assert names(shop / "out") == ["a__y.png", "b__x.png"]
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
    assert re.search(r"failed: a.jpg with x.png: .*mask is empty", result.stderr)
    assert not (shop / "worn.png").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"person": "nobody.jpg"}, "nobody.jpg: no such file or folder"),
        ({"mask": "nomask.png"}, "nomask.png: no such file or folder"),
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
        ("a.jpg", "pairs.txt, line 2: expected a person's and a garment's file name, got 'a.jpg'"),
        ("a.jpg x.png 1", "line 2: expected"),
    ],
)
def test_a_line_of_the_pairs_file_that_is_no_pair_is_named(shop, line, said):
    (shop / "pairs.txt").write_text(f"a.jpg x.png\n{line}\n")
    assert said in refused("tryon", *folders(shop), "--pairs", shop / "pairs.txt")
    assert not (shop / "out").exists()


def test_a_file_name_with_spaces_is_set_off_by_a_tab(shop):
    (shop / "person/a.jpg").rename(shop / "person/a b.jpg")
    (shop / "pairs.txt").write_text("a b.jpg\tx.png\n")
    done("tryon", *folders(shop), "--pairs", shop / "pairs.txt")
    assert names(shop / "out") == ["a b__x.png"]


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


# Data


def test_a_drawn_set_passes_the_check(tmp_path):
    out = tmp_path / "data"
    done("synth", out, "--train", 2, "--test", 2, "--height", 64, "--width", 96)
    assert read_rgb(next((out / "test_img").iterdir())).shape == (64, 96, 3)
    assert done("check", out, "--json").stdout == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--height", 100], "multiples of 32, got (100, 96)"),
        (["--test", 1], "at least 2 people"),
    ],
)
def test_what_cannot_be_drawn_is_said(tmp_path, words, said):
    assert said in refused("synth", tmp_path / "data", *words)
    assert not (tmp_path / "data").exists()


def test_a_folder_that_holds_something_is_not_drawn_over(tmp_path):
    (tmp_path / "precious").touch()
    assert "is not empty" in refused("synth", tmp_path)
    assert names(tmp_path) == ["precious"]


def test_check_prints_one_object_per_finding_and_fails(tmp_path):
    photoset.viton(tmp_path / "data")
    bad = tmp_path / "data/train_img/000001_0.jpg"
    bad.write_bytes(bad.read_bytes()[:300])
    result = run("check", tmp_path / "data", "--json")
    assert result.exit_code == 1
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert "train_img/000001_0.jpg" in {finding["file"] for finding in found}
    assert "train_img/000001_0.jpg" in run("check", tmp_path / "data").stdout


def test_check_names_a_folder_without_data(tmp_path):
    assert str(tmp_path) in refused("check", tmp_path)


def test_adopt_makes_the_data_folder(tmp_path):
    photoset.viton(tmp_path / "old")
    done("adopt", "viton", tmp_path / "old", "--out", tmp_path / "data")
    assert names(tmp_path / "data/test_img") == names(tmp_path / "old/test_img")


@pytest.mark.parametrize(
    ("layout", "source", "said"),
    [
        ("vitron", "old", "vitron"),
        ("viton", "nowhere", "nowhere"),
    ],
)
def test_adopt_says_what_it_cannot_use(tmp_path, layout, source, said):
    photoset.viton(tmp_path / "old")
    assert said in refused("adopt", layout, tmp_path / source, "--out", tmp_path / "data")
    assert names(tmp_path) == ["old"]


# Official checkpoints


@pytest.fixture
def official(tmp_path):
    net, _ = tryon.load(tinyset.write_model(tmp_path / "ours.safetensors"))
    for state, name in zip(export_official(net), ("w.pth", "g.pth"), strict=True):
        torch.save(state, tmp_path / name)
    return tmp_path


def test_official_checkpoints_come_in_and_go_out(official):
    words = ["--warp", official / "w.pth", "--gen", official / "g.pth"]
    sizes = ["--height", 64, "--width", 96]
    done("import-official", *words, "--out", official / "m.safetensors", *sizes)
    assert TryOn.load(official / "m.safetensors").size == SIZE
    again = ["--warp", official / "w2.pth", "--gen", official / "g2.pth"]
    done("export-official", official / "m.safetensors", *again)
    for name in ("w", "g"):
        before, after = (
            torch.load(official / f"{name}{n}.pth", weights_only=True) for n in ("", "2")
        )
        assert list(before) == list(after)
        assert all(torch.equal(before[key], after[key]) for key in before)


def test_a_checkpoint_that_does_not_fit_leaves_nothing(official):
    words = ["--warp", official / "g.pth", "--gen", official / "w.pth"]
    before = names(official)
    said = refused("import-official", *words, "--out", official / "m.safetensors")
    assert "not the official PF-AFN layout" in said
    assert names(official) == before
