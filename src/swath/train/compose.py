"""A recipe from what `swath.train` is called with: a file, a folder, keyword arguments, the later over the earlier."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swath.errors import TrainError
from swath.train.recipe import Recipe, SetRecipe, read_fields, recipe

_OF_EITHER = frozenset(SetRecipe.model_fields) & frozenset(Recipe.model_fields)
_OF_A_SET = frozenset(SetRecipe.model_fields) - {"folder", "weight"} - _OF_EITHER
_SUFFIXES = (".yaml", ".yml")


def compose(folder: str | os.PathLike[str] | None, config: Any, options: Mapping[str, Any]) -> Recipe:
    """The recipe that is meant.

    Args:
        folder: of labelled data, or a recipe file; None: the recipe names its sets.
        config: a recipe file, its fields, or a `Recipe`; None: all by default.
        options: fields of `Recipe`, and of its one set, that differ; None is no difference.

    Raises:
        TrainError: a field is unknown or wrong, or it is not said what to learn from.
    """
    if folder is not None and Path(folder).suffix in _SUFFIXES and config is None:
        folder, config = None, folder
    fields = _fields(config)
    said = {key: value for key, value in options.items() if value is not None}
    of_set = {key: said.pop(key) for key in list(said) if key in _OF_A_SET}
    if unknown := sorted(said.keys() - Recipe.model_fields.keys()):
        known = ", ".join(sorted((Recipe.model_fields.keys() | _OF_A_SET) - {"sets"}))
        raise TrainError(f"{unknown[0]}= is not known; there are {known}")
    sets = [_plain(one) for one in fields.get("sets", ())]
    if folder is not None:
        if len(sets) > 1:
            raise TrainError(f"{folder}: the recipe names sets of its own; leave out the folder")
        sets = [{**(sets[0] if sets else {}), "folder": os.fspath(folder)}]
    if not sets:
        raise TrainError("nothing is said to learn from; give a folder of labelled images, or a recipe with sets")
    if of_set:
        if len(sets) > 1:
            raise TrainError(f"{min(of_set)}= is said of one set, and there are {len(sets)}; say it in the recipe")
        sets = [{**sets[0], **of_set}]
    # What is said now holds for all sets, also for those that had something of their own.
    sets = [{key: value for key, value in one.items() if key not in _OF_EITHER & said.keys()} for one in sets]
    if "start" in said:
        fields.pop("network", None)
    return recipe({**fields, **said, "sets": sets}, str(config) if isinstance(config, str | Path) else "recipe")


def _fields(config: Any) -> dict[str, Any]:
    if config is None:
        return {}
    if isinstance(config, Recipe):
        return {key: getattr(config, key) for key in config.model_fields_set}
    if isinstance(config, Mapping):
        return dict(config)
    return read_fields(config)


def _plain(one: Any) -> dict[str, Any]:
    if isinstance(one, SetRecipe):
        return {key: getattr(one, key) for key in one.model_fields_set}
    if not isinstance(one, Mapping):
        raise TrainError(f"sets: {one!r} is no set; write `folder: NAME` and what else is known of it")
    return dict(one)
