"""Stage tutor_tryon: train the parser-based network (PB-AFN) end to end.

reads   artifacts/prepare, artifacts/annotate, artifacts/tutor_warp
writes  artifacts/tutor_tryon/ (model.safetensors, curve.csv, curve.png, metrics.json,
        provenance.json)
"""

from functools import partial
from pathlib import Path

from pfafn.learning.tutor import tutor_recipe
from pfafn.params.file import Params
from pfafn.stages.entry import main
from pfafn.stages.train import COMMON, load_model, new_network, perceptual, train_stage
from pfafn.training.recipe import Recipe

STAGE = "tutor_tryon"
GENERATOR = [f"losses.generator.{term}" for term in ("l1", "vgg", "mask", "occlusion", "in_front")]
PARAMS = (*COMMON, "model", "losses.warp", *GENERATOR, STAGE)


def recipe(params: Params, artifacts: Path) -> Recipe:
    warp = load_model(params, artifacts, "tutor_warp", "tutor")
    net = new_network(params, "tutor", STAGE, warp, hem=warp.hem)
    return tutor_recipe(net, params.losses, perceptual(params), params.tutor_tryon)


run = partial(train_stage, STAGE, PARAMS, recipe, models=("tutor_warp",))


if __name__ == "__main__":
    main(run, trains=True)
