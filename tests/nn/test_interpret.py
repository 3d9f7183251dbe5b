"""Explanations: completeness, linear models, and that they find what a model looks at."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
import nn
from nn import interpret


def network():
    ag.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 3)).double()


def images():
    ag.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 2))


def test_linear_model_is_explained_by_its_weights():
    w = ag.tensor([[1.0, -2.0, 0.5]])
    model = nn.Linear(3, 1, bias=False)
    model.load_state_dict({"weight": w})
    x = ag.tensor([[3.0, 1.0, 2.0]])
    assert interpret.saliency(model, x).tolist() == [[1, 2, 0.5]]
    assert interpret.input_x_gradient(model, x).tolist() == [[3, -2, 1]]
    np.testing.assert_allclose(interpret.smooth_grad(model, x).numpy(), w.numpy(), rtol=1e-6)


@pytest.mark.parametrize("target", [None, 1, [0, 2, 1, 0]])
def test_integrated_gradients_are_complete(target):
    model, x, start = network(), ag.randn(4, 6, dtype=ag.float64), ag.randn(1, 6, dtype=ag.float64)
    shares = interpret.integrated_gradients(model, x, target, baseline=start, steps=40)
    out = model(x)
    classes = out.argmax(1) if target is None else ag.as_tensor(target).expand(4)
    rows = ag.arange(4)
    difference = out[rows, classes] - model(start)[0][classes]
    np.testing.assert_allclose(shares.sum(1).numpy(), difference.detach().numpy(), rtol=1e-9)


def test_occlusion_finds_the_pixel_that_counts():
    class Corner(nn.Module):
        def forward(self, x):
            return 5 * x[:, 0, 1, 2]

    found = interpret.occlusion(Corner(), ag.ones(1, 1, 4, 4), window=(1, 1))
    assert found[0, 0, 1, 2].item() == 5
    assert found.sum().item() == 5
    with pytest.raises(ValueError, match=r"window \(9, 9\) must fit"):
        interpret.occlusion(Corner(), ag.ones(1, 1, 4, 4), window=(9, 9))


def test_activations_by_name():
    model = images()
    x = ag.randn(2, 1, 6, 6)
    found = interpret.activations(model, x, ["0", "1"])
    np.testing.assert_array_equal(found["1"].detach().numpy(), np.maximum(found["0"].detach().numpy(), 0))
    with pytest.raises(AttributeError):
        interpret.activations(model, x, "nowhere")


def test_grad_cam():
    model, x = images(), ag.randn(3, 1, 6, 6)
    cam = interpret.grad_cam(model, x, "1", 0)
    assert cam.shape == (3, 6, 6)
    assert cam.min().item() >= 0
    with pytest.raises(ValueError, match="outputs"):
        interpret.grad_cam(model, x, "3")


def test_models_and_gradients_are_left_alone():
    model, x = network(), ag.randn(2, 6, dtype=ag.float64)
    interpret.saliency(model, x)
    interpret.integrated_gradients(model, x)
    assert all(p.grad is None for p in model.parameters())
    assert not x.requires_grad
