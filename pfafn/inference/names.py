"""Names in pairs files to files in folders: however they are spelt, one file or none."""

from functools import lru_cache
from pathlib import Path

from pfafn.kit.spelling import composed
from pfafn.photos.opening import is_picture_name


def inside(folder: Path, name: str) -> str:
    """A name as it is within a folder, where it begins with the folder's own name or whole path."""
    path, root = Path(name), folder.absolute()
    if path.is_relative_to(root):
        return str(path.relative_to(root))
    above = path.parent.parts
    own = root.parts[len(root.parts) - len(above) :] == above
    return path.name if own and not (folder / path).exists() else name


def named(folder: Path, name: str) -> Path:
    """The file of a name in a folder; else the only one that differs in case or accents' coding.

    Else the only picture whose name ends otherwise: `a` or `a.png` may be a.jpg.
    """
    path = folder / name
    if path.exists() or not path.parent.is_dir():
        return path
    files = _alike(path.parent, path.parent.stat().st_mtime_ns)
    alike = files.get(_plain(path.name)) or files.get(_stem(path.name), [])
    return alike[0] if len(alike) == 1 else path


@lru_cache(4)
def _alike(folder: Path, changed: int) -> dict[str, list[Path]]:
    """The files of a folder, last changed then, by plain names; pictures by their stems, too."""
    files: dict[str, list[Path]] = {}
    for path in folder.iterdir():
        files.setdefault(_plain(path.name), []).append(path)
        if is_picture_name(path.name):
            files.setdefault(_stem(path.name), []).append(path)
    return files


def _plain(name: str) -> str:
    return composed(name).casefold()


def _stem(name: str) -> str:
    """A name without a picture's ending; by the slash no file is called so."""
    return _plain(Path(name).stem if is_picture_name(name) else name) + "/"
