"""The modules of SNUNet-CD (doi:10.1109/LGRS.2021.3056416), named as in its release.

Node `i_j` lies at scale i (0 is the full size) and is the j-th of its row; column 0 is the encoder.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.nn.padding import to_multiple

_SCALES = 5


class Node(nn.Module):
    """Two convolutions, of which the second adds to what the first gives."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> `[B, D, H, W]`."""
        first = self.conv1(x)
        return F.relu(first + self.bn2(self.conv2(F.relu(self.bn1(first)))))


class Up(nn.Module):
    """Twice the size by a learnt kernel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(channels, channels, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> `[B, C, 2 H, 2 W]`."""
        larger: Tensor = self.up(x)
        return larger


class ChannelAttention(nn.Module):
    """A share for each channel, from its mean and its largest value (CBAM, arXiv:1807.06521)."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1, bias=False)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> `[B, C, 1, 1]`, 0 to 1."""
        summaries = (x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True))
        mean, largest = (self.fc2(F.relu(self.fc1(summary))) for summary in summaries)
        return torch.sigmoid(mean + largest)


class SNUNet(nn.Module):
    """The network; see `snunet.snunet`."""

    def __init__(self, in_channels: int, classes: int, width: int) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        widths = [width * 2**scale for scale in range(_SCALES)]
        for scale, wide in enumerate(widths):
            self.add_module(f"conv{scale}_0", Node(widths[scale - 1] if scale else in_channels, wide))
        for column in range(1, _SCALES):
            for scale in range(_SCALES - column):
                self.add_module(f"Up{scale + 1}_{column - 1}", Up(widths[scale + 1]))
                seen = widths[scale] * (column + 1) + widths[scale + 1]
                self.add_module(f"conv{scale}_{column}", Node(seen, widths[scale]))
        self.ca = ChannelAttention(4 * width, 16)
        self.ca1 = ChannelAttention(width, 4)
        self.conv_final = nn.Conv2d(4 * width, classes, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def _encoded(self, x: Tensor, scales: int) -> list[Tensor]:
        found = []
        for scale in range(scales):
            x = self.get_submodule(f"conv{scale}_0")(self.pool(x) if scale else x)
            found.append(x)
        return found

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """Two dates `[B, C, H, W]` -> logits `[B, K, H, W]`."""
        height, width = before.shape[-2:]
        step = 2 ** (_SCALES - 1)
        first = self._encoded(to_multiple(before, step), _SCALES - 1)
        second = self._encoded(to_multiple(after, step), _SCALES)
        # The coarsest scale is the second date's alone.
        rows = [list(pair) for pair in zip(first, second[:-1], strict=True)]
        below = second
        for column in range(1, _SCALES):
            made = []
            for scale in range(_SCALES - column):
                risen = self.get_submodule(f"Up{scale + 1}_{column - 1}")(below[scale + 1])
                made.append(self.get_submodule(f"conv{scale}_{column}")(torch.cat([*rows[scale], risen], 1)))
                rows[scale].append(made[-1])
            below = made
        finest = torch.stack(rows[0][2:], 1)
        apart, together = finest.flatten(1, 2), self.ca1(finest.sum(1))
        weighed = self.ca(apart) * (apart + together.repeat(1, finest.shape[1], 1, 1))
        logits: Tensor = self.conv_final(weighed)
        return logits[..., :height, :width]
