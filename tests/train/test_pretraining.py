"""Pretraining: images alone become an encoder, and a change network begins with exactly that."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

import swath
from swath.cli import app
from swath.errors import CardError, PredictError, SwathWarning, TrainError
from swath.models import Card, CardBand, Input, Layer, Model, Output, TileRule, registry
from swath.models.registry import card_of, register
from swath.models.weights import read_state
from swath.train import fit
from swath.train.pretrained import begin_pretrained, tell_unlearnt
from swath.train.report import TrainReport

from .making import SAID, SENSOR, tiles

EXAMPLES = Path(__file__).parents[2] / "examples" / "data"
SMALL: dict[str, Any] = {"inner": 32, "multipliers": [1, 1], "blocks": 1, "steps": [50, 400]}
QUICK: dict[str, Any] = {
    "network": "ddpmcd",
    "options": SMALL,
    "crop": 16,
    "batch": 4,
    "precision": "float32",
    "accelerator": "cpu",
    "validation_pixels": 4096,
}
SPLIT: dict[str, Any] = {"val": ["*tile_0_*"], "test": ["*tile_3_*"]}


@pytest.fixture(scope="module")
def pairs(own_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiles(own_data, tmp_path_factory.mktemp("pairs") / "growth", changed=True)


@pytest.fixture(scope="module")
def pretrained(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainReport:
    """Forty steps on both dates of Paris, whose labels are left aside."""
    out = tmp_path_factory.mktemp("first") / "encoder.swath"
    return swath.train(
        pairs, task="pretraining", out=out, steps=40, lr=2e-3, average=0.9, validations=2, **QUICK, **SAID, **SPLIT
    )


def change_from(encoder: Path, folder: Path, out: Path, **other: Any) -> TrainReport:
    said = {key: value for key, value in QUICK.items() if key not in ("network", "options")}
    said |= {"start": str(encoder), "reach": False, "steps": 2, "validations": 1, "classes": ["same", "other"]}
    return swath.train(folder, task="change", out=out, **(said | SAID | SPLIT | other))


def test_noise_is_found_in_places_that_were_not_learnt_from(pretrained: TrainReport) -> None:
    (skill,) = pretrained.skills
    assert (skill.train, skill.val, skill.test, skill.headline) == (16, 8, 8, "error")
    rows = [line.split(",") for line in (pretrained.folder / "curves.csv").read_text().splitlines()]
    errors = [float(row[rows[0].index("growth/error")]) for row in rows[1:]]
    assert len(errors) == 2
    assert skill.scores["error"] == min(errors) < 0.8, "who finds no noise has 1"
    assert errors[-1] < errors[0]


def test_the_card_says_what_it_is(pretrained: TrainReport) -> None:
    card = card_of(pretrained.model)
    assert (card.task, card.output.kind, card.field) == ("pretraining", "values", None)
    assert any("learnt from images alone and makes no map; train from it: swath train" in note for note in card.notes)
    assert card.scores[0].metric == "error"


def test_nothing_is_predicted_or_evaluated_with_it(pretrained: TrainReport, own_data: Path, pairs: Path) -> None:
    scene = swath.open(str(own_data / "paris_2015.tif"), sensor=SENSOR, bands=SAID["bands"])
    words = r"encoder\.swath has learnt from images alone and makes no map; .*swath train LABELS --from .*encoder"
    with pytest.raises(PredictError, match=words):
        swath.predict(scene, str(pretrained.model))
    with pytest.raises(PredictError, match=words):
        swath.evaluate(str(pretrained.model), pairs)


def test_change_begins_with_exactly_that_and_its_head_learns(
    pretrained: TrainReport, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: dict[str, Tensor] = {}
    real = fit.begin

    def begin(*arguments: Any) -> Any:
        model = real(*arguments)
        begun.update({key: one.clone() for key, one in model.network.state_dict().items()})
        return model

    monkeypatch.setattr(fit, "begin", begin)
    report = change_from(pretrained.model, pairs, tmp_path / "change.swath")
    before, after = read_state(pretrained.model), read_state(report.model)
    assert {key for key in after if key.startswith("diffusion.")} == set(before)
    assert all(torch.equal(one, begun[key]) and torch.equal(one, after[key]) for key, one in before.items())
    moved = {key for key, one in begun.items() if not torch.equal(one, after[key])}
    assert all(key.startswith("head.") for key in moved)
    assert moved >= {key for key in after if key.startswith("head.") and key.endswith("weight")}
    new, old = card_of(report.model), card_of(pretrained.model)
    assert [band.normalisation for band in new.inputs[0].bands] == [band.normalisation for band in old.inputs[0].bands]
    assert new.trained_on[1:] == old.trained_on
    assert any(note.startswith("begun from growth, pretrained on images alone") for note in new.notes)
    assert any("images are normalised as in pretraining" in note for note in report.notes)


def test_a_run_that_was_stopped_ends_as_if_it_had_not(pairs: Path, tmp_path: Path) -> None:
    run: dict[str, Any] = {"task": "pretraining", "steps": 4, "validations": 2, **QUICK, **SAID, **SPLIT}
    whole = swath.train(pairs, out=tmp_path / "whole.swath", **run)

    class Enough(Exception):
        pass

    def stop(moment: Any) -> None:
        if moment.step == 3:
            raise Enough

    with pytest.raises(Enough):
        swath.train(pairs, out=tmp_path / "parts.swath", progress=stop, **run)
    parts = swath.train(pairs, out=tmp_path / "parts.swath", resume=True, **run)
    assert parts.skills[0].scores == whole.skills[0].scores
    one, other = read_state(whole.model), read_state(parts.model)
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_pretraining_goes_on_from_a_file(pretrained: TrainReport, pairs: Path, tmp_path: Path) -> None:
    said = {key: value for key, value in QUICK.items() if key not in ("network", "options")}
    more = swath.train(
        pairs, task="pretraining", out=tmp_path / "more.swath", start=str(pretrained.model), steps=1, lr=1e-9,
        validations=1, **said, **SAID, **SPLIT,
    )  # fmt: skip
    assert more.skills[0].scores["error"] == pytest.approx(pretrained.skills[0].scores["error"], abs=1e-3)


class Masked(nn.Module):
    """What is learnt from images alone, of another kind: an encoder, and a decoder that nobody needs afterwards."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(channels, 8, 3, padding=1)
        self.decoder = nn.Conv2d(8, channels, 1)

    def forward(self, image: Tensor) -> Tensor:
        hidden = torch.zeros_like(image)
        hidden[..., ::2] = 1
        found: Tensor = self.decoder(self.encoder(image * (1 - hidden)))
        return (2 * hidden * (found - image).square()).mean(1, keepdim=True)


class Segmenting(nn.Module):
    """A network of another task with such an encoder."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(channels, 8, 3, padding=1)
        self.head = nn.Conv2d(8, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.head(self.encoder(image).relu())
        return logits


@pytest.fixture
def networks() -> Any:
    """Two registered networks more, for as long as a test runs."""
    registry.names()

    @register("masked-for-a-test", title="Masked", tasks=("pretraining",))
    def masked(in_channels: int) -> nn.Module:
        return Masked(in_channels)

    @register("segmenting-for-a-test", title="Segmenting", tasks=("segmentation",))
    def segmenting(in_channels: int, classes: int) -> nn.Module:
        return Segmenting(in_channels, classes)

    yield
    for name in ("masked-for-a-test", "segmenting-for-a-test"):
        del registry._ENTRIES[name]


def test_another_network_begins_with_the_part_that_both_have(
    networks: None, own_data: Path, pretrained: TrainReport, tmp_path: Path
) -> None:
    folder = tiles(own_data, tmp_path / "green")
    run: dict[str, Any] = {key: value for key, value in QUICK.items() if key != "options"} | {"steps": 1}
    run |= {"validations": 1, "reach": False, **SAID, **SPLIT}
    first = swath.train(
        folder, task="pretraining", out=tmp_path / "first.swath", **run | {"network": "masked-for-a-test"}
    )
    then = run | {"network": "segmenting-for-a-test", "start": str(first.model), "freeze_encoder": True}
    report = swath.train(folder, task="segmentation", out=tmp_path / "second.swath", **then)
    before, after = read_state(first.model), read_state(report.model)
    assert set(after) == {"encoder.weight", "encoder.bias", "head.weight", "head.bias"}
    assert all(torch.equal(before[key], after[key]) for key in ("encoder.weight", "encoder.bias"))
    with pytest.raises(TrainError, match="holds a part called diffusion to begin with, and the network has encoder"):
        swath.train(folder, task="segmentation", out=tmp_path / "no.swath", **then | {"start": str(pretrained.model)})


def test_other_bands_are_refused(pretrained: TrainReport, own_data: Path, tmp_path: Path) -> None:
    folder = tiles(own_data, tmp_path / "green", bands=3)
    said = {key: value for key, value in QUICK.items() if key not in ("network", "options")}
    said |= {"sensor": SENSOR, "bands": ["B02", "B03", "B04"], "start": str(pretrained.model)}
    with pytest.raises(CardError, match=r"pretrained on 4 bands \(B02, B03, B04, B08\), and green, 3 bands \(B02, "):
        swath.train(folder, task="pretraining", out=tmp_path / "no.swath", **said, **SPLIT)


def test_bands_in_another_order_are_refused() -> None:
    bands = tuple(CardBand(name=name, units="reflectance") for name in ("B02", "B03", "B04"))
    card = Card(
        name="encoder",
        task="pretraining",
        inputs=(Input(bands=bands),),
        output=Output(kind="values", layers=(Layer(name="error", units="1"),)),
        tile=TileRule(size=64),
    )
    source = Model.build("ddpmcd", card=card, **SMALL)
    turned = card.with_(inputs=(Input(bands=bands[::-1]),))
    with pytest.raises(TrainError, match=r"in another order; say bands=\['B02', 'B03', 'B04'\]"):
        begin_pretrained(source.network, [turned], source)
    (same,), report = begin_pretrained(source.network, [card], source)
    assert same.inputs == card.inputs
    assert report.adapted[-1] == "images are normalised as in pretraining"


def test_what_cannot_be_pretrained_is_refused(pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match=r"unet is for segmentation, .*and growth is pretraining; take one of ddpmcd"):
        swath.train(pairs, task="pretraining", out=tmp_path / "no.swath", **SAID, **SPLIT)
    two = {"sets": [{"folder": str(pairs), "skill": one, "task": one, **SAID} for one in ("change", "pretraining")]}
    with pytest.raises(TrainError, match="pretraining goes by itself; train what follows in a second run"):
        swath.train(config=two, out=tmp_path / "no.swath", **QUICK)


def test_features_that_have_learnt_nothing_are_told() -> None:
    with pytest.warns(SwathWarning, match=r"part called diffusion as it is, and that has random weights; .*--task pre"):
        tell_unlearnt(registry.find("ddpmcd").build(**SMALL), "ddpmcd")
    tell_unlearnt(registry.find("ddpmcd").build(**SMALL, frozen=False), "ddpmcd")  # a warning would be an error


def test_two_commands(tmp_path: Path) -> None:
    """A whole scene is cut into blocks, some of which are held out."""
    scenes, out = tmp_path / "scenes", str(tmp_path / "encoder.swath")
    scenes.mkdir()
    shutil.copy(EXAMPLES / "kampala.tif", scenes)
    quick = ["--crop", "16", "--batch", "1", "--steps", "1", "--precision", "float32", "--set", "validations=1"]
    sizes = [word for key, value in SMALL.items() for word in ("--set", f"options.{key}={value}")]
    told = ["--task", "pretraining", "--sensor", "drone-rgb", "--set", "validation_pixels=1", *quick, *sizes]
    done = CliRunner().invoke(app, ["train", str(scenes), "--network", "ddpmcd", "-o", out, *told])
    assert done.exit_code == 0, done.output
    assert "scenes (pretraining), 6 train, 1 val, 1 test" in done.output
    assert "kampala.tif (1024 x 512 pixels) is cut into 8 blocks" in done.output
    done = CliRunner().invoke(app, ["predict", str(scenes / "kampala.tif"), "-m", out, "-o", str(tmp_path / "no.tif")])
    assert done.exit_code == 1
    assert len(done.output.strip().splitlines()) == 1
    assert "has learnt from images alone and makes no map" in done.output
    done = CliRunner().invoke(app, ["train", str(tmp_path / "scenes"), "-o", str(tmp_path / "no.swath")])
    assert done.exit_code == 1
    assert "images without labels are for --task pretraining" in done.output
