"""The modules and the two networks of `stsun-paper`; `paper.py` says what they are and registers them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.errors import CardError
from swath.nn.hyper import DynamicDecoder, DynamicEncoder, sincos
from swath.nn.names import NameEmbedding
from swath.nn.windows import WindowAttention

RELEASED_TASKS = {"whu": (0, 1), "whucd": (1, 2), "levircd": (2, 1), "tscd": (3, 3)}
"""Row of the task embeddings and number of maps, for each data set of the release; each map has one channel."""
STRIDE = 8
_STEP = 1000.0
"""Radians between neighbouring numbers: places in a cell, dates, bands."""


@dataclass(frozen=True)
class Shape:
    """Sizes of the network, and which form it has; see `paper.stsun_paper`."""

    width: int
    unified: int
    depth: int
    heads: int
    windows: tuple[tuple[int, int], ...]
    image_size: int
    time_length: int
    released: bool


def numbers(count: int, like: Tensor) -> Tensor:
    """1 to `count`, `_STEP` radians apart."""
    return torch.arange(1, count + 1, device=like.device) * _STEP


class MLP(nn.Module):
    """Two layers, the hidden one four times as wide."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """`[..., width]` -> the same shape."""
        y: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return y


class Block(nn.Module):
    """Attention, a perceptron and a convolution, around each of which its input is carried."""

    def __init__(self, shape: Shape, index: int) -> None:
        super().__init__()
        width, kinds = shape.width, (*shape.windows, None)
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = WindowAttention(width, shape.heads, kinds[index % len(kinds)], masked=not shape.released)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = MLP(width)
        self.conv_layer = nn.Sequential(nn.BatchNorm2d(width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, h, w, width]` -> the same shape."""
        x = x + self.attn(self.norm1(x))
        x = x + self.mlp(self.norm2(x))
        mixed: Tensor = self.conv_layer(x.permute(0, 3, 1, 2))
        return x + mixed.permute(0, 2, 3, 1)


def _start(module: nn.Module) -> None:
    """First numbers of linear layers."""
    for linear in (part for part in module.modules() if isinstance(part, nn.Linear)):
        nn.init.trunc_normal_(linear.weight, std=0.02)
        nn.init.zeros_(linear.bias)


def _blocks(shape: Shape, first: int) -> nn.ModuleList:
    """Half of the blocks; the deeper one lies, the less it adds at first."""
    blocks = nn.ModuleList(Block(shape, first + i) for i in range(shape.depth // 2))
    _start(blocks)
    with torch.no_grad():
        for depth, block in enumerate(blocks, start=1):
            for name in ("attn.proj.weight", "mlp.fc2.weight"):
                block.get_parameter(name).div_((2 * depth) ** 0.5)
    return blocks


class Encoder(nn.Module):
    """Features of each date on the coarse grid: bands and places in a cell unified, stem, half of the blocks."""

    def __init__(self, shape: Shape, tasks: int) -> None:
        super().__init__()
        width, unified, side = shape.width, shape.unified, shape.image_size // STRIDE
        rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
        places = torch.cat([sincos(axis.flatten(), width // 2) for axis in (columns, rows)], dim=-1)
        self.pos_embed = nn.Parameter(places[None])
        self.tss_unify = DynamicEncoder(unified, unified, released=shape.released)
        self.patch_embed = nn.Sequential(
            nn.Conv2d(unified, 2 * unified, 3, padding=1),
            nn.BatchNorm2d(2 * unified),
            nn.SiLU(),
            nn.Conv2d(2 * unified, width, 12, stride=STRIDE, padding=2),
            nn.BatchNorm2d(width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )
        self.task_embedding = nn.Embedding(tasks, width)
        self.blocks = _blocks(shape, 0)

    def forward(self, x: Tensor, cell: int, tokens: Tensor, task: int) -> Tensor:
        """`[N, C, H, W]`, tokens `[C * cell * cell, d]` or `[N, ...]` -> `[N, H / 8 / cell, W / 8 / cell, width]`."""
        cells = self.tss_unify(F.pixel_unshuffle(x, cell).permute(0, 2, 3, 1), tokens)
        grid: Tensor = self.patch_embed(cells.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        grid = grid + self._places(grid.shape[1], grid.shape[2]) + self.task_embedding.weight[task]
        for block in self.blocks:
            grid = block(grid)
        return grid

    def _places(self, height: int, width: int) -> Tensor:
        side = round(self.pos_embed.shape[1] ** 0.5)
        places = self.pos_embed.reshape(1, side, side, -1)
        if (height, width) == (side, side):
            return places
        size = (height, width)
        return F.interpolate(places.permute(0, 3, 1, 2), size, mode="bicubic", antialias=True).permute(0, 2, 3, 1)


class Decoder(nn.Module):
    """From the features of the dates to features of the maps, on the grid of cells; then one channel per token."""

    def __init__(self, shape: Shape, tasks: int) -> None:
        super().__init__()
        width, unified, dates, released = shape.width, shape.unified, shape.time_length, shape.released
        self.blocks = _blocks(shape, shape.depth // 2)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.final_linear = nn.Linear(width, width)
        self.temporal_unify_encoder = DynamicEncoder(dates, dates, released=released)
        self.temporal_unify_decoder = DynamicDecoder(dates, dates, bias=True, released=released)
        self.final = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.SiLU(),
            nn.ConvTranspose2d(width, 2 * unified, 12, stride=STRIDE, padding=2),
            nn.BatchNorm2d(2 * unified),
            nn.SiLU(),
            nn.Conv2d(2 * unified, unified, 3, padding=1),
        )
        self.task_embedding = nn.Embedding(tasks, width)
        self.tss_unify = DynamicDecoder(unified, unified, released=released)
        _start(self.final_linear)

    def forward(self, grid: Tensor, dates: Tensor, maps: Tensor, task: int) -> Tensor:
        """Features of the maps.

        Args:
            grid: `[B, T, h, w, width]`.
            dates: tokens `[T, u]` or `[B, T, u]`.
            maps: tokens `[M, u]`.
            task: row of the task embeddings.

        Returns:
            `[B, M, 8 h, 8 w, unified]`.
        """
        asked = self.task_embedding.weight[task]
        series = self.final_linear(grid + asked).movedim(1, -1)
        series = self.temporal_unify_decoder(F.relu(self.temporal_unify_encoder(series, dates)), maps)
        x = series.movedim(-1, 1).flatten(0, 1)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x) + asked
        cells: Tensor = self.final(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return cells.reshape(grid.shape[0], -1, *cells.shape[1:])

    def channels(self, cells: Tensor, cell: int, tokens: Tensor) -> Tensor:
        """`[B, M, h, w, unified]`, tokens `[K * cell * cell, d]` -> `[B, M, K, h * cell, w * cell]`."""
        return F.pixel_shuffle(self.tss_unify(cells, tokens).movedim(-1, 2), cell)


class ReleasedSTSUN(nn.Module):
    """STSUN as its release computes it, with the release's arguments and tensors."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.image_size, self.unified, self.time_length = shape.image_size, shape.unified, shape.time_length
        self.encoder = Encoder(shape, len(RELEASED_TASKS))
        self.decoder = Decoder(shape, len(RELEASED_TASKS))
        for layer in (part for part in self.modules() if isinstance(part, DynamicEncoder | DynamicDecoder)):
            _start(layer)  # the release overwrites what it started them with

    def forward(self, x: Tensor, dataset_name: str | Sequence[str]) -> Tensor:
        """Maps of one data set.

        Args:
            x: `[B, T, C, H, H]`, H a multiple of the image size.
            dataset_name: one for all of the batch, or a list of which the first is read, as in the release.

        Returns:
            Logits `[B, M, H, H, 1]`.

        Raises:
            CardError: H is no such multiple, or the release knows no such data set.
        """
        batch, dates, bands, height, width = x.shape
        if height != width or height % self.image_size:
            raise CardError(
                f"the released network takes squares of a multiple of {self.image_size} px; found {height} x {width}"
            )
        name = dataset_name if isinstance(dataset_name, str) else dataset_name[0]
        if name not in RELEASED_TASKS:
            raise CardError(f"the released network has no data set {name!r}; it has {', '.join(RELEASED_TASKS)}")
        task, maps = RELEASED_TASKS[name]
        cell = height // self.image_size
        places = sincos(numbers(cell * cell, x), self.unified)
        grid = self.encoder(x.flatten(0, 1), cell, places.repeat(bands, 1), task).unflatten(0, (batch, dates))
        ids = sincos(numbers(max(dates, maps), x), self.time_length)
        cells = self.decoder(grid, ids[:dates], ids[:maps], task)
        # Every place in a cell has the token of the one class, and so the same answer.
        return self.decoder.channels(cells, cell, places[:1].repeat(cell * cell, 1)).movedim(2, -1)


class STSUN(nn.Module):
    """STSUN as its paper means it."""

    def __init__(self, shape: Shape, tasks: Sequence[str]) -> None:
        super().__init__()
        self.image_size, self.unified, self.time_length = shape.image_size, shape.unified, shape.time_length
        self.tasks = tuple(tasks)
        self.encoder = Encoder(shape, len(tasks))
        self.decoder = Decoder(shape, len(tasks))
        self.categories = NameEmbedding(shape.unified)

    def forward(
        self,
        image: Tensor,
        *,
        task: str,
        classes: Sequence[str],
        wavelengths: Tensor | None = None,
        days: Tensor | None = None,
    ) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        """Logits of the task; see `paper.stsun_paper`."""
        if task not in self.tasks:
            raise CardError(f"the network has no task {task!r}; it has {', '.join(self.tasks)}")
        series = image[:, None] if image.ndim == 4 else image
        batch, dates, bands, height, width = series.shape
        row, maps = self.tasks.index(task), 3 if task == "semantic-change" else 1
        cell = -(-max(height, width) // self.image_size)
        step = cell * STRIDE
        x = F.pad(series.flatten(0, 1), (0, -width % step, 0, -height % step), mode="replicate")

        light = self._tokens(wavelengths, batch, bands, "wavelengths", image)
        light = light.repeat_interleave(dates, 0) if light.ndim == 3 else light
        grid = self.encoder(x, cell, self._in_cells(light, cell), row).unflatten(0, (batch, dates))

        since = None if days is None else days - days.min(-1, keepdim=True).values
        when = self._tokens(since, batch, dates, "days", image)
        cells = self.decoder(grid, when, sincos(numbers(maps, image), self.time_length), row)

        def answer(which: slice, names: Sequence[str]) -> Tensor:
            tokens = self._in_cells(self.categories(names), cell)
            return self.decoder.channels(cells[:, which], cell, tokens)[..., :height, :width]

        if maps == 1:
            return answer(slice(0, 1), classes)[:, 0]
        before, after = answer(slice(1, 3), classes).unbind(1)
        return answer(slice(0, 1), ("change",))[:, 0], before, after

    def _tokens(self, given: Tensor | None, batch: int, count: int, name: str, like: Tensor) -> Tensor:
        """Tokens `[count, d]` or `[B, count, d]` of numbers that were given, or of 1, 2, 3, ... where none were."""
        width = self.unified if name == "wavelengths" else self.time_length
        if given is None:
            return sincos(numbers(count, like), width)
        if given.shape not in ((count,), (batch, count)):
            raise CardError(f"{name} must be [{count}] or [{batch}, {count}]; found {list(given.shape)}")
        return sincos(given.to(like.device), width)

    def _in_cells(self, tokens: Tensor, cell: int) -> Tensor:
        """Tokens `[..., n, d]` of channels -> `[..., n * cell * cell, d]` of channels at each place in a cell."""
        places = sincos(numbers(cell * cell, tokens), self.unified)
        return (tokens[..., :, None, :] + places).flatten(-3, -2)
