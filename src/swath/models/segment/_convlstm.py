"""The modules of ConvLSTM, named as in the release of U-TAE (arXiv:2107.07933)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Cell(nn.Module):
    """One step of the memory."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs + width, 4 * width, 3, padding=1)

    def forward(self, x: Tensor, said: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, C, H, W]`, and what was said and kept before, `[B, width, H, W]` -> what is said and kept now."""
        enter, keep, leave, new = self.conv(torch.cat([x, said], 1)).chunk(4, 1)
        kept = keep.sigmoid() * kept + enter.sigmoid() * new.tanh()
        return leave.sigmoid() * kept.tanh(), kept


class ConvLSTMSegmentation(nn.Module):
    """The network; see `convlstm.convlstm`."""

    def __init__(self, in_channels: int, classes: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.convlstm_encoder = nn.ModuleDict({"cell_list": nn.ModuleList([Cell(in_channels, width)])})
        self.classification_layer = nn.Conv2d(width, classes, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """`[B, T, C, H, W]` (or `[B, C, H, W]` of one date) -> logits `[B, K, H, W]`."""
        image = image if image.ndim == 5 else image[:, None]
        said = kept = image.new_zeros(len(image), self.width, *image.shape[-2:])
        cell = self.convlstm_encoder.get_submodule("cell_list.0")
        for date in image.unbind(1):
            seen = (date != 0).flatten(1).any(1)[:, None, None, None]
            now = cell(date, said, kept)
            said, kept = torch.where(seen, now[0], said), torch.where(seen, now[1], kept)
        y: Tensor = self.classification_layer(kept)
        return y
