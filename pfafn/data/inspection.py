"""Look into the files of one person or one garment and say what is wrong with them."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pfafn.data.catalogue import GarmentFiles, PersonFiles
from pfafn.data.keypoints import KeypointError, count_people, read_keypoints
from pfafn.data.layouts import Layout
from pfafn.data.parsing import ParsingError, canonical
from pfafn.kit.errors import UserError
from pfafn.models.parts import BodyPart
from pfafn.photos.checks import is_photo_size
from pfafn.photos.entrance import GarmentPhoto
from pfafn.photos.images import Picture, decode_gray, decode_ids, decode_picture
from pfafn.photos.masks import MaskSource, area
from pfafn.photos.opening import ImageError, read_bytes

Value = str | float | int | None
THUMB = (16, 12)  # height, width of the picture's small copy, for finding near duplicates


class Reason(StrEnum):
    """Why something is not taken."""

    MISSING_FILE = "missing_file"
    UNDECODABLE = "undecodable"
    IMPLAUSIBLE_SIZE = "implausible_size"
    BLANK = "blank"
    SIZE_MISMATCH = "size_mismatch"
    MASK_EMPTY = "mask_empty"
    MASK_FULL = "mask_full"
    PARSING_IDS = "parsing_ids"
    KEYPOINTS = "keypoints"
    BODY_PARTS = "body_parts"
    DUPLICATE = "duplicate"
    LEAK = "leak"
    NEAR_LEAK = "near_leak"
    GARMENT_LEAK = "garment_leak"
    PAIRS = "pairs"
    NO_OTHER_GARMENT = "no_other_garment"
    SEVERAL_PEOPLE = "several_people"
    COLOURS = "colours"
    MASK_DOUBTFUL = "mask_doubtful"
    STRAY_FILE = "stray_file"
    UNUSED_FOLDER = "unused_folder"


@dataclass(frozen=True)
class Finding:
    """One thing found wrong, with the file's name relative to the data folder.

    rejects: whether `prepare` leaves the sample (or pair) out because of it.
    """

    file: str
    reason: Reason
    value: Value
    split: str
    sample: str | None
    rejects: bool = True

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Report(NamedTuple):
    """What looking into one person or garment gave."""

    findings: tuple[Finding, ...]
    digest: str = ""  # of the picture's decoded pixels; "" if it cannot be decoded
    thumb: bytes = b""  # uint8 RGB [*THUMB, 3] of a person; b"" otherwise
    size: tuple[int, int] = (0, 0)  # height, width of the picture
    mask_source: MaskSource | None = None

    @property
    def usable(self) -> bool:
        """Whether nothing was found that rejects it."""
        return not any(finding.rejects for finding in self.findings)


class Problem(UserError, ValueError):
    """A file cannot be used; carries reason and value to where the finding is made."""

    def __init__(self, reason: Reason, value: Value) -> None:
        super().__init__(f"{reason}: {value}")
        self.reason = reason
        self.value = value


class Inspector:
    """Checks of one data set; pickles to pool workers.

    min_mask, max_mask: share of a garment picture below which its mask is empty, above full.
    """

    def __init__(self, root: Path, layout: Layout, min_mask: float, max_mask: float) -> None:
        self.root = root
        self.layout = layout
        self.min_mask = min_mask
        self.max_mask = max_mask

    def person(self, files: PersonFiles) -> Report:
        """Check the picture of a person and all annotations the data set has for it."""
        found = _Collector(self.root, files)
        for path in files.absent:
            found.add(path, Reason.MISSING_FILE, None)
        picture = None if files.image in files.absent else found.run(files.image, _picture)
        if picture is None:
            return Report(tuple(found.findings))
        found.note(files.image, Reason.COLOURS, picture.note)
        size = picture.rgb.shape[:2]
        if files.parsing:
            found.run(files.parsing, lambda path: self._parsing(path, size))
        if files.keypoints and found.run(files.keypoints, lambda p: self._people(p, size), 1) > 1:
            found.add(files.keypoints, Reason.SEVERAL_PEOPLE, "the first counts", rejects=False)
        if files.body_parts:
            found.run(
                files.body_parts,
                lambda path: decode_body_parts(read_bytes(path), path.suffix, size),
            )
        small = cv2.resize(picture.rgb, THUMB[::-1], interpolation=cv2.INTER_AREA)
        return Report(tuple(found.findings), digest(picture.rgb), small.tobytes(), size)

    def garment(self, files: GarmentFiles) -> Report:
        """Check a garment's picture and its mask, given or estimated."""
        found = _Collector(self.root, files)
        picture = found.run(files.image, _picture)
        if picture is None:
            return Report(tuple(found.findings))
        found.note(files.image, Reason.COLOURS, picture.note)
        told = files.mask or files.image
        photo = found.run(told, lambda _: _masked(files, picture))
        if photo is not None:
            share = round(area(photo.mask), 4)
            if share < self.min_mask:
                found.add(told, Reason.MASK_EMPTY, share)
            elif share > self.max_mask:
                found.add(told, Reason.MASK_FULL, share)
            found.note(told, Reason.MASK_DOUBTFUL, photo.doubt)
        source = photo and photo.mask_source
        size = picture.rgb.shape[:2]
        return Report(tuple(found.findings), digest(picture.rgb), b"", size, source)

    def _parsing(self, path: Path, size: tuple[int, int]) -> None:
        ids = decode_ids(read_bytes(path), path.name)
        _same_size(ids.shape, size)
        canonical(ids, self.layout.table)

    def _people(self, path: Path, size: tuple[int, int]) -> int:
        """How many people a keypoint file holds, the first of them usable."""
        content = read_bytes(path)
        read_keypoints(content, size, self.layout.drawn_in)
        return count_people(content)


class _Collector:
    """Gathers the findings of one sample."""

    def __init__(self, root: Path, files: PersonFiles | GarmentFiles) -> None:
        self.root, self.split, self.sample = root, files.split, files.name
        self.findings: list[Finding] = []

    def add(self, path: Path, reason: Reason, value: Value, rejects: bool = True) -> None:
        file = path.relative_to(self.root).as_posix()
        self.findings.append(Finding(file, reason, value, self.split, self.sample, rejects))

    def note(self, path: Path, reason: Reason, text: str | None) -> None:
        """A finding for which nothing is left out, if there is one."""
        if text:
            self.add(path, reason, text, rejects=False)

    def run(self, path: Path, check: Callable[[Path], Any], otherwise: Any = None) -> Any:
        """check(path), or `otherwise` and a finding if it raises."""
        try:
            return check(path)
        except Problem as problem:
            self.add(path, problem.reason, problem.value)
        except ParsingError as error:
            self.add(path, Reason.PARSING_IDS, str(error))
        except KeypointError as error:
            self.add(path, Reason.KEYPOINTS, str(error))
        except ImageError as error:
            # The finding names the file, and where the data set lies is not told.
            value = str(error).removeprefix(f"{path}: ").removeprefix(f"{path.name}: ")
            self.add(path, Reason.UNDECODABLE, value)
        return otherwise


def _picture(path: Path) -> Picture:
    """Decode a photo and check that its size and content are a photo's."""
    picture = decode_picture(read_bytes(path), path.name)
    height, width = picture.rgb.shape[:2]
    if not is_photo_size(height, width):
        raise Problem(Reason.IMPLAUSIBLE_SIZE, f"{width}x{height}")
    if (picture.rgb == picture.rgb[0, 0]).all():
        raise Problem(Reason.BLANK, "#{:02x}{:02x}{:02x}".format(*picture.rgb[0, 0]))
    return picture


def _same_size(found: tuple[int, ...], expected: tuple[int, int]) -> None:
    if tuple(found) != tuple(expected):
        value = f"{found[1]}x{found[0]}, the picture {expected[1]}x{expected[0]}"
        raise Problem(Reason.SIZE_MISMATCH, value)


def _masked(files: GarmentFiles, picture: Picture) -> GarmentPhoto:
    """A garment's decoded picture with its mask, checked to be of the picture's size."""
    gray = None
    if files.mask is not None:
        gray = decode_gray(read_bytes(files.mask), files.mask.name)
        _same_size(gray.shape, picture.rgb.shape[:2])
    return GarmentPhoto.masked(picture, gray)


def decode_body_parts(content: bytes, kind: str, size: tuple[int, int]) -> NDArray[np.uint8]:
    """DensePose ids uint8 [H, W] of a file's bytes, checked; kind: ".npy" or a picture's suffix.

    Raises Problem for other contents, ImageError for a damaged picture.
    """
    if kind == ".npy":
        try:
            ids = np.load(BytesIO(content), allow_pickle=False)
        except Exception as error:  # numpy raises nearly anything for damaged bytes
            raise Problem(Reason.BODY_PARTS, f"not an array file: {error}") from error
    else:
        ids = decode_ids(content, "body parts")
    if not isinstance(ids, np.ndarray):
        raise Problem(Reason.BODY_PARTS, "expected one array, found an archive of several")
    if ids.ndim != 2 or ids.dtype.kind not in "uif":
        raise Problem(Reason.BODY_PARTS, f"expected numbers [H, W], found {ids.dtype} {ids.shape}")
    _same_size(ids.shape, size)
    if not np.isin(ids, list(BodyPart)).all():
        raise Problem(Reason.BODY_PARTS, f"ids must be whole numbers 0..{max(BodyPart)}")
    return ids.astype(np.uint8)


def digest(rgb: NDArray[np.uint8]) -> str:
    """Hash of decoded pixels and their size: equal for equal pictures in any lossless coding."""
    content = hashlib.sha256(str(rgb.shape).encode())
    content.update(np.ascontiguousarray(rgb))
    return content.hexdigest()[:32]
