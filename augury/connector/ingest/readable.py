"""The documents of a source that can be used; what is wrong with the others is told at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...errors import DocumentError
from ...schemas.document import Document
from .seen import SeenIds
from .tally import Tally
from .tenancy import tenant_of

SourceItem = Document | DocumentError


class Readable:
    """``Readable(tally, seen)(source)`` yields documents with their content hash.

    ``seen`` receives the id of every document of the source.

    Args:
        tenant: the metadata field that says whose a document is; one that does not say fails.

    Attributes:
        unreadable: records of which it could not even be read which document they are.
    """

    def __init__(self, tally: Tally, seen: SeenIds, tenant: str | None = None) -> None:
        self._tally = tally
        self._seen = seen
        self._tenant = tenant
        self.unreadable = 0

    def __call__(self, source: Iterable[SourceItem]) -> Iterator[tuple[Document, str]]:
        """The documents that can be ingested, with their content hash; the others are accounted for."""
        for item in source:
            self._tally.read()
            if not isinstance(item, Document | DocumentError):
                item = DocumentError(
                    f"{item!r:.80} is no document", 'Give it as augury.Document(id="...", text="...")'
                )
            if isinstance(item, DocumentError):
                if item.doc_id is not None and self._tenant is None:
                    self._seen.add(item.doc_id)
                else:
                    self.unreadable += 1
                self._tally.failed(item)
                continue
            try:
                yield item, self._checked(item)
            except DocumentError as error:
                self._tally.failed(error, item)

    def _checked(self, document: Document) -> str:
        try:
            tenant = tenant_of(document, self._tenant)
        except DocumentError:
            self.unreadable += 1
            raise
        try:
            if not self._seen.add(document.id, tenant):
                raise DocumentError(
                    f"The id {document.id!r} was met before in this source and only the first one counts",
                    "Give every document an id of its own",
                )
            content_hash = document.content_hash
        except UnicodeEncodeError as error:
            raise DocumentError(
                f"Document {document.id!r} holds text that is not valid Unicode ({error.reason})",
                "Remove the broken characters from its id, title, text or metadata",
            ) from error
        except (TypeError, ValueError, RecursionError) as error:
            raise DocumentError(
                f"The metadata of document {document.id!r} cannot be stored as JSON ({error})",
                "Use strings, finite numbers, booleans, lists and objects only",
            ) from error
        if not document.text.strip() and not document.title.strip():
            raise DocumentError(
                f"Document {document.id!r} is empty", "Give it a text or a title, or leave it out"
            )
        return content_hash
