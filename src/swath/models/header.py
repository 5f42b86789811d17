"""What a `.swath` file says about itself: its cards and how to build its network. No torch here, no weights are read.

A `.swath` file is a safetensors file (https://github.com/huggingface/safetensors): eight bytes that give the length of
a JSON text (little-endian), that text, whose entry `__metadata__` holds texts by name, then the tensors.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from pydantic import Field, field_validator

from swath.errors import CardError
from swath.models.card import Card
from swath.models.frozen import Frozen

FORMAT = "1"
Stored = Literal["float32", "float16"]
"""How a file keeps weights."""
_LONGEST = 100 * 2**20
"""Bytes of a header that is believed; the format's own limit."""


class NetworkSpec(Frozen):
    """How to build a network again: the name it is registered under, and the arguments of its builder."""

    name: str
    config: dict[str, Any] = Field(default_factory=dict)

    @field_validator("config", mode="before")
    @classmethod
    def _as_json(cls, value: Any) -> Any:
        try:
            return json.loads(json.dumps(value))
        except TypeError as error:
            raise ValueError(f"arguments of a network are kept as JSON, and one of these cannot be: {error}") from error


@dataclass(frozen=True)
class WeightFile:
    """What a `.swath` file says about itself."""

    cards: tuple[Card, ...]
    """One per skill; the first is the one in use where none is named."""
    network: NetworkSpec | None
    """None: the network is not a registered one, and whoever loads the file must bring it."""
    hash: str
    """Of the weights as they are stored."""
    stored: Stored = "float32"

    @property
    def card(self) -> Card:
        """The first."""
        return self.cards[0]


def read_header(path: str | Path) -> WeightFile:
    """Card, network and hash of a `.swath` file; no weights are read.

    Raises:
        CardError: the file is not there, is damaged, or holds no card.
    """
    metadata = _metadata(Path(path))
    if "swath_cards" not in metadata:
        raise CardError(
            f"{path} holds weights but no card; build a network and say what it needs: "
            f"Model.build(NAME, card=...), then load_strict(model.network, read_state({str(path)!r}))"
        )
    if metadata.get("swath_format") != FORMAT:
        raise CardError(
            f"{path} is of format {metadata.get('swath_format')}, and this Swath reads {FORMAT}; install a newer one"
        )
    if (stored := metadata.get("stored", "float32")) not in get_args(Stored):
        raise CardError(f"{path} stores its weights as {stored}, and this Swath reads {' and '.join(get_args(Stored))}")
    network = NetworkSpec.parse(metadata["network"], f"{path}: network") if "network" in metadata else None
    cards = tuple(Card.parse(json.dumps(card), str(path)) for card in json.loads(metadata["swath_cards"]))
    return WeightFile(cards, network, metadata.get("hash", ""), cast(Stored, stored))


def check_skills(cards: Sequence[Card]) -> None:
    """See that cards of the same weights can be told apart.

    Raises:
        CardError: two have one name, or there is none.
    """
    names = [card.name for card in cards]
    if not names or len(set(names)) != len(names):
        raise CardError(f"weights need one card or several with names of their own; found {', '.join(names) or 'none'}")


def _metadata(path: Path) -> dict[str, str]:
    if not path.is_file():
        raise CardError(f"{path}: there is no such weight file")
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            text = file.read(length) if length < _LONGEST else b""
        told = json.loads(text)
        # Behind the text lie the tensors, and each says where it ends.
        ends = [entry["data_offsets"][1] for key, entry in told.items() if key != "__metadata__"]
        if 8 + length + max(ends, default=0) != path.stat().st_size:
            raise ValueError(path)
        metadata: dict[str, str] = told.get("__metadata__") or {}
    except OSError as error:
        raise CardError(f"{path}: cannot read the weights: {error.strerror or error}") from error
    except (struct.error, ValueError, AttributeError, LookupError, TypeError) as error:
        raise CardError(f"{path} is not a safetensors file, or is cut short") from error
    return metadata
