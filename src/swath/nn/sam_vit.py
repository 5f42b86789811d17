"""The image encoder of SAM (arXiv:2304.02643): a plain vision transformer with windows, in OpenMMLab's names.

Most layers look within windows, a few at the whole grid. Positions are learnt for a grid of one size, and differences
of positions along rows and columns (MViTv2, arXiv:2112.01526) are added to what attention finds; both are interpolated
where the grid is another.
"""

from __future__ import annotations

from collections.abc import Collection

import torch
from timm.layers.drop import DropPath
from torch import Tensor, nn
from torch.nn import functional as F


class PatchEmbed(nn.Module):
    """Patches that do not overlap."""

    def __init__(self, in_channels: int, width: int, patch: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(in_channels, width, patch, patch)

    def forward(self, image: Tensor) -> Tensor:
        """`[B, C, H, W]` -> `[B, H / patch, W / patch, width]`."""
        # As a matrix product: in bfloat16 this convolution went astray on a processor that we tried.
        pixels = F.pixel_unshuffle(image, self.projection.stride[0]).permute(0, 2, 3, 1)
        return F.linear(pixels, self.projection.weight.flatten(1), self.projection.bias)


def _offsets(table: Tensor, length: int) -> Tensor:
    """`[length, length, width]`: at i and j what a table `[2 n - 1, width]` says of the offset i - j."""
    count = 2 * length - 1
    if len(table) != count:
        table = F.interpolate(table.T[None], size=count, mode="linear")[0].T
    at = torch.arange(length, device=table.device)
    return table[at[:, None] - at + length - 1]


class Attention(nn.Module):
    """Attention over a grid, with a share for each difference of positions.

    Args:
        width: of features; a multiple of `heads`.
        heads: number of heads.
        size: side of the grid that the tables of differences are for.
    """

    def __init__(self, width: int, heads: int, size: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.rel_pos_h, self.rel_pos_w = (nn.Parameter(torch.zeros(2 * size - 1, width // heads)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, h, w, width]` -> the same shape."""
        batch, height, width, _ = x.shape
        q, k, v = self.qkv(x).reshape(batch, height * width, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        grid = q.reshape(batch, self.heads, height, width, -1)
        rows = torch.einsum("bnhwc,hkc->bnhwk", grid, _offsets(self.rel_pos_h, height).to(grid.dtype))
        columns = torch.einsum("bnhwc,wkc->bnhwk", grid, _offsets(self.rel_pos_w, width).to(grid.dtype))
        near = (rows[..., :, None] + columns[..., None, :]).flatten(4).flatten(2, 3)
        found = F.scaled_dot_product_attention(q, k, v, attn_mask=near.to(q.dtype))
        y: Tensor = self.proj(found.transpose(1, 2).reshape(x.shape))
        return y


class FeedForward(nn.Module):
    """Two layers."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Sequential(nn.Linear(width, hidden), nn.GELU()), nn.Linear(hidden, width))

    def forward(self, x: Tensor) -> Tensor:
        """`[..., width]` -> the same shape."""
        y: Tensor = self.layers(x)
        return y


class Layer(nn.Module):
    """Attention, within windows where `window` is not 0, and MLP."""

    def __init__(self, width: int, heads: int, window: int, size: int, drop_path: float) -> None:
        super().__init__()
        self.window = window
        self.ln1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads, window or size)
        self.ln2 = nn.LayerNorm(width, eps=1e-6)
        self.ffn = FeedForward(width, 4 * width)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, h, w, width]` -> the same shape."""
        seen = self.ln1(x)
        x = x + (self._in_windows(seen) if self.window else self.attn(seen))
        y: Tensor = x + self.drop_path(self.ffn(self.ln2(x)))
        return y

    def _in_windows(self, x: Tensor) -> Tensor:
        """Attention in windows; the grid is filled up with zeros, which take part."""
        batch, height, width, _ = x.shape
        side = self.window
        x = F.pad(x, (0, 0, 0, -width % side, 0, -height % side))
        rows, columns = x.shape[1] // side, x.shape[2] // side
        windows = x.reshape(batch, rows, side, columns, side, -1).transpose(2, 3).flatten(0, 2)
        seen: Tensor = self.attn(windows)
        whole = seen.reshape(batch, rows, columns, side, side, -1).transpose(2, 3).reshape(x.shape)
        return whole[:, :height, :width]


class SamViT(nn.Module):
    """The encoder without its neck.

    Args:
        in_channels: bands.
        width: of features; a multiple of `heads`.
        depth: layers.
        heads: of attention.
        whole: layers, counted from 0, that look at the whole grid.
        window: side of the windows of the others.
        size: side in patches of the grid that positions are learnt for.
        patch: side of a patch in px.
        drop_path: chance that the MLP of the last layer is left out in training; less before.
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        depth: int,
        heads: int,
        whole: Collection[int],
        *,
        window: int = 14,
        size: int = 64,
        patch: int = 16,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(in_channels, width, patch)
        self.pos_embed = nn.Parameter(torch.zeros(1, size, size, width))
        self.layers = nn.Sequential(
            *(
                Layer(width, heads, 0 if at in whole else window, size, drop_path * at / max(1, depth - 1))
                for at in range(depth)
            )
        )
        nn.init.trunc_normal_(self.pos_embed, std=0.02)

    def tokens(self, image: Tensor) -> Tensor:
        """What the first layer takes: patches, with their places added, `[B, H / patch, W / patch, width]`."""
        x: Tensor = self.patch_embed(image)
        places: Tensor = self.pos_embed
        if places.shape[1:3] != x.shape[1:3]:
            places = F.interpolate(places.permute(0, 3, 1, 2), x.shape[1:3], mode="bicubic").permute(0, 2, 3, 1)
        return x + places

    def forward(self, image: Tensor) -> Tensor:
        """`[B, C, H, W]` with sides that are multiples of the patch -> `[B, width, H / patch, W / patch]`."""
        y: Tensor = self.layers(self.tokens(image))
        return y.permute(0, 3, 1, 2)
