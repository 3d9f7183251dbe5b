import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils import data

from engines.program import workloads

PACKAGES = ("torch",)
WORKLOADS = workloads(torch, nn, optim, F, data, torch.compile)
del WORKLOADS["loader"]  # nothing in it is compiled
