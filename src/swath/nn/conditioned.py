"""Convolutions tuned by what is asked of the network, and normalised by what is to be expected under that question.

In training the answer of a convolution is normalised over the batch (Ioffe & Szegedy, arXiv:1502.03167), which is from
one data set; in use by the mean and the deviation that are to be expected. Those differ from question to question, for
data sets of unlike imagery train together. So they are kept not as one vector, but as a linear function of a fixed code
of the question, learnt by least mean squares (Widrow & Hoff, 1960): the running mean of batch normalisation, for any
number of questions. How far it has learnt is learnt alike, of a 1 that stands beside them, and divided by; so what was
never asked gets what is common to all.

What the network is asked (task, classes, ground sampling distance) scales and shifts the channels of every convolution
besides (FiLM, arXiv:1709.07871). In use both are part of the weights, at no cost per pixel, and an answer depends on
nothing but the pixels that the network sees.
"""

from __future__ import annotations

import functools
import hashlib
import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_RELU_GAIN = 1.7139588594436646
"""1 / standard deviation of a rectified normal variable."""

_LENGTH = 4.0
"""Of kernels at the start, in units of the usual. Only their direction counts; the longer they are, the less a step of
an optimiser turns them."""

_FLOOR = 1e-5
"""Added to variances."""

_LEAST = 0.1
"""How far it must have learnt; of the first steps, nothing is expected."""

CODE = 32
"""Length of the code of a question, without what is common to all."""


class Question(NamedTuple):
    """What a network is asked."""

    condition: Tensor
    """`[D]`, learnt: scales and shifts channels."""
    code: Tensor
    """`[CODE + 1]`, fixed (`code_of`): which means and deviations are to be expected."""


@functools.cache
def code_of(words: tuple[str, ...], amounts: tuple[float, ...]) -> Tensor:
    """A fixed code of length 1 for a question, `[CODE + 1]`, of which the first number is the same for all.

    Two questions of the same words have codes that are the nearer the nearer their amounts are: half a unit is nearly
    the same, two are another question (random features of a normal kernel, Rahimi & Recht, 2007). Those of other words
    are at right angles but for chance, the common part aside.

    Args:
        words: what is asked, such as the task and the classes.
        amounts: how large, such as the size of a pixel, on a scale where one unit matters.
    """
    digest = hashlib.blake2b("\n".join(words).encode(), digest_size=CODE // 8).digest()
    flipped = torch.tensor([byte >> bit & 1 for byte in digest for bit in range(8)], dtype=torch.float64)
    # Evenly spread in as many dimensions as there are amounts (Kronecker's sequence of square roots of primes), and not
    # drawn: it must be the same with every version of every library.
    irrational = torch.tensor([2, 3, 5, 7, 11, 13, 17], dtype=torch.float64).sqrt()[: len(amounts) + 1]
    even = (torch.arange(1, CODE + 1, dtype=torch.float64)[:, None] * irrational) % 1.0
    waves = torch.special.ndtri(even[:, 1:].clamp(0.01, 0.99)) @ torch.tensor(amounts, dtype=torch.float64)
    own = torch.cos(waves + 2 * math.pi * even[:, 0] + math.pi * flipped)
    own = own / own.norm() * 0.75**0.5
    return torch.cat([own.new_tensor([0.5]), own]).float()


class ConditionedConv(nn.Module):
    """A convolution after a rectifier: `conv(relu(x))`, normalised, then scaled and shifted under a question.

    Its kernels are standardised (Brock et al., arXiv:2101.08692), so that its deviation is about right from the start.

    Args:
        in_channels: channels of x.
        out_channels: channels of the answer.
        kernel: side of the kernel in px.
        condition: length of the condition.
        stride: step in px.
        gain: deviation of the answer at the start where that of x is 1.
        rectify: whether x is rectified first.
        bias: whether the answer has one of its own, besides what the condition shifts.
        normalise: whether the answer is normalised; where not, it is `kernel` that is asked for.

    Attributes:
        momentum: how far what is expected moves towards what a batch has, by the name of torch's batch norms.
    """

    expected: Tensor
    momentum: float = 0.1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        condition: int,
        *,
        stride: int = 1,
        gain: float = 1.0,
        rectify: bool = True,
        bias: bool = True,
        normalise: bool = True,
    ) -> None:
        super().__init__()
        self.stride, self.padding, self.rectify, self.normalise = stride, kernel // 2, rectify, normalise
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel, kernel))
        with torch.no_grad():
            self.weight.mul_(_LENGTH / (in_channels**0.5 * kernel))
        self.gain = nn.Parameter(torch.full((out_channels,), gain))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.film = nn.Parameter(torch.zeros(2 * out_channels, condition))
        if normalise:
            # Of the mean and of the logarithm of the deviation, before gain and bias; and of a 1.
            self.register_buffer("expected", torch.zeros(2 * out_channels + 1, CODE + 1))

    def bare(self) -> None:
        """Normalise nothing from now on; the answer then has about the deviation that its kernels give it."""
        self.normalise = False
        if "expected" in self._buffers:
            del self.expected

    def kernel(self, question: Question) -> tuple[Tensor, Tensor]:
        """Weight `[O, I, k, k]` and bias `[O]` under a question, in the precision of the parameters."""
        with torch.autocast(self.weight.device.type, enabled=False):
            weight, (gain, bias) = self._standard(), self._affine(question)
            if self.normalise:
                found = self.expected @ question.code
                mean, deviation = (found[:-1] / found[-1].clamp_min(_LEAST)).chunk(2)
                gain = gain * torch.exp(-deviation)
                bias = bias - gain * mean
            return weight * gain[:, None, None, None], bias

    def forward(self, x: Tensor, question: Question) -> Tensor:
        """`[B, I, H, W]` -> `[B, O, H / stride, W / stride]`."""
        x = F.relu(x) if self.rectify else x
        if not (self.training and self.normalise) or x[:, 0].numel() <= self.stride**2:
            weight, bias = self.kernel(question)
            return F.conv2d(x, weight.to(x.dtype), bias.to(x.dtype), self.stride, self.padding)
        with torch.autocast(self.weight.device.type, enabled=False):
            weight, (gain, bias) = self._standard(), self._affine(question)
        moved = F.conv2d(x, weight.to(x.dtype), None, self.stride, self.padding)
        mean, variance = torch.zeros_like(gain), torch.ones_like(gain)
        moved = F.batch_norm(moved, mean, variance, gain, bias, True, 1.0, _FLOOR)
        self._expect(question.code, torch.cat([mean, 0.5 * torch.log(variance + _FLOOR), mean.new_ones(1)]))
        return moved

    def _standard(self) -> Tensor:
        fan_in = self.weight[0].numel()
        variance, mean = torch.var_mean(self.weight, (1, 2, 3), keepdim=True, correction=0)
        # After a rectifier all channels have a mean, which should not add up; elsewhere a sum may be what matters.
        weight = self.weight - mean if self.rectify else self.weight
        return weight * ((_RELU_GAIN if self.rectify else 1.0) * torch.rsqrt(variance * fan_in + 1e-4))

    def _affine(self, question: Question) -> tuple[Tensor, Tensor]:
        scale, shift = F.linear(question.condition, self.film).chunk(2)
        return self.gain * (1 + scale), shift if self.bias is None else self.bias + shift

    @torch.no_grad()
    def _expect(self, code: Tensor, found: Tensor) -> None:
        missed = found - self.expected @ code
        if bool(missed.isfinite().all()):
            self.expected.add_(torch.outer(missed, code), alpha=self.momentum)
