"""The doctor's verdict on picture files: what each is taken for, and what is found of it."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pfafn.doctor.findings import Finding, Kind, Severity, found, refused
from pfafn.doctor.garments import of_garment
from pfafn.doctor.persons import SOMEBODY, of_person
from pfafn.doctor.pictures import LOOKED_AT, SMALLEST
from pfafn.kit.errors import UserError
from pfafn.photos.checks import PictureError
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.fitting import shrunk

if TYPE_CHECKING:  # it brings torch
    from pfafn.estimators.people import People


class Verdict(NamedTuple):
    """What is found of one file."""

    file: Path
    kind: Kind
    findings: list[Finding]  # the worst first

    @property
    def usable(self) -> bool:
        """Whether a try-on can come of it."""
        return not refused(self.findings)


def examine(
    file: Path,
    kind: Kind = Kind.AUTO,
    people: "People | None" = None,
    mask: Path | None = None,
    size: tuple[int, int] = SMALLEST,
) -> Verdict:
    """Examine a picture's file; one that cannot be read is refused in the verdict.

    people: who looks for people; mask: the garment's, if it is one; size: (height, width) of the
    model.
    """
    try:
        if kind is Kind.PERSON:
            return Verdict(file, kind, of_person(PersonPhoto.read(file), people, size))
        garment = GarmentPhoto.read(file, mask)
        if kind is Kind.AUTO and mask is None and is_person(garment, people):
            person = PersonPhoto(garment.rgb, note=garment.note, changes=garment.changes)
            return Verdict(file, Kind.PERSON, of_person(person, people, size))
        return Verdict(file, Kind.GARMENT, of_garment(garment, people, size))
    except UserError as error:
        return Verdict(file, kind, [found("unreadable", Severity.REFUSE, str(error))])


def is_person(photo: GarmentPhoto, people: "People | None") -> bool:
    """Whether a photo, read as a garment's, rather shows a person.

    Without anybody who looks for people it is one unless a single thing lies on white: right for
    253 of 254 people and 256 of 260 garments of VITON, VITON-HD and the studio.
    """
    if people is None:
        return photo.mask_source == "grabcut" or photo.doubt is not None
    return float(people.pose(shrunk(photo.rgb, 2 * LOOKED_AT))[:, 2].sum()) >= SOMEBODY


def of_photo(
    photo: PersonPhoto | GarmentPhoto, people: "People | None", size: tuple[int, int]
) -> list[Finding]:
    """What is found of a photo, the worst first; size: (height, width) of the model."""
    doctor = of_person if isinstance(photo, PersonPhoto) else of_garment
    return doctor(photo, people, size)


def warned(
    photo: PersonPhoto | GarmentPhoto, people: "People | None", size: tuple[int, int]
) -> list[Finding]:
    """What is to be known before a try-on: what the doctor warns of, and what no try-on keeps.

    size: (height, width) of the model. Raises PictureError with what he refuses the photo for.
    """
    findings = of_photo(photo, people, size)
    if refused(findings):
        raise PictureError(findings[0].said())
    return [f for f in findings if f.severity is Severity.WARN or f.name == "not_kept"]
