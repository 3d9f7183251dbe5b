"""PyTorch's longer import paths, such as ``nn.modules.batchnorm`` or ``autograd.distributions.kl``, and those it has alone.

What PyTorch spreads over many files is often one file here; programs name those files.  A finder behind Python's own
answers for them, with a module that looks its names up where they are, or with an error that says what to write instead.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import sys
import types
from collections.abc import Sequence
from typing import Any

from .absent import ABSENT

__all__ = ["below", "install"]

_NN = (
    "activation", "batchnorm", "container", "conv", "distance", "dropout", "flatten", "fold", "instancenorm", "lazy", "linear",
    "loss", "module", "normalization", "padding", "pixelshuffle", "pooling", "rnn", "sparse", "transformer", "upsampling",
    "utils",
)  # fmt: skip
_DISTRIBUTIONS = (
    "bernoulli", "beta", "binomial", "categorical", "cauchy", "chi2", "continuous_bernoulli", "dirichlet", "exp_family",
    "exponential", "fishersnedecor", "gamma", "generalized_pareto", "geometric", "gumbel", "half_cauchy", "half_normal",
    "independent", "inverse_gamma", "kl", "kumaraswamy", "laplace", "lkj_cholesky", "log_normal", "logistic_normal",
    "lowrank_multivariate_normal", "mixture_same_family", "multinomial", "multivariate_normal", "negative_binomial",
    "normal", "one_hot_categorical", "pareto", "poisson", "relaxed_bernoulli", "relaxed_categorical", "studentT",
    "transformed_distribution", "uniform", "von_mises", "weibull", "wishart",
)  # fmt: skip

# A path of PyTorch's, and the modules that have its names.
_PLACES: dict[str, tuple[str, ...]] = {
    "autograd.autograd.anomaly_mode": ("autograd.anomaly",),
    "autograd.autograd.function": ("autograd.function",),
    "autograd.autograd.functional": ("autograd.functional",),
    "autograd.autograd.grad_mode": ("autograd.graph",),
    "autograd.autograd.graph": ("autograd.graph", "autograd.saved_tensors", "autograd.node_hooks"),
    "autograd.autograd.profiler": ("autograd.profiler",),
    "autograd.autograd.variable": ("autograd.autograd",),
    "autograd._dynamo": ("autograd.compiler",),
    "autograd.jit.annotations": ("typing",),
    "autograd.mps": ("autograd.backends.mps",),
    "autograd.xpu": ("autograd.backends.mps",),
    "nn.attention.flex_attention": ("nn.flex_attention",),
    "nn.common_types": ("nn.sizes",),
    "nn.modules": ("nn",),
    "nn.parallel.data_parallel": ("nn.parallel",),
    "nn.parallel.distributed": ("nn.parallel",),
    "optim.adamw": ("optim",),
}
_PLACES |= {
    f"nn.modules.{name}": (
        "nn", "nn.module", "nn.conv", "nn.batch_norm", "nn.normalization", "nn.dropout", "nn.loss", "nn.transformer", "nn.lazy", "nn.sizes", "nn.loading",
    )
    for name in _NN
}  # fmt: skip
_PLACES |= {f"autograd.distributions.{name}": ("autograd.distributions",) for name in _DISTRIBUTIONS}
_PLACES |= {
    f"autograd.utils.data.{name}": ("autograd.data",)
    for name in ("_utils", "_utils.collate", "dataloader", "dataset", "distributed", "sampler")
}


class _Elsewhere(types.ModuleType):
    """A module whose names are other modules'."""

    def __init__(self, name: str, places: tuple[str, ...]):
        super().__init__(name, f"The names of {' and '.join(places)}, under a path of PyTorch's.")
        self._places = places

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__"):
            if self.__name__ == "nn.modules" and name in _NN:  # modules.utils is not nn.utils
                return importlib.import_module(f"nn.modules.{name}")
            for place in map(importlib.import_module, self._places):
                if hasattr(place, name):
                    return getattr(place, name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


class _Finder:
    """A finder and loader; the base classes for these, in `importlib.abc`, take a fifth of this package's time to import."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname in _PLACES:
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)  # type: ignore[arg-type]
        package, _, name = fullname.rpartition(".")
        if package.partition(".")[0] in ("autograd", "nn", "optim") and name in ABSENT:
            raise ModuleNotFoundError(f"gradloom has no {fullname!r}: {ABSENT[name]}")
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return _Elsewhere(spec.name, _PLACES[spec.name])

    def exec_module(self, module: types.ModuleType) -> None:
        pass


def below(package: str, name: str) -> types.ModuleType:
    """The module of this path, for programs that name it without importing it; an AttributeError if there is none."""
    if f"{package}.{name}" in _PLACES:
        return importlib.import_module(f"{package}.{name}")
    if name in ABSENT:
        raise AttributeError(f"gradloom has no {package}.{name}: {ABSENT[name]}")
    raise AttributeError(f"module {package!r} has no attribute {name!r}")


def install() -> None:
    """Let Python ask here for modules that it does not find by itself."""
    sys.meta_path.append(_Finder())  # type: ignore[arg-type]
