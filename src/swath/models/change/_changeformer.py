"""The modules of ChangeFormer in its sixth form (arXiv:2201.01293), named as in its release."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.nn.mix_transformer import MixTransformer
from swath.nn.padding import to_multiple

_STRIDE = 32
_SHARES = (1.0, 0.5, 0.5, 0.5, 0.8)
"""What each answer counts in the loss: the full size, then from coarse to fine."""

_larger = partial(F.interpolate, mode="bilinear")


def _difference(width: int) -> nn.Sequential:
    """Learns how two maps differ."""
    first, second = nn.Conv2d(2 * width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
    return nn.Sequential(first, nn.ReLU(), nn.BatchNorm2d(width), second, nn.ReLU())


def _answer(width: int, classes: int) -> nn.Sequential:
    """An answer at a coarser scale."""
    first, second = nn.Conv2d(width, classes, 3, padding=1), nn.Conv2d(classes, classes, 3, padding=1)
    return nn.Sequential(first, nn.ReLU(), nn.BatchNorm2d(classes), second)


class Projection(nn.Module):
    """A linear layer over the channels of a map."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(in_channels, width)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, h, w]` -> `[B, width, h, w]`."""
        y: Tensor = self.proj(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return y


class Named(nn.Module):
    """A convolution under the name that it has in the release."""

    def __init__(self, conv: nn.Module) -> None:
        super().__init__()
        self.conv2d = conv

    def forward(self, x: Tensor) -> Tensor:
        """As the convolution."""
        y: Tensor = self.conv2d(x)
        return y


class Residual(nn.Module):
    """Two convolutions, a tenth of which is added."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (Named(nn.Conv2d(width, width, 3, padding=1)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> the same shape."""
        y: Tensor = x + 0.1 * self.conv2(F.relu(self.conv1(x)))
        return y


class Decoder(nn.Module):
    """The difference of two pyramids, and five answers."""

    def __init__(self, widths: Sequence[int], width: int, classes: int) -> None:
        super().__init__()
        for scale, before in enumerate(widths, 1):
            self.add_module(f"linear_c{scale}", Projection(before, width))
            self.add_module(f"diff_c{scale}", _difference(width))
            self.add_module(f"make_pred_c{scale}", _answer(width, classes))
        self.linear_fuse = nn.Sequential(nn.Conv2d(len(widths) * width, width, 1), nn.BatchNorm2d(width))
        self.convd2x, self.convd1x = (Named(nn.ConvTranspose2d(width, width, 4, 2, padding=1)) for _ in range(2))
        self.dense_2x, self.dense_1x = (nn.Sequential(Residual(width)) for _ in range(2))
        self.change_probability = Named(nn.Conv2d(width, classes, 3, padding=1))

    def forward(self, first: Sequence[Tensor], second: Sequence[Tensor]) -> list[Tensor]:
        """Maps of two dates, finest first -> logits of the full size, then from coarse to fine."""
        size = first[0].shape[2:]
        found: Tensor | None = None
        parts, answers = [], []
        for scale in range(len(first), 0, -1):
            project = self.get_submodule(f"linear_c{scale}")
            pair = torch.cat([project(first[scale - 1]), project(second[scale - 1])], 1)
            differ: Tensor = self.get_submodule(f"diff_c{scale}")(pair)
            found = differ if found is None else differ + _larger(found, scale_factor=2.0)
            if self.training:
                answers.append(self.get_submodule(f"make_pred_c{scale}")(found))
            parts.append(_larger(found, size))
        x = self.linear_fuse(torch.cat(parts, 1))
        x = self.dense_1x(self.convd1x(self.dense_2x(self.convd2x(x))))
        return [self.change_probability(x), *answers]


class ChangeFormer(nn.Module):
    """The network; see `changeformer.changeformer`."""

    def __init__(
        self,
        in_channels: int,
        classes: int,
        widths: Sequence[int],
        depths: Sequence[int],
        heads: Sequence[int],
        decoder_width: int,
        dropout: float,
        drop_path: float,
    ) -> None:
        super().__init__()
        self.Tenc_x2 = MixTransformer(
            in_channels,
            widths,
            depths,
            heads,
            patch=7,
            dropout=dropout,
            attention_dropout=dropout,
            drop_path=drop_path,
        )
        self.TDec_x2 = Decoder(widths, decoder_width, classes)

    def forward(self, before: Tensor, after: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Two dates `[B, C, H, W]` -> logits `[B, K, H, W]`; in train mode also the coarser ones."""
        height, width = before.shape[-2:]
        first, second = (self.Tenc_x2(to_multiple(date, _STRIDE)) for date in (before, after))
        logits, *coarse = self.TDec_x2(first, second)
        if not self.training:
            answer: Tensor = logits[..., :height, :width]
            return answer
        side = logits.shape[-1]
        ratios = [side // one.shape[-1] for one in coarse]
        cut = [one[..., : -(-height // by), : -(-width // by)] for one, by in zip(coarse, ratios, strict=True)]
        return logits[..., :height, :width], *cut

    def loss(self, answer: Sequence[Tensor], targets: Tensor, of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """The answers' losses, each times its share.

        Args:
            answer: what the network gives in train mode.
            targets: `[B, H, W]`.
            of: the task's loss.
        """
        return torch.stack([share * of(one, targets) for share, one in zip(_SHARES, answer, strict=True)]).sum()
