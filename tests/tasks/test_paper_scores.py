"""Scores that papers rank by, against scikit-learn and torchmetrics, and values worked out by hand."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
import torchmetrics.functional.classification as reference
from numpy.typing import NDArray
from scipy import ndimage
from sklearn import metrics as sklearn

from swath.data import IGNORE
from swath.data.published.facts import published
from swath.data.published.scores import Kind, PaperScore
from swath.errors import CardError
from swath.tasks.confusion import Confusion
from swath.tasks.mean import LogLoss, Mean
from swath.tasks.metrics import ClassMetrics
from swath.tasks.metrics_of_break_even import BreakEven
from swath.tasks.metrics_of_changed import ChangedClasses
from swath.tasks.metrics_of_several import SeveralMetrics
from swath.tasks.metrics_of_transitions import ChangeMetrics
from swath.tasks.paper_scores import PaperMetrics, joined, of_table, xview2
from swath.tasks.ranked import BINS, Ranked, average_precision, bins_of, break_even
from swath.tasks.zones import by_likeness, likeness

RANDOM = np.random.default_rng(5)
MIDDLES = 1 / (1 + np.exp(-((np.arange(BINS) + 0.5) / BINS * 28 - 14)))
"""The probability in the middle of each bin."""


def called(truth: NDArray[Any], sure: float) -> NDArray[Any]:
    """Probabilities of yes that know something of the truth."""
    return 1 / (1 + np.exp(-RANDOM.normal(sure * (2 * truth - 1) - 1, 2)))


def several(likely: NDArray[Any], truth: NDArray[Any]) -> SeveralMetrics:
    found = SeveralMetrics.named([f"class {at}" for at in range(likely.shape[1])])
    for part in np.array_split(np.arange(len(likely)), 4):
        found.update(torch.from_numpy(likely[part]), torch.from_numpy(truth[part].astype(np.float32)))
    return found


def test_average_precision_is_scikit_learns() -> None:
    truth = RANDOM.random((600, 5)) < [0.5, 0.3, 0.1, 0.02, 0.4]
    likely = called(truth, 1.0)
    found = several(likely, truth).compute()
    rounded = MIDDLES[bins_of(likely)]
    for average, score in (("macro", "mean_ap"), ("micro", "micro_ap")):
        assert found[score] == pytest.approx(
            sklearn.average_precision_score(truth, rounded, average=average), abs=1e-12
        )
        assert found[score] == pytest.approx(sklearn.average_precision_score(truth, likely, average=average), abs=2e-3)
    for at in range(5):
        assert found[f"ap/class {at}"] == pytest.approx(
            sklearn.average_precision_score(truth[:, at], rounded[:, at]), abs=1e-12
        )
    theirs = reference.multilabel_average_precision(
        torch.from_numpy(likely), torch.from_numpy(truth).long(), 5, average="macro"
    )
    assert found["mean_ap"] == pytest.approx(float(theirs), abs=2e-3)


def test_average_precision_where_there_is_little_to_say() -> None:
    truth = np.array([[1, 0, 1, 0], [1, 0, 0, 0], [1, 0, 0, 1]])
    likely = np.array([[0.9, 0.2, 0.5, 0.0], [0.1, 0.9, 0.5, 0.0], [0.4, 0.1, 0.5, 0.0]])
    found = several(likely, truth).compute()
    assert found["ap/class 0"] == 1.0, "all are yes"
    assert math.isnan(found["ap/class 1"]), "none is"
    assert found["ap/class 2"] == pytest.approx(1 / 3), "all as likely: the share of yes"
    assert found["ap/class 3"] == pytest.approx(1 / 3)
    assert found["mean_ap"] == pytest.approx((1 + 1 / 3 + 1 / 3) / 3), "a class that is never labelled has none"
    nothing = several(likely, np.full(truth.shape, np.nan)).compute()
    assert math.isnan(nothing["mean_ap"])
    assert math.isnan(nothing["micro_ap"])


def test_counts_of_several_add_up() -> None:
    truth = RANDOM.random((90, 3)) < 0.4
    likely = called(truth, 1.0)
    whole, parts = several(likely, truth), [several(likely[at : at + 30], truth[at : at + 30]) for at in (0, 30, 60)]
    added = whole.of_row(np.sum([one.row() for one in parts], axis=0))
    merged = whole.empty()
    for one in parts:
        merged.merge(one)
    for other in (added, merged, whole.of_row(whole.row())):
        assert other.compute() == pytest.approx(whole.compute(), nan_ok=True)
    assert len(several(likely[:1], truth[:1]).ranked.where) == 3, "an image fills one bin for each class"
    assert Ranked.empty(2).row.shape == (2 * BINS,)


def test_bins_are_even_in_odds() -> None:
    likely = np.array([0.0, 1e-12, 0.5, 1 - 1e-12, 1.0])
    assert bins_of(likely).tolist() == [0, 0, BINS // 2, BINS - 1, BINS - 1]
    assert len(set(bins_of(np.array([0.01, 0.0104, 0.99, 0.9904])).tolist())) == 4
    assert (np.diff(bins_of(np.linspace(0, 1, 2000))) >= 0).all()


def curve(likely: NDArray[Any], truth: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Histograms without slack."""
    every, right = (np.bincount(bins_of(one), minlength=BINS).astype(float) for one in (likely, likely[truth]))
    return every, right, right


def test_break_even_is_the_precision_of_as_many_answers_as_labels() -> None:
    # Without slack precision and recall are the same where as much is answered as is labelled.
    for share in (0.05, 0.3, 0.6):
        truth = RANDOM.random(4000) < share
        likely = called(truth, 1.2)
        best = np.argsort(-likely)[: truth.sum()]
        assert break_even(*curve(likely, truth)) == pytest.approx(truth[best].mean(), abs=5e-3)


def test_break_even_of_little() -> None:
    yes, no = np.ones(4, bool), np.zeros(4, bool)
    half = np.array([True, True, False, False])
    assert math.isnan(break_even(*curve(np.full(4, 0.3), no))), "nothing labelled"
    assert break_even(*curve(np.full(4, 0.3), yes)) == pytest.approx(1.0)
    assert break_even(*curve(np.full(4, 0.3), half)) == pytest.approx(0.5), "all as likely is guessing"
    assert break_even(*curve(np.array([0.9, 0.8, 0.2, 0.1]), half)) == pytest.approx(1.0)
    assert break_even(*curve(np.array([0.9, 0.1, 0.8, 0.2]), half)) == pytest.approx(0.5)
    assert break_even(*curve(np.array([0.1, 0.2, 0.8, 0.9]), half)) == 0.0, "all of it wrong first"
    assert break_even(*np.zeros((2, BINS)), np.eye(BINS)[3]) == 0.0, "labelled, and nowhere answered"


def by_threshold(likely: NDArray[Any], label: NDArray[Any], within: int) -> float:
    """Relaxed precision and recall by distances, for each threshold; their mean where they are closest."""
    to_label = ndimage.distance_transform_edt(label != 1)
    found = []
    for threshold in np.unique(likely)[::8]:
        answer = likely >= threshold
        to_answer = ndimage.distance_transform_edt(~answer) if answer.any() else np.full(answer.shape, np.inf)
        precision, recall = (to_label[answer] <= within).mean(), (to_answer[label == 1] <= within).mean()
        found.append((abs(precision - recall), (precision + recall) / 2))
    return float(min(found)[1])


@pytest.mark.parametrize("within", [0, 1, 3])
def test_break_even_with_slack_is_that_of_distances(within: int) -> None:
    label = np.zeros((60, 50), int)
    label[10:25, 5:20] = label[40:44] = 1
    blurred = ndimage.gaussian_filter(np.roll(label, (1, 2), (0, 1)) + RANDOM.normal(0, 0.6, label.shape), 1.5)
    likely = 1 / (1 + np.exp(-4 * (blurred - 0.5)))
    found = BreakEven(position=1, within=within)
    found.update(torch.from_numpy(np.stack([1 - likely, likely])[None]), torch.from_numpy(label[None]))
    assert found.compute()["break_even"] == pytest.approx(by_threshold(likely, label, within), abs=0.01)


def test_break_even_is_the_same_window_by_window() -> None:
    label = (RANDOM.random((40, 40)) < 0.1).astype(int)
    label[0:4, 0:4] = IGNORE
    outputs = torch.from_numpy(np.stack([np.zeros((40, 40)), RANDOM.random((40, 40))]).astype(np.float32)[None])
    outputs[:, :, 20, 30] = torch.nan
    targets = torch.from_numpy(label[None])
    whole, parts = BreakEven(1, 3), BreakEven(1, 3)
    whole.update(outputs, targets)
    for top in (0, 20):
        for left in (0, 20):
            rows, columns = (slice(max(0, at - 3), min(40, at + 23)) for at in (top, left))
            inner = (
                slice(top - rows.start, top - rows.start + 20),
                slice(left - columns.start, left - columns.start + 20),
            )
            parts.update_within(outputs[:, :, rows, columns], targets[:, rows, columns], inner)
    np.testing.assert_array_equal(parts.counts, whole.counts)
    assert whole.counts[0].sum() == 40 * 40 - 16 - 1, "what has no label or no answer does not count"
    again = whole.of_row(whole.row() + parts.row())
    assert again.compute() == pytest.approx(whole.compute())
    assert math.isnan(whole.empty().compute()["break_even"])


TABLE = Confusion(np.array([[50, 3, 0, 2], [4, 20, 5, 0], [0, 6, 8, 1], [0, 0, 0, 0]]))
"""The last class is answered and never labelled."""


def drawn(table: Confusion) -> tuple[NDArray[Any], NDArray[Any]]:
    where = np.argwhere(np.ones_like(table.counts))
    return tuple(np.repeat(where, table.counts.ravel(), axis=0).T)


def test_scores_of_a_table_are_scikit_learns() -> None:
    truth, answer = drawn(TABLE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs: Mapping[str, float] = {
            "accuracy": sklearn.accuracy_score(truth, answer),
            "kappa": sklearn.cohen_kappa_score(truth, answer),
            "mean_f1": sklearn.f1_score(truth, answer, average="macro", zero_division=0.0),
            "weighted_f1": sklearn.f1_score(truth, answer, average="weighted"),
            "weighted_precision": sklearn.precision_score(truth, answer, average="weighted"),
            "mean_iou": sklearn.jaccard_score(truth, answer, average="macro", zero_division=0.0),
        }
    for kind, value in theirs.items():
        assert of_table(kind, TABLE, []) == pytest.approx(value), kind
    some, any_ = np.isin(truth, [1, 2]), np.isin(answer, [1, 2])
    together: Mapping[str, float] = {
        "balanced_accuracy": sklearn.balanced_accuracy_score(some, any_),
        "f1": sklearn.f1_score(some, any_),
        "iou": sklearn.jaccard_score(some, any_),
        "precision": sklearn.precision_score(some, any_),
        "recall": sklearn.recall_score(some, any_),
    }
    for kind, value in together.items():
        assert of_table(kind, TABLE, [1, 2]) == pytest.approx(value), kind
    assert of_table("mean_f1", TABLE, [], [3]) == pytest.approx(TABLE.f1[:3].mean()), "clutter is left out"
    assert joined(TABLE, [1, 2]).counts.tolist() == [[52, 3], [5, 39]]


def test_a_table_of_nothing_has_no_scores() -> None:
    empty = Confusion.empty(5)
    for kind in ("accuracy", "kappa", "mean_f1", "weighted_f1", "weighted_precision", "balanced_accuracy", "iou"):
        assert math.isnan(of_table(kind, empty, [1])), kind
    assert math.isnan(xview2(empty, [1, 2, 3, 4]))


def test_xview2_is_what_its_formula_gives_by_hand() -> None:
    counts = np.zeros((5, 5), int)
    counts[0] = [90, 4, 0, 0, 0]  # four pixels are a false building, which counts in the F1 of buildings alone
    counts[1] = [2, 8, 2, 0, 0]
    counts[2] = [0, 1, 5, 0, 0]
    counts[3] = [1, 0, 0, 3, 1]
    counts[4] = [0, 0, 0, 0, 7]
    buildings = 2 * 27 / (2 * 27 + 4 + 3)
    levels = [2 * 8 / (12 + 9), 2 * 5 / (6 + 7), 2 * 3 / (5 + 3), 2 * 7 / (7 + 8)]
    harmonic = 4 / sum(1 / (one + 1e-6) for one in levels)
    assert xview2(Confusion(counts), [1, 2, 3, 4]) == pytest.approx(0.3 * buildings + 0.7 * harmonic)
    perfect = Confusion(np.diag([9, 1, 2, 3, 4]))
    assert xview2(perfect, [1, 2, 3, 4]) == pytest.approx(1.0, abs=1e-5)
    counts[4] = counts[:, 4] = 0
    assert xview2(Confusion(counts), [1, 2, 3, 4]) == pytest.approx(
        0.3 * joined(Confusion(counts), [1, 2, 3, 4]).f1[1], abs=1e-5
    )


def test_zones_are_as_alike_as_their_paper_says() -> None:
    alike = likeness()
    assert alike.shape == (17, 17)
    np.testing.assert_array_equal(alike, alike.T)
    assert (np.diagonal(alike) == 1).all()
    assert alike[~np.eye(17, dtype=bool)].max() == 0.92
    assert (alike[0, 1], alike[0, 16], alike[5, 8], alike[3, 14]) == (0.92, 0.0, 0.92, 0.08)
    assert alike.sum() == pytest.approx(168.72), "of the printed table"
    names = [label.name for label in published()["so2sat-lcz42"].classes]
    (score,) = (one for one in published()["so2sat-lcz42"].scores if one.kind == "zone_likeness")
    assert list(score.classes) == names, "zones 1 to 10, then A to G"
    truth, answer = np.array([0, 0, 5, 16]), np.array([0, 1, 8, 0])
    table = Confusion.of(truth, answer, 17)
    assert by_likeness(table, range(17)) == pytest.approx((1 + 0.92 + 0.92 + 0) / 4)
    assert of_table("zone_likeness", table, range(17)) >= table.accuracy
    turned = Confusion.of(16 - truth, 16 - answer, 17)
    assert by_likeness(turned, range(16, -1, -1)) == pytest.approx(0.71), "whatever the order of a network's classes"
    more = Confusion.of(np.array([0, 1]), np.array([17, 1]), 18)
    assert by_likeness(more, range(17)) == 0.5, "an answer that is no zone is like none"
    assert math.isnan(by_likeness(Confusion.empty(17), range(17)))


def test_cross_entropy_is_scikit_learns() -> None:
    likely = RANDOM.dirichlet(np.ones(4), 50)
    truth = RANDOM.integers(0, 4, 50)
    found = LogLoss()
    found.update(torch.from_numpy(likely.T[None, :, :, None].copy()), torch.from_numpy(truth[None, :, None]))
    assert found.compute()["mean"] == pytest.approx(sklearn.log_loss(truth, likely, labels=range(4)))
    unknown = truth.copy()
    unknown[10:] = IGNORE
    other = found.empty()
    other.update(torch.from_numpy(likely.T[None, :, :, None].copy()), torch.from_numpy(unknown[None, :, None]))
    assert other.compute()["mean"] == pytest.approx(sklearn.log_loss(truth[:10], likely[:10], labels=range(4)))
    wrong = found.empty()
    wrong.update(torch.tensor([[1.0, 0.0]]), torch.tensor([1]))
    assert wrong.compute()["mean"] == pytest.approx(-math.log(1e-15)), "never infinitely bad"
    assert math.isnan(found.empty().compute()["mean"])
    assert found.of_row(found.row() + other.row()).count == 60


def semantic(size: int, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    change = RANDOM.integers(0, 2, (1, size, size))
    named = RANDOM.integers(0, classes, (2, 1, size, size))
    named[1] = np.where(change == 1, (named[0] + 1) % classes, named[0])
    targets = torch.from_numpy(np.stack([change[0], named[0, 0], named[1, 0]])[None])
    return torch.from_numpy(RANDOM.dirichlet(np.ones(2 + 2 * classes), (1, size, size)).transpose(0, 3, 1, 2)), targets


def test_semantic_change_scores() -> None:
    outputs, targets = semantic(24, 4)
    targets[0, 0, :2] = IGNORE
    counts = ChangeMetrics(
        ClassMetrics.named(("unchanged", "changed"), threshold=0.2, interest=1),
        ClassMetrics.named(("a", "b", "c", "snow")),
        Confusion.empty(5),
    )
    asked = [
        PaperScore(name="SCS", kind="scs", without=("snow",)),
        PaperScore(name="half", kind="miou_sek"),
        PaperScore(name="SeK", kind="sek"),
        PaperScore(name="Dice", kind="f1", part="change"),
        PaperScore(name="kappa", kind="kappa", part="classes"),
        PaperScore(name="mIoU", kind="mean_iou", part="change"),
        PaperScore(name="accuracy", kind="accuracy"),
    ]
    positions = {name: at for at, name in enumerate(("a", "b", "c", "snow"))}
    paper, why = PaperMetrics.of(asked, positions, counts, fields=False)
    assert set(why) == {"accuracy"}
    paper.update(outputs, targets)
    found = paper.compute()
    plain = counts.compute()
    truth, answer = targets[0, 2].numpy().ravel(), outputs[0, 6:].argmax(0).numpy().ravel()
    there = (targets[0, 0].numpy().ravel() == 1) & (truth != 3)
    sc = sklearn.jaccard_score(truth[there], answer[there], labels=[0, 1, 2], average="macro")
    assert found["SCS"] == pytest.approx((plain["change/iou"] + sc) / 2)
    assert found["half"] == pytest.approx((plain["change/mean_iou"] + plain["sek"]) / 2)
    assert found["SeK"] == plain["sek"]
    assert found["Dice"] == pytest.approx(plain["change/f1"])
    assert found["mIoU"] == pytest.approx(plain["change/mean_iou"])
    assert found["kappa"] == pytest.approx(plain["classes/kappa"])
    again = paper.of_row(paper.row())
    assert again.compute() == pytest.approx(found)
    again.merge(paper)
    assert again.compute() == pytest.approx(found)
    assert all(math.isnan(value) for value in paper.empty().compute().values())
    assert math.isnan(ChangedClasses.named(3).compute()["sc"])


def test_scores_of_several_classes_at_once() -> None:
    truth = RANDOM.random((300, 4)) < [0.4, 0.2, 0.1, 0.3]
    likely = called(truth, 1.0)
    names = [f"class {at}" for at in range(4)]
    f1: tuple[Any, ...] = ("mean_f1", "micro_f1", "weighted_f1")
    precision: tuple[Any, ...] = ("mean_precision", "micro_precision", "weighted_precision")
    asked = [PaperScore(name=kind, kind=kind) for kind in ("mean_ap", "micro_ap", *f1, *precision)]
    wrong = PaperScore(name="kappa", kind="kappa")
    paper, why = PaperMetrics.of([*asked, wrong], {}, SeveralMetrics.named(names), fields=False)
    assert set(why) == {"kappa"}
    paper.update(torch.from_numpy(likely), torch.from_numpy(truth.astype(np.float32)))
    found = paper.compute()
    assert list(found) == [one.name for one in asked]
    for kind in ("mean", "micro", "weighted"):
        average = "macro" if kind == "mean" else kind
        assert found[f"{kind}_f1"] == pytest.approx(sklearn.f1_score(truth, likely > 0.5, average=average)), kind
        theirs = sklearn.precision_score(truth, likely > 0.5, average=average)
        assert found[f"{kind}_precision"] == pytest.approx(theirs), kind


def test_labels_of_another_task_or_with_other_names_are_told() -> None:
    counts = ClassMetrics.named(("unchanged", "changed"), interest=1)
    counts.count(np.array([0, 1, 1, 0, 1]), np.array([0, 1, 0, 1, 1]))
    paper, why = PaperMetrics.of(published()["hrscd"].scores, {"unchanged": 0, "changed": 1}, counts, fields=False)
    assert set(why) == {"kappa of land cover"}, "change alone can be asked of a set of semantic change"
    assert paper.compute() == pytest.approx({"kappa of change": 1 / 6, "Dice of change": 2 / 3})
    plain = ClassMetrics.named(("dark", "light"))
    _, why = PaperMetrics.of(published()["hls-burn-scars"].scores, {"dark": 0, "light": 1}, plain, fields=False)
    assert why == {"IoU of burn scars": "no class of these labels is called burn scar"}


def test_means_add_up() -> None:
    every = [Mean.of(value) for value in (0.5, math.nan, 1.0)]
    assert Mean().of_row(np.sum([one.row() for one in every], axis=0)).compute()["mean"] == 0.75
    assert math.isnan(Mean().compute()["mean"])


def test_average_precision_of_histograms_is_of_any_shape() -> None:
    no, yes = RANDOM.integers(0, 3, (2, 5, 2, BINS)).astype(float)
    found = average_precision(no, yes)
    assert found.shape == (5, 2)
    assert found[3, 1] == pytest.approx(float(average_precision(no[3, 1], yes[3, 1])))


@pytest.mark.parametrize("name", published())
def test_every_set_says_how_it_is_scored(name: str) -> None:
    one = published()[name]
    assert len({score.name for score in one.scores}) == len(one.scores)
    names = [label.name for label in one.classes] or ["unchanged", "changed"]
    counts: Any = ClassMetrics.named(names, interest=1 if not one.classes else None)
    if one.table is not None:
        counts = SeveralMetrics.named(names)
    if one.task == "semantic-change":
        counts = ChangeMetrics(
            ClassMetrics.named(("unchanged", "changed"), interest=1),
            ClassMetrics.named(names),
            Confusion.empty(1 + len(names)),
        )
    positions = {label: at for at, label in enumerate(names)}
    paper, why = PaperMetrics.of(one.scores, positions, counts, fields=True)
    told = {score.name for score in one.scores if score.kind is None}
    assert set(why) == told, "what has a kind can be computed for the task of its set"
    assert set(paper.empty().compute()) == {score.name for score in one.scores} - told


def test_a_score_is_told_or_excused() -> None:
    with pytest.raises(CardError, match="either kind says what it is"):
        PaperScore(name="something")
    with pytest.raises(CardError, match="either kind says what it is"):
        PaperScore(name="something", kind="accuracy", why="no time")
    given: Any = Kind
    assert {score.kind for one in published().values() for score in one.scores} - {None} <= set(given.__args__)
