"""LENet computes what its release computes, up to the last layers, and has the release's weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from swath.errors import CardError
from swath.models import find, load_official
from swath.models.change._lenet import CSDW, Blocks, Body, Squeeze, exchanged

from .parity import Case

SMALL: dict[str, Any] = {"width": 16, "depths": (1, 1, 1, 1), "heads": (1, 2, 4, 8), "hidden": 64}


def test_modules_are_those_of_the_release(shared_data: Path) -> None:
    with torch.inference_mode():
        case = Case.read(shared_data, "lenet_cdweights")
        before, after = case.module(CSDW(16))(*case.inputs("a", "b"))
        case.compare(before, "out.0")
        case.compare(after, "out.1")
        case = Case.read(shared_data, "lenet_swintv2")
        case.compare(case.module(Blocks(32, 4, 16))(*case.inputs("x")))
        case = Case.read(shared_data, "lenet_se")
        case.compare(case.module(Squeeze(64, 32))(*case.inputs("x")))


def test_the_body_is_that_of_the_release(shared_data: Path) -> None:
    case = Case.beside(shared_data, "lenet_body_small")
    body = case.module(Body(3, *SMALL.values()))
    with torch.inference_mode():
        for number, found in enumerate(body(*case.inputs("before", "after"))):
            case.compare(found, f"out.{number}")


def test_the_body_has_the_weights_of_the_release() -> None:
    with torch.device("meta"):
        network = find("lenet").build()
    assert sum(one.numel() for one in network.model.parameters()) == 164_521_704
    state = network.model.state_dict()
    assert len(state) == 997
    assert state["model.layers_1.blocks.0.attn.qkv.weight"].shape == (768, 256)
    assert state["decode_layersB.4.blocks.1.attn.logit_scale"].shape == (32, 1, 1)
    counts = {"model": 421, "rwe": 120, "decode_layersA": 136, "channelB": 40, "fpnA": 16, "re_weight2": 24}
    assert {key: sum(name.startswith(f"{key}.") for name in state) for key in counts} == counts


def test_what_never_runs_is_left_out() -> None:
    donor = find("lenet").build(**SMALL)
    state = {**donor.state_dict(), "backbone.patch_embed.projection.weight": torch.zeros(96, 3, 4, 4)}
    network = load_official("lenet", state, **SMALL)
    assert all(torch.equal(one, donor.state_dict()[key]) for key, one in network.state_dict().items())


def test_the_encoder_is_taken_from_timm(tmp_path: Path) -> None:
    from timm.models.swin_transformer_v2 import SwinTransformerV2

    torch.manual_seed(0)
    donor = SwinTransformerV2(img_size=256, embed_dim=16, depths=(1, 1, 1, 1), num_heads=(1, 2, 4, 8), window_size=8)
    torch.save(donor.state_dict(), tmp_path / "swin.pth")
    network = find("lenet").build(**SMALL, encoder_weights=str(tmp_path / "swin.pth")).eval()
    x = torch.randn(1, 3, 256, 256)
    stages = network.model.model
    with torch.inference_mode():
        found = x
        for stage in stages.values():
            found = stage(found)
        wanted = donor.eval().layers(donor.patch_embed(x))
    torch.testing.assert_close(found, wanted)


def test_every_second_level_changes_places() -> None:
    before, after = ([torch.tensor(10 * date + level) for level in range(4)] for date in (1, 2))
    found = exchanged(before, after)
    assert [[int(one) for one in date] for date in found] == [[20, 11, 22, 13], [10, 21, 12, 23]]
    assert exchanged(*found) == (before, after)


def test_the_coarser_answers_count_less() -> None:
    network = find("lenet").build(**SMALL)
    answer = tuple(torch.full((1, 2, 4, 4), value) for value in (1.0, 10.0, 100.0))
    found = network.loss(answer, torch.zeros(1, 4, 4), lambda logits, targets: logits.mean() + targets.sum())
    assert float(found) == pytest.approx(1 + 0.3 * 110)


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(CardError, match="must be of four scales; found 4 and 2"):
        find("lenet").build(heads=(1, 2))
    with pytest.raises(CardError, match="multiple of 64; found 100"):
        find("lenet").build(hidden=100)
