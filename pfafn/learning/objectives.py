"""The four training regimes: what a tutor or a student minimises, with or without its generator.

A network without a generator is in its warp stage; with one, the warp loss counts `warp_weight`.
"""

import torch
from torch import Tensor, nn

from pfafn.learning.collapse import tryon_sign, warp_signs
from pfafn.learning.losses import (
    FIRST_GUIDED_FLOW,
    WarpTerms,
    feature_distillation,
    flow_distillation,
    generator_terms,
    misplaced,
    reconstruction,
    trusted,
    warp_terms,
)
from pfafn.models.generator import composite
from pfafn.models.redress import represented
from pfafn.models.representation import Represented
from pfafn.models.tryon import TryOnNet, Worn
from pfafn.models.vgg import VGG19
from pfafn.models.warp import Warped
from pfafn.params.losses import Losses

Batch = dict[str, Tensor]
Terms = dict[str, Tensor]


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
        self, warped: Warped, batch: Batch, seen: Represented
    ) -> tuple[Tensor, WarpTerms]:
        """Multi-scale warp loss: level n counts n + 1 (paper eq. 1)."""
        clothes = batch["person"] * seen.clothes_mask
        terms = warp_terms(
            warped.alignment,
            batch["garment"],
            batch["garment_mask"],
            clothes,
            seen.clothes_mask,
            self.vgg,
        )
        weight = self.losses.warp
        per_level = (
            weight.l1 * terms.l1
            + weight.vgg * terms.vgg
            + weight.mask * terms.mask
            + weight.second_order * terms.second_order
        )
        level = torch.arange(1, len(per_level) + 1).to(per_level)
        return (level * per_level).sum() + weight.tv * terms.tv.sum(), terms

    def generator_loss(self, worn: Worn, batch: Batch, seen: Represented) -> Terms:
        """Try-on and rendered image against the photo; "generator" is their weighted sum."""
        # In training the garment may only show where the person really wears it.
        mask = worn.mask * seen.clothes_mask
        image = composite(worn.rendered, worn.warped.garment, mask)
        terms = generator_terms(image, worn.rendered, mask, batch["person"], self.vgg)
        occlusion = misplaced(worn.composition, worn.warped.mask, seen.clothes_mask)
        weight = self.losses.generator
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


class TutorObjective(Objective):
    """PB-AFN: dress the photo's person in the garment it wears, from parsing and pose."""

    def forward(self, batch: Batch, late: bool = False) -> Terms:
        seen = represented(batch)
        warped = self.net.warp(seen.condition, batch["garment"], batch["garment_mask"])
        warp, terms = self.warp_loss(warped, batch, seen)
        signs = warp_signs(warped, seen.clothes_mask)
        if self.net.generator is None:
            return self.summed(warp, terms, {}) | signs
        limbs = seen.limbs * (1 - seen.clothes_mask)
        worn = self.net.render(seen.preserved, warped, limbs)
        return self.summed(warp, terms, self.generator_loss(worn, batch, seen)) | signs


class StudentObjective(Objective):
    """PF-AFN: undo the tutor's fake and restore the photo, under adjustable distillation."""

    def __init__(
        self,
        net: TryOnNet,
        tutor: TryOnNet,
        losses: Losses,
        vgg: VGG19 | None,
        warp_weight: float = 1.0,
    ) -> None:
        super().__init__(net, losses, vgg, warp_weight)
        self.tutor = tutor.eval().requires_grad_(False)

    def forward(self, batch: Batch, late: bool = False) -> Terms:
        seen = represented(batch)
        warped = self.net.warp(batch["fake"], batch["garment"], batch["garment_mask"])
        warp, terms = self.warp_loss(warped, batch, seen)
        guidance = self.distillation(warped, batch, seen)
        warp = warp + guidance.get("distillation", 0)
        signs = warp_signs(warped, seen.clothes_mask)
        if self.net.generator is None:
            return self.summed(warp, terms, guidance) | signs
        worn = self.net.render(batch["fake"], warped)
        generator = self.generator_loss(worn, batch, seen)
        skin = self.skin(worn, batch, seen, late)
        generator["generator"] = generator["generator"] + skin["generator_skin"]
        signs |= tryon_sign(worn.image, batch["fake"], batch["person"], seen.clothes_mask)
        return self.summed(warp, terms, guidance | generator | skin) | signs

    def distillation(self, warped: Warped, batch: Batch, seen: Represented) -> Terms:
        """Guidance of the tutor, which sees the true representation and the same garment."""
        weight = self.losses.distillation
        if weight.mode == "none":
            return {}
        with torch.no_grad():
            tutor = self.tutor.warp(seen.condition, batch["garment"], batch["garment_mask"])
        trust = trusted(tutor.garment, warped.garment, batch["person"] * seen.clothes_mask)
        if weight.mode == "fixed":
            trust = torch.ones_like(trust)
        features = feature_distillation(warped.person, tutor.person, trust)
        flows = flow_distillation(warped.alignment.grids, tutor.alignment.grids, trust)
        levels = len(features)
        coarse_first = torch.arange(levels, 0, -1).to(features)
        fine_first = torch.arange(FIRST_GUIDED_FLOW + 1, levels + 1).to(flows)
        of_features = weight.features * (coarse_first * features).sum()
        of_flows = weight.flow * (fine_first * flows).sum()
        return {
            "distillation": of_features + of_flows,
            "distillation_features": of_features,
            "distillation_flow": of_flows,
            "distillation_trusted": trust.float().mean(),
        }

    def skin(self, worn: Worn, batch: Batch, seen: Represented, late: bool) -> Terms:
        """Draw the skin that the fake's garment hid and the photo shows."""
        weight = self.losses.generator
        skin = batch["fake_mask"] * (1 - seen.clothes_mask)
        l1, vgg = reconstruction(worn.rendered * skin, batch["person"] * skin, self.vgg)
        total = (weight.skin_l1 * l1 + weight.skin_vgg * vgg) * (weight.skin_late if late else 1)
        return {"generator_skin": total, "generator_skin_l1": l1, "generator_skin_vgg": vgg}


def initialise_student(student: TryOnNet, tutor: TryOnNet) -> tuple[str, ...]:
    """Copy what does not depend on the person input; return the names of those modules.

    Garment encoder, garment pyramid and correlation heads come from the tutor; person encoder,
    person pyramid and refinement heads stay fresh.
    """
    shared = ("garment_encoder", "garment_fpn", "flow.match")
    for name in shared:
        source = tutor.warp.get_submodule(name)
        student.warp.get_submodule(name).load_state_dict(source.state_dict())
    return tuple(f"warp.{name}" for name in shared)


def inherit_generator(student: TryOnNet, tutor: TryOnNet) -> None:
    """Start the student's generator from the tutor's, which already knows how to draw people.

    The student's inputs (photo, warped garment, its mask) lie where the tutor has the like (what is
    kept of the photo, warped garment, its mask); the tutor's last input, the limbs, is left out.
    """
    weights = tutor.generator.state_dict()
    for name, own in student.generator.state_dict().items():
        if own.ndim == 4:
            weights[name] = weights[name][:, : own.shape[1]]
    student.generator.load_state_dict(weights)
