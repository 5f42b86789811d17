"""Convolutions without normalisation layers, tuned by what is asked of the network.

Weights are standardised (Brock et al., arXiv:2101.08692) in place of batch normalisation: a batch has no say in the
answer, so that data sets of unlike imagery train together and training and use agree. What the network is asked (task,
classes, ground sampling distance) scales and shifts the channels of every convolution (FiLM, arXiv:1709.07871); as it
is the same over an image, this is done to the weights, at no cost per pixel.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_RELU_GAIN = 1.7139588594436646
"""1 / standard deviation of a rectified normal variable."""

_LENGTH = 4.0
"""Of kernels at the start, in units of the usual. Only their direction counts; the longer they are, the less a step of
an optimiser turns them."""


class ConditionedConv(nn.Module):
    """A convolution after a rectifier: `conv(relu(x))`, with standardised weights that a condition scales and shifts.

    Args:
        in_channels: channels of x.
        out_channels: channels of the answer.
        kernel: side of the kernel in px.
        condition: length of the condition.
        stride: step in px.
        gain: deviation of the answer at the start where that of x is 1.
        rectify: whether x is rectified first.
        bias: whether the answer has one of its own, besides what the condition shifts.
    """

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
    ) -> None:
        super().__init__()
        self.stride, self.padding, self.rectify = stride, kernel // 2, rectify
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel, kernel))
        with torch.no_grad():
            self.weight.mul_(_LENGTH / (in_channels**0.5 * kernel))
        self.gain = nn.Parameter(torch.full((out_channels,), gain))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.film = nn.Parameter(torch.zeros(2 * out_channels, condition))

    def kernel(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Weight `[O, I, k, k]` and bias `[O]` under a condition `[D]`, in the precision of the parameters."""
        with torch.autocast(self.weight.device.type, enabled=False):
            scale, shift = F.linear(condition, self.film).chunk(2)
            fan_in = self.weight[0].numel()
            variance, mean = torch.var_mean(self.weight, (1, 2, 3), keepdim=True, correction=0)
            gain = self.gain * (1 + scale) * (_RELU_GAIN if self.rectify else 1.0)
            # After a rectifier all channels have a mean, which should not add up; elsewhere a sum may be what matters.
            weight = self.weight - mean if self.rectify else self.weight
            weight = weight * (gain[:, None, None, None] * torch.rsqrt(variance * fan_in + 1e-4))
            return weight, shift if self.bias is None else self.bias + shift

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """`[B, I, H, W]` -> `[B, O, H / stride, W / stride]`."""
        weight, bias = self.kernel(condition)
        x = F.relu(x) if self.rectify else x
        return F.conv2d(x, weight.to(x.dtype), bias.to(x.dtype), self.stride, self.padding)
