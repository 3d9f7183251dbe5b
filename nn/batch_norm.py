"""Normalisation over a batch or over each example's positions, with running statistics: batch and instance norms."""

from __future__ import annotations

import warnings
from typing import Any

from autograd.creation import ones, tensor, zeros
from autograd.graph import mutated, whereabouts
from autograd.tensor import Tensor, share

from . import functional as F
from .lazy import LazyLayer
from .module import Module
from .normalization import _Affine
from .parameter import UninitializedBuffer, UninitializedParameter, is_lazy

__all__ = [
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "LazyBatchNorm1d",
    "LazyBatchNorm2d", "LazyBatchNorm3d", "LazyInstanceNorm1d", "LazyInstanceNorm2d", "LazyInstanceNorm3d", "SyncBatchNorm",
]  # fmt: skip


class _NormBase(_Affine):
    """Per channel a scale, a shift, and running statistics."""

    _version = 2  # since then num_batches_tracked is saved too
    dims: tuple[int, ...]  # numbers of dimensions that the input may have

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        size = {"device": device, "dtype": dtype}
        self._register_affine(num_features, affine, affine and bias, **size)
        self.register_buffer("running_mean", zeros(num_features, **size) if track_running_stats else None)
        self.register_buffer("running_var", ones(num_features, **size) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", tensor(0, device=device) if track_running_stats else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the running statistics."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Start again: scale 1, shift 0, no statistics."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim not in self.dims:
            wanted = " or ".join(f"{n}D" for n in self.dims)
            raise ValueError(f"expected {wanted} input (got {input.ndim}D input, {tuple(input.shape)}){whereabouts()}")

    def _load_from_state_dict(self, state_dict: dict, prefix: str, local_metadata: dict, *rest: Any) -> None:
        """A state_dict of the first version has no count of batches: keep ours."""
        first = (local_metadata.get("version") or 1) < 2
        if first and self.track_running_stats and not is_lazy(self.num_batches_tracked):
            state_dict.setdefault(prefix + "num_batches_tracked", self.num_batches_tracked)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_NormBase):
    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        gain = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats:
            count = share(self.num_batches_tracked)
            count += 1  # an add_() would cost more than a small batch norm
            mutated(count)
            if self.momentum is None:  # the plain mean of all batches
                gain = 1.0 / self.num_batches_tracked.item()
        tracked = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if tracked else None,
            self.running_var if tracked else None,
            self.weight,
            self.bias,
            self.training or self.running_mean is None,
            gain,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    """Normalises each channel by its mean and variance over the batch: (x − mean) / √(var + eps) · weight + bias.

    Args:
        num_features: channels.
        eps: keeps the division from zero.
        momentum: share of the new batch in the running statistics; None for the plain mean of all batches.
        affine: are there `weight` and `bias`?
        track_running_stats: keep statistics for evaluation; otherwise those of the batch serve there too.

    Shapes: (N, C) or (N, C, L).

    Source: Ioffe and Szegedy, https://arxiv.org/abs/1502.03167

    >>> import autograd as ag, nn
    >>> nn.BatchNorm1d(2)(ag.tensor([[1.0, 0.0], [3.0, 0.0]])).round(decimals=2)
    tensor([[-1.,  0.],
            [ 1.,  0.]], grad_fn=<RoundBackward0>)
    """

    dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """`BatchNorm1d` for images (N, C, H, W)."""

    dims = (4,)


class BatchNorm3d(_BatchNorm):
    """`BatchNorm1d` for volumes (N, C, D, H, W)."""

    dims = (5,)


class SyncBatchNorm(_BatchNorm):
    """Batch normalisation over all processes; there is one, so it is a batch norm for inputs of two or more dimensions."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim < 2:
            raise ValueError(
                f"expected at least 2D input (got {input.ndim}D input, {tuple(input.shape)}){whereabouts()}"
            )

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """The module, with all its batch norms replaced by this one; they share parameters and buffers with those."""
        made = module
        if isinstance(module, _BatchNorm):
            made = cls(
                module.num_features,
                module.eps,
                module.momentum,
                module.affine,
                module.track_running_stats,
                process_group,
                bias=module.bias is not None,
            )
            made._parameters.update(module._parameters)
            made._buffers.update(module._buffers)
            made.training = module.training
        for name, child in module.named_children():
            made.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return made


class _InstanceNorm(_NormBase):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        unbatched = input.ndim == self.dims[0]
        dim = 0 if unbatched else 1
        if input.shape[dim] != self.num_features:
            if self.affine:
                raise ValueError(
                    f"expected input's size at dim={dim} to match num_features ({self.num_features}), but got: {input.shape[dim]}."
                )
            warnings.warn(
                f"input's size at dim={dim} does not match num_features, which is not used because affine=False: "
                "you may leave it as it is, or pass the right one",
                stacklevel=3,
            )
        out = F.instance_norm(
            input.unsqueeze(0) if unbatched else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return out.squeeze(0) if unbatched else out


class InstanceNorm1d(_InstanceNorm):
    """Normalises each channel of each example by its mean and variance over the positions.

    Args: as for `BatchNorm1d`; without `affine` and running statistics unless asked for.

    Shapes: (N, C, L) or (C, L).

    Source: Ulyanov et al., https://arxiv.org/abs/1607.08022
    """

    dims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """`InstanceNorm1d` for images (N, C, H, W) or (C, H, W)."""

    dims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """`InstanceNorm1d` for volumes (N, C, D, H, W) or (C, D, H, W)."""

    dims = (4, 5)


class _LazyNorm(LazyLayer):
    """A norm that takes `num_features` from its first input."""

    def __init__(
        self: Any,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__(0, eps, momentum, False, False, bias=bias)
        self.affine, self.track_running_stats = affine, track_running_stats
        size = {"device": device, "dtype": dtype}
        if self.affine:
            self.weight = UninitializedParameter(**size)
            if bias:
                self.bias = UninitializedParameter(**size)
        if self.track_running_stats:
            self.running_mean, self.running_var = UninitializedBuffer(**size), UninitializedBuffer(**size)
            self.num_batches_tracked = tensor(0, device=device)

    def initialize_parameters(self: Any, input: Tensor) -> None:
        self._check_input_dim(input)
        unbatched = isinstance(self, _InstanceNorm) and input.ndim == self.dims[0]
        self.num_features = input.shape[0 if unbatched else 1]
        self._materialize(**dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (self.num_features,)))


class LazyBatchNorm1d(_LazyNorm, _BatchNorm):
    """A `BatchNorm1d` that takes `num_features` from its first input."""

    cls_to_become, dims = BatchNorm1d, BatchNorm1d.dims


class LazyBatchNorm2d(_LazyNorm, _BatchNorm):
    """A `BatchNorm2d` that takes `num_features` from its first input."""

    cls_to_become, dims = BatchNorm2d, BatchNorm2d.dims


class LazyBatchNorm3d(_LazyNorm, _BatchNorm):
    """A `BatchNorm3d` that takes `num_features` from its first input."""

    cls_to_become, dims = BatchNorm3d, BatchNorm3d.dims


class LazyInstanceNorm1d(_LazyNorm, _InstanceNorm):
    """An `InstanceNorm1d` that takes `num_features` from its first input."""

    cls_to_become, dims = InstanceNorm1d, InstanceNorm1d.dims


class LazyInstanceNorm2d(_LazyNorm, _InstanceNorm):
    """An `InstanceNorm2d` that takes `num_features` from its first input."""

    cls_to_become, dims = InstanceNorm2d, InstanceNorm2d.dims


class LazyInstanceNorm3d(_LazyNorm, _InstanceNorm):
    """An `InstanceNorm3d` that takes `num_features` from its first input."""

    cls_to_become, dims = InstanceNorm3d, InstanceNorm3d.dims
