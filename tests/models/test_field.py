"""How far networks see: against impulse responses, which find the same by another way, and on real imagery."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import rasterio
import torch
from torch import Tensor, nn

from swath.errors import CardError
from swath.models.effective import LIMIT, effective_radius
from swath.models.field import Probe, Reach, reach


def conv(i: int, o: int, k: int, stride: int = 1, dilation: int = 1, mode: str = "zeros") -> nn.Conv2d:
    return nn.Conv2d(i, o, k, stride, padding=dilation * (k // 2), dilation=dilation, padding_mode=mode)


def probe(network: nn.Module, channels: int = 1, multiple: int = 1) -> Probe:
    return Probe.of(network.eval(), lambda net, x: net(x), channels, multiple)


class Skip(nn.Module):
    """A small U-Net: two halvings, joined by nearest and bilinear enlargement."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.three = conv(1, 2, 3), conv(2, 2, 3, 2), conv(2, 2, 3, 2)
        self.back, self.last = conv(4, 2, 3), conv(4, 1, 3)
        self.nearest, self.bilinear = nn.Upsample(scale_factor=2), nn.Upsample(scale_factor=2, mode="bilinear")

    def forward(self, x: Tensor) -> Tensor:
        one = self.one(x).relu()
        two = self.two(one).relu()
        three = self.three(two).relu()
        two = self.back(torch.cat([two, self.nearest(three)], 1)).relu()
        return self.last(torch.cat([one, self.bilinear(two)], 1))


class Lopsided(nn.Module):
    """Sees 5 px to the left, 2 px up, and nothing on the other sides."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, (3, 6))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(nn.functional.pad(x, (5, 0, 2, 0)))


FINITE = {
    "plain 1x1": (nn.Conv2d(1, 2, 1), Reach(0, 0, 1, Fraction(1))),
    "33 px box": (conv(1, 1, 33), Reach(16, 16, 1, Fraction(1))),
    "dilated stack": (nn.Sequential(conv(1, 4, 3), nn.ReLU(), conv(4, 1, 5, 1, 3)), Reach(7, 7, 1, Fraction(1))),
    "reflected": (
        nn.Sequential(conv(1, 2, 3, mode="reflect"), conv(2, 1, 5, mode="reflect")),
        Reach(3, 3, 1, Fraction(1)),
    ),
    "replicated": (conv(1, 1, 7, mode="replicate"), Reach(3, 3, 1, Fraction(1))),
    "lopsided": (Lopsided(), Reach(5, 5, 1, Fraction(1))),
    "pooled, nearest": (nn.Sequential(nn.MaxPool2d(4), nn.Upsample(scale_factor=4)), Reach(3, 0, 4, Fraction(1))),
    "strided, nearest": (
        nn.Sequential(conv(1, 2, 3, 2), conv(2, 1, 3, 2), nn.Upsample(scale_factor=4)),
        Reach(6, 4, 4, Fraction(1)),
    ),
    "strided, skipping": (nn.Sequential(conv(1, 2, 1, 2), nn.Upsample(scale_factor=2)), Reach(1, 0, 2, Fraction(1))),
    "transposed": (nn.Sequential(conv(1, 2, 3, 2), nn.ConvTranspose2d(2, 1, 4, 2, 1)), Reach(3, 4, 2, Fraction(1))),
    "finer": (nn.Sequential(conv(1, 4, 3), nn.PixelShuffle(2)), Reach(1, 1, 1, Fraction(2))),
    "coarser": (nn.Sequential(conv(1, 1, 5), nn.AvgPool2d(8)), Reach(2, 8, 8, Fraction(1, 8))),
    "small U-Net": (Skip(), Reach(11, 8, 4, Fraction(1))),
}


def impulse_reach(network: nn.Module, stride: int, scale: Fraction, length: int, across: int, phases: list[int]) -> int:
    """The same radius by another way: weights all positive, no bias, and one pixel lit, in float64, where no positive
    number this small gets lost; the answers that are not zero depend on it."""
    network = network.double().eval()
    for key, value in network.state_dict().items():
        if key.endswith(("bias", "running_mean")):
            value.zero_()
        elif key.endswith("running_var") or (key.endswith("weight") and value.ndim == 1):
            value.fill_(1.0)
        elif value.ndim == 4:
            value.fill_(1.0 / value[0].numel())
    channels = next(network.parameters()).shape[1]
    middle = length // 2 // stride * stride
    farthest = 0
    for axis in (2, 3):
        shape = [len(phases), channels, across, across]
        shape[axis] = length
        x = torch.zeros(shape, dtype=torch.float64)
        for strip, phase in zip(x, phases, strict=True):
            strip.select(axis - 1, middle + phase).fill_(1.0)
        with torch.inference_mode():
            y = network(x)
        lit = (y != 0).any(1).any(2 if axis == 2 else 1)
        for row, phase in zip(lit, phases, strict=True):
            for place in row.nonzero().flatten().tolist():
                first, last = int(place / scale), -int(-(place + 1) // scale) - 1
                farthest = max(farthest, first - middle - phase, middle + phase - last)
    return farthest


@pytest.mark.parametrize("name", FINITE)
def test_reach_is_exact(name: str) -> None:
    network, wanted = FINITE[name]
    assert reach(probe(network)) == wanted


@pytest.mark.parametrize(
    "name", [name for name in FINITE if name not in ("pooled, nearest", "reflected", "replicated")]
)
def test_reach_equals_that_of_impulses_at_every_phase(name: str) -> None:
    network, wanted = FINITE[name]
    assert wanted.radius is not None
    assert wanted.scale is not None
    phases = list(range(2 * wanted.stride))
    assert impulse_reach(network.float(), wanted.stride, wanted.scale, 128, 64, phases) == wanted.radius
    network.float()


@pytest.mark.parametrize("name", FINITE)
def test_a_core_with_its_halo_equals_the_whole(name: str) -> None:
    network, found = FINITE[name]
    assert found.halo is not None
    assert found.scale is not None
    torch.manual_seed(0)
    step = found.stride
    size = 16 * step * (1 + 64 // (16 * step))
    x = torch.randn(1, 1, size, size)
    with torch.inference_mode():
        whole = network.float()(x)
        start, stop = 6 * step + (64 // step) * step // 4 // step * step, size - 6 * step
        first, last = max(start - found.halo, 0), min(stop + found.halo, size)
        tile = network(x[..., first:last, first:last])
    inside = slice(int((start - first) * found.scale), int((stop - first) * found.scale))
    there = slice(int(start * found.scale), int(stop * found.scale))
    torch.testing.assert_close(tile[..., inside, inside], whole[..., there, there], rtol=0, atol=1e-5)


def test_a_halo_one_stride_less_is_not_enough() -> None:
    network = Skip().eval()
    torch.manual_seed(0)
    x = torch.randn(1, 1, 128, 128)
    with torch.inference_mode():
        whole = network(x)[..., 48:80, 48:80]
        for halo, same in ((8, True), (4, False)):
            near = slice(48 - halo, 80 + halo)
            tile = network(x[..., near, near])[..., halo : halo + 32, halo : halo + 32]
            assert bool(torch.allclose(tile, whole, atol=1e-6)) is same


class Squeeze(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.pool = conv(1, 1, 3), nn.AdaptiveAvgPool2d(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) * self.pool(x).sigmoid()


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(1, 8, 16, 16)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.up = nn.Upsample(scale_factor=16)

    def forward(self, x: Tensor) -> Tensor:
        y = self.patch(x)
        tokens = y.flatten(2).transpose(1, 2)
        tokens, _ = self.attention(tokens, tokens, tokens)
        return self.up(tokens.transpose(1, 2).reshape(y.shape))


class Places(nn.Module):
    """Tells the network where it is."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = conv(2, 1, 3)

    def forward(self, x: Tensor) -> Tensor:
        place = torch.linspace(0, 1, x.shape[-1]).expand_as(x)
        return self.conv(torch.cat([x, place], 1))


class Aimed(nn.Module):
    """Looks as far aside as the values say; a NaN is not followed."""

    def forward(self, x: Tensor) -> Tensor:
        shift = (x.nan_to_num().abs() * 40).long()
        place = (torch.arange(x.shape[-1]) + shift) % x.shape[-1]
        return x.nan_to_num().gather(-1, place)


class Noisy(nn.Module):
    """The mean over the batch is taken off."""

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean()


GLOBAL = {
    "squeeze and excitation": (Squeeze(), "from pool (AdaptiveAvgPool2d) on"),
    "attention": (Attention(), "sees the whole tile"),
    "group norm": (nn.Sequential(conv(1, 4, 3), nn.GroupNorm(2, 4)), "from 1 (GroupNorm) on"),
    "batch statistics": (nn.Sequential(conv(1, 2, 3), nn.BatchNorm2d(2, track_running_stats=False)), "BatchNorm2d"),
    "mean": (Noisy(), "sees the whole tile"),
    "circular padding": (conv(1, 1, 3, mode="circular"), "one edge of the tile sees the other"),
    "aligned corners": (
        nn.Sequential(conv(1, 1, 3, 2), nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)),
        "depends on where in the tile",
    ),
    "coordinates": (Places(), "depends on where in the tile"),
    "values": (Aimed(), "depends on the values"),
    "one answer": (nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), "one answer per tile"),
}


@pytest.mark.parametrize("name", GLOBAL)
def test_no_radius_and_the_reason(name: str) -> None:
    network, reason = GLOBAL[name]
    found = reach(probe(network))
    assert found.radius is None
    assert found.halo is None
    assert reason in str(found.reason)


def test_refusals_say_why() -> None:
    half = nn.Sequential(conv(1, 1, 3), nn.BatchNorm2d(1)).eval()
    half[1].train()
    with pytest.raises(CardError, match=r"module '1' is in training mode; call network.eval\(\)"):
        Probe.of(half, lambda net, x: net(x), 1)
    with pytest.raises(CardError, match="no fixed scale; let the network pad"):
        reach(probe(nn.Conv2d(1, 1, 3)))
    with pytest.raises(CardError, match=r"does not take an input of shape \(1, 2, 64, 256\)"):
        reach(probe(conv(1, 1, 3), channels=2))
    with pytest.raises(CardError, match="gives NaN or infinity"):
        reach(probe(nn.Threshold(10.0, float("inf"))))


def test_unet_of_a_resnet18_against_impulses() -> None:
    import segmentation_models_pytorch as smp

    thin = (32, 16, 16, 8, 8)  # as deep as the usual one, so that it sees as far
    network = smp.Unet("resnet18", encoder_weights=None, in_channels=1, classes=1, decoder_channels=thin).eval()
    found = reach(probe(network, multiple=32))
    assert found == Reach(311, 288, 32, Fraction(1))
    # Column 7 of 32 is the last that touches one more of the deepest cells to its right.
    assert impulse_reach(network, 32, Fraction(1), 704, 32, [6, 7]) == 311


def test_squeeze_and_excitation_in_a_unet_is_found_and_named() -> None:
    import segmentation_models_pytorch as smp

    options = {"encoder_depth": 3, "decoder_channels": (16, 16, 16), "decoder_attention_type": "scse"}
    found = reach(probe(smp.Unet("mobilenet_v2", encoder_weights=None, in_channels=1, classes=1, **options)))
    assert found.radius is None
    assert "AdaptiveAvgPool2d" in str(found.reason)


def fading(size: int, rate: float) -> nn.Conv2d:
    """A box whose weights fade with the distance from its middle."""
    network = conv(1, 1, size)
    off = (torch.arange(size) - size // 2).abs()
    weights = torch.exp(-rate * torch.maximum(off[:, None], off[None, :]).float())
    network.load_state_dict({"weight": (weights / weights.sum())[None, None], "bias": torch.zeros(1)})
    return network


def test_effective_radius_of_a_fading_box() -> None:
    network = fading(33, 0.8)
    radius, bound = effective_radius(probe(network), reach(probe(network)))
    assert 5 <= radius <= 14
    assert 0 < bound < LIMIT
    even, bound = effective_radius(probe(conv(1, 1, 9)), reach(probe(conv(1, 1, 9))))
    assert (even, bound) == (4, 0.0), "a box of random weights has no less than its exact radius"


def test_the_bound_holds_on_real_imagery(shared_data: Path) -> None:
    path = sorted((shared_data / "oscd_s2_4band").glob("*_t1.tif"))[0]
    with rasterio.open(path) as file:
        image = torch.from_numpy(file.read(1, window=((0, 400), (0, 400))).astype("float32"))[None, None]
    image = (image - image.mean()) / image.std()
    network = fading(33, 0.8)
    rows = image[0, 0].unfold(0, 200, 200).unfold(1, 200, 200).reshape(-1, 1, 200, 200)
    found = reach(probe(network))
    radius, _ = effective_radius(probe(network), found, rows[:4])
    assert found.halo == 16
    assert 0 < radius < 16
    with torch.inference_mode():
        whole = network(image)
        spread = float(torch.quantile(whole, 0.99) - torch.quantile(whole, 0.01))
        near = slice(100 - radius, 164 + radius)
        tile = network(image[..., near, near])[..., radius : radius + 64, radius : radius + 64]
        moved = float((tile - whole[..., 100:164, 100:164]).abs().max()) / spread
    assert moved < 2 * LIMIT, "measured elsewhere in the same image"
    with pytest.raises(CardError, match="samples= must be of shape"):
        effective_radius(probe(network), found, rows[:1])
