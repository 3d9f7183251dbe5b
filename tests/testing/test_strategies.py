"""The Hypothesis strategies give what they promise, and gradcheck raises no false alarm on it."""

import numpy as np
import pytest

pytest.importorskip("hypothesis")
from hypothesis import find, given, settings
from hypothesis import strategies as hypothesis

import autograd as ag
from autograd.testing import OpCase, S, gradcheck
from autograd.testing import strategies as st

quick = settings(max_examples=60)


@quick
@given(st.tensors(layout=None))
def test_tensors(t):
    assert t.requires_grad
    assert t.dtype == ag.float64
    assert np.all(np.abs(t.detach().numpy()) > 0.05)
    assert np.unique(t.detach().numpy()).size == t.numel()


def test_tensors_of_every_kind():
    find(st.tensors(), lambda t: t.ndim == 0)
    find(st.tensors(), lambda t: t.numel() == 0)
    find(st.tensors(shape=(2, 3), layout=None), lambda t: not t.is_contiguous())
    assert find(st.tensors(shape=(2,), dtype="complex64"), lambda t: True).dtype == ag.complex64
    assert not find(st.tensors(shape=(2,), domain="bool"), lambda t: True).requires_grad


@quick
@given(st.arrays_with_gap(gap=0.2))
def test_arrays_with_gap(x):
    assert x.size
    assert np.all(np.diff(np.sort(x, axis=None)) >= 0.2 - 1e-12)


@quick
@given(st.away_from([-1.0, 0.0, 2.5], margin=0.05, shape=(3, 4)))
def test_away_from(x):
    assert np.min(np.abs(x[..., None] - np.array([-1.0, 0.0, 2.5]))) >= 0.05


@quick
@given(st.broadcastable(3))
def test_broadcastable(arrays):
    np.broadcast_shapes(*(a.shape for a in arrays))


def test_broadcastable_has_every_case():
    find(st.broadcastable(2), lambda xs: xs[0].ndim == 0 and xs[1].ndim == 2)
    find(st.broadcastable(2), lambda xs: xs[0].shape[:1] == (1,) and xs[1].shape[:1] == (3,))
    find(st.broadcastable(2), lambda xs: xs[0].size == 0)


@quick
@given(st.matmul_pairs())
def test_matmul_pairs(pair):
    np.matmul(*pair)


@quick
@given(st.conv_cases(nd=2))
def test_conv_cases(case):
    for n, k, s, p, d in zip(case.x.shape[2:], case.w.shape[2:], case.stride, case.padding, case.dilation, strict=True):
        assert (n + 2 * p - d * (k - 1) - 1) // s + 1 > 0
    assert case.w.shape[1] * case.groups == case.x.shape[1]
    assert case.w.shape[0] % case.groups == 0


@quick
@pytest.mark.parametrize("kind", ["basic", "advanced", "mixed"])
@given(data=hypothesis.data())
def test_indices(kind, data):
    x = np.arange(24.0).reshape(2, 3, 4)
    index = data.draw(st.indices(x.shape, kind))
    x[index]
    if kind == "basic":
        assert not any(isinstance(part, np.ndarray) for part in index)


@quick
@given(st.programs())
def test_programs_have_right_gradients(program):
    assert str(program)
    gradcheck(program, *program.inputs, mode="fast")


@quick
@given(st.op_calls([OpCase("exp", S((2, 3))), OpCase("argmax", order=0)], scales=(1e-3, 2.0)))
def test_op_calls(call):
    assert call.case.name == "exp"
    assert call.args[0].shape == (2, 3)
    assert np.all(np.abs(call.args[0]) < 5)
    assert gradcheck(call, *call.args, **call.options).n_forward


def test_op_calls_have_every_size():
    find(st.op_calls([OpCase("exp")]), lambda call: call.args[0].size > 1 and np.max(np.abs(call.args[0])) < 1e-6)
    mixed = lambda x: x.size > 1 and np.min(np.abs(x)) < 1e-6 and np.max(np.abs(x)) > 1
    find(st.op_calls([OpCase("exp")]), lambda call: mixed(call.args[0]))


# ---- no false alarms -----------------------------------------------------------------------------

RULES = [  # right gradients of NumPy functions, with domains that come close to their edges
    (np.sin, lambda g, x: g * np.cos(x), "normal"),
    (np.exp, lambda g, x: g * np.exp(x), "normal"),
    (np.log, lambda g, x: g / x, "positive"),
    (np.sqrt, lambda g, x: g / (2 * np.sqrt(x)), "positive"),
    (np.abs, lambda g, x: g * np.sign(x), "normal"),
    (np.arctanh, lambda g, x: g / (1 - x * x), "unit"),
    (lambda x: np.maximum(x, 0), lambda g, x: g * (x > 0), "normal"),
    (lambda x: x.sum(), lambda g, x: g * np.ones_like(x), "normal"),
    (lambda x: np.sort(x, axis=None), lambda g, x: g[np.argsort(np.argsort(x, axis=None))].reshape(x.shape), "normal"),
]


@settings(quick, max_examples=300)
@given(
    hypothesis.sampled_from(RULES),
    hypothesis.integers(0, 2**31),
    st.shapes(max_side=8),
    hypothesis.sampled_from([1e-4, 1.0, 30.0]),
    hypothesis.sampled_from(["fast", "full"]),
)
def test_no_false_alarm_on_right_gradients(rule, seed, shape, scale, mode):
    f, pull, domain = rule
    x = np.asarray(st.DOMAINS[domain](np.random.default_rng(seed), shape))
    x = x * scale if domain in ("normal", "positive") and f is not np.exp else x
    gradcheck(f, x, vjp=pull, mode=mode, seed=seed)
