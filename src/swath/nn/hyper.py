"""Linear layers whose weights are made from metadata, so that one layer takes any number of channels or gives it.

A hyper-network reads one token per channel - what light it is, which date, which class, which place inside a cell - and
makes that channel's row of weights. Channels that come in another order, with their tokens, give the same sums.

The dynamic layers of STSUN (arXiv:2505.12280), which take the weight generator of DOFA (arXiv:2403.15356) further.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

RELEASE_SCALE = 0.01
"""By which the release multiplies made weights, whatever their number."""


def sincos(values: Tensor, width: int) -> Tensor:
    """Sines and cosines of numbers, as tokens.

    Args:
        values: `[..., n]`, in radians of the highest frequency.
        width: even; half of it sines, half cosines, at frequencies from 1 down to almost 1/10,000.

    Returns:
        float32 `[..., n, width]`.
    """
    half = width // 2
    rates = 10_000.0 ** (-torch.arange(half, dtype=torch.float32, device=values.device) / half)
    angles = values.to(torch.float32)[..., None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


class TokenMLP(nn.Module):
    """`token + relu(W2 relu(W1 token))`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.w1 = nn.Linear(width, width)
        self.w2 = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """`[..., n, width]` -> the same shape."""
        return tokens + F.relu(self.w2(F.relu(self.w1(tokens))))


class WeightGenerator(nn.Module):
    """Makes one row of weights per token; tokens see one another, and their order does not count.

    Args:
        width: of tokens; a multiple of `heads`.
        columns: of the rows made.
        bias: `token`: a bias row comes from a learnt token; `column`: each row has its own bias; `none`.
        heads: of attention between tokens.
        idle: whether parts that the answer does not use are there, as they are in the release's weights.
    """

    def __init__(self, width: int, columns: int, *, bias: str = "none", heads: int = 4, idle: bool = False) -> None:
        super().__init__()
        self.bias = bias
        self.appends = bias == "token" or (idle and bias == "none")
        if self.appends or idle:
            self.bias_token = nn.Parameter(torch.randn(1, width) * 0.02)
        layer = nn.TransformerEncoderLayer(width, heads, columns, dropout=0.0, activation="gelu", batch_first=True)
        self.transformer_encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.fc_weight = nn.Linear(width, columns + (bias == "column"))
        if self.appends:
            self.fc_bias = nn.Linear(width, columns)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor | None]:
        """Rows of weights and their bias.

        Args:
            tokens: `[..., n, width]`.

        Returns:
            `[..., n, columns]`, and `[..., 1, columns]` (`token`), `[..., 1, n]` (`column`) or None.
        """
        if not self.appends:
            made = self.fc_weight(self.transformer_encoder(tokens) + tokens)
            return (made[..., :-1], made[..., None, :, -1]) if self.bias == "column" else (made, None)
        last = self.bias_token.expand(*tokens.shape[:-2], 1, -1)
        seen = self.transformer_encoder(torch.cat([tokens, last], dim=-2))
        rows = self.fc_weight(seen[..., :-1, :] + tokens)
        return rows, self.fc_bias(seen[..., -1:, :]) if self.bias == "token" else None


class _Dynamic(nn.Module):
    """A linear layer with made weights.

    Args:
        width: of tokens.
        features: of the side whose number is fixed.
        bias: as of `WeightGenerator`.
        released: whether made weights are multiplied by 0.01 as in the release, and idle parts are there. Else they are
            divided by the root of the number of channels summed, so that answers keep the spread of what comes in: the
            release's factor, twice in a row, leaves a millionth of the signal.
    """

    def __init__(self, width: int, features: int, *, bias: str, released: bool) -> None:
        super().__init__()
        self.released = released
        self.weight_generator = WeightGenerator(width, features, bias=bias, idle=released)
        self.fclayer = TokenMLP(width)
        for linear in (m for m in self.modules() if isinstance(m, nn.Linear)):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.constant_(linear.bias, 0.01)

    def _made(self, tokens: Tensor, summed: int) -> tuple[Tensor, Tensor | None]:
        rows, bias = self.weight_generator(self.fclayer(tokens.to(self.fclayer.w1.weight.dtype)))
        if self.released:
            return rows * RELEASE_SCALE, None if bias is None else bias * RELEASE_SCALE
        return rows / summed**0.5, bias


class DynamicEncoder(_Dynamic):
    """From any number of channels to `features`.

    Args:
        width: of tokens.
        features: of the answer.
        released: as of the release, which besides reads the memory of its n x features rows as features x n, so that
            channels trade weights and their order counts.
    """

    def __init__(self, width: int, features: int, *, released: bool = False) -> None:
        super().__init__(width, features, bias="token", released=released)

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        """Sum the channels, each with the weights made for it.

        Args:
            x: `[B, ..., n]`.
            tokens: `[n, width]` for all of the batch, or `[B, n, width]`.

        Returns:
            `[B, ..., features]`.
        """
        rows, bias = self._made(tokens, x.shape[-1])
        if self.released:
            rows = rows.reshape(*rows.shape[:-2], rows.shape[-1], rows.shape[-2]).transpose(-1, -2)
        return _linear(x, rows, bias)


class DynamicDecoder(_Dynamic):
    """From `features` to any number of channels.

    Args:
        width: of tokens.
        features: of what comes in.
        bias: whether each channel has a bias of its own.
        released: as of the release.
    """

    def __init__(self, width: int, features: int, *, bias: bool = False, released: bool = False) -> None:
        super().__init__(width, features, bias="column" if bias else "none", released=released)

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        """One channel per token.

        Args:
            x: `[B, ..., features]`.
            tokens: `[n, width]` for all of the batch, or `[B, n, width]`.

        Returns:
            `[B, ..., n]`.
        """
        rows, bias = self._made(tokens, x.shape[-1])
        return _linear(x, rows.transpose(-1, -2), bias)


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`x [B, ..., n]` times `weight [n, m]` or `[B, n, m]`, plus `bias [1, m]` or `[B, 1, m]`."""
    y = x.reshape(x.shape[0], -1, x.shape[-1]) @ weight
    return (y if bias is None else y + bias).reshape(*x.shape[:-1], weight.shape[-1])
