"""What is measured: a network of published widths, and drawn people in drawn garments."""

import os
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import default_collate

from benchmarks.variants import PRECISIONS
from pfafn.models.inputs import Annotation
from pfafn.models.tryon import TryOnNet
from pfafn.photos.tensors import picture_tensor
from pfafn.samples.dataset import fake_tensors, garment_tensors
from pfafn.samples.sample import StudentSample
from pfafn.studio.dataset import draw_sample
from pfafn.studio.flat import FlatGarment, lay_flat
from pfafn.studio.person import Person
from pfafn.studio.scene import Photograph, keypoints, photograph

PUBLISHED = {"channels": [64, 128, 256, 256, 256], "fpn": 256, "generator": 64}
TINY = {"channels": [4, 8, 8, 8, 8], "fpn": 8, "generator": 4}
SEED = 7
DRAWN = 8  # people, who come again in larger batches: drawing takes longer than what is measured


class Scale(NamedTuple):
    """How much is measured."""

    size: tuple[int, int] = (256, 192)
    widths: dict = PUBLISHED
    rounds: int = 9
    gallery: int = 16  # garments
    gallery_rounds: int = 3
    sizes: tuple[tuple[int, int], ...] = ((128, 96), (512, 384))
    batches: tuple[int, ...] = (2, 4, 8)
    training_rounds: int = 3
    training_batch: int = 2
    larger_batches: tuple[int, ...] = (4,)  # of a training, the step as a whole
    data_sizes: tuple[tuple[int, int], ...] = ((128, 96), (256, 192), (1024, 768))
    data_samples: int = 256  # in a shard
    data_growth: tuple[int, ...] = (4, 40, 400)  # shards


QUICK = Scale((64, 96), TINY, 2, 3, 2, ((64, 32),), (2,), 1, 2, (3,), ((64, 96),), 16, (1, 2))


class Pictures(NamedTuple):
    """A drawn person, a garment, its mask: uint8 [H, W, 3], [H, W, 3], [H, W]."""

    person: NDArray[np.uint8]
    garment: NDArray[np.uint8]
    mask: NDArray[np.uint8]


def network(role: str, widths: dict) -> TryOnNet:
    """A seeded network whose norms and flows are as alive as trained ones.

    At torch's initial weights every norm is the identity and nothing moves.
    """
    torch.manual_seed(SEED)
    net = TryOnNet(role, **widths).eval()
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_var.uniform_(0.5, 1.5)
                module.running_mean.normal_(0, 0.2)
        for head in (*net.warp.flow.match, *net.warp.flow.refine):
            head[-1].weight.mul_(20)
    return net


@lru_cache(DRAWN)
def pictures(number: int, size: tuple[int, int]) -> Pictures:
    """Person and garment `number` of the studio."""
    sample, other = (draw_sample(SEED, "test", n) for n in (number, number + 1))
    own, flat = lay_flat(sample.garment, *size), lay_flat(other.garment, *size)
    photo = photograph(sample.person, sample.garment, own)
    return Pictures(photo.picture, flat.picture, flat.mask)


@lru_cache(DRAWN)
def drawn(number: int, size: tuple[int, int]) -> tuple[Person, FlatGarment, Photograph, Photograph]:
    """A person, what she wears laid flat, her photo, and the photo in another garment."""
    sample, other = (draw_sample(SEED, "train", n) for n in (number, number + 1))
    flat, unworn = lay_flat(sample.garment, *size), lay_flat(other.garment, *size)
    photo = photograph(sample.person, sample.garment, flat)
    return sample.person, flat, photo, photograph(sample.person, other.garment, unworn)


def batch(count: int, size: tuple[int, int]) -> StudentSample:
    """`count` training samples: the photo, its garment, and the person in another one as fake."""
    samples = []
    for number in range(count):
        person, flat, photo, fake = drawn(number % DRAWN, size)
        told = (photo.parsing, photo.body_parts, keypoints(person, *size))
        arrays = {
            "garment": flat.picture, "garment_mask": flat.mask,
            "fake": fake.picture, "fake_mask": np.uint8(255) * fake.visible,
        }  # fmt: skip
        samples.append(
            StudentSample(
                torch.tensor(number),
                picture_tensor(photo.picture),
                Annotation(*map(torch.from_numpy, told), torch.tensor(0)),
                garment_tensors(arrays),
                fake_tensors(arrays),
            )
        )
    return default_collate(samples)


def precision(dtype: torch.dtype) -> AbstractContextManager[Any]:
    """PFAFN_PRECISION for a while."""
    return patch.dict(os.environ, PFAFN_PRECISION=PRECISIONS[dtype])
