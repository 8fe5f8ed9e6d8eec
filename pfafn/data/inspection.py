"""Look into the files of one person or one garment and say what is wrong with them."""

import hashlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pfafn.annotations.agreement import Agreement, agreement
from pfafn.annotations.keypoints import KeypointError, people, placed, who
from pfafn.annotations.parsing import SCHEMES, Ids, ParsingError, canonical
from pfafn.annotations.plausibility import doubts, hint
from pfafn.data.catalogue import GarmentFiles, PersonFiles
from pfafn.data.findings import Finding, Problem, Reason, Report, Value
from pfafn.data.layouts import Layout
from pfafn.models.parts import BodyPart
from pfafn.params.photos import Prepare
from pfafn.photos.checks import is_photo_size
from pfafn.photos.entrance import GarmentPhoto
from pfafn.photos.images import Picture, decode_gray, decode_ids, decode_picture
from pfafn.photos.masks import area, border
from pfafn.photos.opening import ImageError, read_bytes

THUMB = (16, 12)  # height, width of the picture's small copy, for finding near duplicates


class Inspector:
    """Checks of one data set in its layout, by the rules of `prepare`; pickles to pool workers."""

    def __init__(self, root: Path, layout: Layout, rules: Prepare) -> None:
        self.root, self.layout, self.rules = root, layout, rules

    def look(self, files: PersonFiles | GarmentFiles) -> Report:
        """Check what is there, be it a person or a garment."""
        return self.person(files) if isinstance(files, PersonFiles) else self.garment(files)

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
        measured = self._annotations(files, picture.rgb, found)
        if files.body_parts:
            found.run(
                files.body_parts,
                lambda path: decode_body_parts(read_bytes(path), path.suffix, size),
            )
        small = cv2.resize(picture.rgb, THUMB[::-1], interpolation=cv2.INTER_AREA)
        findings = tuple(found.findings)
        return Report(findings, digest(picture.rgb), small.tobytes(), size, agreement=measured)

    def garment(self, files: GarmentFiles) -> Report:
        """Check a garment's picture and its mask, given or estimated."""
        found = _Collector(self.root, files)
        picture = found.run(files.image, _picture)
        if picture is None:
            return Report(tuple(found.findings))
        found.note(files.image, Reason.COLOURS, picture.note)
        told = files.mask or files.image
        photo = found.run(told, lambda _: _masked(files, picture))
        covered = None
        if photo is not None:
            covered = border(photo.mask)
            share = round(area(photo.mask), 4)
            if share < self.rules.min_mask:
                found.add(told, Reason.MASK_EMPTY, share)
            elif share > self.rules.max_mask:
                found.add(told, Reason.MASK_FULL, share)
            elif photo.doubt and files.mask:
                found.add(told, Reason.IMPLAUSIBLE, photo.doubt, rejects=self.rules.strict)
            elif photo.doubt:
                found.add(told, Reason.MASK_DOUBTFUL, photo.doubt, rejects=False)
        source = photo and photo.mask_source
        size = picture.rgb.shape[:2]
        findings = tuple(found.findings)
        return Report(findings, digest(picture.rgb), b"", size, source, border=covered)

    def _annotations(self, files: PersonFiles, rgb: Ids, found: "_Collector") -> Agreement | None:
        """Look into parsing map and keypoints, and whether they and the photo agree."""
        size, frame = rgb.shape[:2], self.layout.drawn_in
        table = SCHEMES[self.rules.scheme(self.layout.scheme)]
        ids = everybody = points = measured = None
        if files.parsing:
            ids = found.run(files.parsing, lambda path: _parsing(path, size))
        if files.keypoints:
            everybody = found.run(files.keypoints, lambda path: people(read_bytes(path)))
        if everybody:
            person = None if ids is None else canonical(ids, table, strict=False)
            number = who(everybody, size, frame, person)
            points = everybody[number]
            if len(everybody) > 1:
                said = f"number {number + 1} of {len(everybody)} counts, being on the parsed person"
                found.add(files.keypoints, Reason.SEVERAL_PEOPLE, said, rejects=False)
        if ids is not None:
            measured = agreement(ids, table, points, frame or size, rgb, files.category)
        looks = hint(measured.better) if measured else ""
        if ids is not None:
            found.run(files.parsing, lambda _: canonical(ids, table), looks)
        if points is not None:
            found.run(files.keypoints, lambda _: placed(points, size, frame), looks)
        if measured and not any(finding.rejects for finding in found.findings):
            for doubt in doubts(measured, files.category):
                rejects = doubt.rejects and self.rules.strict
                found.add(getattr(files, doubt.role), Reason.IMPLAUSIBLE, doubt.text, rejects)
        return measured


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

    def run(self, path: Path, check: Callable[[Path], Any], hint: str = "") -> Any:
        """check(path), or None and a finding if it raises; hint: goes on its sentence."""
        try:
            return check(path)
        except Problem as problem:
            self.add(path, problem.reason, problem.value)
        except ParsingError as error:
            self.add(path, Reason.PARSING_IDS, f"{error}{hint}")
        except KeypointError as error:
            self.add(path, Reason.KEYPOINTS, f"{error}{hint}")
        except ImageError as error:
            # The finding names the file, and where the data set lies is not told.
            value = str(error).removeprefix(f"{path}: ").removeprefix(f"{path.name}: ")
            self.add(path, Reason.UNDECODABLE, value)
        return None


def _picture(path: Path) -> Picture:
    """Decode a photo and check that its size and content are a photo's."""
    picture = decode_picture(read_bytes(path), path.name)
    height, width = picture.rgb.shape[:2]
    if not is_photo_size(height, width):
        raise Problem(Reason.IMPLAUSIBLE_SIZE, f"{width}x{height}")
    if (picture.rgb == picture.rgb[0, 0]).all():
        raise Problem(Reason.BLANK, "#{:02x}{:02x}{:02x}".format(*picture.rgb[0, 0]))
    return picture


def _parsing(path: Path, size: tuple[int, int]) -> Ids:
    ids = decode_ids(read_bytes(path), path.name)
    _same_size(ids.shape, size)
    return ids


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
