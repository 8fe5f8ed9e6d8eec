"""What the parser learns from annotated people: their parsing maps and where their joints are."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pfafn.learning.losses import Terms
from pfafn.models.parser import GRID, Parser
from pfafn.params.sections import WarpStage
from pfafn.samples.sample import TutorSample
from pfafn.training.recipe import Recipe

KEYPOINTS = 0.1  # weight of the joints beside the parsing map's
# Photos that it is to parse are framed and lit otherwise than those that it learns from.
AUGMENT = {"flip": 0.5, "shift": 0.05, "scale": 0.15, "colour": 0.2}
SPREAD = 1.0  # places of the grid by which a joint that is looked for may be missed


def parser_recipe(net: Parser, schedule: WarpStage) -> Recipe:
    return Recipe(ParserObjective(net), schedule, ((net, schedule.lr),))


class ParserObjective(nn.Module):
    """Cross-entropy of each pixel's class and of each joint's place.

    forward(batch, late) -> scalars by name; "total" is minimised.
    """

    def __init__(self, net: Parser) -> None:
        super().__init__()
        self.net = net

    def forward(self, batch: TutorSample, late: bool = False) -> Terms:
        told, parsed = batch.annotation, self.net(batch.person)
        parsing = F.cross_entropy(parsed.parsing.float(), told.parsing.long())
        wanted = wanted_places(told.keypoints, batch.person.shape[2:])
        keypoints = -(wanted * parsed.places.float().log_softmax(dim=2)).sum(dim=2).mean()
        total = parsing + KEYPOINTS * keypoints
        return {"total": total, "parsing": parsing, "keypoints": keypoints}


def wanted_places(keypoints: Tensor, size: tuple[int, int]) -> Tensor:
    """How likely each of `Parsed.places` should be: [B, 18, 3] -> [B, 18, P], of sum 1.

    keypoints: x, y in pixels of photos of size = (height, width), score; 0, 0 if missing. A joint's
    chance is spread around it as a normal distribution; one that is missing is in the last place.
    """
    missing = (keypoints[..., :2] == 0).all(dim=-1)
    along = []
    for extent, at in ((size[0] // GRID, keypoints[..., 1]), (size[1] // GRID, keypoints[..., 0])):
        places = torch.arange(extent, device=keypoints.device)
        middle = (at + 0.5) / GRID - 0.5
        far = (places - middle.clamp(0, extent - 1)[..., None]) / SPREAD
        along.append(torch.softmax(-far.square() / 2, dim=-1))
    y, x = along
    seen = (y[..., None] * x[..., None, :]).flatten(2) * ~missing[..., None]
    return torch.cat([seen, missing[..., None].to(seen)], dim=2)
