"""Qdrant's gRPC interface to the server of ``tests.qdrant_rest``, so that both give the same answers.

The messages are those of qdrant-client, and so are the conversions; a request goes the same way as over REST.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import wraps
from typing import Any

import grpc
from qdrant_client import grpc as messages
from qdrant_client import models
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc

from tests.qdrant_rest import VERSION, QdrantRest, Refusal, qdrant_rest

_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
}


def _call(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def answer(self: _Interface, request: Any, context: Any) -> Any:
        server = self.server
        server.log.append(f"gRPC {method.__name__} {getattr(request, 'collection_name', '')}")
        try:
            if server.away > 0:
                server.away -= 1
                raise Refusal(503, "away")
            if server.key is not None and dict(context.invocation_metadata()).get("api-key") != server.key:
                raise Refusal(403, "forbidden")
            with server.lock:
                return method(self, request)
        except Refusal as refusal:
            context.abort(_CODES.get(refusal.status, grpc.StatusCode.UNAVAILABLE), str(refusal))
        except ValueError as error:  # of local mode
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"Wrong input: {error}")

    return answer


class _Interface:
    def __init__(self, server: QdrantRest) -> None:
        self.server = server

    def ask(self, method: str, request: Any, path: str = "", body: dict[str, Any] | None = None) -> Any:
        return self.server.answer(method, f"/collections/{request.collection_name}{path}", body or {})


class _Health(messages.QdrantServicer):
    def HealthCheck(self, request: Any, context: Any) -> Any:
        return messages.HealthCheckReply(title="qdrant - vector search engine", version=VERSION)


class _Collections(_Interface, messages.CollectionsServicer):
    @_call
    def Get(self, request: Any) -> Any:
        info = models.CollectionInfo(**self.ask("GET", request))
        return messages.GetCollectionInfoResponse(result=RestToGrpc.convert_collection_info(info))

    @_call
    def Create(self, request: Any) -> Any:
        spread = ("shard_number", "replication_factor", "write_consistency_factor", "on_disk_payload")
        body = {name: getattr(request, name) for name in spread if request.HasField(name)}
        vectors = GrpcToRest.convert_vectors_config(request.vectors_config)
        sparse = GrpcToRest.convert_sparse_vector_config(request.sparse_vectors_config)
        body |= {"vectors": _plain(vectors), "sparse_vectors": _plain(sparse)}
        return messages.CollectionOperationResponse(result=self.ask("PUT", request, body=body))

    @_call
    def Update(self, request: Any) -> Any:
        body = {"metadata": GrpcToRest.convert_payload(request.metadata)}
        return messages.CollectionOperationResponse(result=self.ask("PATCH", request, body=body))

    @_call
    def Delete(self, request: Any) -> Any:
        return messages.CollectionOperationResponse(result=self.ask("DELETE", request))

    @_call
    def ListAliases(self, request: Any) -> Any:
        found = self.server.answer("GET", "/aliases", {})["aliases"]
        return messages.ListAliasesResponse(aliases=[messages.AliasDescription(**each) for each in found])

    @_call
    def UpdateAliases(self, request: Any) -> Any:
        actions = [_plain(GrpcToRest.convert_alias_operations(each)) for each in request.actions]
        done = self.server.answer("POST", "/collections/aliases", {"actions": actions})
        return messages.CollectionOperationResponse(result=done)


class _Points(_Interface, messages.PointsServicer):
    @_call
    def CreateFieldIndex(self, request: Any) -> Any:
        name = messages.FieldType.Name(request.field_type).removeprefix("FieldType")
        schema: Any = re.sub("^Datetime$", "datetime", name).lower()
        if request.HasField("field_index_params"):
            params = GrpcToRest.convert_payload_schema_params(request.field_index_params)
            schema = params.model_dump(mode="json", exclude_none=True)
        return self._done("PUT", request, "/index", field_name=request.field_name, field_schema=schema)

    @_call
    def Upsert(self, request: Any) -> Any:
        points = [_plain(GrpcToRest.convert_point_struct(point)) for point in request.points]
        return self._done("PUT", request, "/points", points=points)

    @_call
    def Delete(self, request: Any) -> Any:
        return self._done(
            "POST", request, "/points/delete", **_plain(GrpcToRest.convert_points_selector(request.points))
        )

    @_call
    def Get(self, request: Any) -> Any:
        body = {"ids": [GrpcToRest.convert_point_id(each) for each in request.ids], **_wanted(request)}
        found = self.ask("POST", request, "/points", body)
        return messages.GetResponse(result=[_record(each) for each in found])

    @_call
    def Scroll(self, request: Any) -> Any:
        body = {"limit": request.limit, **_filter(request), **_wanted(request)}
        if request.HasField("offset"):
            body["offset"] = GrpcToRest.convert_point_id(request.offset)
        found = self.ask("POST", request, "/points/scroll", body)
        records = [_record(each) for each in found["points"]]
        following = found["next_page_offset"]
        return messages.ScrollResponse(
            result=records,
            next_page_offset=None if following is None else RestToGrpc.convert_extended_point_id(following),
        )

    @_call
    def Count(self, request: Any) -> Any:
        found = self.ask("POST", request, "/points/count", {"exact": True, **_filter(request)})
        return messages.CountResponse(result=messages.CountResult(count=found["count"]))

    @_call
    def QueryBatch(self, request: Any) -> Any:
        searches = [_plain(GrpcToRest.convert_query_points(each)) for each in request.query_points]
        found = self.ask("POST", request, "/points/query/batch", {"searches": searches})
        return messages.QueryBatchResponse(
            result=[messages.BatchResult(result=[_scored(each) for each in one["points"]]) for one in found]
        )

    def _done(self, method: str, request: Any, path: str, **body: Any) -> Any:
        self.ask(method, request, path, body)
        result = messages.UpdateResult(operation_id=1, status=messages.UpdateStatus.Completed)
        return messages.PointsOperationResponse(result=result)


def _plain(part: Any) -> Any:
    """As JSON would bring it."""
    if isinstance(part, dict):
        return {name: _plain(each) for name, each in part.items()}
    return part.model_dump(mode="json", exclude_none=True, by_alias=True)


def _filter(request: Any) -> dict[str, Any]:
    return {"filter": _plain(GrpcToRest.convert_filter(request.filter))} if request.HasField("filter") else {}


def _wanted(request: Any) -> dict[str, Any]:
    payload = GrpcToRest.convert_with_payload_interface(request.with_payload)
    vectors = GrpcToRest.convert_with_vectors_selector(request.with_vectors)
    shown = payload.model_dump(mode="json") if hasattr(payload, "model_dump") else payload
    return {"with_payload": shown, "with_vector": vectors}


def _record(found: dict[str, Any]) -> Any:
    return RestToGrpc.convert_record(models.Record(**{**found, "payload": found["payload"] or {}}))


def _scored(found: dict[str, Any]) -> Any:
    return RestToGrpc.convert_scored_point(models.ScoredPoint(**{**found, "payload": found["payload"] or {}}))


@contextmanager
def qdrant_grpc() -> Iterator[tuple[QdrantRest, int]]:
    """``with qdrant_grpc() as (server, port)``: both interfaces of one server."""
    with qdrant_rest() as server:
        running = grpc.server(ThreadPoolExecutor(4))
        register: Any = messages
        register.add_QdrantServicer_to_server(_Health(), running)
        register.add_CollectionsServicer_to_server(_Collections(server), running)
        register.add_PointsServicer_to_server(_Points(server), running)
        port = running.add_insecure_port("127.0.0.1:0")
        running.start()
        try:
            yield server, port
        finally:
            running.stop(None).wait()
