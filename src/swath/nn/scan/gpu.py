"""The scan on the GPU, in Triton: one program per image and channel, which walks the sequence in chunks.

Inside a chunk all steps are done at once: `h -> a h + b` joined to the next such map is one again, so a parallel scan
over pairs (a, b) gives every state. Forward keeps the state at the start of each chunk; backward makes the others again
and runs the same scan from the end. Gradients of B and C, which the channels of a group share, are added atomically:
their last digits depend on the order.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from swath.nn.scan.function import Inputs

_TILE = 2048
"""Numbers in a tile of states by steps."""


def forward(given: Inputs, keep: bool) -> tuple[Tensor, Tensor]:
    """See `Kernels.forward`; states are `[batch, channels, chunks, N]`."""
    batch, channels, length = given.u.shape
    sizes = _sizes(given)
    y = torch.empty_like(given.u)
    chunks = -(-length // sizes["CHUNK"])
    kept = y.new_empty(batch, channels, chunks, given.A.shape[1]) if keep else y.new_empty(0)
    with torch.cuda.device_of(y):
        _forward[(batch * channels,)](*given.tensors, y, kept, *_numbers(given), KEEP=keep, **sizes)
    return y, kept


def backward(given: Inputs, kept: Tensor, slope: Tensor) -> tuple[Tensor, ...]:
    """See `Kernels.backward`."""
    batch, channels, _ = given.u.shape
    du, ddelta = torch.empty_like(given.u), torch.empty_like(given.u)
    dA = du.new_empty(batch, channels, given.A.shape[1])
    dB, dC = torch.zeros_like(given.B), torch.zeros_like(given.C)
    dD, dbias = du.new_empty(batch, channels), du.new_empty(batch, channels)
    outputs = (du, ddelta, dA, dB, dC, dD, dbias)
    with torch.cuda.device_of(du):
        _backward[(batch * channels,)](*given.tensors, kept, slope, *outputs, *_numbers(given), **_sizes(given))
    return du, ddelta, dA.sum(0), dB, dC, dD.sum(0), dbias.sum(0)


def _numbers(given: Inputs) -> tuple[int, int, int, int]:
    """L, channels, channels of a group, N."""
    channels = given.u.shape[1]
    return given.u.shape[2], channels, channels // given.B.shape[1], given.A.shape[1]


def _sizes(given: Inputs) -> dict[str, Any]:
    states = triton.next_power_of_2(given.A.shape[1])
    chunk = max(16, min(1024, _TILE // states))
    return {"SOFT": given.softplus, "STATES": states, "CHUNK": chunk, "enable_fp_fusion": True}


@triton.jit
def _joined(a, b, later_a, later_b):
    """First `h -> a h + b`, then the later one."""
    return later_a * a, later_a * b + later_b


@triton.jit
def _step(raw, SOFT: tl.constexpr):
    """Softplus where it is asked for: `max(x, 0) + log(1 + exp(-|x|))`."""
    if SOFT:
        z = tl.exp(-tl.abs(raw))
        # log(1 + z) loses the digits of a small z.
        raw = tl.maximum(raw, 0.0) + tl.where(z < 1e-3, z * (1 - 0.5 * z), tl.log(1 + z))
    return raw


@triton.jit
def _forward(
    u, delta, A, B, C, D, bias, y, kept, length, channels, per_group, states,
    KEEP: tl.constexpr, SOFT: tl.constexpr, STATES: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    channel = row % channels
    group = row // per_group  # of all images: each has channels / per_group of them
    n, t = tl.arange(0, STATES), tl.arange(0, CHUNK)
    real = n < states
    rate = tl.load(A + channel * states + n, mask=real, other=0.0)[:, None]
    skip, shift = tl.load(D + channel), tl.load(bias + channel)
    h = tl.zeros([STATES], tl.float32)
    chunks = tl.cdiv(length, CHUNK)
    for chunk in range(chunks):
        at = chunk * CHUNK + t
        inside = at < length
        if KEEP:
            tl.store(kept + (row * chunks + chunk) * states + n, h, mask=real)
        x = tl.load(u + row * length + at, mask=inside, other=0.0)
        d = _step(tl.load(delta + row * length + at, mask=inside, other=0.0) + shift, SOFT)
        where = (group * states + n[:, None]) * length + at[None, :]
        cell = real[:, None] & inside[None, :]
        entry, leave = tl.load(B + where, mask=cell, other=0.0), tl.load(C + where, mask=cell, other=0.0)
        fade = tl.exp(d[None, :] * rate)
        add = (d * x)[None, :] * entry + tl.where(t[None, :] == 0, fade * h[:, None], 0.0)
        _, state = tl.associative_scan((fade, add), 1, _joined)
        tl.store(y + row * length + at, tl.sum(state * leave, 0) + skip * x, mask=inside)
        h = tl.sum(tl.where(t[None, :] == CHUNK - 1, state, 0.0), 1)


@triton.jit
def _backward(
    u, delta, A, B, C, D, bias, kept, dy, du, ddelta, dA, dB, dC, dD, dbias, length, channels, per_group, states,
    SOFT: tl.constexpr, STATES: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    channel = row % channels
    group = row // per_group
    n, t = tl.arange(0, STATES), tl.arange(0, CHUNK)
    real = n < states
    rate = tl.load(A + channel * states + n, mask=real, other=0.0)[:, None]
    skip, shift = tl.load(D + channel), tl.load(bias + channel)
    later = tl.zeros([STATES], tl.float32)  # what the chunk after this one asks of the last state
    g_rate = tl.zeros([STATES], tl.float32)
    g_skip, g_shift = tl.zeros([CHUNK], tl.float32), tl.zeros([CHUNK], tl.float32)
    chunks = tl.cdiv(length, CHUNK)
    for done in range(chunks):
        chunk = chunks - 1 - done
        at = chunk * CHUNK + t
        inside = at < length
        x = tl.load(u + row * length + at, mask=inside, other=0.0)
        g_y = tl.load(dy + row * length + at, mask=inside, other=0.0)
        raw = tl.load(delta + row * length + at, mask=inside, other=0.0) + shift
        d = _step(raw, SOFT)
        next_raw = tl.load(delta + row * length + at + 1, mask=at + 1 < length, other=0.0) + shift
        where = (group * states + n[:, None]) * length + at[None, :]
        cell = real[:, None] & inside[None, :]
        entry, leave = tl.load(B + where, mask=cell, other=0.0), tl.load(C + where, mask=cell, other=0.0)
        h = tl.load(kept + (row * chunks + chunk) * states + n, mask=real, other=0.0)
        fade, taken = tl.exp(d[None, :] * rate), (d * x)[None, :] * entry
        _, state = tl.associative_scan((fade, taken + tl.where(t[None, :] == 0, fade * h[:, None], 0.0)), 1, _joined)
        faded = state - taken
        asked = leave * g_y[None, :] + tl.where(t[None, :] == CHUNK - 1, later[:, None], 0.0)
        next_fade = tl.exp(_step(next_raw, SOFT)[None, :] * rate)
        _, g = tl.associative_scan((next_fade, asked), 1, _joined, reverse=True)
        later = tl.sum(tl.where(t[None, :] == 0, fade * g, 0.0), 1)
        tl.atomic_add(dB + where, g * (d * x)[None, :], mask=cell, sem="relaxed")
        tl.atomic_add(dC + where, state * g_y[None, :], mask=cell, sem="relaxed")
        g_taken, g_faded = tl.sum(g * entry, 0), g * faded
        g_step = x * g_taken + tl.sum(g_faded * rate, 0)
        if SOFT:
            g_step *= tl.sigmoid(raw)
        g_step = tl.where(inside, g_step, 0.0)
        tl.store(du + row * length + at, d * g_taken + skip * g_y, mask=inside)
        tl.store(ddelta + row * length + at, g_step, mask=inside)
        g_rate += tl.sum(tl.where(inside[None, :], g_faded * d[None, :], 0.0), 1)
        g_skip += g_y * x
        g_shift += g_step
    tl.store(dA + row * states + n, g_rate, mask=real)
    tl.store(dD + row, tl.sum(g_skip, 0))
    tl.store(dbias + row, tl.sum(g_shift, 0))
