"""One file of weights with several skills: the scene and the task decide, and what they leave open is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import swath
from swath.errors import CardError, MatchError, PredictError
from swath.models import Card, CardBand, ClassLabel, DatesRule, GsdRule, Input, Output
from swath.models.model import Model
from swath.models.registry import card_of, cards_of, describe, load
from swath.predict import predict

SENSOR = "sentinel-2-l1c@pre-04.00"
SCENE = {"sensor": SENSOR, "bands": ["B02", "B03", "B04", "B08"]}


class Told(nn.Module):
    """Answers with what it is told: the number of dates, and how many letters the task and the classes have."""

    def __init__(self) -> None:
        super().__init__()
        self.nought = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, *, task: str, classes: tuple[str, ...], wavelengths: Tensor) -> Tensor:
        dates = x.shape[1] if x.ndim == 5 else 1
        numbers = [dates + len(task) + len(name) + float(wavelengths.sum()) for name in classes]
        pixels = x.flatten(1, 2) if x.ndim == 5 else x
        return pixels.mean(1, keepdim=True) * self.nought + torch.tensor(numbers)[None, :, None, None]


@pytest.fixture
def file(own_data: Path, tmp_path: Path) -> Path:
    scene = swath.open(own_data / "paris_2015.tif", **SCENE)
    bands = tuple(map(CardBand.of, scene.bands))

    def card(name: str, task: str, dates: int, *classes: str, gsd: float = 10.0, output: str = "classes") -> Card:
        given = Input(bands=bands, gsd=GsdRule.around(gsd), dates=DatesRule(min=dates, max=dates))
        labels = tuple(ClassLabel(value=value, name=label) for value, label in enumerate(classes))
        return Card(
            name=name,
            task=task,
            inputs=(given,),
            output=Output(kind=output, classes=labels),
            takes=("task", "classes", "wavelengths"),
        )

    first = card("cover", "segmentation", 1, "land", "water", "ice")
    others = (
        card("change", "change", 2, "same", "changed", output="binary"),
        card("roofs", "segmentation", 1, "other", "roof", gsd=0.3, output="binary"),
    )
    return Model(Told(), first, others=others).save(tmp_path / "several.swath")


def test_all_skills_are_kept_and_named(file: Path) -> None:
    model = Model.load(file, network=Told())
    assert [card.name for card in model.cards] == ["cover", "change", "roofs"]
    assert [card.name for card in cards_of(file)] == ["cover", "change", "roofs"]
    assert card_of(f"{file}:roofs").name == "roofs"
    assert load(f"{file}:change", network=Told()).cards == (model.others[0],)
    assert all(name in describe(file) for name in ("cover", "change", "roofs"))
    assert "roofs" not in describe(f"{file}:change")
    with pytest.raises(CardError, match="has no skill 'lakes'; it has cover, change, roofs"):
        card_of(f"{file}:lakes")
    with pytest.raises(CardError, match="names of their own"):
        replace(model, others=(model.card,)).save(file.with_name("twice.swath"))


def test_scene_and_task_decide(file: Path, own_data: Path) -> None:
    model = Model.load(file, network=Told())
    one = swath.open(own_data / "paris_2015.tif", **SCENE)
    pair = swath.open(own_data / "paris_2015.tif", own_data / "paris_2018.tif", dates=["2015", "2018"], **SCENE)
    assert predict(one, model).run.card.name == "cover", "the other segmentation wants finer pixels"
    assert predict(pair, model, task="change").run.card.name == "change"
    classes, _ = predict(pair, model, task="change").read()
    assert (classes == 1).all()
    with pytest.raises(MatchError, match=r"does not fit change.*date"):
        predict(one, model, task="change")
    with pytest.raises(PredictError, match="was made for segmentation, change, not for regression"):
        predict(one, model, task="regression")


def test_what_is_left_open_is_asked(file: Path, own_data: Path) -> None:
    model = Model.load(file, network=Told())
    twin = replace(model, others=(*model.others, model.card.with_(name="twin")))
    scene = swath.open(own_data / "paris_2015.tif", **SCENE)
    with pytest.raises(PredictError, match=r"several\.swath:cover or .*several\.swath:twin"):
        predict(scene, twin, task="segmentation")


def test_the_network_hears_its_task_and_classes(file: Path) -> None:
    model = Model.load(file, network=Told())
    centres = torch.tensor([492.4, 559.8, 664.6, 832.8])
    x = torch.zeros(1, 1, 4, 8, 8)
    answer = model(x, wavelengths=centres)
    expected = [1 + len("segmentation") + len(name) + float(centres.sum()) for name in ("land", "water", "ice")]
    np.testing.assert_allclose(answer[0, :, 0, 0], expected, rtol=1e-6)
    change = model.skill("change")(x.repeat(1, 2, 1, 1, 1), wavelengths=centres)
    assert change.shape[1] == 1
    assert float(change[0, 0, 0, 0]) == pytest.approx(2 + len("change") + len("changed") + float(centres.sum()))


def test_a_map_takes_the_place_of_all_that_an_earlier_one_wrote(file: Path, own_data: Path, tmp_path: Path) -> None:
    model = Model.load(file, network=Told()).skill("cover")
    scene = swath.open(own_data / "paris_2015.tif", **SCENE)
    (tmp_path / "map.notes.tif").write_bytes(b"mine")
    predict(scene, model, out=tmp_path / "map.tif", probabilities=True)
    assert (tmp_path / "map.probabilities.tif").exists()
    predict(scene, model, out=tmp_path / "map.tif", overwrite=True)
    assert not (tmp_path / "map.probabilities.tif").exists(), "it would be taken for the new map's"
    assert (tmp_path / "map.confidence.tif").exists()
    assert (tmp_path / "map.notes.tif").exists()
