"""Augury: learned retrieval for Qdrant.

::

    import augury

    with augury.open("my-index") as index:
        index.ingest([augury.Document(id="a", text="...")])
        for hit in index.search("a need in the user's own words"):
            print(hit.doc_id, hit.score, hit.scenario)
"""

from ._version import __version__
from .connector.adopt.attach import attach
from .connector.adopt.detach import detach
from .connector.index import Index, open
from .connector.query.async_retriever import AsyncRetriever
from .connector.query.planner import QueryPlanner, SearchOptions
from .connector.query.retriever import Retriever
from .connector.query.where import where
from .connector.reindex.reindex import reindex
from .connector.sources import Fields, Source, open_source
from .errors import AuguryError
from .schemas.document import Document, Passage
from .schemas.hit import Explanation, Hit, SearchResult
from .schemas.plan import QueryPlan
from .schemas.profile import Profile
from .schemas.report import IngestReport
from .schemas.scenario import Scenario

__all__ = [
    "AsyncRetriever",
    "AuguryError",
    "Document",
    "Explanation",
    "Fields",
    "Hit",
    "Index",
    "IngestReport",
    "Passage",
    "Profile",
    "QueryPlan",
    "QueryPlanner",
    "Retriever",
    "Scenario",
    "SearchOptions",
    "SearchResult",
    "Source",
    "__version__",
    "attach",
    "detach",
    "open",
    "open_source",
    "reindex",
    "where",
]
