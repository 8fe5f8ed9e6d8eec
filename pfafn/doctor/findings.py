"""What is found of a photo: a name, how bad it is, the number that says so, and what to do."""

from enum import StrEnum
from typing import Any, NamedTuple


class Severity(StrEnum):
    """How bad a finding is."""

    REFUSE = "refuse"  # no try-on can come of it
    WARN = "warn"  # one comes of it that is probably bad
    NOTE = "note"  # good to know


class Kind(StrEnum):
    """What a picture is examined as."""

    PERSON = "person"
    GARMENT = "garment"
    AUTO = "auto"  # whichever it seems to be


# What to do about each finding; None: nothing needs to be done.
REMEDIES: dict[str, str | None] = {
    # of every photo: what was changed at the entrance
    "rotated": None,
    "display_p3": None,
    "adobe_rgb": None,
    "profile": None,
    "cmyk": "save it as RGB, in sRGB",
    "sixteen_bit": None,
    "transparent": None,
    "heic": None,
    "avif": None,
    "webp": None,
    # of every photo
    "unreadable": None,  # the text says it
    "colours": "save it as sRGB",
    "blank": "take a photo that shows something",
    "small": "take a larger one",
    "blurred": "take a sharper one, or one that was not enlarged",
    # of a person
    "person_unknown": "`pfafn estimators fetch` gets the models that look for people",
    "not_kept": None,
    "nobody": "take a photo of a person",
    "several_people": "crop it to one person",
    "no_head": "take one that shows the person from the head to the hips",
    "no_hips": "take one that shows the person from the head to the hips",
    "far": "crop it to the person, from above the head to the thighs",
    "near": "take one from further away, from the head to the hips",
    "lying": "turn it so that the person stands upright",
    "background": "take one before a plain wall",
    # of a garment
    "no_garment": "take one of a whole garment on a plain background, or give its mask",
    "worn": "take one of the garment alone, laid flat",
    "several_garments": "crop it to one garment, or give its mask",
    "hanger": "lay the garment flat, or give a mask without the hanger",
    "not_a_top": "take one of a garment such as the model was trained on",
    "close_up": "take one of the whole garment, or turn the mask's black and white over",
    "white_on_white": "look at the result; take one on a darker background, or give a mask",
    "mask_doubtful": "look at the result, or give a mask",
    "mask_elsewhere": "give the mask that belongs to this photo",
    "mask": None,
}
ORDER = list(Severity)


class Finding(NamedTuple):
    """One thing found of a photo.

    value is what was measured and limit where it becomes a finding, None if it has no number; text
    says it in words, changed what was done about it, remedy what can be.
    """

    name: str
    severity: Severity
    value: float | None
    limit: float | None
    text: str
    changed: str | None = None
    remedy: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Its fields, with numbers short enough to read."""
        return {
            key: round(v, 3) if isinstance(v, float) else v for key, v in self._asdict().items()
        }

    def said(self) -> str:
        """Text and remedy in a sentence."""
        return "; ".join(filter(None, (self.text, self.changed, self.remedy)))


def found(
    name: str,
    severity: Severity,
    text: str,
    value: float | None = None,
    limit: float | None = None,
    changed: str | None = None,
) -> Finding:
    """A finding with the remedy for its name."""
    return Finding(name, severity, value, limit, text, changed, REMEDIES[name])


def worst_first(findings: list[Finding]) -> list[Finding]:
    """The findings in the order of how bad they are."""
    return sorted(findings, key=lambda finding: ORDER.index(finding.severity))


def refused(findings: list[Finding]) -> bool:
    """Whether no try-on can come of a photo of which this was found."""
    return any(finding.severity is Severity.REFUSE for finding in findings)
