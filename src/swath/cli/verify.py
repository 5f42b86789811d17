"""`swath verify`: is a product what its record says?"""

from __future__ import annotations

from typing import Annotated

import typer


def verify(
    product: Annotated[str, typer.Argument(metavar="PRODUCT", help="A map that `swath predict` wrote.")],
    share: Annotated[float, typer.Option("--share", help="Part of the tiles that are made again.")] = 0.01,
    seed: Annotated[int, typer.Option("--seed", help="Of the choice of tiles.")] = 0,
) -> None:
    """Make some tiles of a product again from its record, and compare. Exit code 1 where they differ."""
    from swath.predict.verify import verify as check

    found = check(product, share, seed=seed)
    typer.echo(str(found))
    if not found.ok:
        raise typer.Exit(1)
