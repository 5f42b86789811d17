"""BTC computes what its release computes, and takes its weights by either version's names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from swath.errors import CardError
from swath.models import find, load_official
from swath.nn.swin import Attention, Swin

from .parity import Case

SMALL: dict[str, Any] = {"width": 16, "depths": (1, 1, 1, 1), "heads": (1, 2, 4, 8), "window": 4, "hidden": 32}


def test_answers_are_those_of_the_release(shared_data: Path) -> None:
    case = Case.read(shared_data, "btc_tiny")
    network = case.official("btc", **SMALL)
    with torch.inference_mode():
        case.compare(network(*case.inputs("a", "b")))


@pytest.mark.parametrize(("size", "parameters"), [("base", 120_119_929), ("tiny", 58_941_627)])
def test_full_sizes_have_as_many_weights_as_the_release(size: str, parameters: int) -> None:
    with torch.device("meta"):
        network = find(f"btc-{size}").build()
    assert sum(one.numel() for one in network.parameters()) == parameters
    assert "enc.backbone.encoder.layers.2.blocks.5.attention.self.relative_position_index" in network.state_dict()


def test_names_of_transformers_5_are_known() -> None:
    donor = find("btc").build(**SMALL)
    newer = {"enc.backbone.swin.layernorm.weight": torch.ones(128)}
    for key, tensor in donor.state_dict().items():
        if key.endswith("relative_position_index"):
            continue
        for old, new in (
            ("backbone.e", "backbone.swin.e"),
            ("attention.self.query", "attention.q_proj"),
            ("attention.self.key", "attention.k_proj"),
            ("attention.self.value", "attention.v_proj"),
            ("attention.self.relative", "attention.relative_position_bias.relative"),
            ("attention.output.dense", "attention.o_proj"),
            ("intermediate.dense", "mlp.fc1"),
            ("output.dense", "mlp.fc2"),
        ):
            key = key.replace(old, new)
        newer[key] = tensor
    network = load_official("btc", newer, **SMALL)
    assert all(torch.equal(one, donor.state_dict()[key]) for key, one in network.state_dict().items())
    newer.pop("dec.classifier.bias")
    with pytest.raises(CardError, match=r"1 missing \(dec\.classifier\.bias"):
        load_official("btc", newer, **SMALL)


def test_the_encoder_is_taken_from_mask2former(tmp_path: Path) -> None:
    donor = find("btc").build(**SMALL)
    state = {
        f"model.pixel_level_module.encoder.{key.removeprefix('enc.backbone.')}": tensor
        for key, tensor in donor.state_dict().items()
        if key.startswith("enc.")
    }
    torch.save({**state, "class_predictor.weight": torch.ones(2)}, tmp_path / "mask2former.pt")
    network = find("btc").build(**SMALL, encoder_weights=str(tmp_path / "mask2former.pt"))
    for (key, one), other in zip(network.state_dict().items(), donor.state_dict().values(), strict=True):
        if key.startswith("enc."):
            assert torch.equal(one, other)


def test_windows_that_are_shifted_do_not_look_across_the_edge() -> None:
    torch.manual_seed(0)
    attention = Attention(8, 2, 4)
    x = torch.randn(1, 8, 8, 8)
    other = x.clone()
    other[:, 6:] += 1  # rows 6 and 7 are rolled into the window of rows 0 and 1
    with torch.inference_mode():
        same = (attention(x, 2) - attention(other, 2))[0].abs().amax((1, 2)) < 1e-6
    assert same.tolist() == [True] * 6 + [False] * 2


def test_swin_takes_any_multiple_of_its_patches() -> None:
    maps = Swin(2, 8, (2, 1, 1, 1), (1, 1, 1, 1), 3)(torch.randn(1, 2, 44, 20))
    assert [tuple(one.shape) for one in maps] == [(1, 8, 11, 5), (1, 16, 6, 3), (1, 32, 3, 2), (1, 64, 2, 1)]


def test_its_loss_is_the_dice_of_the_batch() -> None:
    network = find("btc").build(**SMALL)
    logits, targets = torch.randn(2, 1, 4, 4), torch.randint(-1, 2, (2, 4, 4))
    found = network.loss(logits, targets, nn.functional.cross_entropy)
    known = targets >= 0
    likely, truth = logits[:, 0].sigmoid()[known], targets[known]
    torch.testing.assert_close(found, 1 - (2 * (likely * truth).sum() + 1) / (likely.sum() + truth.sum() + 1))
    assert network.loss(torch.randn(2, 3, 4, 4), targets, lambda logits, wanted: logits.sum() * 0 + 7) == 7


def test_the_order_of_dates_counts_and_no_difference_is_known() -> None:
    torch.manual_seed(0)
    network = find("btc").build(**SMALL).eval()
    before, after = torch.randn(2, 1, 3, 40, 50)
    with torch.inference_mode():
        assert not torch.allclose(network(before, after), network(after, before), atol=1e-4)
        torch.testing.assert_close(network(before, before), network(after, after))


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(CardError, match="must be of four scales; found 3 and 4"):
        find("btc").build(depths=(1, 1, 1))
    with pytest.raises(CardError, match="must be a multiple of heads"):
        find("btc").build(width=16, heads=(3, 2, 4, 8))
