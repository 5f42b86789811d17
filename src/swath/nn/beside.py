"""Two kinds of layers that lie on one grid, such as an image and heights, given as one stack or apart."""

from __future__ import annotations

from torch import Tensor


def parted(image: Tensor, beside: Tensor | None, count: int) -> tuple[Tensor, Tensor]:
    """An image `[B, C, H, W]` and what lies beside it `[B, count, H, W]`.

    Args:
        image: the image; where nothing is given apart, the last `count` of its channels lie beside it.
        beside: the layers beside it; None: they are in the stack.
        count: how many they are.
    """
    return (image[:, :-count], image[:, -count:]) if beside is None else (image, beside)
