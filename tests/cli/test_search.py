"""``augury search`` with rerankers, explanations, filters and the prompt, and ``augury filter-field``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

from augury.cli import main
from augury.models.hypernetwork import HypencoderNetwork
from augury.models.resolve import resolve

SAMPLE = Path(__file__).parents[2] / "examples/sample"
QUERY = "my daughter asked why a clock does not just go up to a hundred"


def call(*arguments: object, **options: Any) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], **options)


def hits(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)["hits"]
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("search")


@pytest.fixture(scope="module")
def hypencoder(folder: Path) -> Path:
    """An untrained Hypencoder over the starter encoder."""
    network = HypencoderNetwork.from_base("starter:minilm", hidden_layers=1, pooling="mean")
    network.save(folder / "hypencoder")
    return folder / "hypencoder"


@pytest.fixture(scope="module")
def cross_encoder(folder: Path) -> Path:
    """An untrained cross-encoder of one small layer."""
    tokenizer = AutoTokenizer.from_pretrained(resolve("starter:minilm").path)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
    )
    config.num_labels = 1
    BertForSequenceClassification(config).save_pretrained(folder / "cross-encoder")
    tokenizer.save_pretrained(folder / "cross-encoder")
    return folder / "cross-encoder"


@pytest.fixture(scope="module")
def index(folder: Path, hypencoder: Path) -> Path:
    where = folder / "index"
    scenarios = SAMPLE / "scenarios.jsonl"
    result = call("ingest", SAMPLE, "--to", where, "--scenarios", scenarios, "--hypencoder", hypencoder)
    assert result.exit_code == 0, result.output
    return where


def test_an_index_with_a_hypencoder_reranks_by_itself(index: Path, hypencoder: Path) -> None:
    reranked = hits(call("search", index, QUERY, "--json"))
    assert all(hit["explanation"]["reranked"] for hit in reranked)
    plain = hits(call("search", index, QUERY, "--rerank", 0, "--json"))
    assert all(hit["explanation"]["reranked"] is None for hit in plain)
    only = hits(call("search", index, QUERY, "--rerank-weight", 1, "--json"))
    scores = [hit["explanation"]["reranked"]["score"] for hit in only]
    assert scores == sorted(scores, reverse=True) and len(set(scores)) == len(scores)
    status = call("status", index)
    assert "hypencoder" in status.output and "(384 dims, reads its own vectors)" in status.output
    again = call("ingest", SAMPLE, "--to", index, "--hypencoder", hypencoder, "--json")
    assert json.loads(again.stdout)["documents"]["unchanged"] == 132


def test_models_that_are_named_for_one_search(index: Path, hypencoder: Path, cross_encoder: Path) -> None:
    by_text = call(
        "search", index, QUERY, "--cross-encoder", cross_encoder, "--rerank", 20, "--explain", "--json"
    )
    assert json.loads(by_text.stdout)["plan"]["rerank"]["by"] == "cross-encoder"
    assert all(hit["explanation"]["reranked"] for hit in hits(by_text))
    both = call("search", index, QUERY, "--cross-encoder", cross_encoder, "--hypencoder", hypencoder)
    assert both.exit_code == 2 and "Only one reranker" in both.output


def test_a_hypencoder_over_the_dense_vectors_needs_no_ingest(
    folder: Path, hypencoder: Path, cross_encoder: Path
) -> None:
    where = folder / "plain"
    assert call("ingest", SAMPLE, "--to", where, "--sparse", "none").exit_code == 0
    found = hits(call("search", where, QUERY, "--hypencoder", hypencoder, "--rerank", 30, "--json"))
    assert all(hit["explanation"]["reranked"] for hit in found)
    refused = call("ingest", SAMPLE, "--to", where, "--hypencoder", hypencoder)
    assert refused.exit_code == 1 and "made with the hypencoder none" in refused.output
    kept = call("ingest", SAMPLE, "--to", where, "--hypencoder", hypencoder, "--hypencoder-reads", "dense")
    assert kept.exit_code == 0 and "132 unchanged" in kept.output
    assert all(hit["explanation"]["reranked"] for hit in hits(call("search", where, QUERY, "--json")))
    assert call("ingest", SAMPLE, "--to", where, "--hypencoder", "none").exit_code == 0
    lone = call("ingest", SAMPLE, "--to", where, "--hypencoder-reads", "dense")
    assert lone.exit_code == 2 and "--hypencoder-reads needs a model" in lone.output
    none = call("search", where, QUERY, "--rerank", 30)
    assert none.exit_code == 1 and "--cross-encoder MODEL" in none.output
    other = call("search", where, QUERY, "--hypencoder", cross_encoder)
    assert other.exit_code == 1 and "Traceback" not in other.output


def test_searching_by_q_net_alone(index: Path) -> None:
    found = call("search", index, QUERY, "--by-qnet", "exhaustive", "-n", 5, "--json")
    by_all = hits(found)
    scores = [hit["score"] for hit in by_all]
    assert scores == sorted(scores, reverse=True) and not any(
        hit["explanation"]["reranked"] for hit in by_all
    )
    assert json.loads(found.stdout)["qnet"]["evaluations"] == 132
    walked = call(
        "search", index, QUERY, "--by-qnet", "neighbours:width=4,reach=200", "-n", 5, "--explain", "--json"
    )
    assert [hit["doc_id"] for hit in hits(walked)] == [hit["doc_id"] for hit in by_all]
    assert json.loads(walked.stdout)["plan"]["qnet"]["using"] == "hypencoder"
    explained = call("search", index, QUERY, "--by-qnet", "gradient", "-n", 3, "--explain")
    assert explained.exit_code == 0
    for part in ("q-net", "dense", "evaluations", "gradients", "engine calls", "rounds"):
        assert part in explained.output, explained.output
    wrong = call("search", index, QUERY, "--by-qnet", "fast")
    assert wrong.exit_code == 2 and "exhaustive, neighbours, gradient" in wrong.output


def test_explain_shows_stages_plan_and_timings(index: Path) -> None:
    result = call("search", index, QUERY, "-n", 3, "--explain", "--diversity", 0.2, "--rerank-weight", 0)
    assert result.exit_code == 0, result.output
    for part in (
        "scenarios",
        "sparse",
        "fused",
        "reranked",
        "diversified",
        '"rerank": {',
        "Milliseconds",
        "fetch",
    ):
        assert part in result.output
    assert "measurement-09" in result.output  # the hit that shares no word but "hundred"


def test_filters_say_what_they_lack(index: Path) -> None:
    unindexed = call("search", index, "clock", "--where", "subject=astronomy", "--json")
    assert "augury filter-field INDEX subject:keyword" in json.loads(unindexed.stdout)["notes"][0]
    assert call("filter-field", index, "subject:keyword").exit_code == 0
    indexed = call("search", index, "clock", "--where", "subject=astronomy", "--json")
    assert json.loads(indexed.stdout)["notes"] == []
    assert [hit["doc_id"] for hit in hits(indexed)] == [hit["doc_id"] for hit in hits(unindexed)]
    unknown = call("search", index, "clock", "--where", "subjekt=astronomy")
    assert unknown.exit_code == 1 and "Did you mean subject?" in unknown.output
    for wrong, says in (
        ("subject", "lacks its type"),
        ("year:number", "no type"),
        ("subject:integer", "keyword"),
        (":integer", "names no field"),
    ):
        result = call("filter-field", index, wrong)
        assert result.exit_code == 2 and says in result.output, result.output
    listed = json.loads(call("filter-field", index, "year:integer", "--json").stdout)
    assert listed["payload_indexes"]["metadata.year"] == "integer"


def test_queries_from_a_pipe(index: Path) -> None:
    lines = f":plan {QUERY}\n:set\n:set limit 2\n{QUERY}\n:set rerank off\n{QUERY}\n"
    lines += "\n:whre\n \n:where subjekt=a\nclock\n"
    result = call("search", index, "--json", input=lines)
    assert result.exit_code == 1
    first, second, failed = map(json.loads, result.stdout.splitlines())
    assert [len(found["hits"]) for found in (first, second)] == [2, 2]
    assert first["hits"][0]["explanation"]["reranked"] and not second["hits"][0]["explanation"]["reranked"]
    assert failed["query"] == "clock" and failed["error"]["type"] == "FilterError"
    assert '"fusion": "dbsf"' in result.stderr and "the index's own" in result.stderr
    assert "Line 8: There is no command :whre" in result.stderr and "Line 11: No passage" in result.stderr


def test_weights_and_weighted_fusion(index: Path) -> None:
    dense = hits(call("search", index, QUERY, "--rerank", 0, "--branches", "scenarios", "--json"))
    weights = "scenarios=1,sparse=0"
    fused = call(
        "search", index, QUERY, "--rerank", 0, "--fusion", "weighted", "--weights", weights, "--json"
    )
    assert [hit["doc_id"] for hit in hits(fused)] == [hit["doc_id"] for hit in dense]
    wrong = call("search", index, QUERY, "--weights", "dense=1")
    assert wrong.exit_code == 1 and "dense branch has a weight but is not searched" in wrong.output
    assert call("search", index, QUERY, "--weights", "dense").exit_code == 2


def test_queries_that_are_none(index: Path) -> None:
    for query, says in (("", "The query is empty"), ("word " * 10_000, "The query has 10,000 words")):
        result = call("search", index, query)
        assert result.exit_code == 1 and says in result.output and result.output.count("\n") == 1
