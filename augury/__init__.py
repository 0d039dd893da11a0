"""Augury: learned retrieval for Qdrant."""

from ._version import __version__

__all__ = ["__version__"]
