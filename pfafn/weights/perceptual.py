"""Where the VGG19 of the perceptual loss comes from."""

from pathlib import Path

import torch

from pfafn.kit.errors import UserError
from pfafn.kit.files import file_hash
from pfafn.models.vgg import VGG19
from pfafn.weights.checkpoint import read_checkpoint
from pfafn.weights.model_file import load_strictly

URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
SHA256_PREFIX = "dcbb9e9d"  # torchvision's file names carry the first digits of their SHA-256
CACHE = Path(".work") / "vgg19-dcbb9e9d.pth"


class NoPerceptualWeights(UserError, FileNotFoundError):
    """The VGG19 weights cannot be had, or not as published; the message says what to do."""


def load_vgg(weights: str, sha256: str | None = None) -> VGG19 | None:
    """The VGG19 that params.perceptual.weights names, or None for `none`.

    weights: none, imagenet (torchvision's public file, fetched once), or a path to a state dict
    with torchvision's key names. sha256: what the SHA-256 of that file begins with. Raises
    NoPerceptualWeights if it cannot be had or is another file.
    """
    if weights == "none":
        return None
    path, fix = Path(weights), "bring that file back, or set perceptual.sha256 to this one's"
    if weights == "imagenet":
        path, sha256, fix = imagenet(), SHA256_PREFIX, "delete it, so that it is fetched again"
    if not path.is_file():
        raise NoPerceptualWeights(
            f"perceptual.weights = {weights!r}: no such file; expected none, imagenet or the path "
            "of a VGG19 state dict"
        )
    if sha256 and not (hashed := file_hash(path)).startswith(sha256):
        raise NoPerceptualWeights(
            f"{path} is not the file of perceptual.weights = {weights!r}: its SHA-256 is {hashed}, "
            f"expected {sha256}; {fix}"
        )
    vgg = VGG19()
    own = vgg.state_dict().keys()  # the file also holds the classifier and what is after relu5_1
    load_strictly(vgg, {k: v for k, v in read_checkpoint(path).items() if k in own}, path)
    return vgg.eval()


def imagenet() -> Path:
    """torchvision's ImageNet VGG19, downloaded once."""
    if not CACHE.is_file():
        CACHE.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(URL, str(CACHE), hash_prefix=SHA256_PREFIX)
        except (OSError, RuntimeError) as error:
            raise NoPerceptualWeights(
                f"perceptual.weights = imagenet: could not fetch {URL} ({error}). Put that file at "
                f"{CACHE} yourself, or set perceptual.weights to its path, or to none"
            ) from error
    return CACHE
