"""Compiled recurrent layers against the same layers in NumPy."""

import contextlib
import functools

import numpy as np
import pytest

import autograd as ag
import nn
from autograd import fast
from autograd.fast import recurrent as loops
from autograd.fast import threads
from autograd.ops import recurrent as ops
from autograd.ops import recurrent_steps as steps
from tests.fast.common import normal, with_loops

COUNTS = (5, 5, 4, 2, 1)  # of a packed sequence


def layer_of(kind):
    gates = {"LSTM": 4, "GRU": 3}.get(kind, 1)
    weights = normal(gates * 3, 2), normal(gates * 3, 3), normal(gates * 3), normal(gates * 3 + 1)[1:]
    return [normal(5, 3) for _ in range(2 if kind == "LSTM" else 1)], weights


def in_python(monkeypatch):
    """Run the loops as they are written, whatever the sizes."""
    for name in loops.__all__:
        if hasattr(getattr(loops, name), "__wrapped__"):
            monkeypatch.setattr(loops, name, getattr(loops, name).__wrapped__)
    monkeypatch.setattr(ops, "compiles", lambda *arrays: True)


@pytest.mark.parametrize("cached", [ops.CACHED, 0])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("counts", [COUNTS, (5,) * 3, None], ids=["packed", "equal", "batch first"])
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN_TANH", "RNN_RELU"])
def test_the_loops_as_they_are_written(kind, counts, reverse, cached, monkeypatch):
    monkeypatch.setattr(ops, "CACHED", cached)
    states, weights = layer_of(kind)
    found = []
    for loop in (False, True):
        if loop:
            in_python(monkeypatch)
        x, *rest = (ag.tensor(a, requires_grad=True) for a in (data_of(counts), *states, *weights))
        start, own = tuple(rest[: len(states)]), rest[len(states) :]
        data = x.transpose(0, 1) if x.ndim == 3 else x
        out, last = ops.recurrent_layer(kind, data, start, *own, counts=counts, reverse=reverse)
        ((out**2).sum() + sum((s**3).sum() for s in last)).backward()
        found.append([t.array for t in (out, *last)] + [t.grad.array for t in (x, *rest)])
    for expected, other in zip(*found, strict=True):
        np.testing.assert_allclose(other, expected, rtol=1e-4, atol=1e-5)


def data_of(counts):
    """Packed sequences, or sequences of equal lengths, batch first."""
    return normal(sum(counts), 2) if counts is not None else normal(5, 3, 2)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN_TANH", "RNN_RELU"])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("counts", [COUNTS, (5,) * 3, None], ids=["packed", "equal", "batch first"])
@pytest.mark.parametrize("rows", [1, 7, 10**6])
def test_steps_in_groups_on_two_threads(kind, reverse, counts, rows, monkeypatch):
    """The steps in NumPy, float64, against the same in simple ops; products of few or many steps at a time."""
    monkeypatch.setattr(steps, "ROWS", rows)
    monkeypatch.setattr(threads, "wanted", 2)
    states, weights = layer_of(kind)
    x, *rest = (ag.tensor(a, dtype=ag.float64, requires_grad=True) for a in (data_of(counts), *states, *weights))
    start, own = tuple(rest[: len(states)]), rest[len(states) :]
    data = x.transpose(0, 1) if x.ndim == 3 else x
    out, last = ops.recurrent_layer(kind, data, start, *own, counts=counts, reverse=reverse)
    loss = (out**2).sum() + sum((s**3).sum() for s in last)
    found = ag.autograd.grad(loss, (x, *rest), retain_graph=True)
    expected = ag.autograd.grad(loss, (x, *rest), create_graph=True)  # by the formula
    for g, e in zip(found, expected, strict=True):
        np.testing.assert_allclose(g.array, e.array, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN_TANH"])
def test_steps_in_groups_on_one_thread(kind, monkeypatch):
    """With a single thread, or while another computation has the others, results are those of two threads."""
    monkeypatch.setattr(steps, "ROWS", 7)
    states, weights = layer_of(kind)

    def found():
        x, *rest = (ag.tensor(a, requires_grad=True) for a in (data_of(None), *states, *weights))
        out, _ = ops.recurrent_layer(kind, x.transpose(0, 1), tuple(rest[: len(states)]), *rest[len(states) :])
        return [out.array, *(g.array for g in ag.autograd.grad((out**2).sum(), (x, *rest)))]

    monkeypatch.setattr(threads, "wanted", 2)
    expected = found()
    with threads._free:
        busy = found()
    monkeypatch.setattr(threads, "wanted", 1)
    for results in (busy, found()):
        for other, e in zip(results, expected, strict=True):
            np.testing.assert_allclose(other, e, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN_TANH"])
def test_what_is_not_asked_for_is_not_computed(kind, monkeypatch):
    """Gradients of the input alone, and of the weights alone, are those of both."""
    states, weights = layer_of(kind)
    for loop in (False, True):
        if loop:
            in_python(monkeypatch)
        for cached in (ops.CACHED, 0):
            monkeypatch.setattr(ops, "CACHED", cached)
            found = []
            for asked in ((True, True), (True, False), (False, True)):
                x = ag.tensor(normal(15, 2), requires_grad=asked[0])
                own = [ag.tensor(w, requires_grad=asked[1]) for w in weights]
                start = tuple(ag.tensor(s) for s in states)
                ops.recurrent_layer(kind, x, start, *own, counts=(5,) * 3)[0].sum().backward()
                found.append([None if t.grad is None else t.grad.array for t in (x, *own)])
            both, of_x, of_weights = found
            assert of_weights[0] is None
            assert of_x[1:] == [None] * 4
            for expected, other in zip(both, [of_x[0], *of_weights[1:]], strict=True):
                np.testing.assert_allclose(other, expected, rtol=1e-5, atol=1e-6)


@with_loops
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("kind", "options"),
    [("LSTM", {}), ("LSTM", {"bias": False}), ("GRU", {}), ("GRU", {"bias": False}), ("RNN", {}), ("RNN", {"nonlinearity": "relu"})],
)  # fmt: skip
def test_layers_with_and_without_the_loops(kind, options, packed, monkeypatch):
    used = []
    name = f"{kind.lower()}_backward"
    counted = functools.partial(lambda f, *args: used.append(1) or f(*args), getattr(loops, name))
    monkeypatch.setattr(loops, name, counted)
    layer = getattr(nn, kind)(9, 56, bidirectional=True, **options)
    data, lengths = normal(40, 19, 9), [40, *sorted(np.random.default_rng(0).integers(1, 41, 18).tolist())[::-1]]
    found = []
    for context in (fast.disabled(), contextlib.nullcontext()):
        x = ag.tensor(data, requires_grad=True)
        layer.zero_grad()
        with context:
            out, last = layer(nn.utils.rnn.pack_padded_sequence(x, ag.tensor(lengths)) if packed else x)
            out = out.data if packed else out
            last = last if isinstance(last, tuple) else (last,)
            ((out**2).mean() + sum((s**2).mean() for s in last)).backward()
        found.append([t.array for t in (out, *last, x.grad, *(p.grad for p in layer.parameters()))])
    assert len(used) == 2
    for expected, other in zip(*found, strict=True):
        np.testing.assert_allclose(other, expected, rtol=0, atol=1e-5 * max(np.abs(expected).max(), 1e-3))


def test_the_outputs_may_be_changed_in_place():
    layer = nn.LSTM(9, 24)
    found = []
    for change in (False, True):
        x = ag.tensor(normal(40, 19, 9), requires_grad=True)
        out, _ = layer(x)
        if change:
            out *= 2
        (out if change else out * 2).sum().backward()
        found.append(x.grad.array)
    np.testing.assert_array_equal(*found)


def test_second_derivatives_go_through_the_formula():
    layer = nn.LSTM(4, 32)
    found = []
    for context in (fast.disabled(), contextlib.nullcontext()):
        x = ag.tensor(normal(16, 12, 4), requires_grad=True)
        with context:
            (first,) = ag.autograd.grad((layer(x)[0] ** 2).sum(), x, create_graph=True)
            found.append(ag.autograd.grad((first**2).sum(), x)[0].array)
    np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-5)
