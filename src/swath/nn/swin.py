"""Swin, the transformer whose windows shift from block to block (arXiv:2103.14030), as an encoder of four scales.

Weights are named as in the `SwinBackbone` of Hugging Face's transformers (4.x), and computed as there: maps that are no
multiple of the window are filled up with zeros, which take part in attention.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from timm.layers.drop import DropPath
from torch import Tensor, nn
from torch.nn import functional as F

_UNSEEN = -100.0
"""Added where a cell must not look."""
PATCH = 4


@cache
def _regions(height: int, width: int, window: int) -> Tensor:
    """Which parts of a shifted map `[h * w]` were neighbours before: cells of one number were."""
    shift = window // 2

    def along(length: int) -> Tensor:
        at = torch.arange(length, device="cpu")
        return (at >= length - window).long() + (at >= length - shift).long()

    return (3 * along(height)[:, None] + along(width)).flatten()


def relative_positions(window: int) -> Tensor:
    """Rows of a table of biases for each pair of cells of a window, `[window ** 2, window ** 2]`."""
    at = torch.stack(torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")).flatten(1)
    apart = at[:, :, None] - at[:, None] + window - 1
    return apart[0] * (2 * window - 1) + apart[1]


class Dense(nn.Module):
    """A linear layer with a name of its own."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """`[..., I]` -> `[..., O]`."""
        y: Tensor = self.dense(x)
        return y


class SelfAttention(nn.Module):
    """Attention among the cells of each window, with a bias for how they lie."""

    relative_position_index: Tensor

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.register_buffer("relative_position_index", relative_positions(window))
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))

    def forward(self, x: Tensor, apart: Tensor | None) -> Tensor:
        """`[B, windows, cells, width]`, and what is added where cells must not look `[windows, 1, cells, cells]`."""
        q, k, v = (
            torch.unflatten(layer(x), -1, (self.heads, -1)).transpose(2, 3)
            for layer in (self.query, self.key, self.value)
        )
        bias = self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)
        bias = bias if apart is None else bias + apart
        found = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype).expand(*q.shape[:-1], -1))
        return found.transpose(2, 3).flatten(3)


class Attention(nn.Module):
    """Attention in windows and the layer behind it."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.self = SelfAttention(width, heads, window)
        self.output = Dense(width, width)

    def forward(self, x: Tensor, shift: int) -> Tensor:
        """`[B, h, w, width]` -> the same shape; windows begin `shift` cells later."""
        height, width = x.shape[1:3]
        side = self.window
        x = F.pad(x, (0, 0, 0, -width % side, 0, -height % side))
        x = x.roll((-shift, -shift), (1, 2)) if shift else x
        rows, columns = x.shape[1] // side, x.shape[2] // side

        def windows(grid: Tensor) -> Tensor:
            """`[b, h, w, c]` -> `[b, windows, cells, c]`."""
            parts = grid.reshape(-1, rows, side, columns, side, grid.shape[-1]).transpose(2, 3)
            return parts.reshape(-1, rows * columns, side * side, grid.shape[-1])

        apart = None
        if shift:
            part = windows(_regions(x.shape[1], x.shape[2], side).to(x.device).reshape(1, *x.shape[1:3], 1))[0, :, :, 0]
            apart = (part[:, :, None] != part[:, None])[:, None] * _UNSEEN
        y: Tensor = self.output(self.self(windows(x), apart))
        y = y.reshape(-1, rows, columns, side, side, y.shape[-1]).transpose(2, 3).reshape(x.shape)
        y = y.roll((shift, shift), (1, 2)) if shift else y
        return y[:, :height, :width]


class Block(nn.Module):
    """Attention and a perceptron, around each of which its input is carried."""

    def __init__(self, width: int, heads: int, window: int, shift: int, drops: tuple[float, float]) -> None:
        super().__init__()
        self.shift = shift
        self.layernorm_before = nn.LayerNorm(width)
        self.attention = Attention(width, heads, window)
        self.drop_path, self.drop_mlp = (DropPath(one) for one in drops)
        self.layernorm_after = nn.LayerNorm(width)
        self.intermediate, self.output = Dense(width, 4 * width), Dense(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, h, w, width]` -> the same shape."""
        x = x + self.drop_path(self.attention(self.layernorm_before(x), self.shift))
        y: Tensor = x + self.drop_mlp(self.output(F.gelu(self.intermediate(self.layernorm_after(x)))))
        return y


class Merging(nn.Module):
    """Four cells become one of twice the width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)
        self.norm = nn.LayerNorm(4 * width)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, h, w, width]` -> `[B, h / 2, w / 2, 2 * width]`, halves rounded up."""
        x = F.pad(x, (0, 0, 0, x.shape[2] % 2, 0, x.shape[1] % 2))
        four = torch.cat([x[:, row::2, column::2] for column in (0, 1) for row in (0, 1)], -1)
        y: Tensor = self.reduction(self.norm(four))
        return y


class Stage(nn.Module):
    """Blocks of one scale, and what leads to the next."""

    def __init__(
        self, width: int, heads: int, window: int, drops: Sequence[tuple[float, float]], *, last: bool
    ) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            *(Block(width, heads, window, index % 2 * (window // 2), drop) for index, drop in enumerate(drops))
        )
        self.downsample = None if last else Merging(width)


class Embeddings(nn.Module):
    """Patches of 4 x 4 px become cells."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.patch_embeddings = nn.Module()
        self.patch_embeddings.projection = nn.Conv2d(in_channels, width, PATCH, PATCH)
        self.norm = nn.LayerNorm(width)

    def forward(self, image: Tensor) -> Tensor:
        """`[B, C, H, W]`, sizes multiples of 4 -> `[B, H / 4, W / 4, width]`."""
        y: Tensor = self.norm(self.patch_embeddings.get_submodule("projection")(image).permute(0, 2, 3, 1))
        return y


class Swin(nn.Module):
    """The encoder.

    Args:
        in_channels: of the image.
        width: at the finest scale; it doubles from scale to scale.
        depths: blocks of each scale.
        heads: of attention at each scale.
        window: side in cells.
        drop_path: chance that attention of the last block is left out in training; less before.
        drop_mlp: whether its perceptron may be left out too, as in its release, or never, as in transformers.
    """

    def __init__(
        self,
        in_channels: int = 3,
        width: int = 96,
        depths: Sequence[int] = (2, 2, 6, 2),
        heads: Sequence[int] = (3, 6, 12, 24),
        window: int = 7,
        drop_path: float = 0.0,
        *,
        drop_mlp: bool = False,
    ) -> None:
        super().__init__()
        self.widths = tuple(width * 2**scale for scale in range(len(depths)))
        self.depths, self.window = tuple(depths), window
        self.embeddings = Embeddings(in_channels, width)
        shares = [drop_path * at / max(1, sum(depths) - 1) for at in range(sum(depths))]
        drops = [(share, share * drop_mlp) for share in shares]
        stages = nn.ModuleList()
        for scale, (wide, depth, many) in enumerate(zip(self.widths, depths, heads, strict=True)):
            last = scale == len(depths) - 1
            stages.append(Stage(wide, many, window, [drops.pop(0) for _ in range(depth)], last=last))
        self.encoder = nn.Module()
        self.encoder.layers = stages
        names = (f"stage{scale}" for scale in range(1, len(depths) + 1))
        self.hidden_states_norms = nn.ModuleDict(
            {name: nn.LayerNorm(wide) for name, wide in zip(names, self.widths, strict=True)}
        )
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, image: Tensor) -> list[Tensor]:
        """`[B, C, H, W]`, sizes multiples of 4 -> normalised maps `[B, C', h, w]` at 1/4, 1/8, ... of the size."""
        x = self.embeddings(image)
        found = []
        for stage, norm in zip(
            self.encoder.get_submodule("layers").children(), self.hidden_states_norms.values(), strict=True
        ):
            x = stage.get_submodule("blocks")(x)
            found.append(norm(x).permute(0, 3, 1, 2))
            if isinstance(stage, Stage) and stage.downsample is not None:
                x = stage.downsample(x)
        return found
