"""Files of older retrainings, found by their md5 in DVC's cache or among what the project has."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from pfafn.registry.record import md5_of


class Cache:
    """What can still be had of files that dvc.lock recorded once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def folder(self) -> Path:
        """DVC's cache as it is configured; its default place if DVC cannot tell."""
        command = [sys.executable, "-m", "dvc", "cache", "dir"]
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True)
        default = self.root / ".dvc" / "cache"
        return (self.root / done.stdout.strip()) if done.returncode == 0 else default

    def find(self, path: str, md5: str) -> Path | None:
        """A file with this content: out of the cache, or at its old place; None if there is none.

        path: relative to the root, where it was.
        """
        places = (self.folder / "files" / "md5" / md5[:2] / md5[2:], self.root / path)
        return next((p for p in places if p.is_file() and md5_of(p) == md5), None)

    @contextmanager
    def workspace(self, files: Mapping[str, str], stages: list[str]) -> Iterator[Path]:
        """A folder with those of the files (path -> md5) that can be had.

        It has artifacts/STAGE for every stage, and is gone afterwards.
        """
        work = self.root / ".work"
        work.mkdir(exist_ok=True)
        with TemporaryDirectory(prefix="rebuild-", dir=work) as name:
            folder = Path(name)
            for stage in stages:
                (folder / "artifacts" / stage).mkdir(parents=True)
            for path, md5 in files.items():
                if found := self.find(path, md5):
                    _link(found, folder / path)
            yield folder


def _link(source: Path, target: Path) -> None:
    """The same file once more, without its bytes where the file system can do that."""
    try:
        target.hardlink_to(source)  # MLflow follows no symbolic link out of a folder
    except OSError:
        shutil.copyfile(source, target)
