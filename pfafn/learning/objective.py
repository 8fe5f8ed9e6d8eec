"""What tutor and student have in common: a network in training and the loss that it minimises.

A network without a generator is in its warp stage; with one, the warp loss counts `warp_weight`.
"""

import torch
from torch import Tensor, nn

from pfafn.learning.losses import Terms, WarpTerms, generator_terms, misplaced, warp_terms
from pfafn.models.generator import composite
from pfafn.models.inputs import Garment
from pfafn.models.tryon import TryOnNet, Worn
from pfafn.models.vgg import VGG19
from pfafn.models.warp import Warped
from pfafn.params.sections import Losses, TryOnStage, WarpStage


def rates(net: TryOnNet, schedule: WarpStage | TryOnStage) -> tuple[tuple[nn.Module, float], ...]:
    """The parts of a network with their learning rates."""
    if net.generator is None:
        return ((net.warp, schedule.lr),)
    return (net.warp, schedule.lr_warp), (net.generator, schedule.lr_generator)


class Objective(nn.Module):
    """A network in training and the loss it minimises.

    forward(batch, late) -> scalars by name, "total" among them; late: the learning rate decays.
    """

    def __init__(
        self, net: TryOnNet, losses: Losses, vgg: VGG19 | None, warp_weight: float = 1.0
    ) -> None:
        super().__init__()
        self.net = net
        self.vgg = vgg
        self.losses = losses
        self.warp_weight = warp_weight

    def train(self, mode: bool = True) -> "Objective":
        """Only the network learns: a frozen tutor and the VGG stay in eval mode."""
        super().train(False)
        self.net.train(mode)
        return self

    def warp_loss(
        self, warped: Warped, garment: Garment, person: Tensor, clothes_mask: Tensor
    ) -> tuple[Tensor, WarpTerms]:
        """Multi-scale warp loss: level n counts n + 1 (paper eq. 1)."""
        clothes = person * clothes_mask
        terms = warp_terms(warped.alignment, *garment, clothes, clothes_mask, self.vgg)
        weight = self.losses.warp
        per_level = (
            weight.l1 * terms.l1
            + weight.vgg * terms.vgg
            + weight.mask * terms.mask
            + weight.second_order * terms.second_order
        )
        level = torch.arange(1, len(per_level) + 1, device=per_level.device)
        return (level * per_level).sum() + weight.tv * terms.tv.sum(), terms

    def generator_loss(
        self, worn: Worn, behind: Tensor, person: Tensor, clothes_mask: Tensor
    ) -> Terms:
        """Try-on and rendered image against the photo; "generator" is their weighted sum.

        behind [B, 3, H, W]: what shows beside the garment.
        """
        # In training the garment may only show where the person really wears it.
        mask = worn.mask * clothes_mask
        image = composite(behind, worn.warped.garment, mask)
        terms = generator_terms(image, worn.rendered, mask, person, self.vgg)
        weight = self.losses.generator
        occlusion = misplaced(
            worn.composition, worn.warped.mask, clothes_mask, in_front=weight.in_front
        )
        total = (
            weight.l1 * (terms.l1 + terms.rendered_l1)
            + weight.vgg * (terms.vgg + terms.rendered_vgg)
            + weight.mask * terms.mask
            + weight.occlusion * occlusion
        )
        shown = terms._asdict() | {"occlusion": occlusion}
        return {"generator": total} | {f"generator_{k}": v for k, v in shown.items()}

    def summed(self, warp: Tensor, terms: WarpTerms, generator: Terms) -> Terms:
        """Total and what a curve shows of it; of the levels, the finest."""
        total = self.warp_weight * warp + generator.get("generator", 0)
        finest = {f"warp_{k}": v[-1] for k, v in terms._asdict().items()}
        return {"total": total, "warp": warp, **finest, **generator}
