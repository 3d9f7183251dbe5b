"""DP-SGD: per-sample gradients, clipping, noise, accounting."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
import nn
import optim
from nn import privacy


def setup(noise=0.0, clip=1e9):
    ag.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    x, y = ag.randn(8, 3), ag.randint(0, 2, (8,))
    private = privacy.DPSGD(
        optim.SGD(model.parameters(), lr=1.0), model, nn.CrossEntropyLoss(), clip=clip, noise=noise, batch_size=8
    )
    return model, x, y, private


def test_per_sample_gradients_average_to_the_gradient():
    model, x, y, _ = setup()
    each = privacy.per_sample_gradients(model, nn.CrossEntropyLoss(), x, y)
    nn.functional.cross_entropy(model(x), y).backward()
    for name, p in model.named_parameters():
        np.testing.assert_allclose(each[name].mean(0).numpy(), p.grad.numpy(), atol=1e-6)


class Reused(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 5)

    def forward(self, x):
        return self.layer(self.layer(x).tanh())


class Outside(nn.Module):
    """Uses a layer's parameter elsewhere too."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 5)

    def forward(self, x):
        return self.layer(x) @ self.layer.weight


class OtherOrder(nn.Module):
    """Samples are not in dimension 0 inside."""

    def __init__(self):
        super().__init__()
        self.layer, self.last = nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, x):
        return self.last(self.layer(x.transpose(0, 1)).tanh().transpose(0, 1)).sum(1)


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale, self.layer = nn.Parameter(ag.ones(5)), nn.Linear(5, 3)

    def forward(self, x):
        return self.layer(x * self.scale)


def frozen():
    model = nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3))
    model[0].requires_grad_(False)
    return model


CLASSES = nn.CrossEntropyLoss()
MODELS = {
    "layers": (lambda: nn.Sequential(nn.Linear(5, 6), nn.LayerNorm(6), nn.Tanh(), nn.Linear(6, 3)), (5,), 2),
    "sequences": (lambda: nn.Sequential(nn.Linear(5, 6), nn.LayerNorm([4, 6]), nn.Flatten(), nn.Linear(24, 3)), (4, 5), 2),
    "images": (
        lambda: nn.Sequential(
            nn.Conv2d(2, 4, 3, 2, 1, groups=2), nn.GroupNorm(2, 4), nn.ReLU(), nn.Conv2d(4, 3, (1, 2), padding="same"),
            nn.Conv2d(3, 3, 2, dilation=2, padding=1, padding_mode="reflect", bias=False), nn.Flatten(), nn.LazyLinear(3),
        ),
        (2, 6, 6), 2,
    ),
    "signals": (lambda: nn.Sequential(nn.Conv1d(2, 3, 3, 2), nn.GELU(), nn.Flatten(), nn.LazyLinear(3)), (2, 9), 2),
    "words": (lambda: nn.Sequential(nn.Embedding(7, 4, padding_idx=0), nn.Flatten(), nn.Linear(20, 3)), (5,), 2),
    "twice": (Reused, (5,), 2),
    "frozen": (frozen, (5,), 2),
    "outside": (Outside, (5,), 7),
    "other order": (OtherOrder, (6, 5), 7),
    "own parameter": (Own, (5,), 6),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_each_gradient_is_that_of_the_sample_alone(name):
    make, shape, passes = MODELS[name]
    ag.manual_seed(1)
    model = make()
    x = ag.randint(0, 7, (6, *shape)) if name == "words" else ag.randn(6, *shape)
    y = ag.randint(0, 3, (6,))
    model(x)  # lazy layers take their form
    calls = []
    with model.register_forward_hook(lambda *_: calls.append(1)):
        each = privacy.per_sample_gradients(model, CLASSES, x, y)
    assert len(calls) == passes, "the sample alone, then all at once; where that is no good, all one by one"
    for i in range(6):
        model.zero_grad()
        CLASSES(model(x[i : i + 1]), y[i : i + 1]).backward()
        for path, p in model.named_parameters():
            if p.requires_grad:
                np.testing.assert_allclose(each[path][i].numpy(), p.grad.numpy(), rtol=1e-4, atol=1e-5, err_msg=path)
            else:
                assert path not in each


def test_without_noise_and_clipping_it_is_sgd():
    model, x, y, private = setup()
    before = [p.detach().clone() for p in model.parameters()]
    nn.functional.cross_entropy(model(x), y).backward()
    expected = [(b - p.grad).numpy() for b, p in zip(before, model.parameters(), strict=True)]
    assert private.step(x, y) == 0
    for p, e in zip(model.parameters(), expected, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), e, atol=1e-6)


def test_a_step_is_bounded_by_the_clip():
    model, x, y, private = setup(clip=1e-3)
    before = [p.detach().clone() for p in model.parameters()]
    assert private.step(x, y) == 1
    moved = sum(((p - b) ** 2).sum().item() for p, b in zip(model.parameters(), before, strict=True)) ** 0.5
    assert moved <= 1e-3 * 1.0001


def test_noise_has_the_stated_size():
    model, x, y, private = setup(noise=2.0, clip=1.0)
    _, _, _, quiet = setup(noise=0.0, clip=1.0)
    private.optimizer = quiet.optimizer = optim.SGD(model.parameters(), lr=0.0)
    quiet.model = model
    differences = []
    for _ in range(60):
        private.step(x, y)
        noisy = [p.grad for p in model.parameters()]
        quiet.step(x, y)
        differences += [(a - p.grad).numpy().ravel() for a, p in zip(noisy, model.parameters(), strict=True)]
    assert np.concatenate(differences).std() == pytest.approx(2.0 / 8, rel=0.08)


def test_batch_norm_is_refused():
    with pytest.raises(ValueError, match="1 is a BatchNorm1d, which mixes samples"):
        privacy.per_sample_gradients(
            nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)), nn.MSELoss(), ag.ones(2, 3), ag.ones(2, 3)
        )


def test_epsilon_grows_with_steps_and_falls_with_noise():
    pytest.importorskip("dp_accounting")
    spent = privacy.epsilon(1.1, 0.01, 1000, 1e-5)
    assert 0.5 < spent < 3
    assert privacy.epsilon(1.1, 0.01, 2000, 1e-5) > spent > privacy.epsilon(2.0, 0.01, 1000, 1e-5)
