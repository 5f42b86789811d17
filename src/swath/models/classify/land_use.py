"""Small networks for what a tile of a scene is used for, as a coarse map of the whole scene.

`eurosat-rgb` tells ten classes of land use and cover at 10 m (Helber et al. 2019, EuroSAT, arXiv:1709.00029), `ucm`
twenty-one at 0.3 m (Yang and Newsam 2010, UC Merced, doi:10.1145/1869790.1869829), both from natural colours alone.
Each is a narrow ResNet of four blocks. Those with a file in `weights/` come trained, and their cards say how far to
trust them; `recipes/` makes them again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from swath.models.classify.timm_encoder import timm
from swath.models.registry import register

if TYPE_CHECKING:
    from torch import nn

WIDTHS = (48, 96, 160, 224)

_WEIGHTS = {path.stem: path for path in (Path(__file__).parent / "weights").glob("*.swath")}
_TITLES = {
    "eurosat-rgb": ("land use in ten classes at 10 m", "arXiv:1709.00029"),
    "ucm": ("land use in 21 classes at 0.3 m", "doi:10.1145/1869790.1869829"),
}


def narrow_resnet(in_channels: int = 3, classes: int = 10) -> nn.Module:
    """A network `[B, in_channels, H, W]` -> logits `[B, classes]`; any H and W.

    Args:
        in_channels: number of bands.
        classes: channels of the answer.
    """
    return timm(in_channels, classes, encoder="resnet10t", options={"channels": list(WIDTHS)})


for _name, (_title, _source) in _TITLES.items():
    register(_name, title=_title, tasks=("classification",), source=(_source,), weights=_WEIGHTS)(narrow_resnet)
