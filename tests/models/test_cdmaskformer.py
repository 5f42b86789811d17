"""CDMaskFormer computes what its release computes; the default form gives probabilities that may all be small."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from swath.errors import CardError
from swath.models import find, load_official
from swath.nn.deformable import DeformableAttention, centres

from .parity import Case


def test_answers_are_those_of_the_release(shared_data: Path) -> None:
    case = Case.read(shared_data, "cdmask")
    network = case.official("cdmaskformer", released=True)
    network.training = True  # of the network alone, so that it gives all it has
    with torch.inference_mode():
        answer, classes, masks = network(*case.inputs("a", "b"))
    case.compare(answer, "out.0")
    parts = [f"out.1.aux_outputs.{layer}" for layer in range(13)] + ["out.1"]
    for part, said, mask in zip(parts, classes, masks, strict=True):
        case.compare(said, f"{part}.pred_logits", 1e-3)
        case.compare(mask, f"{part}.pred_masks", 1e-3)


def test_weights_of_the_release_fit_without_what_never_counts() -> None:
    with torch.device("meta"):
        released = find("cdmaskformer").build(released=True)
    assert len(released.state_dict()) == 1273
    state = {key: torch.empty_like(one, device="cpu") for key, one in released.state_dict().items()}
    network = load_official("cdmaskformer", state)
    assert sum(one.numel() for one in network.parameters()) == 33_523_772 - 7_786_984


def test_a_tile_without_change_may_be_empty() -> None:
    torch.manual_seed(0)
    network = find("cdmaskformer").build(layers=2).eval()
    x = torch.randn(2, 1, 3, 40, 70)
    with torch.inference_mode():
        network.get_parameter("decoderhead.sem_seg_head.predictor.class_embed.bias").copy_(torch.tensor([20.0, 0.0]))
        assert network(*x).max() < -5
        network.released = True
        stretched = network(*x)
    assert (stretched.min(), stretched.max()) == (0, 1)


def test_the_best_query_learns_the_change_and_the_others_none() -> None:
    torch.manual_seed(0)
    network = find("cdmaskformer").build(layers=2)
    targets = torch.full((3, 64, 64), -1)
    targets[0, :, :32], targets[0, :, 32:48] = 1, 0  # one changed in part
    targets[1, :32] = 0  # one not changed
    targets[2] = 1  # one changed everywhere
    x = torch.where(targets[..., None] == 1, 20.0, -20.0).movedim(-1, 1)
    masks = torch.nn.functional.avg_pool2d(x, 4).repeat(1, 5, 1, 1)
    masks[:, [0, 1, 3, 4]] *= -1  # the third query is right
    classes = torch.zeros(3, 5, 2)
    classes[..., 0] = 20
    classes[[0, 2], 2] = torch.tensor([0.0, 20.0])

    def loss(classes: torch.Tensor, masks: torch.Tensor) -> float:
        answer = (x, classes[None], masks[None])
        return float(network.loss(answer, targets, lambda logits, wanted: logits.sum()))

    assert loss(classes, masks) < 0.1
    assert loss(classes.flip(-1), masks) > 10, "classes"
    assert loss(classes, -masks.flip(1)) > 0.5, "masks"
    network.released = True
    assert loss(classes, masks) > 0.5, "the release takes a tile that changed everywhere for one that did not"


def test_deformable_attention_looks_where_it_is_told() -> None:
    sizes = [(4, 6), (2, 3)]
    layer = DeformableAttention(8, levels=2, heads=2, points=3)
    at = centres(sizes, torch.zeros(1))
    torch.testing.assert_close(at[7], torch.tensor([1.5 / 6, 1.5 / 4]))
    torch.testing.assert_close(at[-1], torch.tensor([2.5 / 3, 1.5 / 2]))
    memory = torch.randn(2, 30, 8)
    torch.nn.init.zeros_(layer.sampling_offsets.bias)
    with torch.inference_mode():
        found = layer(torch.zeros(2, 24, 8), at[:24], memory, sizes)
        fine = layer.value_proj(memory[:, :24])
        coarse = layer.value_proj(memory[:, 24:]).transpose(1, 2).unflatten(2, (2, 3))
        grid = (2 * at[:24] - 1).expand(2, 1, -1, -1)
        seen = torch.nn.functional.grid_sample(coarse, grid, align_corners=False)[:, :, 0].transpose(1, 2)
        torch.testing.assert_close(found, layer.output_proj((fine + seen) / 2))


def test_it_tells_change_alone() -> None:
    with pytest.raises(CardError, match="one channel, of change; found classes=2"):
        find("cdmaskformer").build(classes=2)


def test_it_learns_at_odd_sizes() -> None:
    torch.manual_seed(0)
    network = find("cdmaskformer").build(in_channels=2, queries=3, layers=5)
    answer = network(*torch.randn(2, 2, 2, 40, 70))
    assert [tuple(part.shape) for part in answer] == [(2, 1, 40, 70), (5, 2, 3, 2), (5, 2, 3, 16, 24)]
    network.loss(answer, torch.randint(-1, 2, (2, 40, 70)), lambda logits, wanted: logits.sum()).backward()
    assert all(one.grad is not None and one.grad.isfinite().all() for one in network.parameters())
