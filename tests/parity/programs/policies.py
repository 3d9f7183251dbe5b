"""Reinforcement learning: Q-learning with a target network, actor and critic, clipped policy gradients, sampled entropies."""

from collections import deque, namedtuple
from itertools import count

import numpy as np
import torch
import torch.nn.functional as F
import torch.optim as optim
from torch import nn
from torch.distributions import Bernoulli, Beta, Categorical, Independent, MultivariateNormal, Normal, kl_divergence

rng = np.random.default_rng(0)


def normal(*shape):
    return torch.tensor(rng.standard_normal(shape), dtype=torch.get_default_dtype())


def fill(module, scale=0.3):
    for p in module.parameters():
        p.data.copy_(normal(*p.shape) * scale)
    return module


Transition = namedtuple("Transition", ("state", "action", "following", "reward"))
device = torch.device("cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu")
# (whatever the machine has: these are small, and the numbers are to be those of the CPU)
device = torch.device("cpu")


class QNet(nn.Module):
    def __init__(self):
        super(QNet, self).__init__()
        self.hidden, self.value = nn.Linear(4, 16), nn.Linear(16, 2)

    def forward(self, x):
        return self.value(F.relu(self.hidden(x)))


policy, target = fill(QNet()).to(device), QNet().to(device)
target.load_state_dict(policy.state_dict())
optimizer, memory = optim.AdamW(policy.parameters(), lr=1e-2, amsgrad=True), deque([], maxlen=50)
for episode in range(3):
    state = normal(1, 4)
    for t in count():
        with torch.no_grad():
            greedy = policy(state).max(1).indices.view(1, 1)
        action = greedy if rng.random() > 0.3 else torch.tensor([[rng.integers(2)]], device=device, dtype=torch.long)
        reward = torch.tensor([float(action.item() == (state.sum() > 0).item())], device=device)
        done = t >= 7
        following = None if done else normal(1, 4)
        memory.append(Transition(state, action, following, reward))
        state = following
        if len(memory) >= 6:
            batch = Transition(*zip(*[memory[i] for i in rng.permutation(len(memory))[:6]]))
            alive = torch.tensor(tuple(s is not None for s in batch.following), dtype=torch.bool)
            q = policy(torch.cat(batch.state)).gather(1, torch.cat(batch.action))
            later = torch.zeros(6, device=device)
            if alive.any():
                with torch.no_grad():
                    later[alive] = target(torch.cat([s for s in batch.following if s is not None])).max(1).values
            loss = nn.SmoothL1Loss()(q, (0.9 * later + torch.cat(batch.reward)).unsqueeze(1))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_value_(policy.parameters(), 100)
            optimizer.step()
            slow, fast = target.state_dict(), policy.state_dict()
            for key in fast:
                slow[key] = 0.1 * fast[key] + 0.9 * slow[key]
            target.load_state_dict(slow)
        if done:
            break
    print(episode, loss.item(), len(memory))


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.actor, self.critic = nn.Linear(4, 16), nn.Linear(16, 3), nn.Linear(16, 1)

    def forward(self, x):
        x = torch.tanh(self.body(x))
        return Categorical(logits=self.actor(x)), self.critic(x).squeeze(-1)


model = fill(ActorCritic())
optimizer = optim.Adam(model.parameters(), lr=3e-2)
for _ in range(3):
    chosen, values, rewards, entropies = [], [], [], []
    for _ in range(6):
        choice, value = model(normal(4))
        action = torch.tensor(int(rng.integers(3)))
        chosen.append(choice.log_prob(action))
        values.append(value)
        entropies.append(choice.entropy())
        rewards.append(float(action))
    gains, gain = [], 0.0
    for reward in rewards[::-1]:
        gain = reward + 0.99 * gain
        gains.insert(0, gain)
    gains = torch.tensor(gains)
    gains = (gains - gains.mean()) / (gains.std() + np.finfo(np.float32).eps.item())
    values = torch.stack(values)
    loss = -(torch.stack(chosen) * (gains - values.detach())).sum() + F.smooth_l1_loss(values, gains, reduction="sum")
    optimizer.zero_grad()
    (loss - 0.01 * torch.stack(entropies).mean()).backward()
    optimizer.step()
    print("actor-critic", loss.item())

mean, log_std = fill(nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))), nn.Parameter(torch.zeros(2))
optimizer = optim.Adam([*mean.parameters(), log_std], lr=1e-2, eps=1e-5)
seen, advantage = normal(10, 4), normal(10)
with torch.no_grad():
    old = Normal(mean(seen), log_std.exp())
    action = old.mean + old.stddev * normal(10, 2)
    before = old.log_prob(action).sum(-1)
for _ in range(4):
    new = Normal(mean(seen), log_std.exp())
    ratio = (new.log_prob(action).sum(-1) - before).exp()
    loss = -torch.min(ratio * advantage, torch.clamp(ratio, 0.8, 1.2) * advantage).mean() - 0.01 * new.entropy().mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(mean.parameters(), 0.5)
    optimizer.step()
    print("clipped", loss.item(), kl_divergence(Normal(old.loc, old.scale), new).mean().item())

p = Independent(Normal(torch.zeros(3), torch.ones(3)), 1)
q = MultivariateNormal(torch.ones(3), torch.eye(3) * 2)
print(p, q, Categorical(torch.ones(3)), Bernoulli(torch.tensor([0.2, 0.7])))
print(p.log_prob(torch.ones(3)), q.log_prob(torch.zeros(3)), p.batch_shape, q.event_shape, q.entropy())
beta = Beta(torch.tensor([2.0, 0.5]), torch.tensor([3.0, 0.5]))
print(beta.log_prob(torch.tensor([0.4, 0.9])), beta.entropy(), beta.mean, beta.variance)
