"""Names of what a verb is to write, seen to before the work begins."""

from __future__ import annotations

from pathlib import Path

import typer


def check_targets(
    out: str, vectors: str | None, fields: str | None, look: str | None, overwrite: bool, resume: bool
) -> None:
    """See that all that `swath predict` is asked for can be written.

    Raises:
        WriteError: a name has a suffix that cannot be, something is there already, or the folder cannot be written to.
        typer.BadParameter: there are no such fields.
    """
    from swath.predict.kept import map_path
    from swath.scene.look import picture_kind
    from swath.scene.write.atomic import check_target
    from swath.scene.write.vectors import shapes_suffix

    check_target(map_path(out), overwrite=overwrite or resume)
    if vectors is not None:
        shapes_suffix(vectors)
        check_target(vectors, overwrite=overwrite)
    if fields is not None:
        if not Path(fields).is_file():
            raise typer.BadParameter(f"--fields {fields}: there is no such file")
        check_target(Path(out).with_suffix(".fields.gpkg"), overwrite=overwrite)
    if look is not None:
        picture_kind(look)
        check_target(look, overwrite=True)
