"""Verbs as a user types them."""

from pathlib import Path

from click.testing import Result
from typer.testing import CliRunner

from pfafn.cli.app import app


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def done(*words: object) -> Result:
    """What a verb says when it does it."""
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result


def refused(*words: object) -> str:
    """What a verb says on standard error when it cannot do it."""
    result = run(*words)
    assert result.exit_code == 1, result.output
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.output
    return result.stderr


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
