"""The modules of HPCL-Net (arXiv:2308.01251), reconstructed; see `hpcl_net.py`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swath.models.pretrained import in_bands, timm_weights
from swath.models.segment._deeptrinet import Pyramid, rectified
from swath.models.segment._hyper_pixels import Contrast
from swath.models.strict import load_strict
from swath.nn.beside import parted
from swath.nn.padding import to_multiple

_STRIDE = 16
_SKIPPED = 48
_DROPOUT = 0.1


def _encoder(name: str, in_channels: int) -> Any:
    """A ResNet's features at a quarter and at a 16th of the size."""
    return timm.create_model(
        name, features_only=True, out_indices=(1, 4), output_stride=_STRIDE, in_chans=in_channels, pretrained=False
    )


class Meaning(nn.Module):
    """Image and terrain, each encoded by itself, and joined at a 16th of the size."""

    def __init__(self, bands: Sequence[int], encoder: str, width: int, embedding: int) -> None:
        super().__init__()
        self.image, self.height = (_encoder(encoder, count) for count in bands)
        self.skipped, deep = self.image.feature_info.channels()
        self.join = rectified(2 * deep, width)
        self.embed = nn.Sequential(rectified(width, width), nn.Conv2d(width, embedding, 1))

    def forward(self, image: Tensor, height: Tensor) -> tuple[Tensor, Tensor]:
        """Two stacks `[B, C, H, W]` -> the image at a quarter of the size, both at a 16th."""
        (fine, seen), (_, raised) = self.image(image), self.height(height)
        return fine, self.join(torch.cat([seen, raised], 1))

    def embedded(self, joined: Tensor) -> Tensor:
        """`[B, width, h, w]` -> `[B, embedding, h, w]`, each of length 1."""
        return F.normalize(self.embed(joined).float(), dim=1)


class HPCLNet(nn.Module):
    """The network; see `hpcl_net.hpcl_net`.

    Args:
        bands: of the image and of the terrain.
        classes: channels of the answer.
        encoder: of timm.
        width: of the decoder.
        contrast: the queues.
    """

    momentum = 0.999
    share = 0.1

    def __init__(self, bands: tuple[int, int], classes: int, encoder: str, width: int, contrast: Contrast) -> None:
        super().__init__()
        self.height_channels = bands[1]
        self.meaning = Meaning(bands, encoder, width, contrast.width)
        self.slow = copy.deepcopy(self.meaning).requires_grad_(False)
        self.contrast = contrast
        self.pyramid = Pyramid(width, width, _DROPOUT)
        self.low = rectified(self.meaning.skipped, _SKIPPED)
        self.last = nn.Sequential(rectified(width + _SKIPPED, width, 3), nn.Conv2d(width, classes, 1))

    def load_encoder(self, name: str, source: str, wavelengths: Sequence[float | None] | None = None) -> None:
        """Take the image's encoder from timm's weights of a network, without its classifier."""
        state = {key: one for key, one in timm_weights(name, source).items() if not key.startswith("fc.")}
        for part in (self.meaning, self.slow):
            load_strict(part.image, in_bands(part.image, state, name, wavelengths))

    def forward(self, image: Tensor, height: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        """`[B, C, H, W]`, terrain in it or beside it -> logits `[B, K, H, W]`; in train mode embeddings as well."""
        image, height = parted(image, height, self.height_channels)
        whole, ground = (to_multiple(one, _STRIDE) for one in (image, height))
        fine, joined = self.meaning(whole, ground)
        large = F.interpolate(self.pyramid(joined), fine.shape[2:], mode="bilinear")
        logits = F.interpolate(self.last(torch.cat([large, self.low(fine)], 1)), whole.shape[2:], mode="bilinear")
        logits = logits[..., : image.shape[-2], : image.shape[-1]]
        if not self.training:
            return logits
        with torch.no_grad():
            self._follow()
            keys = self.slow.embedded(self.slow(whole, ground)[1])
        return logits, self.meaning.embedded(joined), keys

    def _follow(self) -> None:
        """The copy takes a small step towards what it is a copy of."""
        for slow, own in zip(self.slow.parameters(), self.meaning.parameters(), strict=True):
            slow.lerp_(own, 1 - self.momentum)

    def loss(self, answer: Sequence[Tensor], targets: Tensor, of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """The task's loss and the contrast of hyper-pixels, which queue up by it.

        Args:
            answer: what the network gives in train mode.
            targets: positions of classes `[B, H, W]`, -1 where not labelled.
            of: the task's loss.
        """
        logits, queries, keys = answer
        more = (0, -targets.shape[-1] % _STRIDE, 0, -targets.shape[-2] % _STRIDE)
        compared: Tensor = self.contrast(queries, keys, F.pad(targets, more, value=-1))
        return of(logits, targets) + self.share * compared
