import autograd as torch
import nn
import nn.functional as F
import optim
from autograd import data
from engines.program import workloads

PACKAGES = "numpy", "numba"
WORKLOADS = workloads(torch, nn, optim, F, data)
