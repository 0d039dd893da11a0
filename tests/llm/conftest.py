"""A real LLM for the tests of this folder: ``llm_url`` and ``llm_model``.

``AUGURY_TEST_LLM_URL`` names a server that runs already; otherwise one is started with ``AUGURY_LLM_PYTHON``
over ``AUGURY_LLM_MODEL_DIR``, which ``make test-llm`` sets.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from serving.server import LlmServer

MODEL = "smollm2"


@pytest.fixture(scope="session")
def make_llm_server(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., LlmServer]:
    """``with make_llm_server() as server:`` a server of the test's own, which it may kill.

    Takes the options of ``serving/serve.py`` and of vLLM. Not started before ``start()`` or ``with``.
    """
    python, model = os.environ.get("AUGURY_LLM_PYTHON"), os.environ.get("AUGURY_LLM_MODEL_DIR")
    if not python or not model:
        pytest.skip("no LLM server here; run: make test-llm")

    def make(*options: str) -> LlmServer:
        return LlmServer(python, Path(model), tmp_path_factory.mktemp("llm") / "server.log", *options)

    return make


@pytest.fixture(scope="session")
def llm_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an LLM server, up to and with ``/v1``; it is shared, so leave it alive."""
    if url := os.environ.get("AUGURY_TEST_LLM_URL"):
        yield url.rstrip("/")
        return
    with request.getfixturevalue("make_llm_server")() as server:
        yield server.url


@pytest.fixture(scope="session")
def llm_model(llm_url: str) -> str:
    """What the server calls its model: ``smollm2``, or the first that it lists."""
    names = [model["id"] for model in httpx.get(f"{llm_url}/models", timeout=30).json()["data"]]
    return MODEL if MODEL in names else names[0]
