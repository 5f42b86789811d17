"""LWGANet: backbone, classes, segmentation and change as released, at any size, from released weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swath.errors import CardError
from swath.models import find
from swath.nn import lwganet_attention as parts
from swath.nn.lwganet import LWGANet
from swath.nn.padding import mirrored

from .parity import Case


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("lwganet_mra", parts.MediumRangeAttention(8)),
        ("lwganet_ga12", parts.SparseMediumAttention(8, nn.GELU)),
        ("lwganet_dga", parts.SparseSelfAttention(8)),
    ],
)
def test_modules_are_those_of_the_release(shared_data: Path, name: str, module: nn.Module) -> None:
    case = Case.read(shared_data, name)
    with torch.inference_mode():
        case.compare(case.module(module)(*case.inputs("x")))


def test_the_backbone_is_that_of_the_release(shared_data: Path) -> None:
    case = Case.read(shared_data, "lwganet_l0_backbone")
    backbone = case.module(LWGANet(3, 32, (1, 2, 4, 2), 0.0))
    with torch.inference_mode():
        for place, found in enumerate(backbone(*case.inputs("x"))):
            case.compare(found, f"out.{place}")


def test_classes_are_those_of_the_release(shared_data: Path) -> None:
    case = Case.beside(shared_data, "lwganet_classes")
    with torch.inference_mode():
        case.compare(case.official("lwganet-l0", classes=30)(*case.inputs("image")))


def test_segmentation_is_that_of_the_releases(shared_data: Path) -> None:
    case = Case.beside(shared_data, "lwganet_unetformer")
    network = case.official("lwganet-unetformer-l0", classes=6)
    network.training = network.get_submodule("decoder").training = True  # both answers, with the norms of eval mode
    with torch.inference_mode():
        logits, coarser = network(*case.inputs("image"))
    case.compare(logits)
    case.compare(coarser, "aux")


def test_change_is_that_of_the_release_at_all_scales(shared_data: Path) -> None:
    case = Case.beside(shared_data, "lwganet_a2net")
    network = case.official("lwganet-a2net-l0")
    network.training = True
    with torch.inference_mode():
        for place, logits in enumerate(network(*case.inputs("before", "after"))):
            case.compare(logits.sigmoid(), f"out.{place}", 1e-3)  # more than a hundred layers


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("lwganet-l0", 2_940_000),
        ("lwganet-l1", 7_130_000),
        ("lwganet-l2", 14_260_000),
        ("lwganet-a2net-l0", 2_913_094),
        ("lwganet-a2net-l2", 14_307_890),
    ],
)
def test_numbers_of_weights_are_those_published(name: str, count: int) -> None:
    with torch.device("meta"):
        network = find(name).build()
    assert sum(one.numel() for one in network.parameters()) == pytest.approx(count, abs=0 if count % 10_000 else 5_000)


def test_each_scale_learns_the_change() -> None:
    network = find("lwganet-a2net").build(width=16, depths=(1, 1, 1, 1))
    wanted = torch.zeros(1, 5, 7, dtype=torch.int64)

    def of(logits: Tensor, targets: Tensor) -> Tensor:
        assert logits.shape[-2:] == targets.shape[-2:]
        return logits.mean()

    answer = [torch.full((1, 1, 5, 7), float(scale)) for scale in (1, 2, 3, 4)]
    assert network.loss(answer, wanted, of) == 10


@pytest.mark.parametrize("shape", [(1, 1), (2, 7), (3, 2), (5, 5)])
def test_shear_is_undone_and_moves_rows(shape: tuple[int, int]) -> None:
    x = torch.rand(1, 1, *shape)
    moved = parts.sheared(x)
    assert torch.equal(parts.straightened(moved), x)
    for row, values in enumerate(x[0, 0]):
        assert torch.equal(moved[0, 0, row, row : row + shape[1]], values)
    assert moved.sum() == pytest.approx(x.sum().item())


def test_small_images_are_mirrored_again() -> None:
    x = torch.arange(3.0).expand(1, 1, 3, 3)
    assert torch.equal(mirrored(x, (2, 2), (2, 1)), F.pad(x, (2, 1, 2, 2), mode="reflect"))
    assert mirrored(x[..., :2], (0, 0), (1, 4))[0, 0, 0].tolist() == [1, 0, 1, 0, 1, 0, 1]
    assert mirrored(x[..., :1], (0, 0), (1, 2))[0, 0, 0].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("name", ["lwganet", "lwganet-unetformer", "lwganet-a2net"])
def test_first_weights_are_those_of_a_file(name: str, tmp_path: Path) -> None:
    small = {"width": 16, "depths": (1, 1, 1, 1)}
    donor = find("lwganet").build(classes=9, **small)
    torch.save({"model": donor.state_dict(), "epoch": 299}, tmp_path / "a.pth")
    network = find(name).build(classes=2, encoder_weights=str(tmp_path / "a.pth"), **small)
    taken = network if name == "lwganet" else network.get_submodule("backbone")
    own, other = taken.state_dict(), donor.state_dict()
    shared = [key for key in other if key.startswith(("Stem.", "stages."))]
    assert shared
    assert all(torch.equal(own[key], other[key]) for key in shared)
    with pytest.raises(CardError, match="of another shape"):
        find(name).build(encoder_weights=str(tmp_path / "a.pth"))


def test_what_cannot_be_built_is_refused() -> None:
    with pytest.raises(CardError, match="multiple of 16"):
        find("lwganet").build(width=24)
    with pytest.raises(CardError, match="four scales"):
        find("lwganet-a2net").build(depths=(1, 2, 1))
    with pytest.raises(CardError, match="multiple of 8"):
        find("lwganet-unetformer").build(decoder_width=20)
