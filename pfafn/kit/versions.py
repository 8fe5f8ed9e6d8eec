"""Which code and which libraries compute here."""

import subprocess
from pathlib import Path

from pfafn.kit.files import files_hash
from pfafn.kit.progress import tell

PACKAGE = Path(__file__).parents[1]
NO_CODE = ("dvc.lock", "params.yaml", "*.dvc")
OF_THE_CODE = ("--", ":/", *(f":(top,exclude){name}" for name in NO_CODE))
LIBRARIES = ("albumentations", "numpy", "opencv-python-headless", "pandas", "pyarrow", "torch")


def package_version() -> str:
    """SHA-256 over the package's source files."""
    return files_hash(sorted(PACKAGE.rglob("*.py")), PACKAGE)


def git_commit() -> str | None:
    """Commit of the code, with "+dirty" if the tree differs; None outside a repository.

    What DVC itself writes (dvc.lock, data.dvc, an experiment's params.yaml) is no difference: it is
    told beside the commit. A repository that git will not read is told on standard error.
    """
    try:
        head = _git("rev-parse", "HEAD")
        return head + ("+dirty" if _git("status", "--porcelain", "-uno", *OF_THE_CODE) else "")
    except (OSError, subprocess.CalledProcessError) as error:
        if any((folder / ".git").exists() for folder in PACKAGE.parents):
            why = (getattr(error, "stderr", "") or str(error)).strip().partition("\n")[0]
            tell(f"warning: provenance will name no commit of the code: {why}")
        return None


def _git(*words: str) -> str:
    # Git refuses the repositories of other users, whose settings could run programs. The code
    # that asks is of this very folder: whoever runs it trusts it already.
    command = ["git", "-c", "safe.directory=*", "-c", "core.fsmonitor=false", *words]
    done = subprocess.run(
        command, cwd=PACKAGE.resolve().parent, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
