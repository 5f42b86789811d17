"""Weights of Swin (arXiv:2103.14030), for networks that hold it as `swath.nn.swin` has it.

| names | four cells are joined to one | in what order |
| --- | --- | --- |
| the paper's release | at the end of a scale | column by column, all features of each |
| timm | at the beginning of the next | as in the release |
| torchvision | between the two | as in the release |
| OpenMMLab | at the end of a scale | row by row within each feature |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from swath.errors import CardError
from swath.models.pretrained import timm_weights
from swath.models.strict import load_strict
from swath.models.weights import StateDict, read_state
from swath.nn.swin import Swin

_NAMES = (
    (r"^patch_embed\.proj(ection)?\.|^features\.0\.0\.", "embeddings.patch_embeddings.projection."),
    (r"^patch_embed\.norm\.|^features\.0\.2\.", "embeddings.norm."),
    (r"^(layers|stages)\.", "encoder.layers."),
    (r"\.norm1\.", ".layernorm_before."),
    (r"\.norm2\.", ".layernorm_after."),
    (r"\.attn\.(w_msa\.)?proj\.", ".attention.output.dense."),
    (r"\.attn\.(w_msa\.)?", ".attention.self."),
    (r"\.(mlp\.(fc1|0)|ffn\.layers\.0\.0)\.", ".intermediate.dense."),
    (r"\.(mlp\.(fc2|3)|ffn\.layers\.1)\.", ".output.dense."),
)
"""Parts of others' names, and of those here."""
_STAGE = re.compile(r"(layers|features|norm)\.?(\d+)\.(.+)")
_FIRST = re.compile(r"patch_embed\.proj|features\.0\.0\.")
"""Of the names of a file, what the first of an encoder's begins with."""
_BEHIND = ("head.", "norm.")
_MADE = ("relative_position_index", "attn_mask")
_TABLE = "relative_position_bias_table"
_NORMS = "hidden_states_norms."
_TIMM = {
    (96, (2, 2, 6, 2), 7): "swin_tiny_patch4_window7_224",
    (96, (2, 2, 18, 2), 7): "swin_small_patch4_window7_224",
    (128, (2, 2, 18, 2), 12): "swin_base_patch4_window12_384",
    (192, (2, 2, 18, 2), 12): "swin_large_patch4_window12_384",
}
"""What timm calls those of a width, of depths and of a window."""


def swin_names(state: StateDict) -> dict[str, Tensor]:
    """Weights by the names here, and in the order here, without what is made anew or lies behind the encoder.

    Args:
        state: by the names of any of those that the head of this file tells of, from `patch_embed` or `features` on.
    """
    joins_first = not any(key.startswith("layers.0.downsample.") for key in state)
    named: dict[str, Tensor] = {}
    for key, tensor in state.items():
        if key.startswith(_BEHIND) or key.endswith(_MADE):
            continue
        if key.startswith("stages.") and ".downsample." in key:
            tensor = torch.unflatten(tensor, -1, (-1, 2, 2)).transpose(-1, -3).flatten(-3)
        key = _named(key, joins_first)
        if ".qkv." in key:
            parts = zip(("query", "key", "value"), tensor.chunk(3), strict=True)
            named |= {key.replace("qkv", part): one for part, one in parts}
        else:
            named[key] = tensor
    return named


def with_made(state: Mapping[str, Tensor], encoder: Swin) -> dict[str, Tensor]:
    """Weights and what a `Swin` makes itself, the rows of its tables."""
    return {**{key: one for key, one in encoder.state_dict().items() if key.endswith(_MADE)}, **state}


def load_swin(encoder: Swin, source: str) -> None:
    """Load a `Swin`; tables that were learnt for another window are interpolated.

    The norms of its scales stay as they are where the weights have none, as those of a classifier.

    Args:
        encoder: takes the weights in place.
        source: a local weight file, with any of the names above and anything before them, or the tag of published
            weights such as `ms_in1k`, which timm's hub then gives.

    Raises:
        CardError: there is no such file or tag, the hub cannot be reached, or the weights do not fit.
    """
    state = read_state(source) if Path(source).suffix or Path(source).is_file() else _from_hub(encoder, source)
    before = next((key[: at.start()] for key in state if (at := _FIRST.search(key))), "")
    theirs = {key.removeprefix(before): one for key, one in state.items() if key.startswith(before)}
    own = encoder.state_dict()
    found = {key: _resized(one, own[key]) if key in own else one for key, one in swin_names(theirs).items()}
    norms = {key: one for key, one in own.items() if key.startswith(_NORMS)}
    load_strict(encoder, with_made({**norms, **found}, encoder))


def _named(key: str, joins_first: bool) -> str:
    at = _STAGE.match(key)
    if at and not key.startswith("features.0."):
        kind, number, rest = at[1], int(at[2]), at[3]
        if kind == "norm":
            return f"{_NORMS}stage{number + 1}.{rest}"
        if kind == "features":  # blocks and what joins two scales take turns
            number, odd = divmod(number - 1, 2)
            key = f"layers.{number}.{'downsample' if odd else 'blocks'}.{rest}"
        elif joins_first and rest.startswith("downsample."):
            key = f"layers.{number - 1}.{rest}"
    for theirs, here in _NAMES:
        key = re.sub(theirs, here, key)
    return key


def _from_hub(encoder: Swin, tag: str) -> StateDict:
    kind = (encoder.widths[0], encoder.depths, encoder.window)
    if kind not in _TIMM:
        raise CardError(
            f"there are no published weights of Swin of width {kind[0]}, depths {kind[1]} and windows of {kind[2]}; "
            "name a file"
        )
    return timm_weights(_TIMM[kind], tag)


def _resized(table: Tensor, like: Tensor) -> Tensor:
    """A table of biases `[(2 n - 1) ** 2, heads]` with as many rows as `like`; all else as it is."""
    if table.shape == like.shape or table.shape[1:] != like.shape[1:] or table.ndim != 2:
        return table
    old, new = (round(len(one) ** 0.5) for one in (table, like))
    if old**2 != len(table) or new**2 != len(like):
        return table
    grid = torch.unflatten(table.T, 1, (old, old))[None]
    return F.interpolate(grid, (new, new), mode="bicubic", align_corners=False)[0].flatten(1).T
