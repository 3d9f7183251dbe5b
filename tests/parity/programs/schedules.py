"""Every schedule of the learning rate, alone and together, resumed in the middle; averages of weights."""

import copy
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.optim import lr_scheduler as schedules
from torch.optim.swa_utils import SWALR, AveragedModel, get_ema_multi_avg_fn, update_bn

rng = np.random.default_rng(0)


def normal(*shape):
    return torch.tensor(rng.standard_normal(shape), dtype=torch.get_default_dtype())


def fill(module, scale=0.3):
    for p in module.parameters():
        p.data.copy_(normal(*p.shape) * scale)
    return module


net = fill(nn.Linear(2, 1))
x = normal(8, 2)
y = x.sum(1, keepdim=True)


def optimizer(groups=False, lr=0.1):
    parts = [{"params": [net.weight], "lr": lr / 2}, {"params": [net.bias]}] if groups else net.parameters()
    return optim.SGD(parts, lr=lr, momentum=0.9)


kinds = {
    "step": lambda o: schedules.StepLR(o, 3, 0.5),
    "milestones": lambda o: schedules.MultiStepLR(o, milestones=[2, 5], gamma=0.1),
    "exponential": lambda o: schedules.ExponentialLR(o, gamma=0.9),
    "constant": lambda o: schedules.ConstantLR(o, factor=0.5, total_iters=3),
    "linear": lambda o: schedules.LinearLR(o, start_factor=0.1, total_iters=4),
    "polynomial": lambda o: schedules.PolynomialLR(o, total_iters=6, power=2.0),
    "cosine": lambda o: schedules.CosineAnnealingLR(o, T_max=4, eta_min=1e-3),
    "restarts": lambda o: schedules.CosineAnnealingWarmRestarts(o, T_0=3, T_mult=2),
    "one cycle": lambda o: schedules.OneCycleLR(
        o, max_lr=0.4, steps_per_epoch=2, epochs=5, pct_start=0.4, three_phase=True
    ),
    "cyclic": lambda o: schedules.CyclicLR(o, base_lr=0.01, max_lr=0.1, step_size_up=2, mode="triangular2"),
    "lambda": lambda o: schedules.LambdaLR(o, lr_lambda=lambda e: 0.95**e if e > 1 else (e + 1) / 2),
    "multiplied": lambda o: schedules.MultiplicativeLR(o, lr_lambda=lambda e: 0.9),
    "sequence": lambda o: schedules.SequentialLR(
        o, [schedules.LinearLR(o, 0.1, 1.0, 3), schedules.CosineAnnealingLR(o, 6)], milestones=[3]
    ),
    "chain": lambda o: schedules.ChainedScheduler([schedules.ConstantLR(o, 0.1, 2), schedules.ExponentialLR(o, 0.9)]),
    "swa": lambda o: SWALR(o, swa_lr=0.01, anneal_epochs=3, anneal_strategy="cos"),
}
for name, make in kinds.items():
    for groups in (False, True):
        o = optimizer(groups)
        scheduler, rates = make(o), []
        for _ in range(8):
            F.mse_loss(net(x), y).backward()
            o.step()
            o.zero_grad()
            scheduler.step()
            rates.append([round(group["lr"], 7) for group in o.param_groups])
        print(name, rates, scheduler.get_last_lr())
    private = ("verbose", "lr_lambdas")
    print(sorted(k for k in scheduler.state_dict() if not k.startswith("_") and k not in private))

o = optimizer()
plateau = schedules.ReduceLROnPlateau(o, mode="min", factor=0.5, patience=1, threshold=1e-2, cooldown=1, min_lr=1e-3)
for loss in (1.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.8, 0.8, 0.8, 0.8):
    plateau.step(loss)
    print(o.param_groups[0]["lr"], plateau.num_bad_epochs, end=" ")
print(plateau.best)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    schedules.StepLR(optimizer(), 1).step()
    print(len(caught), str(caught[0].message)[:60])

first = optimizer()
before = schedules.CosineAnnealingLR(first, 10)
for _ in range(4):
    first.step()
    before.step()
second = optimizer(lr=5.0)
second.load_state_dict(first.state_dict())
after = schedules.CosineAnnealingLR(second, 10)
after.load_state_dict(before.state_dict())
for o, scheduler in ((first, before), (second, after)):
    o.step()
    scheduler.step()
print(before.get_last_lr() == after.get_last_lr(), second.param_groups[0]["lr"])
late = optim.SGD([{"params": net.parameters(), "initial_lr": 0.1}], lr=0.1)
print(schedules.StepLR(late, 2, last_epoch=3).get_last_lr())


class Noam(schedules.LRScheduler):
    def __init__(self, optimizer, width, warmup, last_epoch=-1):
        self.width, self.warmup = width, warmup
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        step = max(1, self._step_count)
        return [base * self.width**-0.5 * min(step**-0.5, step * self.warmup**-1.5) for base in self.base_lrs]


o = optimizer(lr=1.0)
noam = Noam(o, 16, 3)
for _ in range(5):
    o.step()
    noam.step()
    print(noam.get_last_lr())
print(o)

net = fill(nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)))
o = optim.SGD(net.parameters(), 0.1)
mean, moving = AveragedModel(net), AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.9))
blended = AveragedModel(net, avg_fn=lambda old, new, count: 0.9 * old + 0.1 * new, use_buffers=True)
for _ in range(5):
    o.zero_grad()
    F.mse_loss(net(x), y).backward()
    o.step()
    for average in (mean, moving, blended):
        average.update_parameters(net)
update_bn([x, x * 2], mean)
print(mean.n_averaged, mean(x).sum().item(), moving.module[0].weight.sum().item(), list(mean.state_dict())[:3])
print(blended.module[1].running_mean, net[1].num_batches_tracked)
slow = copy.deepcopy(net).eval()
with torch.no_grad():
    for old, new in zip(slow.state_dict().values(), (2 * v for v in net.state_dict().values())):
        old.copy_(0.9 * old + 0.1 * new)
print(slow[0].weight.sum() / net[0].weight.sum(), slow.training, next(slow.parameters()).requires_grad)
