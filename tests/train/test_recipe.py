"""Recipes: what is said where, what wins, what is refused; and those that the project ships."""

from __future__ import annotations

import ast
import inspect
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from swath.data import Augment, Crops
from swath.data import open as open_data
from swath.errors import DataError, TrainError
from swath.train.average import Average
from swath.train.batches import Draw
from swath.train.budget import Budget, rate
from swath.train.compose import compose
from swath.train.recipe import Recipe, SetRecipe, read_fields, read_recipe
from swath.train.sets import located, open_set, skill_name, split_set

from .making import SAID, tiles

RECIPES = Path(__file__).parents[2] / "recipes"
SHIPPED = ("stsun-tiny", "stsun-tiny-nc")


@pytest.mark.parametrize("kind", [Recipe, SetRecipe])
def test_every_field_is_documented(kind: type) -> None:
    body = ast.parse(inspect.getsource(kind)).body[0].body  # type: ignore[attr-defined]
    for field, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign):
            assert isinstance(after, ast.Expr), ast.unparse(field)
            assert isinstance(after.value, ast.Constant)


def test_yaml_gives_the_same_recipe_again(tmp_path: Path) -> None:
    made = compose(
        "labels", None, {"lr": 0.01, "classes": {0: "no", 255: "yes"}, "val": ["a*"], "augment": {"scale": 0.5}}
    )
    (tmp_path / "one.yaml").write_text(made.to_yaml())
    assert read_recipe(tmp_path / "one.yaml") == made


def test_later_words_win_over_earlier() -> None:
    config = {"lr": 0.1, "batch": 4, "sets": [{"folder": "there", "gsd": 2.0, "skill": "roads"}]}
    made = compose("here", config, {"lr": 0.5, "gsd": None, "sensor": "naip"})
    assert (made.lr, made.batch) == (0.5, 4)
    assert (made.sets[0].folder, made.sets[0].gsd, made.sets[0].sensor, made.sets[0].skill) == (
        "here",
        2.0,
        "naip",
        "roads",
    )
    assert compose("x", {"network": "fpn"}, {"start": "mine.swath"}).model_fields_set.isdisjoint({"network"})


@pytest.mark.parametrize(
    ("folder", "config", "options", "said"),
    [
        (None, None, {}, "nothing is said to learn from"),
        ("x", None, {"learning_rate": 1}, "learning_rate= is not known; there are .*lr"),
        ("x", None, {"lr": -1}, "recipe: lr: "),
        ("x", {"sets": [{"folder": "a"}, {"folder": "b"}]}, {}, "names sets of its own"),
        (None, {"sets": [{"folder": "a"}, {"folder": "b"}]}, {"gsd": 2.0}, "gsd= is said of one set, and there are 2"),
        (None, {"sets": [{"folder": "a"}, {"folder": "x/a"}]}, {}, "names of their own; found a, a"),
        (None, {"sets": ["a"]}, {}, "is no set"),
        ("absent.yaml", None, {}, "cannot read the recipe"),
    ],
)
def test_what_is_wrong_is_said(folder: Any, config: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(TrainError, match=said):
        compose(folder, config, options)


def test_folders_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACE", "/data")
    assert located("a", "$PLACE/sets") == Path("/data/sets/a")
    assert located("/b", "$PLACE") == Path("/b")
    assert located("c", None) == Path("c")
    with pytest.raises(TrainError, match="this variable is not set"):
        located("a", "$NOBODY_SET_THIS/x")
    assert (skill_name("a b/My tiles (2)"), skill_name("20"), skill_name("ä")) == ("My-tiles--2", "set-20", "own")


def test_the_rate_rises_and_falls_as_a_cosine() -> None:
    along = [rate(used, 0.1, 0.01) for used in np.linspace(0, 1, 101)]
    assert along[0] == pytest.approx(0.01)
    assert along[10] == pytest.approx(1.0)
    assert along[55] == pytest.approx((1 + 0.01) / 2, abs=1e-9)
    assert along[-1] == pytest.approx(0.01)
    assert np.all(np.diff(along[:11]) > 0)
    assert np.all(np.diff(along[10:]) < 0)
    assert rate(0.0, 0.0, 0.0) == 1.0


def test_of_several_budgets_the_first_that_is_used_up_counts() -> None:
    one = compose("x", None, {"epochs": 2, "steps": 1000, "minutes": 1, "crop": 100, "batch": 10})
    budget = Budget.of(one, pixels=5_000_000)
    assert budget.steps == 100
    assert budget.used(50, 0.0) == 0.5
    assert budget.used(1, 54.0) == pytest.approx(0.9)
    assert budget.remaining(1, 54.0) == pytest.approx(6.0)
    assert Budget.of(compose("x", None, {}), 1).steps == 600


def test_sets_are_visited_as_often_as_they_weigh_and_evenly() -> None:
    draw = Draw((), (1.0, 2.0, 0.5), (None,) * 3, (8,) * 3, 0)
    visits = [draw.set_of(number) for number in range(700)]
    counts = Counter(visits)
    assert [counts[k] for k in range(3)] == pytest.approx([200, 400, 100], abs=2)
    assert all(1 in visits[start : start + 5] for start in range(690))


def test_what_is_said_when_calling_holds_for_all_sets() -> None:
    fields = {"batch": 4, "sets": [{"folder": "a", "batch": 32, "weight": 3}, {"folder": "b", "augment": {"scale": 0}}]}
    assert [one.batch for one in compose(None, fields, {}).sets] == [32, None]
    called = compose(None, fields, {"batch": 2, "augment": {"turns": False}})
    assert (called.batch, [one.batch for one in called.sets]) == (2, [None, None])
    assert (called.augment, [one.augment for one in called.sets]) == (Augment(turns=False), [None, None])
    # 3 of 4 steps see 32 crops, one sees 4.
    assert Budget.of(compose(None, fields, {"epochs": 1, "crop": 100}), pixels=25_000_000).steps == 100


def test_crops_of_a_set_come_in_its_own_number_and_augmentation(own_data: Path, tmp_path: Path) -> None:
    crops = Crops(open_data(tiles(own_data, tmp_path), **SAID), 32)
    dark = Augment(turns=False, scale=0, brightness=0, contrast=0, gamma=0, colour=0)
    draw = Draw((crops, crops), (1.0, 1.0), (dark, None), (3, 2), 0)
    for number in range(8):
        batch = draw.batch_of(number)
        first = number * (3, 2)[batch.of]
        assert len(batch.samples) == (3, 2)[batch.of]
        for step, sample in enumerate(batch.samples, first):
            np.testing.assert_array_equal(sample.image, crops.sample(step).image)
    lit = Draw((crops, crops), (1.0, 1.0), (Augment(turns=False, scale=0), None), (1, 1), 0)
    changed = {
        lit.set_of(n): not np.array_equal(lit.batch_of(n).samples[0].image, crops.sample(n).image) for n in (0, 1)
    }
    assert changed == {0: True, 1: False}


def test_the_mean_of_weights_follows_and_takes_norms_along() -> None:
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1))
    average = Average(network, 0.9)
    before = average.network[0].weight.clone()
    with torch.no_grad():
        network[0].weight += 1.0
        network[1].running_mean += 2.0
        network[1].num_batches_tracked += 7
    average.update(network, 1_000_000)
    assert torch.allclose(average.network[0].weight, before + 0.1)
    assert torch.allclose(average.network[1].running_mean, torch.tensor([0.2]))
    assert average.network[1].num_batches_tracked == 7
    average.update(network, 0)
    assert torch.allclose(average.network[0].weight, 0.1 * (before + 0.1) + 0.9 * (before + 1.0))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_recipes_keep_the_demo_out_of_training(name: str, shared_data: Path) -> None:
    made = read_recipe(RECIPES / f"{name}.yaml")
    for one in made.sets:
        told = {key: getattr(one, key) for key in ("task", "classes", "ignore", "sensor", "bands", "gsd")}
        data = open_data(shared_data / one.folder, **{key: value for key, value in told.items() if value is not None})
        if not isinstance(one.test, tuple):
            continue
        parts = split_set(data, one, None, 0, None)
        learnt = {*parts.train, *parts.val}
        assert learnt.isdisjoint(parts.test)
        assert parts.train
        if one.folder == "oscd_s2_4band":
            assert {"nantes", "paris"} <= set(parts.test)
        if one.folder == "dubai_landcover":
            assert not [item for item in learnt if item.startswith("Tile_2_")]
        if one.folder == "hotosm_buildings":
            assert learnt.isdisjoint(_over_kampala(data))


def _over_kampala(data: Any) -> set[str]:
    """Tiles of any zoom level that show ground of examples/data/kampala.tif (zoom 20, x 619226-9, y 523266-7)."""
    found = set()
    for item in data.items:
        x, y, zoom = (int(part) for part in item.name.split("-")[1:])
        scale = 2.0 ** (20 - zoom)
        if x * scale < 619230 and (x + 1) * scale > 619226 and y * scale < 523268 and (y + 1) * scale > 523266:
            found.add(item.name)
    return found


def test_the_baseline_names_no_sets_and_fits_a_recipe() -> None:
    fields = read_fields(RECIPES / "unet-r18-baseline.yaml")
    assert compose("x", fields, {}).options == {"encoder": "resnet18"}


def test_a_set_is_opened_with_all_that_its_recipe_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told: dict[str, Any] = {}

    def opened(folder: Path, **said: Any) -> None:
        told.update(said)
        raise DataError("enough")

    monkeypatch.setattr("swath.train.sets.open_data", opened)
    with pytest.raises(DataError, match="enough"):
        open_set(SetRecipe(folder=str(tmp_path), coregister=True), None, 0)
    takes = inspect.signature(open_data).parameters
    assert {field for field in SetRecipe.model_fields if field in takes} <= told.keys()
    assert told["coregister"] is True
