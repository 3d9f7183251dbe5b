"""Products of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import elementwise, function
from ..tensor import Tensor

__all__ = ["matmul"]

_matmul = elementwise(
    np.matmul,
    "matmul",
    method=False,
    numpy=(),
    x=lambda g, y: g @ y.swapaxes(-1, -2),
    y=lambda g, x: x.swapaxes(-1, -2) @ g,
)


@function(numpy=np.matmul)
def matmul(input: Any, other: Any) -> Any:
    """The matrix product; a vector is a row on the left and a column on the right."""
    row, column = input.ndim == 1, other.ndim == 1
    out = _matmul(input[None, :] if row else input, other[:, None] if column else other)
    if column:
        out = out[..., 0]
    if row:
        out = out[..., 0] if column else out[..., 0, :]
    return out


Tensor.__matmul__ = matmul  # type: ignore[attr-defined]
Tensor.__rmatmul__ = lambda self, other: matmul(other, self)  # type: ignore[attr-defined]
