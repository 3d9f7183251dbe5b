"""Every op, one file per family: its forward on arrays, and one gradient rule per argument."""

from . import (
    arithmetic,
    comparison,
    complexes,
    functions,
    indexing,
    linalg,
    operators,
    polynomials,
    reduction,
    scan,
    shape,
    softmax,
    sorting,
    special,
    statistics,
)

__all__ = [
    "arithmetic",
    "comparison",
    "complexes",
    "functions",
    "indexing",
    "linalg",
    "operators",
    "polynomials",
    "reduction",
    "scan",
    "shape",
    "softmax",
    "sorting",
    "special",
    "statistics",
]
