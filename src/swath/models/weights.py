"""Weight files: reading and writing them without running anything that is in them, and loading them strictly.

A `.swath` file is a safetensors file (https://github.com/huggingface/safetensors) whose metadata hold the card, how to
build the network, and the hash of the weights. State dicts of other origin (`.safetensors`, `.pt`, `.pth`, `.ckpt`)
are read as plain tensors.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import pickle
import re
import uuid
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import Field, field_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from swath.errors import CardError
from swath.models.card import Card
from swath.models.frozen import Frozen

StateDict = Mapping[str, Tensor]

FORMAT = "1"
_PICKLED = (".pt", ".pth", ".ckpt", ".bin")


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

    card: Card
    network: NetworkSpec | None
    """None: the network is not a registered one, and whoever loads the file must bring it."""
    hash: str


def hash_state(state: StateDict) -> str:
    """SHA-256 of names, types, shapes and numbers; the same whatever the order, device or file the tensors lie in."""
    digest = hashlib.sha256()
    for key in sorted(state):
        tensor = state[key].detach().cpu().contiguous()
        digest.update(f"{key}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def save_weights(path: str | Path, state: StateDict, card: Card, network: NetworkSpec | None = None) -> Path:
    """Write a `.swath` file; the name appears once the file is whole.

    Raises:
        CardError: the file cannot be written, or a tensor has a type that safetensors does not know.
    """
    path = Path(path)
    metadata = {"swath_format": FORMAT, "swath_card": card.to_json(), "hash": hash_state(state)}
    if network is not None:
        metadata["network"] = network.model_dump_json()
    with _written(path) as temporary:
        save_file(_apart(state), temporary, metadata=metadata)
    return path


def read_header(path: str | Path) -> WeightFile:
    """Card, network and hash of a `.swath` file; no weights are read.

    Raises:
        CardError: the file is not there, is damaged, or holds no card.
    """
    with _opened(Path(path)) as file:
        metadata: dict[str, str] = file.metadata() or {}
    if "swath_card" not in metadata:
        raise CardError(
            f"{path} holds weights but no card; build a network and say what it needs: "
            f"Model.build(NAME, card=...), then load_strict(model.network, read_state({str(path)!r}))"
        )
    if metadata.get("swath_format") != FORMAT:
        raise CardError(
            f"{path} is of format {metadata.get('swath_format')}, and this Swath reads {FORMAT}; install a newer one"
        )
    network = NetworkSpec.parse(metadata["network"], f"{path}: network") if "network" in metadata else None
    return WeightFile(Card.parse(metadata["swath_card"], str(path)), network, metadata.get("hash", ""))


def read_weights(path: str | Path) -> tuple[dict[str, Tensor], Card, NetworkSpec | None]:
    """Weights, card and network of a `.swath` file. Nothing is unpickled.

    Raises:
        CardError: the file is not there, is damaged or foreign, or its weights are not those that were saved.
    """
    header = read_header(path)
    state = read_state(path)
    if hash_state(state) != header.hash:
        raise CardError(f"{path}: the weights are not those that were saved; get the file again")
    return state, header.card, header.network


def read_state(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a `.safetensors`, `.swath`, `.pt`, `.pth`, `.ckpt` or `.bin` file, by name.

    Entries within entries get names with dots, so a training checkpoint gives `state_dict.model.conv1.weight` and the
    like; `load_strict(..., prefix="state_dict.model.")` takes those. What is not a tensor is left out.

    Raises:
        CardError: the file is not there, is damaged, has no tensors, or would have to run code to be read.
    """
    path = Path(path)
    if path.suffix.lower() in _PICKLED:
        state = dict(_tensors(_unpickled(path)))
    else:
        with _opened(path) as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (not a mapping)
    if not state:
        raise CardError(f"{path} holds no tensors")
    return state


def _unpickled(path: Path) -> Any:
    if not path.is_file():
        raise CardError(f"{path}: there is no such weight file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle protocols: what cannot be read is refused below
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        wanted = re.search(r"GLOBAL ([\w.]+)", str(error), re.IGNORECASE)
        if wanted is None:
            raise CardError(f"{path} is not a PyTorch file, or is damaged") from error
        raise CardError(
            f"{path} holds more than tensors and would have to run code to be read ({wanted[1]}), which is refused; "
            "where it was made, save its state_dict() alone"
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError, LookupError) as error:
        raise CardError(f"{path} is not a PyTorch file, or is damaged: {_line(error)}") from error


def _tensors(value: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _tensors(part, f"{name}.{key}" if name else str(key))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if not path.is_file():
        raise CardError(f"{path}: there is no such weight file")
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except SafetensorError as error:
        raise CardError(f"{path} is not a safetensors file, or is cut short: {_line(error)}") from error
    except OSError as error:
        raise CardError(f"{path}: cannot read the weights: {error.strerror or error}") from error


@contextlib.contextmanager
def _written(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` that becomes `path` when all went well, and is gone when not."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        temporary.touch()
        mode = temporary.stat().st_mode
        yield temporary
        temporary.chmod(mode)  # safetensors makes files that only their owner may read
        temporary.replace(path)
    except (OSError, SafetensorError) as error:
        raise CardError(f"{path}: cannot write the weights: {_line(error)}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _apart(state: StateDict) -> dict[str, Tensor]:
    """Tensors as safetensors wants them: on the CPU, contiguous, and none sharing memory with another."""
    result: dict[str, Tensor] = {}
    seen: set[int] = set()
    for key, tensor in state.items():
        plain = tensor.detach().cpu().contiguous()
        storage = plain.untyped_storage()
        shared = storage.data_ptr() in seen or storage.nbytes() != plain.nbytes
        seen.add(storage.data_ptr())
        result[key] = plain.clone() if shared else plain
    return result


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
