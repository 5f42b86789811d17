"""DDPM-CD: as many weights as its release, features that repeat, a head that uses the finest of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from swath.errors import CardError
from swath.models import find, load_official
from swath.models.change._ddpmcd import Head
from swath.models.change._diffusion import UNet

from .parity import Case

SMALL: dict[str, Any] = {"inner": 32, "multipliers": (1, 1, 2), "blocks": 1, "steps": (50, 400)}


def count(module: nn.Module) -> int:
    """Its parameters."""
    return sum(one.numel() for one in module.parameters())


def test_the_diffusion_network_is_that_of_the_release(shared_data: Path) -> None:
    case = Case.beside(shared_data, "ddpmcd_unet_small")
    network = case.module(UNet(3, 32, (1, 1, 2, 2, 2), 1))
    image, level = *case.inputs("x"), torch.tensor([0.9, 0.7])
    with torch.inference_mode():
        case.compare(network(image, level))
        for number, feature in enumerate(network.features(image, level)):
            case.compare(feature, f"feature.{number}")


def test_the_head_is_that_of_the_release(shared_data: Path) -> None:
    case = Case.beside(shared_data, "ddpmcd_head_small")
    head = case.module(Head((64, 64, 64, 32, 32), 2, 2, released=True))
    before, after = (case.inputs(*(f"{date}{scale}" for scale in range(5))) for date in "ab")
    with torch.inference_mode():
        case.compare(head(before, after))


@pytest.mark.parametrize(
    ("steps", "parameters"), [((50, 100, 400), 46_405_126), ((50, 100), 43_963_910), ((50,), 39_078_534)]
)
def test_the_full_size_has_the_weights_of_the_release(steps: tuple[int, ...], parameters: int) -> None:
    with torch.device("meta"):
        network = find("ddpmcd").build(steps=steps)
    assert count(network.diffusion) == 391_048_067
    state = network.diffusion.state_dict()
    assert len(state) == 362
    assert state["denoise_fn.noise_level_mlp.1.weight"].shape == (512, 128)
    assert state["denoise_fn.final_conv.block.3.weight"].shape == (3, 128, 3, 3)
    assert count(network.head) == parameters
    if len(steps) == 3:
        assert len(network.head.state_dict()) == 56
        assert network.head.state_dict()["decoder.0.block.0.weight"].shape == (1024, 3072, 1, 1)


def test_both_files_of_the_release_load_together(tmp_path: Path) -> None:
    donor = find("ddpmcd").build(**SMALL)
    diffusion = {**donor.diffusion.state_dict(), "betas": torch.zeros(2000), "posterior_mean_coef1": torch.zeros(2000)}
    network = load_official("ddpmcd", {**diffusion, **donor.head.state_dict()}, **SMALL)
    assert all(torch.equal(one, donor.state_dict()[key]) for key, one in network.state_dict().items())
    torch.save(diffusion, tmp_path / "I190000_E97_gen.pth")
    network = find("ddpmcd").build(**SMALL, diffusion_weights=str(tmp_path / "I190000_E97_gen.pth"))
    assert all(torch.equal(one, diffusion[key]) for key, one in network.diffusion.state_dict().items())
    with pytest.raises(CardError, match="missing"):
        load_official("ddpmcd", diffusion, **SMALL)


def test_answers_repeat_whatever_the_order_of_dates_and_those_of_the_release_do_not() -> None:
    torch.manual_seed(0)
    network = find("ddpmcd").build(**SMALL).eval()
    before, after = torch.rand(2, 1, 3, 20, 30) * 2 - 1
    with torch.inference_mode():
        plain = network(before, after)
        torch.testing.assert_close(network(after, before), plain)
        network.released = True
        assert not torch.allclose(network(before, after), network(before, after), atol=1e-5)


@pytest.mark.parametrize("released", [False, True])
def test_the_finest_features_count_but_in_the_release(released: bool) -> None:
    torch.manual_seed(0)
    head = find("ddpmcd").build(**SMALL, released=released).head.eval()
    sizes = ((128, 4), (64, 8), (64, 16))
    before, after = ([torch.randn(1, width, side, side) for width, side in sizes] for _ in range(2))
    with torch.inference_mode():
        plain = head(before, after)
        other = head([*before[:-1], before[-1] + 1], after)
    assert plain.shape == (1, 2, 16, 16)
    assert torch.equal(other, plain) == released


def test_the_diffusion_network_stays_as_it_is() -> None:
    network = find("ddpmcd").build(**SMALL).train()
    assert network.head.training
    assert not any(part.training for part in network.diffusion.modules())
    network(*torch.randn(2, 1, 3, 16, 16)).square().mean().backward()
    assert all(one.grad is None for one in network.diffusion.parameters())
    assert all(one.grad is not None for one in network.head.parameters())


def test_noise_is_learnt_to_be_found() -> None:
    torch.manual_seed(0)
    network = find("ddpmcd").build(in_channels=2, pretraining=True, **SMALL).train()
    assert float(network.diffusion.levels[0]) == 1
    assert float(network.diffusion.levels[-1]) < 0.01, "nothing is left at last"
    images = torch.linspace(-1, 1, 16).expand(4, 2, 16, 16)
    steps = torch.optim.Adam(network.parameters(), 1e-3)
    errors = []
    for _ in range(40):
        error = network(images).mean()
        steps.zero_grad()
        error.backward()
        steps.step()
        errors.append(error.item())
    assert sum(errors[-5:]) < 0.7 * sum(errors[:5])
    assert all(one.grad is not None for one in network.parameters())


def test_errors_are_of_the_same_noise_each_time_but_in_training() -> None:
    torch.manual_seed(0)
    network = find("ddpmcd").build(in_channels=2, pretraining=True, **SMALL).eval()
    images = torch.rand(2, 2, 18, 30) * 2 - 1
    with torch.inference_mode():
        errors = network(images)
        assert errors.shape == (2, 1, 18, 30)
        assert torch.equal(network(images), errors)
        torch.testing.assert_close(network(images[1:]), errors[1:])
        network.train()
        torch.manual_seed(1)
        drawn = network(images)
        assert not torch.equal(network(images), drawn)
        torch.manual_seed(1)
        assert torch.equal(network(images), drawn), "noise and dropout follow from the seed"


def test_who_finds_no_noise_has_an_error_of_1() -> None:
    network = find("ddpmcd").build(pretraining=True, **SMALL).eval()
    torch.nn.init.zeros_(network.diffusion.denoise_fn.final_conv.block[3].weight)
    torch.nn.init.zeros_(network.diffusion.denoise_fn.final_conv.block[3].bias)
    with torch.inference_mode():
        assert network(torch.rand(1, 3, 64, 64)).mean().item() == pytest.approx(1, abs=0.03)


def test_the_release_of_the_diffusion_network_loads_alone() -> None:
    donor = find("ddpmcd").build(**SMALL).diffusion.state_dict()
    network = load_official("ddpmcd", {**donor, "betas": torch.zeros(2000)}, pretraining=True, **SMALL)
    assert all(torch.equal(one, donor[key]) for key, one in network.diffusion.state_dict().items())


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(CardError, match="inner must be a multiple of 32; found 48"):
        find("ddpmcd").build(inner=48)
    with pytest.raises(CardError, match="steps must be numbers from 1 to 2000; found"):
        find("ddpmcd").build(steps=(0, 50))
