"""Every op, one file per family: its forward on arrays, and one gradient rule per argument."""

from . import elementwise, indexing, linalg, reduction, shape

__all__ = ["elementwise", "indexing", "linalg", "reduction", "shape"]
