"""The modules of BIT (arXiv:2103.00208), named as in its release."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swath.models.pretrained import load_torchvision
from swath.models.weights import StateDict
from swath.nn.padding import to_multiple

_WIDTH = 32
_HEADS = 8
_STRIDE = 8
_IDLE = ("layer4.", "fc.")
"""Parts of ResNet-18 that are not used."""


def _encoder(in_channels: int) -> nn.Module:
    """ResNet-18 up to its third stage, which keeps the size of the second."""
    from torchvision.models import resnet18

    resnet: nn.Module = resnet18(weights=None)
    for idle in ("layer4", "avgpool", "fc"):
        delattr(resnet, idle)
    for name in ("layer3.0.conv1", "layer3.0.downsample.0"):
        cast(nn.Conv2d, resnet.get_submodule(name)).stride = (1, 1)
    if in_channels != 3:
        resnet.conv1 = nn.Conv2d(in_channels, 64, 7, 2, padding=3, bias=False)
    return resnet


class Attention(nn.Module):
    """Heads whose scores are divided by the root of the width of the tokens, not of a head."""

    def __init__(self, head_width: int, *, crossed: bool) -> None:
        super().__init__()
        inner = _HEADS * head_width
        if crossed:
            self.to_q, self.to_k, self.to_v = (nn.Linear(_WIDTH, inner, bias=False) for _ in range(3))
        else:
            self.to_qkv = nn.Linear(_WIDTH, 3 * inner, bias=False)
        self.to_out = nn.Sequential(nn.Linear(inner, _WIDTH))
        self.crossed = crossed

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """`x [B, N, 32]` looks at `seen [B, M, 32]` (itself, where not crossed) -> `[B, N, 32]`."""
        parts = (self.to_q(x), self.to_k(seen), self.to_v(seen)) if self.crossed else self.to_qkv(x).chunk(3, -1)
        q, k, v = (part.unflatten(-1, (_HEADS, -1)).transpose(1, 2) for part in parts)
        found = F.scaled_dot_product_attention(q, k, v, scale=_WIDTH**-0.5)
        y: Tensor = self.to_out(found.transpose(1, 2).flatten(2))
        return y


class MLP(nn.Module):
    """Two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(_WIDTH, 2 * _WIDTH), nn.GELU(), nn.Identity(), nn.Linear(2 * _WIDTH, _WIDTH))

    def forward(self, x: Tensor, _: Tensor) -> Tensor:
        """`[..., 32]` -> the same shape."""
        y: Tensor = self.net(x)
        return y


class Normed(nn.Module):
    """A step that reads normalised tokens; what is looked at is normalised alike."""

    def __init__(self, step: nn.Module) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(_WIDTH)
        self.fn = step

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """As the step."""
        y: Tensor = self.fn(self.norm(x), self.norm(seen))
        return y


class Added(nn.Module):
    """A step whose answer is added to what it reads."""

    def __init__(self, step: nn.Module) -> None:
        super().__init__()
        self.fn = Normed(step)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """As the step."""
        y: Tensor = x + self.fn(x, seen)
        return y


class Transformer(nn.Module):
    """Layers of attention and MLP."""

    def __init__(self, depth: int, head_width: int, *, crossed: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleList([Added(Attention(head_width, crossed=crossed)), Added(MLP())]) for _ in range(depth)
        )

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """`x [B, N, 32]` looks at `seen [B, M, 32]` (itself, where not crossed) -> `[B, N, 32]`."""
        for layer in self.layers:
            for step in layer.children():
                x = step(x, seen)
        return x


class BIT(nn.Module):
    """The network; see `bit.bit`.

    Args:
        in_channels: bands of either date.
        classes: channels of the answer.
        tokens: for each date.
        depths: of the encoder of tokens and the decoder.
        head_widths: likewise.
    """

    def __init__(
        self, in_channels: int, classes: int, tokens: int, depths: tuple[int, int], head_widths: tuple[int, int]
    ) -> None:
        super().__init__()
        self.resnet = _encoder(in_channels)
        self.conv_pred = nn.Conv2d(256, _WIDTH, 3, padding=1)
        self.conv_a = nn.Conv2d(_WIDTH, tokens, 1, bias=False)
        self.pos_embedding = nn.Parameter(torch.randn(1, 2 * tokens, _WIDTH))
        self.transformer = Transformer(depths[0], head_widths[0], crossed=False)
        self.transformer_decoder = Transformer(depths[1], head_widths[1], crossed=True)
        self.classifier = nn.Sequential(
            nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1, bias=False),
            nn.BatchNorm2d(_WIDTH),
            nn.ReLU(),
            nn.Conv2d(_WIDTH, classes, 3, padding=1),
        )

    def load_encoder(self, source: str, wavelengths: Sequence[float | None] | None) -> None:
        """Take the weights of torchvision's ResNet-18, from a file or by name."""
        load_torchvision(self.resnet, "resnet18", source, without=_IDLE, wavelengths=wavelengths)

    def from_release(self, state: StateDict) -> StateDict:
        """The release's weights without those that it does not use."""
        idle = tuple(f"resnet.{part}" for part in _IDLE)
        return {key: tensor for key, tensor in state.items() if not key.startswith(idle)}

    def _features(self, image: Tensor) -> Tensor:
        """`[B, C, H, W]` -> `[B, 32, H / 4, W / 4]`."""
        for part in self.resnet.children():
            image = part(image)
        y: Tensor = self.conv_pred(F.interpolate(image, scale_factor=2.0))
        return y

    def _tokens(self, features: Tensor) -> Tensor:
        """`[B, 32, h, w]` -> `[B, tokens, 32]`: means of the map, each with weights of its own."""
        shares = self.conv_a(features).flatten(2).softmax(-1)
        tokens: Tensor = shares @ features.flatten(2).transpose(1, 2)
        return tokens

    def _read(self, features: Tensor, tokens: Tensor) -> Tensor:
        """The map `[B, 32, h, w]` in the light of the tokens."""
        pixels: Tensor = self.transformer_decoder(features.flatten(2).transpose(1, 2), tokens)
        return pixels.transpose(1, 2).reshape(features.shape)

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """Two dates `[B, C, H, W]` -> logits `[B, K, H, W]`."""
        height, width = before.shape[-2:]
        first, second = (self._features(to_multiple(date, _STRIDE)) for date in (before, after))
        tokens = torch.cat([self._tokens(first), self._tokens(second)], 1) + self.pos_embedding
        told = self.transformer(tokens, tokens).chunk(2, 1)
        differ = (self._read(first, told[0]) - self._read(second, told[1])).abs()
        logits: Tensor = self.classifier(F.interpolate(differ, scale_factor=4.0, mode="bilinear"))
        return logits[..., :height, :width]
