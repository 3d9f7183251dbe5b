"""Carrying values and calls between PyTorch and gradloom, and comparing what comes out."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

import autograd as ag
from autograd.testing import to_numpy


def ours(value: Any) -> Any:
    """A value of PyTorch's as one of ours: tensors (leaves), dtypes, and nestings of them."""
    if isinstance(value, torch.Tensor):
        array = value.detach().resolve_conj().resolve_neg().numpy()
        made = on_device(array.copy(order="K")) if array.ndim else ag.tensor(array)
        return made.requires_grad_() if value.requires_grad else made
    if isinstance(value, torch.dtype):
        return np.dtype(str(value).removeprefix("torch."))
    if isinstance(value, torch.device):
        return ag.device(value.type)
    if isinstance(value, torch.Size):
        return tuple(value)
    if isinstance(value, slice):
        return slice(ours(value.start), ours(value.stop), ours(value.step))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(ours, value))
    if isinstance(value, (list, tuple)):
        return type(value)(map(ours, value))
    if isinstance(value, dict):
        return {key: ours(v) for key, v in value.items()}
    return value


def on_device(array: np.ndarray) -> ag.Tensor:
    """A tensor that shares memory with an array, or is its copy where ``--device`` says."""
    return ag.from_numpy(array).to(ag.get_default_device())


def tensors(value: Any, kind: type) -> Iterator[Any]:
    """All tensors in a nesting, in order."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, (list, tuple)):
        for v in value:
            yield from tensors(v, kind)
    elif isinstance(value, dict):
        for v in value.values():
            yield from tensors(v, kind)


def plain(value: Any) -> Any:
    """A nesting of results as a list of arrays and numbers."""
    if isinstance(value, torch.Tensor):
        return (
            value.detach().resolve_conj().resolve_neg().numpy(force=True)
        )  # force: a tensor of all zeros may have no memory
    if isinstance(value, ag.Tensor):
        return to_numpy(value.detach().array)
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (torch.dtype, torch.device, np.dtype, ag.device)):
        return str(value).removeprefix("torch.")
    return value


def assert_same(actual: Any, expected: Any, rtol: float = 1e-7, atol: float = 1e-9, what: str = "value") -> None:
    """Equal shapes and dtypes, and values within tolerance; NaNs in the same places."""
    actual, expected = plain(actual), plain(expected)
    if isinstance(expected, list):
        assert isinstance(actual, list), f"{what}: {type(actual).__name__} where a sequence is expected"
        assert len(actual) == len(expected), f"{what}: {len(actual)} results, expected {len(expected)}"
        for i, (a, e) in enumerate(zip(actual, expected, strict=True)):
            assert_same(a, e, rtol, atol, f"{what}[{i}]")
    elif isinstance(expected, np.ndarray):
        assert isinstance(actual, np.ndarray), f"{what}: {type(actual).__name__} where a tensor is expected"
        assert actual.shape == expected.shape, f"{what}: shape {actual.shape}, expected {expected.shape}"
        assert actual.dtype == expected.dtype, f"{what}: dtype {actual.dtype}, expected {expected.dtype}"
        if expected.dtype in (np.float32, np.complex64):
            rtol, atol = max(rtol, 1e-4), max(atol, 1e-5)
        np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol, err_msg=what)
    elif isinstance(expected, (float, complex)):
        np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol, err_msg=what)
    else:
        assert actual == expected, f"{what}: {actual!r}, expected {expected!r}"


# Where the database calls with arguments in an order of its own.
SPELLED = {
    "einsum": lambda operands, equation: ag.einsum(equation, *operands),
    "nn.functional.embedding": lambda weight, index, **kwargs: ag.nn.functional.embedding(index, weight, **kwargs),
    "where": lambda x, condition, other: ag.where(condition, x, other),
    **{name: lambda x, name=name: getattr(x, name) for name in ("T", "H", "mT", "mH")},
    **{name: lambda x, *args, name=name: getattr(x.clone(), name)(*args) for name in ("zero_",)},
}


def find(name: str) -> Any:
    """Our function of that name: ``linalg.solve``, ``nn.functional.relu``, ``__radd__``, or a method."""
    if name in SPELLED:
        return SPELLED[name]
    if name.startswith("nn.functional."):
        return getattr(importlib.import_module("nn.functional"), name.removeprefix("nn.functional."), None)
    place: Any = ag
    for part in name.split("."):
        place = getattr(place, part, None)
    if not callable(place) or isinstance(place, type):  # float, bool, …: names of types, and of methods
        return getattr(ag.Tensor, name, None) or getattr(ag.Tensor, f"{name}_", None)
    return place


def compare(
    function: Any, theirs: Any, args: tuple, kwargs: dict, order: int = 2, rtol: float = 1e-6, atol: float = 1e-8
) -> None:
    """Call both with the same values; compare results, and gradients up to `order` along random directions."""
    mine, named = ours(args), ours(kwargs)
    if any(t.dtype in (torch.float32, torch.complex64) for t in tensors((args, kwargs), torch.Tensor)):
        rtol, atol = max(rtol, 1e-4), max(atol, 1e-5)
    expected = theirs(*args, **kwargs)
    actual = function(*mine, **named)
    assert_same(actual, expected, rtol, atol)
    if not order:
        return
    t_in = [t for t in tensors((args, list(kwargs.values())), torch.Tensor) if t.requires_grad]
    m_in = [t for t in tensors((mine, list(named.values())), ag.Tensor) if t.requires_grad]
    t_out = list(tensors(expected, torch.Tensor))
    m_out = list(tensors(actual, ag.Tensor))
    for i, (t, m) in enumerate(zip(t_out, m_out, strict=True)):
        assert t.requires_grad == m.requires_grad, (
            f"output {i}: requires_grad {m.requires_grad}, expected {t.requires_grad}"
        )
    pairs = [(t, m) for t, m in zip(t_out, m_out, strict=True) if t.requires_grad]
    random = np.random.default_rng(0)
    for level in range(1, order + 1):
        if not pairs or not t_in:
            return
        gs = [direction(random, t) for t, _ in pairs]
        t_g = torch.autograd.grad(
            [t for t, _ in pairs],
            t_in,
            [torch.from_numpy(g) for g in gs],
            create_graph=level < order,
            allow_unused=True,
        )
        m_g = ag.autograd.grad(
            [m for _, m in pairs], m_in, [on_device(g) for g in gs], create_graph=level < order, allow_unused=True
        )
        for i, (t, m) in enumerate(zip(t_g, m_g, strict=True)):
            t = torch.zeros_like(t_in[i]) if t is None else t
            m = ag.zeros_like(m_in[i]) if m is None else m
            assert_same(m, t.resolve_conj(), rtol, atol, f"gradient {i} of order {level}")
        pairs = [
            (t, m)
            for t, m in zip(t_g, m_g, strict=True)
            if t is not None and m is not None and t.requires_grad and m.requires_grad
        ]
        for i, (t, m) in enumerate(zip(t_g, m_g, strict=True)):
            needed = t is not None and t.requires_grad and bool((t != 0).any())
            assert not needed or (m is not None and m.requires_grad) or order == level or constant(t, t_in), (
                f"gradient {i} of order {level} is cut from the graph"
            )


def constant(t: Any, inputs: list) -> bool:
    """Is the gradient of this result zero everywhere?"""
    parts = torch.autograd.grad(t.real.sum(), inputs, retain_graph=True, allow_unused=True)
    return all(p is None or not p.any() for p in parts)


def direction(random: np.random.Generator, like: Any) -> np.ndarray:
    values = random.standard_normal(tuple(like.shape))
    if like.is_complex():
        values = values + 1j * random.standard_normal(tuple(like.shape))
    return np.asarray(values, str(like.dtype).removeprefix("torch."))
