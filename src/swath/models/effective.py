"""How far a network sees in effect: the least radius beyond which its answer moves by less than 1e-3 of its spread.

The gradient of some answers, as root sum of squares over all pixels farther away, says where to begin; what counts is
measured. At a radius, all that lies farther from a square core is changed in three ways: cut off, so that the network
pads as it does at the edge of a tile; replaced by another image; set to zero, the value of invalid pixels. The bound is
the largest movement of any answer in the core under any of these, over the spread of its channel: the distance between
the 1st and 99th percentile of its answers. As in tiles, the core begins and ends at multiples of the stride.

The bound is that of a sample: two images or more (real ones where given, else noise with a 1/f spectrum like that of
images), a core of 64 px or one stride, changes up to 512 px beyond the core. It is no guarantee for other images; the
exact radius of `swath.models.field` is.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from swath.errors import CardError
from swath.models.field import Probe, Reach

LIMIT = 1e-3
_CORE = 64
_FARTHEST = 512


def effective_radius(probe: Probe, found: Reach, images: Tensor | None = None) -> tuple[int, float]:
    """Least multiple of the stride beyond which the answer moves by less than `LIMIT`.

    Args:
        probe: the network under examination.
        found: its exact reach, which must be finite.
        images: normalised input `[N, C, H, W]`, N of 2 or more, all valid; they are cut or mirrored to the size needed.
            None: noise with a 1/f spectrum and the probe's mean and deviation.

    Returns:
        The radius in px and the movement that was measured there; `(found.halo, 0.0)` where nothing less will do.
    """
    if found.halo is None or found.scale is None:
        raise CardError("a network that sees everything has no effective radius")
    step = math.lcm(found.stride, probe.multiple)
    core = step * math.ceil(_CORE / step)
    margin = step * math.ceil(min(found.halo, _FARTHEST) / step)
    x = _images(probe, images, core + 2 * margin)
    y = probe.run(x)
    low, high = (torch.stack([torch.quantile(channel, q) for channel in _sampled(y)]) for q in (0.01, 0.99))
    spread = (high - low).clamp_min(torch.finfo(torch.float32).tiny).view(1, -1, 1, 1)

    def cut(z: Tensor, offset: int) -> Tensor:
        """The core's answers out of those for an input that has `offset` px around the core."""
        start, size = int(offset * (found.scale or 1)), int(core * (found.scale or 1))
        return z[..., start : start + size, start : start + size]

    wanted = cut(y, margin)

    def moved(radius: int) -> float:
        window = slice(margin - radius, margin + core + radius)
        tile = x[..., window, window]
        worst = float(((cut(probe.run(tile), radius) - wanted).abs() / spread).max())
        if worst < LIMIT:  # the dearer changes only where the cheap one left the answer alone
            changed = x.roll(1, 0)
            changed[1::2] = 0
            changed[..., window, window] = tile
            worst = max(worst, float(((cut(probe.run(changed), margin) - wanted).abs() / spread).max()))
        return worst

    # Halving between what is too near and what is enough; only what was measured to be enough is returned.
    near, radius, bound = -step, margin, moved(margin) if margin < found.halo else 0.0
    guess = min(_by_gradient(probe, x, y, spread, step), margin - step)
    while near + step < radius:
        nearer = moved(guess)
        if nearer < LIMIT:
            radius, bound = guess, nearer
        else:
            near = guess
        guess = near + step * max(1, (radius - near) // (2 * step))
    if radius >= found.halo or bound >= LIMIT:
        return found.halo, 0.0
    return radius, bound


def _by_gradient(probe: Probe, x: Tensor, y: Tensor, spread: Tensor, step: int) -> int:
    """Where the root sum of squares of the gradient beyond falls below the limit, rounded up to `step`."""
    image = x[:1].clone().requires_grad_()
    middle = y.shape[-1] // 2
    answer = probe.call(probe.network, image)[..., middle, middle] / spread[..., 0, 0]
    (slope,) = torch.autograd.grad(answer.abs().sum(), image)
    size = image.shape[-1]
    off = (torch.arange(size) - size // 2).abs()
    distance = torch.maximum(off[:, None], off[None, :])
    energy = torch.zeros(size).scatter_add_(0, distance.flatten(), slope.square().sum((0, 1)).flatten())
    beyond = energy.flip(0).cumsum(0).flip(0).sqrt()
    near = int((beyond >= LIMIT).nonzero().max()) if bool((beyond >= LIMIT).any()) else 0
    return step * math.ceil(near / step)


def _sampled(y: Tensor, count: int = 100_000) -> Tensor:
    """Answers per channel `[K, n]`, thinned to what a quantile can take."""
    flat = y.transpose(0, 1).flatten(1)
    return flat[:, :: max(1, flat.shape[1] // count)]


def _images(probe: Probe, images: Tensor | None, size: int) -> Tensor:
    if images is None:
        return _noise(2, probe.channels, size) * probe.std + probe.mean
    if images.ndim != 4 or images.shape[0] < 2 or images.shape[1] != probe.channels:
        raise CardError(f"samples= must be of shape [2 or more, {probe.channels}, H, W]; found {tuple(images.shape)}")
    images = images.detach().to("cpu", torch.float32)
    rows, columns = (_mirrored(side, size) for side in images.shape[2:])
    return images[:, :, rows][:, :, :, columns].contiguous()


def _mirrored(side: int, size: int) -> Tensor:
    """Positions that lead to and fro over `side` px until there are `size` of them."""
    there = torch.arange(size) % max(2 * side, 1)
    return torch.where(there < side, there, 2 * side - 1 - there)


def _noise(count: int, channels: int, size: int) -> Tensor:
    """Noise with amplitude 1/f, bands correlated by 0.64 as those of images are; mean 0, deviation 1 per band."""
    generator = torch.Generator().manual_seed(0)
    shared, own = (torch.randn(count, n, size, size, generator=generator) for n in (1, channels))
    rows, columns = torch.fft.fftfreq(size), torch.fft.rfftfreq(size)
    frequency = torch.hypot(rows[:, None], columns[None, :]).clamp_min(1 / size)
    x: Tensor = torch.fft.irfft2(torch.fft.rfft2(0.8 * shared + 0.6 * own) / frequency, s=(size, size))
    x = x - x.mean((2, 3), keepdim=True)
    return x / x.std((2, 3), keepdim=True)
