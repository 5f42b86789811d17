"""`Model`: a network with weights and its card: what a person loads, trains and saves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from swath.errors import CardError
from swath.models import registry
from swath.models.calling import (
    answer_shape,
    call_network,
    channel_count,
    tile_rule,
    tile_side,
)
from swath.models.card import Card, Task
from swath.models.gives import ReceptiveField
from swath.models.half import halved, widened
from swath.models.header import NetworkSpec, Stored, read_header
from swath.models.light import centre_nm
from swath.models.strict import LoadReport, load_strict
from swath.models.weights import hash_state, read_weights, save_weights
from swath.scene.words import many

if TYPE_CHECKING:
    from swath.models.wrap import SceneLike


@dataclass(frozen=True, eq=False)
class Model:
    """A network with weights and its card. The network is put into eval mode.

    Attributes:
        network: plain `torch.nn.Module` with the paper's arguments and tensors.
        card: what it needs and gives.
        others: further skills of the same weights: cards of other tasks, classes, bands.
        spec: how to build the network again; None where it is not a registered one.
        report: how its weights were loaded; None where they were not.
        source: the name or file that it was loaded by.
        stored: how its file keeps the weights; in memory they are float32 either way.
    """

    network: nn.Module
    card: Card
    spec: NetworkSpec | None = None
    report: LoadReport | None = None
    others: tuple[Card, ...] = ()
    source: str | None = None
    stored: Stored = "float32"

    def __post_init__(self) -> None:
        self.network.eval()

    @property
    def task(self) -> str:
        """What the model was made for."""
        return self.card.task

    @property
    def cards(self) -> tuple[Card, ...]:
        """All skills; the one in use first."""
        return (self.card, *self.others)

    def skill(self, name: str) -> Model:
        """The same weights with one skill alone.

        Raises:
            CardError: there is none of that name.
        """
        for card in self.cards:
            if card.name == name:
                return replace(self, card=card, others=())
        raise CardError(f"there is no skill {name!r}; there are {', '.join(card.name for card in self.cards)}")

    @property
    def hash(self) -> str:
        """SHA-256 of the weights as they are now, in the numbers that `save` writes."""
        return hash_state(self._state(self.stored))

    def _state(self, stored: Stored) -> dict[str, Tensor]:
        return halved(self.network, exact=True) if stored == "float16" else self.network.state_dict()

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        first = next(self.network.parameters(), None)
        return torch.device("cpu") if first is None else first.device

    @classmethod
    def build(cls, name: str, *, card: Card, **config: Any) -> Model:
        """A model with a new, registered network, to be trained.

        Args:
            name: registered name of the network.
            card: what it needs and gives. Where it says nothing of tiles, the sizes are found by trying.
            config: arguments of the network's builder; `in_channels` and `classes` come from the card.

        Raises:
            CardError: no such network or argument, or the network does not do what the card says.
        """
        entry = registry.find(name)
        from_card: dict[str, Any] = {"in_channels": channel_count(card), "classes": card.output.channels}
        from_card["wavelengths"] = [centre_nm(band) for band in card.inputs[0].bands] or None
        from_card["pretraining"] = card.task == "pretraining"
        config = {key: value for key, value in from_card.items() if key in entry.arguments} | config
        network = entry.build(**config).eval()
        if "tile" not in card.model_fields_set:
            card = card.with_(tile=tile_rule(network, card))
        if card.architecture is None:
            card = card.with_(architecture=entry.title)
        kept = {key: value for key, value in config.items() if key not in entry.transient}
        model = cls(network, card, NetworkSpec(name=name, config=kept))
        model.check()
        return model

    @classmethod
    def wrap(cls, network: nn.Module, *, task: Task, like: SceneLike, **about: Any) -> Model:
        """A model from any network, its card made from a scene like those it is for.

        What the network gives (one channel or one per class, the scale, which tile sizes it takes) is seen by running
        it on empty tiles.

        Args:
            network: takes `[B, C, H, W]`; for change between two dates `(before, after)`; else for several dates
                `[B, T, C, H, W]`.
            task: what it is for.
            like: a scene: its bands, units, dates, GSD and sensors go onto the card.
            about: `classes`: names or `ClassLabel`, in the order of the channels. `layers`: of a regression.
                `normalisation`: a `MeanStd` or `MinMax` for all bands or one per band; left out: values go in as they
                are. `gsd`: metres, a `GsdRule`, or None for "not recorded"; left out: the scene's, from half to twice
                as much. `dates`, `output`, `tile`, `fill`, and any field of `Card`, such as `name` or `licence`.

        Raises:
            CardError: the network does not take such input, or gives something that the arguments do not explain.
        """
        from swath.models.wrap import wrap

        return wrap(network, task=task, like=like, **about)

    @classmethod
    def load(cls, path: str | Path, *, network: nn.Module | None = None) -> Model:
        """A model from a `.swath` file. Nothing in it is run, and building the network leaves the random numbers alone.

        Args:
            path: the file.
            network: for a file of a network that is not registered: one of its kind; it takes the weights in place.

        Raises:
            CardError: the file is damaged, its network is unknown, or its weights do not fit.
        """
        spec = read_header(path).network
        if network is None:
            if spec is None:
                raise CardError(f"{path} holds the weights of a network of your own; give one of its kind: network=...")
            with torch.random.fork_rng(devices=[]):
                network = registry.find(spec.name).build(**spec.config)
        state, header = read_weights(path)
        report = load_strict(network, widened(state) if header.stored == "float16" else state)
        return cls(network, header.card, spec, report, header.cards[1:], str(path), header.stored)

    def save(self, path: str | Path, dtype: Stored | None = None) -> Path:
        """Write weights, card and how to build the network into one `.swath` file, whole or not at all.

        Args:
            path: the file.
            dtype: `float16` makes a file of about half the size by rounding, see `swath.models.half`: what is loaded
                from it has other weights and another hash, so score that. None: as `stored` says, rounding nothing.

        Raises:
            CardError: the file cannot be written, or there is no such type.
        """
        if dtype not in (None, *get_args(Stored)):
            raise CardError(f"weights are stored as float32 or float16; {dtype!r} was asked for")
        stored = dtype or self.stored
        state = halved(self.network) if dtype == "float16" else self._state(stored)
        return save_weights(path, state, *self.cards, network=self.spec, stored=stored)

    def with_card(self, **changes: Any) -> Model:
        """The same network with fields of the card changed."""
        return replace(self, card=self.card.with_(**changes))

    def normalise(
        self,
        values: NDArray[np.floating[Any]] | Tensor,
        valid: NDArray[np.bool_] | Tensor | None = None,
        which: int = 0,
    ) -> Tensor:
        """Values as the network wants them, by the card alone and pixel by pixel.

        Args:
            values: `[..., C, H, W]` in the units of the card's bands.
            valid: bool, of the same shape or `[..., H, W]`; None: wherever values are finite.
            which: position of the input on the card.

        Returns:
            float32 `[..., C, H, W]`; pixels that are invalid, NaN or infinite hold the card's `fill`.

        Raises:
            CardError: the number of bands is not that of the card.
        """
        given = self.card.inputs[which]
        x = _tensor(values).to(torch.float32)
        bands = given.bands or (given.any_bands,) * x.shape[-3]
        if x.shape[-3] != len(bands):
            raise CardError(
                f"input {given.name!r} has {many(len(bands), 'band')}, and values of {x.shape[-3]} were given"
            )
        rows = [
            (*(band.clip or (-np.inf, np.inf)), *((n.shift, n.span) if (n := band.normalisation) else (0.0, 1.0)))
            for band in bands
            if band is not None
        ]
        low, high, shift, span = torch.tensor(rows, dtype=torch.float32, device=x.device).T[..., None, None]
        if any(band is not None and band.clip is not None for band in bands):
            x = torch.where(x.isfinite(), x.clamp(low, high), torch.nan)
        x = x.sub(shift).div_(span).nan_to_num_(given.fill, given.fill, given.fill)
        if valid is None:
            return x
        ok = _tensor(valid)
        return x.masked_fill_(~(ok.unsqueeze(-3) if ok.ndim == x.ndim - 1 else ok), given.fill)

    def __call__(self, *inputs: Tensor, **context: Any) -> Any:
        """What the network gives for normalised inputs, without gradients.

        Args:
            inputs: one tensor `[B, T, C, H, W]` per input of the card; the card says how dates reach the network.
            context: what else the card's `takes` names: `wavelengths` (nm), `days`, `gsd` (m).

        Raises:
            CardError: an input or something that the network takes is not given.
        """
        with torch.inference_mode():
            return call_network(self.network, self.card, inputs, context)

    def check(self) -> None:
        """Run the network once on an empty tile and hold the answer against the card.

        Raises:
            CardError: the network does not take what the card says, or gives something else.
        """
        side, shape = tile_side(self.card), answer_shape(self.network, self.card)
        output = self.card.output
        if output.kind in ("boxes", "semantic-change"):
            return
        wanted: tuple[int, ...] = (1, output.channels)
        if output.scale is not None:
            wanted += (int(side * output.scale),) * 2
        if shape != wanted:
            raise CardError(f"for a tile of {side} px the card wants an answer {wanted}, and the network gives {shape}")

    def probe_field(
        self, samples: Tensor | None = None, *, effective: bool = True, refresh: bool = False
    ) -> ReceptiveField:
        """How far the network sees; found once for these weights and remembered in the user's cache.

        Args:
            samples: normalised imagery `[N, C, H, W]`, N of 2 or more, all inputs and dates one after another along C,
                on which the effective radius is measured; None: noise.
            effective: whether to measure the effective radius as well, which takes longer.
            refresh: whether to find out anew.

        Raises:
            CardError: the network does not take such inputs, or its inputs lie on grids of different GSD.
        """
        from swath.models.probed import probed_field

        return probed_field(self, samples, effective=effective, refresh=refresh)


def _tensor(values: Any) -> Tensor:
    # torch warns of arrays that it cannot write to, though nothing is written here.
    if isinstance(values, np.ndarray) and not values.flags.writeable:
        values = values.copy()
    return torch.as_tensor(values)
