"""Reading the parity fixtures: deterministic weights and inputs, and the numbers they must give.

The folder is `PFAFN_FIXTURES`, by default the copy beside this file. Every `seedN` in it is tested.
"""

import importlib.util
import json
import os
import re
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import torch

from pfafn.models.inputs import Annotation, Garment
from pfafn.models.tryon import TryOnNet
from pfafn.models.vgg import VGG19
from pfafn.samples.sample import TutorSample
from pfafn.weights.model_file import load_strictly
from pfafn.weights.official import WARP_NAMES, empty_like, generator_names, rename

if TYPE_CHECKING:
    import pytest

FIXTURES = Path(os.environ.get("PFAFN_FIXTURES") or Path(__file__).parent / "fixtures")
SEEDS = sorted(p for p in FIXTURES.glob("seed*") if p.is_dir())

INFERENCE = [
    (f"net{head}.{i}.6.weight", f) for head, f in (("Main", 60), ("Refine", 6)) for i in range(5)
]
TRAINING = [(f"netMain.{i}.6.weight", 12) for i in range(5)]


def files(folder: Path, kind: str, size: str) -> list[Path]:
    """KIND_SIZE.npz, or the parts KIND_SIZE_in.npz, KIND_SIZE_out.npz, ... it comes in."""
    whole = folder / f"{kind}_{size}.npz"
    return [whole] if whole.is_file() else sorted(folder.glob(f"{kind}_{size}_*.npz"))


def fixture(folder: Path, kind: str, size: str) -> dict[str, np.ndarray]:
    return {k: v for path in files(folder, kind, size) for k, v in np.load(path).items()}


def cases(kind: str, array: str) -> "list[pytest.ParameterSet]":
    """(folder, size) for every size at which a seed folder's `kind` has `array`.

    Raises FileNotFoundError if there is no seed folder or one has none, so that no check that is
    wanted is left out in silence.
    """
    import pytest  # the rest is read where there is none

    found = []
    for folder in SEEDS:
        names = (
            re.fullmatch(rf"{kind}_(\d+x\d+)(_[a-z]+)?\.npz", p.name) for p in folder.iterdir()
        )
        sizes = sorted({name[1] for name in names if name})
        known = [size for size in sizes if array in fixture(folder, kind, size)]
        if not known:
            raise FileNotFoundError(f"{folder}: no {kind}_HEIGHTxWIDTH.npz with {array}")
        found += [pytest.param(folder, size, id=f"{folder.name}-{size}") for size in known]
    if not found:
        raise FileNotFoundError(f"{FIXTURES}: no seedN folders; is PFAFN_FIXTURES right?")
    return found


@cache
def helper(name: str) -> ModuleType:
    """recipe.py or inputs.py of the fixture folder, or of the copy here if it has none."""
    path = FIXTURES / f"{name}.py"
    if not path.is_file():
        path = Path(__file__).parent / "fixtures" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"fixture_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def seeds(folder: Path) -> dict:
    return json.loads((folder / "seeds.json").read_text())


def shapes(name: str) -> dict[str, list[int]]:
    return dict(json.loads((FIXTURES / f"{name}.json").read_text()))


def official_weights(name: str, folder: Path, rules: list = ()) -> dict[str, torch.Tensor]:
    """warp_student, gen_student, warp_tutor or gen_tutor under their official names."""
    seed = seeds(folder)["weights"]
    return helper("recipe").recipe_weights(shapes(name), seed, name, 0.7, rules)


def network(role: str, folder: Path, rules: list) -> TryOnNet:
    """Tutor or student with the fixture's weights, in eval mode."""
    weights = {}
    for part, name, names, scale in (
        ("warp", f"warp_{role}", WARP_NAMES, rules),
        ("generator", f"gen_{role}", generator_names(), ()),
    ):
        official = official_weights(name, folder, scale)
        weights |= {f"{part}.{rename(key, names)}": value for key, value in official.items()}
    net = empty_like(weights, name)
    load_strictly(net, weights, name)
    return net.eval()


def vgg19(folder: Path) -> VGG19:
    vgg = VGG19()
    weights = helper("recipe").recipe_weights(
        shapes("vgg19"), seeds(folder)["weights"], "vgg19", 1.0, ()
    )
    vgg.load_state_dict({key: weights[key] for key in vgg.state_dict()})
    return vgg


def image(pixels: np.ndarray) -> torch.Tensor:
    """uint8 [B, H, W, 3] -> float32 [B, 3, H, W] in [-1, 1]."""
    return (torch.from_numpy(pixels.astype(np.float32) / 255).movedim(-1, 1) - 0.5) / 0.5


def mask(pixels: np.ndarray) -> torch.Tensor:
    """uint8 [B, H, W] -> float32 [B, 1, H, W] in {0, 1}."""
    return torch.from_numpy((pixels > 127).astype(np.float32))[:, None]


def batch(arrays: dict[str, np.ndarray]) -> TutorSample:
    """Fixture inputs as a training batch."""
    own, ids = mask(arrays["edge"]), torch.arange(len(arrays["person"]))
    told = (torch.from_numpy(arrays[name]) for name in ("label", "dense", "keypoints"))
    annotation = Annotation(*told, torch.zeros_like(ids))
    garment = Garment(image(arrays["cloth"]) * own, own)
    return TutorSample(ids, image(arrays["person"]), annotation, garment)


def unpaired(arrays: dict[str, np.ndarray]) -> Garment:
    """The other garments of the fixture inputs."""
    other = mask(arrays["edge_un"])
    return Garment(image(arrays["cloth_un"]) * other, other)


def double(value: torch.Tensor) -> torch.Tensor:
    return value.double() if value.is_floating_point() else value
