"""``torch.backends.mps``, and ``torch.mps`` and ``torch.xpu``: GPUs of Apple's and Intel's are not used."""


def is_available() -> bool:
    """False."""
    return False


def is_built() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0
