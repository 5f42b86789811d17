"""How far a network sees: the exact reach of a pixel, found by following a NaN through the network.

Any number combined with NaN gives NaN, whatever the weights are, so the answers that turn NaN when one column of pixels
is NaN are those that may depend on it. The columns are tried at every phase of the network's stride, along both axes,
on long narrow strips (taps along one axis do not depend on the width along the other). What comes out is then held
against the network's own weights on strips of noise: changing everything beyond the radius must leave the answer alone,
and shifting the input by the stride must shift the answer. Where that fails, or the NaN reaches an end of a strip of
about 4,000 px, there is no radius, and the reason is told.

What this can miss: a reach that depends on values (deformable sampling, hashing) is caught only by the noise, which is
a sample; a reach of more than 2,000 px counts as seeing everything; operations that hide a NaN (`nan_to_num`, `where`)
hide reach from the first step, and the second then finds that the radius does not hold.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction

import torch
from torch import Tensor, nn

from swath.errors import CardError

Call = Callable[[nn.Module, Tensor], Tensor]
"""Runs a network on `[B, C, H, W]`, all of its inputs and dates one after another along C; gives `[B, K, h, w]`."""

_ACROSS = (32, 64)
"""Widths of strips in px; the second for networks that halve so often and pad so much that the first is too narrow."""
_LENGTHS = (256, 1024, 4096)
_SAME = 1e-5
_SHIFTED = 1e-4
_AXES = ((3, "columns"), (2, "rows"))


@dataclass(frozen=True)
class Reach:
    """What following a NaN found; without a radius the network sees everything, for `reason`."""

    radius: int | None
    """No answer depends on pixels farther than this from those it covers."""
    halo: int | None
    """Multiple of the stride: what a core needs around it that begins and ends at multiples of the stride."""
    stride: int
    scale: Fraction | None
    """Output pixels per input pixel; None: one answer per tile."""
    reason: str | None = None


@dataclass(frozen=True)
class Probe:
    """A network under examination: a float32 copy on the CPU, in eval mode."""

    network: nn.Module
    call: Call
    channels: int
    multiple: int
    """Sizes must be multiples of this."""
    mean: Tensor
    """Of plausible normalised values, `[C, 1, 1]`."""
    std: Tensor
    across: int = _ACROSS[0]

    @classmethod
    def of(
        cls,
        network: nn.Module,
        call: Call,
        channels: int,
        multiple: int = 1,
        typical: Sequence[tuple[float, float]] | None = None,
    ) -> Probe:
        """A probe of `network`, which is left as it is.

        Args:
            network: in eval mode.
            call: runs it.
            channels: how many it takes in all.
            multiple: sizes must be multiples of this.
            typical: mean and deviation of the normalised values of each channel; None: 0 and 1.

        Raises:
            CardError: the network is in training mode, where answers depend on the other tiles of the batch.
        """
        for name, module in network.named_modules():
            if module.training:
                where = f"its module {name!r} is" if name else "it is"
                raise CardError(f"the network cannot be probed while {where} in training mode; call network.eval()")
        mean, std = torch.tensor(typical or [(0.0, 1.0)] * channels).T[..., None, None]
        return cls(copy.deepcopy(network).to("cpu", torch.float32), call, channels, multiple, mean, std)

    @property
    def unit(self) -> int:
        """Width of a strip in px; its length is a multiple of it."""
        return self.multiple * math.ceil(self.across / self.multiple)

    def length(self, least: int, stride: int = 1) -> int:
        """A length for a strip: at least so many px, and a multiple of the strip's width and of the stride."""
        step = math.lcm(self.unit, stride)
        return step * math.ceil(least / step)

    def run(self, x: Tensor) -> Tensor:
        """The network's answer, without gradients.

        Raises:
            CardError: it does not take such a tensor; the message says what it said.
        """
        try:
            with torch.inference_mode():
                return self.call(self.network, x)
        except (RuntimeError, ValueError, TypeError, AssertionError, IndexError) as error:
            said = " ".join(str(error).split())[:200]
            raise CardError(f"the network does not take an input of shape {tuple(x.shape)}: {said}") from error

    def strips(self, count: int, axis: int, length: int, seed: int = 0) -> Tensor:
        """`count` strips of noise, `length` px along `axis`."""
        shape = [count, self.channels, self.unit, self.unit]
        shape[axis] = length
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * self.std + self.mean


def reach(probe: Probe) -> Reach:
    """Radius, stride and scale of a network, or why it has no radius.

    Raises:
        CardError: the network does not take strips of the probe's sizes, or gives an answer of no fixed scale.
    """
    probe = _fitted(probe)
    found = [_reach_along(probe, axis) for axis, _ in _AXES]
    for one in found:
        if one.radius is None or one.scale is None:
            return one
    radius, halo = (max(getattr(one, key) for one in found) for key in ("radius", "halo"))
    stride, scale = math.lcm(*(one.stride for one in found)), found[0].scale or Fraction(1)
    for axis, words in _AXES:
        if reason := _objection(probe, radius, stride, scale, axis, words):
            return Reach(None, None, stride, scale, reason)
    return Reach(radius, stride * math.ceil(halo / stride), stride, scale)


def _fitted(probe: Probe) -> Probe:
    """The probe with strips as wide as the network needs."""
    for across in _ACROSS:
        fitted = replace(probe, across=across)
        try:
            y = fitted.run(fitted.strips(1, 3, fitted.length(_LENGTHS[0])))
        except CardError:
            if across == _ACROSS[-1]:
                raise
            continue
        if bool(y.isfinite().all()):
            return fitted
    raise CardError("the network gives NaN or infinity for plain noise, so what it sees cannot be told")


def _reach_along(probe: Probe, axis: int) -> Reach:
    stride, scale, extent, length = 1, None, None, 0
    for length in map(probe.length, _LENGTHS):
        with _watched(probe.network, axis, length) as seen:
            y = _with_nan(probe, axis, length, [length // 2])
        if y.ndim < 4:
            return Reach(None, None, 1, None, "there is one answer per tile")
        stride = math.lcm(stride, seen.stride, Fraction(y.shape[axis], length).denominator)
        scale = Fraction(y.shape[axis], length)
        extent = _extents(y, axis)[0]
        if extent is None or (extent[0] > 0 and extent[1] < y.shape[axis] - 1):
            break
    else:
        return Reach(None, None, stride, scale, f"it sees the whole tile{seen.culprit}")
    widest = 0 if extent is None else _distance(extent, length // 2, scale)
    length = probe.length(2 * (widest + 2 * stride) + _LENGTHS[0] // 4, stride)
    start = length // 2 // stride * stride

    def measure(columns: list[int]) -> list[tuple[int, int] | None]:
        y = _with_nan(probe, axis, length, columns)
        if (size := y.shape[axis]) != length * scale:
            raise CardError(
                f"{length} px in give {size} px out, which is no fixed scale; let the network pad its input"
            )
        return _extents(y, axis)

    extents = _every_phase(measure, start, stride)
    hits = [(extent, column) for column, extent in extents.items() if extent is not None]
    radius, halo = (max((_distance(*hit, scale, cell) for hit in hits), default=0) for cell in (1, stride))
    return Reach(radius, halo, stride, scale)


def _every_phase(
    measure: Callable[[list[int]], list[tuple[int, int] | None]], start: int, stride: int
) -> dict[int, tuple[int, int] | None]:
    """What each of `stride` columns touches. That moves on with the column, so equal ends make equal middles."""
    known: dict[int, tuple[int, int] | None] = {}
    todo = [(start, start + stride - 1)]
    while todo:
        columns = sorted({column for pair in todo for column in pair} - known.keys())
        for at in range(0, len(columns), 4):
            known |= zip(columns[at : at + 4], measure(columns[at : at + 4]), strict=True)
        split = []
        for low, high in todo:
            if known[low] == known[high] and known[low] is not None:
                known |= dict.fromkeys(range(low, high + 1), known[low])
            elif high - low > 1:
                middle = (low + high) // 2
                split += [(low, middle), (middle, high)]
        todo = split
    return known


def _with_nan(probe: Probe, axis: int, length: int, columns: list[int]) -> Tensor:
    x = probe.strips(1, axis, length).repeat(len(columns), 1, 1, 1)
    for strip, column in zip(x, columns, strict=True):
        strip.select(axis - 1, column).fill_(math.nan)
    return probe.run(x)


def _extents(y: Tensor, axis: int) -> list[tuple[int, int] | None]:
    """First and last position along `axis` that is NaN, for each of the batch."""
    touched = y.isnan().any(dim=1).any(dim=2 if axis == 2 else 1)
    found = [row.nonzero().flatten().tolist() for row in touched]
    return [(hits[0], hits[-1]) if hits else None for hits in found]


def _distance(extent: tuple[int, int], column: int, scale: Fraction, cell: int = 1) -> int:
    """How far `column` lies from the input pixels, in whole cells of so many, that the touched answers cover."""
    first, last = math.ceil((extent[0] + 1) / scale) - 1, math.floor(extent[1] / scale)
    return max(column - (first // cell * cell + cell - 1), last // cell * cell - column, 0)


def _objection(probe: Probe, radius: int, stride: int, scale: Fraction, axis: int, words: str) -> str | None:
    """Why radius and stride do not hold for the network's own weights, if so."""
    length = probe.length(2 * radius + 5 * stride + probe.unit, stride)
    for edge in (0, length - 1):
        extent = _extents(_with_nan(probe, axis, length, [edge]), axis)[0]
        if extent is not None and _distance(extent, edge, scale) > radius:
            return f"one edge of the tile sees the other along the {words}"
    start = length // 2 // stride * stride
    x = probe.strips(1, axis, length)
    near = slice(start - radius, start + stride + radius)
    far = probe.strips(1, axis, length, seed=1)
    inside = [slice(None)] * 4
    inside[axis] = near
    far[tuple(inside)] = x[tuple(inside)]
    y, y_far, y_shifted = (probe.run(z) for z in (x, far, x.roll(stride, axis)))
    first, count = int(start * scale), int(stride * scale)
    core = y.narrow(axis, first, count)
    spread = float(y.std()) or 1.0
    if float((y_far.narrow(axis, first, count) - core).abs().max()) > _SAME * spread:
        return f"how far it sees along the {words} depends on the values"
    if float((y_shifted.narrow(axis, first + count, count) - core).abs().max()) > _SHIFTED * spread:
        return f"its answer depends on where in the tile a thing lies, along the {words}"
    return None


@dataclass
class _Seen:
    stride: int = 1
    culprit: str = ""


@contextmanager
def _watched(network: nn.Module, axis: int, length: int) -> Iterator[_Seen]:
    """Follow one run: by how much maps shrink, and which part first turns wholly NaN."""
    seen = _Seen()

    def watch(name: str) -> Callable[[nn.Module, object, object], None]:
        def hook(module: nn.Module, _: object, output: object) -> None:
            if not isinstance(output, Tensor):
                return
            if output.ndim == 4 and 1 < output.shape[axis] <= length and length % output.shape[axis] == 0:
                seen.stride = math.lcm(seen.stride, length // output.shape[axis])
            if not seen.culprit and output.is_floating_point() and bool(output.isnan().all()):
                seen.culprit = f", from {name} ({type(module).__name__}) on"

        return hook

    leaves = [
        (name, module) for name, module in network.named_modules() if name and not any(True for _ in module.children())
    ]
    handles = [module.register_forward_hook(watch(name)) for name, module in leaves]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
