"""Functions that distributions and constraints are carried by: each can be inverted and knows how it stretches."""

from .composite import *
from .elementwise import *
from .transform import Transform
from .vectors import *
