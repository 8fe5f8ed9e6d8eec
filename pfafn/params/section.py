"""What every section of params.yaml is: checked, frozen, and of a stage only what it declares."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from pfafn.kit.errors import UserError

Fraction = Annotated[float, Field(ge=0, le=1)]


class ParamsError(UserError, ValueError):
    """params.yaml is not usable; the message names file, key and value."""


class UndeclaredParam(AttributeError):
    """A stage reads a param that it does not declare, so that DVC would not see it change."""


class Section(BaseModel):
    """Base of every section: immutable; unknown keys, NaN and infinity are errors.

    No key has a default: a value always stands in params.yaml, where DVC sees it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def only(self, *keys: str) -> Self:
        """A copy that holds only these keys, written as in dvc.yaml (`seed`, `losses.warp`).

        Reading any other raises UndeclaredParam.
        """
        within: dict[str, list[str]] = {}
        for key in keys:
            name, _, rest = key.partition(".")
            within.setdefault(name, []).append(rest)
        return self.model_construct(
            **{
                name: getattr(self, name) if "" in rests else getattr(self, name).only(*rests)
                for name, rests in within.items()
            }
        )

    def __getattr__(self, name: str) -> Any:
        """Only what is not there comes here."""
        if name in type(self).model_fields:
            raise UndeclaredParam(
                f"this stage reads {name!r} of params.yaml's {type(self).__name__} and does not "
                "declare it: add the key to PARAMS in the stage's module and to dvc.yaml"
            )
        return super().__getattr__(name)
