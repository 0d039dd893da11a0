"""A real LLM server in a process of its own: ``with LlmServer(python, model, log) as server: server.url``."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

SERVE = Path(__file__).with_name("serve.py")
READY_S = 480.0
"""Alone on two cores it takes a minute; beside other work, several. pytest ends a test after 600 s."""
STOP_S = 30.0
POLL_S = 0.25
TAIL_LINES = 40


class LlmServer:
    """``LlmServer(python, model, log).start()``: vLLM over a model folder, ready when ``start`` returns.

    Args:
        python: the interpreter that has vLLM: ``AUGURY_LLM_PYTHON``.
        model: the model's folder: ``AUGURY_LLM_MODEL_DIR``.
        log: where the server's output goes.
        port: 0 for a free one, which stays the same over restarts.
        options: further options of ``serving/serve.py`` or of vLLM, as ``"--max-model-len", "512"``.
    """

    def __init__(self, python: str, model: Path, log: Path, *options: str, port: int = 0) -> None:
        self.port = port or _free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.log = log
        self._command = [python, str(SERVE), str(model), "--port", str(self.port), *options]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Start it, or start it again, and wait until it lists its model.

        Raises:
            RuntimeError: it ended or did not answer in time; the message ends with the last lines of its log.
        """
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        try:
            self._wait(self._process)
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self) -> None:
        """End it as Ctrl-C would, and kill what is left."""
        if self._process is not None:
            self._signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_S)
            self.kill()

    def kill(self) -> None:
        """End it and all its processes at once, as a crash would."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        """To the whole group: the engine is a process of its own."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_S
        while process.poll() is None and time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/models", timeout=POLL_S * 4).is_success:
                    return
            time.sleep(POLL_S)
        ended = f"ended with {process.returncode}" if process.poll() is not None else "is not ready"
        tail = self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        raise RuntimeError("\n".join([f"The LLM server {ended}. The end of {self.log}:", *tail]))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
