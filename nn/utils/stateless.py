"""Calling a module with other parameters than its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from autograd.tensor import Tensor

__all__ = ["functional_call"]


def _places(module: Any) -> dict[str, tuple[dict, str]]:
    """Where each parameter and buffer lies, by dotted name: all names of a shared one."""
    return {
        f"{prefix}.{name}" if prefix else name: (table, name)
        for prefix, m in module.named_modules(remove_duplicate=False)
        for table in (m._parameters, m._buffers)
        for name in table
    }


@contextmanager
def _swapped(module: Any, values: dict[str, Any], tie_weights: bool, strict: bool) -> Iterator[None]:
    """Put `values` in the place of parameters and buffers for a while."""
    places = _places(module)
    unexpected = sorted(values.keys() - places.keys())
    if unexpected:
        raise RuntimeError(f"Unexpected key(s): {', '.join(unexpected)}; the module has {', '.join(places)}")
    present = {name: table[key] for name, (table, key) in places.items() if table[key] is not None}
    if strict and (missing := sorted(present.keys() - values.keys())):
        raise RuntimeError(f"Missing key(s): {', '.join(missing)}")
    if tie_weights:
        by_tensor: dict[Tensor, Any] = {}
        for name, value in values.items():
            if name in present and by_tensor.setdefault(present[name], value) is not value:
                raise ValueError(f"functional_call got multiple values for {name}, which is tied to another name")
        values = {n: by_tensor[t] for n, t in present.items() if t in by_tensor} | values
    before = []
    try:
        for name, value in values.items():
            table, key = places[name]
            before.append((table, key, table[key]))
            table[key] = value
        yield
    finally:
        for table, key, value in reversed(before):
            table[key] = value


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with these parameters and buffers instead of its own, which stay as they are.

    Args:
        parameter_and_buffer_dicts: values by dotted name, or several such dictionaries.
        args, kwargs: of the call; a single argument needs no tuple.
        tie_weights: a value for one name of a shared parameter counts for all its names.
        strict: all parameters and buffers have to be given.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.func.functional_call.html

    >>> import autograd as ag, nn
    >>> functional_call(nn.Linear(2, 1), {"weight": ag.ones(1, 2), "bias": ag.zeros(1)}, ag.tensor([1.0, 2.0]))
    tensor([3.])
    """
    if isinstance(parameter_and_buffer_dicts, Mapping):
        values = dict(parameter_and_buffer_dicts)
    else:
        values = {}
        for part in parameter_and_buffer_dicts:
            if doubled := sorted(values.keys() & part.keys()):
                raise ValueError(f"{', '.join(doubled)} appeared in multiple dictionaries; give each name once")
            values |= part
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _swapped(module, values, tie_weights, strict):
        return module(*args, **(kwargs or {}))
