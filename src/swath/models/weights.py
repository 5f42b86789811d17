"""Weight files: reading and writing them without running anything that is in them, and loading them strictly.

A `.swath` file is a safetensors file (https://github.com/huggingface/safetensors) whose metadata hold the card, how to
build the network, and the hash of the weights. State dicts of other origin (`.safetensors`, `.pt`, `.pth`, `.ckpt`)
are read as plain tensors.
"""

from __future__ import annotations

import contextlib
import hashlib
import pickle
import re
import uuid
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from swath.errors import CardError
from swath.models.card import Card
from swath.models.header import FORMAT, NetworkSpec, Stored, WeightFile, check_skills, read_header

StateDict = Mapping[str, Tensor]

_PICKLED = (".pt", ".pth", ".ckpt", ".bin")


def hash_state(state: StateDict) -> str:
    """SHA-256 of names, types, shapes and numbers; the same whatever the order, device or file the tensors lie in."""
    digest = hashlib.sha256()
    for key in sorted(state):
        tensor = state[key].detach().cpu().contiguous()
        digest.update(f"{key}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def save_weights(
    path: str | Path,
    state: StateDict,
    *cards: Card,
    network: NetworkSpec | None = None,
    stored: Stored = "float32",
) -> Path:
    """Write a `.swath` file; the name appears once the file is whole.

    Args:
        path: the file.
        state: its weights.
        cards: what they can do; one, or one per skill, with names of their own.
        network: how to build what they go into.
        stored: whether some of it is in half precision and to be read as float32, see `swath.models.half`.

    Raises:
        CardError: the file cannot be written, or a tensor has a type that safetensors does not know.
    """
    path = Path(path)
    check_skills(cards)
    told = "[" + ",".join(card.to_json() for card in cards) + "]"
    metadata = {"swath_format": FORMAT, "swath_cards": told, "hash": hash_state(state)}
    if network is not None:
        metadata["network"] = network.model_dump_json()
    if stored != "float32":
        metadata["stored"] = stored
    with _written(path) as temporary:
        save_file(_apart(state), temporary, metadata=metadata)
    return path


def read_weights(path: str | Path) -> tuple[dict[str, Tensor], WeightFile]:
    """Weights of a `.swath` file as they are stored, and what it says about itself. Nothing is unpickled.

    Raises:
        CardError: the file is not there, is damaged or foreign, or its weights are not those that were saved.
    """
    header = read_header(path)
    state = read_state(path)
    if hash_state(state) != header.hash:
        raise CardError(f"{path}: the weights are not those that were saved; get the file again")
    return state, header


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
