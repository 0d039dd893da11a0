"""Documents in: ``for item in open_source("papers/"): ...`` yields ``Document`` or ``DocumentError``."""

from .fields import Fields, document_from_record
from .opening import Format, open_source
from .source import Item, Source

__all__ = ["Fields", "Format", "Item", "Source", "document_from_record", "open_source"]
