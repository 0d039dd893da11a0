"""Reaching a server: what an API key is never sent over, TLS, and when gRPC is taken."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import SecretStr

import augury
from augury.connector.store.connect import connect, is_loopback
from augury.connector.store.locate import open_store
from augury.connector.store.server import ServerStore
from augury.errors import StoreError, UsageError
from augury.schemas.connection import Connection
from tests.qdrant_grpc import qdrant_grpc
from tests.qdrant_rest import QdrantRest, qdrant_rest

KEY = "secret-key"


@pytest.fixture
def server() -> Iterator[QdrantRest]:
    with qdrant_rest() as running:
        yield running


def keyed(**options: Any) -> Connection:
    return Connection(api_key=SecretStr(KEY), grpc_port=0, **options)


@pytest.mark.parametrize("url", ["http://10.0.0.5:6333", "http://qdrant.example.org", "http://qdrant:6333"])
def test_a_key_does_not_leave_the_machine_unencrypted(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    host = url.removeprefix("http://").partition(":")[0]
    with pytest.raises(UsageError, match=f"unencrypted to {host}.*https://.*--insecure-api-key") as caught:
        connect(url, keyed())
    assert KEY not in str(caught.value)
    monkeypatch.setenv("QDRANT_API_KEY", KEY)
    with pytest.raises(UsageError, match="unencrypted"):
        augury.open(f"{url}/kb")
    connect(url, keyed(insecure_api_key=True)).close()
    connect(url.replace("http:", "https:"), keyed()).close()
    connect(url, Connection(grpc_port=0)).close()


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost", True),
        ("127.8.0.1", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("localhost.example.org", False),
        ("127.0.0.1.example.org", False),
    ],
)
def test_what_is_this_machine(host: str, here: bool) -> None:
    assert is_loopback(host) is here


def test_the_key_is_sent_and_a_wrong_one_is_one_sentence(
    server: QdrantRest, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.key = KEY
    monkeypatch.setenv("QDRANT_API_KEY", f" {KEY}\n")
    store = open_store(f"{server.url}/kb", create=True)
    assert not store.exists()
    store.close()
    for wrong in (SecretStr("another"), SecretStr("")):
        store = ServerStore(server.url, "kb", Connection(api_key=wrong))
        with pytest.raises(StoreError, match=r"'kb' at 127\.0\.0\.1.*denied access.*QDRANT_API_KEY"):
            store.exists()
        store.close()


@pytest.mark.parametrize("key", ["abc\ndef", "schlüssel", "a\x00b"])
def test_a_key_that_no_header_can_carry_is_not_shown(key: str) -> None:
    with pytest.raises(UsageError, match="characters that no request can carry") as caught:
        connect("https://localhost", Connection(api_key=SecretStr(key)))
    assert key not in str(caught.value)


def test_a_key_is_in_no_repr() -> None:
    assert KEY not in repr(keyed()) + str(keyed()) + keyed().model_dump_json()


def test_a_certificate_of_ones_own_authority(server: QdrantRest, tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    pem = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(pem))
    server.key, url = KEY, f"https://localhost:{server.server_port}"
    trusting = ServerStore(url, "kb", keyed(ca_cert=pem))
    assert not trusting.exists()
    trusting.close()
    for there, advice in ((url, "--ca-cert"), (url.replace("https", "http"), "connection")):
        store = ServerStore(there, "kb", keyed())
        with pytest.raises(StoreError, match=advice):
            store.exists()
        store.close()


def test_a_server_without_tls(server: QdrantRest) -> None:
    store = ServerStore(server.url.replace("http:", "https:"), "kb", keyed())
    with pytest.raises(StoreError, match="may speak no TLS: write http://"):
        store.exists()
    store.close()


def test_a_file_that_is_no_certificate(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("no certificate")
    for name in ("a.pem", "absent.pem"):
        with pytest.raises(UsageError, match=rf"{name} cannot be used as a certificate"):
            connect("https://localhost", Connection(ca_cert=tmp_path / name))


def test_grpc_is_taken_where_a_qdrant_answers() -> None:
    with qdrant_grpc() as (server, grpc_port):
        server.key = KEY
        for port, wire in ((grpc_port, "gRPC"), (server.server_port, "REST"), (0, "REST")):
            store = ServerStore(server.url, "kb", Connection(grpc_port=port, api_key=SecretStr(KEY)))
            assert store.wire == wire
            assert not store.exists()
            store.close()
        store = ServerStore(server.url, "kb", Connection(grpc_port=grpc_port, api_key=SecretStr("other")))
        with pytest.raises(StoreError, match="denied access"):
            store.exists()
        store.close()


def test_grpc_is_not_looked_for_beside_another_port(server: QdrantRest) -> None:
    """What answers at 6334 may be another server's, and would get this one's points."""
    store = ServerStore(server.url, "kb")
    assert store.wire == "REST"
    store.close()
