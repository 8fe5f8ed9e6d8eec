"""Verbs as a user types them."""

from pathlib import Path
from typing import Any

import pytest
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


def noted(
    patch: pytest.MonkeyPatch, target: str, result: object = None
) -> list[tuple[tuple, dict]]:
    """The calls of a function that is replaced by one that returns this."""
    calls: list[tuple[tuple, dict]] = []

    def called(*given: Any, **named: Any) -> object:
        calls.append((given, named))
        return result

    patch.setattr(target, called)
    return calls
