"""Files by what is in them: those of the project, and those that DVC keeps of earlier runs."""

import shutil
import subprocess
import sys
from functools import cached_property
from pathlib import Path

from pfafn.chronicle.record import md5_of


class Files:
    """What a project and the copy of it that is worked in (or the project itself) have."""

    def __init__(self, root: Path, workspace: Path) -> None:
        self.root = root
        self.folders = {workspace, root}

    def find(self, path: str, md5: str) -> Path | None:
        """A file with this content: in its place, or out of the cache; None if there is none."""
        for folder in self.folders:
            if (folder / path).is_file() and md5_of(folder / path) == md5:
                return folder / path
        cached = self._cache / "files" / "md5" / md5[:2] / md5[2:]
        return cached if cached.is_file() and md5_of(cached) == md5 else None

    @cached_property
    def _cache(self) -> Path:
        """DVC's cache as it is configured; its default place if DVC cannot tell."""
        command = [sys.executable, "-m", "dvc", "cache", "dir"]
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True)
        return self.root / (".dvc/cache" if done.returncode else done.stdout.strip())


def link(source: Path, target: Path) -> None:
    """The same file once more, without its bytes where the file system can do that."""
    try:
        target.hardlink_to(source)  # MLflow follows no symbolic link out of a folder
    except OSError:
        shutil.copyfile(source, target)
