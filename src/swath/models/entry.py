"""`Entry`: a network that can be asked for by name, and what is known of it before it is built."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swath.errors import CardError
from swath.models.card import Card, Task

if TYPE_CHECKING:
    from torch import nn

Builder = Callable[..., "nn.Module"]


@dataclass(frozen=True)
class Entry:
    """A network that can be asked for by name."""

    name: str
    builder: Builder
    title: str
    tasks: tuple[Task, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the builder that make this size of the network."""
    source: tuple[str, ...] = ()
    """Paper (DOI, arXiv)."""
    transient: tuple[str, ...] = ()
    """Arguments that matter once, such as where to take first weights from, and are not kept with the network."""
    weights: Path | None = None
    """Of those that come with Swath; None: a network to be trained, or fitted."""
    fitted: bool = False
    """Whether it learns nothing from labels: `swath.models.fit` finds its numbers in the scene that it is run on."""
    series: bool = False
    """Whether it takes dates on an axis of their own, `[B, T, C, H, W]`, and a number of bands besides."""
    at_once: bool = False
    """Whether it learns from all labelled pixels at once, by a method `learn`, and not step by step."""
    unchecked: str = ""
    """What of it could not be held against its release; goes onto the cards of what is trained."""

    @property
    def cards(self) -> tuple[Card, ...]:
        """What its weights can do, one card per skill; empty where there are none."""
        from swath.models.header import read_header

        return () if self.weights is None else read_header(self.weights).cards

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of what the builder takes."""
        return tuple(inspect.signature(self.builder).parameters)

    @property
    def stacks(self) -> bool:
        """Whether dates reach it one after another along the channels: it takes a number of bands, and not pairs alone.

        A network for change and nothing else takes `(before, after)`, and `in_channels` are the bands of either; those
        of one for series are the bands of a date.
        """
        pairs = all("change" in task for task in self.tasks if task != "pretraining" or len(self.tasks) == 1)
        return "in_channels" in self.arguments and not self.series and not pairs

    def build(self, **config: Any) -> nn.Module:
        """A new network.

        Raises:
            CardError: the builder has no such argument, or lacks one.
        """
        try:
            bound = inspect.signature(self.builder).bind(**{**self.config, **config})
        except TypeError as error:
            raise CardError(f"{self.name}: {error}; it takes {', '.join(self.arguments)}") from error
        return self.builder(*bound.args, **bound.kwargs)

    def describe(self) -> str:
        """The entry as text for people; the card where there is one."""
        lines = [f"{self.name}: {self.title}, for {', '.join(self.tasks)}"]
        if self.source:
            lines.append(f"  source     {', '.join(self.source)}")
        lines.append(f"  arguments  {', '.join(self.arguments)}")
        lines += [f"  {key:<9}  {value}" for key, value in self.config.items()]
        if self.unchecked:
            lines.append(f"  unchecked  {self.unchecked}")
        lacks = "  no weights: it is fitted to each scene, without labels" if self.fitted else "  no weights: train it"
        return "\n".join([*lines, text_of(self.cards) if self.weights else lacks])


def text_of(cards: tuple[Card, ...]) -> str:
    """Cards as text, one after another."""
    return "\n\n".join(card.describe() for card in cards)
