"""Units without labels: against scikit-learn, and against polygons that were never looked at."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import torch
from rasterio.features import rasterize
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

import swath
from swath.errors import CardError, MatchError
from swath.models import fit, load
from swath.models.unlabelled._clusters import Clusters, elbow

NAMES = ("pca-clusters", "ae-clusters", "sae-clusters")


@pytest.fixture(scope="module")
def paris(own_data: Path) -> swath.Scene:
    scene = swath.open(own_data / "paris_2018.tif", sensor="sentinel-2-l1c@pre-04.00")
    return scene.select(window=np.s_[20:110, 40:130])


def answer(model: swath.Model, scene: swath.Scene) -> np.ndarray:
    values, valid = scene.read()
    x = model.normalise(values, valid)
    return model(x[None]).argmax(1)[0].numpy()


def test_principal_components_and_k_means_are_those_of_others(paris: swath.Scene) -> None:
    model = fit("pca-clusters", paris, classes=4, around=1)
    values, _ = paris.read()
    pixels = values[0].reshape(4, -1).T.astype(float)
    pca = PCA(0.99).fit(StandardScaler().fit_transform(pixels))
    features = pca.transform(StandardScaler().fit_transform(pixels))
    assert isinstance(model.network, Clusters)
    assert model.network.features.count == features.shape[1]
    labels = KMeans(4, n_init=10, random_state=0).fit_predict(features)
    ours = answer(model, paris).ravel()
    table = np.zeros((4, 4))
    np.add.at(table, (ours, labels), 1)
    assert table.max(1).sum() / len(labels) > 0.98
    assert (np.diff(np.bincount(ours, minlength=4)) <= len(ours) * 0.01).all(), "the largest unit comes first"


@pytest.mark.parametrize("name", NAMES)
def test_a_method_is_a_model(name: str, paris: swath.Scene, tmp_path: Path) -> None:
    said = {} if name.startswith("pca") else {"epochs": 2}
    model = fit(name, paris, classes=5, **said)
    assert fit(name, paris, classes=5, **said).hash == model.hash
    kept = load(model.save(tmp_path / "a.swath"))
    np.testing.assert_array_equal(answer(kept, paris), answer(model, paris))
    assert [one.name for one in model.card.output.classes] == [f"unit {at}" for at in range(1, 6)]
    measured, told = model.probe_field(effective=False, refresh=True), model.card.field
    assert told is not None
    assert (measured.radius, measured.stride) == (told.radius, told.stride) == (1, 1)


def test_neighbours_have_a_say_and_what_was_not_seen_has_none(paris: swath.Scene) -> None:
    alone, asked = (fit("pca-clusters", paris, classes=4, around=around) for around in (1, 3))
    turns = [np.abs(np.diff(answer(model, paris), axis=1) != 0).mean() for model in (alone, asked)]
    assert turns[1] < 0.8 * turns[0]
    values, valid = paris.read()
    valid[:, :, 40:] = False
    cut = asked(asked.normalise(values, valid)[None])[..., :40, :]
    whole = asked(asked.normalise(values, np.ones_like(valid))[None, ..., :40, :])
    assert torch.allclose(cut, whole, atol=1e-4)


def test_an_elbow_is_where_the_curve_bends() -> None:
    assert elbow([100, 50, 10, 9, 8, 7, 6]) == 2
    assert elbow([1.0]) == 0


def test_units_tell_land_cover_that_nobody_labelled(shared_data: Path) -> None:
    """Units get the class of most pixels in half of the polygons; the other half says how often that is right."""
    folder = shared_data / "rstoolbox_s2_landsat/converted"
    scene = swath.open(folder / "sen2.tif", sensor="sentinel-2-l2a@values")
    frame = gpd.read_file(folder / "trainingPolygons_sen2.gpkg").to_crs(scene.grid.crs.to_wkt())
    names = sorted(set(frame["class"]))
    half = [
        rasterize(
            [(shape, names.index(name) + 1) for shape, name in zip(part.geometry, part["class"], strict=True)],
            tuple(scene.grid.shape),
            transform=scene.grid.affine,
        )
        for part in (frame.iloc[0::2], frame.iloc[1::2])
    ]
    units = answer(fit("sae-clusters", scene, classes=6, epochs=10), scene)
    table = np.zeros((6, len(names) + 1))
    np.add.at(table, (units[half[0] > 0], half[0][half[0] > 0]), 1)
    told = table.argmax(1)[units]
    assert (told == half[1])[half[1] > 0].mean() > 0.85


def test_what_cannot_be_fitted_is_refused(paris: swath.Scene) -> None:
    with pytest.raises(CardError, match="around must be odd"):
        fit("sae-clusters", paris, around=2)
    flat = swath.Scene.from_array(
        np.ones((1, 64, 64), np.float32), paris.grid[:64, :64], sensor="sentinel-2-l1c@values", bands=["B02"]
    )
    with pytest.raises(MatchError, match="is the same everywhere"):
        fit("pca-clusters", flat)
