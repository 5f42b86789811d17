"""Metrics against scikit-learn and torchmetrics, on random and on degenerate inputs; and that they add up."""

from __future__ import annotations

import math
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
import torch
import torchmetrics.functional as reference
from numpy.typing import NDArray
from sklearn import metrics as sklearn

from swath.models import Card, CardBand, ClassLabel, Input, Layer, Output
from swath.tasks import trained_task
from swath.tasks.calibration import Calibration
from swath.tasks.confusion import Confusion, mean_of
from swath.tasks.metrics import ClassMetrics

NAMES = tuple(ClassLabel(value=value, name=name) for value, name in enumerate(("water", "trees", "fields", "roofs")))
RANDOM = np.random.default_rng(0)


def card_of(task: Any, **output: Any) -> Card:
    return Card(
        name="small-net",
        task=task,
        inputs=(Input(bands=(CardBand(name="B04", units="reflectance"),)),),
        output=Output(**output),
    )


def agreeing(count: int, size: int, share: float) -> tuple[NDArray[Any], NDArray[Any]]:
    truth = RANDOM.integers(0, count, size)
    answer = np.where(RANDOM.random(size) < share, truth, RANDOM.integers(0, count, size))
    return truth, answer


PAIRS = {
    "random": agreeing(4, 4000, 0.6),
    "a class that is not labelled": (np.array([0, 0, 1, 1, 3]), np.array([0, 2, 1, 1, 3])),
    "a class that is not answered": (np.array([0, 1, 2, 3, 3]), np.array([0, 1, 1, 3, 3])),
    "a class that is neither": (np.array([0, 1, 1, 3]), np.array([0, 1, 3, 3])),
    "all wrong": (np.array([0, 1, 2, 3]), np.array([1, 2, 3, 0])),
    "one class": (np.array([2, 2, 2]), np.array([2, 2, 2])),
    "one pixel": (np.array([1]), np.array([0])),
}


@pytest.mark.parametrize("case", PAIRS)
def test_scores_are_those_of_scikit_learn(case: str) -> None:
    truth, answer = PAIRS[case]
    found, order = Confusion.of(truth, answer, 4), list(range(4))
    np.testing.assert_array_equal(found.counts, sklearn.confusion_matrix(truth, answer, labels=order))
    present = np.isin(order, np.concatenate([truth, answer]))
    given = {"labels": order, "average": None, "zero_division": 0.0}
    for ours, theirs in (
        (found.iou, sklearn.jaccard_score(truth, answer, **given)),
        (found.f1, sklearn.f1_score(truth, answer, **given)),
        (found.precision, sklearn.precision_score(truth, answer, **given)),
        (found.recall, sklearn.recall_score(truth, answer, **given)),
    ):
        np.testing.assert_allclose(ours[present], theirs[present], atol=1e-12)
        assert np.isnan(ours[~present]).all()
        assert mean_of(ours) == pytest.approx(theirs[present].mean())
    assert found.accuracy == pytest.approx(sklearn.accuracy_score(truth, answer))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it divides by nothing where there is one class
        kappa = sklearn.cohen_kappa_score(truth, answer, labels=order)
    assert found.kappa == pytest.approx(kappa, nan_ok=True)


@pytest.mark.parametrize("case", PAIRS)
def test_scores_are_those_of_torchmetrics(case: str) -> None:
    truth, answer = (torch.from_numpy(one).clone() for one in PAIRS[case])
    truth[1::7] = -1
    metrics = ClassMetrics.named([label.name for label in NAMES])
    metrics.count(truth.numpy(), answer.numpy())
    found = metrics.compute()
    given: dict[str, Any] = {"task": "multiclass", "num_classes": 4, "ignore_index": -1}
    theirs = {
        "accuracy": reference.accuracy(answer, truth, average="micro", **given),
        "kappa": reference.cohen_kappa(answer, truth, **given),
    }
    for name, function in (
        ("mean_iou", reference.jaccard_index),
        ("mean_f1", reference.f1_score),
        ("mean_precision", reference.precision),
        ("mean_recall", reference.recall),
    ):
        theirs[name] = function(answer, truth, average="macro", **given)
    assert {name: found[name] for name in theirs} == pytest.approx(
        {name: float(value) for name, value in theirs.items()}, abs=1e-6, nan_ok=True
    )


def test_nothing_counted_is_nothing_said() -> None:
    for made in (
        card_of("segmentation", kind="classes", classes=NAMES),
        card_of("segmentation", kind="binary", classes=NAMES[:2]),
        card_of("classification", kind="labels", classes=NAMES, activation="sigmoid"),
        card_of("semantic-change", kind="semantic-change", classes=NAMES),
        card_of("regression", kind="values", layers=(Layer(name="height", units="m"),)),
    ):
        metrics = trained_task(made).metrics(made)
        scores = metrics.compute()
        assert metrics.headline in scores
        assert all(math.isnan(value) for value in scores.values())


def test_calibration_is_that_of_torchmetrics() -> None:
    logits = torch.randn(6000, 4, generator=torch.Generator().manual_seed(3)) * 2
    truth = torch.where(torch.rand(6000, generator=torch.Generator().manual_seed(4)) < 0.5, logits.argmax(1), 0)
    likely = torch.softmax(logits, 1)
    theirs = reference.calibration_error(likely, truth, task="multiclass", num_classes=4, n_bins=15, norm="l1")
    metrics = ClassMetrics.named([label.name for label in NAMES])
    for part in torch.arange(6000).chunk(7):
        metrics.update(likely[part], truth[part])
    assert metrics.compute()["ece"] == pytest.approx(float(theirs), abs=1e-6)
    rows = metrics.calibration.table()
    assert sum(row["answers"] for row in rows) == 6000
    assert all(row["from"] <= row["sure"] <= row["to"] + 1e-6 for row in rows)


def test_calibration_at_the_edges_of_its_bins() -> None:
    found = Calibration.of(np.array([0.0, 1 / 15, 0.5, 1.0, np.nan]), np.array([True, False, True, True, True]))
    assert found.counts[0, [0, 7, 14]].tolist() == [2, 1, 1]
    assert found.counts.sum(axis=1).tolist() == [4, 3]


def test_a_yes_is_scored_as_such_and_at_the_threshold_of_the_card() -> None:
    card = card_of("change", kind="binary", classes=NAMES[:2], threshold=0.3)
    task = trained_task(card)
    metrics = task.metrics(card)
    logits = torch.randn(2, 1, 20, 30, generator=torch.Generator().manual_seed(0))
    truth = torch.randint(-1, 2, (2, 20, 30), generator=torch.Generator().manual_seed(1))
    metrics.update(task.activate(logits), truth)
    yes = (torch.sigmoid(logits[:, 0]) > 0.3).numpy()[truth.numpy() >= 0]
    known = truth.numpy()[truth.numpy() >= 0]
    found = metrics.compute()
    assert found["f1"] == pytest.approx(sklearn.f1_score(known, yes))
    assert found["iou"] == pytest.approx(sklearn.jaccard_score(known, yes))
    assert found["precision"] == pytest.approx(sklearn.precision_score(known, yes))
    assert found["mean_iou"] == pytest.approx(sklearn.jaccard_score(known, yes, average="macro"))
    assert metrics.headline == "iou"


def test_several_classes_at_once() -> None:
    card = card_of("classification", kind="labels", classes=NAMES, activation="sigmoid")
    task = trained_task(card)
    metrics = task.metrics(card)
    logits = torch.randn(500, 4, generator=torch.Generator().manual_seed(0))
    truth = torch.randint(0, 2, (500, 4), generator=torch.Generator().manual_seed(1)).float()
    truth[:, 3] = 0
    metrics.update(task.activate(logits), truth)
    yes = (logits > 0).numpy()
    expected = sklearn.f1_score(truth.numpy(), yes, average=None, zero_division=0.0)
    found = metrics.compute()
    np.testing.assert_allclose([found[f"f1/{label.name}"] for label in NAMES], expected)
    assert found["accuracy"] == pytest.approx((truth.numpy() == yes).mean())
    unknown = truth.clone()
    unknown[:, 0] = torch.nan
    other = metrics.empty()
    other.update(task.activate(logits), unknown)
    assert math.isnan(other.compute()["f1/water"])
    assert other.compute()["f1/trees"] == found["f1/trees"]


def test_values_are_scored_in_their_units() -> None:
    layers = (Layer(name="height", units="m", mean=1000.0, std=3.0), Layer(name="cover", units="1"))
    card = card_of("regression", kind="values", layers=layers)
    metrics = trained_task(card).metrics(card)
    truth, answer = (torch.randn(3, 2, 8, 9, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    truth[0, 0, :3] = torch.nan
    answer[1, 1, 5] = torch.nan
    for part in range(3):
        metrics.update(answer[part : part + 1], truth[part : part + 1])
    found = metrics.compute()
    for index, (name, mean, std) in enumerate((("height", 1000.0, 3.0), ("cover", 0.0, 1.0))):
        t, a = (one[:, index].double().numpy().ravel() * std + mean for one in (truth, answer))
        known = np.isfinite(t) & np.isfinite(a)
        t, a = t[known], a[known]
        assert found[f"mae/{name}"] == pytest.approx(sklearn.mean_absolute_error(t, a))
        assert found[f"rmse/{name}"] == pytest.approx(sklearn.root_mean_squared_error(t, a))
        assert found[f"r2/{name}"] == pytest.approx(sklearn.r2_score(t, a))
        assert found[f"bias/{name}"] == pytest.approx((a - t).mean())
    assert found["rmse"] == found["rmse/height"]
    assert not metrics.higher_is_better


def test_a_truth_that_does_not_vary_has_no_r2() -> None:
    card = card_of("regression", kind="values", layers=(Layer(name="height", units="m"),))
    metrics = trained_task(card).metrics(card)
    metrics.update(torch.zeros(1, 1, 2, 2), torch.full((1, 1, 2, 2), 0.3))
    assert math.isnan(metrics.compute()["r2"])
    assert metrics.compute()["mae"] == pytest.approx(0.3)


def test_semantic_change_counts_change_and_the_classes_of_both_dates() -> None:
    card = card_of("semantic-change", kind="semantic-change", classes=NAMES)
    task = trained_task(card)
    metrics = task.metrics(card)
    generator = torch.Generator().manual_seed(0)
    logits = [torch.randn(2, channels, 9, 7, generator=generator) for channels in (1, 4, 4)]
    truth = torch.randint(-1, 2, (2, 3, 9, 7), generator=generator)
    metrics.update(task.activate(logits), truth)
    answer = torch.stack([logits[1].argmax(1), logits[2].argmax(1)], 1).numpy()
    dates = truth[:, 1:].numpy()
    expected = sklearn.f1_score(dates[dates >= 0], answer[dates >= 0], average=None, labels=range(4), zero_division=0.0)
    assert metrics.compute()["classes/f1/trees"] == pytest.approx(expected[1])
    known = truth[:, 0] >= 0
    changed = (logits[0][:, 0] > 0)[known]
    assert metrics.compute()["change/f1"] == pytest.approx(sklearn.f1_score(truth[:, 0][known], changed))


def test_separated_kappa_leaves_out_what_is_rightly_unchanged() -> None:
    card = card_of("semantic-change", kind="semantic-change", classes=NAMES)
    task = trained_task(card)
    metrics = task.metrics(card)
    generator = torch.Generator().manual_seed(1)
    logits = [torch.randn(2, channels, 9, 7, generator=generator) for channels in (1, 4, 4)]
    truth = torch.randint(-1, 2, (2, 3, 9, 7), generator=generator)
    truth[:, 1:] = torch.where(truth[:, :1] == 1, truth[:, 1:].clamp(min=0) * 3, -1)  # classes only where it changed
    metrics.update(task.activate(logits), truth)
    known = (truth[:, 0] >= 0).numpy()
    labels, answers = [], []
    for date in (1, 2):
        labels.append((truth[:, date] + 1).numpy()[known])
        answers.append(((logits[date].argmax(1) + 1) * (logits[0][:, 0] > 0)).numpy()[known])
    label, answer = np.concatenate(labels), np.concatenate(answers)
    changes = (label > 0) | (answer > 0)
    iou = sklearn.jaccard_score(label > 0, answer > 0), sklearn.jaccard_score(label == 0, answer == 0)
    kappa = sklearn.cohen_kappa_score(label[changes], answer[changes])
    found = metrics.compute()
    assert found["sek"] == pytest.approx(kappa * math.exp(iou[0] - 1))
    assert found["scd_score"] == pytest.approx(0.3 * np.mean(iou) + 0.7 * found["sek"])
    assert found["fscd"] == pytest.approx(
        sklearn.f1_score(label, answer, labels=[1, 2, 3, 4], average="micro", zero_division=0.0)
    )
    assert math.isnan(metrics.empty().compute()["sek"])


@pytest.mark.parametrize("kind", ["classes", "binary", "several", "semantic", "values"])
def test_counts_add_up_however_they_are_parted(kind: str) -> None:
    card = {
        "classes": lambda: card_of("segmentation", kind="classes", classes=NAMES),
        "binary": lambda: card_of("segmentation", kind="binary", classes=NAMES[:2]),
        "several": lambda: card_of("segmentation", kind="classes", classes=NAMES, activation="sigmoid"),
        "semantic": lambda: card_of("semantic-change", kind="semantic-change", classes=NAMES),
        "values": lambda: card_of("regression", kind="values", layers=(Layer(name="height", units="m", std=9.0),)),
    }[kind]()
    task, generator = trained_task(card), torch.Generator().manual_seed(0)
    channels = {"classes": (4,), "binary": (1,), "several": (4,), "semantic": (1, 4, 4), "values": (1,)}[kind]
    logits = [torch.randn(6, count, 8, 8, generator=generator) for count in channels]
    truth = torch.randint(-1, 2, (6, *((3,) if kind == "semantic" else ()), 8, 8), generator=generator)
    truth = truth[:, None].float() if kind == "values" else truth
    whole, parted = task.metrics(card), task.metrics(card)
    whole.update(task.activate(logits if len(logits) > 1 else logits[0]), truth)
    for part in (slice(0, 1), slice(4, 6), slice(1, 4)):
        some = [one[part] for one in logits]
        other = parted.empty()
        other.update(task.activate(some if len(some) > 1 else some[0]), truth[part])
        parted.merge(pickle.loads(pickle.dumps(other)))
    assert whole.compute() == pytest.approx(parted.compute(), nan_ok=True)
    again = parted.of_row(whole.row() * 2)
    whole.merge(whole)
    assert again.compute() == pytest.approx(whole.compute(), nan_ok=True)
    assert whole.headline in whole.compute()


def test_what_is_no_number_is_no_answer_and_coarser_answers_are_taken_by_the_nearest() -> None:
    metrics = ClassMetrics.named(("a", "b"))
    outputs = torch.tensor([[[[0.9, 0.2]], [[0.1, 0.8]]]])
    truth = torch.tensor([[[0, 0, 1, 1], [0, 1, -1, 1]]])
    metrics.update(outputs, truth)
    assert metrics.confusion.counts.tolist() == [[3, 0], [1, 3]]
    outputs[0, :, 0, 0] = torch.nan
    fresh = metrics.empty()
    fresh.update(outputs, truth)
    assert fresh.confusion.counts.tolist() == [[0, 0], [0, 3]]
