"""What eight bits are worth to an ONNX file: its size and time, and how far from the truth it is.

    python -m benchmarks.int8 FILE.onnx [--prepare FOLDER] [--out INT8.onnx]

The file is quantised by onnxruntime, statically: weights of convolutions per channel, activations
by their extremes on training pairs. Then both dress the test persons of a project in other
garments, and where the true picture is known (the studio knows it) the PSNR to it is told. Time is
what the processors worked for a try-on: what else runs here disturbs it less. The new file keeps
the card, whose `largest_error` is the old file's.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

from pfafn.photos.images import decode_rgb, quick_gray
from pfafn.portable.tryon import session
from pfafn.samples.shards import Shards

CONVOLUTIONS = ["Conv", "ConvTranspose"]
Given = dict[str, NDArray[np.uint8]]


class Example(NamedTuple):
    """A person, another garment, and the true picture of both, if it is known."""

    given: Given
    truth: NDArray[np.uint8] | None


def examples(prepare: Path, split: str, most: int) -> Iterator[Example]:
    """Of the first persons of a split."""
    persons, garments, truth = (Shards(prepare / name) for name in ("persons", "garments", "truth"))
    known = pd.read_parquet(prepare / "truth.parquet").query("protocol == 'unpaired'")
    rows = dict(zip(zip(known["item"], known["garment"], strict=True), known.index, strict=True))
    manifest = pd.read_parquet(prepare / "manifest.parquet")
    for row in manifest[manifest["split"] == split].head(most).itertuples():
        other = int(row.unpaired[0]) if len(row.unpaired) else row.garment
        flat, place = garments[other], rows.get((row.item, other))
        yield Example(
            {
                "person": decode_rgb(persons[row.item]["image"])[None],
                "garment": decode_rgb(flat["image"])[None],
                "mask": quick_gray(flat["mask"])[None],
            },
            None if place is None else decode_rgb(truth[place]["tryon"]),
        )


class Calibration(CalibrationDataReader):
    """Hands pairs out one by one."""

    def __init__(self, pairs: Iterator[Example]) -> None:
        self.pairs = pairs

    def get_next(self) -> Given | None:
        return next((pair.given for pair in self.pairs), None)


def quantised(file: Path, out: Path, pairs: Iterator[Example]) -> None:
    """Write the file in eight bits."""
    quantize_static(
        file, out, Calibration(pairs), per_channel=True, op_types_to_quantize=CONVOLUTIONS,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
    )  # fmt: skip


def psnr(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Of two pictures in dB."""
    return float(10 * np.log10(255**2 / ((one.astype(float) - other) ** 2).mean().clip(1e-9)))


def dressed(file: Path, pairs: list[Example]) -> tuple[list[NDArray[np.uint8]], float]:
    """The try-ons, and the processors' seconds of one."""
    running = session(file)
    running.run(["image"], pairs[0].given)
    began = time.process_time()
    worn = [running.run(["image"], pair.given)[0][0] for pair in pairs]
    return worn, (time.process_time() - began) / len(pairs)


def main(given: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.int8", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("file", type=Path)
    parser.add_argument("--prepare", type=Path, default=Path("artifacts/prepare"))
    parser.add_argument("--out", type=Path, default=Path("build/int8.onnx"))
    parser.add_argument("--calibration", type=int, default=32, help="training pairs")
    parser.add_argument("--most", type=int, default=120, help="test pairs")
    asked = parser.parse_args(given)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    quantised(asked.file, asked.out, examples(asked.prepare, "train", asked.calibration))
    pairs = list(examples(asked.prepare, "test", asked.most))
    print("| file | MB | processors' ms | PSNR to the truth | to float32, worst of all |")
    print("|---|---:|---:|---:|---:|")
    exact: list[NDArray[np.uint8]] = []
    for name, file in (("float32", asked.file), ("int8", asked.out)):
        worn, seconds = dressed(file, pairs)
        exact = exact or worn
        true = [psnr(w, p.truth) for w, p in zip(worn, pairs, strict=True) if p.truth is not None]
        apart = min(psnr(w, e) for w, e in zip(worn, exact, strict=True))
        print(f"| {name} | {file.stat().st_size / 1e6:.1f} | {1000 * seconds:.1f} "
              f"| {np.mean(true) if true else float('nan'):.2f} dB "
              f"| {'' if worn is exact else f'{apart:.1f} dB'} |")  # fmt: skip


if __name__ == "__main__":
    main()
