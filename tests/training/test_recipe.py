"""When what trains."""

import pytest
from tinytrain import ADAM, recipe, schedule, tutor_objective
from torch import nn

from pfafn.training.processes import start_fabric
from pfafn.training.recipe import Recipe
from pfafn.training.trainer import Trainer

PER_EPOCH = 3  # steps


def learns(made: Recipe, done: int) -> dict[str, bool]:
    """What of the warp network learns after so many steps: flow heads that match and refine."""
    trainer = Trainer(start_fabric(), made, ADAM, PER_EPOCH, done)
    optimized = {id(p) for group in trainer.optimizer.param_groups for p in group["params"]}
    heads: dict[str, nn.Module] = dict(made.objective.net.warp.flow.named_children())
    return {
        name: all(p.requires_grad and id(p) in optimized for p in head.parameters())
        for name, head in heads.items()
    }


@pytest.mark.parametrize(("done", "matches"), [(0, False), (5, False), (6, True), (7, True)])
def test_frozen_parts_stand_still_until_their_epochs_are_over(done: int, matches: bool) -> None:
    made = recipe(tutor_objective(), schedule())
    match = made.objective.net.warp.flow.match
    made = made._replace(frozen=(match,), frozen_epochs=2)
    assert learns(made, done) == {"match": matches, "refine": True}


def test_without_frozen_parts_everything_trains() -> None:
    made = recipe(tutor_objective(), schedule())._replace(frozen_epochs=2)
    assert learns(made, 0) == {"match": True, "refine": True}


@pytest.mark.parametrize(("done", "late"), [(0, False), (1.99, False), (2, True), (2.5, True)])
def test_it_is_late_as_soon_as_the_rate_decays(done: float, late: bool) -> None:
    assert Recipe(nn.Module(), schedule(epochs=2, decay=1), ()).late(done) == late
