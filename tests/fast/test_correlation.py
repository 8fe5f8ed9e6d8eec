"""The cost volume is its definition, wherever the blocks of a row begin."""

import pytest
import torch

from pfafn.fast.correlation import BLOCK, cost_volume


@pytest.mark.parametrize("size", [(4, 3), (5, BLOCK), (3, 2 * BLOCK + 5)])
def test_cost_volume_is_its_definition(size: tuple[int, int]) -> None:
    h, w = size
    garment, person = torch.randn(2, 2, 5, h, w, dtype=torch.double)
    costs = cost_volume(garment, person).view(2, 7, 7, h, w)
    for y, x, dy, dx in [(0, 0, 0, 0), (h - 1, w - 1, -2, -1), (1, 2, 1, -2), (2, 1, -3, 3)]:
        inside = 0 <= y + dy < h and 0 <= x + dx < w
        wanted = (garment[:, :, y, x] * person[:, :, y + dy, x + dx]).mean(1) if inside else 0
        torch.testing.assert_close(
            costs[:, dy + 3, dx + 3, y, x], torch.as_tensor(wanted).double().expand(2)
        )


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("width", [2, 4, BLOCK, BLOCK + 2])
def test_cost_volume_differentiates(width: int, batch: int) -> None:
    garment, person = (
        torch.randn(batch, 2, 3, width, dtype=torch.double, requires_grad=True) for _ in range(2)
    )
    assert torch.autograd.gradcheck(lambda a, b: cost_volume(a, b, radius=1), (garment, person))


def test_the_best_match_is_where_the_person_shows_the_garment() -> None:
    torch.manual_seed(0)
    person = torch.randn(1, 64, 6, 8)
    garment = torch.zeros_like(person)
    garment[..., :5, :6] = person[..., 1:, 2:]  # found 2 to the right and 1 below
    best = cost_volume(garment, person)[0, :, 2, 3].argmax().item()
    assert divmod(best, 7) == (1 + 3, 2 + 3)


def test_costs_have_the_precision_of_the_persons_features() -> None:
    garment, person = torch.randn(2, 1, 8, 6, 20)
    exact, coarse = cost_volume(garment, person), cost_volume(garment, person.bfloat16())
    assert coarse.dtype == torch.bfloat16
    torch.testing.assert_close(coarse.float(), exact, atol=0.03, rtol=0)
