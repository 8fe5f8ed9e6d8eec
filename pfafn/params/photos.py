"""The sections of params.yaml that say which photos are taken, and in what form."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from pfafn.params.section import Fraction, Section

Side = Annotated[int, Field(ge=64, le=4096)]


class Image(Section):
    """Size of every picture the networks see, in pixels."""

    height: Side
    width: Side

    @model_validator(mode="after")
    def _multiples(self) -> "Image":
        for side in self.size:
            if side % 32:
                low = max(64, side // 32 * 32)
                raise ValueError(
                    f"must be a multiple of 32 (five halvings); nearest are {low}, {low + 32}"
                )
        return self

    @property
    def size(self) -> tuple[int, int]:
        return self.height, self.width


class Limit(Section):
    """At most so many samples of each split (the first by name); null = all."""

    train: PositiveInt | None
    test: PositiveInt | None


class Prepare(Section):
    """Stage `prepare`."""

    max_rejected: Fraction
    limit: Limit
    test_fraction: Fraction  # split off, by seeded draw, when the data set names no test split
    unpaired: PositiveInt  # garments drawn for each training person
    min_mask: Fraction  # garment mask area / image area below which a mask is "empty"
    max_mask: Fraction  # and above which it is "full"
    # Whose class ids the parsing maps have; auto = the layout's.
    parsing: Literal["auto", "viton", "lip", "viton-hd", "atr", "groups"]
    implausible: Literal["reject", "note"]  # what to do about annotations that cannot be true

    def scheme(self, of_layout: str) -> str:
        """Whose class ids the parsing maps of a layout have."""
        return of_layout if self.parsing == "auto" else self.parsing

    @property
    def strict(self) -> bool:
        """Whether what is implausible is rejected, or only noted."""
        return self.implausible == "reject"


class Annotate(Section):
    """Stage `annotate`: whether the data set's annotations are taken, or estimated by a parser.

    To estimate, parser: the file of one that `pfafn train-parser` made; sha256: its SHA-256, or at
    least the first 8 digits; pose: whether it tells the keypoints too, or other people's models,
    which `pfafn estimators fetch` gets. Where the data set's are taken, all three are null.
    """

    source: Literal["dataset", "estimate"]
    parser: str | None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{8,64}$")] | None
    pose: Literal["parser", "others"] | None
    body_parts: Literal["auto", "files", "derived"]

    @model_validator(mode="after")
    def _known_parser(self) -> "Annotate":
        told = {"parser": self.parser, "sha256": self.sha256, "pose": self.pose}
        wrong = {name: value for name, value in told.items() if (value is None) == self.estimates}
        if wrong:
            raise ValueError(
                f"source is {self.source} with {wrong}: to estimate, parser and sha256 say which "
                "file `pfafn train-parser` made, and pose whose keypoints; else all are null"
            )
        if self.estimates and self.body_parts == "files":
            raise ValueError("source is estimate, so body_parts must be auto or derived, not files")
        return self

    @property
    def estimates(self) -> bool:
        """Whether the data set's annotations are left alone."""
        return self.source == "estimate"
