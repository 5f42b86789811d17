"""RSBuilding: encoder and decoder as released, and what it answers to which task."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch

from swath.models import find
from swath.models.change._rsbuilding import Decoder, RSBuilding
from swath.nn.sam_vit import SamViT
from swath.tasks.semantic_change import SemanticChange

from .parity import Case

SMALL: dict[str, Any] = {"width": 32, "depth": 2, "heads": 4, "whole": (1,), "image_size": 64, "decoder_width": 32}


def test_the_encoder_is_that_of_the_release(shared_data: Path) -> None:
    case = Case.beside(shared_data, "rsbuilding_encoder")
    encoder = case.module(SamViT(3, 32, 3, 4, (1,), window=3, size=5))
    with torch.inference_mode():
        case.compare(encoder(*case.inputs("image")))


@pytest.mark.parametrize(("released", "tolerance"), [(True, 1e-4), (False, 1e-3)])
def test_the_decoder_is_that_of_the_release(shared_data: Path, released: bool, tolerance: float) -> None:
    case = Case.beside(shared_data, "rsbuilding_decoder")
    decoder = case.module(Decoder(32, 1, 256, released=released))
    with torch.inference_mode():
        case.compare(torch.cat(decoder(*case.inputs("x")), 1), tolerance=tolerance)


def test_sizes_have_the_names_of_the_release() -> None:
    with torch.device("meta"):
        state = find("rsbuilding-vit-l").build().state_dict()
    assert state["backbone.pos_embed"].shape == (1, 32, 32, 1024)
    assert state["backbone.layers.22.attn.rel_pos_h"].shape == (13, 64)
    assert state["backbone.layers.23.attn.rel_pos_h"].shape == (63, 64)
    assert state["backbone.layers.23.ffn.layers.0.0.weight"].shape == (4096, 1024)
    assert state["decode_head.simple_fpn.fpn1.3.weight"].shape == (512, 256, 2, 2)
    assert state["decode_head.output_upscaling_cd.3.weight"].shape == (128, 64, 1, 1)


@pytest.fixture(scope="module")
def network() -> RSBuilding:
    torch.manual_seed(0)
    return cast(RSBuilding, find("rsbuilding").build(classes=2, **SMALL).eval())


def test_patches_stand_bfloat16() -> None:
    encoder = SamViT(4, 32, 1, 4, (0,), size=4)  # four bands: where the convolution is wrong on some processors
    image = torch.randn(1, 4, 64, 64)
    with torch.inference_mode():
        wanted = encoder.patch_embed(image)
        torch.testing.assert_close(encoder.patch_embed.projection(image).permute(0, 2, 3, 1), wanted)
        with torch.autocast("cpu", torch.bfloat16):
            assert float((encoder.patch_embed(image) - wanted).abs().max()) < 0.05


def test_answers_follow_the_task(network: RSBuilding) -> None:
    before, after = torch.randn(2, 1, 3, 50, 70)
    with torch.inference_mode():
        change = network(before, after)
        logits, first, second = network(before, after, task="semantic-change")
    assert change.shape == first.shape == second.shape == (1, 2, 50, 70)
    assert logits.shape == (1, 1, 50, 70)
    assert torch.equal(change[:, 1:], logits)
    assert all(float(one[:, 0].abs().max()) == 0 for one in (change, first, second))
    assert not torch.allclose(first, second)


def test_labels_may_lack_on_one_side(network: RSBuilding) -> None:
    pair = torch.randn(2, 1, 3, 32, 32)
    answer = network(*pair, task="semantic-change")
    targets = torch.full((1, 3, 32, 32), -1)
    targets[:, 1] = torch.randint(0, 2, (32, 32))
    SemanticChange().loss(answer, targets).backward()
    query = network.decode_head.building_a_embed.weight.grad
    assert query is not None
    assert float(query.abs().sum()) > 0
    head = network.decode_head.pred_head_cd.layers[2]
    assert isinstance(head, torch.nn.Linear)
    assert head.weight.grad is None or float(head.weight.grad.abs().sum()) == 0  # nothing is said of change
    network.zero_grad()
