"""`fused.defined` as a Triton kernel that reads and writes once, for CUDA."""

import torch
import triton
import triton.language as tl
from torch import Tensor

PLACES, CHANNELS = 64, 64  # of what a program works on at a time; speed only


def affine(x: Tensor, scale: Tensor, shift: Tensor, slope: float, dtype: torch.dtype) -> Tensor:
    """leaky_relu(x * scale + shift), [B, C, H, W] and float32 [C] -> [B, C, H, W] of dtype."""
    x = x.contiguous(memory_format=torch.channels_last)
    made, channels = torch.empty_like(x, dtype=dtype), x.shape[1]
    size, width = x.numel() // channels, min(CHANNELS, triton.next_power_of_2(channels))
    blocks = triton.cdiv(size, PLACES), triton.cdiv(channels, width)
    with torch.cuda.device_of(x):
        _affine[blocks](x, scale, shift, made, slope, size, channels, PLACES=PLACES, CHANNELS=width)
    return made


@triton.jit
def _affine(
    x, scale, shift, made, slope, size, channels, PLACES: tl.constexpr, CHANNELS: tl.constexpr
):
    """CHANNELS of PLACES pixels, whose channels lie together in memory."""
    place = tl.program_id(0).to(tl.int64) * PLACES + tl.arange(0, PLACES)
    c = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    wanted = (place < size)[:, None] & (c < channels)[None, :]
    at = place[:, None] * channels + c[None, :]
    by = tl.load(scale + c, mask=c < channels, other=0)
    plus = tl.load(shift + c, mask=c < channels, other=0)
    value = tl.load(x + at, mask=wanted, other=0).to(tl.float32) * by[None, :] + plus[None, :]
    tl.store(made + at, tl.where(value > 0, value, value * slope), mask=wanted)
