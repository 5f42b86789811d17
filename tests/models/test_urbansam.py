"""UrbanSAM: what is frozen, how the adapter parts scales, where attention looks, and SAM's names."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from swath.errors import CardError
from swath.models import find
from swath.models.segment._urbansam import Alignment
from swath.models.segment._uscaling import LowPass, Uscaling

SMALL = {
    "width": 32,
    "depth": 4,
    "heads": 2,
    "whole": (1, 3),
    "window": 2,
    "image_size": 64,
    "neck": 32,
    "adapter_width": 8,
}


def test_sam_is_frozen_but_for_matrices_of_small_rank() -> None:
    with torch.device("meta"):
        network = find("urbansam-b").build()
    frozen = sum(one.numel() for one in network.parameters() if not one.requires_grad)
    assert frozen == 89_670_912, "SAM's image encoder of size b"
    inside = {key: one for key, one in network.encoder.named_parameters() if one.requires_grad}
    assert {key.split(".")[-2] for key in inside} == {"down", "up_q", "up_v"}
    assert sum(one.numel() for one in inside.values()) == 12 * (768 * 16 + 2 * 8 * 768)


def test_at_first_the_encoder_is_as_sam_has_it() -> None:
    torch.manual_seed(0)
    network = find("urbansam").build(**SMALL).eval()
    image = torch.randn(1, 3, 64, 128)
    with torch.inference_mode():
        maps = network.adapter(image)
        found = network._tokens(image, maps, network.suppose(maps[2]))
        assert torch.equal(found.permute(0, 3, 1, 2), network.encoder(image))
        for align in network.align:
            align.share.fill_(1.0)
        assert not torch.allclose(network._tokens(image, maps, network.suppose(maps[2])), found)


def test_coarse_and_fine_are_the_whole_and_no_fine_pattern_gets_through() -> None:
    low = LowPass()
    x = torch.randn(2, 3, 16, 24)
    coarse = low(x)
    assert coarse.shape == (2, 3, 8, 12)
    assert torch.allclose(low(torch.full((1, 1, 8, 8), 2.0)), torch.full((1, 1, 4, 4), 2.0))
    board = (torch.arange(16)[:, None] + torch.arange(16)) % 2 * 2.0 - 1.0
    assert low(board[None, None])[..., 1:-1, 1:-1].abs().max() < 1e-6
    adapter = Uscaling(3, 4)
    adapter.fine = adapter.coarse = torch.nn.Identity()
    y = torch.randn(1, 4, 64, 64)
    assert torch.allclose(adapter.scales(y)[0], y, atol=1e-5)


def test_scales_share_what_they_are_seen_by() -> None:
    torch.manual_seed(0)
    adapter = Uscaling(3, 8)
    seen: list[tuple[int, ...]] = []
    adapter.fine.register_forward_hook(lambda module, given, answer: seen.append(tuple(answer.shape[2:])))
    maps = adapter(torch.randn(1, 3, 128, 64))
    assert [tuple(one.shape[2:]) for one in maps] == seen == [(32, 16), (16, 8), (8, 4), (4, 2)]


def test_tokens_look_only_where_an_object_is_supposed() -> None:
    torch.manual_seed(0)
    align = Alignment(16, 8, 16)
    torch.nn.init.ones_(align.share)
    x, seen = torch.randn(2, 3, 3, 16), torch.randn(2, 8, 4, 4)
    there = torch.zeros(2, 1, 4, 4, dtype=torch.bool)
    there[0, 0, 1, 2] = True
    other = seen.clone()
    other[0, :, 0, 0] += 5.0  # not looked at
    other[1, :, 0, 0] += 5.0  # nothing is supposed here, so all is
    with torch.inference_mode():
        before, after = align(x, seen, there), align(x, other, there)
    assert torch.equal(before[0], after[0])
    assert not torch.allclose(before[1], after[1])
    assert before.isfinite().all()


def test_the_loss_counts_all_scales_and_their_agreement() -> None:
    network = find("urbansam").build(**SMALL)
    answer = tuple(torch.full((1, 1, 2, 2), value) for value in (0.0, 0.0, 100.0, 7.0))

    def of(logits: Tensor, targets: Tensor) -> Tensor:
        return logits.mean()

    loss = network.loss(answer, torch.zeros(1, 2, 2, dtype=torch.long), of)
    assert loss.item() == pytest.approx(0.25 * 100 + 0.25 * 7 + 0.1 * 0.25)


def test_the_encoder_takes_weights_by_the_names_of_sam(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = find("urbansam").build(**SMALL)
    names = {
        "patch_embed.projection.": "patch_embed.proj.",
        "layers.": "blocks.",
        ".ln1.": ".norm1.",
        ".ln2.": ".norm2.",
        ".ffn.blocks.0.0.": ".mlp.lin1.",
        ".ffn.blocks.1.": ".mlp.lin2.",
    }
    state: dict[str, Tensor] = {"mask_decoder.iou_token.weight": torch.zeros(1, 256)}
    for part in ("encoder", "neck"):
        for key, tensor in network.get_submodule(part).state_dict().items():
            if ".qkv.down." in key or ".qkv.up_" in key:
                continue
            for own, sam in names.items():
                key = key.replace(own, sam)
            state[f"image_encoder.{'neck.' if part == 'neck' else ''}{key}"] = torch.randn_like(tensor)
    torch.save(state, tmp_path / "sam.pth")
    loaded = find("urbansam").build(sam_weights=str(tmp_path / "sam.pth"), **SMALL)
    assert torch.equal(loaded.encoder.layers[3].attn.qkv.weight, state["image_encoder.blocks.3.attn.qkv.weight"])
    assert torch.equal(loaded.encoder.layers[0].ffn.layers[0][0].bias, state["image_encoder.blocks.0.mlp.lin1.bias"])
    assert torch.equal(loaded.neck[2].weight, state["image_encoder.neck.2.weight"])
    state.pop("image_encoder.pos_embed")
    torch.save(state, tmp_path / "less.pth")
    with pytest.raises(CardError, match="pos_embed"):
        find("urbansam").build(sam_weights=str(tmp_path / "less.pth"), **SMALL)


@pytest.mark.parametrize(("wrong", "said"), [({"depth": 3}, "4 or more"), ({"neck": 20}, "multiple of 32")])
def test_what_cannot_be_built_is_refused(wrong: dict[str, int], said: str) -> None:
    with pytest.raises(CardError, match=said):
        find("urbansam").build(**wrong)
