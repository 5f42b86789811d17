"""Does a network compute what its release computes? Weights and inputs by the published rule, answers as published.

    case = Case.read(shared_data, "stsun_small_whu")
    network = case.official("stsun-paper", released=True, width=64, ...)
    case.compare(network(*case.inputs("x"), "whu"))

`Case.read` skips the test where there is no parity data. `Case.beside` is for answers that lie in `released/`, thinned:
made once by running the release on weights and inputs of the same rule.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from swath.models import find, load_official
from swath.models.strict import load_strict

HERE = Path(__file__).parent / "released"
TOLERANCE = 1e-4
"""Of the spread of the release's answer."""


@dataclass(frozen=True)
class Case:
    """One network or module of a release, in one configuration."""

    name: str
    fill: ModuleType
    about: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]

    @classmethod
    def beside(cls, shared_data: Path, name: str) -> Case:
        """A case whose answers lie beside the tests; the rule that makes weights and inputs is in the collection."""
        found = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
        outputs = found.pop("outputs")
        found["out_shapes"] = {key: one["shape"] for key, one in outputs.items()}
        arrays = {f"{key}@{one['every']}": np.array(one["values"]) for key, one in outputs.items()}
        return cls(name, _rule(shared_data), found, arrays)

    @classmethod
    def read(cls, shared_data: Path, name: str) -> Case:
        about = json.loads(parity_file(shared_data, f"{name}.json").read_text(encoding="utf-8"))
        with np.load(parity_file(shared_data, f"{name}.npz")) as file:
            return cls(name, _rule(shared_data), about, {key: file[key] for key in file})

    def state(self, network: nn.Module) -> dict[str, Tensor]:
        """The release's state dict; what is not floating is as the network makes it."""
        own, rows = network.state_dict(), self.about["keys"]
        filled = self.fill.state_dict(rows)
        return {
            key: torch.from_numpy(filled[key]) if key in filled else own.get(key, torch.zeros(shape, dtype=torch.long))
            for key, shape, _ in rows
        }

    def official(self, name: str, **config: Any) -> nn.Module:
        """A registered network with the release's weights, loaded strictly."""
        state = self.state(find(name).build(**config))
        network = load_official(name, state, **config)
        assert sum(parameter.numel() for parameter in network.parameters()) == self.about["params"]
        return network

    def module(self, module: nn.Module) -> nn.Module:
        """A part of a network with the release's weights, loaded strictly."""
        load_strict(module, self.state(module))
        return module.eval()

    def inputs(self, *names: str) -> list[Tensor]:
        """Inputs by the names of the release's arguments."""
        return [
            torch.from_numpy(
                self.arrays[f"in.{name}"]
                if f"in.{name}" in self.arrays
                else self.fill.image(name, tuple(self.about["in_shapes"][name]))
            )
            for name in names
        ]

    def compare(self, answer: Tensor, which: str = "out", tolerance: float = TOLERANCE) -> None:
        """Hold an answer against the release's: of its shape, and nowhere farther than `tolerance` times its spread."""
        assert list(answer.shape) == self.about["out_shapes"][which]
        stored = next(key for key in self.arrays if key.split("@")[0] == which)
        step = int(stored.partition("@")[2] or 1)
        wanted = self.arrays[stored].ravel()
        found = answer.detach().numpy().ravel()[::step]
        assert np.abs(found - wanted).max() <= tolerance * wanted.std()


def parity_file(shared_data: Path, name: str) -> Path:
    """A file of the releases' own answers, which lie beside the collection of imagery."""
    path = shared_data.parent / "parity" / name
    if not path.is_file():
        # A collection may hold imagery alone: what releases answered is nothing that a user would have.
        pytest.skip(f"SWATH_TEST_DATA holds no parity/{name}")
    return path


def _rule(shared_data: Path) -> ModuleType:
    """What makes weights and inputs out of names and shapes."""
    spec = importlib.util.spec_from_file_location("parity_fill", parity_file(shared_data, "fill.py"))
    assert spec is not None
    assert spec.loader is not None
    fill = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fill)
    return fill
