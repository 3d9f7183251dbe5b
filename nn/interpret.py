"""Why a model answers what it answers: which parts of the input, and which inner features, its output depends on.

Each method takes a model in the mode you want explained (usually ``model.eval()``), inputs of shape (N, …), and the class
whose output is to be explained: one for all samples, one for each, or None for the class the model chooses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

import numpy as np

import autograd as ag
from autograd.backward import grad
from autograd.random import Generator
from autograd.tensor import Tensor

from .functional import interpolate, relu
from .module import Module

__all__ = [
    "activations",
    "grad_cam",
    "input_x_gradient",
    "integrated_gradients",
    "occlusion",
    "saliency",
    "smooth_grad",
]


def _own_class(outputs: Tensor) -> Any:
    """The class that the model chooses for each sample; None where it has one output."""
    return outputs.detach().argmax(1) if outputs.ndim == 2 and outputs.shape[1] > 1 else None


def _chosen(outputs: Tensor, target: Any) -> Tensor:
    """The output of the explained class, for each sample."""
    if outputs.ndim == 1 or outputs.shape[1] == 1:
        return outputs.reshape(-1)
    if outputs.ndim != 2:
        raise ValueError(f"expected outputs (N, classes) or (N,), got {tuple(outputs.shape)}")
    target = ag.as_tensor(_own_class(outputs) if target is None else target).to(outputs.device)
    return outputs.gather(1, target.expand(outputs.shape[0]).reshape(-1, 1))[:, 0]


def _gradient(model: Callable[[Tensor], Tensor], x: Tensor, target: Any) -> Tensor:
    x = x.detach().requires_grad_()
    with ag.enable_grad():
        return grad(_chosen(model(x), target).sum(), x)[0]


def saliency(model: Callable[[Tensor], Tensor], x: Tensor, target: Any = None) -> Tensor:
    """The absolute gradient of the output with respect to the input; of the input's shape.

    Source: Simonyan et al. 2013, https://arxiv.org/abs/1312.6034

    >>> saliency(lambda x: (x * ag.tensor([1.0, -2.0])).sum(1), ag.ones(1, 2))
    tensor([[1., 2.]])
    """
    return _gradient(model, x, target).abs()


def input_x_gradient(model: Callable[[Tensor], Tensor], x: Tensor, target: Any = None) -> Tensor:
    """The input times the gradient: for a linear model each part's share of the output."""
    return x.detach() * _gradient(model, x, target)


def smooth_grad(
    model: Callable[[Tensor], Tensor],
    x: Tensor,
    target: Any = None,
    *,
    samples: int = 25,
    noise: float = 0.15,
    generator: Generator | None = None,
) -> Tensor:
    """The mean gradient over noisy copies of the input.

    Args:
        samples: how many copies.
        noise: standard deviation of the noise, as a share of each sample's range of values.

    Source: Smilkov et al. 2017, https://arxiv.org/abs/1706.03825
    """
    if target is None:
        target = _own_class(model(x.detach()))  # of the clean input
    dims = tuple(range(1, x.ndim))
    scale = noise * (x.detach().amax(dims, keepdim=True) - x.detach().amin(dims, keepdim=True))
    total = ag.zeros_like(x)
    for _ in range(samples):
        total = total + _gradient(model, x + scale * ag.randn_like(x, generator=generator), target)
    return total / samples


def integrated_gradients(
    model: Callable[[Tensor], Tensor],
    x: Tensor,
    target: Any = None,
    *,
    baseline: Tensor | None = None,
    steps: int = 50,
) -> Tensor:
    """Each part's share of the difference between the output at the input and at the baseline.

    The shares of a sample sum to that difference ("completeness"), up to the error of a Gauss-Legendre rule.

    Args:
        baseline: of the input's shape, or broadcast to it; zeros unless given.
        steps: points of the rule on the straight way from the baseline to the input.

    Source: Sundararajan et al. 2017, https://arxiv.org/abs/1703.01365

    >>> integrated_gradients(lambda x: (x**2).sum(1), ag.tensor([[1.0, 3.0]]))
    tensor([[1.0000, 9.0000]])
    """
    x = x.detach()
    start = ag.zeros_like(x) if baseline is None else baseline.detach().expand(*x.shape)
    if target is None:
        target = _own_class(model(x))
    points, weights = np.polynomial.legendre.leggauss(steps)
    total = ag.zeros_like(x)
    for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
        total = total + float(weight) * _gradient(model, start + float(point) * (x - start), target)
    return (x - start) * total


def occlusion(
    model: Callable[[Tensor], Tensor],
    x: Tensor,
    target: Any = None,
    *,
    window: tuple[int, ...],
    stride: tuple[int, ...] | None = None,
    value: float = 0.0,
) -> Tensor:
    """How much the output falls when a window of the input is covered; of the input's shape.

    Args:
        window: its extent in the last dimensions, such as (3, 3) for images.
        stride: its steps; the window itself unless given.
        value: what it is covered with.

    Each element gets the mean fall over the windows that cover it.

    Source: Zeiler and Fergus 2013, https://arxiv.org/abs/1311.2901
    """
    stride = stride or window
    sizes = x.shape[-len(window) :]
    if any(not 1 <= w <= n for w, n in zip(window, sizes, strict=True)):
        raise ValueError(f"the window {window} must fit into the last dimensions of {tuple(x.shape)}")
    with ag.no_grad():
        outputs = model(x)
        target = _own_class(outputs) if target is None else target
        whole = _chosen(outputs, target)
        total, count = ag.zeros_like(x), ag.zeros_like(x)
        starts = [sorted({*range(0, n - w + 1, s), n - w}) for n, w, s in zip(sizes, window, stride, strict=True)]
        for corner in np.ndindex(*map(len, starts)):
            place = (..., *(slice(s[i], s[i] + w) for s, i, w in zip(starts, corner, window, strict=True)))
            covered = x.clone()
            covered[place] = value
            fall = whole - _chosen(model(covered), target)
            total[place] += fall.reshape(-1, *[1] * (x.ndim - 1))
            count[place] += 1
    return total / count


def activations(model: Module, x: Tensor, names: Iterable[str] | str) -> dict[str, Tensor]:
    """What modules inside a model put out, by their dotted names.

    Raises AttributeError for a name that no module has, RuntimeError for a module that was not called.

    >>> import nn
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    >>> activations(model, ag.ones(1, 2), ["0"])["0"].shape
    autograd.Size([1, 3])
    """
    names = [names] if isinstance(names, str) else list(names)
    found: dict[str, Tensor] = {}
    with ExitStack() as stack:
        for name in names:
            module = model.get_submodule(name)
            hook = module.register_forward_hook(lambda m, args, out, name=name: found.__setitem__(name, out))
            stack.callback(hook.remove)
        model(x)
    if missing := [name for name in names if name not in found]:
        raise RuntimeError(
            f"the model did not call {missing}; only modules that take part in the forward pass have activations"
        )
    return found


def grad_cam(model: Module, x: Tensor, layer: str, target: Any = None, *, upsample: bool = True) -> Tensor:
    """Where in the image a convolutional layer saw what speaks for the class: (N, H, W), at least 0.

    Args:
        layer: dotted name of a module whose output is (N, C, h, w).
        upsample: stretch the map to the input's height and width.

    Source: Selvaraju et al. 2016, https://arxiv.org/abs/1610.02391
    """
    kept: list[Tensor] = []
    with model.get_submodule(layer).register_forward_hook(lambda m, args, out: kept.append(out)), ag.enable_grad():
        outputs = model(x.detach().requires_grad_())
    if not kept or kept[-1].ndim != 4:
        raise ValueError(
            f"grad_cam needs a layer with outputs (N, C, h, w); {layer!r} gave {[tuple(k.shape) for k in kept]}"
        )
    features = kept[-1]
    (gradient,) = grad(_chosen(outputs, target).sum(), features)
    weights = gradient.mean((2, 3), keepdim=True)  # (N, C, 1, 1)
    cam = relu((weights * features.detach()).sum(1, keepdim=True))
    if upsample:
        cam = interpolate(cam, size=tuple(x.shape[-2:]), mode="bilinear", align_corners=False)
    return cam[:, 0]
