"""The modules of the unified network; `network.py` registers it."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import stochastic_depth

from swath.errors import CardError
from swath.nn.conditioned import ConditionedConv, Question, code_of
from swath.nn.names import NameEmbedding
from swath.nn.spectral import SpectralConv

_GSD_CYCLES = (0.05, 0.1, 0.2)
"""Per octave: metres that differ by a tenth are hardly told apart."""

_Mixture = functools.partial(ConditionedConv, kernel=1, rectify=False, bias=False, normalise=False)
"""Of channels, from which differences between dates are made: what is no difference must stay 0."""


class Block(nn.Module):
    """Two convolutions around which their input is carried; in training they are left out now and then."""

    def __init__(self, channels: int, condition: int, drop: float) -> None:
        super().__init__()
        self.drop = drop
        self.first = ConditionedConv(channels, channels, 3, condition)
        self.second = ConditionedConv(channels, channels, 3, condition, gain=0.4)

    def forward(self, x: Tensor, question: Question) -> Tensor:
        """`[B, C, H, W]` -> the same shape."""
        moved: Tensor = self.second(self.first(x, question), question)
        # Of the whole batch or of none, so that all dates of a place go the same way.
        kept: Tensor = stochastic_depth(moved, self.drop, "batch", self.training)
        return x + kept


class Stage(nn.Module):
    """Blocks one after another."""

    def __init__(self, channels: int, depth: int, condition: int, drop: float) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(channels, condition, drop) for _ in range(depth))

    def forward(self, x: Tensor, question: Question) -> Tensor:
        """`[B, C, H, W]` -> the same shape."""
        for block in self.blocks:
            x = block(x, question)
        return x


class Exchange(nn.Module):
    """Dates see one another: each moves by mixtures of the channels of its distance from their mean and of their trend.

    Of two dates these are all that there is to know, so that the first convolution after it may as well compare them. A
    single date is left as it is.
    """

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.mix = _Mixture(channels, channels, condition=condition, gain=0.5)
        self.turn = _Mixture(channels, channels, condition=condition, gain=0.5)

    def forward(self, x: Tensor, times: Tensor, question: Question) -> Tensor:
        """`[B * T, C, H, W]` at times `[T]` -> the same shape."""
        if len(times) == 1:
            return x
        (mix, _), (turn, _) = self.mix.kernel(question), self.turn.kernel(question)
        dates = dates_of(x, times)
        common = F.conv2d(trend(dates, times), turn.to(x.dtype)) - F.conv2d(mean(dates), mix.to(x.dtype))
        moved = x + F.conv2d(x, mix.to(x.dtype))
        return (moved.reshape(-1, len(times), *x.shape[1:]) + common[:, None]).flatten(0, 1)


class Fuse(nn.Module):
    """Several dates become one: their mean, how far the farthest lies from it, and which way they go."""

    def __init__(self, channels: int, out_channels: int, condition: int, gain: float) -> None:
        super().__init__()
        self.state = ConditionedConv(channels, out_channels, 1, condition, gain=gain)
        self.change = ConditionedConv(channels, out_channels, 1, condition, gain=gain, rectify=False)
        self.turn = _Mixture(channels, out_channels, condition=condition, gain=gain)

    def forward(self, x: Tensor, times: Tensor, question: Question) -> Tensor:
        """`[B * T, C, H, W]` at times `[T]` -> `[B, O, H, W]`."""
        fused: Tensor
        if len(times) == 1:
            fused = self.state(x, question)
            return fused
        dates = dates_of(x, times)
        middle = mean(dates)
        farthest = functools.reduce(torch.maximum, [(date - middle).abs() for date in dates])
        fused = self.state(middle, question) + self.change(farthest, question)
        turn, _ = self.turn.kernel(question)
        return fused + F.conv2d(trend(dates, times), turn.to(x.dtype))


# Dates are kept apart below: a reduction over them as an axis takes ten times as long and loses channels last.


def dates_of(x: Tensor, times: Tensor) -> tuple[Tensor, ...]:
    """`[B * T, C, H, W]` -> T of `[B, C, H, W]`."""
    return x.reshape(-1, len(times), *x.shape[1:]).unbind(1)


def mean(dates: Sequence[Tensor]) -> Tensor:
    """Of T of the same shape."""
    total: Tensor = functools.reduce(torch.add, dates)
    return total / len(dates)


def trend(dates: Sequence[Tensor], times: Tensor) -> Tensor:
    """How much dates change from the middle of their time to its end, by the line of least squares.

    Args:
        dates: T of the same shape.
        times: `[T]`, of which the mean is 0.

    Returns:
        The same shape; of two dates half of what the second has more than the first.
    """
    weights = (times / times.square().sum()).to(dates[0].dtype)
    total: Tensor = functools.reduce(torch.add, [date * weight for date, weight in zip(dates, weights, strict=True)])
    return total


def times_of(dates: int, days: Tensor | None, like: Tensor) -> Tensor:
    """When each of several dates is, from -1 to 1 and 0 on average: by their days, or by their order without."""
    steps = torch.arange(dates, device=like.device, dtype=torch.float32)
    at = steps if days is None or days.min() == days.max() else days.to(steps)
    centred = at - at.mean()
    return centred / centred.abs().amax().clamp_min(1e-6)


class Encoder(nn.Module):
    """Features of every date at 1/2, 1/4, 1/8, ... of the size."""

    def __init__(self, widths: Sequence[int], depths: Sequence[int], condition: int, drop: float) -> None:
        super().__init__()
        self.stem = SpectralConv(widths[0])
        self.down = nn.ModuleList(ConditionedConv(a, b, 3, condition, stride=2) for a, b in itertools.pairwise(widths))
        self.exchange = nn.ModuleList(Exchange(width, condition) for width in widths)
        self.stages = nn.ModuleList(
            Stage(width, depth, condition, drop) for width, depth in zip(widths, depths, strict=True)
        )

    def forward(self, x: Tensor, wavelengths: Tensor, times: Tensor, question: Question) -> list[Tensor]:
        """`[B * T, C, H, W]` -> `[B * T, widths[i], H / 2^(i+1), W / 2^(i+1)]` for each i."""
        x = self.stem(x, wavelengths)
        features = []
        for i, (exchange, stage) in enumerate(zip(self.exchange, self.stages, strict=True)):
            x = self.down[i - 1](x, question) if i else x
            x = stage(exchange(x, times, question), question)
            features.append(x)
        return features


class Decoder(nn.Module):
    """From coarse to fine, taking up the fused features of each scale."""

    def __init__(self, widths: Sequence[int], depths: Sequence[int], condition: int, drop: float) -> None:
        super().__init__()
        self.fuse = nn.ModuleList(
            Fuse(width, width, condition, gain=1.0 if i == len(widths) - 1 else 0.7) for i, width in enumerate(widths)
        )
        self.up = nn.ModuleList(ConditionedConv(b, a, 1, condition, gain=0.7) for a, b in itertools.pairwise(widths))
        self.stages = nn.ModuleList(
            Stage(width, depth, condition, drop) for width, depth in zip(widths, depths, strict=True)
        )

    def forward(self, features: Sequence[Tensor], times: Tensor, question: Question) -> Tensor:
        """The encoder's features -> `[B, widths[0], H / 2, W / 2]`."""
        x = features[-1][:0]
        for i in reversed(range(len(features))):
            fused = self.fuse[i](features[i], times, question)
            if i < len(features) - 1:
                fused = fused + F.interpolate(self.up[i](x, question), scale_factor=2.0, mode="nearest")
            x = self.stages[i](fused, question)
        return x


class Unified(nn.Module):
    """The unified network: any bands, dates, size and classes; see `swath.models.stsun.network.stsun`."""

    def __init__(
        self,
        widths: Sequence[int],
        encoder_depths: Sequence[int],
        decoder_depths: Sequence[int],
        drop: float = 0.0,
        norms: bool = True,
        dimensions: int = 16,
        condition: int = 32,
    ) -> None:
        super().__init__()
        self.multiple = 2 ** len(widths)
        self.dimensions = dimensions
        self.tasks = NameEmbedding(condition, 96)
        self.names = NameEmbedding(condition)
        self.ask = nn.Sequential(
            nn.Linear(2 * condition + 2 * len(_GSD_CYCLES), condition), nn.SiLU(), nn.Linear(condition, condition)
        )
        self.encoder = Encoder(widths, encoder_depths, condition, drop)
        self.decoder = Decoder(widths, decoder_depths, condition, drop)
        self.pixels = ConditionedConv(widths[0], 4 * dimensions, 3, condition)
        read, say = nn.Linear(2 * condition, 64), nn.Linear(64, dimensions + 1)
        # Classes begin wide apart; by the usual beginning they are much the same, and rare ones are found late.
        for linear, gain in ((read, 1.0), (say, 1.7)):
            nn.init.normal_(linear.weight, std=gain / linear.in_features**0.5)
            nn.init.zeros_(linear.bias)
        self.query = nn.Sequential(read, nn.SiLU(), say)
        for module in self.modules():
            if isinstance(module, ConditionedConv) and not norms:
                module.bare()

    def forward(
        self,
        image: Tensor,
        *,
        wavelengths: Tensor,
        days: Tensor | None = None,
        gsd: float = 10.0,
        task: str = "segmentation",
        classes: Sequence[str] = ("building",),
    ) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        """Logits; see `swath.models.stsun.network.stsun`."""
        series = image[:, None] if image.ndim == 4 else image
        batch, dates, bands, height, width = series.shape
        if len(wavelengths) != bands:
            raise CardError(
                f"the image has {bands} bands, and {len(wavelengths)} wavelengths were given; give one for each"
            )
        pad = (0, -width % self.multiple, 0, -height % self.multiple)
        x = F.pad(series.flatten(0, 1), pad).contiguous(memory_format=torch.channels_last)
        question = self._question(wavelengths, gsd, task, classes)
        times = times_of(dates, days, x)
        features = self.encoder(x, wavelengths, times, question)
        if task != "semantic-change":
            answer = self._answer(features, times, question, task, classes)[..., :height, :width]
            return answer.mean((2, 3)) if task == "classification" else answer
        each = self._answer(features, times[:1], question, task, classes)
        each = each.reshape(batch, dates, *each.shape[1:])
        first, last = (0, dates - 1) if days is None else (int(days.argmin()), int(days.argmax()))
        of_pair = question._replace(code=self._code(wavelengths, gsd, "change", classes))
        change = self._answer(features, times, of_pair, task, ("change",))
        change, before, after = (t[..., :height, :width] for t in (change, each[:, first], each[:, last]))
        return change, before, after

    def _question(self, wavelengths: Tensor, gsd: float, task: str, classes: Sequence[str]) -> Question:
        angle = [2 * math.pi * math.log2(max(gsd, 1e-3)) * cycles for cycles in _GSD_CYCLES]
        with torch.autocast(self.names.table.weight.device.type, enabled=False):
            names = self.names(classes).mean(0)
            metres = names.new_tensor([*map(math.sin, angle), *map(math.cos, angle)])
            condition = self.ask(torch.cat([self.tasks([task])[0], names, metres]))
        return Question(condition, self._code(wavelengths, gsd, task, classes))

    def _code(self, wavelengths: Tensor, gsd: float, task: str, classes: Sequence[str]) -> Tensor:
        """What normalisation goes by: besides task and classes the size of a pixel, the light, and how many bands."""
        octaves = torch.log2(wavelengths.detach().double().clamp_min(1.0)).mean()
        amounts = (math.log2(max(gsd, 1e-3)), float(octaves), math.log2(len(wavelengths)))
        own = code_of((task, *sorted(classes)), tuple(round(2 * amount, 3) for amount in amounts))
        return own.to(self.names.table.weight)

    def _answer(
        self, features: Sequence[Tensor], times: Tensor, question: Question, task: str, classes: Sequence[str]
    ) -> Tensor:
        """Logits `[B, K, H, W]`: features of each quarter of a coarse pixel times the query of each class."""
        pixels = self.pixels(self.decoder(features, times, question), question)
        with torch.autocast(pixels.device.type, enabled=False):
            names = self.names(classes)
            query = self.query(torch.cat([names, self.tasks([task]).expand(len(names), -1)], 1))
            # One 1x1 convolution gives the K x 2 x 2 logits of a coarse pixel, and only these are spread.
            weight = torch.einsum("kd,qp->kqpd", query[:, :-1], torch.eye(4, device=query.device, dtype=query.dtype))
            weight = weight.flatten(2).flatten(0, 1)[..., None, None] / math.sqrt(self.dimensions)
            bias = query[:, -1].repeat_interleave(4)
        logits = F.conv2d(F.relu(pixels), weight.to(pixels.dtype), bias.to(pixels.dtype))
        return F.pixel_shuffle(logits, 2)
