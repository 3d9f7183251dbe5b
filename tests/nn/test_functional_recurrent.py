"""The fused recurrent ops against PyTorch: padded and packed, layers, directions, projections, gradients of both orders."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
from tests.conftest import referee
from tests.parity.bridge import assert_same, ours

torch = referee()

T, B, INPUTS, H = 5, 3, 4, 6


def normal(*shape):
    return torch.randn(shape, dtype=torch.float64, requires_grad=True)


MODES = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn_tanh": torch.nn.RNN, "rnn_relu": torch.nn.RNN}
CASES = [(1, False, False, 0, True), (2, True, True, 0, True), (2, True, False, 2, False)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("layers", "bidirectional", "batch_first", "proj", "bias"), CASES)
@pytest.mark.parametrize("packed", [False, True])
def test_whole_layers(mode, layers, bidirectional, batch_first, proj, bias, packed):
    options = {"nonlinearity": mode[4:]} if mode.startswith("rnn") else {"proj_size": proj} if mode == "lstm" else {}
    width = options.get("proj_size") or H
    module = MODES[mode](
        INPUTS, H, layers, bias=bias, bidirectional=bidirectional, batch_first=batch_first, **options
    ).double()
    rows = layers * (2 if bidirectional else 1)
    x = normal(B, T, INPUTS) if batch_first else normal(T, B, INPUTS)
    h = normal(rows, B, width)
    state = (h, normal(rows, B, H)) if mode == "lstm" else h
    weights = list(module._flat_weights)
    mine_x, mine_state, mine_weights = ours(x), ours(state), ours(weights)
    f = getattr(ag, mode)
    if packed:
        given = torch.nn.utils.rnn.pack_padded_sequence(x, [5, 3, 2], batch_first=batch_first)
        expected, last = module(given, state)
        expected = expected.data
        steps = mine_x.transpose(0, 1) if batch_first else mine_x
        data = ag.cat([steps[t, : int(n)] for t, n in enumerate(given.batch_sizes)])
        made = f(data, ours(given.batch_sizes), mine_state, mine_weights, bias, layers, 0.0, False, bidirectional)
    else:
        expected, last = module(x, state)
        made = f(mine_x, mine_state, mine_weights, bias, layers, 0.0, False, bidirectional, batch_first)
    expected = (expected, *(last if mode == "lstm" else (last,)))
    assert_same(list(made), list(expected), 1e-9, 1e-11)
    theirs = [x, *(state if mode == "lstm" else (state,)), *weights]
    mine = [mine_x, *(mine_state if mode == "lstm" else (mine_state,)), *mine_weights]
    gs = [torch.randn_like(e) for e in expected]
    first = torch.autograd.grad(expected, theirs, gs, create_graph=True)
    fused = ag.autograd.grad(made, mine, ours(gs), retain_graph=True)
    formula = ag.autograd.grad(made, mine, ours(gs), create_graph=True)
    assert_same(list(fused), list(first), 1e-9, 1e-10)
    assert_same(list(formula), list(first), 1e-9, 1e-10)
    second = torch.autograd.grad(sum((g * g).sum() for g in first), theirs, allow_unused=True)
    again = ag.autograd.grad(sum((g * g).sum() for g in formula), mine, allow_unused=True)
    for t, m in zip(second, again, strict=True):
        if t is not None:
            assert_same(m, t, 1e-8, 1e-9)


def test_only_the_last_state_is_used():
    x = ag.randn(T, B, INPUTS, dtype=ag.float64, requires_grad=True)
    zero = ag.zeros(1, B, H, dtype=ag.float64)
    weights = [ag.randn(*s, dtype=ag.float64) for s in ((3 * H, INPUTS), (3 * H, H), (3 * H,), (3 * H,))]
    out, last = ag.gru(x, zero, weights, True, 1, 0.0, False, False, False)
    (by_state,) = ag.autograd.grad(last.sum(), x, retain_graph=True)
    (by_output,) = ag.autograd.grad(out[-1].sum(), x)
    np.testing.assert_allclose(by_state.numpy(), by_output.numpy(), rtol=1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("batched", [True, False])
def test_cells(mode, batched):
    gates = {"lstm": 4, "gru": 3}.get(mode, 1)
    n = (2,) if batched else ()
    h = normal(*n, H)
    args = (
        normal(*n, INPUTS),
        (h, normal(*n, H)) if mode == "lstm" else h,
        normal(gates * H, INPUTS),
        normal(gates * H, H),
        normal(gates * H),
        normal(gates * H),
    )
    expected = getattr(torch, f"{mode}_cell")(*args) if batched else None
    made = getattr(ag, f"{mode}_cell")(*ours(args))
    if not batched:
        one = [
            tuple(s[None] for s in a) if isinstance(a, tuple) else a[None] if i < 2 else a for i, a in enumerate(args)
        ]
        expected = getattr(torch, f"{mode}_cell")(*one)
        expected = tuple(e[0] for e in expected) if mode == "lstm" else expected[0]
    assert_same(made, expected, 1e-10, 1e-12)
