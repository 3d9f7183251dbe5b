"""Random programs (shared values, broadcasting, views, reductions, several ends): the same gradients as PyTorch's."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings

import autograd as ag
from autograd.testing import strategies
from tests.conftest import referee

torch = referee()


def _ends(result):
    return list(result) if isinstance(result, (tuple, list)) else [result]


@settings(max_examples=2000)
@given(program=strategies.programs(n_ops=10))
def test_random_programs_have_pytorchs_gradients(program):
    theirs = [torch.tensor(x, requires_grad=True) for x in program.inputs]
    ours = [ag.tensor(x, requires_grad=True) for x in program.inputs]
    expected, actual = _ends(program(*theirs)), _ends(program(*ours))
    for e, a in zip(expected, actual, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), e.detach().numpy(), rtol=1e-10, atol=1e-12)
    seeds = [np.random.default_rng(i).standard_normal(tuple(e.shape)) for i, e in enumerate(expected)]
    recorded = [e.requires_grad for e in expected]
    assert recorded == [a.requires_grad for a in actual]
    if not any(recorded):
        return
    e_g = torch.autograd.grad(
        [e for e, r in zip(expected, recorded, strict=True) if r],
        theirs,
        [torch.tensor(s) for s, r in zip(seeds, recorded, strict=True) if r],
        allow_unused=True,
    )
    a_g = ag.autograd.grad(
        [a for a, r in zip(actual, recorded, strict=True) if r],
        ours,
        [ag.tensor(s) for s, r in zip(seeds, recorded, strict=True) if r],
        allow_unused=True,
    )
    for e, a in zip(e_g, a_g, strict=True):
        assert (e is None) == (a is None)
        if e is not None:
            scale = float(e.abs().max()) if e.numel() else 0.0
            np.testing.assert_allclose(a.numpy(), e.numpy(), rtol=1e-8, atol=1e-10 * max(scale, 1), equal_nan=True)
