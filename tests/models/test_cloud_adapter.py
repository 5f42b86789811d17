"""Cloud-Adapter: how little of it is trained, what its adapter computes, and how masks are matched and counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import Tensor

from swath.errors import CardError
from swath.models import find, load_official
from swath.models.segment._cloud_adapter import Adapter
from swath.models.segment._mask2former import places
from swath.models.segment._mask2former_loss import mask_loss

from .parity import Case

TINY: dict[str, Any] = {"depth": 4, "embed_dim": 32, "num_heads": 2}
SMALL: dict[str, Any] = {
    "foundation": "vit_small_patch14_dinov2",
    "foundation_options": TINY,
    "image_size": 64,
    "context": 8,
    "rank": 4,
    "queries": 5,
    "layers": 2,
}


def test_six_in_a_thousand_of_the_encoder_are_trained() -> None:
    with torch.device("meta"):
        network = find("cloud-adapter").build()
    trained = {key: one.numel() for key, one in network.named_parameters() if one.requires_grad}
    frozen = sum(one.numel() for one in network.parameters() if not one.requires_grad)
    adapter = sum(count for key, count in trained.items() if key.startswith("adapter."))
    assert adapter == 1_828_425
    assert 0.0059 < adapter / (frozen + adapter) < 0.0061
    assert {key.partition(".")[0] for key in trained} == {"adapter", "head"}
    assert network.tapped == (7, 11, 15, 23)


def test_the_adapter_is_that_of_the_release(shared_data: Path) -> None:
    case = Case.beside(shared_data, "cloud_adapter_small")
    adapter = case.module(Adapter(3, 32, 4, 8, 4, released=True))
    image, tokens = case.inputs("image", "tokens")
    with torch.inference_mode():
        context = adapter.cnn(image)
        case.compare(context, "context")
        first, rest = tokens[:, :1], tokens[:, 1:]
        for interact in adapter.net:
            rest = interact(rest, context, (4, 4))
        case.compare(torch.cat([first, rest], 1))


def test_the_convolutions_are_no_linear_map_by_default() -> None:
    torch.manual_seed(0)
    image = torch.randn(1, 3, 32, 32)
    for released in (False, True):
        cnn = Adapter(3, 16, 1, 8, 4, released=released).eval().cnn
        with torch.inference_mode():
            odd = torch.allclose(cnn(-image), -cnn(image), atol=1e-4)
        assert odd is released


def test_training_leaves_the_foundation_as_it_is() -> None:
    torch.manual_seed(0)
    network = find("cloud-adapter").build(classes=2, **SMALL).train()
    assert not network.foundation.training
    assert network.adapter.training
    before = {key: one.clone() for key, one in network.foundation.state_dict().items()}
    targets = torch.randint(-1, 2, (2, 64, 70))
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=0.1)
    network.loss(network(torch.randn(2, 3, 64, 70)), targets, lambda logits, wanted: logits.sum()).backward()
    optimizer.step()
    assert all(torch.equal(one, before[key]) for key, one in network.foundation.state_dict().items())
    assert all(one.grad is not None for key, one in network.adapter.named_parameters())


def test_a_tile_need_not_be_square() -> None:
    torch.manual_seed(0)
    adapter = Adapter(3, 16, 1, 8, 4).eval()
    assert adapter.cnn(torch.randn(1, 3, 32, 96)).shape == (1, 8, 2, 6)
    context, tokens = torch.randn(1, 8, 2, 6), torch.randn(1, 12, 16)
    found = adapter.net[0](tokens, context, (2, 6))
    assert found.shape == tokens.shape
    assert not torch.equal(found, tokens), "the adapter says something from the first step on"


def test_weights_of_the_foundation_are_brought_to_this_size(tmp_path: Path) -> None:
    torch.manual_seed(0)
    donor = timm.create_model("vit_small_patch14_dinov2", pretrained=False, num_classes=0, img_size=56, **TINY)
    torch.save(donor.state_dict(), tmp_path / "dino.pth")
    network = find("cloud-adapter").build(foundation_weights=str(tmp_path / "dino.pth"), **SMALL)
    own, given = network.foundation.state_dict(), donor.state_dict()
    assert own["patch_embed.proj.weight"].shape == (32, 3, 16, 16)
    assert torch.equal(own["pos_embed"], given["pos_embed"]), "four by four patches in both"
    assert torch.equal(own["blocks.3.ls2.gamma"], given["blocks.3.ls2.gamma"])
    larger = find("cloud-adapter").build(foundation_weights=str(tmp_path / "dino.pth"), **(SMALL | {"image_size": 128}))
    assert larger.foundation.pos_embed.shape == (1, 65, 32)
    assert torch.equal(larger.foundation.pos_embed[:, 0], given["pos_embed"][:, 0])
    donor.blocks.pop(3)
    torch.save(donor.state_dict(), tmp_path / "less.pth")
    with pytest.raises(CardError, match=r"blocks\.3"):
        find("cloud-adapter").build(foundation_weights=str(tmp_path / "less.pth"), **SMALL)


def test_files_of_the_release_fit_without_the_foundation() -> None:
    network = find("cloud-adapter").build(**SMALL)
    names = {"adapter.": "backbone.cloud_adapter.", "head.": "decode_head."}
    state: dict[str, Tensor] = {}
    for key, one in network.state_dict().items():
        for own, release in names.items():
            if key.startswith(own):
                state[release + key.removeprefix(own)] = torch.randn_like(one.float()).to(one.dtype)
    for key in (
        "backbone.cloud_adapter.cnn.proj_1x1.conv_dw.weight",
        "backbone.cloud_adapter.cnn.spp_dw.4.bn2.running_mean",
        "backbone.cloud_adapter.net.3.attn.to_out.loramlp.1.weight",
        "decode_head.pixel_decoder.input_convs.2.gn.bias",
        "decode_head.pixel_decoder.encoder.layers.5.self_attn.sampling_offsets.weight",
        "decode_head.pixel_decoder.encoder.layers.0.ffn.layers.0.0.weight",
        "decode_head.pixel_decoder.encoder.layers.0.norms.1.weight",
        "decode_head.pixel_decoder.level_encoding.weight",
        "decode_head.pixel_decoder.lateral_convs.0.conv.weight",
        "decode_head.pixel_decoder.output_convs.0.conv.weight",
        "decode_head.pixel_decoder.mask_feature.bias",
        "decode_head.transformer_decoder.layers.1.cross_attn.attn.in_proj_weight",
        "decode_head.transformer_decoder.layers.1.norms.2.weight",
        "decode_head.transformer_decoder.post_norm.weight",
        "decode_head.cls_embed.bias",
        "decode_head.mask_embed.4.weight",
        "decode_head.query_embed.weight",
        "decode_head.query_feat.weight",
        "decode_head.level_embed.weight",
    ):
        assert key in state
    loaded = load_official("cloud-adapter", state, **SMALL)
    assert torch.equal(loaded.head.cls_embed.bias, state["decode_head.cls_embed.bias"])
    state.pop("decode_head.cls_embed.bias")
    with pytest.raises(CardError, match="cls_embed"):
        load_official("cloud-adapter", state, **SMALL)


def test_places_run_from_nothing_to_a_whole_turn() -> None:
    codes = places(4, 8, torch.zeros(1))
    assert codes.shape == (256, 4, 8)
    turn = torch.tensor([0.25, 0.5, 0.75, 1.0]) * 2 * torch.pi
    assert torch.allclose(codes[0, :, 3], turn.sin(), atol=1e-4)
    assert torch.allclose(codes[1, :, 3], turn.cos(), atol=1e-4)
    assert torch.allclose(codes[128, 2, 3], torch.zeros(()), atol=1e-4), "columns come after rows"


def said(labels: Tensor, kinds: int, *, queries: int = 4, sure: float = 12.0) -> tuple[Tensor, Tensor]:
    """What queries say that find each class of a map: the last query the first class, and so on backwards."""
    classes = torch.full((1, len(labels), queries, kinds + 1), 0.0)
    classes[..., -1] = sure
    masks = torch.full((1, len(labels), queries, *labels.shape[1:]), -sure)
    for label in range(kinds):
        query = queries - 1 - label
        classes[:, :, query, -1], classes[:, :, query, label] = 0.0, sure
        masks[:, :, query] = torch.where(labels == label, sure, -sure)
    return classes, masks


def test_the_loss_is_small_whichever_query_finds_a_class() -> None:
    torch.manual_seed(0)
    labels = torch.zeros(2, 16, 16, dtype=torch.long)
    labels[:, :, 8:] = 1
    classes, masks = said(labels, 2)
    good = mask_loss(classes, masks, labels, 1, points=256)
    assert good < 0.5, "what is left is at edges, where masks lie between pixels"
    order = [2, 0, 3, 1]
    assert mask_loss(classes[:, :, order], masks[:, :, order], labels, 1, points=256) < 0.5
    assert mask_loss(classes, masks, 1 - labels, 1, points=256) > 1, "classes the wrong way round"
    assert mask_loss(classes, -masks, labels, 1, points=256) > 5, "masks the wrong way round"


def test_masks_may_reach_beyond_the_tile() -> None:
    torch.manual_seed(0)
    whole = torch.zeros(1, 16, 16, dtype=torch.long)
    whole[:, :, 5:] = 1
    classes, masks = said(whole, 2)
    large = whole.repeat_interleave(4, 1).repeat_interleave(4, 2)[:, :50, :37]
    assert mask_loss(classes, masks, large, 4, points=512) < 0.5
    assert mask_loss(classes, masks, large.flip(2), 4, points=512) > 1


def test_what_is_not_labelled_does_not_count() -> None:
    torch.manual_seed(0)
    labels = torch.zeros(1, 16, 16, dtype=torch.long)
    labels[:, :, 8:] = 1
    classes, masks = said(labels, 2)
    masks[..., :4] *= -1  # wrong, where nothing is known
    labels[..., :4] = -1
    assert mask_loss(classes, masks, labels, 1, points=256) < 0.5
    nothing = mask_loss(classes, masks, torch.full_like(labels, -1), 1, points=64)
    assert nothing.isfinite()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"image_size": 100}, "multiple of 32"),
        ({"foundation": "resnet18"}, "vision transformer"),
        ({"foundation": "no_such"}, "timm has no"),
        ({"rank": 0}, "1 or more"),
    ],
)
def test_what_cannot_be_built_is_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(CardError, match=words):
        find("cloud-adapter").build(**wrong)
