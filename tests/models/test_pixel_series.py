"""Networks on the series of single pixels: days of the season count, gaps do not, and forests are scikit-learn's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from torch import nn

from swath.errors import CardError
from swath.models import find
from swath.models.series._forest import Forest
from swath.models.series._ltae import SeenNorm
from swath.nn.season import YEAR, day_of_season, on_calendar

NETWORKS = ("tempcnn", "ltae", "random-forest-series")


def test_a_calendar_is_laid_along_lines() -> None:
    torch.manual_seed(0)
    at, series, wanted = torch.rand(40, 9) * 365, torch.randn(40, 9, 2), torch.arange(24) * 15.0
    seen = torch.rand(40, 9) > 0.5
    seen[0] = False
    laid = on_calendar(series, at, seen, wanted)
    assert (laid[0] == 0).all()
    for pixel in range(1, 40):
        known = seen[pixel].numpy()
        order = np.argsort(at[pixel].numpy()[known])
        for band in range(2):
            x, y = at[pixel].numpy()[known][order], series[pixel, :, band].numpy()[known][order]
            np.testing.assert_allclose(laid[pixel, :, band].numpy(), np.interp(wanted.numpy(), x, y), atol=1e-4)


def test_days_are_those_of_the_season() -> None:
    first, later = (float(np.datetime64(text, "D").astype(int)) for text in ("2015-01-01", "2021-09-14"))
    assert day_of_season(torch.tensor(first), 1.0) == pytest.approx(0, abs=1)
    assert day_of_season(torch.tensor(later), 257.0) == pytest.approx(0, abs=1)
    assert day_of_season(torch.tensor(first), 257.0) == pytest.approx(109, abs=2)


def made(name: str) -> nn.Module:
    torch.manual_seed(0)
    network = find(name).build(in_channels=3, classes=4)
    if isinstance(network, Forest):
        rng = np.random.default_rng(0)
        numbers = rng.normal(size=(400, 72)).astype(np.float32)
        network.learn(numbers, numbers[:, :4].argmax(1), np.ones(400, np.float32), 0)
    return network.eval()


@pytest.mark.parametrize("name", NETWORKS)
def test_what_was_not_seen_has_no_part(name: str) -> None:
    network = made(name)
    image, days = torch.randn(1, 5, 3, 6, 7), torch.tensor([0.0, 40, 90, 160, 300]) + 17000
    image[:, 2] = 0
    image[:, 4, :, :3] = 0
    with torch.inference_mode():
        found = network(image, days)
        moved = days.clone()
        moved[2] = 17210
        assert torch.allclose(network(image, moved), found, atol=1e-5), "a date without data"
        without = [0, 1, 3, 4]
        assert torch.allclose(network(image[:, without], days[without]), found, atol=1e-5)
        order = [3, 0, 4, 1]
        assert torch.allclose(network(image[:, order], days[order]), found, atol=1e-5), "days say the order"
        moved[4] = 17200
        there = network(image, moved)
        assert torch.allclose(there[..., :3, :], found[..., :3, :], atol=1e-5), "pixels are apart"
        assert not torch.allclose(there[..., 3:, :], found[..., 3:, :], atol=1e-5), "days count"
        assert torch.allclose(network(image, days + 3 * YEAR), found, atol=5e-2 * float(found.std()) + 1e-5)


def test_a_norm_over_all_dates_is_the_usual_one() -> None:
    norm, x = SeenNorm(4, 16), torch.randn(10, 6, 16)
    nn.init.normal_(norm.weight)
    assert torch.allclose(norm.of_series(x, torch.ones(10, 6, dtype=torch.bool)), norm(x.mT).mT, atol=1e-5)


@pytest.mark.parametrize("classes", [1, 3])
def test_a_forest_votes_as_the_one_it_was_grown_as(shared_data: Path, classes: int) -> None:
    with np.load(shared_data / "sits_modis_brazil/mod13q1_jp2/converted/samples_modis_ndvi.npz") as held:
        numbers, names = held["x"][:, :, 0], held["label"]
    labels = np.unique(names, return_inverse=True)[1].astype(np.int64)
    kept = labels < max(2, classes)
    numbers, labels = numbers[kept][::2], labels[kept][::2]
    network = find("random-forest").build(in_channels=12, classes=classes, trees=20)
    assert isinstance(network, Forest)
    config = network.learn(numbers, labels, np.ones(len(labels), np.float32), 7)
    forest = RandomForestClassifier(20, min_samples_leaf=2, random_state=7)
    forest.fit(numbers, labels, sample_weight=np.ones(len(labels)))
    image = torch.from_numpy(numbers.T[None, :, None])
    with torch.inference_mode():
        answer = network.eval()(image)
        votes = torch.sigmoid(answer)[0, 0, 0] if classes == 1 else network.votes(torch.from_numpy(numbers))
    wanted = forest.predict_proba(numbers)
    np.testing.assert_allclose(votes.numpy(), wanted[:, 1] if classes == 1 else wanted, atol=2e-4)
    again = find("random-forest").build(in_channels=12, classes=classes, trees=20, **config)
    again.load_state_dict(network.state_dict())
    with torch.inference_mode():
        assert torch.equal(again.eval()(image), answer)


def test_what_cannot_be_built_is_refused() -> None:
    with pytest.raises(CardError, match="odd and at most steps"):
        find("tempcnn").build(kernel=4)
    with pytest.raises(CardError, match="multiples of heads"):
        find("ltae").build(width=100)
