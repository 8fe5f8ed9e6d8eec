"""Which params a retraining runs with: the project's own, or others for this one run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from pfafn.kit.errors import UserError
from pfafn.params.file import Params

AS_IT_IS = "params.yaml"
Profile = Literal["params.yaml", "smoke", "paper", "hd"]  # all of profiles/; a form to choose from
FEW = 3  # stages that a name has room for


class OverrideError(UserError, ValueError):
    """An override is not of the form section.key=value."""


def others(root: Path, profile: Profile, overrides: Sequence[str]) -> str | None:
    """The text of a params.yaml with the profile's params and the overrides in it.

    None if nothing else is wanted than what params.yaml says. Raises OverrideError, or ParamsError
    naming each key that is unknown or has a bad value.
    """
    if profile == AS_IT_IS and not overrides:
        return None
    name = f"{profile} with {', '.join(overrides) or 'no override'}"
    if bad := [override for override in overrides if not all(override.partition("="))]:
        raise OverrideError(
            f"an override must be section.key=value, got {', '.join(map(repr, bad))}; "
            "for example student_tryon.epochs=3"
        )
    file = root / (AS_IT_IS if profile == AS_IT_IS else f"profiles/{profile}.yaml")
    Params.load(file)
    try:
        params = OmegaConf.merge(OmegaConf.load(file), OmegaConf.from_dotlist(list(overrides)))
    except (OmegaConfBaseException, YAMLError) as error:
        raise OverrideError(f"{name}: cannot be read: {error}") from error
    Params.check(OmegaConf.to_container(params), name)
    return OmegaConf.to_yaml(params)


def run_name(profile: str, overrides: Sequence[str], news: Sequence[str] | None = None) -> str:
    """With which params a run is, and, once it is known, what was stale."""
    params = ", ".join([profile, *overrides])
    if news is None:
        return params
    if len(news) > FEW:
        return f"{params}: {len(news)} stages, {news[0]} to {news[-1]}"
    return f"{params}: {', '.join(news) or 'nothing new'}"
