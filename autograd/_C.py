"""``torch._C``, PyTorch's compiled core: nothing of it is here, and programs that ask whether something is get their answer."""  # noqa: N999


def _get_tracing_state() -> None:
    """None: nothing is traced."""


def _log_api_usage_once(event: str) -> None:
    """Nothing is logged."""
