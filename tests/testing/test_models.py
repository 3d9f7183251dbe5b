"""Model checks: each passes on a sound model, and names the culprit in a broken one."""

import numpy as np
import pytest

import autograd as ag
import nn
from autograd.testing import (
    assert_all_parameters_get_gradients,
    assert_batch_independent,
    assert_causal,
    assert_deterministic,
    assert_overfits,
)


class Net(nn.Module):
    def __init__(self, cut: str = ""):
        super().__init__()
        ag.manual_seed(0)
        self.first, self.last, self.cut = nn.Linear(3, 8), nn.Linear(8, 2), cut

    def forward(self, x):
        h = self.first(x)
        if self.cut == "detach":
            h = h.detach()
        if self.cut == "zero":
            h = h * 0
        if self.cut == "nan":
            h = (h * 0).sqrt()
        return self.last(h.tanh() if self.cut != "nan" else h)


def test_all_parameters_get_gradients():
    x = ag.ones(4, 3)
    model = Net()
    assert_all_parameters_get_gradients(model, lambda m: m(x).sum())
    assert_all_parameters_get_gradients(model, model(x).sum())
    assert all(p.grad is None for p in model.parameters())  # the model's own gradients are left alone


@pytest.mark.parametrize(
    ("cut", "reason"),
    [("detach", "no gradient"), ("zero", "every element"), ("nan", "not finite")],
)
def test_parameters_without_gradients_are_named(cut, reason):
    model = Net(cut)
    culprit = rf"[23] of 4 parameters of Net .*\n  first\.weight \(8, 3\): .*{reason}"
    with pytest.raises(AssertionError, match=culprit), np.errstate(all="ignore"):
        assert_all_parameters_get_gradients(model, lambda m: m(ag.ones(4, 3)).sum())
    if cut == "detach":
        assert_all_parameters_get_gradients(model, model(ag.ones(4, 3)).sum(), allow=("first",))


def test_deterministic():
    def train(seed):
        ag.manual_seed(seed)
        model = nn.Linear(3, 2)
        return {"model": model, "losses": [1.0, 2.0]}

    assert_deterministic(lambda: train(1))
    seeds = iter(range(10))
    with pytest.raises(AssertionError, match=r"two runs differ in \['model'\]\.weight at \[0, 0\]"):
        assert_deterministic(lambda: train(next(seeds)))


def test_overfits_and_puts_the_model_back():
    rng = np.random.default_rng(0)
    x = ag.tensor(rng.normal(size=(6, 3)), dtype=ag.float32)
    y = ag.tensor(np.arange(6) % 2)
    model = Net()
    before = {k: v.numpy().copy() for k, v in model.state_dict().items()}
    assert_overfits(model, (x, y), lr=0.05)
    assert_overfits(model, (x, ag.tensor(rng.normal(size=(6, 2)), dtype=ag.float32)), lr=0.05)
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[key])
    with pytest.raises(AssertionError, match=r"Net cannot learn one batch: .* least moved: first\.weight"):
        assert_overfits(Net("zero"), (x, y), steps=20)


class Mixing(nn.Module):
    """Fails a check in its submodule `mix`."""

    def __init__(self, mix):
        super().__init__()
        self.head, self.mix, self.tail = nn.Linear(3, 3), mix, nn.Linear(3, 3)

    def forward(self, x):
        return self.tail(self.mix(self.head(x)))


class Mean(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, x):
        return x - x.mean(self.dim, keepdim=True)


class Cumulate(nn.Module):
    def forward(self, x):
        return x.cumsum(1)


def test_batch_independence():
    x = ag.randn(4, 5, 3, generator=ag.Generator().manual_seed(0))
    assert_batch_independent(Mixing(Mean(1)), x)
    with pytest.raises(AssertionError, match=r"mixes the samples.* first in 'mix'"):
        assert_batch_independent(Mixing(Mean(0)), x)


def test_causality():
    x = ag.randn(2, 6, 3, generator=ag.Generator().manual_seed(0))
    assert_causal(Mixing(Cumulate()), x)
    with pytest.raises(AssertionError, match=r"looks into the future: only positions after 0 .* first in 'mix'"):
        assert_causal(Mixing(Mean(1)), x)


def test_the_last_state_of_a_recurrent_layer_is_left_out():
    x = ag.randn(2, 5, 3, generator=ag.Generator().manual_seed(0))
    assert_causal(nn.LSTM(3, 3, batch_first=True), x)
    assert_batch_independent(nn.LSTM(3, 3, batch_first=True), x)
    with pytest.raises(AssertionError, match="looks into the future"):
        assert_causal(nn.LSTM(3, 3, batch_first=True, bidirectional=True), x)
    with pytest.raises(ValueError, match=r"5 entries along dim 1, got \[\(2, 3\)\]"):
        assert_causal(lambda x: x.sum(1), x)


def test_causality_of_token_numbers():
    tokens = ag.tensor(np.array([[1, 0, 2, 3], [3, 1, 1, 0]]))
    table = ag.randn(4, 3, generator=ag.Generator().manual_seed(0))
    assert_causal(lambda t: table[t].cumsum(1), tokens)
    with pytest.raises(AssertionError, match="into the future"):
        assert_causal(lambda t: table[t].flip(1), tokens)


def test_random_models_are_refused():
    noise = iter(range(100))
    with pytest.raises(ValueError, match="is random"):
        assert_batch_independent(lambda x: x * float(next(noise)), ag.ones(3, 2))


def test_torch_models():
    torch = pytest.importorskip("torch")
    layers = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    x = torch.arange(12.0).reshape(4, 3) ** 2
    with pytest.raises(AssertionError, match=r"mixes the samples.* first in '1'"):
        assert_batch_independent(layers.train(), x)
    assert_batch_independent(layers.eval(), x)
    with pytest.raises(AssertionError, match=r"1\.bias"):
        assert_all_parameters_get_gradients(layers, lambda m: (m(x) * 0).sum())
