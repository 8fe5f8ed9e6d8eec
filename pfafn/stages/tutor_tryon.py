"""Stage tutor_tryon: train the parser-based network (PB-AFN) end to end.

reads   artifacts/prepare, artifacts/annotate, artifacts/tutor_warp
writes  artifacts/tutor_tryon/ (model.safetensors, curve.csv, curve.png, metrics.json,
        provenance.json)
"""

from pathlib import Path
from typing import Any

from pfafn.learning.objectives import TutorObjective
from pfafn.params.file import Params
from pfafn.stages.entry import main
from pfafn.stages.train import COMMON, load_model, new_network, perceptual, train_stage
from pfafn.training.plan import Plan

STAGE = "tutor_tryon"
PARAMS = (
    *COMMON,
    "model",
    "losses.warp",
    "losses.generator.l1",
    "losses.generator.vgg",
    "losses.generator.mask",
    "losses.generator.occlusion",
    STAGE,
)


def run(params: Params, artifacts: Path) -> dict[str, Any]:
    """Train, write everything below artifacts/tutor_tryon, return the metrics."""

    def build(params: Params) -> tuple[TutorObjective, Plan]:
        schedule = params.tutor_tryon
        warp = load_model(params, artifacts, "tutor_warp", "tutor")
        net = new_network(params, "tutor", STAGE, warp)
        objective = TutorObjective(net, params.losses, perceptual(params), schedule.warp_weight)
        return objective, Plan(
            schedule, {"warp": schedule.lr_warp, "generator": schedule.lr_generator}
        )

    return train_stage(STAGE, PARAMS, params, artifacts, build, models=("tutor_warp",))


if __name__ == "__main__":
    main(run)
