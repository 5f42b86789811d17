"""The modules of FarSeg (arXiv:2011.09766), named as in its release."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swath.models.pretrained import load_torchvision
from swath.nn.padding import to_multiple

_STRIDE = 32
_IGNORE = -1
_FOCUS = 2.0


class Encoder(nn.Module):
    """A residual network of torchvision without its last layer."""

    resnet: Any

    def __init__(self, in_channels: int, name: str) -> None:
        super().__init__()
        from torchvision.models import get_model

        self.resnet = get_model(name, weights=None)
        self.widths = tuple(self.resnet.fc.in_features // 2**halvings for halvings in (3, 2, 1, 0))
        del self.resnet.fc
        if in_channels != 3:
            self.resnet.conv1 = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)

    def forward(self, image: Tensor) -> list[Tensor]:
        """`[B, C, H, W]` -> maps at 1/4, 1/8, 1/16 and 1/32 of the size."""
        net = self.resnet
        x = net.maxpool(net.relu(net.bn1(net.conv1(image))))
        maps = []
        for stage in (net.layer1, net.layer2, net.layer3, net.layer4):
            x = stage(x)
            maps.append(x)
        return maps


def _started(conv: nn.Conv2d) -> nn.Conv2d:
    """A convolution with first weights as published."""
    nn.init.kaiming_uniform_(conv.weight, a=1)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


class Pyramid(nn.Module):
    """Each scale takes in all coarser ones (FPN, arXiv:1612.03144)."""

    def __init__(self, inputs: Sequence[int], width: int) -> None:
        super().__init__()
        for number, channels in enumerate(inputs, 1):
            self.add_module(f"fpn_inner{number}", _started(nn.Conv2d(channels, width, 1)))
            self.add_module(f"fpn_layer{number}", _started(nn.Conv2d(width, width, 3, padding=1)))

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Maps from fine to coarse -> as many, all of one width."""
        found: list[Tensor] = []
        above: Tensor | None = None
        for number in range(len(maps), 0, -1):
            x = self.get_submodule(f"fpn_inner{number}")(maps[number - 1])
            above = x if above is None else x + F.interpolate(above, scale_factor=2.0)
            found.insert(0, self.get_submodule(f"fpn_layer{number}")(above))
        return found


def _rectified(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(width, width, 1), nn.BatchNorm2d(width), nn.ReLU())


class SceneRelation(nn.Module):
    """How well each pixel goes with the whole scene dims what is said of it."""

    def __init__(self, scene: int, width: int, scales: int) -> None:
        super().__init__()
        self.scene_encoder = nn.ModuleList(
            nn.Sequential(nn.Conv2d(scene, width, 1), nn.ReLU(), nn.Conv2d(width, width, 1)) for _ in range(scales)
        )
        self.content_encoders = nn.ModuleList(_rectified(width) for _ in range(scales))
        self.feature_reencoders = nn.ModuleList(_rectified(width) for _ in range(scales))

    def forward(self, scene: Tensor, maps: Sequence[Tensor]) -> list[Tensor]:
        """`[B, S, 1, 1]` and maps `[B, C, h, w]` -> maps of the same shapes."""
        parts = zip(self.scene_encoder, self.content_encoders, self.feature_reencoders, maps, strict=True)
        return [self._related(embed(scene), content(x)) * again(x) for embed, content, again, x in parts]

    @staticmethod
    def _related(scene: Tensor, content: Tensor) -> Tensor:
        # A sum over hundreds of channels without scale: half precision would lose what decides it.
        with torch.autocast(content.device.type, enabled=False):
            return (scene.float() * content.float()).sum(1, keepdim=True).sigmoid()


class Larger(nn.Module):
    """Twice the size; corners lie on corners, as released."""

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, h, w]` -> `[B, C, 2 h, 2 w]`."""
        return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=True)


class Decoder(nn.Module):
    """Each scale is brought to a quarter of the size in steps of two; their mean is taken."""

    def __init__(self, inputs: int, width: int, scales: int) -> None:
        super().__init__()

        def step(first: bool, *, grows: bool) -> nn.Sequential:
            conv = nn.Conv2d(inputs if first else width, width, 3, padding=1, bias=False)
            return nn.Sequential(conv, nn.BatchNorm2d(width), nn.ReLU(), Larger() if grows else nn.Identity())

        self.blocks = nn.ModuleList(
            nn.Sequential(*(step(at == 0, grows=scale > 0) for at in range(max(1, scale)))) for scale in range(scales)
        )

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps from 1/4 of the size on -> `[B, width, H / 4, W / 4]`."""
        return torch.stack([block(x) for block, x in zip(self.blocks, maps, strict=True)]).mean(0)


class FarSeg(nn.Module):
    """The network; see `farseg.farseg`."""

    buffer_step: Tensor

    def __init__(
        self, in_channels: int, classes: int, encoder: str, pyramid_width: int, decoder_width: int, anneal: int
    ) -> None:
        super().__init__()
        self.anneal = anneal
        self.register_buffer("buffer_step", torch.zeros(()))
        self.en = Encoder(in_channels, encoder)
        scales = len(self.en.widths)
        self.fpn = Pyramid(self.en.widths, pyramid_width)
        self.sr = SceneRelation(self.en.widths[-1], pyramid_width, scales)
        self.decoder = Decoder(pyramid_width, decoder_width, scales)
        self.cls_pred_conv = nn.Conv2d(decoder_width, classes, 1)

    def load_encoder(self, name: str, source: str, wavelengths: Sequence[float | None] | None = None) -> None:
        """Take the weights of torchvision's encoder, from a file or by name."""
        load_torchvision(self.en.resnet, name, source, without=("fc.",), wavelengths=wavelengths)

    def forward(self, image: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """`[B, C, H, W]` -> logits `[B, K, H, W]`; in train mode also how many steps were made with this one."""
        maps = self.en(to_multiple(image, _STRIDE))
        scene = maps[-1].mean((2, 3), keepdim=True)
        x = self.cls_pred_conv(self.decoder(self.sr(scene, self.fpn(maps))))
        x = F.interpolate(x, scale_factor=4.0, mode="bilinear", align_corners=True)
        logits = x[..., : image.shape[-2], : image.shape[-1]]
        if not self.training:
            return logits
        with torch.no_grad():
            self.buffer_step += 1
        return logits, self.buffer_step.clone()

    def loss(self, answer: tuple[Tensor, Tensor], targets: Tensor, of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """The foreground-aware loss; `of`, the task's own, has no part in it."""
        logits, step = answer
        return foreground_aware(logits, targets, min(1.0, float(step) / self.anneal))


def foreground_aware(logits: Tensor, targets: Tensor, done: float) -> Tensor:
    """Cross entropy that turns to pixels that are wrong, its sum kept.

    Args:
        logits: `[B, K, H, W]`; one channel for a yes.
        targets: positions of classes `[B, H, W]`, -1 where not labelled.
        done: share of the way from plain cross entropy (0) to the focal form (1).

    Returns:
        A number; as published the sum over pixels is parted by their number and that of images.
    """
    x = logits.float()
    x = torch.cat([torch.zeros_like(x), x], 1) if x.shape[1] == 1 else x
    each = F.cross_entropy(x, targets, ignore_index=_IGNORE, reduction="none")
    with torch.no_grad():
        wrong = (1 - torch.exp(-each)) ** _FOCUS
        focal = wrong * each.sum() / (each * wrong).sum().clamp_min(torch.finfo(x.dtype).tiny)
        importance = focal + 0.5 * (1 - focal) * (1 + math.cos(math.pi * done))
    return (each * importance).sum() / ((targets != _IGNORE).sum() + len(targets))
