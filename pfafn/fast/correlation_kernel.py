"""The cost volume and its gradients as Triton kernels, one pass over both features each, for CUDA.

What a program makes lies in registers: no window of features and no product beside the band is ever
written to memory. `correlation` has the definition, and the same in torch's own operators.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.library import custom_op

PLACES = 16  # of a row, one side of a matrix product: the least that the hardware multiplies
DEEP = 64  # channels read at a time


@custom_op("pfafn::cost_volume", mutates_args={})
def cost_volume(garment: Tensor, person: Tensor, radius: int) -> Tensor:
    """`correlation.cost_volume` of two features of one precision, without a gradient."""
    costs, (batch, channels, height, width) = _room(garment, person, radius), garment.shape
    with torch.cuda.device_of(garment):
        _costs[(triton.cdiv(width, PLACES), height, batch)](
            garment, *garment.stride(), person, *person.stride(), costs, *costs.stride(),
            channels, height, width, RADIUS=radius, **_tiles(radius),
        )  # fmt: skip
    return costs


@cost_volume.register_fake
def _room(garment: Tensor, person: Tensor, radius: int) -> Tensor:
    batch, _, height, width = garment.shape
    return garment.new_empty(batch, height, width, (2 * radius + 1) ** 2).permute(0, 3, 1, 2)


@custom_op("pfafn::cost_volume_gradient", mutates_args={})
def gradient(grad: Tensor, other: Tensor, radius: int, of_person: bool) -> Tensor:
    """What a feature learns: grad [B, 49, H, W] of the costs, other [B, C, H, W] -> [B, C, H, W].

    other: the person's feature where the garment's learns, and the garment's `of_person`.
    """
    learnt = _room_to_learn(grad, other, radius, of_person)
    batch, channels, height, width = other.shape
    blocks = triton.cdiv(width, PLACES) * triton.cdiv(channels, DEEP)
    with torch.cuda.device_of(other):
        _gradient[(blocks, height, batch)](
            grad, *grad.stride(), other, *other.stride(), learnt, *learnt.stride(),
            channels, height, width, RADIUS=radius, OF_PERSON=of_person, **_tiles(radius),
        )  # fmt: skip
    return learnt


@gradient.register_fake
def _room_to_learn(grad: Tensor, other: Tensor, radius: int, of_person: bool) -> Tensor:
    return torch.empty_like(other, memory_format=torch.channels_last)


def _tiles(radius: int) -> dict[str, int]:
    """Sides of the matrix products: the places of a block, what they can reach, and channels."""
    reach = triton.next_power_of_2(PLACES + 2 * radius)
    return {"PLACES": PLACES, "REACH": reach, "DEEP": DEEP, "num_warps": 2}


@triton.jit
def _costs(
    garment, garment_n, garment_c, garment_y, garment_x,
    person, person_n, person_c, person_y, person_x,
    costs, costs_n, costs_d, costs_y, costs_x,
    channels, height, width,
    RADIUS: tl.constexpr, PLACES: tl.constexpr, REACH: tl.constexpr, DEEP: tl.constexpr,
):  # fmt: skip
    """Costs of the places of a block of a row: [PLACES, C] times the [REACH, C] of 7 rows."""
    SIDE: tl.constexpr = 2 * RADIUS + 1
    TOTAL: tl.constexpr = tl.float64 if garment.dtype.element_ty == tl.float64 else tl.float32
    y, n = tl.program_id(1), tl.program_id(2).to(tl.int64)
    x = tl.program_id(0) * PLACES + tl.arange(0, PLACES)
    u = tl.program_id(0) * PLACES - RADIUS + tl.arange(0, REACH)
    dx = u[None, :] - x[:, None] + RADIUS
    wanted = (dx >= 0) & (dx < SIDE) & (x[:, None] < width)
    garment += n * garment_n + y * garment_y
    person += n * person_n
    costs += n * costs_n + y * costs_y
    for dy in range(SIDE):
        v = y + dy - RADIUS
        products = tl.full((PLACES, REACH), 0, TOTAL)
        for first in range(0, channels, DEEP):
            c = first + tl.arange(0, DEEP)
            places = tl.load(
                garment + x[:, None] * garment_x + c[None, :] * garment_c,
                mask=(x[:, None] < width) & (c[None, :] < channels), other=0,
            )  # fmt: skip
            inside = (v >= 0) & (v < height) & (u >= 0) & (u < width)
            reached = tl.load(
                person + v * person_y + u[None, :] * person_x + c[:, None] * person_c,
                mask=inside[None, :] & (c[:, None] < channels), other=0,
            )  # fmt: skip
            products = tl.dot(places, reached, products, input_precision="ieee", out_dtype=TOTAL)
        d = dy * SIDE + dx
        tl.store(costs + d * costs_d + x[:, None] * costs_x, products / channels, mask=wanted)


@triton.jit
def _gradient(
    grad, grad_n, grad_d, grad_y, grad_x,
    other, other_n, other_c, other_y, other_x,
    learnt, learnt_n, learnt_c, learnt_y, learnt_x,
    channels, height, width,
    RADIUS: tl.constexpr, OF_PERSON: tl.constexpr,
    PLACES: tl.constexpr, REACH: tl.constexpr, DEEP: tl.constexpr,
):  # fmt: skip
    """What DEEP channels of a block of a row learn: a band of gradients times the other's rows.

    A displacement that leads from the garment to the person leads back with the other sign.
    """
    SIDE: tl.constexpr = 2 * RADIUS + 1
    TOTAL: tl.constexpr = tl.float64 if other.dtype.element_ty == tl.float64 else tl.float32
    blocks = (width + PLACES - 1) // PLACES
    block, y, n = tl.program_id(0) % blocks, tl.program_id(1), tl.program_id(2).to(tl.int64)
    x = block * PLACES + tl.arange(0, PLACES)
    u = block * PLACES - RADIUS + tl.arange(0, REACH)
    c = tl.program_id(0) // blocks * DEEP + tl.arange(0, DEEP)
    dx = u[None, :] - x[:, None] + RADIUS
    grad += n * grad_n
    other += n * other_n
    total = tl.full((PLACES, DEEP), 0, TOTAL)
    for dy in range(SIDE):
        v = y + dy - RADIUS
        inside = (v >= 0) & (v < height) & (u >= 0) & (u < width)
        if OF_PERSON:
            d, at = (SIDE - 1 - dy) * SIDE + SIDE - 1 - dx, v * grad_y + u[None, :] * grad_x
        else:
            d, at = dy * SIDE + dx, y * grad_y + x[:, None] * grad_x
        wanted = (dx >= 0) & (dx < SIDE) & (x[:, None] < width) & inside[None, :]
        band = tl.load(grad + d * grad_d + at, mask=wanted, other=0)
        reached = tl.load(
            other + v * other_y + u[:, None] * other_x + c[None, :] * other_c,
            mask=inside[:, None] & (c[None, :] < channels), other=0,
        )  # fmt: skip
        total = tl.dot(
            band.to(reached.dtype), reached, total, input_precision="ieee", out_dtype=TOTAL
        )
    tl.store(
        learnt + n * learnt_n + y * learnt_y + x[:, None] * learnt_x + c[None, :] * learnt_c,
        total / channels, mask=(x[:, None] < width) & (c[None, :] < channels),
    )  # fmt: skip
