"""docker/compose.yaml: what it offers, and that its health check tells a ready server from others."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

COMPOSE = Path(__file__).parents[1] / "docker/compose.yaml"
DOCKERFILE = COMPOSE.with_name("Dockerfile").read_text(encoding="utf-8")


def filled(value: Any, settings: dict[str, str]) -> Any:
    """The value with its ``${NAME:-default}`` and ``${NAME:?reason}`` filled in."""
    if isinstance(value, str):
        return re.sub(r"\$\{(\w+):([-?])([^}]*)\}", lambda found: _setting(found, settings), value)
    if isinstance(value, list):
        return [filled(item, settings) for item in value]
    if isinstance(value, dict):
        return {key: filled(item, settings) for key, item in value.items()}
    return value


def _setting(found: re.Match[str], settings: dict[str, str]) -> str:
    name, kind, text = found.groups()
    if kind == "?":
        assert "export QDRANT_API_KEY" in text
        return settings.get(name, f"required {name}")
    return settings.get(name, text)


def services(**settings: str) -> Any:
    return filled(yaml.safe_load(COMPOSE.read_text(encoding="utf-8")), settings)["services"]


NODES = ["qdrant-1", "qdrant-2", "qdrant-3"]


def test_qdrant_alone_comes_without_a_profile() -> None:
    found = services()
    assert [name for name, service in found.items() if "profiles" not in service] == ["qdrant"]
    assert {name: found[name]["profiles"] for name in (*NODES, "vllm", "augury")} == {
        **{name: ["cluster"] for name in NODES},
        "vllm": ["vllm"],
        "augury": ["augury"],
    }


def test_every_image_is_pinned_and_every_volume_declared() -> None:
    volumes = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["volumes"]
    for name, service in services().items():
        if name != "augury":
            assert re.search(r":v\d+\.\d+\.\d+$", service["image"])
        named = {volume.split(":")[0] for volume in service["volumes"]}
        assert {volume for volume in named if not volume.startswith(".")} <= volumes.keys()
    for image in re.findall(r"^ARG PYTHON=(.*)$", DOCKERFILE, re.MULTILINE):
        assert re.fullmatch(r"\d+\.\d+\.\d+-slim-\w+", image)
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["python:${PYTHON}"] * 2


def test_nothing_is_open_to_other_machines() -> None:
    ports = [port for service in services().values() for port in service.get("ports", [])]
    assert len(ports) == 2 + 2 * len(NODES) + 1
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in ports)
    assert len({port.split(":")[1] for port in ports}) == len(ports)


def test_a_server_needs_a_key_and_is_asked_for_its_health() -> None:
    found = services()
    for name in ("qdrant", *NODES):
        assert found[name]["environment"]["QDRANT__SERVICE__API_KEY"] == "required QDRANT_API_KEY"
    for name in ("qdrant", *NODES, "vllm"):
        assert found[name]["healthcheck"]["retries"] > 0
        assert found[name]["restart"] == "unless-stopped"


def test_a_cluster_begins_with_its_first_node() -> None:
    found = services()
    for name in NODES:
        _, *flags = found[name]["command"]
        given = dict(zip(flags[::2], flags[1::2], strict=True))
        assert given["--uri"] == f"http://{name}:6335"
        assert given.get("--bootstrap") == (None if name == NODES[0] else f"http://{NODES[0]}:6335")
        assert found[name]["environment"]["QDRANT__CLUSTER__ENABLED"] == "true"
        if name != NODES[0]:
            assert found[name]["depends_on"] == {NODES[0]: {"condition": "service_healthy"}}


def test_the_image_runs_as_nobody_in_particular_and_fetches_from_no_named_host() -> None:
    last = DOCKERFILE.rpartition("FROM ")[2]
    user = re.findall(r"^USER (.*)$", last, re.MULTILINE)
    assert user == ["10001"] and last.index("USER") < last.index("ENTRYPOINT")
    for text in (DOCKERFILE, COMPOSE.read_text(encoding="utf-8")):
        assert not re.search(r"https://|[\w-]+\.(io|com|org|ai)/", text.replace("/var/lib", ""))


def test_the_docker_files_pass_their_linters() -> None:
    for command in (
        ["check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)],
        ["hadolint", str(COMPOSE.with_name("Dockerfile"))],
    ):
        linter = shutil.which(command[0], path=str(Path(sys.executable).parent))
        if linter is None:
            pytest.skip(f"no {command[0]}: pip install 'augury[check]'")
        ended = subprocess.run([linter, *command[1:]], capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, ended.stdout


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
