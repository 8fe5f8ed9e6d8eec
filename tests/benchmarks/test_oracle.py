"""What a try-on would be if parts of it were true."""

import torch
from tinytrain import TINY

from benchmarks.oracle import Real, variants
from pfafn.models.inputs import Garment
from pfafn.models.tryon import TryOnNet

SIZE = 64, 96


def test_where_the_network_is_right_already_the_truth_changes_nothing() -> None:
    torch.manual_seed(0)
    net = TryOnNet("student", **TINY, generator=4, keep=True).eval()
    person, image = torch.rand(2, 2, 3, *SIZE) * 2 - 1
    garment = Garment(image, torch.ones(2, 1, *SIZE))
    with torch.inference_mode():
        worn = net.wear(person, *garment)
        ones = torch.ones(2, 1, *SIZE)
        right = Real(worn.rendered, worn.mask, ones, worn.warped.alignment.grid, worn.keep, {})
        made = dict(variants(net, person, garment, right))
    for name in ("composition", "what is kept", "drawing"):
        torch.testing.assert_close(made[name], made["nothing"], msg=name)
    assert torch.equal(made["(the photo as it is)"], person)


def test_the_truth_in_all_but_the_drawing_is_the_garment_along_its_true_flow_before_the_photo() -> (
    None
):
    net = TryOnNet("student", **TINY, generator=4).eval()
    person, image = torch.rand(2, 1, 3, *SIZE) * 2 - 1
    shows = torch.zeros(1, 1, *SIZE)
    shows[..., :20] = 1
    mirrored = torch.nn.functional.affine_grid(
        torch.tensor([[[-1.0, 0, 0], [0, 1, 0]]]), [1, 1, *SIZE], align_corners=True
    ).movedim(-1, 1)
    real = Real(person, shows, shows, mirrored, 1 - shows, {})
    with torch.inference_mode():
        made = dict(variants(net, person, Garment(image, torch.ones(1, 1, *SIZE)), real))
    found = made["all but the drawing"]
    torch.testing.assert_close(found[..., :20], image.flip(-1)[..., :20], atol=1e-4, rtol=0)
    assert torch.equal(found[..., 20:], person[..., 20:])
