"""What a request holds, in a form or in JSON, under our names or those of other services."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from pfafn.inference.entry import from_base64

WRAPPERS = ("inputs", "input")  # in which some services put all fields
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYPhfDwAC"
    "hwGA60e6kgAAAABJRU5ErkJggg=="
)


def _content(value: Any) -> bytes:
    """The bytes of a picture's file."""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise ValueError("expected base64 of a picture's file")
    if value.lower().startswith(("http:", "https:", "ftp:", "file:")):
        raise ValueError("addresses are not fetched: send the picture itself, as base64")
    try:
        return from_base64(value)
    except ValueError as error:
        raise ValueError(f"expected base64 of a picture's file, got {value[:40]!r}") from error


def _given(value: bytes) -> bytes:
    if not value:
        raise ValueError("the file is empty (0 bytes)")
    return value


File = Annotated[
    bytes,
    BeforeValidator(lambda value: _given(_content(value))),
    WithJsonSchema({"type": "string", "contentEncoding": "base64", "examples": [PIXEL]}),
]


class Category(StrEnum):
    AUTO = "auto"
    TOPS = "tops"
    BOTTOMS = "bottoms"
    ONE_PIECES = "one-pieces"


class GarmentPhotoType(StrEnum):
    AUTO = "auto"
    FLAT_LAY = "flat-lay"
    MODEL = "model"


class OutputFormat(StrEnum):
    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"


def names(*aliases: str | tuple[str | int, ...]) -> AliasChoices:
    return AliasChoices(*(AliasPath(*a) if isinstance(a, tuple) else a for a in aliases))


PERSON = names(
    "person_image", "model_image", "human_image", "human_img", "human_image_url",
    "person_image_url",
    ("personImage", "image", "bytesBase64Encoded"),
)  # fmt: skip
GARMENT = names(
    "garment_image", "product_image", "cloth_image", "garm_img", "garment_image_url",
    ("garment_images", 0), ("productImages", 0, "image", "bytesBase64Encoded"),
)  # fmt: skip


class Options(BaseModel):
    """What may be said of how to try on."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    category: Category = Category.AUTO
    garment_photo_type: GarmentPhotoType = GarmentPhotoType.AUTO
    output_format: OutputFormat = Field(
        OutputFormat.PNG, description="Of the result. png loses nothing."
    )
    return_base64: bool = Field(
        True, description="If false, the answer has a link, which holds for some minutes."
    )
    preserve_input_size: bool = Field(
        True,
        description="What the garment does not change stays as it is in the photo, to the pixel. "
        "If false, all of the photo is drawn anew.",
    )
    seed: int | None = Field(None, description="Accepted and without effect: nothing is random.")

    @model_validator(mode="before")
    @classmethod
    def unwrapped(cls, data: Any) -> Any:
        """The fields, where they lie in `inputs` or `input`."""
        if isinstance(data, dict):
            for name in WRAPPERS:
                if isinstance(inner := data.get(name), dict):
                    data = {key: value for key, value in data.items() if key != name} | inner
        return data

    @model_validator(mode="before")
    @classmethod
    def one_garment(cls, data: Any) -> Any:
        fields = data if isinstance(data, dict) else {}
        several = fields.get("garment_images", fields.get("productImages"))
        if isinstance(several, list) and len(several) > 1:
            raise ValueError(f"expected one garment, got {len(several)}: send a request for each")
        return data

    @property
    def unknown(self) -> list[str]:
        """Names of what was sent beside and has no effect."""
        known = {"garment_images", "productImages", "personImage"}
        return sorted(set(self.model_extra or {}) - known)


class TryOnRequest(Options):
    """A person's photo and one garment's; each picture is base64 of its file, or a data URL."""

    person_image: File = Field(validation_alias=PERSON, description="Photo of one person.")
    garment_image: File = Field(
        validation_alias=GARMENT, description="Photo of one garment, flat on a plain background."
    )
    garment_mask: File | None = Field(
        None, description="Bright where the garment is; without it, its transparency or background "
        "tells."
    )  # fmt: skip


class CheckRequest(Options):
    """A person's photo, a garment's, or both."""

    person_image: File | None = Field(None, validation_alias=PERSON)
    garment_image: File | None = Field(None, validation_alias=GARMENT)
    garment_mask: File | None = None

    @model_validator(mode="after")
    def something(self) -> "CheckRequest":
        if self.person_image is None and self.garment_image is None:
            raise ValueError("expected person_image, garment_image or both, got neither")
        return self
