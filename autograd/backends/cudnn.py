"""``torch.backends.cudnn``: accepted, without effect; the same seed gives the same numbers in any case."""

enabled = False
benchmark = False
deterministic = True
allow_tf32 = False


def is_available() -> bool:
    """False: nothing here calls cuDNN."""
    return False


def version() -> None:
    """None: nothing here calls cuDNN."""
