"""The pictures of an evaluation: try-ons side by side, and the curves of the training stages."""

import math
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from pfafn.evaluation.compare import Evaluated
from pfafn.photos.images import Pixels, encode_png
from pfafn.photos.tensors import to_pixels

COLUMNS = {
    "person": "Person",
    "garment": "Garment",
    "warped": "Warped garment\n(student)",
    "tutor": "Tutor",
    "student": "Student",
    "truth": "Truth",
    "torso_box": "Torso box\n(baseline)",
}
LEAST_WIDTH = 160  # pixels of a cell; smaller pictures are enlarged by a whole factor
GAP, HEADER, CAPTION = 6, 52, 20  # pixels
PAPER, INK, PALE = (255, 255, 255), (34, 34, 34), (130, 130, 130)
STAGES = ("tutor_warp", "tutor_tryon", "student_warp", "student_tryon")
SMOOTHING = 0.05  # of the curve's length, the window of the moving median


class Gallery:
    """The first `rows` unpaired try-ons, kept while an evaluation goes by."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.pictures: list[dict[str, Pixels]] = []
        self.captions: list[str] = []

    def add(self, evaluated: Evaluated, known: list[Tensor | None], captions: list[str]) -> None:
        """Take what is still missing from a batch. known: true pictures [3, H, W] in [0, 1]."""
        student = evaluated.dressed["student"]
        pale = evaluated.batch.unpaired.image + 1 - evaluated.batch.unpaired.mask
        columns = {
            "person": evaluated.batch.person,
            "garment": pale,
            "warped": student.garment * student.mask + 1 - student.mask,
        }
        for model in ("tutor", "student", "torso_box"):
            columns[model] = evaluated.dressed[model].image
        for i in range(min(self.rows - len(self.pictures), len(captions))):
            row = {name: to_pixels(images[i : i + 1])[0] for name, images in columns.items()}
            if known[i] is not None:
                row["truth"] = to_pixels(known[i][None] * 2 - 1)[0]
            self.pictures.append(row)
            self.captions.append(captions[i])

    def png(self) -> bytes:
        """The grid: a row per person, a column for each of COLUMNS that is known."""
        shown = [name for name in COLUMNS if any(name in row for row in self.pictures)]
        height, width = self.pictures[0]["person"].shape[:2]
        factor = max(1, math.ceil(LEAST_WIDTH / width))
        height, width = height * factor, width * factor
        step = height + CAPTION + GAP
        whole = len(shown) * (width + GAP) + GAP, HEADER + len(self.pictures) * step + GAP
        canvas = Image.new("RGB", whole, PAPER)
        draw = ImageDraw.Draw(canvas)
        large, small = ImageFont.load_default(16), ImageFont.load_default(12)
        for column, name in enumerate(shown):
            middle = GAP + column * (width + GAP) + width // 2
            draw.multiline_text(
                (middle, HEADER // 2), COLUMNS[name], INK, large, anchor="mm", align="center"
            )
        for row, pictures in enumerate(self.pictures):
            top = HEADER + row * step
            draw.text((GAP, top + CAPTION // 2), self.captions[row], PALE, small, anchor="lm")
            for column, name in enumerate(shown):
                if name in pictures:
                    place = (GAP + column * (width + GAP), top + CAPTION)
                    cell = cv2.resize(pictures[name], (width, height), None, 0, 0, cv2.INTER_CUBIC)
                    canvas.paste(Image.fromarray(cell), place)
        return encode_png(np.asarray(canvas))


def curve_files(artifacts: Path) -> dict[str, Path]:
    """curve.csv of every training stage that has one."""
    files = {stage: artifacts / stage / "curve.csv" for stage in STAGES}
    return {stage: path for stage, path in files.items() if path.is_file()}


def draw_curves(files: dict[str, Path], out: Path) -> None:
    """Total loss of every stage side by side, raw and smoothed."""
    figure = Figure(figsize=(3.6 * len(files), 3.2), layout="constrained")
    axes = figure.subplots(1, len(files), squeeze=False)
    for axis, (stage, path) in zip(axes[0], files.items(), strict=True):
        curve = pd.read_csv(path)
        window = max(1, round(SMOOTHING * len(curve)))
        smooth = curve["total"].rolling(window, center=True, min_periods=1).median()
        axis.plot(curve["step"], curve["total"], color="#b9c7d8", linewidth=0.8)
        axis.plot(curve["step"], smooth, color="#1f4e79", linewidth=1.6)
        axis.set(title=stage, xlabel="step", yscale="log")
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter(NullFormatter())
        axis.grid(alpha=0.25)
    axes[0][0].set_ylabel("total loss")
    figure.savefig(out, dpi=110, metadata={"Software": None})
