"""What an evaluation measures, of which models, and what people call it. Needs no torch."""

from collections.abc import Mapping
from typing import Any

MODELS = ("tutor", "student", "person", "torso_box")
METRICS = ("ssim", "psnr", "psnr_clothes", "iou", "epe")
ABOUT = {
    "unpaired": (
        "The person tries on another garment. Scores need the true picture, which only drawn data "
        "has; where it is unknown, the pictures below are all there is."
    ),
    "paired": (
        "The person tries on the garment of the photo; the truth is the photo. The student sees "
        "that photo, so it is shown the answer's clothes, and doing nothing scores perfectly: use "
        "these numbers to compare one student with another, not to rank it against the tutor."
    ),
}
TITLES = {
    "ssim": "SSIM ↑",
    "psnr": "PSNR ↑ (dB)",
    "psnr_clothes": "PSNR, clothes ↑ (dB)",
    "iou": "Mask IoU ↑",
    "epe": "Flow error ↓ (px)",
}
NAMES = {
    "tutor": "Tutor (parser-based)",
    "student": "Student (parser-free)",
    "person": "Untouched person",
    "torso_box": "Garment on the torso box",
}
_DIGITS = {"ssim": 3, "psnr": 2, "psnr_clothes": 2, "iou": 3, "epe": 2}


def table(of_models: Mapping[str, Mapping[str, float]]) -> tuple[list[str], dict[str, list[str]]]:
    """The metrics that any model has, and per model their values as text, in that order.

    of_models: scores by metric name for each of MODELS that has any.
    """
    shown = [name for name in METRICS if any(name in scores for scores in of_models.values())]
    rows = {
        model: [number(name, of_models.get(model, {}).get(name)) for name in shown]
        for model in MODELS
    }
    return shown, rows


def number(metric: str, value: Any) -> str:
    """A score with the digits that mean something; a dash for one that nobody knows."""
    return "–" if value is None else f"{value:.{_DIGITS[metric]}f}"
