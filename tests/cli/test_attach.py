"""``augury attach`` and ``augury detach``, as they are typed."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result
from qdrant_client import QdrantClient

import augury.connector.adopt.attach
import augury.connector.adopt.detach
import augury.models.dense
from augury.cli import main
from augury.connector.store.server import ServerStore
from tests.connector.adopt.dumps import COLLECTION, everything, load
from tests.hashing import HashingDense

WHERE = f"http://localhost:6333/{COLLECTION}"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[QdrantClient]:
    """The server of every URL, in this process; the dense model hashes words."""
    client = QdrantClient(location=":memory:")

    def opened(where: str, collection: str = "", connection: object = None) -> ServerStore:
        return ServerStore(client, where.rpartition("/")[2])

    for module in (augury.connector.adopt.attach, augury.connector.adopt.detach):
        monkeypatch.setattr(module, "open_collection", opened)
    monkeypatch.setattr(augury.models.dense, "load_dense", lambda *given, **options: HashingDense())
    load(client, "mcp")
    yield client
    client.close()


def augury_(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(main, list(words), input=typed)


def test_the_plan_is_told_before_anything_is_done(client: QdrantClient) -> None:
    before = everything(client)
    dry = augury_("attach", WHERE, "--sparse", "none", "--dry-run")
    assert dry.exit_code == 0, dry.output
    for said in ("layout        mcp", "6, uuid ids", "'fast-hashing' (64, cosine)", "augury_scenarios"):
        assert said in dry.output
    refused = augury_("attach", WHERE, "--sparse", "none", typed="n\n")
    assert refused.exit_code == 1
    assert everything(client) == before


def test_attached_and_given_back(client: QdrantClient) -> None:
    before = everything(client)
    done = augury_("attach", WHERE, "--sparse", "none", "--yes")
    assert done.exit_code == 0, done.output
    assert "6 points read: 6 done" in done.output
    again = augury_("attach", WHERE, "--sparse", "none", "--json")
    assert json.loads(again.stdout)["documents"] == {
        "read": 6,
        "written": 0,
        "unchanged": 6,
        "failed": 0,
        "deleted": 0,
    }
    undone = augury_("detach", WHERE, "--yes")
    assert undone.exit_code == 0, undone.output
    assert "is as it was" in undone.output
    assert everything(client)["points"] == before["points"]
    assert augury_("detach", WHERE, "--yes").exit_code == 2


def test_a_field_without_text_is_one_sentence(client: QdrantClient) -> None:
    wrong = augury_("attach", WHERE, "--text-field", "body", "--json")
    assert wrong.exit_code == 1
    assert json.loads(wrong.stdout)["error"]["what"].endswith("has text under 'body'")
