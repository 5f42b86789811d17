"""Change without labels: each method against another implementation or an independent formula, on real pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from PIL import Image
from scipy import linalg, stats
from skimage.filters import threshold_otsu
from sklearn.cluster import KMeans
from sklearn.cross_decomposition import CCA
from sklearn.decomposition import PCA
from sklearn.metrics import cohen_kappa_score
from sklearn.mixture import GaussianMixture

import swath
from swath.errors import CardError, MatchError, TrainError
from swath.models import Model, fit, load
from swath.models import pair as pairs
from swath.models.change._decide import em, otsu
from swath.models.mad import mad, no_change
from swath.models.pair import Pair
from swath.train.begin import begin
from swath.train.recipe import Recipe, SetRecipe

SENSOR = "sentinel-2-l1c@pre-04.00"
METHODS = ("cva", "cva-otsu", "pca-kmeans", "irmad", "irmad-chi2")


@pytest.fixture(scope="module")
def paris(own_data: Path) -> swath.Scene:
    """Two dates of four bands."""
    scene = swath.open(own_data / "paris_2015.tif", own_data / "paris_2018.tif", sensor=SENSOR)
    return scene.select(window=np.s_[20:180, 40:210])


@pytest.fixture(scope="module")
def pixels(paris: swath.Scene) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return Pair.of(paris, "irmad").pixels()


def answer(model: Model, scene: swath.Scene) -> NDArray[np.float32]:
    """Logits `[h, w]` of the whole scene."""
    values, valid = scene.read()
    x = model.normalise(values, valid.all(axis=(0, 1)))
    return model(x[None])[0, 0].numpy()


def test_pixels_of_a_pair_are_those_of_the_scene(paris: swath.Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    values, _ = paris.read()
    first, second = Pair.of(paris, "cva").pixels()
    np.testing.assert_array_equal(first, values[0].reshape(4, -1).T)
    np.testing.assert_array_equal(second, values[1].reshape(4, -1).T)
    monkeypatch.setattr(pairs, "MOST", first.size)  # half of them
    some, _ = Pair.of(paris, "cva").pixels()
    assert 0.45 < len(some) / len(first) < 0.55
    monkeypatch.setattr(pairs, "_SIDE", 37)
    others, _ = Pair.of(paris, "cva").pixels()
    order = [np.lexsort(part.T) for part in (some, others)]
    np.testing.assert_array_equal(some[order[0]], others[order[1]])  # whatever the windows


def test_what_is_invalid_at_either_date_is_left_out(paris: swath.Scene) -> None:
    values, _ = paris.read()
    values[0, 1, :50], values[1, 3, :, :30] = np.nan, np.nan
    holes = swath.Scene.from_array(
        values, paris.grid, sensor="sentinel-2-l1c@values", bands=["B02", "B03", "B04", "B08"]
    )
    first, second = Pair.of(holes, "cva").pixels()
    assert len(first) == (160 - 50) * (170 - 30)
    assert np.isfinite(first).all()
    assert np.isfinite(second).all()


def test_first_iteration_is_canonical_correlation(pixels: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
    first, second = (part[::3] for part in pixels)
    found = mad(first, second, iterations=1)
    variates = CCA(4, max_iter=10_000, tol=1e-12).fit(first, second).transform(first, second)
    wanted = [np.corrcoef(a, b)[0, 1] for a, b in zip(variates[0].T, variates[1].T, strict=True)]
    np.testing.assert_allclose(found.correlations, wanted, atol=1e-4)


def by_formula(x: NDArray[np.float64], y: NDArray[np.float64], iterations: int) -> NDArray[np.float64]:
    """Chi-square of IR-MAD by the generalised eigenproblem of the paper, equation by equation."""
    weights = np.ones(len(x))
    z = weights
    for _ in range(iterations):
        covariance = np.cov(np.hstack([x, y]).T, aweights=weights, ddof=0)
        c11, c12, c22 = covariance[:4, :4], covariance[:4, 4:], covariance[4:, 4:]
        squares, a = linalg.eigh(c12 @ np.linalg.solve(c22, c12.T), c11)
        rho = np.sqrt(squares)
        b = np.linalg.solve(c22, c12.T @ a) / rho
        mean_x, mean_y = (np.average(part, axis=0, weights=weights) for part in (x, y))
        z = (((x - mean_x) @ a - (y - mean_y) @ b) ** 2 / (2 * (1 - rho))).sum(1)
        weights = 1 - stats.chi2.cdf(z, 4)
    return z


def test_irmad_is_that_of_the_paper(
    paris: swath.Scene, pixels: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> None:
    found = mad(*pixels)
    z = by_formula(*pixels, found.iterations)
    np.testing.assert_allclose(found.chi_square(*pixels), z, rtol=1e-6)
    for bands in (1, 2, 4, 7, 13, 120):
        np.testing.assert_allclose(no_change(z, bands), stats.chi2.sf(z, bands), atol=1e-12)
    logits = answer(fit("irmad-chi2", paris), paris)
    likely = torch.sigmoid(torch.from_numpy(logits)).numpy().ravel()
    np.testing.assert_allclose(likely, stats.chi2.cdf(z, 4), atol=2e-3)
    assert fit("irmad-chi2", paris).card.output.threshold == 0.99


def test_irmad_does_not_care_for_light(paris: swath.Scene) -> None:
    brighter = tuple(
        replace(one, scale=one.scale * gain, offset=0.02)
        for one, gain in zip(paris.planes[1], (2, 0.5, 3, 1.1), strict=True)
    )
    other = replace(paris, planes=(paris.planes[0], brighter))
    one, two = (answer(fit("irmad", scene), scene) for scene in (paris, other))
    assert ((one > 0) == (two > 0)).mean() > 0.9999
    np.testing.assert_allclose(one, two, atol=1e-2 * one.std())


def test_pca_kmeans_is_that_of_the_paper(paris: swath.Scene) -> None:
    values, _ = paris.read()
    x = values.astype(float)
    x = (x - x.mean((2, 3), keepdims=True)) / x.std((2, 3), keepdims=True)
    length = np.linalg.norm(x[1] - x[0], axis=0)
    patches = np.lib.stride_tricks.sliding_window_view(length, (4, 4))
    features = PCA(3).fit_transform(patches.reshape(-1, 16))
    level = patches.reshape(-1, 16).mean(1)
    (constant, slope, _), _ = otsu(level)
    start = np.stack([features[level <= -constant / slope].mean(0), features[level > -constant / slope].mean(0)])
    labels = KMeans(2, init=start, n_init=1, tol=0).fit_predict(features).reshape(patches.shape[:2])
    inner = np.s_[1:-2, 1:-2]  # where whole patches lie
    if length[inner][labels == 1].mean() < length[inner][labels == 0].mean():
        labels = 1 - labels
    logits = answer(fit("pca-kmeans", paris), paris)
    assert 0 < labels.mean() < 0.5
    assert ((logits[inner] > 0) == labels).mean() > 0.9999


def test_thresholds_are_those_of_others(pixels: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
    first, second = pixels
    x = np.linalg.norm(second / second.std(0) - first / first.std(0), axis=1)
    (constant, slope, _), _ = otsu(x)
    wanted = threshold_otsu(np.minimum(x, np.percentile(x, 99.9)), nbins=4096)
    assert -constant / slope == pytest.approx(wanted, rel=2e-3)
    (level, linear, square), limits = em(x)
    mixture = GaussianMixture(2, tol=1e-10, max_iter=5000, means_init=[[x.mean()], [x.max() / 2]]).fit(x[:, None])
    order = np.argsort(mixture.means_.ravel())
    grid = np.linspace(limits[0], np.percentile(x, 99), 50)
    likely = mixture.predict_proba(grid[:, None])[:, order[1]]
    np.testing.assert_allclose(1 / (1 + np.exp(-(level + grid * (linear + grid * square)))), likely, atol=0.02)


@pytest.mark.parametrize("name", METHODS)
def test_the_same_scene_gives_the_same_weights(name: str, paris: swath.Scene, tmp_path: Path) -> None:
    model = fit(name, paris)
    assert fit(name, paris).hash == model.hash
    kept = load(model.save(tmp_path / "a.swath"))
    np.testing.assert_array_equal(answer(kept, paris), answer(model, paris))
    measured, told = model.probe_field(effective=False, refresh=True), model.card.field
    assert told is not None
    assert (measured.radius, measured.stride) == (told.radius, told.stride)


@pytest.fixture(scope="module")
def taizhou(shared_data: Path) -> tuple[swath.Scene, NDArray[np.int_]]:
    """Landsat of 2000 and 2003, and 21,390 pixels of which it is known whether they changed."""
    folder = shared_data / "landsat_cd_taizhou" / "Taizhou"
    bands = [swath.Band(name=f"b{i}", units="dn") for i in range(6)]
    scene = swath.open(folder / "2000TM", folder / "2003TM", bands=bands, grid="pixels", dates=[2000, 2003])
    changed, unchanged = (np.asarray(Image.open(folder / name)) > 0 for name in ("change.bmp", "unchanged.bmp"))
    return scene, np.where(changed, 1, np.where(unchanged, 0, -1))


@pytest.mark.parametrize(("name", "least"), [("cva", 0.9), ("cva-otsu", 0.88), ("pca-kmeans", 0.9), ("irmad", 0.92)])
def test_what_changed_around_taizhou(name: str, least: float, taizhou: tuple[swath.Scene, NDArray[np.int_]]) -> None:
    scene, truth = taizhou
    said = answer(fit(name, scene), scene) > 0
    known = truth >= 0
    assert cohen_kappa_score(truth[known], said[known]) > least


def test_radar_is_compared_as_a_ratio(shared_data: Path) -> None:
    folder = shared_data / "sar_change" / "bern data set"
    first, second, truth = (np.asarray(Image.open(folder / f"bern_{i}.bmp").convert("L")) for i in ("1", "2", "gt"))
    grid = GeoBox(first.shape, Affine.identity(), None)
    band = swath.Band(name="VV", units="amplitude", polarisation="VV")
    scene = swath.Scene.from_array(np.stack([first, second])[:, None] + np.float32(1), grid, bands=[band])
    product = swath.predict(scene, "pca-kmeans", gsd="native")
    assert product.run is not None
    assert [one.units for one in product.run.card.inputs[0].bands] == ["db"]
    assert cohen_kappa_score(truth.ravel() > 127, product.read()[0][0].ravel()) > 0.78


def test_errors_say_what_to_do(paris: swath.Scene) -> None:
    with pytest.raises(MatchError, match="irmad compares two dates, and the scene has 1: open both as one scene"):
        fit("irmad", paris.select(dates=[0]))
    with pytest.raises(CardError, match=r"unet is trained on labels, not fitted to a scene; .*cva"):
        fit("unet", paris)
    with pytest.raises(CardError, match=r"irmad has no weights until it is fitted to a scene; swath.predict\(scene"):
        load("irmad")
    twice = replace(
        paris,
        bands=(*paris.bands, paris.bands[0].with_(name="again")),
        planes=tuple((*row, row[0]) for row in paris.planes),
    )
    with pytest.raises(MatchError, match="a band is a combination of others"):
        fit("irmad", twice)
    with pytest.raises(MatchError, match="is the same everywhere"):
        fit(
            "cva",
            swath.Scene.from_array(
                np.ones((2, 1, 64, 64), np.float32), paris.grid[:64, :64], sensor="sentinel-2-l1c@values", bands=["B02"]
            ),
        )
    with pytest.raises(MatchError, match="only 0 pixels valid at both dates"):
        fit(
            "cva",
            swath.Scene.from_array(
                np.full((2, 1, 64, 64), np.nan, np.float32),
                paris.grid[:64, :64],
                sensor="sentinel-2-l1c@values",
                bands=["B02"],
            ),
        )
    with pytest.raises(TrainError, match="irmad learns nothing from labels, it is fitted to each scene"):
        begin(Recipe(sets=(SetRecipe(folder="labels", task="change"),), network="irmad"), [])
