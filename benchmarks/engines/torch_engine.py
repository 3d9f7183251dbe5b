import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils import data

from engines.program import workloads

torch.set_num_threads(2)
WORKLOADS = workloads(torch, nn, optim, F, data)
