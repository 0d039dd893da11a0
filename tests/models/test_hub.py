"""Against a small server that speaks the hub's protocol, in a process whose hub and cache it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

COMMIT = "a" * 40
REPOSITORIES = {
    "team/safe": ["config.json", "model.safetensors", "pytorch_model.bin", "run.py", "onnx/model.json"],
    "team/mixed": ["config.json", "model.safetensors", "2_Dense/pytorch_model.bin"],
    "team/old": ["config.json", "pytorch_model.bin", "optimizer.pt"],
    "team/pickle": ["config.json", "model.pkl"],
}


class Hub(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].removeprefix("/api/models")
        name = "/".join(path.split("/")[1:3])
        files = REPOSITORIES.get(name)
        if files is None:
            self._answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif not self.path.startswith("/api/"):
            body = f"{name} {path.rpartition('/')[2]}".encode()
            self._answer(200, body, {"X-Repo-Commit": COMMIT, "ETag": f'"{abs(hash(path)):x}"'})
        elif "/tree/" in path:
            tree = [
                {"type": "file", "path": file, "size": len(f"{name} {file.rpartition('/')[2]}"), "oid": "0"}
                for file in files
            ]
            self._answer(200, json.dumps(tree).encode(), {})
        else:
            siblings = [{"rfilename": file} for file in files]
            info = {"id": name, "sha": COMMIT, "siblings": siblings, "private": False, "gated": False}
            self._answer(200, json.dumps(info | {"downloads": 0, "likes": 0, "tags": []}).encode(), {})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def hub() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def run(code: str, cache: Path, endpoint: str, **environment: str) -> str:
    """What the code prints where ``endpoint`` is the hub; the last line of its error if it fails."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "AUGURY_OFFLINE"))}
    done = subprocess.run(
        [sys.executable, "-c", f"from augury.models.resolve import *\n{code}"],
        env=kept | {"HF_ENDPOINT": endpoint, "HF_HOME": str(cache)} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()[-1]


FILES = (
    "found = resolve({!r}); print(found.revision, found.local,"
    "*sorted(p.relative_to(found.path).as_posix() for p in found.path.rglob('*') if p.is_file()))"
)


def test_safetensors_are_preferred_and_code_stays_behind(tmp_path: Path, hub: str) -> None:
    assert run(FILES.format("team/safe"), tmp_path, hub) == f"{COMMIT} False config.json model.safetensors"


@pytest.mark.parametrize("name", ["team/mixed", "team/old"])
def test_bin_weights_come_where_there_is_nothing_safer(tmp_path: Path, hub: str, name: str) -> None:
    wanted = sorted(file for file in REPOSITORIES[name] if not file.endswith(".pt"))
    assert run(FILES.format(name), tmp_path, hub).split()[2:] == wanted


def test_what_was_downloaded_needs_no_hub(tmp_path: Path, hub: str) -> None:
    run("print(fetch('team/safe'))", tmp_path, hub)
    again = run(FILES.format("team/safe"), tmp_path, "http://127.0.0.1:1", AUGURY_OFFLINE="1")
    assert again.startswith(COMMIT)
    assert run("print(is_cached('team/safe'), is_cached('team/old'))", tmp_path, hub) == "True False"


def test_a_repository_of_pickles_is_refused(tmp_path: Path, hub: str) -> None:
    assert "ModelFetchError: team/pickle has only pickled weights" in run(
        "resolve('team/pickle')", tmp_path, hub
    )


@pytest.mark.parametrize("name", ["team/none", "no spaces allowed"])
def test_an_unknown_model_is_not_found(tmp_path: Path, hub: str, name: str) -> None:
    assert f"ModelNotFound: The hub has no model {name}" in run(f"resolve({name!r})", tmp_path, hub)


def test_a_hub_that_is_away_fails_at_once_in_one_sentence(tmp_path: Path) -> None:
    started = time.monotonic()
    error = run("resolve('team/safe')", tmp_path, "http://127.0.0.1:1")
    assert error.startswith("augury.errors.ModelFetchError: team/safe could not be fetched from the hub")
    assert time.monotonic() - started < 20


def test_offline_asks_no_hub(tmp_path: Path, hub: str) -> None:
    error = run("resolve('team/safe')", tmp_path, hub, AUGURY_OFFLINE="1")
    assert "ModelNotFound" in error
    assert "augury models fetch team/safe" in error
