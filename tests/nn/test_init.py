"""nn.init: exact where it is exact, in distribution where it is random, and PyTorch's errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

import autograd as ag
from nn import init
from tests.conftest import referee

torch = referee()


def test_every_function_of_pytorch_exists():
    names = [n for n in torch.nn.init.__all__ if callable(getattr(torch.nn.init, n))]
    assert not [n for n in names if not hasattr(init, n)]


def test_exact_values():
    for name, shape, args in (
        ("constant_", (3, 4), (2.5,)),
        ("ones_", (3,), ()),
        ("zeros_", (3,), ()),
        ("eye_", (3, 5), ()),
        ("dirac_", (6, 2, 3), ()),
        ("dirac_", (6, 2, 3, 4), (3,)),
        ("dirac_", (4, 4, 3, 3, 3), (2,)),
    ):
        mine, theirs = ag.full(shape, 7.0), torch.full(shape, 7.0)
        assert getattr(init, name)(mine, *args) is mine
        getattr(torch.nn.init, name)(theirs, *args)
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())


@pytest.mark.parametrize(
    "nonlinearity", ["linear", "conv2d", "conv_transpose3d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]
)
def test_gain(nonlinearity):
    assert init.calculate_gain(nonlinearity) == pytest.approx(torch.nn.init.calculate_gain(nonlinearity))
    assert init.calculate_gain("leaky_relu", 0.3) == pytest.approx(torch.nn.init.calculate_gain("leaky_relu", 0.3))
    with pytest.raises(ValueError, match="Unsupported nonlinearity swish"):
        init.calculate_gain("swish")


RANDOM = [
    ("uniform_", (-1.0, 3.0), {}),
    ("normal_", (2.0, 0.5), {}),
    ("trunc_normal_", (0.0, 1.0, -2.0, 2.0), {}),
    ("trunc_normal_", (0.0, 1.0, 2.0, 3.0), {}),
    ("xavier_uniform_", (1.5,), {}),
    ("xavier_normal_", (1.5,), {}),
    ("kaiming_uniform_", (0.2,), {"mode": "fan_out"}),
    ("kaiming_normal_", (), {"nonlinearity": "relu"}),
    ("sparse_", (0.3,), {"std": 0.2}),
]


@pytest.mark.parametrize(("name", "args", "kwargs"), RANDOM)
def test_distributions(name, args, kwargs):
    mine, theirs = ag.empty(300, 200), torch.empty(300, 200)
    getattr(init, name)(mine, *args, **kwargs)
    torch.manual_seed(0)
    getattr(torch.nn.init, name)(theirs, *args, **kwargs)
    a, b = np.sort(mine.numpy().ravel()), np.sort(theirs.numpy().ravel())
    grid = np.linspace(min(a[0], b[0]), max(a[-1], b[-1]), 500)
    apart = np.abs(np.searchsorted(a, grid, "right") - np.searchsorted(b, grid, "right")).max() / a.size
    assert apart < 2.0 * math.sqrt(2 / a.size)  # Kolmogorov and Smirnov's statistic: once in 1500 by chance


def test_orthogonal():
    for shape in ((6, 4), (4, 6), (4, 3, 2)):
        w = init.orthogonal_(ag.empty(*shape, dtype=ag.float64), gain=2.0).numpy().reshape(shape[0], -1)
        gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
        np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-12)


def test_in_place_outside_the_graph_with_a_generator():
    w = ag.zeros(5, 4, requires_grad=True)
    init.kaiming_uniform_(w, generator=ag.Generator().manual_seed(3))
    assert w.is_leaf
    again = init.kaiming_uniform_(ag.zeros(5, 4), generator=ag.Generator().manual_seed(3))
    np.testing.assert_array_equal(w.detach().numpy(), again.numpy())


def test_half_precision():
    assert init.xavier_uniform_(ag.zeros(4, 3, dtype=ag.float16)).dtype == ag.float16


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: init.xavier_uniform_(ag.zeros(3)), "fewer than 2 dimensions"),
        (lambda: init.eye_(ag.zeros(3)), "2 dimensions"),
        (lambda: init.dirac_(ag.zeros(3, 3)), "3, 4, or 5 dimensions"),
        (lambda: init.orthogonal_(ag.zeros(3)), "2 or more"),
        (lambda: init.kaiming_normal_(ag.zeros(3, 3), mode="fan"), "Mode fan not supported"),
    ],
)
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_old_names_warn():
    with pytest.warns(FutureWarning, match="deprecated in favor of"):
        init.xavier_normal(ag.zeros(3, 3))
