"""`Skill`: what a network is asked about a batch, and how good its answers are on places it does not learn from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from swath.data import IGNORE, Sample
from swath.errors import TrainError
from swath.models.calling import call_network
from swath.models.card import Card
from swath.models.light import centre_nm
from swath.models.model import Model
from swath.tasks.metrics import ClassMetrics, arrays, is_to_be_small, nearest
from swath.tasks.task import TrainedTask, trained_task
from swath.tasks.threshold import YesCounts
from swath.tasks.weighting import class_weights
from swath.train.batches import Batch
from swath.train.beside import beside_of
from swath.train.recipe import Recipe
from swath.train.sets import LabelledSet

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from swath.tasks.classmap import ClassMap

_LARGEST = 1024
"""Side of what is looked at of a large image when validating."""
_ASIDE = 0.4
"""What the mean loss of further answers in train mode counts, as in PSPNet (arXiv:1612.01105)."""


@dataclass(frozen=True, eq=False)
class Skill:
    """One set with the card and the task that it is learnt for.

    Attributes:
        one: the set.
        model: the network and the card of this skill alone.
        task: what makes targets, loss and scores.
        weights: of classes, `[K]`; None: all alike.
        seeks: whether the threshold of a yes is found anew whenever scores are counted.
    """

    one: LabelledSet
    model: Model
    task: TrainedTask
    weights: Tensor | None
    seeks: bool = False

    @classmethod
    def of(cls, one: LabelledSet, model: Model, recipe: Recipe) -> Skill:
        """The skill that is learnt from a set."""
        card = model.card
        weights = None
        if recipe.class_weights != "none" and card.output.classes and card.task != "semantic-change":
            weights = torch.from_numpy(class_weights(one.statistics.counts, recipe.class_weights))
        made = cls(one, model, trained_task(card), weights, _is_sought(card, recipe))
        _ = made.context  # what the network must be told and nobody knows is found out before hours have passed
        return made

    @property
    def card(self) -> Card:
        """Of this skill."""
        return self.model.card

    @cached_property
    def context(self) -> dict[str, Any]:
        """What the network is told besides the image.

        Raises:
            TrainError: it takes something that the set does not say.
        """
        given, name = self.card.inputs[0], self.one.dataset.name
        told: dict[str, Any] = {"gsd": given.gsd.nominal if given.gsd else None}
        centres = [centre_nm(band) for band in given.bands]
        told["wavelengths"] = None if None in centres else torch.tensor(centres, dtype=torch.float32)
        told["days"] = self._days(self.one.train[0].name)
        advice = {
            "gsd": "how large a pixel is, and nothing says it; say gsd=, in m on the ground",
            "wavelengths": "what light the bands hold, and nothing says it; say sensor='NAME'",
            "days": "the days, and nothing says them; date the images",
        }
        for key, words in advice.items():
            if key in self.card.takes and told[key] is None:
                raise TrainError(f"{name}: the network is told {words}")
        for own in self.card.further:
            if own.dates.days and None in self.one.dataset.first_beside[own.name].dates:
                raise TrainError(
                    f"{name}: the network is told the days of {own.name}, and nothing says them; date its images"
                )
        return {key: value for key, value in told.items() if key in self.card.takes}

    def answer(self, network: nn.Module, samples: Sequence[Sample], device: torch.device) -> Any:
        """What the network gives for samples of one size."""
        image = np.stack([sample.image for sample in samples])
        valid = np.stack([sample.valid for sample in samples])
        x = self.model.normalise(torch.from_numpy(image).to(device), torch.from_numpy(valid).to(device))
        told = self.context
        if "days" in told:
            told = told | {"days": self._days_of(samples).to(device)}
        beside, days = beside_of(self.model, samples, device)
        return call_network(network, self.card, [x, *beside, *self._maps(samples, device)], told | days)

    def _maps(self, samples: Sequence[Sample], device: torch.device) -> list[Tensor]:
        """Maps of the first date `[B, 1, 1, H, W]`, where the network takes them; -1 where nothing is known."""
        if not any(given.classes for given in self.card.inputs):
            return []
        blank = np.full(samples[0].image.shape[-2:], IGNORE)
        drawn = np.stack([blank if one.before is None else one.before for one in samples])
        return [torch.from_numpy(drawn).to(device, torch.float32)[:, None, None]]

    def _days_of(self, samples: Sequence[Sample]) -> Tensor:
        """Days of each sample, `[B, T]`.

        Raises:
            TrainError: nothing says those of one.
        """
        found = {one.name: self._days(one.name) for one in samples}
        if undated := [name for name, days in found.items() if days is None]:
            raise TrainError(f"{undated[0]}: the network is told days, and nothing says them; date the images")
        return torch.stack([days for one in samples if (days := found[one.name]) is not None])

    def _days(self, name: str) -> Tensor | None:
        """Days since 1970 of an item's dates, `[T]`; None where one of them is not known."""
        dates = self.one.dataset.scene(self.one.dataset[name]).dates
        days = [
            None if date is None else float(date.astype("datetime64[s]").astype(np.int64)) / 86400 for date in dates
        ]
        return None if None in days else torch.tensor(days, dtype=torch.float32)

    def loss(self, network: nn.Module, batch: Batch, device: torch.device, smoothing: float) -> Tensor:
        """How far the network is from the labels of a batch.

        A network may say it itself, by a method `loss(answer, targets, of)`: `of(logits, targets)` is the task's loss.
        Else what a network gives in train mode besides its logits counts `_ASIDE` times.
        """
        answer = self.answer(network, batch.samples, device)
        targets = self.task.targets(batch.samples).to(device)
        weights = None if self.weights is None else self.weights.to(device)

        trust = _trust(batch.samples, device)

        def of(logits: Any, wanted: Any) -> Tensor:
            if trust is None:
                return self.task.loss(logits, wanted, weights, smoothing)
            return cast("ClassMap", self.task).loss(logits, wanted, weights, smoothing, trust)

        if batch.paste is not None:
            return batch.paste.loss(lambda wanted: of(answer, wanted), targets)
        own = getattr(self.model.network, "loss", None)
        if own is not None:
            found: Tensor = own(answer, targets, of)
            return found
        if isinstance(answer, tuple) and self.card.task != "semantic-change":
            logits, *more = answer
            aside = [of(extra, targets) for extra in more]
            return of(logits, targets) + _ASIDE * sum(aside) / max(1, len(aside))
        return of(answer, targets)

    @cached_property
    def looked_at(self) -> tuple[tuple[str, Any], ...]:
        """Item and window that scores are counted on: whole images, of large ones the middle."""
        found = []
        for item in self.one.val:
            height, width = self.one.dataset.shape(item)
            step = self.one.dataset.step
            y, x = (max(0, (length - _LARGEST) // 2 // step * step) for length in (height, width))
            found.append((item.name, np.s_[y : min(height, y + _LARGEST), x : min(width, x + _LARGEST)]))
        return tuple(found)

    @torch.no_grad()
    def scores(
        self,
        network: nn.Module,
        device: torch.device,
        autocast: Callable[[], AbstractContextManager[None]],
        pixels: int,
    ) -> dict[str, float]:
        """Scores of the network on the validation part; where a threshold is sought, at the best, which is told too.

        Args:
            network: in eval mode.
            device: where it is.
            autocast: makes a context of the precision to run in.
            pixels: most that are looked at; every n-th item where there are more.
        """
        metrics = self.task.metrics(self.card)
        total = sum((w[0].stop - w[0].start) * (w[1].stop - w[1].start) for _, w in self.looked_at)
        every = max(1, -(-total // pixels))
        answers: list[tuple[Tensor, Tensor]] = []
        for name, window in self.looked_at[::every]:
            sample = self.one.dataset.sample(self.one.dataset[name], self._whole_steps(window))
            with autocast():
                logits = self.answer(network, [sample], device)
            told = self.task.activate(logits), self.task.targets([sample]).to(device)
            if self.seeks:
                answers.append(told)
            else:
                metrics.update(*told)
        if not self.seeks:
            return metrics.compute()
        counts = YesCounts()
        for likely, wanted in answers:
            counts.update(*arrays(nearest(likely, wanted)[:, 1], wanted))
        best = counts.best()
        metrics = replace(cast(ClassMetrics, metrics), threshold=best)
        for likely, wanted in answers:
            metrics.update(likely, wanted)
        return metrics.compute() | {"threshold": best}

    def _whole_steps(self, window: Any) -> Any:
        """The window made larger until its sides are what the network takes; nothing is labelled beyond the image."""
        step = self.card.tile.multiple
        return tuple(slice(one.start, one.start + step * -(-(one.stop - one.start) // step)) for one in window)

    def images(self, most: int = 4) -> Tensor | None:
        """Normalised imagery of the validation part, `[N, C, H, W]`; None: too little.

        Inputs and dates lie one after another, all with pixels as fine as those of the first.

        Args:
            most: images, of the size of the smallest.
        """
        chosen = self.looked_at[:: max(1, len(self.looked_at) // most)][:most]
        if len(chosen) < 2:
            return None
        size, step = min(min(part.stop - part.start for part in window) for _, window in chosen), self.one.dataset.step
        size = max(step, size // step * step)
        samples = [
            self.one.dataset.sample(
                self.one.dataset[name], tuple(slice(part.start, part.start + size) for part in window)
            )
            for name, window in chosen
        ]
        values, valid = (np.stack([getattr(one, key) for one in samples]) for key in ("image", "valid"))
        x = self.model.normalise(values, valid)
        beside, _ = beside_of(self.model, samples, x.device, least=True)
        wide = [nn.functional.interpolate(one.flatten(1, 2), x.shape[-2:]) for one in beside]
        return torch.cat([x.flatten(1, 2), *wide, *(one[:, 0] for one in self._maps(samples, x.device))], 1)

    @cached_property
    def headline(self) -> tuple[str, bool]:
        """The score that tells the best, and whether it is to be large."""
        metrics = self.task.metrics(self.card)
        return metrics.headline, metrics.higher_is_better

    def chosen_by(self, scores: Mapping[str, float], metric: str | None) -> float:
        """One number by which weights are compared; more is better.

        Args:
            scores: as `scores` gives them.
            metric: name of one of them; None, or one that this task does not have: the task's headline.
        """
        return worth(metric if metric is not None and metric in scores else self.headline[0], scores)


def worth(score: str, scores: Mapping[str, float]) -> float:
    """A score by name, turned so that more is better; of a bias its size counts."""
    value, small = scores[score], is_to_be_small(score)
    if math.isnan(value):  # nothing was answered that could be right
        return -math.inf if small else 0.0
    return -abs(value) if small else value


def check_metric(skills: Sequence[Skill], metric: str | None) -> None:
    """See that a score by which weights are to be chosen is one of any skill.

    Raises:
        TrainError: it is of none.
    """
    there = dict.fromkeys(key for one in skills for key in one.task.metrics(one.card).compute())
    if metric is not None and metric not in there:
        raise TrainError(f"metric={metric!r}: no such score is counted here; there are {', '.join(there)}")


def _is_sought(card: Card, recipe: Recipe) -> bool:
    """Whether the threshold of this skill's yes is sought."""
    return recipe.threshold == "best" and card.output.kind == "binary"


def _trust(samples: Sequence[Sample], device: torch.device) -> Tensor | None:
    """How far the labels of samples are trusted, `[B, H, W]`; None: all alike."""
    weights = [sample.weight for sample in samples if sample.weight is not None]
    return torch.from_numpy(np.stack(weights)).to(device) if len(weights) == len(samples) else None
