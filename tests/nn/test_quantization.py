"""Int8 layers: rounding, integer arithmetic, calibration, quantisation-aware training."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
import nn
import optim
from autograd.testing import to_numpy
from nn import quantization as qt


def network():
    ag.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(6 * 9, 4))


def data(n=96):
    """Images whose brightest quarter is their class."""
    random = np.random.default_rng(0)
    x = random.standard_normal((n, 1, 6, 6)).astype(np.float32) * 0.3
    y = random.integers(0, 4, n)
    for image, c in zip(x, y, strict=True):
        image[0, 3 * (c // 2) : 3 * (c // 2) + 3, 3 * (c % 2) : 3 * (c % 2) + 3] += 1
    return ag.tensor(x), ag.tensor(y)


def trained(model, steps=80, lr=0.01):
    x, y = data()
    optimizer = optim.Adam(model.parameters(), lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model


def test_quantize_and_back():
    x = ag.randn(5, 7)
    scale = qt.weight_scale(x)
    q = qt.quantize(x, scale, axis=0)
    assert q.dtype == ag.int8
    error = np.abs(qt.dequantize(q, scale, axis=0).numpy() - x.numpy())
    assert (error <= to_numpy(scale)[:, None] * 0.5001).all()
    low, high = -1.3, 4.0
    scale, zero = qt.activation_scale(low, high)
    q = qt.quantize(ag.tensor([low, 0.0, high]), scale, zero, signed=False)
    assert q.dtype == ag.uint8
    assert q.tolist() == [0, zero, 255]
    assert qt.dequantize(q, scale, zero)[1].item() == 0


def test_fake_quantize_is_quantize_and_back_with_a_straight_gradient():
    x = ag.randn(4, 3, requires_grad=True)
    scale = qt.weight_scale(x, per_channel=False) * 0.5  # the largest are clipped
    out = qt.fake_quantize(x, scale)
    np.testing.assert_allclose(
        out.detach().numpy(), qt.dequantize(qt.quantize(x.detach(), scale), scale).numpy(), rtol=1e-6
    )
    out.sum().backward()
    clipped = np.abs(np.round(x.detach().numpy() / to_numpy(scale))) > 127
    assert clipped.any()
    np.testing.assert_array_equal(x.grad.numpy(), np.where(clipped, 0.0, 1.0))


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("layer", [nn.Linear(9, 5), nn.Linear(9, 5, bias=False), nn.Conv2d(2, 4, 3, 2, 1, groups=2)])
def test_layers_compute_in_integers(layer, per_channel):
    x = ag.randn(6, 9) if isinstance(layer, nn.Linear) else ag.randn(2, 2, 7, 7)
    layer = layer.to(x.device)
    quantized = qt.quantize_dynamic(layer, per_channel=per_channel)
    weight = qt.dequantize(quantized.weight, quantized.scale, axis=0 if per_channel else None)
    scale, zero = qt.activation_scale(x.min().item(), x.max().item())
    rounded = qt.dequantize(qt.quantize(x, scale, zero, signed=False), scale, zero)
    plain = qt._replaced(layer, lambda m: None)
    plain.load_state_dict({**layer.state_dict(), "weight": weight})
    np.testing.assert_allclose(quantized(x).numpy(), plain(rounded).detach().numpy(), rtol=1e-4, atol=1e-5)
    assert quantized.weight.dtype == ag.int8
    with pytest.raises(AssertionError):
        quantized._floats(np.zeros((2, 5), np.int64), 1.0, -1)


def test_three_ways_keep_the_accuracy():
    x, y = data()
    model = trained(network())
    static = qt.prepare(model)
    static(x)
    aware = trained(qt.prepare_qat(model), steps=10, lr=1e-3)
    for quantized in (qt.quantize_dynamic(model), qt.convert(static), qt.convert(aware)):
        found = qt.report(model, quantized, x, y)
        assert found["accuracy"] > 0.97
        assert found["int8 accuracy"] > found["accuracy"] - 0.03
        assert found["agreement"] > 0.95
        assert found["smaller by"] > 3
    assert type(model[0]) is nn.Conv2d


@pytest.mark.parametrize("observer", [qt.MinMaxObserver, qt.MovingAverageObserver, qt.PercentileObserver])
def test_observers_cover_what_they_saw(observer):
    seen = observer()
    for seed in range(20):
        seen.update(np.random.default_rng(seed).uniform(-1, 3, 500))
    assert -1.01 < seen.low < -0.9
    assert 2.9 < seen.high < 3.01


def test_convert_without_calibration_is_an_error():
    with pytest.raises(RuntimeError, match="has seen no data"):
        qt.convert(qt.prepare(network()))


def test_int8_state_travels():
    model = trained(network(), steps=3)
    a, b = qt.quantize_dynamic(model), qt.quantize_dynamic(network())
    b.load_state_dict(a.state_dict())
    x, _ = data()
    np.testing.assert_array_equal(a(x).numpy(), b(x).numpy())


def test_int8_state_of_a_static_model_travels():
    x, _ = data()
    models = []
    for part in (x[:10], x):
        prepared = qt.prepare(trained(network(), steps=3))
        prepared(part)
        models.append(qt.convert(prepared))
    a, b = models
    assert not np.array_equal(a(x).numpy(), b(x).numpy())
    b.load_state_dict(a.state_dict())
    np.testing.assert_array_equal(a(x).numpy(), b(x).numpy())
    with pytest.raises(RuntimeError, match="input_scale"):
        qt.quantize_dynamic(network()).load_state_dict(a.state_dict())


def test_no_integer_stands_for_nan():
    layer = nn.Linear(2, 1)
    for model in (qt.quantize_dynamic(layer), calibrated(layer)):
        with pytest.raises(ValueError, match=r"numbers to quantise, got (NaN|some from nan to nan)"):
            model(ag.tensor([[np.nan, 1.0]]))


def calibrated(layer):
    prepared = qt.prepare(layer)
    prepared(ag.ones(1, 2))
    return qt.convert(prepared)


def test_a_layer_with_two_names_stays_one():
    layer = nn.Linear(2, 2)
    quantized = qt.quantize_dynamic(nn.Sequential(layer, nn.Tanh(), layer))
    assert quantized[0] is quantized[2]
    assert type(quantized[0]) is qt.QuantizedLinear


@pytest.mark.parametrize("make", [qt.quantize_dynamic, qt.prepare, qt.prepare_qat])
def test_padding_that_is_not_known_is_refused_at_once(make):
    with pytest.raises(ValueError, match="zero padding only, got padding_mode='reflect'"):
        make(nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"))
