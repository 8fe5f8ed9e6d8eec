"""Stage tutor_warp: train the parser-based warp network (PB-AFN) from scratch.

reads   artifacts/prepare, artifacts/annotate
writes  artifacts/tutor_warp/ (model.safetensors, curve.csv, curve.png, metrics.json,
        provenance.json)
"""

from pathlib import Path
from typing import Any

from pfafn.learning.objectives import TutorObjective
from pfafn.params.file import Params
from pfafn.stages.entry import main
from pfafn.stages.train import COMMON, new_network, perceptual, train_stage
from pfafn.training.plan import Plan

STAGE = "tutor_warp"
PARAMS = (*COMMON, "model.channels", "model.fpn", "losses.warp", STAGE)


def run(params: Params, artifacts: Path) -> dict[str, Any]:
    """Train, write everything below artifacts/tutor_warp, return the metrics."""

    def build(params: Params) -> tuple[TutorObjective, Plan]:
        schedule = params.tutor_warp
        net = new_network(params, "tutor", STAGE, None)
        objective = TutorObjective(net, params.losses, perceptual(params))
        return objective, Plan(schedule, {"warp": schedule.lr})

    return train_stage(STAGE, PARAMS, params, artifacts, build)


if __name__ == "__main__":
    main(run)
