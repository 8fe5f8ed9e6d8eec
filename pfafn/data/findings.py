"""What is said of a data set: findings with their reasons, and the report on one sample."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from pfafn.annotations.agreement import Agreement
from pfafn.kit.errors import UserError
from pfafn.photos.masks import MaskSource

Value = str | float | int | None


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
    IMPLAUSIBLE = "implausible"
    SYSTEMATIC = "systematic"
    NOBODY = "nobody"
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
    thumb: bytes = b""  # uint8 RGB of a person's picture, small; b"" otherwise
    size: tuple[int, int] = (0, 0)  # height, width of the picture
    mask_source: MaskSource | None = None
    agreement: Agreement | None = None  # of a person's annotations
    border: float | None = None  # share of the picture's border that a garment's mask covers

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
