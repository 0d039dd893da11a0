"""The networks that ingest, query and training share."""
