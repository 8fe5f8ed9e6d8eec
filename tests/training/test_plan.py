"""When what trains."""

import pytest
from tinytrain import plan


@pytest.mark.parametrize(
    ("name", "done", "frozen"),
    [
        ("warp.flow.match.0.weight", 0, True),
        ("warp.flow.match.0.weight", 1.99, True),
        ("warp.flow.match.0.weight", 2, False),  # at the very end of the frozen epochs
        ("warp.flow.refine.0.weight", 0, False),
        ("generator.flow.match", 0, False),
    ],
)
def test_frozen_parts_stand_still_until_their_epochs_are_over(
    name: str, done: float, frozen: bool
) -> None:
    both = plan()._replace(frozen=("warp.flow.match",), frozen_epochs=2)
    assert both.is_frozen(name, done) == frozen


def test_without_frozen_parts_everything_trains() -> None:
    assert not plan()._replace(frozen_epochs=2).is_frozen("warp.flow", 0)


@pytest.mark.parametrize(("done", "late"), [(0, False), (1.99, False), (2, True), (2.5, True)])
def test_it_is_late_as_soon_as_the_rate_decays(done: float, late: bool) -> None:
    assert plan(epochs=2, decay=1).late(done) == late
