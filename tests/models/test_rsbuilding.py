"""RSBuilding: encoder and decoder as released, and what it answers to which task."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch
from timm.layers.drop import DropPath

from swath.errors import CardError
from swath.models import find, load_official
from swath.models.change._rsbuilding import Decoder, RSBuilding
from swath.nn.sam_vit import SamViT
from swath.tasks.semantic_change import SemanticChange

from .parity import Case

SWIN: dict[str, Any] = {"width": 8, "depth": (2, 1, 1, 1), "heads": (1, 2, 4, 8), "window": 4, "decoder_width": 32}
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


def test_both_parts_load_by_the_names_of_the_release(shared_data: Path) -> None:
    encoder, decoder = (Case.beside(shared_data, f"rsbuilding_{part}") for part in ("encoder", "decoder"))
    shape = {"width": 32, "depth": 3, "heads": 4, "whole": (1,), "window": 3, "image_size": 80, "decoder_width": 256}
    own = cast(RSBuilding, find("rsbuilding").build(**shape))
    state = {f"backbone.{key}": one for key, one in encoder.state(own.backbone).items()}
    state |= {f"decode_head.{key}": one for key, one in decoder.state(own.decode_head).items()}
    checkpoint = {f"state_dict.{key}": one for key, one in state.items()} | {"meta.epoch": torch.tensor(1)}
    network = cast(RSBuilding, load_official("rsbuilding", checkpoint, prefix="state_dict.", released=True, **shape))
    with torch.inference_mode():
        encoder.compare(network.backbone(*encoder.inputs("image")))
        decoder.compare(torch.cat(network.decode_head(*decoder.inputs("x")), 1))


@pytest.mark.parametrize(("released", "tolerance"), [(True, 1e-4), (False, 1e-3)])
def test_the_network_on_swin_is_that_of_the_release(shared_data: Path, released: bool, tolerance: float) -> None:
    case = Case.beside(shared_data, "rsbuilding_swin")
    config = {"width": 16, "depth": (2, 2, 2, 2), "heads": (1, 2, 4, 8), "window": 5}
    network = cast(RSBuilding, case.official("rsbuilding", released=released, **config))
    images = case.inputs("before", "after")
    with torch.inference_mode():
        for number, level in enumerate(network.backbone(torch.cat(images))):
            case.compare(level, f"level_{number}")
        case.compare(torch.cat(network.maps(*images), 1), tolerance=tolerance)


def test_the_network_on_swin_is_loaded_strictly(shared_data: Path) -> None:
    case = Case.beside(shared_data, "rsbuilding_swin")
    config = {"width": 16, "depth": (2, 2, 2, 2), "heads": (1, 2, 4, 8), "window": 5}
    state = case.state(torch.nn.Identity())
    del state["backbone.stages.1.blocks.0.attn.w_msa.qkv.bias"], state["decode_head.simple_fpn.fpn_convs.3.conv.bias"]
    with pytest.raises(CardError, match=r"4 missing \(backbone.*query.*fpn_convs\.3") as told:
        load_official("rsbuilding", state | {"backbone.norm4.weight": torch.ones(1)}, **config)
    assert "1 unexpected (backbone.hidden_states_norms.stage5.weight" in str(told.value)


@pytest.mark.parametrize(
    ("size", "parameters", "tensors", "blocks"), [("swin-t", 38_002_106, 407, 12), ("swin-b", 97_484_664, 575, 24)]
)
def test_sizes_on_swin_have_as_many_weights_as_the_release(
    size: str, parameters: int, tensors: int, blocks: int
) -> None:
    with torch.device("meta"):
        network = find(f"rsbuilding-{size}").build()
    assert sum(one.numel() for one in network.parameters()) == parameters
    # Queries, keys and values, which are one there, are three here, with weight and bias each.
    assert len(network.state_dict()) == tensors + 4 * blocks


def test_sizes_have_the_names_of_the_release() -> None:
    with torch.device("meta"):
        state = find("rsbuilding-vit-l").build().state_dict()
    assert state["backbone.pos_embed"].shape == (1, 32, 32, 1024)
    assert state["backbone.layers.22.attn.rel_pos_h"].shape == (13, 64)
    assert state["backbone.layers.23.attn.rel_pos_h"].shape == (63, 64)
    assert state["backbone.layers.23.ffn.layers.0.0.weight"].shape == (4096, 1024)
    assert state["decode_head.simple_fpn.fpn1.3.weight"].shape == (512, 256, 2, 2)
    assert state["decode_head.output_upscaling_cd.3.weight"].shape == (128, 64, 1, 1)


@pytest.fixture(scope="module", params=[SMALL, SWIN], ids=["vit", "swin"])
def network(request: pytest.FixtureRequest) -> RSBuilding:
    torch.manual_seed(0)
    return cast(RSBuilding, find("rsbuilding").build(classes=2, **request.param).eval())


SAM = {
    ".ffn.layers.0.0.": ".mlp.lin1.",
    ".ffn.layers.1.": ".mlp.lin2.",
    ".ln": ".norm",
    ".projection.": ".proj.",
    "layers.": "blocks.",
}


def in_sams_names(key: str) -> str:
    for here, theirs in SAM.items():
        key = key.replace(here, theirs)
    return f"image_encoder.{key}"


def test_the_encoder_is_taken_from_sam(tmp_path: Path) -> None:
    torch.manual_seed(2)
    donor = SamViT(3, 32, 2, 4, (1,), window=14, size=8)
    for one in donor.parameters():
        one.data.normal_()
    given = {in_sams_names(key): one for key, one in donor.state_dict().items()}
    assert "image_encoder.blocks.0.mlp.lin1.weight" in given
    assert "image_encoder.blocks.1.norm2.bias" in given
    path = tmp_path / "sam.pth"
    torch.save({**given, "image_encoder.neck.0.weight": torch.ones(1), "mask_decoder.x": torch.ones(1)}, path)
    network = cast(RSBuilding, find("rsbuilding").build(encoder_weights=str(path), **SMALL))
    taken = network.backbone.state_dict()
    changed = {key for key, one in donor.state_dict().items() if taken[key].shape != one.shape}
    assert changed == {"pos_embed", *(f"layers.{at}.attn.rel_pos_{axis}" for at in (0, 1) for axis in "hw")}
    assert all(torch.equal(taken[key], one) for key, one in donor.state_dict().items() if key not in changed)
    # The middle of a table stands for no difference, and stays the middle.
    donor.layers[0].get_parameter("attn.rel_pos_h").data[13] += 1e3
    torch.save({in_sams_names(key): one for key, one in donor.state_dict().items()}, path)
    again = cast(RSBuilding, find("rsbuilding").build(encoder_weights=str(path), **SMALL)).backbone.state_dict()
    assert int((again["layers.0.attn.rel_pos_h"] - taken["layers.0.attn.rel_pos_h"])[:, 0].argmax()) == 6
    with pytest.raises(CardError, match="the weights do not fit the network"):
        find("rsbuilding").build(encoder_weights=str(path), **{**SMALL, "depth": 1})


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


@pytest.mark.parametrize("size", [(1, 1), (33, 150), (160, 7)])
def test_swin_takes_any_size(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    own = cast(RSBuilding, find("rsbuilding").build(**SWIN).eval())
    pair = torch.randn(2, 1, 3, *size)
    with torch.inference_mode():
        found = own(*pair)
        assert found.shape == (1, 1, *size)
        assert not torch.allclose(found, own(*pair.flip(0)), atol=1e-4)  # the order of dates counts


def test_swin_may_leave_out_both_halves_of_a_block() -> None:
    own = cast(RSBuilding, find("rsbuilding").build(**SWIN, drop_path=0.4))
    drops = [one.drop_prob for one in own.backbone.modules() if isinstance(one, DropPath)]
    assert drops == pytest.approx([0, 0, 0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4])


def test_encoders_that_are_none_are_refused() -> None:
    with pytest.raises(CardError, match=r"one number each, or four each for Swin; found \(2, 2, 6, 2\) and 12"):
        find("rsbuilding").build(depth=(2, 2, 6, 2))
    with pytest.raises(CardError, match=r"or four each for Swin; found \(1, 1\) and \(1, 2, 4, 8\)"):
        find("rsbuilding").build(**{**SWIN, "depth": (1, 1)})
    with pytest.raises(CardError, match="width 8, doubled from scale to scale, must be a multiple of heads"):
        find("rsbuilding").build(**{**SWIN, "heads": (1, 2, 4, 7)})
