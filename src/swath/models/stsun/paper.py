"""STSUN, the spatial-temporal-spectral unified network of the paper: one network for many data sets and tasks.

Zhao et al. 2025, arXiv:2505.12280 (its first version calls it TSSUN). Linear layers made from metadata bring any number
of bands, places in a cell and dates to fixed numbers of features, and lead from these to any number of maps and classes;
in between, attention in windows of several shapes on a coarse grid. Good for joint training over data sets that differ
in bands, dates and classes; for sharp edges and speed take `stsun`, which keeps the idea and not the grid.

`released=True` computes what the release computes, and takes its weights. The default mends what the release loses:

| | release | here |
| --- | --- | --- |
| places in a cell of the answer | all have one token, so that every cell is constant | one token each |
| bands | those of one place in a cell share a token, told apart only by a matrix read in the wrong order | their wavelength in nm, or else their number, and their place in the cell |
| metadata of a batch | those of its first row | those of each row |
| size | multiples of 256 px, square, 32 x 32 positions | any; positions are interpolated, and what is filled up takes no part in attention |
| dates | numbers 1, 2, ... | days since the first, or else numbers |
| tasks and classes | four data sets with one class | task embeddings, and category embeddings by name (of the later text of the paper) |
| made weights | times 0.01, twice in a row | divided by the root of the number of channels summed, started as their own layers start them |
| semantic change | not there | three maps: change, first date, last date |
"""  # noqa: E501  (a table)

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from swath.errors import CardError
from swath.models.card import Task
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn

_TASKS: tuple[Task, ...] = ("segmentation", "change", "semantic-change")


@register("stsun-paper", title="STSUN as published", tasks=_TASKS, source=("arXiv:2505.12280",))
def stsun_paper(
    width: int = 1024,
    unified: int = 32,
    depth: int = 8,
    heads: int = 16,
    windows: Sequence[Sequence[int]] = ((32, 8), (16, 16), (8, 32)),
    image_size: int = 256,
    time_length: int = 4,
    released: bool = False,
) -> nn.Module:
    """A network that takes `(image, *, task, classes, wavelengths=None, days=None)`.

    | argument | |
    | --- | --- |
    | `image` | normalised, `[B, C, H, W]` for one date or `[B, T, C, H, W]`; any C, T, H, W |
    | `task` | `segmentation`, `change` or `semantic-change` |
    | `classes` | names, one per channel of the answer; for a binary answer the one name of what is looked for |
    | `wavelengths` | centre of each band in nm, `[C]` or `[B, C]`; None: bands count by their number |
    | `days` | of each date, `[T]` or `[B, T]`; None: dates count by their number |

    It gives logits `[B, K, H, W]`; for `semantic-change` three: change `[B, 1, H, W]`, and the classes of the first and
    of the last date, `[B, K, H, W]` each. As released it takes `(x [B, T, C, H, H], dataset_name)` and gives
    `[B, M, H, H, 1]`.

    Args:
        width: features on the coarse grid; a multiple of 4 and of `heads`.
        unified: features of each cell; a multiple of 4.
        depth: number of blocks, half of them before and half after the dates are joined.
        heads: of attention.
        windows: heights and widths of attention in cells of the coarse grid, taken in turn; after the last comes the
            whole grid.
        image_size: px up to which a cell is one pixel; beyond, cells grow. The coarse grid has an eighth of this.
        time_length: features that stand for the dates; a multiple of 4.
        released: the release's form, its layout of weights included.

    Raises:
        CardError: a number is not the multiple that it must be.
    """
    from swath.models.stsun._paper import STRIDE, STSUN, ReleasedSTSUN, Shape

    for name, value, multiple in (
        ("width", width, 4),
        ("width", width, heads),
        ("unified", unified, 4),
        ("time_length", time_length, 4),
        ("image_size", image_size, STRIDE),
        ("depth", depth, 2),
    ):
        if value < 1 or value % multiple:
            raise CardError(f"{name} must be a multiple of {multiple}; found {value}")
    each = tuple((int(height), int(across)) for height, across in windows)
    shape = Shape(width, unified, depth, heads, each, image_size, time_length, released)
    return ReleasedSTSUN(shape) if released else STSUN(shape, _TASKS)
