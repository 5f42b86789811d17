"""What tells an input from another or a later state of it: size and SHA-256 of files, size and ETag on servers."""

from __future__ import annotations

import hashlib
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from swath.errors import PredictError
from swath.scene.opened import is_local, relative_to
from swath.scene.scene import Scene

_WHOLE = 64 * 2**20
"""Files up to this many bytes are hashed whole; larger ones by samples, so that it takes no longer than a second."""
_SAMPLES, _SAMPLE = 64, 2**18
_PATIENCE = 10  # seconds to wait for a server


def inputs_of(scene: Scene, folder: Path) -> list[dict[str, Any]]:
    """Each source of a scene: where it is (relative to `folder`), which dates it holds, and what it is known by."""
    dates: dict[str, list[str]] = {}
    for name, row in zip(scene.names, scene.planes, strict=True):
        for reader in dict.fromkeys(plane.reader.name for plane in row if plane is not None):
            dates.setdefault(reader, []).append(name)
    return [{"href": relative_to(name, folder), "dates": seen, **fingerprint(name)} for name, seen in dates.items()]


def check_inputs(inputs: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Compare inputs with what was noted of them.

    Raises:
        PredictError: one is not where it was, or is not what it was.
    """
    for noted in inputs:
        href = str(noted["href"])
        name = os.path.normpath(folder / href) if is_local(href) else href
        now = fingerprint(name)
        if "kind" in noted and not now:
            raise PredictError(
                f"{name} is not there, and the product was made from it; put it back, "
                "or give the scene: scene=swath.open(...)"
            )
        for key in ("bytes", "sha256", "sampled_sha256", "etag", "listing"):
            if key in noted and noted[key] != now.get(key):
                raise PredictError(
                    f"{name} is not what the product was made from: {key} is {now.get(key)} and was {noted[key]}; "
                    "bring the old file back, or predict anew"
                )


def fingerprint(name: str) -> dict[str, Any]:
    """What a source is known by; empty where it cannot be told (arrays in memory, servers that do not say).

    Args:
        name: a path, a URL, or one of GDAL's own names of something inside a file.
    """
    if name.startswith(("http://", "https://")):
        return _on_server(name)
    path = _file_in(name)
    if path is None:
        return {}
    if path.is_dir():
        return {"kind": "folder", "listing": _listing(path)}
    status = path.stat()
    told: dict[str, Any] = {"kind": "file", "bytes": status.st_size, "modified": int(status.st_mtime)}
    if status.st_size <= _WHOLE:
        with path.open("rb") as file:
            return told | {"sha256": hashlib.file_digest(file, "sha256").hexdigest()}
    return told | {"sampled_sha256": _sampled(path, status.st_size)}


def _file_in(name: str) -> Path | None:
    """The file or folder that a name is of: the longest part of it that exists."""
    if is_local(name):
        return Path(name) if os.path.exists(name) else None
    quoted = re.search(r'"([^"]+)"', name)
    inner = quoted[1] if quoted else re.sub(r"^(/vsi[a-z0-9]+/)+", "", name)
    if not quoted and ":" in inner:
        inner = max(inner.split(":"), key=len)
    for path in (Path(inner), *Path(inner).parents):
        if path.is_file():
            return path
    return None


def _sampled(path: Path, size: int) -> str:
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for i in range(_SAMPLES):
            file.seek(i * (size - _SAMPLE) // (_SAMPLES - 1))
            digest.update(file.read(_SAMPLE))
    return digest.hexdigest()


def _listing(folder: Path) -> str:
    """SHA-256 of the names and sizes of all files in a folder, as of a Zarr store."""
    digest = hashlib.sha256()
    for name, size in sorted(_files(folder)):
        digest.update(f"{name}|{size}\n".encode())
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.stat().st_size


def _on_server(url: str) -> dict[str, Any]:
    try:
        request = urllib.request.Request(url, method="HEAD")
        with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:
            headers = answer.headers
    except (urllib.error.URLError, TimeoutError):
        return {}
    told: dict[str, Any] = {"kind": "url"}
    if headers.get("Content-Length"):
        told["bytes"] = int(headers["Content-Length"])
    if headers.get("ETag"):
        told["etag"] = headers["ETag"]
    return told
