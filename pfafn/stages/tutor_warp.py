"""Stage tutor_warp: train the parser-based warp network (PB-AFN) from scratch.

reads   artifacts/prepare, artifacts/annotate
writes  artifacts/tutor_warp/ (model.safetensors, curve.csv, curve.png, metrics.json,
        provenance.json)
"""

from functools import partial
from pathlib import Path

from pfafn.learning.tutor import tutor_recipe
from pfafn.params.file import Params
from pfafn.stages.entry import main
from pfafn.stages.train import COMMON, new_network, perceptual, train_stage
from pfafn.training.recipe import Recipe

STAGE = "tutor_warp"
PARAMS = (*COMMON, "model.channels", "model.fpn", "losses.warp", STAGE)


def recipe(params: Params, artifacts: Path) -> Recipe:
    net = new_network(params, "tutor", STAGE, hem=params.tutor_warp.hem)
    return tutor_recipe(net, params.losses, perceptual(params), params.tutor_warp)


run = partial(train_stage, STAGE, PARAMS, recipe)


if __name__ == "__main__":
    main(run, trains=True)
