"""Units without names held against labels of real pixels, through `swath.evaluate` and the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from sklearn import metrics as sklearn
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics.cluster import contingency_matrix
from sklearn.preprocessing import StandardScaler
from typer.testing import CliRunner

import swath
import swath.data
from swath.cli import app
from swath.errors import TrainError
from swath.models import fit
from swath.train.evaluation.units import gives_units

SENSOR = "sentinel-2-l1c@pre-04.00"
BANDS = ("B02", "B03", "B04", "B08")
NAMES = ("dark", "middle", "bright")
CORNERS = ((0, 0), (100, 120))


@pytest.fixture(scope="module")
def folder(own_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two parts of Paris, labelled by their near infrared, in part."""
    root = tmp_path_factory.mktemp("units")
    for part in ("images", "masks"):
        (root / part).mkdir()
    for number, (row, column) in enumerate(CORNERS):
        with rasterio.open(own_data / "paris_2018.tif") as source:
            window = rasterio.windows.Window(column, row, 72, 64)
            values = source.read(window=window)
            profile = source.profile | {"width": 72, "height": 64, "transform": source.window_transform(window)}
        label = np.digitize(values[3], np.quantile(values[3], (0.4, 0.7))).astype(np.uint8)
        label[:9] = 255
        with rasterio.open(root / "images" / f"{number}.tif", "w", **profile) as made:
            made.write(values)
        with rasterio.open(root / "masks" / f"{number}.tif", "w", **(profile | {"count": 1, "dtype": "uint8"})) as made:
            made.write(label, 1)
    return root


@pytest.fixture(scope="module")
def dataset(folder: Path) -> swath.data.Dataset:
    return swath.data.open(folder, sensor=SENSOR, bands=BANDS, classes=NAMES, ignore=255)


def answer(model: swath.Model, scene: swath.Scene) -> np.ndarray:
    return model(model.normalise(*scene.read())[None]).argmax(1)[0].numpy()


def test_each_scene_has_units_of_its_own(dataset: swath.data.Dataset, tmp_path: Path) -> None:
    found = swath.evaluate("pca-clusters", dataset, split="all", bootstrap=20, out=tmp_path / "report")
    for one, item in zip(found.scenes, dataset.items, strict=True):
        scene, label = dataset.scene(item), np.asarray(dataset.sample(item).target)
        units, known = answer(fit("pca-clusters", scene), scene)[label >= 0], label[label >= 0]
        assert one.labelled == len(known) == 55 * 72
        assert one.scores["ari"] == pytest.approx(sklearn.adjusted_rand_score(known, units))
        assert one.scores["nmi"] == pytest.approx(sklearn.normalized_mutual_info_score(known, units))
        table = contingency_matrix(known, units)
        assert one.scores["purity"] == pytest.approx(table.max(0).sum() / len(known))
        assert one.scores["accuracy"] <= one.scores["purity"]
    assert found["accuracy"] == pytest.approx(np.mean([one.scores["accuracy"] for one in found.scenes]))
    assert 0.4 < found["accuracy"] < 1
    text = found.describe()
    for words in ("pca-clusters (segmentation) on", "adjusted Rand index", "purity", "scene by scene", "middle"):
        assert words in text
    told = json.loads((tmp_path / "report" / "report.json").read_text())
    assert told["confusion"]["classes"]["names"] == [*NAMES, "no class"]
    assert (np.array(told["confusion"]["classes"]["counts"]).sum(1) > 0).tolist() == [True, True, True, False]
    worst = found.worst[0]
    mine = next(one for one in found.scenes if one.name == worst.name)
    known = worst.label >= 0
    assert (worst.label == worst.answer)[known].mean() == pytest.approx(mine.scores["accuracy"], abs=0.02)
    assert (tmp_path / "report" / "worst.png").exists()


def test_units_that_were_kept_are_the_same_in_all_scenes(dataset: swath.data.Dataset, tmp_path: Path) -> None:
    model = fit("pca-clusters", dataset.scene(dataset.items[0]), classes=4)
    file = model.save(tmp_path / "units.swath")
    found = swath.evaluate(file, dataset, split="all", bootstrap=0)
    answers = [answer(model, dataset.scene(item)).ravel() for item in dataset.items]
    labels = np.concatenate([np.asarray(dataset.sample(item).target).ravel() for item in dataset.items])
    known, units = labels >= 0, np.concatenate(answers)
    assert found["ari"] == pytest.approx(sklearn.adjusted_rand_score(labels[known], units[known]))
    assert "the same in all scenes" in found.describe()
    assert found.weights == model.hash

    told = {"dark": "unit 1", "middle": "unit 2", "bright": None}
    named = swath.evaluate(file, dataset, split="all", bootstrap=0, match_classes=told)
    assert "iou/unit 1" in named.pooled, "a person has named them"
    assert "ari" not in named.pooled
    classes = tuple(one.model_copy(update={"name": f"soil {one.value}"}) for one in model.card.output.classes)
    renamed = model.with_card(output=model.card.output.model_copy(update={"classes": classes}))
    assert not gives_units(renamed)
    with pytest.raises(TrainError, match="say which is which"):
        swath.evaluate(renamed, dataset, split="all")


def test_classes_can_be_left_out_and_not_be_units(folder: Path, dataset: swath.data.Dataset) -> None:
    found = swath.evaluate("pca-clusters", dataset, split="all", bootstrap=0, match_classes={"bright": None})
    assert sum(one.labelled for one in found.scenes) < 2 * 55 * 72 * 0.75
    assert "pixels labelled bright do not count" in found.describe()
    for wrong, why in (({"dark": "unit 1"}, "mean something else in the next"), ({"night": None}, "names 'night'")):
        with pytest.raises(TrainError, match=why):
            swath.evaluate("pca-clusters", dataset, split="all", match_classes=wrong)
    with pytest.raises(TrainError, match="gives units without names"):
        swath.evaluate("pca-clusters", dataset, split="all", fields="fields.gpkg")


def test_on_the_command_line(folder: Path) -> None:
    told = ["--split", "all", "--sensor", SENSOR, "--bands", ",".join(BANDS), "--classes", ",".join(NAMES)]
    more = ["--ignore", "255", "--worst", "0", "--bootstrap", "10"]
    done = CliRunner().invoke(app, ["evaluate", "pca-clusters", str(folder), *told, *more])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("pca-clusters (segmentation) on")
    for words in ("adjusted Rand index", "normalised mutual information", "purity", "fitted to each scene by itself"):
        assert words in done.stdout


def test_units_of_polygons_no_one_was_asked_about(shared_data: Path, tmp_path: Path) -> None:
    """Polygons on Sentinel-2: the scores are those that others' components and k-means reach."""
    source = shared_data / "rstoolbox_s2_landsat/converted"
    for name in ("sen2.tif", "trainingPolygons_sen2.gpkg"):
        (tmp_path / name).symlink_to(source / name)
    data = swath.data.open(tmp_path, sensor="sentinel-2-l2a@values", label_field="class", task="segmentation")
    whole = data.scene(data.items[0])
    model = fit("pca-clusters", whole, classes=5, around=1)
    found = swath.evaluate(model, data, split="all", bootstrap=0)
    labels, pixels = [], []
    for item in data.items:
        sample = data.sample(item)
        known = np.asarray(sample.target) >= 0
        labels.append(np.asarray(sample.target)[known])
        pixels.append(sample.image[0][:, known].T.astype(float))
    values = whole.read()[0][0].reshape(len(whole.bands), -1).T.astype(float)
    scaler = StandardScaler().fit(values)
    pca = PCA(0.99).fit(scaler.transform(values))
    means = KMeans(5, n_init=10, random_state=0).fit(pca.transform(scaler.transform(values)))
    units = means.predict(pca.transform(scaler.transform(np.concatenate(pixels))))
    assert found["ari"] == pytest.approx(sklearn.adjusted_rand_score(np.concatenate(labels), units), abs=0.03)
    assert found["ari"] > 0.5
