"""Files on a server: opened by their headers, read by byte ranges."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import rasterio

import swath
from swath.errors import OpenError


class Served(BaseHTTPRequestHandler):
    """Files of a folder, by byte ranges, as object stores serve them."""

    protocol_version = "HTTP/1.1"
    folder: Path
    sent: list[int]

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = self.folder / self.path.lstrip("/")
        if not path.is_file():
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        content = path.read_bytes()
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first = int(asked[1]) if asked else 0
        last = min(int(asked[2]) if asked and asked[2] else len(content) - 1, len(content) - 1)
        part = content[first : last + 1]
        self.send_response(206 if asked else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(part)))
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.end_headers()
        if body:
            self.sent.append(len(part))
            self.wfile.write(part)

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path, list[int]]]:
    sent: list[int] = []
    handler = type("Handler", (Served,), {"folder": tmp_path, "sent": sent})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", tmp_path, sent
        running.shutdown()
        thread.join()


def test_a_window_of_a_cog_on_a_server(server: tuple[str, Path, list[int]], own_data: Path) -> None:
    url, folder, sent = server
    with rasterio.open(own_data / "paris_2018.tif") as source:
        tile, profile = source.read(), source.profile
    big = np.tile(tile, (1, 6, 6))
    profile.update(width=big.shape[2], height=big.shape[1], tiled=True, blockxsize=256, blockysize=256)
    with rasterio.open(folder / "paris_20180325.tif", "w", **profile) as target:
        target.write(big)
    size = (folder / "paris_20180325.tif").stat().st_size
    scene = swath.open(f"{url}/paris_20180325.tif")
    assert str(scene.dates[0]) == "2018-03-25"
    assert sum(sent) < 200_000
    values, valid = scene.read(np.s_[300:400, 900:1000])
    np.testing.assert_array_equal(values[0][valid[0]], big[:, 300:400, 900:1000].astype(np.float32)[valid[0]])
    assert sum(sent) < size / 4


def test_what_is_not_there(server: tuple[str, Path, list[int]]) -> None:
    with pytest.raises(OpenError) as refused:
        swath.open(f"{server[0]}/nothing.tif")
    assert "nothing.tif" in str(refused.value)
    assert "\n" not in str(refused.value)
