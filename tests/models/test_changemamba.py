"""ChangeMamba's three networks: as released, in their sizes, with their own losses."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from swath.errors import CardError
from swath.models import find
from swath.models.change._changemamba import ChangeDecoder, Encoder, Shape
from swath.models.change._lovasz import lovasz

from .parity import Case

TINY: dict[str, Any] = {"width": 8, "depths": (1, 1, 1, 1), "hidden": 8}
COUNTS = {
    "mambabcd-tiny": 32_613_506,
    "mambabcd-small": 54.00e6,
    "mambabcd-base": 92.40e6,
    "mambascd-tiny": 37.13e6,
    "mambascd-small": 58.51e6,
    "mambascd-base": 97.03e6,
    "mambabda-tiny": 34.87e6,
    "mambabda-small": 56.26e6,
    "mambabda-base": 94.72e6,
}


def test_answers_are_those_of_the_release(shared_data: Path) -> None:
    case = Case.read(shared_data, "changemamba_bcd_narrow")
    network = case.official("mambabcd", width=24, depths=(1, 1, 1, 1))
    with torch.inference_mode():
        case.compare(network(*case.inputs("pre", "post")))


@pytest.mark.parametrize(
    ("name", "maps"), [("mambascd", ("change", "before", "after")), ("mambabda", ("building", "damage"))]
)
def test_all_maps_are_those_of_the_release(shared_data: Path, name: str, maps: tuple[str, ...]) -> None:
    case = Case.beside(shared_data, f"{name}_narrow")
    network = cast(Any, case.official(name, width=24, depths=(1, 1, 1, 1)))
    with torch.inference_mode():
        for which, found in zip(maps, network.maps(*case.inputs("pre", "post")), strict=True):
            case.compare(found, which)


@pytest.mark.parametrize("name", COUNTS)
def test_sizes_are_those_of_the_release(name: str) -> None:
    with torch.device("meta"):
        network = find(name).build()
    assert sum(parameter.numel() for parameter in network.parameters()) == pytest.approx(COUNTS[name], rel=2e-4)
    assert name != "mambabcd-tiny" or len(network.state_dict()) == 514


@pytest.mark.parametrize(
    ("name", "change", "dates", "heads"),
    [
        ("mambascd", "decoder_bcd", ("decoder_T1", "decoder_T2"), {"main_clf_cd": 2, "aux_clf": 7}),
        ("mambabda", "decoder_damage", ("decoder_building",), {"main_clf": 5, "aux_clf": 2}),
    ],
)
def test_weights_have_the_names_of_the_release(
    name: str, change: str, dates: tuple[str, ...], heads: dict[str, int]
) -> None:
    with torch.device("meta"):
        state = find(name).build().state_dict()
    assert {key.partition(".")[0] for key in state} == {"encoder", change, *dates, *heads}
    assert {key: len(state[f"{key}.weight"]) for key in heads} == heads
    assert state[f"{change}.st_block_43.2.op.x_proj_weight"].shape == (4, 10, 256)
    parts = [key.removeprefix(f"{dates[-1]}.") for key in state if key.startswith(dates[-1])]
    blocks = {"st_block_4_semantic.0", "st_block_4_semantic.2", *(f"st_block_{at}_semantic.1" for at in (1, 2, 3))}
    blocks |= {f"smooth_layer_{at}_semantic.{kind}" for at in range(4) for kind in ("conv1", "bn1", "conv2", "bn2")}
    blocks |= {f"trans_layer_{at}.{step}" for at in (1, 2, 3) for step in (0, 1)}
    assert {".".join(key.split(".")[:2]) for key in parts} == blocks


def test_layouts_lead_each_date_back_to_its_place() -> None:
    decoder = ChangeDecoder((4, 4, 4, 4), 4).eval()
    for name in ("st_block_41", "st_block_42", "st_block_43", "fuse_layer_4"):
        decoder.add_module(name, torch.nn.Identity())
    first, second = torch.randn(2, 1, 4, 3, 5)
    assert torch.equal(decoder._joined(4, first, second), torch.cat([first, second] * 3, 1))


def test_one_logit_of_change_is_as_likely_as_the_two_of_the_release() -> None:
    torch.manual_seed(0)
    network = cast(Any, find("mambascd").build(classes=3, **TINY).eval())
    pair = torch.randn(2, 1, 3, 40, 33)
    with torch.inference_mode():
        change, first, second = network(*pair)
        two, *dates = network.maps(*pair)
    assert change.shape == (1, 1, 40, 33)
    torch.testing.assert_close(change.sigmoid(), two.softmax(1)[:, 1:])
    assert torch.equal(first, dates[0])
    assert torch.equal(second, dates[1])
    assert first.shape == (1, 3, 40, 33)


def test_damage_comes_alone_and_with_its_buildings_where_it_is_learnt() -> None:
    torch.manual_seed(0)
    network = cast(Any, find("mambabda").build(**TINY).eval())
    pair = torch.randn(2, 2, 3, 32, 64)
    with torch.inference_mode():
        building, damage = network.maps(*pair)
        assert torch.equal(network(*pair), damage)
    assert (building.shape, damage.shape) == ((2, 2, 32, 64), (2, 5, 32, 64))
    damage, building = network.train()(*pair)
    targets = torch.randint(-1, 5, (2, 32, 64))
    there = targets.clamp(max=1)
    wanted = (
        F.cross_entropy(damage, targets, ignore_index=-1)
        + F.cross_entropy(building, there, ignore_index=-1)
        + 0.75 * lovasz(damage, targets)
        + 0.5 * lovasz(building, there)
    )
    torch.testing.assert_close(network.loss((damage, building), targets, None), wanted)


def test_the_losses_are_the_papers() -> None:
    torch.manual_seed(0)
    change, one, other = torch.randn(2, 1, 9, 8), torch.randn(2, 3, 9, 8), torch.randn(2, 3, 9, 8)
    targets = torch.stack([torch.randint(-1, most, (2, 9, 8)) for most in (2, 3, 3)], 1)
    network = cast(Any, find("mambascd").build(classes=3, **TINY))
    two = torch.cat([-change / 2, change / 2], 1)

    def entropy(x: Tensor, which: int) -> Tensor:
        return F.cross_entropy(x, targets[:, which], ignore_index=-1)

    alike = ((one.softmax(1) - other.softmax(1)) * (targets[:, :1] == 0)).square().mean()
    wanted = entropy(two, 0) + 0.5 * (entropy(one, 1) + entropy(other, 2) + 0.5 * alike)
    overlap = lovasz(two, targets[:, 0]) + 0.5 * (lovasz(one, targets[:, 1]) + lovasz(other, targets[:, 2]))
    torch.testing.assert_close(network.loss((change, one, other), targets, None), wanted + 0.75 * overlap)
    binary = cast(Any, find("mambabcd").build(**TINY))
    wanted = entropy(two, 0) + 0.75 * lovasz(two, targets[:, 0])
    torch.testing.assert_close(binary.loss(two, targets[:, 0], None), wanted)
    assert float(binary.loss(two, torch.full((2, 9, 8), -1), None)) == 0


def test_the_overlap_of_sure_answers_is_the_jaccard_index() -> None:
    truth = torch.tensor([[[0, 0, 1, 1, 2, -1]]])
    said = torch.tensor([[[0, 1, 1, 1, 0, 2]]])
    sure = 100.0 * F.one_hot(said, 3).permute(0, 3, 1, 2)
    lost = 1 - (1 / 3 + 2 / 3 + 0) / 3  # of each class: pixels that both have over those that either has
    assert float(lovasz(sure, truth)) == pytest.approx(lost)


@pytest.mark.parametrize("name", ["mambabcd", "mambascd", "mambabda"])
def test_the_encoder_is_taken_from_vmamba(name: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    donor = Encoder(Shape(3, 8, (1, 1, 1, 1), 8, 0.0)).state_dict()
    vmamba = {key: one for key, one in donor.items() if not key.startswith("outnorm")}
    vmamba |= {"classifier.norm.weight": torch.ones(64), "classifier.head.weight": torch.ones(5, 64)}
    path = tmp_path / "vmamba.pth"
    torch.save({"model": vmamba, "epoch": torch.tensor(3)}, path)
    network = cast(Any, find(name).build(encoder_weights=str(path), **TINY))
    taken = network.encoder.state_dict()
    assert all(torch.equal(taken[key], donor[key]) for key in donor)
    del vmamba["layers.2.blocks.0.op.A_logs"]
    torch.save(vmamba, path)
    with pytest.raises(CardError, match=r"1 missing \(layers.2.blocks.0.op.A_logs"):
        find(name).build(encoder_weights=str(path), **TINY)


@pytest.mark.parametrize("name", ["mambabcd", "mambascd", "mambabda"])
def test_what_cannot_be_built_is_refused(name: str) -> None:
    with pytest.raises(CardError, match=r"of four scales, one block or more each; found \[1, 2\]"):
        find(name).build(depths=(1, 2))
    with pytest.raises(CardError, match="must be even; found 7 and 128"):
        find(name).build(width=7)
