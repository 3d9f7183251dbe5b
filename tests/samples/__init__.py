"""One line for each op of the registry: an `OpCase` with samples, by family as in autograd/ops."""

from . import linear_algebra, networks, pointwise, reductions, shapes, special

CASES = [case for family in (pointwise, special, shapes, reductions, linear_algebra, networks) for case in family.CASES]
