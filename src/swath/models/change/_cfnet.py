"""The modules and the network of `cfnet`; `cfnet.py` says what it is and registers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import efficientnet_b5
from torchvision.models.resnet import BasicBlock

from swath.models.pretrained import load_torchvision
from swath.nn.padding import to_multiple

_WIDTHS = (128, 64, 40, 24)
"""Channels at 1/16, 1/8, 1/4 and 1/2 of the size."""
_STAGES = 5
"""Of the encoder that are used, of 9; the first, the stem, gives nothing of its own."""
_STRIDE = 16
_CONTENT = 0.1
"""What the agreement of contents counts in the loss, on average over the scales."""
_LEAST = 0.01
"""Of a probability, where it becomes a logit: a map that was trained to be 0 comes out on both sides of it."""


class Encoder(nn.Module):
    """The first stages of EfficientNet-B5."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self._backbone = efficientnet_b5(weights=None).features[:_STAGES]
        if in_channels != 3:
            stem = self._backbone[0]
            stem[0] = nn.Conv2d(in_channels, stem[0].out_channels, 3, stride=2, padding=1, bias=False)

    def forward(self, image: Tensor) -> list[Tensor]:
        """`[B, C, H, W]` -> features at 1/16, 1/8, 1/4, 1/2 of the size, with `_WIDTHS` channels."""
        found = []
        for stage in self._backbone:
            image = stage(image)
            found.append(image)
        return found[:0:-1]


class PointConv(nn.Module):
    """A convolution over the channels alone."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(inputs, outputs, 1), nn.BatchNorm2d(outputs), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """`[B, I, h, w]` -> `[B, O, h, w]`."""
        y: Tensor = self.block(x)
        return y


class Aggregation(nn.Module):
    """Coarse features, made twice as fine, and fine ones become one map."""

    def __init__(self, coarse: int, fine: int) -> None:
        super().__init__()
        self.upsample = nn.ConvTranspose2d(coarse, coarse, 3, stride=2, padding=1, output_padding=1, bias=False)
        self.conv1 = PointConv(coarse + fine, fine)
        self.residual1 = BasicBlock(fine, fine)
        self.residual2 = BasicBlock(fine, fine)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """`[B, I, h, w]` and `[B, O, 2 h, 2 w]` -> `[B, O, 2 h, 2 w]`."""
        mixed = self.conv1(torch.cat([self.upsample(coarse), fine], 1))
        y: Tensor = self.residual2(self.residual1(mixed))
        return y


class ChannelAttention(nn.Module):
    """A weight for each channel, from its mean and its maximum."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(width, width // 16, 1, bias=False)
        self.fc2 = nn.Conv2d(width // 16, width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, h, w]` -> weights `[B, C, 1, 1]`."""
        pooled = (x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True))
        mean, most = (self.fc2(F.relu(self.fc1(one))) for one in pooled)
        return torch.sigmoid(mean + most)


class SpatialAttention(nn.Module):
    """A weight for each pixel, from the mean and the maximum of its channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, h, w]` -> weights `[B, 1, h, w]`."""
        return torch.sigmoid(self.conv1(torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)))


class CBAM(nn.Module):
    """Attention to channels, then to pixels (arXiv:1807.06521)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.channel_attention = ChannelAttention(width)
        self.spatial_attention = SpatialAttention()

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, h, w]` -> the same shape."""
        x = x * self.channel_attention(x)
        y: Tensor = x * self.spatial_attention(x)
        return y


class ContentDecoder(nn.Module):
    """The content of one date, from coarse to fine."""

    def __init__(self, *, attend: bool) -> None:
        super().__init__()
        self.aggregations = nn.ModuleList(map(Aggregation, _WIDTHS, _WIDTHS[1:]))
        self.cbam = nn.ModuleList(map(CBAM, _WIDTHS))
        self.attend = attend

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Features of four scales -> contents of the same shapes."""
        contents = [features[0]]
        for aggregation, skip in zip(self.aggregations, features[1:], strict=True):
            contents.append(aggregation(contents[-1], skip))
        if not self.attend:
            return contents
        return [cbam(content) for cbam, content in zip(self.cbam, contents, strict=True)]


class FuseConv(nn.Module):
    """A convolution over both dates: the release's 3-D one, whose depth of two makes it one over their channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(2 * width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU())

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """Two maps `[B, C, h, w]` -> one."""
        y: Tensor = self.conv(torch.cat([before, after], 1))
        return y


class ChangeDecoder(nn.Module):
    """The dates fused at each scale where their contents differ, then from coarse to fine."""

    def __init__(self, *, released: bool) -> None:
        super().__init__()
        self.fuseconv3ds = nn.ModuleList(map(FuseConv, (*_WIDTHS, 3) if released else _WIDTHS))
        self.aggregations = nn.ModuleList(map(Aggregation, _WIDTHS, _WIDTHS[1:]))
        self.upconv = nn.Sequential(
            nn.ConvTranspose2d(_WIDTHS[-1], 1, 3, stride=2, padding=1, output_padding=1, bias=False)
        )

    def forward(self, before: Sequence[Tensor], after: Sequence[Tensor], differ: Sequence[Tensor]) -> Tensor:
        """Contents of four scales, and by how much they differ `[B, 1, h, w]` -> `[B, 1, H, W]`."""
        fused = [
            fuse(one, other) * much
            # The release has a fifth fusion, with weights, that never runs.
            for fuse, one, other, much in zip(self.fuseconv3ds[: len(_WIDTHS)], before, after, differ, strict=True)
        ]
        x = fused[0]
        for aggregation, finer in zip(self.aggregations, fused[1:], strict=True):
            x = aggregation(x, finer)
        y: Tensor = self.upconv(x)
        return y


def focus(before: Tensor, after: Tensor) -> Tensor:
    """By how much two contents `[B, C, h, w]` differ: `[B, 1, h, w]`, 0 to 0.96."""
    return torch.tanh(1 - F.cosine_similarity(before, after, dim=1)).unsqueeze(1)


def disagreement(before: Tensor, after: Tensor) -> Tensor:
    """How unlike the inner likenesses of two maps `[B, C, h, w]` are, at as many random pairs of pixels as they are wide."""  # noqa: E501
    pairs = torch.randint(before[0, 0].numel(), (2, before.shape[-1]), device=before.device)

    def likeness(x: Tensor) -> Tensor:
        one, other = (x.float().flatten(2)[..., at] for at in pairs)
        return F.cosine_similarity(one, other, dim=1)

    return (likeness(before) - likeness(after)).abs().mean()


class CFNet(nn.Module):
    """The network; see `cfnet.cfnet`."""

    def __init__(self, in_channels: int = 3, *, released: bool = False) -> None:
        super().__init__()
        self.released = released
        self.encoder = Encoder(in_channels)
        self.content_decoder_1 = ContentDecoder(attend=not released)
        self.content_decoder_2 = ContentDecoder(attend=not released)
        self.change_decoder = ChangeDecoder(released=released)

    def forward(self, before: Tensor, after: Tensor) -> Tensor | tuple[Tensor, ...]:
        """`[B, C, H, W]` each -> logits `[B, 1, H, W]`; in train mode see `cfnet.cfnet`."""
        height, width = before.shape[-2:]
        one = self.content_decoder_1(self.encoder(to_multiple(before, _STRIDE)))
        other = self.content_decoder_2(self.encoder(to_multiple(after, _STRIDE)))
        differ = [focus(*pair) for pair in zip(one, other, strict=True)]
        answer = self.change_decoder(one, other, differ)[..., :height, :width]
        if self.training:
            opposite = [1 - much for much in differ]
            weighed = [
                content * much
                for share in (differ, opposite)
                for date in (one, other)
                for content, much in zip(date, share, strict=True)
            ]
            return (torch.tanh(answer), *weighed)
        likely = torch.tanh(answer)
        return likely if self.released else torch.logit(likely.float().clamp(_LEAST, 1 - _LEAST))

    def loss(self, answer: Sequence[Tensor], targets: Tensor, of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """The paper's: squared error of the map; contents that changed should disagree, and others agree.

        Args:
            answer: what the network gives in train mode.
            targets: 1 where there is change `[B, H, W]`, -1 where not labelled.
            of: the task's loss, which this one replaces.
        """
        likely, known = answer[0][:, 0].float(), targets >= 0
        error = ((likely - targets.clamp(min=0)).square() * known).sum() / known.sum().clamp(min=1)
        scales = len(_WIDTHS)
        changed, changed_after, same, same_after = (answer[1 + scales * i : 1 + scales * (i + 1)] for i in range(4))
        agree = [disagreement(*pair) for pair in zip(same, same_after, strict=True)]
        differ = [1 - disagreement(*pair) for pair in zip(changed, changed_after, strict=True)]
        return error + _CONTENT * torch.stack(agree + differ).sum() / scales

    def load_encoder(self, source: str, wavelengths: Sequence[float | None] | None) -> None:
        """Take the stages that are used from torchvision's weights of `efficientnet_b5`."""
        unused = tuple(f"{stage}." for stage in range(_STAGES, 9))
        load_torchvision(
            self.encoder._backbone,
            "efficientnet_b5",
            source,
            prefix="features.",
            without=unused,
            wavelengths=wavelengths,
        )

    def from_release(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The release's weights, 3-D ones as one over the channels of both dates, without those that never run."""
        idle = () if self.released else ("change_decoder.fuseconv3ds.4.",)
        used = {key: one for key, one in state.items() if not key.startswith(idle)}
        return {key: one.transpose(1, 2).flatten(1, 2) if one.ndim == 5 else one for key, one in used.items()}
