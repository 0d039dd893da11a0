"""``augury reindex``, as it is typed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import augury
import augury.models.dense
from augury.cli import main
from augury.schemas.points import FloatArray
from augury.schemas.profile import DenseProfile, Profile
from tests.hashing import HashingDense


class Turned(HashingDense):
    """Another model of the same width."""

    name = "turned"

    def encode_documents(self, texts: Sequence[str]) -> FloatArray:
        return np.ascontiguousarray(super().encode_documents(texts)[:, ::-1])

    encode_queries = encode_documents


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An index of 12 documents without a sparse model; the dense models hash words."""
    models = {"hashing-dense": HashingDense(), "turned": Turned()}
    monkeypatch.setattr(augury.models.dense, "load_dense", lambda name, **prompts: models[name])
    profile = Profile(dense=DenseProfile(model="hashing-dense"), sparse=None)
    with augury.open(tmp_path / "kb", profile=profile) as index:
        index.ingest(
            [augury.Document(id=f"d{i}", title=f"Heading {i}", text=f"Text{i} of it.") for i in range(12)]
        )
    return str(tmp_path / "kb")


def augury_(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(main, list(words), input=typed)


def model(where: str) -> str:
    with augury.open(where, create=False) as index:
        return index.profile.dense.model


def test_a_whole_life(where: str) -> None:
    dry = augury_("reindex", where, "--dense", "turned", "--sparse", "bm25", "--dry-run")
    assert dry.exit_code == 0, dry.output
    for said in (
        "Make the generation 2 beside 1, for 12 passages.",
        "Encode the vectors dense anew, from the stored texts, with turned.",
        "Add the vectors sparse, from the stored texts, with bm25.",
        "1 stays until --drop-old.",
    ):
        assert said in dry.output
    assert model(where) == "hashing-dense"
    done = augury_("reindex", where, "--dense", "turned", "--sparse", "bm25")
    assert done.exit_code == 0, done.output
    for said in (
        "12 documents in 12 passages; 12 passages made",
        "12 queries from stored texts: 100.0% find their document among the first 10 (before: 100.0%)",
        f"{where} is 2 now; 1 stays as it is.",
    ):
        assert said in done.output
    assert model(where) == "turned"
    status = augury_("reindex", where, "--status")
    assert status.output.split("\n")[:2] == ["current   2: 12 passages", "old       1: 12 passages"]
    back = augury_("reindex", where, "--rollback", "--json")
    assert json.loads(back.stdout)["action"] == "rolled back"
    assert model(where) == "hashing-dense"
    assert augury_("reindex", where, "--drop-old", typed="n\n").exit_code == 1
    dropped = augury_("reindex", where, "--drop-old", "--yes")
    assert "2 is deleted" in dropped.output
    gone = augury_("reindex", where, "--rollback")
    assert gone.exit_code == 2
    assert "has no old generation" in gone.output


def test_a_profile_file_and_canary_queries(where: str, tmp_path: Path) -> None:
    profile = tmp_path / "new.toml"
    profile.write_text('dense = { model = "turned" }\n[scenarios]\nalpha = 0.6\n', encoding="utf-8")
    queries = tmp_path / "queries.tsv"
    queries.write_text("q1\tText3\nq2\tText5\n", encoding="utf-8")
    qrels = tmp_path / "qrels.txt"
    qrels.write_text("q1 0 d3 1\nq2 0 d5 1\n", encoding="utf-8")
    asked = ("--canary", str(queries), "--canary-qrels", str(qrels), "--json")
    done = augury_("reindex", where, "--profile", str(profile), *asked)
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["canary"]["queries"] == 2
    assert report["canary"]["made_from"] == "a file"
    assert report["swapped"]
    with augury.open(where, create=False) as index:
        assert (index.profile.dense.model, index.profile.scenarios.alpha) == ("turned", 0.6)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "made with this profile already"),
        (("--dense", "hashing-dense"), "made with this profile already"),
        (("--rollback", "--drop-old"), "two things"),
        (("--leave-writes",), "goes with --rollback"),
        (("--canary-qrels", __file__), "Name them with --canary"),
        (("--profile", __file__), "is no TOML file"),
        (("--alias", "live", "--alpha", "0.5"), "needs no alias"),
        (("--abandon", "--yes"), "No re-index of"),
    ],
)
def test_what_cannot_be_done(where: str, options: tuple[str, ...], said: str) -> None:
    refused = augury_("reindex", where, *options)
    assert refused.exit_code == 2, refused.output
    assert said in " ".join(refused.output.split())
    assert model(where) == "hashing-dense"


def test_an_index_that_is_not_there(tmp_path: Path) -> None:
    refused = augury_("reindex", str(tmp_path / "none"), "--alpha", "0.5")
    assert refused.exit_code == 1
    assert "does not exist" in refused.output
