"""``torch.backends.mkldnn``: nothing here calls oneDNN."""


def is_available() -> bool:
    """False."""
    return False
