"""Tiny photo sets in the layouts of the public data sets, drawn for tests.

Person and garment n are told apart by their colours; every person stands in the middle of a white
picture: head, torso, arms, legs as blocks. Sizes are (height, width) and never square.
"""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pfafn.models.parts import Parsing

SIZE = (128, 96)


def block(shape: tuple[int, int], top: float, bottom: float, left: float, right: float) -> tuple:
    """Slices of a box given in fractions of (height, width)."""
    h, w = shape
    return slice(int(top * h), int(bottom * h)), slice(int(left * w), int(right * w))


BODY = {
    Parsing.FACE: (0.06, 0.2, 0.42, 0.58),
    Parsing.HAIR: (0.02, 0.06, 0.42, 0.58),
    Parsing.UPPER_CLOTHES: (0.22, 0.55, 0.36, 0.64),
    Parsing.RIGHT_ARM: (0.24, 0.55, 0.26, 0.34),
    Parsing.LEFT_ARM: (0.24, 0.55, 0.66, 0.74),
    Parsing.LOWER_CLOTHES: (0.55, 0.95, 0.38, 0.62),
}
POINTS = [
    (0.50, 0.13), (0.50, 0.22), (0.34, 0.25), (0.30, 0.40), (0.30, 0.52), (0.66, 0.25),
    (0.70, 0.40), (0.70, 0.52), (0.42, 0.56), (0.42, 0.75), (0.42, 0.92), (0.58, 0.56),
    (0.58, 0.75), (0.58, 0.92), (0.47, 0.11), (0.53, 0.11), (0.44, 0.12), (0.56, 0.12),
]  # fmt: skip


def parsing(size: tuple[int, int] = SIZE) -> np.ndarray:
    """uint8 [H, W] parsing of the person, 14 ids."""
    ids = np.zeros(size, np.uint8)
    for part, box in BODY.items():
        ids[block(size, *box)] = part
    return ids


def keypoints(size: tuple[int, int] = SIZE) -> np.ndarray:
    """float32 [18, 3] of the person, in pixels."""
    h, w = size
    return np.array([(x * w, y * h, 0.9) for x, y in POINTS], np.float32)


def person(n: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """uint8 RGB [H, W, 3] of person n."""
    rng = np.random.default_rng([n, 1])
    rgb = np.full((*size, 3), 255, np.uint8)
    for box in BODY.values():
        rows, columns = block(size, *box)
        shape = rgb[rows, columns].shape
        rgb[rows, columns] = np.clip(rng.integers(0, 220, 3) + rng.integers(0, 25, shape), 0, 255)
    return rgb


def garment(n: int, size: tuple[int, int] = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """uint8 RGB [H, W, 3] of garment n lying flat on white, and its mask [H, W] in {0, 255}."""
    rng = np.random.default_rng([n, 2])
    rgb, mask = np.full((*size, 3), 255, np.uint8), np.zeros(size, np.uint8)
    box = block(size, 0.2, 0.8, 0.25, 0.75)
    mask[box] = 255
    rgb[box] = np.clip(rng.integers(0, 200, 3) + rng.integers(0, 25, rgb[box].shape), 0, 255)
    return rgb, mask


def write_rgb(path: Path, rgb: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])


def write_gray(path: Path, gray: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), gray)


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def openpose(points: np.ndarray, name: str = "pose_keypoints") -> dict[str, Any]:
    return {"people": [{name: [float(v) for v in points.ravel()]}]}


def viton(root: Path, train: int = 4, test: int = 3, size: tuple[int, int] = SIZE) -> Path:
    """Official PF-AFN folders: samples 000000.. in train, 000100.. in test, cyclic test pairs."""
    for split, first, count in (("train", 0, train), ("test", 100, test)):
        for n in range(first, first + count):
            name = f"{n:06d}"
            rgb, mask = garment(n, size)
            write_rgb(root / f"{split}_img/{name}_0.jpg", person(n, size))
            write_rgb(root / f"{split}_color/{name}_1.jpg", rgb)
            write_gray(root / f"{split}_edge/{name}_1.jpg", mask)
            write_gray(root / f"{split}_label/{name}_0.png", parsing(size))
            pose = root / f"{split}_pose/{name}_0_keypoints.json"
            write_json(pose, openpose(keypoints(size)))
    names = [f"{100 + n:06d}" for n in range(test)]
    lines = [f"{a}_0.jpg {b}_1.jpg" for a, b in zip(names, names[1:] + names[:1], strict=True)]
    (root / "test_pairs.txt").write_text("\n".join(lines) + "\n")
    return root


LIP = {0: 0, Parsing.HAIR: 2, Parsing.FACE: 13, Parsing.UPPER_CLOTHES: 5, Parsing.RIGHT_ARM: 15,
       Parsing.LEFT_ARM: 14, Parsing.LOWER_CLOTHES: 9}  # fmt: skip
ATR = {0: 0, Parsing.HAIR: 2, Parsing.FACE: 11, Parsing.UPPER_CLOTHES: 4, Parsing.RIGHT_ARM: 15,
       Parsing.LEFT_ARM: 14, Parsing.LOWER_CLOTHES: 6}  # fmt: skip


def recoded(ids: np.ndarray, table: dict[int, int]) -> np.ndarray:
    """A parsing map in another data set's ids."""
    out = np.zeros_like(ids)
    for ours, theirs in table.items():
        out[ids == ours] = theirs
    return out


def body_25(points: np.ndarray) -> np.ndarray:
    """The 18 points among BODY_25's: the middle of the hips and six foot points are added."""
    hips = (points[8:9] + points[11:12]) / 2
    return np.concatenate([points[:8], hips, points[8:], np.ones((6, 3), np.float32)])


def viton_resize(root: Path, train: int = 3, test: int = 2, size: tuple[int, int] = SIZE) -> Path:
    """cp-vton's viton_resize: LIP ids, folders below train/ and test/."""
    for split, first, count in (("train", 0, train), ("test", 100, test)):
        for n in range(first, first + count):
            folder, name = root / split, f"{n:06d}"
            rgb, mask = garment(n, size)
            write_rgb(folder / f"image/{name}_0.jpg", person(n, size))
            write_rgb(folder / f"cloth/{name}_1.jpg", rgb)
            write_gray(folder / f"cloth-mask/{name}_1.jpg", mask)
            write_gray(folder / f"image-parse/{name}_0.png", recoded(parsing(size), LIP))
            write_json(folder / f"pose/{name}_0_keypoints.json", openpose(keypoints(size)))
    (root / "test_pairs.txt").write_text("000100_0.jpg 000101_1.jpg\n")
    return root


def viton_hd_sample(
    root: Path, n: int, *, whole: bool = True, size: tuple[int, int] = SIZE, points: int = 25
) -> None:
    """One VITON-HD person without split folders; `whole` adds its own garment."""
    name = f"{n:05d}_00"
    write_rgb(root / f"image/{name}.jpg", person(n, size))
    write_gray(root / f"image-parse-v3/{name}.png", recoded(parsing(size), LIP))
    pose = keypoints(size) if points == 18 else body_25(keypoints(size))
    folder = "openpose_json" if points == 18 else "openpose-json"
    write_json(root / f"{folder}/{name}_keypoints.json", openpose(pose, "pose_keypoints_2d"))
    if whole:
        viton_hd_garment(root, n, size)


def viton_hd_garment(root: Path, n: int, size: tuple[int, int] = SIZE) -> None:
    rgb, mask = garment(n, size)
    write_rgb(root / f"cloth/{n:05d}_00.jpg", rgb)
    write_gray(root / f"cloth-mask/{n:05d}_00.jpg", mask)


def dresscode(root: Path, count: int = 4, size: tuple[int, int] = SIZE) -> Path:
    """DressCode: upper_body/ and dresses/, half of each in test; no masks."""
    for first, category in ((0, "upper_body"), (50, "dresses")):
        folder = root / category
        for n in range(first, first + count):
            name = f"{n:06d}"
            write_rgb(folder / f"images/{name}_0.jpg", person(n, size))
            write_rgb(folder / f"images/{name}_1.jpg", garment(n, size)[0])
            write_gray(folder / f"label_maps/{name}_4.png", recoded(parsing(size), ATR))
            rows = np.concatenate([keypoints((512, 384)), np.ones((18, 1))], axis=1)
            write_json(folder / f"keypoints/{name}_2.json", {"keypoints": rows.tolist()})
        names = [f"{n:06d}" for n in range(first, first + count)]
        half = count // 2
        (folder / "train_pairs.txt").write_text(paired(names[:half], names[:half]))
        (folder / "test_pairs_paired.txt").write_text(paired(names[half:], names[half:]))
        (folder / "test_pairs_unpaired.txt").write_text(paired(names[half:], names[half:][::-1]))
    return root


def paired(persons: list[str], garments: list[str]) -> str:
    pairs = zip(persons, garments, strict=True)
    return "".join(f"{a}_0.jpg\t{b}_1.jpg\n" for a, b in pairs)
