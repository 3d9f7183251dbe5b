"""gradcheck itself: numerics, verdicts, side checks, messages, and no false alarm."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

import autograd as ag
import nn
from autograd.elementwise import elementwise
from autograd.testing import (
    GradCheckError,
    StrictArray,
    assert_grads_close,
    assert_matches,
    gradcheck,
    gradgradcheck,
    numeric_grad,
    numeric_jvp,
)
from autograd.testing.checks import lay_out
from autograd.testing.numeric import Plan, differentiate, typical_size
from autograd.testing.search import EVERYTHING
from autograd.testing.strict import pretended_device


def rng():
    return np.random.default_rng(0)


def fails(*args, **kwargs):
    result = gradcheck(*args, raises=False, **kwargs)
    assert not result.ok
    return result


# ---- numerics ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (np.sin, np.cos),
        (np.exp, np.exp),
        (np.log, np.reciprocal),
        (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
        (lambda x: np.maximum(x, 0.0), lambda x: 1.0 * (x > 0)),
        (lambda x: 1e-6 * x, lambda x: 0 * x + 1e-6),
    ],
)
@pytest.mark.parametrize("scale", [1e-6, 1.0, 50.0])
def test_the_error_estimate_covers_the_error(f, slope, scale):
    x = scale * np.array([0.7, 1.2, 0.01, 3.0])
    typical = np.full(4, typical_size(x))
    estimate = differentiate(f, x, typical, np.array([1, -0.7, 1.2, 0.9]), Plan.for_dtype(float), np.ones(4))
    true = slope(x) @ estimate.direction
    size = np.abs(slope(x)) @ np.abs(estimate.direction)
    assert abs(estimate.value - true) <= 10 * estimate.error + 1e-16 * size
    assert estimate.error <= 1e-8 * size


def test_numeric_grad_and_jvp():
    x = rng().normal(size=(3, 2))
    gradient, error = numeric_grad(lambda x: np.tanh(x).sum(), x, library="arrays")
    np.testing.assert_allclose(gradient, 1 - np.tanh(x) ** 2, rtol=1e-11)
    assert gradient.shape == error.shape == (3, 2)
    value, _ = numeric_jvp(np.sin, x, 3 * x, library="arrays")
    np.testing.assert_allclose(value, 3 * x * np.cos(x), rtol=1e-10)
    z = np.array([1.0 + 2.0j])
    gradient, _ = numeric_grad(lambda z: np.abs(z) ** 2, z, library="arrays")
    np.testing.assert_allclose(gradient, 2 * z, rtol=1e-10)  # PyTorch's convention


def test_complex_step_guards_itself():
    x = rng().normal(size=6)
    assert gradcheck(np.sin, x, vjp=lambda g, x: g * np.cos(x), method="complex").ok
    # |x| is not analytic: its complex step is silently wrong, and must not be believed.
    assert gradcheck(np.abs, x, vjp=lambda g, x: g * np.sign(x), method="complex").ok
    assert gradcheck(np.sin, x, vjp=lambda g, x: g * np.cos(x), method="central").ok


# ---- verdicts ----------------------------------------------------------------------------------


def relu(x):
    return np.maximum(x, 0.0)


def test_kinks():
    x = np.array([-1.0, 0.0, 2.0])
    assert gradcheck(relu, x, vjp=lambda g, x: g * np.where(x == 0, 0.5, x > 0)).ok
    fails(relu, x, vjp=lambda g, x: g * np.where(x == 0, 0.5, x > 0), kinks="error")
    half = {"vjp": lambda g, x: g * np.where(x == 0, 0.25, x > 0)}
    result = gradcheck(relu, x, **half)
    assert "kink at x[1]" in result.notes[0]
    failure = fails(relu, x, kinks="error", **half).failures[0]
    assert (failure.kind, failure.left, failure.right) == ("kink", 0.0, 1.0)
    assert "a valid subgradient" in str(failure)
    outside = {"vjp": lambda g, x: g * np.where(x == 0, -0.1, x > 0)}
    failure = fails(relu, x, **outside).failures[0]
    assert (failure.kind, failure.in_index) == ("kink", (1,))
    assert "outside [left, right]" in str(failure)
    assert gradcheck(relu, x, kinks="skip", **outside).ok


def test_ties_in_max_accept_any_split():
    x = np.array([1.0, 3.0, 3.0])
    for split in (0.0, 0.5, 1.0):
        weights = np.array([0.0, split, 1 - split])
        assert gradcheck(np.max, x, vjp=lambda g, x, w=weights: g * w).ok


def test_elements_that_tie_share_one_slope():
    """Each of them may have all of it, but not each at once; kinks that have nothing in common may choose for themselves."""
    x = np.array([1.0, 3.0, 3.0, 3.0])
    ties = lambda share: lambda g, x: g * (x == x.max()) * share
    assert gradcheck(np.max, x, vjp=ties(1 / 3)).ok
    assert gradcheck(np.max, x, vjp=lambda g, x: g * one_hot(x, 1)).ok
    for mode in ("full", "fast"):
        failure = fails(np.max, x, vjp=ties(1.0), mode=mode).worst
        assert failure.kind == "kink"
        assert "together" in str(failure)
        assert failure.left == pytest.approx(failure.right)
    fails(lambda a, b: np.maximum(a, b), x, x, vjp=lambda g, a, b: (g * (a >= b), g * (b >= a)))
    assert gradcheck(lambda a, b: np.maximum(a, b), x, x, vjp=lambda g, a, b: (g * (a >= b), g * (b > a))).ok
    zero = np.zeros(2)
    relu, clip = lambda x: np.maximum(x, 0).sum(), lambda x: np.clip(x, 0, 1).sum()
    assert gradcheck(lambda a, b: clip(a) - relu(b), zero, zero, vjp=lambda g, a, b: (g * np.ones(2), 0 * b)).ok


def test_many_kinks_at_once_are_sampled():
    assert gradcheck(relu, np.zeros((60, 60)), vjp=lambda g, x: g * (x > 0)).ok
    assert not fails(relu, np.zeros((60, 60)), vjp=lambda g, x: g * (x >= 0) * 2).ok


def test_near_kinks_and_ties_are_no_false_alarm():
    assert gradcheck(relu, rng().normal(size=(60, 60)), vjp=lambda g, x: g * (x > 0)).ok
    ranks = lambda x: np.argsort(np.argsort(x))
    assert gradcheck(np.sort, rng().normal(size=800), vjp=lambda g, x: g[ranks(x)]).ok


def test_noise_is_inconclusive_and_not_wrong():
    def noisy(x):
        # Repeatable, but rough: no step is small enough.
        return x + 1e-3 * np.sin(1e14 * x)

    failure = fails(noisy, np.array([0.3, 0.7]), vjp=lambda g, x: g).failures[0]
    assert failure.kind == "inconclusive"
    assert gradcheck(noisy, np.array([0.3, 0.7]), vjp=lambda g, x: g, kinks="skip").ok


def test_outside_the_domain():
    with np.errstate(invalid="ignore"):
        failure = fails(np.log, np.array([1.0, -1.0]), vjp=lambda g, x: g / x).failures[0]
    assert failure.kind == "nan"
    assert "outside its domain" in failure.message
    assert failure.out_index == (1,)


def test_the_end_of_the_domain_is_approached_without_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = np.array([1e-9, 1e-3, 2.0])
        assert gradcheck(np.log, x, vjp=lambda g, x: g / x).ok
        assert gradcheck(np.sqrt, x, vjp=lambda g, x: g / (2 * np.sqrt(x))).ok


def test_a_small_gradient_is_not_swallowed():
    small = lambda x: 1e-12 * np.sin(x)
    assert gradcheck(small, rng().normal(size=5), vjp=lambda g, x: 1e-12 * g * np.cos(x)).ok
    fails(small, rng().normal(size=5), vjp=lambda g, x: 0 * g)


def test_zero_gradients_are_no_false_alarm():
    assert gradcheck(lambda x: np.ones(3), rng().normal(size=4), vjp=lambda g, x: 0 * x).ok
    e = lambda x: np.exp(x - x.max())
    constant = lambda x: (e(x) / e(x).sum()).sum()  # 1 but for rounding
    assert gradcheck(constant, rng().normal(size=30), vjp=lambda g, x: 0 * x).ok


def one_hot(x, index):
    return np.eye(x.size)[index].reshape(x.shape)


@pytest.mark.parametrize(
    ("f", "pull", "x"),
    [
        # Long steps meet stairs that x is far from, or both sides of a fold alike.
        (lambda x: np.trunc(x / 1.2e-7), lambda g, x: 0 * g, np.array([3.5e-8, 5e-8])),
        (lambda x: np.min(np.abs(x)), lambda g, x: g * one_hot(x, 1), np.array([4.0, 1.5e-8, 7.0, -3e-7])),
        (lambda x: np.frexp(x)[0], lambda g, x: g / 2.0 ** np.frexp(x)[1], np.array([5.0, -2.97654e-8, 0.3])),
        # The neighbours of a median, nearer than all steps but the shortest, beside values of 10.
        (lambda x: np.median(x), lambda g, x: g * one_hot(x, 2), np.array([18.8, -9.4e-8, 1.1e-7, 2.1e-7, -13.8])),
        # A pole that the middle of all steps cancels, beside outputs of 1e14.
        (lambda x: 1 / x**2, lambda g, x: -2 * g / x**3, np.array([20.0, 1e-7, 2e-7, 4e-4])),
        (lambda x: np.sort(x), lambda g, x: g[np.argsort(np.argsort(x))], np.array([8.0, 3e-8, 4.5e-8, 1e-7, -20.0])),
        # Values of 1e170, whose squares overflow.
        (lambda x: np.exp(x**2), lambda g, x: 2 * g * x * np.exp(x**2), np.array([-19.8, 1.0, 3.0])),
        # A slope of 1e-13 that only long steps see.
        (lambda x: np.log1p(np.exp(x)) * 1e-2, lambda g, x: 1e-2 * g / (1 + np.exp(-x)), np.array([-30.0, 11.0])),
    ],
)
@pytest.mark.parametrize("mode", ["fast", "full"])
def test_large_and_small_together_are_no_false_alarm(f, pull, x, mode):
    assert gradcheck(f, x, vjp=pull, mode=mode).ok
    for factor in (1.01, 0.5):  # and are no hiding place either
        if np.any(pull(f(x) * 0 + 1.0, x)):
            assert not gradcheck(f, x, vjp=lambda g, x, c=factor: c * pull(g, x), mode=mode, raises=False).ok


def test_a_domain_that_ends_close_by_is_no_false_alarm():
    x = np.array([0.999999, -0.9999, 0.1])
    pull = lambda g, x: -g / np.sqrt(1 - x * x)
    assert gradcheck(np.arccos, x, vjp=pull).ok
    fails(np.arccos, x, vjp=lambda g, x: pull(g, x) * (1 + 1e-3 * (x > 0.9)))
    assert gradcheck(lambda x: np.sin(1e6 * x), x, vjp=lambda g, x: 1e6 * g * np.cos(1e6 * x)).ok


def test_saturated_functions_are_no_false_alarm():
    assert gradcheck(lambda x: x.tanh(), np.array([9.9, 1e-7, -0.3]), method="complex", order=2).ok
    q, k, v = (10 * rng().normal(size=(3, 2)) for _ in range(3))
    assert gradcheck(lambda q, k, v: (q @ k.T).softmax(-1) @ v, q, k, v, order=2).ok


def test_slopes_lost_in_what_cancels_inside_are_no_false_alarm():
    """A short step sees nothing of a slope of 1e-11, although the result is as small as the rounding inside f."""
    x = np.array([[[16.661, -3.85995, 6.9064]], [[5.247, 20.46978, -1.8195]], [[-18.7533, 11.8769, -8.37012]], [[10.54418, -13.32691, -15.01792]]])  # fmt: skip
    rest = np.array([[1, 2]]), np.array([4]), np.array([1])
    for dtype in (np.float32, np.float64):
        gradcheck(
            lambda x: nn.functional.ctc_loss(x.log_softmax(-1), *rest, reduction="sum"), x.astype(dtype), mode="full"
        )


def test_what_float32_has_no_room_for_is_no_failure():
    x = 1e-7 * rng().uniform(1, 2, 12).astype(np.float32)
    assert gradcheck(lambda x: x.prod(), x).ok


# ---- saying where it is written --------------------------------------------------------------


class Cube(ag.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0] ** 2


def test_a_function_of_the_user_is_named_with_its_line():
    text = str(fails(Cube.apply, rng().normal(size=2), kinks="skip", projections=3))
    line = next(i for i, line in enumerate(Path(__file__).read_text().split("\n"), 1) if line.startswith("class Cube"))
    assert text.startswith("Cube.apply: ")
    assert f"test_gradcheck.py:{line}\n" in text
    assert "d out[0] / d x[0]" in text
    assert "repro: gradcheck(Cube.apply, x, seed=0, projections=3, kinks='skip')  # x (2,)" in text
    half = elementwise(lambda x: x * x, "half_square", method=False, x=lambda g, x: g * x)
    assert f"test_gradcheck.py:{half.op.rules['x'].__code__.co_firstlineno}\n" in str(fails(half, rng().normal(size=2)))


# ---- finding the element -----------------------------------------------------------------------


def test_fast_mode_costs_few_calls_and_finds_both_ends():
    a = rng().normal(size=(1000, 3000)) / 55
    x = rng().normal(size=3000)
    f = lambda x: np.tanh(a @ x)
    pull = lambda g, x: a.T @ (g * (1 - np.tanh(a @ x) ** 2))
    result = gradcheck(f, x, vjp=pull)
    assert result.mode == "fast"
    assert result.n_forward <= 40

    def wrong(g, x):
        d = pull(g, x)
        d[2020] += 0.01 * g[321]
        return d

    failure = fails(f, x, vjp=wrong).failures[0]
    assert (failure.in_index, failure.out_index) == ((2020,), (321,))
    assert failure.where == "d out[321] / d x[2020]"
    assert failure.analytic - failure.numeric == pytest.approx(0.01, rel=1e-6)


def test_a_large_wrong_array_is_reported_without_examining_all_of_it():
    x = rng().normal(size=4 * EVERYTHING)
    result = fails(np.sin, x, vjp=lambda g, x: -g * np.cos(x))
    assert not result.complete
    assert result.n_forward < 4000
    assert "at least" in str(result)
    assert "the sign is wrong" in str(result)


def test_several_inputs_and_outputs_by_name():
    def f(x, y):
        return {"sum": x + y, "product": x * y}

    def wrong(g, x, y):
        first, second = g
        return first + second * y, first + second * x * np.array([1.0, 1.0, 1.5])

    x, y = rng().normal(size=(2, 3))
    failure = fails(f, x, y, vjp=wrong).failures[0]
    assert failure.where == "d out['product'][2] / d y[2]"
    assert gradcheck(f, x, y, vjp=lambda g, x, y: wrong(g, x, y)[:1], wrt="x").ok


def test_hints_explain_every_wrong_element():
    x = rng().normal(size=(3, 4))
    hint = lambda pull: fails(np.square, x, vjp=pull).hints
    assert "0.5 × numeric" in hint(lambda g, x: g * x)[0]
    assert "sign" in hint(lambda g, x: -2 * g * x)[0]
    assert "is 0 in every wrong element" in hint(lambda g, x: 0 * x)[0]
    assert "reversed along axis 1" in hint(lambda g, x: (2 * g * x)[:, ::-1])[0]
    assert "shifted by 1 along axis 0" in hint(lambda g, x: np.roll(2 * g * x, 1, 0))[0]
    assert "constant along axis 0" in hint(lambda g, x: np.broadcast_to((g * x).mean(0), x.shape))[0]
    assert hint(lambda g, x: 2 * g * x + np.abs(g) * np.arange(12).reshape(3, 4)) == []
    assert hint(lambda g, x: 2 * g * x + 1e-7) == ["analytic = numeric +1e-07 in every wrong element"]
    hint = lambda f, pull: fails(f, x, vjp=pull).hints[0]
    assert "a reshape where a transpose was meant" in hint(np.transpose, lambda g, x: g.reshape(x.shape))
    assert "a transpose where a reshape was meant" in hint(np.ravel, lambda g, x: g.reshape(x.shape, order="F"))
    biased = lambda g, x: g * (x - x.mean()) / (x.std() * 11)
    assert "n divided by where n - 1 is due" in hint(np.std, biased)
    assert "1.00001 × numeric" in hint(lambda x: 3 * x, lambda g, x: 3.00003 * g)


def test_message_is_short_and_says_everything():
    x = rng().normal(size=(20, 30))
    wrong = lambda g, x: 2 * g * x * np.where(np.arange(600).reshape(20, 30) % 7 == 0, 1.5, 1)
    with pytest.raises(GradCheckError) as caught:
        gradcheck(np.square, x, vjp=wrong, name="my square", seed=3)
    text = str(caught.value)
    assert len(text.splitlines()) <= 25
    for part in ("my square", "d out[0, 0] / d x[0, 0]", "analytic", "numeric", "rel.err 3.3e-01", "seed=3", "±"):
        assert part in text
    assert "1.5 × numeric" in text
    assert caught.value.result.worst.rel == pytest.approx(1 / 3)


def test_result_for_notebooks_and_tools():
    result = fails(np.square, rng().normal(size=(3, 4)), vjp=lambda g, x: g * x)
    page = result._repr_html_()
    assert "data:image/svg+xml;base64," in page
    assert "<script" not in page
    data = json.loads(result.to_json())
    assert data["failures"][0]["in_index"] == [0, 0]
    assert bool(result) is False
    assert "failures" in repr(result)
    right = gradcheck(np.square, rng().normal(size=(3, 4)), vjp=lambda g, x: 2 * g * x)
    assert "gradients are right" in str(right)
    assert right.worst is None


# ---- the other checks --------------------------------------------------------------------------


def test_randomness_is_left_alone_and_the_seed_decides():
    np.random.seed(3)  # the very thing that must not change
    before = np.random.get_state()[1].copy()
    runs = [fails(np.square, np.ones(100), vjp=lambda g, x: g * x, seed=5).to_json() for _ in range(2)]
    np.testing.assert_array_equal(before, np.random.get_state()[1])
    first, second = (json.loads(run) | {"seconds": 0} for run in runs)
    assert first == second


def test_nondeterminism():
    noise = rng()
    f = lambda x: x + 1e-9 * noise.normal()
    failure = fails(f, np.ones(3), vjp=lambda g, x: g).failures[0]
    assert failure.kind == "repeat"
    assert "two runs" in failure.message
    f = lambda x: x + 1e-15 * noise.normal()
    assert gradcheck(f, np.ones(3), vjp=lambda g, x: g, nondet_tol=1e-12, rtol=1e-6).ok


def test_dtype_of_the_gradient():
    pull = lambda g, x: (2 * g * x).astype(np.float32)
    kinds = {failure.kind for failure in fails(np.square, np.ones(3), vjp=pull).failures}
    assert "dtype" in kinds
    assert gradcheck(np.square, np.ones(3), vjp=pull, checks=(), rtol=1e-6).ok


@pytest.mark.parametrize("layout", ["fortran", "strided", "reversed", "offset"])
def test_lay_out_keeps_values(layout):
    x = rng().normal(size=(3, 4))
    moved = lay_out(x, layout)
    np.testing.assert_array_equal(moved, x)
    assert layout == "offset" or moved.strides != x.strides
    assert lay_out(np.float64(2.0) * np.ones(()), layout) == 2


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1,), (2, 1, 3)])
def test_empty_and_0d_inputs(shape):
    x = rng().normal(size=shape)
    assert gradcheck(np.sin, x, vjp=lambda g, x: g * np.cos(x)).ok
    assert gradcheck(lambda x: x.sin(), x).ok


def test_arguments_are_checked_first():
    for wrong in ({"mode": "quick"}, {"method": "magic"}, {"kinks": "no"}, {"order": 0}, {"checks": ("shapes",)}):
        with pytest.raises(ValueError, match="expected"):
            gradcheck(np.sin, np.ones(2), vjp=lambda g, x: g, **wrong)
    with pytest.raises(ValueError, match="at least one differentiable input"):
        gradcheck(np.sin, np.arange(3), vjp=lambda g, x: g)
    with pytest.raises(ValueError, match="expected 1 gradients"):
        gradcheck(np.sin, np.ones(2), vjp=lambda g, x: (g, g))
    with pytest.raises(TypeError, match="hand-written vjp"):
        gradcheck(np.sin, np.ones(2), vjp=lambda g, x: g * np.cos(x), order=2)


def test_gradient_of_a_number():
    assert gradcheck(lambda x: float((x**2).sum()), np.ones(3), gradient=lambda x: 2 * x).ok
    failure = fails(lambda x: (x**2).sum(), np.arange(3.0), gradient=lambda x: 2 * x + (x == 1)).failures[0]
    assert failure.in_index == (1,)


# ---- gradloom ----------------------------------------------------------------------------------


def test_tensor_functions_of_every_order():
    x, y = rng().normal(size=(2, 3)), rng().normal(size=(3,))
    assert gradcheck(lambda x, y: (x * y).tanh(), x, y, order=3).ok
    assert gradgradcheck(lambda x: x.exp().sum(), ag.tensor([[0.5, 1.0]], requires_grad=True)).ok
    assert gradcheck(lambda xs: xs["a"] * xs["b"][0], {"a": x, "b": [y]}).ok


def test_only_what_requires_grad_is_checked():
    x, y = ag.tensor([1.0, 2.0], requires_grad=True), ag.tensor([3.0, 4.0])
    assert gradcheck(lambda x, y: x * y.detach(), x, y).n_elements == 2
    failure = fails(lambda x, y: x * y.detach(), x, y, wrt=[0, 1]).failures[0]
    assert (failure.kind, failure.input) == ("none", "y")


def test_a_cut_graph_says_so():
    result = fails(lambda x: ag.tensor(x.detach().numpy() ** 2), np.ones(3))
    assert result.failures[0].kind == "none"
    assert "graph is cut" in str(result)
    partly = fails(lambda x: x * x.detach(), np.array([1.0, 2.0]))
    assert "0.5 × numeric" in str(partly)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_low_precision_is_checked_through_its_twin(dtype):
    x = rng().normal(size=(4, 5)).astype(dtype)
    assert gradcheck(lambda x: x.sin(), x).ok
    assert gradcheck(lambda x: (x.exp().sum(-1) + 1).log(), x).ok

    def leak(x):
        """Right in double precision only."""
        return x * (1 if x.dtype == ag.float64 else 1.01) if x.dtype == ag.float64 else x * 1.25

    assert fails(leak, x).failures[0].kind == "precision"


def test_a_float32_module_takes_float64_inputs():
    assert gradcheck(nn.Linear(3, 2), rng().normal(size=(4, 3)), order=2).ok


def test_on_a_device():
    seen = set()

    def f(x, y):
        seen.update({type(x.array), type(y.array)})
        return (x * y).tanh()

    x, y = rng().normal(size=(3, 4)), rng().normal(size=4).astype(np.float32)
    with pretended_device():
        assert gradcheck(f, x, y, order=2, device="cuda").ok
        assert gradcheck(nn.Linear(4, 2).to("cuda"), x, device="cuda").ok
        assert fails(lambda x: x * x.detach(), x, device="cuda").hints
    assert seen == {StrictArray}


def test_float32_inside():
    def f(x):
        return x.to(ag.float32).sin()

    assert gradcheck(f, rng().normal(size=(3, 4))).ok
    assert gradcheck(f, rng().normal(size=(300, 4))).ok


def test_complex_gradients_follow_pytorchs_convention():
    z = rng().normal(size=(3, 2)) + 1j * rng().normal(size=(3, 2))
    w = rng().normal(size=2) + 1j
    assert gradcheck(lambda z, w: z * w, z, w, order=2).ok
    failure = fails(np.multiply, z, w + 0 * z, vjp=lambda g, z, w: (g * w, g * np.conj(z))).failures[0]
    assert failure.input == "z"
    assert failure.where.endswith((".real", ".imag"))


def test_saved_memory_changed_by_the_rule_is_noticed():
    def f(x):
        return x * x

    held = []

    def leaky(x):
        held.append(x)
        return x * x

    assert gradcheck(f, np.ones(3)).ok
    assert fails(leaky, np.ones(3)).failures[0].kind == "leak"


# ---- other libraries ---------------------------------------------------------------------------


def test_torch_functions():
    torch = pytest.importorskip("torch")
    x = torch.linspace(-1, 1, 6).reshape(2, 3)
    assert gradcheck(lambda x: torch.softmax(x, -1), x, order=2).ok
    assert fails(lambda x: x * x.detach(), x).hints
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    before = [p.detach().clone() for p in model.parameters()]
    assert gradcheck(model, x, order=2).ok
    for p, q in zip(model.parameters(), before, strict=True):
        assert p.dtype == torch.float32
        assert p.grad is None
        assert torch.equal(p, q)


def test_assert_matches():
    torch = pytest.importorskip("torch")
    x = rng().normal(size=(3, 4))
    assert_matches(ag.tanh, torch.tanh, x, order=2)
    assert_matches(ag.tanh, np.tanh, x)
    assert_matches(lambda x: x.sum(0), lambda x: torch.sum(x, 0), x.astype(np.float32))
    with pytest.raises(GradCheckError, match=r"value of out at \[0, 0\]"):
        assert_matches(ag.tanh, torch.sin, x)
    with pytest.raises(GradCheckError, match="gradient of x"):
        assert_matches(lambda x: x * x.detach(), torch.square, x)
    with pytest.raises(GradCheckError, match="shape"):
        assert_matches(lambda x: x.sum(0), lambda x: torch.sum(x, 1), x)


def test_assert_grads_close():
    a = {"w": np.ones((2, 2)), "b": np.zeros(3)}
    assert_grads_close(a, a)
    b = {"w": np.array([[1.0, 1.0], [1.0, 1.1]]), "b": np.zeros(3)}
    with pytest.raises(GradCheckError, match=r"w at \[1, 1\]"):
        assert_grads_close(b, a)
    assert_grads_close(b, a, rtol=0.2)
    with pytest.raises(ValueError, match="same names"):
        assert_grads_close({"w": 1.0}, {"v": 1.0})
    with pytest.raises(GradCheckError, match="shape"):
        assert_grads_close([np.ones(3)], [np.ones(4)])


def test_jax_functions():
    jax = pytest.importorskip("jax")
    x = jax.numpy.linspace(-1, 1, 4)
    assert gradcheck(lambda x: jax.numpy.tanh(x) * x, x, order=2).ok
    z = jax.numpy.asarray(np.array([1.0 + 0.5j, -0.3 + 2.0j]))
    assert gradcheck(lambda z: z * jax.numpy.exp(z), z).ok
    assert gradcheck(lambda z: jax.numpy.abs(z) ** 2, z).ok
    assert_matches(ag.tanh, jax.numpy.tanh, np.ones(3, np.float32), order=2)
