"""docker/compose.yaml: what it offers, and that its health check tells a ready server from others."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

COMPOSE = Path(__file__).parents[1] / "docker/compose.yaml"


def filled(value: Any, settings: dict[str, str]) -> Any:
    """The value with its ``${NAME:-default}`` filled in."""
    if isinstance(value, str):
        return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: settings.get(found[1], found[2]), value)
    if isinstance(value, list):
        return [filled(item, settings) for item in value]
    if isinstance(value, dict):
        return {key: filled(item, settings) for key, item in value.items()}
    return value


def services(**settings: str) -> Any:
    return filled(yaml.safe_load(COMPOSE.read_text(encoding="utf-8")), settings)["services"]


def test_qdrant_alone_comes_without_a_profile() -> None:
    found = services()
    assert [name for name, service in found.items() if "profiles" not in service] == ["qdrant"]
    assert found["vllm"]["profiles"] == ["vllm"]


def test_every_image_is_pinned_and_every_volume_declared() -> None:
    volumes = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["volumes"]
    for service in services().values():
        assert re.search(r":v\d+\.\d+\.\d+$", service["image"])
        assert {volume.split(":")[0] for volume in service["volumes"]} <= volumes.keys()


def test_nothing_is_open_to_other_machines() -> None:
    ports = [port for service in services().values() for port in service["ports"]]
    assert sorted(ports) == ["127.0.0.1:6333:6333", "127.0.0.1:6334:6334", "127.0.0.1:8000:8000"]


def test_the_llm_is_chosen_and_scaled_by_settings() -> None:
    assert services()["vllm"]["command"][0] == "yonsei-dli/Scenario-Generator-only_plain_doc"
    vllm = services(VLLM_MODEL="me/mine", VLLM_TENSOR_PARALLEL="2", VLLM_REPLICAS="4", VLLM_GPUS="8")["vllm"]
    model, *flags = vllm["command"]
    given = dict(flag.removeprefix("--").split("=", 1) for flag in flags)
    assert model == "me/mine"
    assert (given["tensor-parallel-size"], given["data-parallel-size"]) == ("2", "4")
    assert json.loads(given["structured-outputs-config"])["disable_any_whitespace"] is True
    (device,) = vllm["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": "8", "capabilities": ["gpu"]}


@contextmanager
def answering(status: int) -> Iterator[int]:
    """A server on a free port that answers like this; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_health_check_asks_whether_qdrant_is_ready(status: int, healthy: bool) -> None:
    kind, *command = services()["qdrant"]["healthcheck"]["test"]
    assert kind == "CMD"
    with answering(status) as port:
        here = [part.replace("6333", str(port)) for part in command]
        assert (subprocess.run(here, timeout=30).returncode == 0) is healthy
    assert subprocess.run(here, timeout=30, stderr=subprocess.DEVNULL).returncode != 0
