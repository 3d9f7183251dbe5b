"""Probability distributions, with the names and the formulas of ``torch.distributions``.

>>> import autograd as ag
>>> policy = Categorical(logits=ag.zeros(4))
>>> policy.log_prob(policy.sample())
tensor(-1.3863)
"""

from typing import Any

from .. import paths
from . import constraint_registry, constraints, transforms, utils
from .constraint_registry import biject_to, transform_to
from .continuous import *
from .counts import *
from .discrete import *
from .distribution import Distribution, ExponentialFamily, Independent
from .divergence import kl_divergence, register_kl
from .gammas import *
from .mixture import *
from .multivariate import *
from .relaxed import *
from .transformed import *
from .transforms import *


def __getattr__(name: str) -> Any:
    return paths.below(__name__, name)
