"""The official checkpoints: their key names, read into our networks and written back unchanged."""

from pathlib import Path

from torch import Tensor

from pfafn.models.generator import DOWNS
from pfafn.models.tryon import CONDITION, TryOnNet
from pfafn.weights.checkpoint import read_checkpoint
from pfafn.weights.model_file import ModelError, load_strictly

# Older training code kept this constant filter as if it were a weight.
FILTER = "aflow_net.weight"
WARP_NAMES = (
    ("image_features.encoders", "garment_encoder.levels"),
    ("cond_features.encoders", "person_encoder.levels"),
    ("image_FPN.adaptive", "garment_fpn.lateral"),
    ("image_FPN.smooth", "garment_fpn.smooth"),
    ("cond_FPN.adaptive", "person_fpn.lateral"),
    ("cond_FPN.smooth", "person_fpn.smooth"),
    ("aflow_net.netMain", "flow.match"),
    ("aflow_net.netRefine", "flow.refine"),
)


def generator_names() -> tuple[tuple[str, str], ...]:
    """(official prefix, our prefix) of each generator level; officially one nests in the other."""
    names = []
    prefix = "model.model"
    for level in range(DOWNS):
        outermost, innermost = level == 0, level == DOWNS - 1
        norm = not outermost and not innermost
        down = 5 if norm else 4  # modules before the nested one: conv, (norm), relu, two residuals
        names += [(f"{prefix}.{i}", f"downs.{level}.{i}") for i in range(down)]
        first = down if innermost else down + 1  # the nested level takes one place
        ours = "last" if outermost else f"ups.{DOWNS - 1 - level}"
        names += [(f"{prefix}.{first + i}", f"{ours}.{i}") for i in range(2 if outermost else 6)]
        prefix = f"{prefix}.{down}.model"
    return tuple(names)


def rename(key: str, names: tuple[tuple[str, str], ...]) -> str | None:
    """The key under its new prefix, or None if no prefix of `names` fits."""
    for old, new in names:
        if key.startswith(f"{old}."):
            return new + key.removeprefix(old)
    return None


def without_prefix(
    state: dict[str, Tensor], names: tuple[tuple[str, str], ...]
) -> dict[str, Tensor]:
    """The weights without what stands before all their official names, as Lightning puts it."""
    first = f"{names[0][0]}."
    prefix = next((key[: key.index(first)] for key in state if first in key), "")
    return {key.removeprefix(prefix): tensor for key, tensor in state.items()}


def import_official(warp: Path, generator: Path) -> TryOnNet:
    """A network from the two official files; role and widths are read off the weights."""
    state = without_prefix(read_checkpoint(warp), WARP_NAMES)
    state.pop(FILTER, None)
    parts = {f"warp.{rename(key, WARP_NAMES) or key}": state[key] for key in state}
    names = generator_names()
    state = without_prefix(read_checkpoint(generator), names)
    parts |= {f"generator.{rename(key, names) or key}": state[key] for key in state}
    net = empty_like(parts, f"{warp} and {generator}")
    load_strictly(net, parts, f"{warp} and {generator}")
    return net.eval()


def empty_like(weights: dict[str, Tensor], source: str) -> TryOnNet:
    """A network of the widths that the weights' shapes tell."""
    try:
        condition = weights["warp.person_encoder.levels.0.0.block.2.weight"].shape[1]
        channels = [
            weights[f"warp.garment_encoder.levels.{i}.0.block.2.weight"].shape[0] for i in range(5)
        ]
        fpn = weights["warp.garment_fpn.smooth.0.weight"].shape[0]
        width = weights["generator.downs.0.0.weight"].shape[0]
    except KeyError as error:
        swapped = any(name.startswith("warp.model.") for name in weights)
        ask = "; are the two exchanged?" if swapped else ""
        raise ModelError(
            f"{source}: not the official PF-AFN layout, {error} is missing{ask}"
        ) from error
    role = {channels: role for role, channels in CONDITION.items()}.get(condition)
    if role is None:
        raise ModelError(f"{source}: condition has {condition} channels, expected 45 or 3")
    return TryOnNet(role, channels, fpn, width)


def export_official(net: TryOnNet) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The two official state dicts (warp, generator), names and order as published."""
    if net.generator is None:
        raise ModelError("a warp network alone has no official form; export a try-on model")
    if net.hem:
        raise ModelError(
            "a tutor that is not told where the old garment ends has no official form; train one "
            "with tutor_warp.hem = 0"
        )
    beyond = [f"student_tryon.{name} = 0" for name in ("keep", "tone") if name in net.architecture]
    if beyond:
        raise ModelError(
            "a student that says what of the photo to keep, or where its skin is, has no official "
            f"form; train one with {' and '.join(beyond)}"
        )
    flip = tuple((ours, theirs) for theirs, ours in WARP_NAMES)
    warp = {rename(key, flip): tensor for key, tensor in net.warp.state_dict().items()}
    flip = tuple((ours, theirs) for theirs, ours in generator_names())
    generator = {rename(key, flip): tensor for key, tensor in net.generator.state_dict().items()}
    return warp, generator
