"""The unified network: any bands, dates, size and classes, in one set of weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from swath.errors import CardError
from swath.models import find, names
from swath.models.field import Probe, reach
from swath.models.light import POLARISATION_NM
from swath.models.stsun._unified import times_of, trend
from swath.nn.conditioned import Question, code_of
from swath.nn.names import NameEmbedding, pieces
from swath.nn.spectral import encode_wavelengths

SMALL: dict[str, Any] = {"widths": (8, 12, 16), "encoder_depths": (1, 1, 1), "decoder_depths": (1, 0, 0)}
RGB = torch.tensor([665.0, 560.0, 490.0])


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    network = find("stsun").build(**SMALL).eval()
    for module in network.modules():  # a trained network heeds what it is asked
        if hasattr(module, "film"):
            nn.init.normal_(module.film, std=0.2)
    return network


@pytest.fixture
def pair(own_data: Path) -> Tensor:
    """Two dates of one place `[1, 2, 4, 71, 53]`, blue, green, red and near infrared."""
    import rasterio

    dates = []
    for name in ("paris_2015.tif", "paris_2018.tif"):
        with rasterio.open(own_data / name) as source:
            dates.append(source.read()[:, :71, :53].astype(np.float32))
    return (torch.from_numpy(np.stack(dates))[None] / 1e4 - 0.13) / 0.05


S2 = torch.tensor([490.0, 560.0, 665.0, 842.0])


def test_sizes() -> None:
    assert {"stsun", "stsun-nano", "stsun-tiny", "stsun-small", "stsun-base"} <= set(names("change"))
    counts = [
        sum(p.numel() for p in find(f"stsun-{s}").build().parameters()) for s in ("nano", "tiny", "small", "base")
    ]
    assert counts == sorted(counts)
    assert counts[1] <= 5.0e6
    with pytest.raises(CardError, match="must have the same length; found 2, 1 and 1"):
        find("stsun").build(widths=(8, 8), encoder_depths=(1,), decoder_depths=(1,))


@pytest.mark.parametrize("task", ["segmentation", "change"])
@pytest.mark.parametrize("dates", [1, 2, 5])
@torch.inference_mode()
def test_any_bands_dates_and_size(net: nn.Module, task: str, dates: int) -> None:
    for bands, height, width in ((1, 7, 33), (13, 40, 17)):
        image, nm = torch.rand(2, dates, bands, height, width), torch.linspace(440, 12000, bands)
        answer = net(image, wavelengths=nm, days=torch.arange(dates), gsd=10.0, task=task, classes=("a", "b", "c"))
        assert answer.shape == (2, 3, height, width)
        assert bool(answer.isfinite().all())
        if dates == 1:
            assert torch.equal(answer, net(image[:, 0], wavelengths=nm, gsd=10.0, task=task, classes=("a", "b", "c")))


@torch.inference_mode()
def test_order_of_bands_does_not_matter_and_wavelengths_do(net: nn.Module, pair: Tensor) -> None:
    answer = net(pair, wavelengths=S2, task="change", classes=("change",))
    turned = net(pair[:, :, [2, 3, 0, 1]], wavelengths=S2[[2, 3, 0, 1]], task="change", classes=("change",))
    torch.testing.assert_close(turned, answer, rtol=0, atol=1e-4)
    other = net(pair, wavelengths=S2.flip(0), task="change", classes=("change",))
    assert (other - answer).abs().max() > 0.1 * answer.std()
    with pytest.raises(CardError, match="4 bands, and 3 wavelengths"):
        net(pair, wavelengths=RGB)


@torch.inference_mode()
def test_change_is_seen_and_its_direction_too(net: nn.Module, pair: Tensor) -> None:
    ask = {"wavelengths": S2, "task": "change", "classes": ("change",)}
    answer = net(pair, **ask)
    for other in (pair[:, [0, 0]], pair.flip(1)):
        assert (net(other, **ask) - answer).abs().max() > 0.1 * answer.std()
    dated = net(pair.flip(1), days=torch.tensor([900.0, 20.0]), **ask)
    torch.testing.assert_close(dated, answer, rtol=0, atol=1e-4)


def test_trend_is_the_slope_of_the_line_through_dates() -> None:
    days, series = torch.tensor([0.0, 30.0, 45.0, 300.0]), torch.rand(4, 7)
    times = times_of(4, days, series)
    found = trend(series.unbind(0), times)
    slope = np.polyfit(times.numpy(), series.numpy(), 1)[0]
    np.testing.assert_allclose(found.numpy(), slope, rtol=1e-4, atol=1e-5)
    assert times_of(3, None, series).tolist() == times_of(3, torch.zeros(3), series).tolist() == [-1, 0, 1]


@torch.inference_mode()
def test_a_whole_image_has_the_mean_of_what_its_pixels_say(net: nn.Module, pair: Tensor) -> None:
    asked: list[Tensor] = []
    net.tasks.register_forward_hook(lambda *given: asked.append(given[2]))
    ask = {"wavelengths": S2, "task": "classification", "gsd": 10.0, "classes": ("forest", "river", "industry")}
    answer = net(pair[:, 0], **ask)
    assert answer.shape == (1, 3)
    seen = asked[0]
    handle = net.tasks.register_forward_hook(lambda module, given, found: seen.expand(len(given[0]), -1))
    pixels = net(pair[:, 0], **ask | {"task": "segmentation"})  # under the condition of the other task
    handle.remove()
    torch.testing.assert_close(answer, pixels.mean((2, 3)), rtol=0, atol=1e-5)


@torch.inference_mode()
def test_semantic_change_tells_first_from_last(net: nn.Module, pair: Tensor) -> None:
    ask = {"wavelengths": S2, "task": "semantic-change", "classes": ("water", "land", "road")}
    change, before, after = net(pair, days=torch.tensor([0.0, 400.0]), **ask)
    assert change.shape == (1, 1, 71, 53)
    assert before.shape == after.shape == (1, 3, 71, 53)
    assert not torch.allclose(before, after)
    again = net(pair.flip(1), days=torch.tensor([400.0, 0.0]), **ask)
    for one, other in zip(again, (change, before, after), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-4)


@torch.inference_mode()
def test_what_is_asked_is_heeded(net: nn.Module, pair: Tensor) -> None:
    ask = {"wavelengths": S2, "task": "segmentation", "gsd": 10.0, "classes": ("water", "bare soil")}
    answer = net(pair[:, 0], **ask)
    torch.testing.assert_close(net(pair[:, 0], **ask | {"classes": ("bare soil", "water")}).flip(1), answer)
    for changed in ({"task": "change"}, {"gsd": 0.3}, {"classes": ("water", "forest")}):
        assert (net(pair[:, 0], **ask | changed) - answer).abs().max() > 1e-3
    near = net(pair[:, 0], **ask | {"gsd": 10.5})
    far = net(pair[:, 0], **ask | {"gsd": 40.0})
    assert (near - answer).abs().mean() < 0.3 * (far - answer).abs().mean()


def test_a_new_class_is_learnt_by_its_name_alone(net: nn.Module, pair: Tensor) -> None:
    image, truth = pair[:, 0], (pair[:, 0, 3:] > 0).float()
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    net.names.requires_grad_(True)
    optimiser = torch.optim.Adam(net.names.parameters(), lr=0.05)
    losses = []
    for _ in range(25):
        logits = net(image, wavelengths=S2, task="segmentation", classes=("bright",))
        losses.append(nn.functional.binary_cross_entropy_with_logits(logits, truth))
        optimiser.zero_grad()
        losses[-1].backward()
        optimiser.step()
    assert losses[-1] < 0.9 * losses[0]


def test_blocks_are_left_out_of_all_dates_alike_and_in_training_alone(pair: Tensor) -> None:
    torch.manual_seed(0)
    net = find("stsun").build(**SMALL, drop=0.5)
    same = pair[:, :1].expand(-1, 2, -1, -1, -1).flatten(0, 1)
    asked = (S2, times_of(2, None, same), Question(torch.zeros(32), code_of(("change",), ())))
    found = []
    for _ in range(4):
        features = net.encoder(same, *asked)
        assert all(torch.equal(before, after) for before, after in features)
        found.append(features[-1])
    assert not all(torch.equal(found[0], other) for other in found[1:])
    net.eval()
    assert torch.equal(net.encoder(same, *asked)[-1], net.encoder(same, *asked)[-1])


def test_no_batch_has_a_say_in_use(pair: Tensor) -> None:
    """And what training normalised by the batch is answered the same, for each of two unlike sets."""
    net = find("stsun").build(**SMALL, drop=0.0)
    dim, bright = pair[:, 0], 5 * pair[:, 1] + 2
    drone, satellite = ({"classes": ("building",), "gsd": gsd} for gsd in (0.1, 10.0))
    with torch.no_grad():
        for _ in range(80):
            trained = [net(dim, wavelengths=S2, **drone), net(bright, wavelengths=S2, **satellite)]
        net.eval()
        used = [net(dim, wavelengths=S2, **drone), net(bright, wavelengths=S2, **satellite)]
        both = net(torch.cat([dim, bright]), wavelengths=S2, **drone)
    torch.testing.assert_close(both[:1], used[0], rtol=0, atol=1e-5)
    for before, after in zip(trained, used, strict=True):
        assert (after - before).abs().mean() < 0.03 * before.std()
    assert (both[1:] - used[1]).abs().mean() > 0.3 * used[1].std(), "what is expected depends on the question"


def test_without_norms_no_batch_has_a_say_in_training_either(pair: Tensor) -> None:
    net = find("stsun").build(**SMALL, drop=0.0, norms=False)
    assert not any("expected" in name for name in net.state_dict())
    images = torch.cat([pair[:, 0], 5 * pair[:, 1]])
    with torch.no_grad():
        alone = net.eval()(images[:1], wavelengths=S2)
        torch.testing.assert_close(net.train()(images, wavelengths=S2)[:1], alone, rtol=0, atol=1e-4)


@torch.inference_mode()
def test_bfloat16_is_near(net: nn.Module, pair: Tensor) -> None:
    answer = net(pair, wavelengths=S2, task="change", classes=("change",))
    with torch.autocast("cpu", torch.bfloat16):
        half = net(pair, wavelengths=S2, task="change", classes=("change",))
    assert (half.float() - answer).abs().mean() < 0.05 * answer.std()


def test_it_sees_only_so_far(net: nn.Module) -> None:
    found = reach(Probe.of(net, lambda n, x: n(x, wavelengths=RGB), 3, typical=[(0.0, 1.0)] * 3))
    assert found.reason is None
    assert found.stride == 8
    assert found.radius is not None
    assert found.radius < 50


def test_wavelengths_are_encoded_smoothly_and_apart() -> None:
    nm = [443.0, 490.0, 492.0, 560.0, 665.0, 842.0, 1610.0, 2190.0, 10900.0, *POLARISATION_NM.values()]
    codes = encode_wavelengths(torch.tensor(nm))
    apart = torch.cdist(codes, codes) + 10 * torch.eye(len(nm))
    assert apart[1, 2] < 0.15
    apart[1, 2] = apart[2, 1] = 10
    assert apart.min() > 0.3


def test_names_share_pieces() -> None:
    assert pieces("Bare-Soil") == pieces("bare soil")
    assert {"bare", "soil", "<ba", "il>"} <= set(pieces("bare soil"))
    torch.manual_seed(0)
    embed = NameEmbedding(64)
    building, buildings, water = embed(("building", "buildings", "water"))
    cosine = nn.functional.cosine_similarity
    assert cosine(building, buildings, dim=0) > 0.4 > cosine(building, water, dim=0)
    assert embed(("building",)).shape == (1, 64)
