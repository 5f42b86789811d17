"""The modules and the network of `fsgnet`; `fsgnet.py` says what it is and registers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import drop_block2d

from swath.models.pretrained import timm_weights
from swath.models.strict import load_strict
from swath.nn import haar
from swath.nn.padding import to_multiple

_WIDTHS = (64, 128, 256)
"""Channels at 1/4, 1/8 and 1/16 of the size."""
_STRIDE = 32
_BLOCK = 7
_IDLE = ("backbone.extract.layer4.", "check_channels.conv4.")
_MADE = (".dwt.w_ll", ".dwt.w_lh", ".dwt.w_hl", ".dwt.w_hh", ".idwt.filters")


class ConvNorm(nn.Module):
    """A convolution, batch normalisation and a rectifier."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.extract = nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """`[B, I, h, w]` -> `[B, O, h, w]`."""
        y: Tensor = self.extract(x)
        return y


def date_conv(width: int, kernel: int) -> nn.Conv2d:
    """A convolution over both dates: the release's 3-D one, whose depth of two makes it one over their channels."""
    return nn.Conv2d(2 * width, width, kernel, padding=kernel // 2, bias=False)


class Weights(nn.Module):
    """A weight for each channel, from its mean and its maximum."""

    def __init__(self, width: int) -> None:
        super().__init__()
        narrow = width // 16
        self.fc = nn.Sequential(
            nn.Linear(2 * width, narrow, bias=False), nn.ReLU(), nn.Linear(narrow, width, bias=False), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, h, w]` -> `[B, C, 1, 1]`."""
        y: Tensor = self.fc(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1))
        return y[..., None, None]


class DAWIM(nn.Module):
    """The wavelet bands of two dates interact, each band in a way of its own, and are weighed by what came of it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv3d_ll, self.conv3d_lh_hl = date_conv(width, 3), date_conv(width, 1)
        self.conv2d_hh = nn.Sequential(nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.se_ll, self.se_lh, self.se_hl, self.se_hh = (Weights(width) for _ in range(4))

    def forward(self, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
        """Two maps `[B, C, h, w]`, sides even -> two of the same shape."""
        one, other = haar.forward(before), haar.forward(after)
        low, rows, columns, _ = (torch.cat(bands, 1) for bands in zip(one, other, strict=True))
        weights = (
            self.se_ll(self.conv3d_ll(low)),
            self.se_lh(self.conv3d_lh_hl(rows)),
            self.se_hl(self.conv3d_lh_hl(columns)),
            self.se_hh(self.conv2d_hh((one[3] - other[3]).abs())),
        )
        first, last = (
            haar.backward(*(band * (1 + weight) for band, weight in zip(bands, weights, strict=True)))
            for bands in (one, other)
        )
        return first, last


class CrossAttention(nn.Module):
    """Each date is added what it has where the other one asks for it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.t_embedding1, self.t_embedding2 = (nn.Parameter(torch.randn(1, width, 1, 1)) for _ in range(2))
        self.gamma = nn.Parameter(torch.zeros(1))
        self.query_conv, self.key_conv = nn.Conv2d(width, width // 8, 1), nn.Conv2d(width, width // 8, 1)
        self.value_conv = nn.Conv2d(width, width, 1)

    def forward(self, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
        """Two maps `[B, C, h, w]` -> two of the same shape."""
        named = torch.cat([before + self.t_embedding1, after + self.t_embedding2])
        q, k, v = (conv(named).flatten(2).transpose(1, 2) for conv in (self.query_conv, self.key_conv, self.value_conv))
        asked = torch.cat(q.chunk(2)[::-1])
        found = F.scaled_dot_product_attention(asked, k, v, scale=1.0).transpose(1, 2).reshape(named.shape)
        one, other = (self.gamma * found).chunk(2)
        return before + one, after + other


class CoordinateAttention(nn.Module):
    """A weight for each row and each column of each channel (arXiv:2103.02907)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        narrow = max(8, width // 32)
        self.conv1, self.bn1 = nn.Conv2d(width, narrow, 1), nn.BatchNorm2d(narrow)
        self.conv_h, self.conv_w = nn.Conv2d(narrow, width, 1), nn.Conv2d(narrow, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, h, w]` -> the same shape."""
        height, width = x.shape[2:]
        means = torch.cat([x.mean(3, keepdim=True), x.mean(2, keepdim=True).transpose(2, 3)], 2)
        rows, columns = torch.split(F.relu(self.bn1(self.conv1(means))), [height, width], 2)
        return x * torch.sigmoid(self.conv_w(columns.transpose(2, 3))) * torch.sigmoid(self.conv_h(rows))


class STSAM(nn.Module):
    """Attention between the dates, and to rows and columns of each, side by side."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch1, self.branch2 = CrossAttention(width), CoordinateAttention(width)
        self.fusion_conv = nn.Sequential(nn.Conv2d(2 * width, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())

    def forward(self, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
        """Two maps `[B, C, h, w]` -> two of the same shape."""
        crossed = torch.cat(self.branch1(before, after))
        seen = self.branch2(torch.cat([before, after]))
        first, last = self.fusion_conv(torch.cat([crossed, seen], 1)).chunk(2)
        return first, last


class LGFU(nn.Module):
    """Fine features join coarse ones where a gate, made from both, is open."""

    def __init__(self, coarse: int, fine: int) -> None:
        super().__init__()
        self.conv1x1_align = ConvNorm(coarse, fine, 1)
        self.gate_unit = nn.Sequential(ConvNorm(2 * fine, fine, 3), nn.Conv2d(fine, 1, 1), nn.Sigmoid())

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """`[B, I, h, w]` and `[B, O, 2 h, 2 w]` -> `[B, O, 2 h, 2 w]`."""
        large = F.interpolate(coarse, fine.shape[2:], mode="bilinear", align_corners=False)
        deep = self.conv1x1_align(large)
        y: Tensor = deep + self.gate_unit(torch.cat([deep, fine], 1)) * fine
        return y


class Neck(nn.Module):
    """Both interactions on each of three scales."""

    def __init__(self, drop: float) -> None:
        super().__init__()
        self.drop = drop
        for scale, width in enumerate(_WIDTHS, start=1):
            self.add_module(f"dawim_s{scale}", DAWIM(width))
            self.add_module(f"stsam_s{scale}", STSAM(width))

    def forward(self, before: Sequence[Tensor], after: Sequence[Tensor]) -> list[Tensor]:
        """Features of both dates from fine to coarse -> by how much they differ then."""
        found = []
        for scale, pair in enumerate(zip(before, after, strict=True), start=1):
            side = min(_BLOCK, *pair[0].shape[2:])
            kept = [drop_block2d(x, self.drop, side - 1 + side % 2, training=self.training) for x in pair]
            for name in ("dawim", "stsam"):
                kept = self.get_submodule(f"{name}_s{scale}")(*kept)
            found.append((kept[0] - kept[1]).abs())
        return found


class FSGNet(nn.Module):
    """The network; see `fsgnet.fsgnet`."""

    def __init__(
        self,
        in_channels: int,
        classes: int,
        encoder: str,
        widths: Sequence[int],
        drop: float,
        *,
        released: bool = False,
    ) -> None:
        super().__init__()
        self.released = released
        made = timm.create_model(
            encoder, features_only=True, out_indices=(1, 2, 3), in_chans=in_channels, pretrained=False
        )
        self.backbone = nn.ModuleDict({"extract": made})
        fitted = {
            f"conv{scale}": ConvNorm(have, wanted, 1)
            for scale, (have, wanted) in enumerate(zip(widths, _WIDTHS, strict=True), start=1)
            if have != wanted
        }
        self.check_channels = nn.ModuleDict(fitted)
        self.neck = Neck(drop)
        self.lgfu_3_to_2, self.lgfu_2_to_1 = LGFU(_WIDTHS[2], _WIDTHS[1]), LGFU(_WIDTHS[1], _WIDTHS[0])
        narrow = _WIDTHS[0] // 4
        self.head1 = nn.Sequential(ConvNorm(_WIDTHS[0], narrow, 3), nn.Conv2d(narrow, classes, 1))

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """`[B, C, H, W]` each -> logits `[B, K, H, W]`."""
        height, width = before.shape[-2:]
        first = to_multiple(before, _STRIDE)
        fine, middle, coarse = self.neck(self._encoded(first), self._encoded(to_multiple(after, _STRIDE)))
        fused = self.lgfu_2_to_1(self.lgfu_3_to_2(coarse, middle), fine)
        logits = F.interpolate(self.head1(fused), first.shape[2:], mode="bilinear", align_corners=self.released)
        return logits[..., :height, :width]

    def _encoded(self, image: Tensor) -> list[Tensor]:
        """Features of one date at 1/4, 1/8 and 1/16 of the size."""
        found = self.backbone.get_submodule("extract")(image)
        names = (f"conv{scale}" for scale in range(1, len(found) + 1))
        fit = self.check_channels
        return [fit[name](x) if name in fit else x for name, x in zip(names, found, strict=True)]

    def load_encoder(self, name: str, source: str) -> None:
        """Take the encoder from timm's weights of a network, without its last stage and its classifier."""
        state = {key: one for key, one in timm_weights(name, source).items() if not key.startswith(("layer4.", "fc."))}
        load_strict(self.backbone.get_submodule("extract"), state)

    def from_release(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The release's weights, 3-D ones as one over both dates, without wavelets, which are known, and idle ones."""
        used = {key: one for key, one in state.items() if not key.startswith(_IDLE) and not key.endswith(_MADE)}
        return {key: one.transpose(1, 2).flatten(1, 2) if one.ndim == 5 else one for key, one in used.items()}
