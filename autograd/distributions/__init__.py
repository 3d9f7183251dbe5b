"""Probability distributions, with the names and the formulas of ``torch.distributions``.

>>> import autograd as ag
>>> policy = Categorical(logits=ag.zeros(4))
>>> policy.log_prob(policy.sample())
tensor(-1.3863)
"""

from typing import Any

from .. import paths
from .continuous import *
from .counts import *
from .discrete import *
from .distribution import Distribution, Independent
from .divergence import kl_divergence, register_kl
from .gammas import *
from .transformed import *


def __getattr__(name: str) -> Any:
    if name == "constraints":
        raise AttributeError(
            "gradloom has no distributions.constraints: distributions check their parameters themselves"
        )
    if name[:1].isupper():
        raise AttributeError(
            f"gradloom has no distribution {name!r}: write its log_prob with tensor operations, in a class derived from "
            "Distribution, or use TransformedDistribution"
        )
    return paths.below(__name__, name)
