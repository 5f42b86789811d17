"""Weights of SAM's image encoder (arXiv:2304.02643), for networks that hold it as `swath.nn.sam_vit` has it."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from swath.models.strict import load_strict
from swath.models.weights import StateDict, read_state

_NAMES = {
    "patch_embed.proj.": "patch_embed.projection.",
    "blocks.": "layers.",
    ".norm1.": ".ln1.",
    ".norm2.": ".ln2.",
    ".mlp.lin1.": ".ffn.layers.0.0.",
    ".mlp.lin2.": ".ffn.layers.1.",
}
"""Parts of SAM's own names, and of those here."""
_NECK = ("neck.", "channel_reduction.")
_WHOLE = ("image_encoder.", "backbone.")
"""What the encoder's names begin with in a file of all of SAM, or in one of OpenMMLab, which has the names here."""


def sam_encoder(source: str) -> dict[str, Tensor]:
    """The image encoder of a weight file, its neck included, by the names here.

    Args:
        source: a local file, of all of SAM or of its encoder.

    Raises:
        CardError: there is no such file, or it cannot be read.
    """
    state: StateDict = read_state(source)
    for inside in _WHOLE:
        if any(key.startswith(inside) for key in state):
            state = {key.removeprefix(inside): one for key, one in state.items() if key.startswith(inside)}
    return {_own(key): one for key, one in state.items()}


def load_sam(encoder: nn.Module, source: str) -> None:
    """Load a `SamViT` from a weight file; positions that were learnt for another grid or window are interpolated.

    Args:
        encoder: takes the weights in place.
        source: as for `sam_encoder`; the neck is left out.

    Raises:
        CardError: the file cannot be read, or does not fit.
    """
    own = encoder.state_dict()
    state = {key: one for key, one in sam_encoder(source).items() if not key.startswith(_NECK)}
    load_strict(encoder, {key: _resized(one, own[key]) if key in own else one for key, one in state.items()})


def _own(key: str) -> str:
    for theirs, here in _NAMES.items():
        key = key.replace(theirs, here)
    return key


def _resized(table: Tensor, like: Tensor) -> Tensor:
    """Positions `[1, h, w, C]`, or differences of them `[n, C]`, as many as in `like`; all else as it is."""
    if table.shape == like.shape or table.shape[-1:] != like.shape[-1:]:
        return table
    if table.ndim == like.ndim == 4:
        grid = table.permute(0, 3, 1, 2)
        return F.interpolate(grid, like.shape[1:3], mode="bicubic", align_corners=False).permute(0, 2, 3, 1)
    if table.ndim == like.ndim == 2 and len(like) % 2:
        return F.interpolate(table.T[None], len(like), mode="linear", align_corners=False)[0].T
    return table
