"""Photos of people and garments and nothing else, through the whole DAG by way of a parser."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import clone
import pytest
import yaml

from pfafn.kit.files import file_hash

pytestmark = pytest.mark.slow

PARTS = ("upper_clothes", "lower_clothes", "face", "hair")


def run(root: Path, *words: str) -> str:
    """A module's command in the project; its output, standard error included."""
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=root, env=clone.environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}"
    return done.stdout


def synth(root: Path, name: str, train: int, test: int, seed: int) -> None:
    size = ("--height", "128", "--width", "96", "--train", str(train), "--test", str(test))
    run(root, "pfafn", "synth", name, *size, "--seed", str(seed))


def photos_alone(data: Path) -> None:
    """Leave the pictures of a drawn set, in image/ and cloth/; who is to be tested is drawn."""
    for kind, folder in (("img", "image"), ("color", "cloth")):
        (data / folder).mkdir()
        for split in ("train", "test"):
            for path in (data / f"{split}_{kind}").iterdir():
                name = f"{split}{path.stem.rpartition('_')[0]}{path.suffix}"
                path.rename(data / folder / name)
    for path in data.iterdir():
        if path.name not in ("image", "cloth"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_a_parser_of_drawn_people_annotates_others_and_they_train_a_champion(
    tmp_path: Path,
) -> None:
    root = clone.make(tmp_path / "pfafn")
    shutil.copy(root / "profiles/smoke.yaml", root / "params.yaml")
    synth(root, "annotated", train=160, test=12, seed=1)
    synth(root, "data", train=40, test=8, seed=2)
    photos_alone(root / "data")

    raw = yaml.safe_load((root / "params.yaml").read_text())
    raw["prepare"]["limit"] = {"train": None, "test": None}
    (root / "whole.yaml").write_text(yaml.safe_dump(raw))
    how = ("--epochs", "6", "--decay", "6", "--batch", "8", "--params", "whole.yaml")
    told = run(root, "pfafn", "train-parser", "annotated", "--out", "parser.safetensors", *how)
    scores = {name: float(value) for name, value in re.findall(r"^([\w.]+): ([\d.]+)$", told, re.M)}
    assert scores["pck"] > 0.8
    assert min(scores[f"iou.{part}"] for part in PARTS) > 0.6

    raw["annotate"] |= {"source": "estimate", "parser": "parser.safetensors", "pose": "parser"}
    raw["annotate"]["sha256"] = file_hash(root / "parser.safetensors")
    (root / "params.yaml").write_text(yaml.safe_dump(raw))
    run(root, "dvc", "repro")
    counts = json.loads((root / "artifacts/annotate/metrics.json").read_text())
    assert counts["estimated"] == 48
    assert counts["implausible"] <= 5
    champion = json.loads(run(root, "pfafn", "registry", "show", "--json"))
    assert champion["aliases"] == ["champion"]
    assert json.loads(run(root, "dvc", "status", "--json")) == {"register": ["always changed"]}
