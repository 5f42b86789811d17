"""First weights of encoders for pixels: from files for red, green and blue, for other bands by their light."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file

from swath.errors import CardError
from swath.models import Card, Model, find

LIGHT = [665, 612.5, 490, 842]
SIZE = {"in_channels": 3, "classes": 2}
FEW: dict[str, Any] = {"decoder_channels": [16, 16, 8, 8, 8]}


def saved(state: dict[str, Any], file: Path) -> str:
    save_file({key: tensor.contiguous() for key, tensor in state.items()}, file)
    return str(file)


def by_light(own: torch.Tensor) -> torch.Tensor:
    red, green, blue = own.unbind(1)
    return torch.stack([red, (red + green) / 2, blue, red], 1) * 3 / 4


@pytest.mark.parametrize(("encoder", "first"), [("resnet18", "conv1.weight"), ("mit_b0", "patch_embed1.proj.weight")])
def test_the_first_layer_follows_the_light_and_not_the_position(encoder: str, first: str, tmp_path: Path) -> None:
    said: dict[str, Any] = {"classes": 2, "encoder": encoder}
    state = find("fpn").build(in_channels=3, **said).get_submodule("encoder").state_dict()
    said["encoder_weights"] = saved(state, tmp_path / "rgb.safetensors")
    wider = find("fpn").build(in_channels=4, wavelengths=LIGHT, **said).get_submodule("encoder").state_dict()
    torch.testing.assert_close(wider[first], by_light(state[first]), rtol=1e-4, atol=1e-6)
    assert all(torch.equal(wider[key], tensor) for key, tensor in state.items() if key != first)
    turned = find("fpn").build(in_channels=3, wavelengths=[490, 560, 665], **said).get_submodule("encoder").state_dict()
    torch.testing.assert_close(turned[first], state[first].flip(1))
    plain = find("fpn").build(in_channels=3, **said).get_submodule("encoder").state_dict()
    assert torch.equal(plain[first], state[first]), "three bands of which nobody says more are red, green and blue"
    with pytest.raises(CardError, match="not all have a wavelength"):
        find("fpn").build(in_channels=4, wavelengths=[665, None, 490, 842], **said)


@pytest.mark.parametrize("encoder", ["resnet10t", "convnext_atto", "regnetx_002"])
def test_encoders_of_timm_give_what_they_give_by_themselves(encoder: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    whole = timm.create_model(encoder, num_classes=7).eval()
    file = saved(whole.state_dict(), tmp_path / "encoder.safetensors")
    network = find("unet").build(**SIZE, encoder=f"tu-{encoder}", encoder_weights=file, decoder_options=FEW).eval()
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        found = network.get_submodule("encoder")(x)[-1]
        wanted = whole.forward_features(x) if encoder != "convnext_atto" else whole.stages(whole.stem(x))
        torch.testing.assert_close(found, wanted)
    with pytest.raises(CardError, match="do not fit"):
        find("unet").build(**SIZE, encoder="tu-resnet18", encoder_weights=file, decoder_options=FEW)


def test_a_model_of_a_card_takes_the_light_of_its_bands(card: Card, tmp_path: Path) -> None:
    whole = timm.create_model("resnet10t", num_classes=7)
    file = saved(whole.state_dict(), tmp_path / "encoder.safetensors")
    model = Model.build("unet", card=card, encoder="tu-resnet10t", encoder_weights=file, decoder_options=FEW)
    centres = [band.wavelength[1] for band in card.inputs[0].bands if band.wavelength]
    red = min(range(len(centres)), key=lambda at: abs(centres[at] - 665))
    made = model.network.state_dict()["encoder.model.conv1.0.weight"]
    torch.testing.assert_close(
        made[:, red], whole.state_dict()["conv1.0.weight"][:, 0] * 3 / len(centres), rtol=0.05, atol=1e-3
    )
    assert model.spec is not None
    assert set(model.spec.config) == {"in_channels", "classes", "encoder", "decoder_options"}
    assert Model.load(model.save(tmp_path / "a.swath")).hash == model.hash
