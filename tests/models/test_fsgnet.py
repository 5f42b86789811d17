"""FSG-Net: its attention computes what the release computes; its wavelets are orthonormal, and exact."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from swath.errors import CardError
from swath.models import find, load_official
from swath.models.change._fsgnet import DAWIM, LGFU, STSAM
from swath.nn import haar

from .parity import Case


def test_attention_is_that_of_the_release(shared_data: Path) -> None:
    case = Case.read(shared_data, "fsgnet_stsam64")
    with torch.inference_mode():
        before, after = case.module(STSAM(64))(*case.inputs("a", "b"))
    case.compare(before, "out.0")
    case.compare(after, "out.1")


def test_attention_has_as_many_weights_as_the_release() -> None:
    assert [sum(one.numel() for one in STSAM(width).parameters()) for width in (64, 512)] == [15_337, 880_305]


def test_wavelets_go_there_and_back() -> None:
    x = torch.randn(2, 3, 6, 8)
    bands = haar.forward(x)
    torch.testing.assert_close(haar.backward(*bands), x)
    torch.testing.assert_close(sum(band.square().sum() for band in bands), x.square().sum())
    rows = torch.tensor([1.0, -1.0]).repeat(3)[:, None].expand(1, 1, 6, 8)
    assert [float(band.abs().max()) for band in haar.forward(rows)] == [0, 2, 0, 0], "LH is what changes down the rows"


def test_two_dates_are_convolved_as_a_stack_is() -> None:
    network = find("fsgnet").build()
    own = network.state_dict()
    name = "neck.dawim_s1.conv3d_ll.weight"
    stacked = torch.randn(64, 64, 2, 3, 3)
    flat = network.from_release({**own, name: stacked})[name]
    before, after = torch.randn(2, 2, 64, 5, 6)
    wanted = torch.nn.functional.conv3d(torch.stack([before, after], 2), stacked, padding=(0, 1, 1))[:, :, 0]
    found = torch.nn.functional.conv2d(torch.cat([before, after], 1), flat, padding=1)
    torch.testing.assert_close(found, wanted, atol=1e-3, rtol=1e-4)
    assert flat.shape == own[name].shape


def test_bands_are_weighed_between_once_and_twice() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 2, 32, 8, 8)
    with torch.inference_mode():
        one, _ = DAWIM(32).eval()(*x)
    for found, given in zip(haar.forward(one), haar.forward(x[0]), strict=True):
        ratio = (found / given).flatten(2)
        torch.testing.assert_close(ratio.amin(2), ratio.amax(2), atol=1e-3, rtol=1e-3)
        assert 1 < ratio.mean() < 2


def test_a_shut_gate_keeps_detail_out() -> None:
    unit = LGFU(8, 4).eval()
    torch.nn.init.constant_(unit.gate_unit[1].bias, -100)
    coarse, fine = torch.randn(1, 8, 3, 3), torch.randn(1, 4, 6, 6)
    with torch.inference_mode():
        torch.testing.assert_close(unit(coarse, fine), unit(coarse, -fine))


def test_weights_of_the_release_fit_without_wavelets_and_the_last_stage() -> None:
    donor = find("fsgnet").build()
    more = {"backbone.extract.layer4.0.conv1.weight": torch.zeros(1), "neck.dawim_s2.idwt.filters": torch.zeros(4)}
    network = load_official("fsgnet", {**donor.state_dict(), **more})
    assert all(torch.equal(one, donor.state_dict()[key]) for key, one in network.state_dict().items())


def test_the_encoder_is_taken_from_timm(tmp_path: Path) -> None:
    import timm

    donor = timm.create_model("resnet18", pretrained=False)
    torch.save(donor.state_dict(), tmp_path / "resnet18.pth")
    network = find("fsgnet").build(encoder_weights=str(tmp_path / "resnet18.pth"))
    assert torch.equal(network.backbone["extract"].layer3[1].conv2.weight, donor.layer3[1].conv2.weight)
    with pytest.raises(CardError, match=r"resnet34 has no weights 'best'; name a file, or one of .*a1_in1k"):
        find("fsgnet").build(encoder="resnet34", encoder_weights="best")
    with pytest.raises(CardError, match="no encoder 'vgg16'; it has resnet18"):
        find("fsgnet").build(encoder="vgg16")


def test_encoders_of_other_widths_are_fitted() -> None:
    with torch.device("meta"):
        network = find("fsgnet").build(encoder="resnet50")
        assert network(*torch.zeros(2, 1, 3, 64, 64)).shape == (1, 2, 64, 64)
