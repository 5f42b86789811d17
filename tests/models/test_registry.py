"""Networks by name: which there are, how one is asked for, and what is said where it cannot be had."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from swath.errors import CardError
from swath.models import Card, Model, describe, find, load, load_official, names, registry
from swath.models.header import NetworkSpec
from swath.models.weights import save_weights

SMALL: dict[str, dict[str, Any]] = {
    "unet": {"encoder_depth": 3, "decoder_channels": (16, 8, 8)},
    "unetplusplus": {"encoder_depth": 3, "decoder_channels": (16, 8, 8)},
    "fpn": {"decoder_pyramid_channels": 32, "decoder_segmentation_channels": 32},
    "deeplabv3plus": {"decoder_channels": 32},
}
"""Options that make a network quick to run."""


def build(name: str, card: Card, **config: Any) -> Model:
    return Model.build(name, card=card, **{"encoder": "mobilenet_v2", "decoder_options": SMALL[name], **config})


def test_names_can_be_chosen_by_task() -> None:
    assert {"unet", "unetplusplus", "fpn", "deeplabv3plus"} <= set(names("segmentation"))
    assert "unet" not in names("detection")
    assert "unet" in names(weights=False)
    assert "unet" not in names(weights=True)


@pytest.mark.parametrize("name", ["lenet", "fsgnet", "mapformer", "rsbuilding-vit-l", "rsbuilding-swin-t"])
def test_what_could_not_be_checked_is_told(name: str) -> None:
    assert f"  unchecked  {find(name).unchecked}" in describe(name).splitlines()
    assert "release" in find(name).unchecked
    assert "unchecked" not in describe("mambabcd")


def test_unknown_names_and_arguments(card: Card, tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"no network is called 'unett', and no file either; did you mean unet"):
        load("unett")
    with pytest.raises(CardError, match=r"no network is called 'zzz', and no file either; there are .*deeplabv3plus"):
        find("zzz")
    with pytest.raises(CardError, match=r"unet is a network without weights; .* Model\.build\('unet', card=\.\.\.\)"):
        load("unet")
    with pytest.raises(CardError, match=r"gone\.swath: there is no such weight file"):
        load("gone.swath")
    with pytest.raises(CardError, match="no such weight file"):
        load(str(tmp_path))
    with pytest.raises(
        CardError, match="unet: got an unexpected keyword argument 'depth'; it takes in_channels, classes"
    ):
        Model.build("unet", card=card, depth=3)
    with pytest.raises(CardError, match=r"Unet with encoder 'resnet19' cannot be built: .*resnet18"):
        Model.build("unet", card=card, encoder="resnet19")
    with pytest.raises(CardError, match=r"FPN has no option 'dept'; it has activation, .*decoder_merge_policy"):
        Model.build("fpn", card=card, encoder="resnet18", decoder_options={"dept": 3})


def test_arguments_that_cannot_be_kept_are_refused() -> None:
    with pytest.raises(CardError, match="NetworkSpec: config: arguments of a network are kept as JSON"):
        NetworkSpec(name="own", config={"act": nn.ReLU})


def test_encoder_weights_from_a_local_file_are_taken_once(card: Card, tmp_path: Path) -> None:
    donor = build("unet", card, encoder="resnet18").network
    state = {key.removeprefix("encoder."): t for key, t in donor.state_dict().items() if key.startswith("encoder.")}
    torch.save(state | {"fc.weight": torch.ones(10, 512), "fc.bias": torch.ones(10)}, tmp_path / "resnet18.pth")
    model = build("unet", card, encoder="resnet18", encoder_weights=str(tmp_path / "resnet18.pth"))
    own = model.network.state_dict()
    assert all(torch.equal(own[f"encoder.{key}"], tensor) for key, tensor in state.items())
    assert model.spec is not None
    assert "encoder_weights" not in model.spec.config
    path = model.save(tmp_path / "a.swath")
    (tmp_path / "resnet18.pth").unlink()
    assert load(path).hash == model.hash
    torch.save({**state, "conv1.weight": torch.ones(64, 5, 7, 7)}, tmp_path / "five.pth")
    with pytest.raises(CardError, match=r"conv1\.weight \(64, 5, 7, 7\) not \(64, 4, 7, 7\)"):
        build("unet", card, encoder="resnet18", encoder_weights=str(tmp_path / "five.pth"))


def test_official_weights_load_strictly(card: Card) -> None:
    config = {"in_channels": 4, "classes": 3, "encoder": "mobilenet_v2", "decoder_options": SMALL["unet"]}
    release = find("unet").build(**config).eval()
    state = release.state_dict()
    network = load_official("unet", {f"module.{k}": v for k, v in state.items()}, prefix="module.", **config)
    x = torch.rand(1, 4, 64, 64)
    with torch.inference_mode():
        assert torch.equal(network(x), release(x))
    key = next(iter(state))
    with pytest.raises(CardError, match=rf"1 missing \({key}"):
        load_official("unet", {k: v for k, v in state.items() if k != key}, **config)


@pytest.fixture
def own_entry(card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Card:
    """A network of one's own, in two sizes, one of them with weights."""
    monkeypatch.setattr(registry, "_ENTRIES", dict(registry._ENTRIES))

    def made(in_channels: int, classes: int, width: int = 4) -> nn.Module:
        return nn.Sequential(nn.Conv2d(in_channels, width, 3, padding=1), nn.Conv2d(width, classes, 1))

    tiny = card.with_(name="made-tiny", licence="CC-BY-4.0")
    spec = NetworkSpec(name="made-tiny", config={"in_channels": 4, "classes": 3})
    path = save_weights(tmp_path / "made-tiny.swath", made(4, 3, 2).state_dict(), tiny, network=spec)
    registry.register(
        "made",
        title="Made here",
        tasks=("segmentation",),
        sizes={"tiny": {"width": 2}},
        weights={"made-tiny": path},
    )(made)
    return tiny


def test_sizes_cards_and_weights(own_entry: Card) -> None:
    assert {"made", "made-tiny"} <= set(names())
    assert "made-tiny" in names(weights=True)
    assert "made" not in names(weights=True)
    model = load("made-tiny")
    assert model.card == own_entry
    assert model(torch.rand(1, 1, 4, 32, 32)).shape == (1, 3, 32, 32)
    assert find("made-tiny").build(in_channels=1, classes=1)[0].weight.shape == (2, 1, 3, 3)
    assert "CC-BY-4.0" in describe("made-tiny")
    assert "no weights: train it" in describe("made")
    with pytest.raises(CardError, match="two networks are registered as 'made'"):
        registry.register("made", title="Again", tasks=("segmentation",))(lambda: nn.Identity())


def test_a_file_describes_itself(unet: Model, tmp_path: Path) -> None:
    path = unet.with_card(licence="MIT").save(tmp_path / "a.swath")
    assert "licence       MIT" in describe(path)
    assert describe(str(path)) == describe(path)


def test_listing_is_quick_and_without_torch() -> None:
    code = "import sys; from swath.models import names; names(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
