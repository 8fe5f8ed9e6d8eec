"""Stage student_tryon: train the parser-free network (PF-AFN) end to end under the tutor.

reads   artifacts/prepare, artifacts/annotate, artifacts/fakes, artifacts/tutor_tryon,
        artifacts/student_warp
writes  artifacts/student_tryon/ (model.safetensors, curve.csv, curve.png, metrics.json,
        provenance.json)
"""

from functools import partial
from pathlib import Path

from pfafn.learning.student import student_recipe
from pfafn.params.file import Params
from pfafn.stages.entry import main
from pfafn.stages.train import COMMON, load_model, new_network, perceptual, train_stage
from pfafn.training.recipe import Recipe

STAGE = "student_tryon"
PARAMS = (*COMMON, "model", "losses", "fakes.edge", STAGE)


def recipe(params: Params, artifacts: Path) -> Recipe:
    tutor = load_model(params, artifacts, "tutor_tryon", "tutor")
    warp = load_model(params, artifacts, "student_warp", "student")
    schedule = params.student_tryon
    keep, tone = schedule.keep > 0, schedule.tone > 0
    beyond = {"keep": keep, "tone": tone, "tone_above": keep and tone}
    net = new_network(params, "student", STAGE, warp, **beyond)
    vgg, edge = perceptual(params), params.fakes.edge
    return student_recipe(net, tutor, params.losses, vgg, schedule, edge)


run = partial(
    train_stage, STAGE, PARAMS, recipe, models=("tutor_tryon", "student_warp"), fakes=True
)


if __name__ == "__main__":
    main(run, trains=True)
