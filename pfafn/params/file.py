"""params.yaml as frozen sections: the only reader of that file.

Unknown keys, wrong types and impossible sizes stop here, before any work, naming key and value.
Device, precision and workers are no params (they must not change a hash): see `pfafn.kit.machine`.
"""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, NonNegativeInt, ValidationError, model_validator

from pfafn.params import photos, sections
from pfafn.params.section import ParamsError, Section

FILE = Path("params.yaml")


class Params(Section):
    """The whole of params.yaml."""

    seed: NonNegativeInt
    image: photos.Image
    model: sections.Model
    prepare: photos.Prepare
    annotate: photos.Annotate
    augment: sections.Augment
    perceptual: sections.Perceptual
    optimizer: sections.Optimizer
    losses: sections.Losses
    tutor_warp: sections.TutorWarpStage
    tutor_tryon: sections.TryOnStage
    fakes: sections.Fakes
    student_warp: sections.StudentWarpStage
    student_tryon: sections.StudentTryOnStage
    evaluate: sections.Evaluate
    # "register" itself would shadow a method of every pydantic model.
    registration: sections.Register = Field(alias="register")

    @model_validator(mode="after")
    def _enough_garments(self) -> "Params":
        if self.fakes.per_person > self.prepare.unpaired:
            raise ValueError(
                f"fakes.per_person is {self.fakes.per_person}, but prepare.unpaired draws only "
                f"{self.prepare.unpaired} garments for each person"
            )
        return self

    @classmethod
    def load(cls, path: Path = FILE) -> "Params":
        """Read and check a params file.

        Raises ParamsError naming the file and every bad key with its value.
        """
        if not path.is_file():
            raise ParamsError(f"{path}: no such file; run in the project's root or copy a profile")
        try:
            content = yaml.safe_load(path.read_text())
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ParamsError(f"{path}: not YAML: {error}") from error
        return cls.check(content, str(path))

    @classmethod
    def check(cls, content: object, name: str) -> "Params":
        """Params from what a params file holds.

        name: what an error calls it. Raises ParamsError naming every bad key with its value.
        """
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            lines = "; ".join(map(cls._said, error.errors()))
            raise ParamsError(f"{name}: cannot be used: {lines}") from error

    @classmethod
    def _said(cls, error: Mapping[str, Any]) -> str:
        """One thing that is wrong, in words."""
        key = ".".join(map(str, error["loc"])) or "(file)"
        if error["type"] == "missing":
            return f"{key} is missing; docs/settings.md says what it is, and profiles/ have values"
        why = cls._unknown(error["loc"]) or error["msg"].removeprefix("Value error, ")
        return f"{key} = {error['input']!r:.80}: {why}"

    @classmethod
    def _unknown(cls, place: tuple[int | str, ...]) -> str:
        """What to say if a section has no such key: which of its keys is spelt like it."""
        section: object = cls
        for name in place[:-1]:
            section = _keys(section).get(name)
        if not (keys := _keys(section)) or not place or place[-1] in keys:
            return ""
        there = ", ".join(keys)
        near = difflib.get_close_matches(str(place[-1]), keys, 1)
        return "no such key; " + (f"did you mean {near[0]}?" if near else f"there are {there}")


def _keys(section: object) -> dict[str, object]:
    """The keys that a section may have in a file, each with what it holds."""
    fields = getattr(section, "model_fields", {})
    return {field.alias or name: field.annotation for name, field in fields.items()}
