"""Where lower precision must not reach: the layers that say positions and colours."""

import torch
from torch import Tensor, nn


class ExactConv2d(nn.Conv2d):
    """A convolution in the precision of its weights, also where autocast lowers the others'.

    bfloat16 has eight bits: too few for a flow of some hundred pixels or for a colour.
    """

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.to(self.weight.dtype))
