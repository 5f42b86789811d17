"""The loops of the scan on the CPU, and the two functions they need, written so that a compiler makes them wide.

`exp` and `softplus` are polynomials without branches: those of the C library serve one number at a time. They are right
to 2e-7 of their size; NaN stays NaN.

| array | shape | |
| --- | --- | --- |
| `tasks` | `[n, 5]`, int64 | image, group, block, first channel, last channel + 1 |
| `u`, `delta`, `y` and their gradients | `[batch, channels, L]` | |
| `A` | `[N, channels]` | its gradient is float64 `[batch, N, channels]`, zeros before |
| `B`, `C` | `[batch, groups, N, L]` | their gradients are `[batch, blocks, N, L]`, of a block's channels alone |
| `D`, `bias` | `[channels]` | their gradients are float64 `[batch, channels]`, zeros before |
| `kept` | `[batch, chunks, N, channels]` | states at the start of each chunk; no chunks: they are not kept |
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numba
import numpy as np

_P = ParamSpec("_P")
_R = TypeVar("_R")
Array = Any
"""C-contiguous numpy array, float32 where nothing else is said."""


def _compiled(function: Callable[_P, _R], *flags: str) -> Callable[_P, _R]:
    how: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", *flags}}
    try:
        made = numba.njit(cache=True, **how)(function)
    except RuntimeError:  # there is nowhere to keep it: it is compiled in each process
        made = numba.njit(**how)(function)
    return cast("Callable[_P, _R]", made)


def _inner(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Sums stay in the order written, which `exp` counts on."""
    return _compiled(function)


def _outer(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Sums may be made in any order, so that they too are wide."""
    return _compiled(function, "reassoc", "nsz")


_ZERO, _ONE, _TWO = np.float32(0), np.float32(1), np.float32(2)
_LOWEST, _HIGHEST = np.float32(-87), np.float32(88)
_LOG2E = np.float32(1 / math.log(2))
_LN2_HIGH = np.float32(0.693359375)  # few digits, so that a whole number times it is exact
_LN2_LOW = np.float32(math.log(2) - 0.693359375)
_ROUND = np.float32(3 << 22)
"""Added to a number it leaves the nearest whole number in the lowest bits."""
_E2, _E3, _E4, _E5, _E6, _E7 = (np.float32(1 / math.factorial(i)) for i in range(2, 8))
_S0, _S1, _S2, _S3, _S4, _S5, _S6 = (np.float32(2 / (2 * i + 1)) for i in range(7))
_TINY = np.float32(1e-25)
"""States smaller than this become zero at the end of a chunk: below 1e-38 processors are slow."""


@_inner
def exp(x: Any) -> Any:
    """`e ** x`, as 2 ** n times the Taylor series of what remains; x is held to -87 to 88."""
    x = _LOWEST if x < _LOWEST else x
    x = _HIGHEST if x > _HIGHEST else x
    rounded = np.float32(x * _LOG2E + _ROUND)
    n = rounded - _ROUND
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    series = _E7 * r + _E6
    series = series * r + _E5
    series = series * r + _E4
    series = series * r + _E3
    series = series * r + _E2
    series = (series * r + _ONE) * r + _ONE
    power = np.int32((rounded.view(np.int32) << 23) + 0x3F800000)  # n into the exponent's bits
    return series * power.view(np.float32)


@_inner
def softplus(x: Any) -> Any:
    """`log(1 + e ** x)` as max(x, 0) + log(1 + z), where log(1 + z) = 2 artanh(z / (2 + z))."""
    z = exp(-abs(x))
    s = z / (_TWO + z)
    q = s * s
    series = _S6 * q + _S5
    series = series * q + _S4
    series = series * q + _S3
    series = series * q + _S2
    series = series * q + _S1
    series = series * q + _S0
    return series * s + (_ZERO if x < _ZERO else x)


@_inner
def sigmoid(x: Any) -> Any:
    """`1 / (1 + e ** -x)`, the slope of softplus."""
    z = exp(-abs(x))
    return (z if x < _ZERO else _ONE) / (_ONE + z)


@_inner
def flush(row: Array) -> None:
    """Numbers that are as good as zero become zero."""
    for k in range(len(row)):
        row[k] = _ZERO if abs(row[k]) < _TINY else row[k]


@_inner
def load(target: Array, source: Array, start: int, size: int) -> None:
    """Steps of `source [channels, L]` as rows of `target [steps, channels]`."""
    for k in range(len(source)):
        for t in range(size):
            target[t, k] = source[k, start + t]


@_inner
def store(target: Array, source: Array, start: int, size: int) -> None:
    """The way back."""
    for k in range(len(target)):
        for t in range(size):
            target[k, start + t] = source[t, k]


@_outer
def forward(
    tasks: Array,
    chunk: int,
    soft: bool,
    u: Array,
    delta: Array,
    A: Array,
    B: Array,
    C: Array,
    D: Array,
    bias: Array,
    y: Array,
    kept: Array,
) -> None:
    """The answer of the channels of some tasks, and the states at the start of each chunk where `kept` has room."""
    length, states = u.shape[2], len(A)
    for task in range(len(tasks)):
        image, group, _, first, last = tasks[task]
        width = last - first
        work = np.empty((3, chunk, width), np.float32)
        step, taken, answer = work[0], work[1], work[2]
        state = np.zeros((states, width), np.float32)
        for start in range(0, length, chunk):
            size = min(chunk, length - start)
            load(step, delta[image, first:last], start, size)
            load(taken, u[image, first:last], start, size)
            for t in range(size):
                for k in range(width):
                    d = step[t, k] + bias[first + k]
                    d = softplus(d) if soft else d
                    step[t, k] = d
                    answer[t, k] = taken[t, k] * D[first + k]
                    taken[t, k] *= d
            for n in range(states):
                h, rate = state[n], A[n, first:last]
                if kept.shape[1]:
                    kept[image, start // chunk, n, first:last] = h
                for t in range(size):
                    entry, leave = B[image, group, n, start + t], C[image, group, n, start + t]
                    d_t, x_t, y_t = step[t], taken[t], answer[t]
                    for k in range(width):
                        now = exp(d_t[k] * rate[k]) * h[k] + x_t[k] * entry
                        h[k] = now
                        y_t[k] += now * leave
                flush(h)
            store(y[image, first:last], answer, start, size)


@_outer
def backward(
    tasks: Array,
    chunk: int,
    soft: bool,
    u: Array,
    delta: Array,
    A: Array,
    B: Array,
    C: Array,
    D: Array,
    bias: Array,
    kept: Array,
    dy: Array,
    du: Array,
    ddelta: Array,
    dA: Array,
    dB: Array,
    dC: Array,
    dD: Array,
    dbias: Array,
) -> None:
    """Gradients of the channels of some tasks, from the last chunk to the first."""
    length, states = u.shape[2], len(A)
    for task in range(len(tasks)):
        image, group, block, first, last = tasks[task]
        width = last - first
        work = np.empty((9, chunk, width), np.float32)
        step, slope, x, taken, fade, faded = work[0], work[1], work[2], work[3], work[4], work[5]
        g_y, g_taken, g_step = work[6], work[7], work[8]
        h, g_rate = np.empty(width, np.float32), np.empty(width, np.float32)
        later = np.zeros((states, width), np.float32)
        for start in range((length - 1) // chunk * chunk, -1, -chunk):
            size = min(chunk, length - start)
            load(step, delta[image, first:last], start, size)
            load(x, u[image, first:last], start, size)
            load(g_y, dy[image, first:last], start, size)
            for t in range(size):
                for k in range(width):
                    d = step[t, k] + bias[first + k]
                    slope[t, k] = sigmoid(d) if soft else _ONE
                    d = softplus(d) if soft else d
                    step[t, k] = d
                    taken[t, k] = x[t, k] * d
                    g_taken[t, k] = _ZERO
                    g_step[t, k] = _ZERO
            for n in range(states):
                rate, g_later = A[n, first:last], later[n]
                h[:] = kept[image, start // chunk, n, first:last]
                g_rate[:] = _ZERO
                for t in range(size):
                    entry = B[image, group, n, start + t]
                    d_t, x_t, fade_t, faded_t = step[t], taken[t], fade[t], faded[t]
                    for k in range(width):
                        by = exp(d_t[k] * rate[k])
                        before = by * h[k]
                        fade_t[k] = by
                        faded_t[k] = before
                        h[k] = before + x_t[k] * entry
                for t in range(size - 1, -1, -1):
                    entry, leave = B[image, group, n, start + t], C[image, group, n, start + t]
                    d_t, x_t, fade_t, faded_t, gy_t = step[t], taken[t], fade[t], faded[t], g_y[t]
                    g_taken_t, g_step_t = g_taken[t], g_step[t]
                    g_entry, g_leave = _ZERO, _ZERO
                    for k in range(width):
                        g = leave * gy_t[k] + g_later[k]
                        g_leave += gy_t[k] * (faded_t[k] + x_t[k] * entry)
                        g_entry += g * x_t[k]
                        g_taken_t[k] += g * entry
                        g_faded = g * faded_t[k]
                        g_step_t[k] += g_faded * rate[k]
                        g_rate[k] += g_faded * d_t[k]
                        g_later[k] = g * fade_t[k]
                    dB[image, block, n, start + t] = g_entry
                    dC[image, block, n, start + t] = g_leave
                flush(g_later)
                for k in range(width):
                    dA[image, n, first + k] += g_rate[k]
            for t in range(size):
                for k in range(width):
                    g = (x[t, k] * g_taken[t, k] + g_step[t, k]) * slope[t, k]
                    g_step[t, k] = g
                    dbias[image, first + k] += g
                    dD[image, first + k] += g_y[t, k] * x[t, k]
                    g_taken[t, k] = step[t, k] * g_taken[t, k] + D[first + k] * g_y[t, k]
            store(du[image, first:last], g_taken, start, size)
            store(ddelta[image, first:last], g_step, start, size)
