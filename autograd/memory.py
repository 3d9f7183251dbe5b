"""How the C library handles the memory of arrays."""

from __future__ import annotations

import os
import sys

__all__ = ["keep_freed_memory"]

TRIM, MAP = -1, -3  # mallopt's M_TRIM_THRESHOLD and M_MMAP_THRESHOLD
KEPT = 256 << 20  # bytes of freed memory that stay with the process


def keep_freed_memory() -> bool:
    """Let freed memory, up to 256 MB, be used again instead of going back to the system after each training step.

    Each step frees its graph and asks for as much again; memory fresh from the system is handed out, and filled with
    zeros, page by page when first touched: a quarter of an LSTM's training step.  This is for glibc; where the
    environment has settings of its own (MALLOC_TRIM_THRESHOLD_, MALLOC_MMAP_THRESHOLD_, GLIBC_TUNABLES) nothing is changed.

    Returns:
        Whether anything was changed.
    """
    if not sys.platform.startswith("linux") or any(n.startswith(("MALLOC_", "GLIBC_TUNABLES")) for n in os.environ):
        return False
    try:
        import ctypes

        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018 - other libraries have a mallopt that does nothing
        return bool(library.mallopt(MAP, 32 << 20) and library.mallopt(TRIM, KEPT))
    except (ImportError, OSError, AttributeError):
        return False
