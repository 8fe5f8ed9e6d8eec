"""What each part of a try-on loses: part after part is replaced by what it should have been.

    python -m benchmarks.oracle [ARTIFACTS]

Takes the student of artifacts/ and its test persons, whose true pictures and flows must be known
(the studio's are), each in a garment that she does not wear. Prints Markdown: the PSNR of the mean
squared error over all persons, in dB, by place; the places where a try-on is hard come last, if the
parsing of the true pictures is known.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from pfafn.evaluation.testset import TestSet, truths
from pfafn.evaluation.truth import GROUPS, Truth
from pfafn.kit.errors import UserError
from pfafn.models.generator import composite
from pfafn.models.geometry import grid_of, warp
from pfafn.models.inputs import Garment
from pfafn.models.tryon import TryOnNet
from pfafn.photos.tensors import to_pixels
from pfafn.samples.sample import TestSample
from pfafn.stages import reads
from pfafn.weights import model_file

BATCH = 8
SAME = 16 / 255  # shades in [0, 1] by which two JPEG files of the same thing may differ
PLACES = {
    "whole": "all pixels",
    "garment": "where the new garment truly shows",
    "bared": "where the old garment was and the new one is not: skin, trousers, background",
    "rest": "what should not change",
    **GROUPS,
}


class Real(NamedTuple):
    """What a batch's try-ons should have been, at the networks' size."""

    image: Tensor  # [B, 3, H, W] in [-1, 1]
    shows: Tensor  # [B, 1, H, W] in {0, 1}: the new garment
    region: Tensor  # [B, 1, H, W] in {0, 1}: the old garment or the new one
    grid: Tensor  # [B, 2, H, W], where the garment shows
    stays: Tensor  # [B, 1, H, W] in {0, 1}: the photo shows the same
    groups: dict[str, Tensor]  # bool [B, H, W] by the names of GROUPS, if known

    @classmethod
    def of(cls, known: list[Truth], person: Tensor) -> "Real":
        """Raises UserError if a truth is not known."""
        if any(truth is None or truth.image is None or truth.flow is None for truth in known):
            raise UserError("the true pictures and flows of these test persons are not known")
        image, shows, region, flow = (
            torch.stack([getattr(truth, name).float() for truth in known])
            for name in ("image", "visible", "region", "flow")
        )
        image = 2 * image - 1
        stays = (image - person).abs().amax(dim=1, keepdim=True) < 2 * SAME
        each = [truth.groups() for truth in known]
        groups = {name: torch.cat([of[name] for of in each]) for name in GROUPS if all(each)}
        return cls(image, shows, region, grid_of(flow), stays * (1 - region), groups)

    def places(self) -> dict[str, Tensor]:
        """bool [B, H, W] by the names of PLACES, of those that are known."""
        shows, region = self.shows[:, 0] > 0, self.region[:, 0] > 0
        found = (torch.ones_like(shows), shows, region & ~shows, ~region)
        return dict(zip(PLACES, found, strict=False)) | self.groups


def variants(
    net: TryOnNet, person: Tensor, garment: Garment, real: Real
) -> Iterator[tuple[str, Tensor]]:
    """Try-ons [B, 3, H, W] by what of them was replaced."""
    worn = net.wear(person, *garment)
    flat, truly = worn.warped.garment, warp(garment.image, real.grid) * real.shows
    kept = composite(worn.rendered, person, real.stays)
    drawn = real.image if worn.keep is None else composite(real.image, person, worn.keep)
    told = worn.warped._replace(garment=truly, mask=real.shows)
    yield "nothing", worn.image
    yield "flow, which the generator is shown", net.render(person, told).image
    yield "composition", composite(worn.behind, flat, real.shows)
    yield "what is kept", composite(kept, flat, worn.mask)
    yield "drawing", composite(drawn, flat, worn.mask)
    yield "flow and composition", composite(worn.behind, truly, real.shows)
    yield "all but the flow", composite(real.image, flat, real.shows)
    yield "all but the drawing", composite(kept, truly, real.shows)
    yield "(the photo as it is)", person


@torch.inference_mode()
def table(artifacts: Path) -> dict[str, dict[str, float]]:
    """PSNR in dB by variant and place, of all test persons."""
    test = TestSet(artifacts / "prepare", artifacts / "annotate")
    net, _ = model_file.load(reads.model(artifacts, "student_tryon"), role="student")
    sums: dict[str, dict[str, list[float]]] = {}
    for batch in DataLoader(test.samples, batch_size=BATCH):
        add(sums, net, batch, Real.of(truths(test, batch, "unpaired"), batch.person))
    return {
        name: {place: psnr(*total) for place, total in places.items()}
        for name, places in sums.items()
    }


def add(
    sums: dict[str, dict[str, list[float]]], net: TryOnNet, batch: TestSample, real: Real
) -> None:
    """Add a batch's squared errors, of pixels as a user gets them, and how many they are."""
    wanted = torch.from_numpy(to_pixels(real.image)).float()
    for name, image in variants(net, batch.person, batch.unpaired, real):
        made = torch.from_numpy(to_pixels(image)).float()
        error = ((made - wanted) / 255).square().mean(dim=-1)
        for place, where in real.places().items():
            total = sums.setdefault(name, {}).setdefault(place, [0.0, 0.0])
            total[0] += error[where].sum().item()
            total[1] += where.sum().item()


def psnr(error: float, pixels: float) -> float:
    return float(-10 * torch.log10(torch.tensor(error / pixels)))


def report(artifacts: Path) -> None:
    found = table(artifacts)
    places = list(found["nothing"])
    print("| " + " | ".join(["replaced by the truth", *places]) + " |")
    print("|---" * (1 + len(places)) + "|")
    for name, values in found.items():
        print(f"| {name} | " + " | ".join(f"{value:.1f}" for value in values.values()) + " |")
    print()
    for name in places:
        print(f"*{name}*: {PLACES[name]}.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("artifacts", nargs="?", type=Path, default=Path("artifacts"))
    report(parser.parse_args().artifacts)
