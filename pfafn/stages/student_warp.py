"""Stage student_warp: train the parser-free warp network (PF-AFN) under the frozen tutor.

reads   artifacts/prepare, artifacts/annotate, artifacts/fakes, artifacts/tutor_tryon
writes  artifacts/student_warp/ (model.safetensors, curve.csv, curve.png, metrics.json,
        provenance.json)
"""

from functools import partial
from pathlib import Path

from pfafn.learning.student import student_recipe
from pfafn.params.file import Params
from pfafn.stages.entry import main
from pfafn.stages.train import COMMON, load_model, new_network, perceptual, train_stage
from pfafn.training.recipe import Recipe

STAGE = "student_warp"
PARAMS = (*COMMON, "model.channels", "model.fpn", "losses.warp", "losses.distillation", STAGE)


def recipe(params: Params, artifacts: Path) -> Recipe:
    tutor = load_model(params, artifacts, "tutor_tryon", "tutor")
    net = new_network(params, "student", STAGE)
    return student_recipe(net, tutor, params.losses, perceptual(params), params.student_warp)


run = partial(train_stage, STAGE, PARAMS, recipe, models=("tutor_tryon",), fakes=True)


if __name__ == "__main__":
    main(run, trains=True)
