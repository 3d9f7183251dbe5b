"""Computing without NumPy's warnings about division by zero, overflow and invalid values: PyTorch gives none.

    before = quiet()
    try:
        …
    finally:
        as_before(before)

It is ``with np.errstate(all="ignore")`` for where that would take as long as the small computation inside.
"""

from __future__ import annotations

import contextvars
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["as_before", "quiet"]


def _switch() -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    context = contextvars.Context()
    context.run(np.seterr, all="ignore")
    if len(context) != 1:  # this NumPy does not keep its error state in one context variable
        return functools.partial(np.seterr, all="ignore"), lambda before: np.seterr(**before)
    ((variable, ignoring),) = context.items()
    return functools.partial(variable.set, ignoring), variable.reset


quiet, as_before = _switch()
