"""A real browser, driven through its DevTools protocol over a pipe: https://chromedevtools.github.io/devtools-protocol/

Messages are JSON, each ended by a zero byte; what is written to the browser's file descriptor 3 it answers on 4.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
)  # fmt: skip
_PATIENCE = 30.0
# The browser wants its ends as 3 and 4, whatever numbers they have here; they are first moved out of each other's way.
_AS_3_AND_4 = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(one), fcntl.F_DUPFD, 20) for one in sys.argv[1:3]]
for wanted, end in enumerate(ends, 3):
    os.dup2(end, wanted)
os.execv(sys.argv[3], sys.argv[3:])
"""


def find() -> str | None:
    """The browser's program: `CHROME_PATH`, or what lies on the path; None where there is none."""
    return os.environ.get("CHROME_PATH") or next((found for name in _NAMES if (found := shutil.which(name))), None)


class Browser:
    """One tab.

    Attributes:
        requests: addresses that were asked for, those of data inside the page left out.
        complaints: what the page wrote to the console as an error or warning, and exceptions that nothing caught.
    """

    def __init__(self, program: str, profile: Path, size: tuple[int, int] = (1360, 1000)) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._held, self._number, self._session = b"", 0, ""
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()
        nowhere = subprocess.DEVNULL
        self._process = subprocess.Popen(
            [sys.executable, "-c", _AS_3_AND_4, str(to_read), str(to_write), program, *_FLAGS,
             f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}", "about:blank"],
            pass_fds=(to_read, to_write), stdin=nowhere, stdout=nowhere, stderr=nowhere,
        )  # fmt: skip
        os.close(to_read)
        os.close(to_write)
        targets = self.ask("Target.getTargets")["targetInfos"]
        tab = next(one["targetId"] for one in targets if one["type"] == "page")
        self._session = self.ask("Target.attachToTarget", targetId=tab, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer.get('error')}"
                found: dict[str, Any] = answer["result"]
                return found

    def open(self, page: Path) -> None:
        """Go to a file and wait until all of it is there."""
        self.ask("Page.navigate", url=page.absolute().as_uri())
        self.wait("document.readyState === 'complete' && location.protocol === 'file:'")

    def run(self, script: str) -> Any:
        """The value of an expression in the page; promises are waited for."""
        told = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def wait(self, condition: str) -> None:
        """Until an expression in the page is true."""
        end = time.monotonic() + _PATIENCE
        while not self.run(condition):
            assert time.monotonic() < end, f"never true: {condition}"
            time.sleep(0.05)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press the mouse at a point of the window, move it to another, let go."""
        button = {"button": "left", "buttons": 1, "clickCount": 1}
        self._mouse("mousePressed", start, **button)
        for part in (0.3, 0.7, 1.0):
            at = (start[0] + part * (end[0] - start[0]), start[1] + part * (end[1] - start[1]))
            self._mouse("mouseMoved", at, button="left", buttons=1)
        self._mouse("mouseReleased", end, button="left", clickCount=1)

    def click(self, at: tuple[float, float]) -> None:
        """Press the mouse at a point of the window and let go."""
        self.drag(at, at)

    def press(self, key: str) -> None:
        """Press a key that writes nothing, such as `ArrowRight`."""
        codes = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Escape": 27, "Tab": 9}
        for kind in ("rawKeyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key])

    def _mouse(self, kind: str, at: tuple[float, float], **more: Any) -> None:
        self.ask("Input.dispatchMouseEvent", type=kind, x=at[0], y=at[1], **more)

    def _next(self) -> dict[str, Any]:
        """The next message; what tells of requests and complaints is noted on the way."""
        while b"\0" not in self._held:
            ready, _, _ = select.select([self._read], [], [], _PATIENCE)
            assert ready, "the browser does not answer"
            part = os.read(self._read, 1 << 20)
            assert part, f"the browser ended, with status {self._process.wait()}"
            self._held += part
        text, self._held = self._held.split(b"\0", 1)
        message: dict[str, Any] = json.loads(text)
        params = message.get("params", {})
        match message.get("method"):
            case "Network.requestWillBeSent" if not params["request"]["url"].startswith("data:"):
                self.requests.append(params["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
                self.complaints.append(str(params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                self.complaints.append(params["entry"]["text"])
        return message

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._write)
        os.close(self._read)
        self._process.terminate()
        self._process.wait(_PATIENCE)
