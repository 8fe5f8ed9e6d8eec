"""What an evaluation measures, of which models, and what people call it. Needs no torch."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Metric(NamedTuple):
    """All there is to say of a metric."""

    title: str
    digits: int  # after the point, that mean something
    definition: str
    unit: str = ""
    higher_is_better: bool = True

    @property
    def heading(self) -> str:
        """The title of a column: with the direction that is better, and the unit."""
        arrow = "↑" if self.higher_is_better else "↓"
        return f"{self.title} {arrow}" + (f" ({self.unit})" if self.unit else "")

    def text(self, value: float | None) -> str:
        """A score with the digits that mean something; a dash for one that nobody knows."""
        return "–" if value is None else f"{value:.{self.digits}f}"

    def best(self, values: Iterable[float | None]) -> str:
        """The best of these, as it is shown; "" if none is known."""
        there = [value for value in values if value is not None]
        return self.text((max if self.higher_is_better else min)(there)) if there else ""


METRICS = {
    "ssim": Metric(
        title="SSIM",
        digits=3,
        definition="structural similarity, 11×11 Gaussian window, on RGB in 0..1, mean over "
        "samples",
    ),
    "psnr": Metric(
        title="PSNR",
        unit="dB",
        digits=2,
        definition="of 8-bit RGB in 0..1, mean of the samples' values; equal pictures count 100 dB",
    ),
    "psnr_clothes": Metric(
        title="PSNR, clothes",
        unit="dB",
        digits=2,
        definition="the same inside the clothes: where the new garment truly shows or the old one "
        "was",
    ),
    "iou": Metric(
        title="Mask IoU",
        digits=3,
        definition="warped garment mask above 0.5 against where the garment truly shows",
    ),
    "epe": Metric(
        title="Flow error",
        unit="px",
        digits=2,
        higher_is_better=False,
        definition="mean distance in pixels between the flow and the true one, where it shows",
    ),
    "ssim_kept": Metric(
        title="SSIM, kept",
        digits=3,
        definition="SSIM where neither old nor new clothes are or may be, which should stay as it "
        "is",
    ),
    "psnr_face": Metric(
        title="Face", unit="dB", digits=1, definition="PSNR of the face, as far as it should stay"
    ),
    "psnr_hair": Metric(
        title="Hair", unit="dB", digits=1, definition="PSNR of the hair, as far as it should stay"
    ),
    "psnr_lower": Metric(
        title="Lower clothes",
        unit="dB",
        digits=1,
        definition="PSNR of trousers and skirts, as far as they should stay",
    ),
    "skin": Metric(
        title="New skin",
        unit="ΔE₀₀",
        digits=1,
        higher_is_better=False,
        definition="mean CIEDE2000 of the skin that the old garment hid and the new one does not",
    ),
    "hands": Metric(
        title="Hands in front",
        digits=2,
        definition="share of those who have hands or forearms in front of the new garment, there "
        "nearer in colour (CIEDE2000) to the truth than to the cloth beside them",
    ),
}
# What ranks students, as PROTOCOL.METRIC: the first that is known counts.
DECISIVE = ("unpaired.psnr_clothes", "paired.ssim")
MODELS = {
    "tutor": "Tutor (parser-based)",
    "student": "Student (parser-free)",
    "person": "Untouched person",
    "torso_box": "Garment on the torso box",
}
ABOUT = {
    "unpaired": (
        "The person tries on another garment. What changes is scored by the true picture alone, "
        "which only drawn data has; where it is unknown, scored is what must not change, by the "
        "photo itself, so that doing nothing scores perfectly; the rest is for the eye, in the "
        "pictures below."
    ),
    "paired": (
        "The person tries on the garment of the photo; the truth is the photo. The student sees "
        "that photo, so it is shown the answer's clothes, and doing nothing scores perfectly: use "
        "these numbers to compare one student with another, not to rank it against the tutor."
    ),
}


def known(of_models: Mapping[str, Mapping[str, float]]) -> dict[str, Metric]:
    """Those of METRICS that any model has a score of, in scores by model and metric."""
    return {
        name: metric
        for name, metric in METRICS.items()
        if any(name in scores for scores in of_models.values())
    }
