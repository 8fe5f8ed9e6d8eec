"""The verbs: starting, data, official checkpoints."""

import json
import re
import subprocess
import sys
from pathlib import Path

import photoset
import pytest
import tinyset
import torch
import yaml
from verbs import done, names, refused, run

from pfafn import registry
from pfafn.inference import TryOn
from pfafn.photos.images import read_rgb
from pfafn.weights import model_file
from pfafn.weights.official import export_official

VERBS = ["synth", "adopt", "check", "tryon", "import-official", "export-official", "registry",
         "report", "version"]  # fmt: skip


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
    code = (
        "import sys, pfafn.cli.app; print({'torch', 'numpy', 'mlflow', 'cv2'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_the_version_is_the_packages():
    assert re.fullmatch(r"\d+\.\d+\.\d+\s*", done("version").output)


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


def test_check_succeeds_if_there_is_nothing_but_notes(tmp_path):
    photoset.viton(tmp_path / "data")
    (tmp_path / "data/train_img/notes.txt").touch()
    (tmp_path / "data/masks").mkdir()
    (tmp_path / "data/masks/000001_1.jpg").touch()
    said = done("check", tmp_path / "data").stdout
    assert "note: train_img/notes.txt: stray_file" in said
    assert "note: masks: unused_folder (1 files that layout viton does not know)" in said


def test_check_judges_by_the_params_of_the_project(tmp_path, monkeypatch):
    photoset.viton(tmp_path / "data")
    yaml = Path("params.yaml").read_text()
    strict = yaml.replace("min_mask: 0.02", "min_mask: 0.5")
    (tmp_path / "other.yaml").write_text(strict)
    assert (
        "mask_empty" in run("check", tmp_path / "data", "--params", tmp_path / "other.yaml").stdout
    )
    done("check", tmp_path / "data")
    (tmp_path / "params.yaml").write_text(strict)
    monkeypatch.chdir(tmp_path)
    assert "mask_empty" in run("check", "data").stdout


def test_check_draws_by_the_seed_of_the_project_and_needs_no_annotations_to_estimate(
    tmp_path, monkeypatch
):
    told = []
    monkeypatch.setattr(
        "pfafn.data.check.check",
        lambda data, rules, seed, annotated: told.append((seed, annotated)) or [],
    )
    content = yaml.safe_load(Path("params.yaml").read_text()) | {"seed": 41}
    told_by = {"parser": "p", "sha256": "0" * 64, "pose": "parser"}
    content["annotate"] |= {"source": "estimate", **told_by}
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(content))
    done("check", tmp_path)
    done("check", tmp_path, "--params", tmp_path / "other.yaml")
    assert told == [(7, True), (41, False)]


def test_check_names_a_folder_without_data(tmp_path):
    assert str(tmp_path) in refused("check", tmp_path)


def test_adopt_makes_the_data_folder(tmp_path):
    photoset.viton(tmp_path / "old")
    (tmp_path / "old/train_img/notes.txt").touch()
    (tmp_path / "old/LICENSE").touch()
    told = done("adopt", "viton", tmp_path / "old", "--out", tmp_path / "data")
    assert "; 2 others left out: LICENSE (1), train_img (1)" in told.stdout
    assert told.stderr.startswith("adopt: 100/100 %")
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
    net, _ = model_file.load(tinyset.write_model(tmp_path / "ours.safetensors"))
    for state, name in zip(export_official(net), ("w.pth", "g.pth"), strict=True):
        torch.save(state, tmp_path / name)
    return tmp_path


def test_official_checkpoints_come_in_and_go_out(official):
    words = ["--warp", official / "w.pth", "--gen", official / "g.pth"]
    sizes = ["--height", 64, "--width", 96]
    done("import-official", *words, "--out", official / "m.safetensors", *sizes)
    assert TryOn.load(official / "m.safetensors").size == (64, 96)
    again = ["--warp", official / "w2.pth", "--gen", official / "g2.pth"]
    done("export-official", official / "m.safetensors", *again)
    for name in ("w", "g"):
        before, after = (
            torch.load(official / f"{name}{n}.pth", weights_only=True) for n in ("", "2")
        )
        assert list(before) == list(after)
        assert all(torch.equal(before[key], after[key]) for key in before)


def test_a_registered_model_goes_out_by_its_name(official, monkeypatch):
    registered = {"models:/pfafn-student@champion": official / "ours.safetensors"}
    monkeypatch.setattr(registry, "resolve", registered.__getitem__)
    out = ["--warp", official / "w2.pth", "--gen", official / "g2.pth"]
    done("export-official", *registered, *out)
    assert {"w2.pth", "g2.pth"} <= set(names(official))


def test_a_checkpoint_that_does_not_fit_leaves_nothing(official):
    words = ["--warp", official / "g.pth", "--gen", official / "w.pth"]
    before = names(official)
    said = refused("import-official", *words, "--out", official / "m.safetensors")
    assert "not the official PF-AFN layout" in said
    assert names(official) == before
