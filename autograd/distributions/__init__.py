"""Probability distributions, with the names and the formulas of ``torch.distributions``.

>>> import autograd as ag
>>> policy = Categorical(logits=ag.zeros(4))
>>> policy.log_prob(policy.sample())
tensor(-1.3863)
"""

from .continuous import *
from .discrete import *
from .distribution import Distribution, Independent
from .divergence import kl_divergence
