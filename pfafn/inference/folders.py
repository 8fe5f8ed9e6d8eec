"""Try-on over files: pictures in, one picture per pair out; a bad one never stops the others."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pfafn.data.pairs import read_lines
from pfafn.doctor.findings import Finding
from pfafn.inference.entry import Photo, naming
from pfafn.inference.lanes import lane, one_ahead
from pfafn.inference.names import inside, named
from pfafn.inference.writing import kind_of, write_bytes
from pfafn.kit.errors import UserError
from pfafn.kit.progress import Progress
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto
from pfafn.photos.images import Pixels
from pfafn.photos.opening import SUFFIXES, is_picture_name
from pfafn.photos.pasting import encoded

if TYPE_CHECKING:
    from pfafn.inference.tryon import EncodedGarment, EncodedPerson, TryOn

WRITTEN = (".png", ".jpg", ".jpeg")
HELD = 8  # encoded garments in memory: about as much as one try-on itself takes
Note = Callable[[Path, Finding], object]
Judge = Callable[[Photo], list[Finding]]
Pose = Callable[[Pixels], NDArray[np.floating] | None]
Encoded = tuple[PersonPhoto, "EncodedPerson"]
Drawn = tuple[PersonPhoto, Pixels]


class TryOnError(UserError, ValueError):
    """The files asked for do not make a list of try-ons; the message says what is wrong."""


class Job(NamedTuple):
    """One try-on: files in, file out. mask None is estimated from the garment's picture."""

    person: Path
    garment: Path
    mask: Path | None
    out: Path


def jobs(
    person: Path, garment: Path, mask: Path | None, out: Path, pairs: Path | None = None
) -> list[Job]:
    """What to do, from the arguments of `tryon`.

    With a pairs file, person, garment, mask and out are folders and each of its lines is a job.
    Without, every person (a file, or all pictures of a folder) tries on every garment; for two
    files out is a file, or an existing folder. Raises TryOnError if something is missing or
    ambiguous.
    """
    for path in filter(None, (person, garment, mask, pairs)):
        if not path.exists():
            raise TryOnError(f"{path}: no such file or folder")
    if pairs is not None:
        chosen = read_pairs(pairs, person, garment)
    elif person.is_file() and garment.is_file() and not out.is_dir():
        return [Job(person, garment, mask_of(garment, mask), checked_format(out))]
    else:
        chosen = [(p, g) for p in pictures(person) for g in pictures(garment)]
    if out.is_file() or (out.suffix.lower() in SUFFIXES and not out.is_dir()):
        kind = "a file" if out.is_file() else "the name of a picture"
        raise TryOnError(
            f"{out} is {kind}, and the results of a folder or of --pairs are several: "
            "name a folder, or one --person file and one --garment file"
        )
    todo = [
        Job(p, g, mask_of(g, mask), out / f"{p.stem}__{g.stem}.png")
        for p, g in dict.fromkeys(chosen)
    ]
    first: dict[Path, Job] = {}
    for job in todo:
        other = first.setdefault(job.out, job)
        if other is not job:
            raise TryOnError(
                f"{job.person} with {job.garment} and {other.person} with {other.garment} would "
                f"both be {job.out.name}; rename one"
            )
    return todo


def read_pairs(pairs: Path, person: Path, garment: Path) -> list[tuple[Path, Path]]:
    """The files of persons and garments that the lines of a pairs file name, by its reader's rules.

    Raises TryOnError naming the first line that is no pair.
    """
    for folder in (person, garment):
        if not folder.is_dir():
            raise TryOnError(f"{folder}: with --pairs, --person and --garment are folders")
    if not pairs.is_file():
        raise TryOnError(f"{pairs} is a folder, and --pairs names a file of lines")
    listed = []
    for line in read_lines(pairs):
        if line.problem:
            raise TryOnError(f"{pairs}, line {line.number}: {line.problem}")
        pair = inside(person, line.person), inside(garment, line.garment)
        for name in pair:
            if Path(name).is_absolute() or ".." in Path(name).parts:
                raise TryOnError(
                    f"{pairs}, line {line.number}: {name!r:.80} leads out of the folder"
                )
        listed.append((named(person, pair[0]), named(garment, pair[1])))
    if not listed:
        raise TryOnError(f"{pairs}: no pairs in it")
    return listed


def pictures(path: Path) -> list[Path]:
    """The file itself, or the pictures of a folder by name."""
    if path.is_file():
        return [path]
    files = sorted(p for p in path.iterdir() if is_picture_name(p.name))
    if not files:
        raise TryOnError(f"{path}: no pictures in it ({', '.join(SUFFIXES)})")
    return files


def left_out(path: Path) -> str | None:
    """What of a folder's files and folders `pictures` takes for none, in a sentence.

    Hidden ones go without saying.
    """
    names = sorted(p.name for p in path.iterdir()) if path.is_dir() else []
    names = [name for name in names if not name.startswith(".") and not is_picture_name(name)]
    if not names:
        return None
    return f"{path}: {len(names)} left out, no pictures by their names: {', '.join(names)}"


def mask_of(garment: Path, mask: Path | None) -> Path | None:
    """The mask file of a garment: mask itself, or in a folder the one of the same name."""
    if mask is None or not mask.is_dir():
        return mask
    names = [f"{garment.stem}{suffix}" for suffix in (".png", *SUFFIXES)]
    files = [named(mask, name) for name in names]
    return next((path for path in files if path.is_file()), files[0])


def checked_format(out: Path) -> Path:
    """The path itself, if its suffix is a format that is written."""
    if out.suffix.lower() not in WRITTEN:
        raise TryOnError(f"{out}: the result is written as .png or .jpg; choose one of these")
    return out


def dress_all(
    model: "TryOn",
    todo: list[Job],
    note: Note = lambda path, finding: None,
    each: Callable[[Job, str | None], object] = lambda job, error: None,
    beside: "Callable[[Job, EncodedPerson, EncodedGarment], object] | None" = None,
    preserve: bool | None = None,
    pose: Pose | None = None,
    judge: Judge = lambda photo: [],
) -> dict[Job, str]:
    """Do all jobs; return those that failed, and why. Each result appears whole or not at all.

    preserve: as of TryOn.try_on; pose(rgb) tells a person's keypoints for it, if anybody knows.
    judge(photo) says what is to be known of it, or raises a UserError if it is not to be used.

    note(path, finding) is called with what is to be known of a picture, perhaps more than once;
    each(job, error) when a job is done, with None if its result is there; beside(job, person,
    garment) before a result is written, to write what belongs beside it. A picture is decoded and
    encoded once for all jobs that lie near each other; how many are held does not grow with their
    number. Beside a GPU that draws, the next pictures are read and the last one is written.
    """
    person = lru_cache(1)(partial(encode_person, model, note, pose, judge))
    garment = lru_cache(HELD)(partial(encode_garment, model, note, judge))

    def pair(job: Job) -> "tuple[Encoded, EncodedGarment]":
        return person(job.person), garment(job.garment, job.mask)

    def drawn(job: Job, coming: "Future[tuple[Encoded, EncodedGarment]]") -> Drawn | Exception:
        try:
            (photo, known), flat = coming.result()
            [image] = model.dress([(known, flat)], preserve=preserve)
            if beside:
                beside(job, known, flat)
        except (UserError, OSError) as error:
            return error
        return photo, image

    def keep(made: tuple[Job, Drawn | Exception]) -> None:
        job, done = made
        if isinstance(done, Exception):
            raise done
        write_bytes(job.out, encoded(*done, kind_of(job.out)))

    failures = {}
    progress = Progress("tryon", len(todo), unit="pictures")
    with progress, lane(model.device) as ahead, lane(model.device) as after:
        pairs = one_ahead(ahead, pair, in_blocks(todo))
        for (job, _), done in one_ahead(after, keep, ((job, drawn(job, it)) for job, it in pairs)):
            try:
                done.result()
            except (UserError, OSError) as error:
                failures[job] = str(error)
            progress.advance()
            each(job, failures.get(job))
    return {job: failures[job] for job in todo if job in failures}


def in_blocks(todo: list[Job]) -> list[Job]:
    """The jobs in an order that goes through the persons once for every HELD garments."""
    places = {}
    persons: dict[Path, int] = {}  # each one's place in the order of first appearance
    garments: dict[tuple[Path, Path | None], int] = {}
    for job in todo:
        person = persons.setdefault(job.person, len(persons))
        garment = garments.setdefault((job.garment, job.mask), len(garments))
        places[job] = garment // HELD, person
    return sorted(todo, key=places.__getitem__)


def encode_person(
    model: "TryOn", note: Note, pose: Pose | None, judge: Judge, path: Path
) -> Encoded:
    """A person from a photo's file, and the photo; a UserError that names it if unusable."""
    photo = PersonPhoto.read(path)
    with naming(path):
        for finding in judge(photo):
            note(path, finding)
    return photo, model.encode_person(photo, pose and pose(photo.rgb))


def encode_garment(
    model: "TryOn", note: Note, judge: Judge, path: Path, mask: Path | None
) -> "EncodedGarment":
    """A garment from the files of photo and mask; a UserError that names the file if unusable."""
    photo = GarmentPhoto.read(path, mask)
    with naming(path):
        for finding in judge(photo):
            note(path, finding)
        return model.encode_garment(photo)


def report(failures: Mapping[Job, str]) -> str:
    """One line per failure: which pair, and why."""
    return "\n".join(
        f"failed: {job.person.name} with {job.garment.name}: {reason}"
        for job, reason in failures.items()
    )
