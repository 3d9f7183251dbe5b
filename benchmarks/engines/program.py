"""The workloads as a PyTorch program.  It is given the modules, so that one text runs on PyTorch and on gradloom."""

import math

import numpy as np


def workloads(torch, nn, optim, F, loader):
    """Name -> function that prepares a workload and returns its step, which returns the loss."""

    def seeded(model, seed=0):
        """The same weights on every engine."""
        random = np.random.default_rng(seed)
        with torch.no_grad():
            for p in model.parameters():
                scale = 1 / math.sqrt(p.shape[1]) if p.ndim == 2 else 1 / math.sqrt(math.prod(p.shape[1:]) or 1)
                values = random.standard_normal(tuple(p.shape)) * scale if p.ndim > 1 else np.full(tuple(p.shape), 0.1)
                p.copy_(torch.tensor(values.astype(np.float32)))
        return model

    def tensor(array):
        return torch.tensor(array.astype(np.float32) if array.dtype.kind == "f" else array)

    def training(model, optimizer, loss_of):
        def step():
            optimizer.zero_grad()
            loss = loss_of(model)
            loss.backward()
            optimizer.step()
            return loss.item()

        return step

    def adam(model, loss_of, lr=1e-3):
        return training(model, optim.Adam(model.parameters(), lr=lr), loss_of)

    def scalar_chain():
        x, c = torch.tensor(0.5, requires_grad=True), torch.tensor(1.01)

        def step():
            x.grad = None
            y = x
            for _ in range(250):
                y = (y * c + x).tanh()
            y.backward()
            return y.item()

        return step

    def tiny_mlp():
        random = np.random.default_rng(1)
        x, y = tensor(random.standard_normal((4, 2))), tensor(random.standard_normal((4, 1)))
        model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1))
        return adam(seeded(model), lambda m: F.mse_loss(m(x), y))

    def gan():
        random = np.random.default_rng(2)
        noise, real = tensor(random.standard_normal((64, 16))), tensor(random.standard_normal((64, 64)))
        generator = seeded(nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.Tanh()))
        critic = seeded(nn.Sequential(nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1)), 1)
        g_opt, c_opt = optim.Adam(generator.parameters(), 2e-4), optim.Adam(critic.parameters(), 2e-4)
        ones, zeros = torch.ones(64, 1), torch.zeros(64, 1)

        def step():
            fake = generator(noise)
            c_opt.zero_grad()
            c_loss = F.binary_cross_entropy_with_logits(critic(real), ones)
            c_loss = c_loss + F.binary_cross_entropy_with_logits(critic(fake.detach()), zeros)
            c_loss.backward()
            c_opt.step()
            g_opt.zero_grad()
            g_loss = F.binary_cross_entropy_with_logits(critic(fake), ones)
            g_loss.backward()
            g_opt.step()
            return g_loss.item() + c_loss.item()

        return step

    def mlp(dropout=0.0):
        random = np.random.default_rng(3)
        x, y = tensor(random.standard_normal((64, 784))), tensor(random.integers(0, 10, 64))
        model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Dropout(dropout), nn.Linear(128, 10))
        return adam(seeded(model), lambda m: F.cross_entropy(m(x), y))

    def cnn():
        random = np.random.default_rng(4)
        x, y = tensor(random.standard_normal((64, 1, 32, 32))), tensor(random.integers(0, 10, 64))
        layers, channels = [], 1
        for width in (32, 64, 128):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
            channels = width
        model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * 16, 10))
        return adam(seeded(model), lambda m: F.cross_entropy(m(x), y))

    class Block(nn.Module):
        def __init__(self, channels, width, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(width)
            self.shortcut = nn.Identity()
            if stride != 1 or channels != width:
                self.shortcut = nn.Sequential(nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width))

        def forward(self, x):
            out = F.relu(self.bn1(self.conv1(x)))
            return F.relu(self.bn2(self.conv2(out)) + self.shortcut(x))

    def resnet():
        random = np.random.default_rng(5)
        x, y = tensor(random.standard_normal((32, 3, 32, 32))), tensor(random.integers(0, 10, 32))
        model = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
            Block(16, 16, 1), Block(16, 32, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10),
        )  # fmt: skip
        model = seeded(model)
        optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        return training(model, optimizer, lambda m: F.cross_entropy(m(x), y))

    class LanguageModel(nn.Module):
        def __init__(self, vocabulary=96):
            super().__init__()
            self.embedding = nn.Embedding(vocabulary, 64)
            self.lstm = nn.LSTM(64, 128, batch_first=True)
            self.head = nn.Linear(128, vocabulary)

        def forward(self, x):
            return self.head(self.lstm(self.embedding(x))[0])

    def lstm():
        random = np.random.default_rng(6)
        text = tensor(random.integers(0, 96, (32, 65)))
        x, y = text[:, :-1], text[:, 1:]
        return adam(seeded(LanguageModel()), lambda m: F.cross_entropy(m(x).flatten(0, 1), y.flatten()))

    class Attention(nn.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.heads = heads
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

        def forward(self, x):
            n, t, d = x.shape
            q, k, v = (
                part.view(n, t, self.heads, d // self.heads).transpose(1, 2) for part in self.qkv(x).split(d, dim=2)
            )
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.out(mixed.transpose(1, 2).reshape(n, t, d))

    class Layer(nn.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.ln1, self.attention = nn.LayerNorm(width), Attention(width, heads)
            self.ln2 = nn.LayerNorm(width)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x):
            x = x + self.attention(self.ln1(x))
            return x + self.mlp(self.ln2(x))

    class GPT(nn.Module):
        def __init__(self, vocabulary=96, width=128, heads=4, layers=4, tokens=64):
            super().__init__()
            self.token, self.position = nn.Embedding(vocabulary, width), nn.Embedding(tokens, width)
            self.blocks = nn.Sequential(*(Layer(width, heads) for _ in range(layers)))
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)

        def forward(self, x):
            h = self.token(x) + self.position(torch.arange(x.shape[1]))
            return self.head(self.norm(self.blocks(h)))

    def gpt():
        random = np.random.default_rng(7)
        text = tensor(random.integers(0, 96, (16, 65)))
        x, y = text[:, :-1], text[:, 1:]
        return adam(seeded(GPT()), lambda m: F.cross_entropy(m(x).flatten(0, 1), y.flatten()))

    def elementwise():
        random = np.random.default_rng(8)
        x = torch.tensor(random.standard_normal(1_000_000).astype(np.float32), requires_grad=True)

        def step():
            x.grad = None
            loss = torch.sigmoid(F.gelu(x) ** 2 + x).sum() / 1e6
            loss.backward()
            return loss.item()

        return step

    def loading():
        random = np.random.default_rng(9)
        images, labels = tensor(random.standard_normal((16_384, 1, 8, 8))), tensor(random.integers(0, 10, 16_384))
        batches = loader.DataLoader(
            loader.TensorDataset(images, labels), batch_size=64, num_workers=2, persistent_workers=True
        )

        def step():
            return sum(x[0, 0, 0, 0].item() for x, _ in batches)

        return step

    return {
        "scalar_chain": scalar_chain,
        "tiny_mlp": tiny_mlp,
        "gan": gan,
        "mlp": mlp,
        "mlp_dropout": lambda: mlp(0.5),
        "cnn": cnn,
        "resnet": resnet,
        "lstm": lstm,
        "gpt": gpt,
        "elementwise": elementwise,
        "loader": loading,
    }
