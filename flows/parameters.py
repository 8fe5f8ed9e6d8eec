"""Another profile or other params for one run, with params.yaml as it was afterwards.

DVC reads params.yaml, so a run with other params has to write it. What was there is kept aside on
disk before, and put back at the end of the run, however it ends; after a SIGKILL the next run does
so before anything else. A file that somebody edited meanwhile is left as it is.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import yaml

from pfafn.kit.errors import UserError
from pfafn.kit.files import write_text
from pfafn.params.file import Params

AS_IT_IS = "params.yaml"
Profile = Literal["params.yaml", "smoke", "paper", "hd"]  # all of profiles/; a form to choose from
KEPT = ".work/params.kept.json"  # exists only while params.yaml is not the user's own
CANDIDATE = ".work/params.candidate.yaml"
NOTE = "# Written by a retraining for as long as it runs; your own comes back when it ends.\n"


class OverrideError(UserError, ValueError):
    """An override is not of the form section.key=value."""


@contextmanager
def applied(
    root: Path, profile: Profile, overrides: Sequence[str], log: Callable[[str], object]
) -> Iterator[None]:
    """Let root/params.yaml be the profile with the overrides meanwhile; checked before anything.

    Raises OverrideError, or ParamsError naming each key that is unknown or has a bad value.
    """
    restore(root, log)
    if profile == AS_IT_IS and not overrides:
        yield
        return
    own = root / AS_IT_IS
    text = effective(root, profile, overrides)
    candidate = root / CANDIDATE
    candidate.parent.mkdir(exist_ok=True)
    write_text(candidate, text)
    Params.load(candidate)
    write_text(root / KEPT, json.dumps({"own": own.read_text(), "written": text}))
    candidate.replace(own)
    log(f"params.yaml is {profile} with {', '.join(overrides) or 'no change'} for this run")
    try:
        yield
    finally:
        restore(root, log)


def effective(root: Path, profile: Profile, overrides: Sequence[str]) -> str:
    """The text of params.yaml: the profile's with the overrides in it."""
    base = root / (AS_IT_IS if profile == AS_IT_IS else f"profiles/{profile}.yaml")
    params = yaml.safe_load(base.read_text())
    for override in overrides:
        _set(params, override)
    return NOTE + yaml.safe_dump(params, sort_keys=False)


def restore(root: Path, log: Callable[[str], object]) -> None:
    """Put the user's own params.yaml back, if a run has written another and it is still there."""
    kept = root / KEPT
    if not kept.is_file():
        return
    content = json.loads(kept.read_text())
    own = root / AS_IT_IS
    if not own.is_file() or own.read_text() == content["written"]:
        write_text(root / CANDIDATE, content["own"])
        (root / CANDIDATE).replace(own)
        log("params.yaml is your own again")
    elif own.read_text() != content["own"]:
        before = root / ".work/params.before.yaml"
        write_text(before, content["own"])
        log(f"params.yaml was edited meanwhile and stays so; what was there before is in {before}")
    kept.unlink()


def _set(params: dict[str, Any], override: str) -> None:
    """Set one `section.key=value` in a params mapping; the value is YAML."""
    name, equals, value = override.partition("=")
    *path, key = name.strip().split(".")
    if not equals or not key:
        raise OverrideError(
            f"an override must be section.key=value, got {override!r}; "
            "for example student_tryon.epochs=3"
        )
    section = params
    for step in path:
        section = section.get(step)
        if not isinstance(section, dict):
            raise OverrideError(f"{override!r}: params.yaml has no section {step!r}")
    try:
        section[key] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise OverrideError(f"{override!r}: the value is not YAML: {error}") from error
