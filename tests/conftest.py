"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.real_qdrant import DOCKER_KEY, NONE_HERE, RealQdrant, docker_answers

ROOT = Path(__file__).parents[1]

# Timings are no assertions: a busy machine must not fail a property.
settings.register_profile("augury", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("augury")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole collections first: a long file that a worker took last would keep the others waiting."""
    items.sort(key=lambda item: item.get_closest_marker("real") is None)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The real collections; tests that need them are skipped where they are not."""
    folder = Path(os.environ.get("AUGURY_DATA", ROOT / "../shared/data")).resolve()
    if not (folder / "scifact/corpus.jsonl").is_file():
        pytest.skip(f"no collections at {folder}; set AUGURY_DATA")
    return folder


@pytest.fixture(scope="session")
def docker_compose_file() -> str:
    """What pytest-docker starts."""
    return str(ROOT / "docker/compose.yaml")


@pytest.fixture(scope="session")
def docker_setup() -> list[str]:
    """Qdrant alone, and only once it is ready."""
    return ["up --wait qdrant"]


@pytest.fixture(scope="session")
def real_qdrant(request: pytest.FixtureRequest) -> RealQdrant:
    """A real server: that of AUGURY_TEST_QDRANT_URL, or one that Docker starts; skipped without either."""
    url = os.environ.get("AUGURY_TEST_QDRANT_URL")
    if url:
        port = os.environ.get("QDRANT_GRPC_PORT")
        return RealQdrant(url, os.environ.get("QDRANT_API_KEY"), int(port) if port else None)
    if not docker_answers():
        pytest.skip(NONE_HERE)
    os.environ.update(QDRANT_API_KEY=DOCKER_KEY, QDRANT_PORT="0", QDRANT_GRPC_PORT="0")
    try:
        services = request.getfixturevalue("docker_services")
        rest, grpc = (services.port_for("qdrant", port) for port in (6333, 6334))
    finally:
        for name in ("QDRANT_API_KEY", "QDRANT_PORT", "QDRANT_GRPC_PORT"):
            del os.environ[name]
    return RealQdrant(f"http://127.0.0.1:{rest}", DOCKER_KEY, grpc)
