"""The same module twice, PyTorch's and ours, with the same weights; and all they compute compared."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch

import autograd as ag
import nn
from tests.parity.bridge import assert_same, on_device, tensors
from tests.parity.bridge import ours as plain_ours

torch.set_num_threads(1)  # the models are tiny: more threads would only wait for each other


def ours(value: Any) -> Any:
    """A value of PyTorch's as one of ours, also modules and functions."""
    if isinstance(value, (torch.nn.TransformerEncoderLayer, torch.nn.TransformerDecoderLayer)):
        layer = value
        return getattr(nn, type(layer).__name__)(
            layer.linear1.in_features,
            layer.self_attn.num_heads,
            layer.linear1.out_features,
            layer.dropout.p,
            layer.activation if isinstance(layer.activation, str) else ours(layer.activation),
            layer.norm1.eps,
            layer.self_attn.batch_first,
            layer.norm_first,
            layer.linear1.bias is not None,
            dtype=ours(layer.linear1.weight.dtype),
        )
    if isinstance(value, torch.nn.LinearCrossEntropyOptions):
        return nn.LinearCrossEntropyOptions(**{name: getattr(value, name) for name in value.__slots__})
    if isinstance(value, torch.nn.utils.rnn.PackedSequence):
        return nn.utils.rnn.PackedSequence(*map(ours, value))
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(map(ours, value)) if not isinstance(value, torch.Size) else tuple(value)
    if callable(value) and getattr(value, "__name__", "") in dir(torch.nn.functional):
        return getattr(nn.functional, value.__name__)
    return plain_ours(value)


def build(name: str, args: tuple = (), kwargs: dict | None = None, dtype: Any = torch.float64) -> tuple[Any, Any]:
    """PyTorch's module of that name and ours, with the same arguments, type and weights."""
    kwargs = kwargs or {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = getattr(torch.nn, name)(*args, **kwargs).to(dtype)
        mine = getattr(nn, name)(*map(ours, args), **{key: ours(v) for key, v in kwargs.items()})
    return theirs, mine.to(ag.get_default_device(), ours(dtype))


def share_weights(theirs: Any, mine: Any) -> None:
    """Carry PyTorch's weights over to ours; names, order and shapes have to be the same."""
    state = theirs.state_dict()
    assert list(mine.state_dict()) == list(state)
    assert str(mine.load_state_dict(state)) == "<All keys matched successfully>"
    assert [n for n, _ in mine.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    for (name, p), q in zip(theirs.named_parameters(), mine.parameters(), strict=True):
        assert tuple(p.shape) == tuple(q.shape), name
        assert p.requires_grad == q.requires_grad, name


def fresh(value: Any) -> Any:
    """Inputs as leaves of their own."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(map(fresh, value))
    return value


def check(
    theirs: Any,
    mine: Any,
    args: tuple,
    kwargs: dict | None = None,
    order: int = 2,
    rtol: float = 1e-9,
    atol: float = 1e-9,
) -> None:
    """Compare outputs, gradients of inputs and parameters up to `order`, and buffers afterwards."""
    args, kwargs = fresh(args), {key: fresh(v) for key, v in (kwargs or {}).items()}
    my_args, my_kwargs = ours(args), {key: ours(v) for key, v in kwargs.items()}
    expected = theirs(*args, **kwargs)
    actual = mine(*my_args, **my_kwargs)
    outputs = list(tensors(expected, torch.Tensor)), list(tensors(actual, ag.Tensor))
    assert len(outputs[0]) == len(outputs[1])
    for i, (t, m) in enumerate(zip(*outputs, strict=True)):
        assert_same(m, t, rtol, atol, f"output {i}")
        assert m.requires_grad == t.requires_grad, f"output {i}: requires_grad {m.requires_grad}"
    for (name, t), (_, m) in zip(theirs.named_buffers(), mine.named_buffers(), strict=True):
        assert_same(m, t, rtol, atol, f"buffer {name}")
    t_in = [t for t in tensors((args, list(kwargs.values())), torch.Tensor) if t.requires_grad]
    m_in = [m for m in tensors((my_args, list(my_kwargs.values())), ag.Tensor) if m.requires_grad]
    names = [f"input {i}" for i in range(len(t_in))] + [n for n, p in theirs.named_parameters() if p.requires_grad]
    t_in += [p for p in theirs.parameters() if p.requires_grad]
    m_in += [p for p in mine.parameters() if p.requires_grad]
    pairs = [(t, m) for t, m in zip(*outputs, strict=True) if t.requires_grad]
    random = np.random.default_rng(0)
    for level in range(1, order + 1):
        if not pairs or not t_in:
            return
        g = [np.asarray(random.standard_normal(tuple(t.shape)), str(t.dtype)[6:]) for t, _ in pairs]
        options = {"create_graph": level < order, "allow_unused": True}
        t_g = torch.autograd.grad([t for t, _ in pairs], t_in, [torch.from_numpy(a) for a in g], **options)
        m_g = ag.autograd.grad([m for _, m in pairs], m_in, [on_device(a) for a in g], **options)
        for name, t, m, like in zip(names, t_g, m_g, t_in, strict=True):
            t = torch.zeros_like(like) if t is None else t
            m = ag.zeros(tuple(like.shape), dtype=ours(like.dtype)) if m is None else m
            scale = max(1.0, float(t.detach().abs().max())) if t.numel() else 1.0
            assert_same(m, t, rtol, atol * scale, f"gradient of {name}, order {level}")
        both = [(t, m) for t, m in zip(t_g, m_g, strict=True) if t is not None and m is not None]
        pairs = [(t, m) for t, m in both if t.requires_grad and m.requires_grad]
