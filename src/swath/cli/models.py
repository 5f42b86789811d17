"""`swath models`: what can be asked for by name, and the card of one model."""

from __future__ import annotations

from typing import Annotated

import typer

from swath.cli.words import show, table


def models(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME|FILE]", help="One model: its card.", show_default=False)
    ] = None,
    task: Annotated[str | None, typer.Option("--task", help="Only those for this task.")] = None,
    weights: Annotated[
        bool | None, typer.Option("--weights/--networks", help="Only those with weights, or only those to train.")
    ] = None,
) -> None:
    """List the models and networks, or show the card of one."""
    from swath.models import registry
    from swath.models.card import TASKS

    if name is not None:
        typer.echo(registry.describe(name))
        return
    if task is not None and task not in TASKS:
        raise typer.BadParameter(f"--task {task}: give {', '.join(TASKS)}")
    found = [registry.find(one) for one in registry.names(task, weights=weights)]
    rows = table("name", "what", "tasks", "weights")
    for entry in found:
        lacks = "none needed: fitted to each scene" if entry.fitted else "to be trained"
        skills = ", ".join(card.name for card in entry.cards) or lacks
        rows.add_row(entry.name, entry.title, ", ".join(entry.tasks), skills)
    if found:
        show(rows)
    else:
        typer.echo("none: `swath models` without options lists all")
