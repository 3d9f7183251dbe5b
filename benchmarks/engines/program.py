"""The workloads as a PyTorch program.  It is given the modules, so that one text runs on PyTorch and on gradloom."""

from engines import data


def workloads(torch, nn, optim, F, loader, compile=lambda f: f):
    """Name -> function that prepares a workload and returns its step, which returns the loss.

    The functions from parameters to losses go through `compile`.
    """

    def seeded(model, seed=0):
        """The same weights on every engine."""
        values = data.seeded([tuple(p.shape) for p in model.parameters()], seed)
        with torch.no_grad():
            for p, value in zip(model.parameters(), values, strict=True):
                p.copy_(torch.tensor(value))
        return model

    def tensors(arrays):
        return [torch.tensor(array) for array in arrays]

    def training(model, optimizer, loss_of):
        loss_of = compile(loss_of)

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

        def chain(x):
            y = x
            for _ in range(250):
                y = (y * c + x).tanh()
            return y

        chain = compile(chain)

        def step():
            x.grad = None
            y = chain(x)
            y.backward()
            return y.item()

        return step

    def tiny_mlp():
        x, y = tensors(data.normal((4, 2), (4, 1)))
        model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1))
        return adam(seeded(model), lambda m: F.mse_loss(m(x), y))

    def gan():
        noise, real = tensors(data.normal((64, 16), (64, 64)))
        generator = seeded(nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.Tanh()))
        critic = seeded(nn.Sequential(nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1)), 1)
        g_opt, c_opt = optim.Adam(generator.parameters(), 2e-4), optim.Adam(critic.parameters(), 2e-4)
        ones, zeros = torch.ones(64, 1), torch.zeros(64, 1)

        def judged(x, wanted):
            return F.binary_cross_entropy_with_logits(critic(x), wanted)

        generated = compile(lambda: generator(noise))
        c_loss_of = compile(lambda fake: judged(real, ones) + judged(fake, zeros))
        g_loss_of = compile(lambda fake: judged(fake, ones))

        def step():
            fake = generated()
            c_opt.zero_grad()
            c_loss = c_loss_of(fake.detach())
            c_loss.backward()
            c_opt.step()
            g_opt.zero_grad()
            g_loss = g_loss_of(fake)
            g_loss.backward()
            g_opt.step()
            return g_loss.item() + c_loss.item()

        return step

    def mlp(dropout=0.0):
        x, y = tensors(data.labelled(64, 784))
        model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Dropout(dropout), nn.Linear(128, 10))
        return adam(seeded(model), lambda m: F.cross_entropy(m(x), y))

    def cnn():
        x, y = tensors(data.labelled(64, 1, 32, 32))
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
        x, y = tensors(data.labelled(32, 3, 32, 32))
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
        x, y = tensors(data.text(32))
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
        x, y = tensors(data.text(16))
        return adam(seeded(GPT()), lambda m: F.cross_entropy(m(x).flatten(0, 1), y.flatten()))

    def elementwise():
        x = torch.tensor(data.normal(1_000_000)[0], requires_grad=True)
        loss_of = compile(lambda x: torch.sigmoid(F.gelu(x) ** 2 + x).sum() / 1e6)

        def step():
            x.grad = None
            loss = loss_of(x)
            loss.backward()
            return loss.item()

        return step

    def loading():
        images = loader.TensorDataset(*tensors(data.labelled(16_384, 1, 8, 8)))
        batches = loader.DataLoader(images, batch_size=64, num_workers=2, persistent_workers=True)

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
