"""Weights of one model as the beginning of another: bands keep their filters, whatever their order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from swath.errors import CardError
from swath.models import Card, CardBand, ClassLabel, Input, Model, Output
from swath.models.strict import LoadReport, by_wavelength
from swath.sensors import find_sensor
from swath.train.begin import begin
from swath.train.recipe import Recipe, SetRecipe
from swath.train.taken_over import taken_over

S2 = {band.name: CardBand.of(band) for band in find_sensor("sentinel-2-l2a").bands}
VISIBLE = tuple(S2[name] for name in ("B02", "B03", "B04"))


class Norms(nn.Module):
    """A network with a number per band besides its filters, and a layer of three channels that sees no bands."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.rand(1, bands, 1, 1))
        self.first, self.middle, self.last = nn.Conv2d(bands, 3, 3), nn.Conv2d(3, 3, 3), nn.Conv2d(3, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.middle(self.first(x * self.gain)).relu())


class Flat(nn.Module):
    """Filters, and a vector per band."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.norm, self.last = nn.BatchNorm2d(bands), nn.Conv2d(bands, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.norm(x))


def card(bands: tuple[CardBand, ...]) -> Card:
    classes = tuple(ClassLabel(value=value, name=name) for value, name in enumerate("ab"))
    return Card(
        name="net", task="segmentation", inputs=(Input(bands=bands),), output=Output(kind="classes", classes=classes)
    )


def begun(
    make: Callable[[int], nn.Module], old: tuple[CardBand, ...], new: tuple[CardBand, ...]
) -> tuple[nn.Module, nn.Module, LoadReport]:
    before, after = make(len(old)).eval(), make(len(new)).eval()
    report = taken_over(after, card(new), Model(before, card(old)), lambda: make(2 * len(new)))
    return before, after, report


def test_bands_in_another_order_take_their_filters_with_them() -> None:
    x = torch.rand(2, 3, 16, 16)
    for make in (Norms, Flat):
        before, after, report = begun(make, VISIBLE, VISIBLE[::-1])
        with torch.inference_mode():
            torch.testing.assert_close(after(x.flip(1)), before(x))
        assert "made for bands B04, B03, B02 from the same for B02, B03, B04" in report.adapted[0]
    assert "middle" not in str(begun(Norms, VISIBLE, VISIBLE[::-1])[2])


def test_a_run_begins_so(tmp_path: Path) -> None:
    source = Model.build("pixel-mlp", card=card(VISIBLE))
    source.save(tmp_path / "first.swath")
    recipe = Recipe(start=str(tmp_path / "first.swath"), sets=(SetRecipe(folder="tiles"),))
    torch.manual_seed(1)
    model = begin(recipe, [card(VISIBLE[::-1])])
    x = torch.rand(1, 3, 8, 8)
    with torch.inference_mode():
        torch.testing.assert_close(model.network(x.flip(1)), source.network(x))
    assert "for bands B04, B03, B02 from the same for B02, B03, B04" in str(model.report)
    assert begin(recipe, [card(VISIBLE)]).hash == source.hash


def test_bands_of_another_sensor_in_the_same_places_are_the_same() -> None:
    drone = tuple(
        CardBand(name=name, units="display", wavelength=light)
        for name, light in (("blue", (420, 480, 510)), ("green", (500, 560, 600)), ("red", (590, 660, 700)))
    )
    before, after, report = begun(Norms, VISIBLE, drone)
    assert report.adapted == ()
    assert torch.equal(after.first.weight, before.first.weight)


def test_other_bands_get_filters_by_wavelength_though_there_are_as_many() -> None:
    infrared = (S2["B08"], S2["B04"], S2["B03"])
    make: Callable[[int], nn.Module] = lambda bands: nn.Sequential(nn.Conv2d(bands, 4, 3), nn.Conv2d(4, 2, 1))  # noqa: E731
    before, after, report = begun(make, VISIBLE, infrared)
    assert torch.equal(after[0].weight, by_wavelength(before[0].weight, VISIBLE, infrared))
    assert torch.equal(after[1].weight, before[1].weight)
    assert "0.weight made for bands B08, B04, B03 by wavelength from those for B02, B03, B04" in str(report)
    with pytest.raises(
        CardError, match=r"net: norm.weight is of its bands \(B02, B03, B04\), and cannot be made for B08, B04, B03"
    ):
        begun(Flat, VISIBLE, infrared)


def test_a_network_that_is_told_the_light_keeps_its_weights() -> None:
    before, after, report = begun(lambda bands: nn.Conv2d(1, 2, 3), VISIBLE, VISIBLE[::-1])
    assert torch.equal(after.weight, before.weight)
    assert report.adapted == ()


def test_dates_along_the_channels_are_each_put_in_order() -> None:
    make: Callable[[int], nn.Module] = lambda bands: nn.Conv2d(2 * bands, 2, 1)  # noqa: E731
    before, after, _ = begun(make, VISIBLE, VISIBLE[::-1])
    x = torch.rand(1, 2, 3, 8, 8)
    torch.testing.assert_close(after(x.flip(2).flatten(1, 2)), before(x.flatten(1, 2)))


def test_bands_without_light_go_by_name_or_are_refused() -> None:
    def bare(*names: str) -> tuple[CardBand, ...]:
        return tuple(CardBand(name=name, units="dn") for name in names)

    before, after, _ = begun(Norms, bare("height", "slope"), bare("slope", "height"))
    assert torch.equal(after.first.weight, before.first.weight.flip(1))
    with pytest.raises(CardError, match="net: band height has no wavelength, so filters cannot be made for it"):
        begun(Norms, bare("height", "slope"), bare("aspect", "height"))
