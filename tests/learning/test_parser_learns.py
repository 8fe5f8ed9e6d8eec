"""What the parser minimises: zero distance to its own answer, and a batch can be learnt."""

import numpy as np
import photoset
import pytest
import torch

from pfafn.learning.parser import ParserObjective, wanted_places
from pfafn.models.inputs import Annotation, Garment
from pfafn.models.parser import GRID, Parser, joints
from pfafn.photos.tensors import picture_tensor
from pfafn.samples.sample import TutorSample

SIZE = H, W = (96, 64)


def sample(people: int) -> TutorSample:
    """A batch of drawn people; the second lacks her left wrist."""
    points = np.stack([photoset.keypoints(SIZE)] * people)
    points[1:, 7] = 0
    parsing = torch.from_numpy(np.stack([photoset.parsing(SIZE)] * people))
    person = torch.stack([picture_tensor(photoset.person(n, SIZE)) for n in range(people)])
    told = Annotation(parsing, parsing, torch.from_numpy(points), torch.zeros(people))
    return TutorSample(torch.arange(people), person, told, Garment(person, person[:, :1]))


def test_a_joint_is_wanted_where_it_is() -> None:
    points = torch.from_numpy(photoset.keypoints(SIZE))[None]
    found = joints(wanted_places(points, SIZE).log(), SIZE)
    torch.testing.assert_close(found[..., :2], points[..., :2], atol=0.2, rtol=0)
    torch.testing.assert_close(found[..., 2], torch.ones(1, 18))


def test_a_missing_joint_is_wanted_nowhere() -> None:
    wanted = wanted_places(torch.zeros(1, 18, 3), SIZE)
    assert (wanted[..., -1] == 1).all()
    assert wanted.sum() == 18


@pytest.mark.parametrize("x", [-2.0, 0.1, W - 0.1, W + 3.0])
def test_a_joint_at_the_border_is_wanted_there(x: float) -> None:
    wanted = wanted_places(torch.tensor([[[x, H / 2, 1.0]]]), SIZE)
    assert wanted.sum().item() == pytest.approx(1)
    found = joints(wanted.log(), SIZE)[0, 0, 0].item()
    assert found == pytest.approx(min(max(x, 0), W - 1), abs=GRID)


def test_a_batch_is_learnt() -> None:
    torch.manual_seed(0)
    net, batch = Parser(4), sample(2)
    objective, adam = ParserObjective(net), torch.optim.Adam(net.parameters(), 1e-2)
    losses = []
    for _ in range(15):
        terms = objective(batch)
        adam.zero_grad()
        terms["total"].backward()
        adam.step()
        losses.append([terms[name].item() for name in ("parsing", "keypoints")])
    first, last = losses[0], losses[-1]
    assert all(late < 0.85 * early for early, late in zip(first, last, strict=True)), losses
