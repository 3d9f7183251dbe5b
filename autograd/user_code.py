"""Where in the user's program we are: the innermost call that is not the library's own."""

from __future__ import annotations

import os
import sys
from functools import cache

__all__ = ["is_ours", "user_line"]

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_OWN = tuple(os.path.join(_HERE, package) + os.sep for package in ("autograd", "nn", "optim"))


@cache
def is_ours(file: str) -> bool:
    """Is it a source file of this library, and not of the user?"""
    return file.startswith((*_OWN, "<frozen"))


def user_line() -> tuple[str, int] | None:
    """File and line of the innermost call that is not the library's own; None if there is none."""
    frame = sys._getframe(1)
    while frame is not None and is_ours(frame.f_code.co_filename):
        frame = frame.f_back
    return None if frame is None else (frame.f_code.co_filename, frame.f_lineno)
