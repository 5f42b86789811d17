"""STSUN as published: the released form computes what the release computes, the other what the paper means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from swath.errors import CardError
from swath.models import find, load_official
from swath.models.weights import read_state
from swath.nn.hyper import DynamicDecoder, DynamicEncoder, sincos

from .parity import Case

SMALL: dict[str, Any] = {
    "width": 64,
    "unified": 8,
    "heads": 4,
    "windows": ((4, 1), (2, 2), (1, 4)),
    "image_size": 32,
    "time_length": 4,
}
RGB = torch.tensor([665.0, 560.0, 490.0])


@pytest.mark.parametrize("data_set", ["whu", "levircd"])
def test_released_answers_are_those_of_the_release(shared_data: Path, data_set: str) -> None:
    case = Case.read(shared_data, f"stsun_small_{data_set}")
    network = case.official("stsun-paper", released=True, **SMALL)
    with torch.inference_mode():
        case.compare(network(*case.inputs("x"), [data_set] * 2))


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("stsun_dyn_enc", DynamicEncoder(8, 8, released=True)),
        ("stsun_dyn_dec", DynamicDecoder(8, 8, bias=True, released=True)),
    ],
)
def test_layers_made_from_metadata_are_those_of_the_release(shared_data: Path, name: str, layer: nn.Module) -> None:
    case = Case.read(shared_data, name)
    x, numbers = case.inputs("x", "md")
    with torch.inference_mode():
        case.compare(case.module(layer)(x, sincos(numbers[0] * 1000, 8)))


def test_the_full_size_has_the_weights_of_the_release() -> None:
    with torch.device("meta"):
        network = find("stsun-paper").build(released=True)
    state = network.state_dict()
    assert sum(parameter.numel() for parameter in network.parameters()) == 216_215_305
    assert len(state) == 273
    assert state["encoder.pos_embed"].shape == (1, 1024, 1024)
    assert state["decoder.final.3.weight"].shape == (1024, 64, 12, 12)


@pytest.mark.parametrize(
    ("data_set", "dates", "maps"), [("whu", 1, 1), ("whucd", 2, 2), ("levircd", 2, 1), ("tscd", 4, 3)]
)
def test_released_answers_are_constant_in_cells(data_set: str, dates: int, maps: int) -> None:
    network = find("stsun-paper").build(released=True, **SMALL).eval()
    with torch.inference_mode():
        answer = network(torch.randn(1, dates, 3, 64, 64), data_set)
    assert answer.shape == (1, maps, 64, 64, 1)
    assert float(spread_in_cells(answer[..., 0], 2)) == 0
    with pytest.raises(CardError, match="squares of a multiple of 32 px; found 48 x 64"):
        network(torch.zeros(1, dates, 3, 48, 64), data_set)
    with pytest.raises(CardError, match="no data set 'loveda'; it has whu, whucd, levircd, tscd"):
        network(torch.zeros(1, dates, 3, 32, 32), ["loveda"])


def test_a_training_checkpoint_of_the_release_loads(tmp_path: Path) -> None:
    donor = find("stsun-paper").build(released=True, **SMALL).eval()
    trained = donor.state_dict()
    averages = {f"model_ema.{key.replace('.', '')}": p.detach() + 1 for key, p in donor.named_parameters()}
    counts = {"model_ema.decay": torch.tensor(0.999), "model_ema.num_updates": torch.tensor(3)}
    path = tmp_path / "last.ckpt"
    torch.save({"epoch": 1, "state_dict": {**trained, **averages, **counts}, "lr_schedulers": []}, path)
    state = read_state(path)

    def loaded(**how: Any) -> dict[str, Tensor]:
        return load_official("stsun-paper", state, prefix="state_dict.", released=True, **how, **SMALL).state_dict()

    plain, averaged = loaded(), loaded(averaged=True)
    assert all(torch.equal(plain[key], tensor) for key, tensor in trained.items())
    learnt = dict(donor.named_parameters())
    assert all(torch.equal(averaged[key], tensor + (key in learnt)) for key, tensor in trained.items())
    with pytest.raises(CardError, match="no averages"):
        load_official("stsun-paper", trained, averaged=True, released=True, **SMALL)
    with pytest.raises(CardError, match=r"no weight of which model_ema\.encoderhead is the average"):
        load_official("stsun-paper", {**trained, "model_ema.encoderhead": torch.zeros(1)}, released=True, **SMALL)


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(1)
    return find("stsun-paper").build(**SMALL).eval()


def spread_in_cells(answer: Tensor, cell: int) -> Tensor:
    """The largest difference inside cells of `cell x cell` px of `[..., H, W]`."""
    cells = torch.nn.functional.pixel_unshuffle(answer, cell).unflatten(-3, (-1, cell * cell))
    return (cells.amax(-3) - cells.amin(-3)).amax()


def test_answers_differ_inside_cells(network: nn.Module) -> None:
    with torch.inference_mode():
        answer = network(torch.randn(1, 3, 64, 64), task="segmentation", classes=("water", "land"), wavelengths=RGB)
    assert spread_in_cells(answer, 2) > 0.1 * answer.std()


def test_bands_go_by_their_wavelength_and_not_by_their_place(network: nn.Module) -> None:
    x, order = torch.randn(2, 3, 64, 64), [2, 0, 1]
    asked: dict[str, Any] = {"task": "segmentation", "classes": ("building",)}
    with torch.inference_mode():
        answer = network(x, wavelengths=RGB, **asked)
        torch.testing.assert_close(network(x[:, order], wavelengths=RGB[order], **asked), answer, rtol=0, atol=1e-5)
        moved = (network(x[:, order], wavelengths=RGB, **asked) - answer).abs().max()
        assert moved > 0.01 * answer.std(), "colours are told apart"


def test_each_row_of_a_batch_has_its_own_metadata(network: nn.Module) -> None:
    x = torch.randn(2, 2, 3, 32, 32)
    light, days = torch.stack([RGB, RGB + 300]), torch.tensor([[0.0, 5.0], [0.0, 400.0]])
    asked: dict[str, Any] = {"task": "change", "classes": ("building",)}
    with torch.inference_mode():
        both = network(x, wavelengths=light, days=days, **asked)
        each = [network(x[i : i + 1], wavelengths=light[i], days=days[i], **asked) for i in range(2)]
        torch.testing.assert_close(both, torch.cat(each), rtol=0, atol=1e-5)
        assert not torch.allclose(network(x, wavelengths=light[0], days=days, **asked), both, atol=1e-4)


@pytest.mark.parametrize("size", [(32, 32), (40, 72), (37, 91), (130, 70), (8, 8)])
def test_any_size_number_of_dates_bands_and_classes(network: nn.Module, size: tuple[int, int]) -> None:
    with torch.inference_mode():
        for dates, bands, names in ((1, 3, ("building",)), (2, 5, ("a", "b")), (5, 1, ("x", "y", "z", "new one"))):
            x = torch.randn(1, dates, bands, *size)
            answer = network(x, task="change", classes=names, wavelengths=torch.linspace(450, 2200, bands))
            assert answer.shape == (1, len(names), *size)
            assert answer.isfinite().all()
        change, before, after = network(x, task="semantic-change", classes=("a", "b"))
    assert [part.shape[1] for part in (change, before, after)] == [1, 2, 2]
    assert not torch.allclose(before, after)


def test_dates_tasks_and_classes_count(network: nn.Module) -> None:
    x = torch.randn(1, 2, 3, 32, 32)
    with torch.inference_mode():
        answer = network(x, task="change", classes=("building", "road"))
        assert not torch.allclose(network(x.flip(1), task="change", classes=("building", "road")), answer, atol=1e-4)
        assert not torch.allclose(network(x, task="segmentation", classes=("building", "road")), answer, atol=1e-4)
        swapped = network(x, task="change", classes=("road", "building"))
    torch.testing.assert_close(swapped.flip(1), answer, rtol=0, atol=1e-5)


def test_what_does_not_fit_is_refused(network: nn.Module) -> None:
    x = torch.zeros(1, 2, 3, 32, 32)
    with pytest.raises(CardError, match="no task 'detection'; it has segmentation, change, semantic-change"):
        network(x, task="detection", classes=("a",))
    with pytest.raises(CardError, match=r"wavelengths must be \[3\] or \[1, 3\]; found \[2\]"):
        network(x, task="change", classes=("a",), wavelengths=RGB[:2])
    with pytest.raises(CardError, match="time_length must be a multiple of 4; found 2"):
        find("stsun-paper").build(time_length=2)


def test_it_learns() -> None:
    torch.manual_seed(0)
    network = find("stsun-paper").build(**SMALL)
    x = torch.randn(2, 3, 64, 64)
    target = (x[:, :1] + x[:, 1:2] > 0).float()
    steps = torch.optim.AdamW(network.parameters(), 3e-3)
    losses = []
    for _ in range(25):
        logits = network(x, task="segmentation", classes=("bright",), wavelengths=RGB)
        loss = nn.functional.binary_cross_entropy_with_logits(logits, target)
        steps.zero_grad()
        loss.backward()
        steps.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert all(parameter.grad is not None for parameter in network.parameters())
