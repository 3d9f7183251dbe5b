"""``torch.distributed`` where one process runs: programs that ask before they distribute keep on as before.

>>> is_available(), is_initialized()
(False, False)
"""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["get_rank", "get_world_size", "is_available", "is_initialized", "is_torchelastic_launched"]


def is_available() -> bool:
    """False: there is one process."""
    return False


def is_initialized() -> bool:
    """False: there is nothing to set up for one process."""
    return False


def is_torchelastic_launched() -> bool:
    """False."""
    return False


def get_rank(group: Any = None) -> int:
    """0, the only one."""
    return 0


def get_world_size(group: Any = None) -> int:
    """1."""
    return 1


# What programs import for the case that there are several processes.
_NEED_PROCESSES = (
    "all_gather", "all_gather_object", "all_reduce", "barrier", "broadcast", "broadcast_object_list",
    "destroy_process_group", "gather", "get_backend", "init_process_group", "irecv", "isend", "new_group", "recv", "reduce",
    "reduce_scatter", "scatter", "send",
)  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _NEED_PROCESSES:
        raise AttributeError(f"module 'autograd.distributed' has no attribute {name!r}: gradloom runs in one process")

    def absent(*args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(
            f"distributed.{name}: gradloom runs in one process; call it only if distributed.is_initialized()"
        )

    return absent
