"""What was found out once and need not be found out again: small texts in the user's cache folder.

The folder is `$SWATH_CACHE`, else `$XDG_CACHE_HOME/swath`, else `~/.cache/swath`. A cache that cannot be read or
written is no error: things are then found out anew.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path


def cache_dir() -> Path:
    """The folder that Swath may fill and anybody may empty."""
    if own := os.environ.get("SWATH_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "swath"


def recall(kind: str, key: str) -> str | None:
    """The text that `remember` kept under `kind` and `key`; None where there is none."""
    try:
        return (cache_dir() / kind / key).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def remember(kind: str, key: str, text: str) -> None:
    """Keep a text under `kind` and `key`, which are names of a folder and a file; whole or not at all."""
    path = cache_dir() / kind / key
    temporary = path.with_name(f".{key}.{uuid.uuid4().hex[:8]}")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
