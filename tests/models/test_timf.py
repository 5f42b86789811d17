"""TIMF: heights in the stack or beside it, and tokens that choose between the two."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from swath.errors import CardError
from swath.models import find
from swath.models.segment._timf import Fusion
from swath.nn.mix_transformer import MixTransformer

SMALL = {"widths": (8, 16, 24, 32), "depths": (1, 1, 1, 1), "heads": (1, 2, 2, 4), "decoder_width": 16}


def test_a_stack_is_the_same_as_image_and_height_apart() -> None:
    torch.manual_seed(0)
    network = find("timf").build(**SMALL).eval()
    image, height = torch.randn(1, 3, 40, 64), torch.randn(1, 1, 40, 64)
    with torch.inference_mode():
        apart = network(image, height)
        assert apart.shape == (1, 7, 40, 64)
        assert torch.equal(network(torch.cat([image, height], 1)), apart)
        assert not torch.allclose(network(image, height + 3), apart, atol=1e-3), "heights count"
        assert not torch.allclose(network(image + 3, height), apart, atol=1e-3), "the image counts"


def test_each_token_chooses_between_image_and_height() -> None:
    torch.manual_seed(0)
    fusion = Fusion(None, 8, 2, 1)
    image, height = torch.randn(2, 8, 4, 6), torch.randn(2, 8, 4, 6)
    shares = fusion.shares(image, height)
    assert torch.allclose(shares.sum(1), torch.ones(2, 4, 6), atol=1e-6)
    assert shares.std() > 0, "places differ"
    for part in (fusion.look.proj, fusion.mlp[2]):
        torch.nn.init.zeros_(part.weight)
        torch.nn.init.zeros_(part.bias)
    torch.nn.init.zeros_(fusion.choose[2].weight)
    fusion.choose[2].bias.data = torch.tensor([-50.0, 50.0])
    assert torch.allclose(fusion(None, image, height), (image + height) / 2 + height, atol=1e-5)


def test_both_encoders_take_the_weights_of_one_image_encoder(tmp_path: Path) -> None:
    donor = MixTransformer(3, SMALL["widths"], SMALL["depths"], SMALL["heads"])
    torch.save(donor.state_dict(), tmp_path / "mit.pth")
    network = find("timf").build(encoder_weights=str(tmp_path / "mit.pth"), **SMALL)
    height = torch.randn(1, 1, 64, 64)
    with torch.inference_mode():
        wanted = donor.eval()(height.expand(-1, 3, -1, -1))
        found = network.get_submodule("height_encoder").eval()(height)
    assert all(torch.allclose(one, other, atol=1e-4) for one, other in zip(found, wanted, strict=True))


def test_an_image_without_bands_is_refused() -> None:
    with pytest.raises(CardError, match="image and heights together"):
        find("timf").build(in_channels=1)
