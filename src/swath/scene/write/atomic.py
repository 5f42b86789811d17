"""Nothing is half written: a product is made under a hidden name and renamed when it is whole."""

from __future__ import annotations

import errno
import glob
import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from swath.errors import WriteError

SIDECARS = (".aux.xml", ".ovr", ".msk")
"""Files that GDAL keeps beside a raster; those of an older file of the same name would speak for the new one."""

_REMEDY = {
    errno.ENOSPC: "the disk is full: free some space or write to another disk",
    errno.EDQUOT: "the quota of this disk is used up: free some space or write to another disk",
    errno.EFBIG: "the file is larger than this system lets a file be: raise the limit (`ulimit -f`) or write elsewhere",
    errno.EACCES: "permission is denied: choose a folder you may write to",
    errno.EPERM: "permission is denied: choose a folder you may write to",
    errno.EROFS: "the disk is read-only: choose a folder you may write to",
    errno.ENOENT: "the folder does not exist: make it first or choose another",
    errno.ENOTDIR: "a part of its path is a file, not a folder: choose another path",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
}
_STORE_MARKS = (".zgroup", ".zarray", "zarr.json")
_counter = itertools.count()
_NEARLY_FULL = 16 * 2**20  # GDAL reports no errno; with less than this left, a full disk was the reason


def write_error(path: str | os.PathLike[str], error: BaseException) -> WriteError:
    """The error a person should see when `path` could not be written.

    Args:
        path: the product, under its final name.
        error: what the system or a library reported.
    """
    code = error.errno if isinstance(error, OSError) else None
    if code not in _REMEDY and _free(Path(path)) < _NEARLY_FULL:
        code = errno.ENOSPC
    reason = _REMEDY[code] if code in _REMEDY else f"{type(error).__name__}: {error}"
    return WriteError(f"{os.fspath(path)} cannot be written: {reason}")


def check_target(path: str | os.PathLike[str], *, overwrite: bool) -> Path:
    """Find out before the work begins whether a product can be put at `path`.

    Returns:
        The path, absolute, with links in its folder resolved.

    Raises:
        WriteError: the folder is absent or not writable, the path is a folder that is no Zarr store, or something
            is there already and `overwrite` is false.
    """
    target = Path(path).expanduser()
    if not target.name:
        raise WriteError(f"{os.fspath(path)!r} is not a file name: give the product a name, such as out.tif")
    try:
        target = target.parent.resolve(strict=True) / target.name
        if not target.parent.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "not a folder")
        probe = _hidden(target)
        probe.touch(exist_ok=False)
        probe.unlink()
        exists = target.exists() or target.is_symlink()
    except OSError as error:
        raise write_error(path, error) from error
    if exists and not overwrite:
        raise WriteError(f"{target} exists already: choose another name, or pass overwrite=True (`--overwrite`)")
    if target.is_dir() and not any((target / mark).exists() for mark in _STORE_MARKS):
        raise WriteError(f"{target} is a folder and no Zarr store, and is not replaced: choose another name")
    return target


@contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Say errors of the system inside the block as a `WriteError` about `path`."""
    try:
        yield
    except OSError as error:
        raise write_error(path, error) from error


@contextmanager
def atomic_path(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """A hidden name beside `path` to write a file or a folder at; it becomes `path` when the block ends well.

    When the block fails, what was written is removed and whatever was at `path` is still there. A process that is
    killed leaves at most the hidden file.

    Args:
        path: the final name of the product.
        overwrite: replace what is there. An existing file is replaced in one step, a folder in two renames.

    Yields:
        A path in the same folder with the same suffix that does not exist yet.

    Raises:
        WriteError: as `check_target` says, and for any error of the system inside the block.
    """
    target = check_target(path, overwrite=overwrite)
    temporary = _hidden(target)
    try:
        with writing(target):
            yield temporary
            replace(temporary, target)
    finally:
        for leftover in temporary.parent.glob(glob.escape(temporary.name) + "*"):
            remove(leftover)


def replace(temporary: Path, target: Path) -> None:
    """Put `temporary` in the place of `target`, which may exist; the bytes of a file are on the disk first."""
    sync(temporary)
    if target.is_dir() and not target.is_symlink():
        # A folder that is not empty cannot be renamed over: the old one steps aside for the moment in between.
        aside = _hidden(target)
        target.rename(aside)
        temporary.rename(target)
        shutil.rmtree(aside)
    else:
        temporary.replace(target)


def remove(path: Path) -> None:
    """Remove a file or a folder with all it holds, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until the bytes of a file, or of the files in a folder, are on the disk."""
    for file in path.rglob("*") if path.is_dir() else (path,):
        if file.is_file():
            with file.open("rb") as handle:
                os.fsync(handle.fileno())


def _hidden(target: Path) -> Path:
    return target.with_name(f".{target.stem}.{os.getpid()}-{next(_counter)}{target.suffix}")


def _free(path: Path) -> int:
    try:
        return shutil.disk_usage(path.parent).free
    except OSError:
        return _NEARLY_FULL
