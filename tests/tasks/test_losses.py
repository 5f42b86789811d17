"""Losses against their formulas written out in numpy, gradients included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from swath.errors import TrainError
from swath.models import Card, CardBand, ClassLabel, Input, Layer, Output
from swath.tasks import trained_task
from swath.tasks.weighting import class_weights

NAMES = tuple(ClassLabel(value=value, name=name) for value, name in enumerate(("water", "trees", "fields", "roofs")))


@dataclass
class Labelled:
    valid: NDArray[np.bool_]
    target: Any
    name: str = "one"


def task_of(task: Any, **output: Any) -> Any:
    card = Card(
        name="small-net",
        task=task,
        inputs=(Input(bands=(CardBand(name="B04", units="reflectance"),)),),
        output=Output(**output),
    )
    return trained_task(card)


def some(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def labels(count: int, *shape: int) -> torch.Tensor:
    return torch.randint(-1, count, shape, generator=torch.Generator().manual_seed(1))


def number(loss: torch.Tensor) -> float:
    return float(loss.detach())


def softmax(x: NDArray[Any]) -> NDArray[Any]:
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def classes_by_hand(x: NDArray[Any], t: NDArray[Any], w: NDArray[Any], smoothing: float) -> float:
    p, total, weight, scores = softmax(x), 0.0, 0.0, []
    count = x.shape[1]
    for b, i, j in np.argwhere(t >= 0):
        logs, right = np.log(p[b, :, i, j]), t[b, i, j]
        total += -(1 - smoothing) * w[right] * logs[right] - smoothing / count * (w * logs).sum()
        weight += w[right]
    for k in range(count):
        is_k, known = t == k, t >= 0
        if is_k.any():
            scores.append(1 - (2 * p[:, k][is_k].sum() + 1e-8) / (p[:, k][known].sum() + is_k.sum() + 1e-8))
    return float(total / weight + np.mean(scores))


def binary_by_hand(x: NDArray[Any], t: NDArray[Any], w: NDArray[Any], smoothing: float) -> float:
    p, known = 1 / (1 + np.exp(-x[:, 0])), t >= 0
    soft = t * (1 - smoothing) + smoothing / 2
    bce = -(soft * np.log(p) + (1 - soft) * np.log(1 - p))[known]
    importance = w[t[known]]
    both, either = (p * t)[known].sum(), p[known].sum() + t[known].sum()
    return float((bce * importance).sum() / importance.sum() + 1 - (2 * both + 1e-8) / (either + 1e-8))


def gradient_by_hand(formula: Any, x: NDArray[Any]) -> NDArray[Any]:
    """Central differences, in float64."""
    found, step = np.zeros_like(x), 1e-5
    for where in np.ndindex(x.shape):
        ahead, behind = x.copy(), x.copy()
        ahead[where] += step
        behind[where] -= step
        found[where] = (formula(ahead) - formula(behind)) / (2 * step)
    return found


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, (0.5, 1.0, 3.0, 0.25)])
def test_loss_of_classes_and_its_gradient(smoothing: float, weights: Any) -> None:
    x, t = some(2, 4, 3, 5), labels(4, 2, 3, 5)
    w = np.ones(4) if weights is None else np.array(weights)

    def formula(logits: NDArray[Any]) -> float:
        return classes_by_hand(logits, t.numpy(), w, smoothing)

    logits = x.clone().requires_grad_()
    task = task_of("segmentation", kind="classes", classes=NAMES)
    loss = task.loss(logits, t, None if weights is None else torch.tensor(weights), smoothing)
    assert loss.dtype == torch.float32
    assert number(loss) == pytest.approx(formula(x.numpy()), rel=1e-5)
    loss.backward()
    assert logits.grad is not None
    np.testing.assert_allclose(logits.grad, gradient_by_hand(formula, x.numpy()), atol=1e-6)
    assert (logits.grad.movedim(1, -1)[t < 0] == 0).all()


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weights", [None, (0.6, 4.0)])
@pytest.mark.parametrize("task", ["segmentation", "change"])
def test_loss_of_a_yes_and_its_gradient(task: str, smoothing: float, weights: Any) -> None:
    x, t = some(2, 1, 4, 5), labels(2, 2, 4, 5)
    w = np.ones(2) if weights is None else np.array(weights)

    def formula(logits: NDArray[Any]) -> float:
        return binary_by_hand(logits, t.numpy(), w, smoothing)

    logits = x.clone().requires_grad_()
    made = task_of(task, kind="binary", classes=NAMES[:2])
    loss = made.loss(logits, t, None if weights is None else torch.tensor(weights), smoothing)
    assert number(loss) == pytest.approx(formula(x.numpy()), rel=1e-5)
    loss.backward()
    assert logits.grad is not None
    np.testing.assert_allclose(logits.grad, gradient_by_hand(formula, x.numpy()), atol=1e-6)


def test_loss_of_values_is_huber_of_standardised_ones_without_what_is_not_known() -> None:
    layers = (Layer(name="height", units="m", mean=10.0, std=4.0), Layer(name="biomass", units="t/ha", std=50.0))
    task = task_of("regression", kind="values", layers=layers)
    height = np.array([[8.0, np.nan], [30.0, 10.0]], dtype=np.float32)
    given = Labelled(np.ones((1, 1, 2, 2), bool), np.stack([height, height * 5]))
    given.valid[0, 0, 1, 1] = False
    targets = task.targets([given])
    np.testing.assert_allclose(targets[0, 0], [[-0.5, np.nan], [5.0, np.nan]])
    np.testing.assert_allclose(targets[0, 1], [[0.8, np.nan], [3.0, np.nan]])
    outputs = torch.zeros(1, 2, 2, 2, requires_grad=True)
    loss = task.loss(outputs, targets)
    assert number(loss) == pytest.approx((0.125 + 4.5 + 0.32 + 2.5) / 4)
    loss.backward()
    assert outputs.grad is not None
    np.testing.assert_allclose(outputs.grad[0, 0], [[0.125, 0], [-0.25, 0]])


def test_loss_of_images() -> None:
    task = task_of("classification", kind="labels", classes=NAMES)
    x = some(3, 4).requires_grad_()
    targets = task.targets([Labelled(np.ones((1, 1, 2, 2), bool), one) for one in (2, None, 0)])
    assert targets.tolist() == [2, -1, 0]
    log = np.log(softmax(x.detach().numpy()))
    loss = task.loss(x, targets)
    assert number(loss) == pytest.approx(-(log[0, 2] + log[2, 0]) / 2, rel=1e-5)
    loss.backward()
    assert x.grad is not None
    assert (x.grad[1] == 0).all()


def test_loss_of_images_of_several_classes() -> None:
    task = task_of("classification", kind="labels", classes=NAMES, activation="sigmoid")
    x = some(2, 4)
    truth = np.array([[1, 0, np.nan, 1], [0, 0, 1, 0]], dtype=np.float32)
    targets = task.targets([Labelled(np.ones((1, 1, 2, 2), bool), one) for one in truth])
    p = 1 / (1 + np.exp(-x.numpy()))
    each = -(truth * np.log(p) + (1 - truth) * np.log(1 - p))
    assert number(task.loss(x, targets)) == pytest.approx(np.nanmean(each), rel=1e-5)
    w = np.array([1.0, 2.0, 3.0, 4.0])
    expected = np.nansum(each * w) / (w * np.isfinite(each)).sum()
    assert number(task.loss(x, targets, torch.tensor(w))) == pytest.approx(expected, rel=1e-5)


def test_loss_of_semantic_change_adds_change_and_both_dates() -> None:
    task = task_of("semantic-change", kind="semantic-change", classes=NAMES)
    change, before, after = some(2, 1, 3, 4), some(2, 4, 3, 4, seed=2), some(2, 4, 3, 4, seed=3)
    targets = torch.stack([labels(2, 2, 3, 4), labels(4, 2, 3, 4), labels(4, 2, 3, 4).flip(2)], 1)
    expected = binary_by_hand(change.numpy(), targets[:, 0].numpy(), np.ones(2), 0.0)
    for x, t in ((before, targets[:, 1].numpy()), (after, targets[:, 2].numpy())):
        log = np.log(softmax(x.numpy()))
        expected += 0.5 * np.mean([-log[b, t[b, i, j], i, j] for b, i, j in np.argwhere(t >= 0)])
    assert number(task.loss([change, before, after], targets)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("task", "output", "shapes"),
    [
        ("segmentation", {"kind": "classes", "classes": NAMES}, [(1, 4, 3, 3)]),
        ("segmentation", {"kind": "binary", "classes": NAMES[:2]}, [(1, 1, 3, 3)]),
        ("semantic-change", {"kind": "semantic-change", "classes": NAMES}, [(1, 1, 3, 3), *[(1, 4, 3, 3)] * 2]),
        ("classification", {"kind": "labels", "classes": NAMES}, [(1, 4)]),
        ("classification", {"kind": "labels", "classes": NAMES, "activation": "sigmoid"}, [(1, 4)]),
        ("regression", {"kind": "values", "layers": (Layer(name="height", units="m"),)}, [(1, 1, 3, 3)]),
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_nothing_labelled_is_a_loss_of_zero_that_trains_nothing(
    task: str, output: dict[str, Any], shapes: list[tuple[int, ...]], weighted: bool
) -> None:
    made = task_of(task, **output)
    logits = [some(*shape).requires_grad_() for shape in shapes]
    targets = made.targets([Labelled(np.ones((2, 1, 3, 3), bool), None)])
    weights = torch.arange(1.0, 1 + len(output.get("classes", ()))) if weighted and "classes" in output else None
    loss = made.loss(logits if len(logits) > 1 else logits[0], targets, weights)
    loss.backward()
    assert number(loss) == 0
    assert all(one.grad is not None and (one.grad == 0).all() for one in logits)


def test_pixels_that_a_date_did_not_see_are_not_labelled() -> None:
    valid = np.ones((2, 3, 2, 2), bool)
    valid[1, 2, 0, 0] = False
    given = [Labelled(valid, np.ones((2, 2), np.int64))]
    change = task_of("change", kind="binary", classes=NAMES[:2]).targets(given)
    series = task_of("segmentation", kind="classes", classes=NAMES).targets(given)
    assert change.tolist() == [[[-1, 1], [1, 1]]]
    assert (series == 1).all()
    with pytest.raises(TrainError, match="make them one size"):
        task_of("change", kind="binary", classes=NAMES[:2]).targets([Labelled(valid, np.ones((2, 3), np.int64))])


def test_loss_is_float32_under_autocast_and_for_coarser_answers() -> None:
    task = task_of("segmentation", kind="classes", classes=NAMES)
    x, t = some(2, 4, 6, 6).float(), labels(4, 2, 6, 6)
    with torch.autocast("cpu", torch.bfloat16):
        inside = task.loss(x, t)
    assert inside.dtype == torch.float32
    assert number(inside) == number(task.loss(x, t))
    assert number(task.loss(x[..., ::2, ::2], t)) > 0
    assert torch.isfinite(task.loss((x * 1e4).to(torch.bfloat16), t))
    assert task.loss(x.half() * 1000, t).isfinite()


def test_networks_that_give_probabilities_have_the_same_loss() -> None:
    x, t = some(2, 4, 3, 3), labels(4, 2, 3, 3)
    by_logits = task_of("segmentation", kind="classes", classes=NAMES).loss(x, t)
    by_share = task_of("segmentation", kind="classes", classes=NAMES, activation="none").loss(torch.softmax(x, 1), t)
    assert number(by_logits) == pytest.approx(number(by_share), rel=1e-4)


def test_weights_are_bounded_and_leave_the_loss_its_size() -> None:
    counts = np.array([9000, 900, 99, 1, 0])
    inverse = class_weights(counts)
    assert inverse[1] / inverse[0] == pytest.approx(10)
    assert inverse.max() / inverse.min() == pytest.approx(10)
    assert (inverse * counts).sum() / counts.sum() == pytest.approx(1)
    assert inverse[4] == inverse[3]
    loose = class_weights(counts, most=1e9)
    np.testing.assert_allclose(loose[:4] * counts[:4], loose[0] * counts[0], rtol=1e-5)
    effective = class_weights(counts, "effective", most=1e9, beta=0.999)
    expected = (1 - 0.999) / (1 - 0.999 ** counts[:4].astype(float))
    np.testing.assert_allclose(effective[:4] / effective[0], expected / expected[0], rtol=1e-5)
    assert (class_weights(counts, "none") == 1).all()
    for wrong in (
        lambda: class_weights([0, 0]),
        lambda: class_weights([1, 2], "odd"),
        lambda: class_weights([1], most=0),
    ):  # type: ignore[arg-type]
        with pytest.raises(TrainError):
            wrong()
