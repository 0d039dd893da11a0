"""Qdrant's REST interface over qdrant-client's local mode: the real client talks to it over a real socket.

Beside answering, it remembers what collections were made with, can refuse filters on fields without a payload
index, as strict mode does, and can be slow, refuse writes or be away for some requests.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from qdrant_client import QdrantClient, models

VERSION = "1.19.1"
_COLLECTION = re.compile(r"/collections/([^/]+)(/.*)?")


class Refusal(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        super().__init__(reason)


class QdrantRest(ThreadingHTTPServer):
    """See the module.

    Attributes:
        strict: refuse filters on fields without a payload index.
        key: the API key that requests must carry.
        away: so many requests more break off without an answer.
        delay_s: pause before each write.
        made: the body of the request that made a collection, by its name.
        indexes: the payload indexes of a collection as they were asked for.
        aliases: the collection that each alias leads to.
        log: method and path of every request.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.strict = False
        self.key: str | None = None
        self.away = 0
        self.delay_s = 0.0
        self.made: dict[str, dict[str, Any]] = {}
        self.metadata: dict[str, dict[str, Any]] = {}
        self.indexes: dict[str, dict[str, Any]] = {}
        self.aliases: dict[str, str] = {}
        self.log: list[str] = []
        self.lock = threading.RLock()
        self._local = QdrantClient(location=":memory:")

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, method: str, path: str, body: dict[str, Any]) -> Any:
        """The ``result`` for one request. Raises ``Refusal``."""
        if path == "/":
            return None
        if path == "/aliases":
            return {"aliases": [{"alias_name": n, "collection_name": c} for n, c in self.aliases.items()]}
        if path == "/collections/aliases":
            return self._alias(body)
        found = _COLLECTION.fullmatch(path)
        if not found:
            raise Refusal(404, "Not found")
        name, rest = unquote(found[1]), found[2] or ""
        name = self.aliases.get(name, name)
        if rest == "" and method == "PUT":
            return self._make(name, body)
        if rest == "" and method == "DELETE" and name not in self.made:
            return False
        if name not in self.made:
            raise Refusal(404, f"Not found: Collection `{name}` doesn't exist!")
        self._check_filters(name, body)
        return getattr(self, _ROUTES[method, rest])(name, body)

    def _alias(self, body: dict[str, Any]) -> bool:
        changed = dict(self.aliases)
        for action in body["actions"]:
            if made := action.get("create_alias"):
                if made["collection_name"] not in self.made or made["alias_name"] in self.made:
                    raise Refusal(409, f"Wrong input: {made['alias_name']} cannot be an alias")
                changed[made["alias_name"]] = made["collection_name"]
            else:
                changed.pop(action["delete_alias"]["alias_name"], None)
        self.aliases = changed
        return True

    def _make(self, name: str, body: dict[str, Any]) -> bool:
        created = models.CreateCollection(**body)
        self._local.create_collection(
            name, vectors_config=created.vectors, sparse_vectors_config=created.sparse_vectors
        )
        self.made[name], self.metadata[name], self.indexes[name] = body, {}, {}
        return True

    def _drop(self, name: str, body: dict[str, Any]) -> bool:
        del self.made[name]
        self.aliases = {alias: other for alias, other in self.aliases.items() if other != name}
        return self._local.delete_collection(name)

    def _update(self, name: str, body: dict[str, Any]) -> bool:
        self.metadata[name].update(body.get("metadata") or {})
        return True

    def _info(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        made = self.made[name]
        spread = ("shard_number", "replication_factor", "write_consistency_factor")
        params = {key: made[key] for key in (*spread, "vectors", "sparse_vectors") if made.get(key)}
        info: dict[str, Any] = self._local.get_collection(name).model_dump(mode="json")
        info["config"].update(params=params, metadata=self.metadata[name])
        info["payload_schema"] = {
            field: {"data_type": schema if isinstance(schema, str) else schema["type"], "points": 0}
            for field, schema in self.indexes[name].items()
        }
        return info

    def _index(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        self.indexes[name][body["field_name"]] = body["field_schema"]
        return _DONE

    def _upsert(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        self._local.upsert(name, [models.PointStruct(**point) for point in body["points"]])
        return _DONE

    def _retrieve(self, name: str, body: dict[str, Any]) -> list[Any]:
        asked = models.PointRequest(**body)
        found = self._local.retrieve(
            name,
            asked.ids,
            with_payload=True if asked.with_payload is None else asked.with_payload,
            with_vectors=asked.with_vector or False,
        )
        return [record.model_dump(mode="json") for record in found]

    def _scroll(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        asked = models.ScrollRequest(**body)
        found, following = self._local.scroll(
            name,
            scroll_filter=asked.filter,
            limit=asked.limit or 10,
            offset=asked.offset,
            with_payload=True if asked.with_payload is None else asked.with_payload,
            with_vectors=asked.with_vector or False,
        )
        points = [record.model_dump(mode="json") for record in found]
        return {"points": points, "next_page_offset": following}

    def _count(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        return {"count": self._local.count(name, models.CountRequest(**body).filter).count}

    def _delete(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        self._local.delete(name, models.FilterSelector(**body))
        return _DONE

    def _query(self, name: str, body: dict[str, Any]) -> list[Any]:
        asked = [models.QueryRequest(**_without_params(each)) for each in body["searches"]]
        return [found.model_dump(mode="json") for found in self._local.query_batch_points(name, asked)]

    def _check_filters(self, name: str, body: dict[str, Any]) -> None:
        for field in _filtered(body) if self.strict else ():
            if field not in self.indexes[name]:
                raise Refusal(
                    400,
                    f'Bad request: Index required but not found for "{field}" of one of the following types: '
                    "[keyword]. Help: Create an index for this key or use a different filter.",
                )


_DONE = {"operation_id": 1, "status": "completed"}
_ROUTES = {
    ("GET", ""): "_info",
    ("PATCH", ""): "_update",
    ("DELETE", ""): "_drop",
    ("PUT", "/index"): "_index",
    ("PUT", "/points"): "_upsert",
    ("POST", "/points"): "_retrieve",
    ("POST", "/points/scroll"): "_scroll",
    ("POST", "/points/count"): "_count",
    ("POST", "/points/delete"): "_delete",
    ("POST", "/points/query/batch"): "_query",
}


def _without_params(stage: dict[str, Any]) -> dict[str, Any]:
    """A search as local mode takes it: it compares every vector, and warns of parameters that say how."""
    inner = [_without_params(each) for each in stage.get("prefetch") or ()]
    return {**stage, "params": None, "prefetch": inner or None}


def _filtered(part: Any, inside: bool = False) -> Iterator[str]:
    """The fields that the filters of a request read."""
    if isinstance(part, list):
        for each in part:
            yield from _filtered(each, inside)
    elif isinstance(part, dict):
        if inside and isinstance(part.get("key"), str):
            yield part["key"]
        for name, value in part.items():
            if name not in ("points", "query", "payload"):
                yield from _filtered(value, inside or name == "filter")


class _Handler(BaseHTTPRequestHandler):
    server: QdrantRest

    def _serve(self) -> None:
        server, path = self.server, urlsplit(self.path).path
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        server.log.append(f"{self.command} {path}")
        if server.away > 0:
            server.away -= 1
            self.close_connection = True
            return
        if self.command == "PUT" and path.endswith("/points"):
            time.sleep(server.delay_s)
        status, content = 200, {"status": "ok", "time": 0.0}
        try:
            if server.key is not None and self.headers.get("api-key") != server.key:
                raise Refusal(403, "forbidden")
            with server.lock:
                content["result"] = server.answer(self.command, path, json.loads(body or b"{}"))
        except ValueError as error:  # of local mode
            status, content = 400, {"status": {"error": f"Wrong input: {error}"}, "time": 0.0}
        except Refusal as refusal:
            status, content = refusal.status, {"status": {"error": str(refusal)}, "time": 0.0}
        if path == "/" and status == 200:
            content = {"title": "qdrant - vector search engine", "version": VERSION}
        given = json.dumps(content).encode()
        with suppress(BrokenPipeError, ConnectionResetError):  # a caller that gave up
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(given)))
            self.end_headers()
            self.wfile.write(given)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _serve

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@contextmanager
def qdrant_rest() -> Iterator[QdrantRest]:
    """``with qdrant_rest() as server: ServerStore(server.url, "papers")``."""
    server = QdrantRest()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
