"""STSUN: one network for any bands, dates, size and classes (after "Spatial-Temporal-Spectral Unified", 2025).

What the paper unifies with generated linear layers over 32 x 32 tokens, this does with convolutions on several
scales, so that edges are sharp, any size is taken, and mosaics are exact: a stem whose kernels follow from wavelengths
in nm, dates that exchange and are fused on every scale, and classes asked for by name. Its norms keep what is to be
expected under each question (`swath.nn.conditioned`), so that unlike sets train together. `stsun-paper` is the paper's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swath.errors import CardError
from swath.models.card import Task
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn

TASKS: tuple[Task, ...] = ("segmentation", "change", "classification", "semantic-change")

_SIZES: dict[str, dict[str, Any]] = {
    "nano": {"widths": (24, 32, 64, 96), "encoder_depths": (1, 1, 1, 1), "decoder_depths": (1, 1, 1, 0)},
    "tiny": {"widths": (32, 64, 128, 160, 192), "encoder_depths": (1, 1, 2, 2, 1), "decoder_depths": (1, 1, 1, 1, 0)},
    "small": {"widths": (48, 96, 192, 256, 320), "encoder_depths": (1, 2, 2, 2, 1), "decoder_depths": (1, 1, 1, 1, 0)},
    "base": {"widths": (64, 128, 256, 384, 512), "encoder_depths": (1, 2, 3, 2, 2), "decoder_depths": (1, 1, 2, 1, 0)},
}


_WEIGHTS = {path.stem: path for path in (Path(__file__).parent / "weights").glob("*.swath")}
"""Those that come with Swath, by the name that they are asked for by; `recipes/` makes each again."""


@register(
    "stsun",
    title="STSUN, multi-scale",
    tasks=TASKS,
    source=("Spatial-Temporal-Spectral Unified network for dense prediction, 2025",),
    sizes={**_SIZES, **{name.removeprefix("stsun-"): _SIZES["tiny"] for name in _WEIGHTS}},
    weights=_WEIGHTS,
)
def stsun(
    widths: Sequence[int] = _SIZES["tiny"]["widths"],
    encoder_depths: Sequence[int] = _SIZES["tiny"]["encoder_depths"],
    decoder_depths: Sequence[int] = _SIZES["tiny"]["decoder_depths"],
    drop: float = 0.1,
    norms: bool = True,
) -> nn.Module:
    """A network that takes `(image, *, wavelengths, days, gsd, task, classes)`.

    | argument | |
    | --- | --- |
    | `image` | normalised, `[B, C, H, W]` for one date or `[B, T, C, H, W]`; any C, T, H, W |
    | `wavelengths` | centre of each band in nm, `[C]`; radar: `swath.models.light.POLARISATION_NM` |
    | `days` | `[T]`, or None where the dates are in order; they say which date is first and which last |
    | `gsd` | metres per pixel |
    | `task` | `segmentation`, `change`, `semantic-change` or `classification` |
    | `classes` | names, one per channel of the answer; for a binary answer the one name of what is looked for |

    It gives logits `[B, K, H, W]`, one channel per name; for `semantic-change` three: change `[B, 1, H, W]`, and the
    classes of the first and of the last date, `[B, K, H, W]` each; for `classification` their mean over the image,
    `[B, K]`. The order of bands does not matter; that of
    dates does, since what is built up is not what is pulled down. `network.names` alone holds what is known of names.

    Args:
        widths: channels at 1/2, 1/4, 1/8, ... of the size.
        encoder_depths: blocks of two convolutions at each of those.
        decoder_depths: the same on the way back.
        drop: how often a block is left out in training (stochastic depth, arXiv:1603.09382).
        norms: whether convolutions are normalised, so that it learns sooner; weights that come with Swath have none.

    Raises:
        CardError: the three do not have the same length.
    """
    from swath.models.stsun._unified import Unified

    if not len(widths) == len(encoder_depths) == len(decoder_depths):
        raise CardError(
            f"widths, encoder_depths and decoder_depths must have the same length; found {len(widths)}, "
            f"{len(encoder_depths)} and {len(decoder_depths)}"
        )
    return Unified(widths, encoder_depths, decoder_depths, drop, norms)
