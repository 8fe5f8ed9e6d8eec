"""The appearance flow made quick: the same outputs, sampled and correlated in another way."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pfafn.fast.correlation import cost_volume
from pfafn.fast.sampling import sample
from pfafn.models.warp import RADIUS, SLOPE, FlowNet


class FastFlowNet(FlowNet):
    """`FlowNet` with quick sampling and a quick cost volume, by the device.

    It takes over the heads of the network that it stands for, names of weights included.
    """

    def __init__(self, flow: FlowNet) -> None:
        nn.Module.__init__(self)
        self.match, self.refine = flow.match, flow.refine

    def warp(self, features: Tensor, grid: Tensor) -> Tensor:
        """A garment level [B, F, h, w] as the grid [B, 2, h, w] says; a CPU in float32 at least."""
        if features.device.type == "cpu":
            features = features.to(torch.promote_types(features.dtype, torch.float32))
        return sample(features, grid)

    def costs(self, warped: Tensor, person: Tensor) -> Tensor:
        return F.leaky_relu(cost_volume(warped, person, RADIUS), SLOPE)

    def evidence(self, level: int, warped: Tensor, person: Tensor) -> Tensor:
        # Sampled in full precision the person's half would be converted there and back.
        return super().evidence(level, warped.to(person.dtype), person)
