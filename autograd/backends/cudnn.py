"""``torch.backends.cudnn``: accepted, without effect; the same seed gives the same numbers in any case."""

import contextlib
from collections.abc import Iterator

enabled = False
benchmark = False
deterministic = True
allow_tf32 = False


@contextlib.contextmanager
def flags(
    enabled: bool = False, benchmark: bool = False, deterministic: bool = False, allow_tf32: bool = True, **_: object
) -> Iterator[None]:
    """Accepted, without effect, for a ``with`` block."""
    yield


def is_available() -> bool:
    """False: nothing here calls cuDNN."""
    return False


def version() -> None:
    """None: nothing here calls cuDNN."""
