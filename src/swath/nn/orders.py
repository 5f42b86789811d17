"""Orders in which the pixels of an image are walked, so that a scan along a sequence sees in two dimensions.

| | order |
| --- | --- |
| 0, 1 | by rows; by columns |
| 2, 3 | these from their ends |
| 4, 5 | by lines that fall to the right; to the left |
| 6, 7 | these from their ends |

Lines of 4 and 5 begin at each pixel of the first row in turn and go down one row per step; what leaves the image at one
side comes in again at the other, so that each line has one pixel in each row, whatever the shape. These are the eight
directions of RS-Mamba (arXiv:2404.02668); VMamba (arXiv:2401.10166) has the first four.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

WALKS = {2: (0, 2), 4: (0, 1, 2, 3), 8: (0, 1, 2, 3, 4, 5, 6, 7)}
"""Which orders make up so many directions."""
_KEPT = 64
"""Sizes of images, per device; 512 x 512 cells take 16 MB in eight directions, and as much for the way back."""


def orders(height: int, width: int, directions: int, device: torch.device | str = "cpu") -> Tensor:
    """The pixel that each step of each walk reads.

    Args:
        height: of the image in px.
        width: of the image in px.
        directions: 2, 4 or 8.
        device: where the answer is; it is kept there for the next call, and must not be changed.

    Returns:
        int64 `[directions, height * width]`, pixels counted by rows.

    Raises:
        ValueError: there is no such number of directions.
    """
    return _maps(height, width, directions, str(device))[0]


def places(height: int, width: int, directions: int, device: torch.device | str = "cpu") -> Tensor:
    """The step at which each walk reaches each pixel: the way back from `orders`, alike in all else."""
    return _maps(height, width, directions, str(device))[1]


@lru_cache(maxsize=_KEPT)
@torch.inference_mode(False)  # what is made within that mode could not be used for training later
def _maps(height: int, width: int, directions: int, device: str) -> tuple[Tensor, Tensor]:
    if directions not in WALKS:
        raise ValueError(f"images are walked in {', '.join(map(str, WALKS))} directions; found {directions}")
    pixels = torch.arange(height * width, device="cpu").reshape(height, width)
    rows, columns = torch.arange(height, device="cpu"), torch.arange(width, device="cpu")[:, None]
    falling = [pixels[rows, (columns + side * rows) % width].flatten() for side in (1, -1)]
    there = [pixels.flatten(), pixels.T.flatten()]
    walks = torch.stack([*there, *(walk.flip(0) for walk in there), *falling, *(walk.flip(0) for walk in falling)])
    chosen = walks[list(WALKS[directions])]
    return chosen.to(device), chosen.argsort(1).to(device)
