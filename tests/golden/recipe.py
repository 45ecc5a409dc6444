# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ten steps of the training in model/train.c, done anew with PyTorch: random numbers, crops, network, loss, Adam."""
import math

import numpy
import torch

import loss
import reference
import stability

# tests/test_recipe.c has the same numbers. With this seed no value comes so near to a kink of relu or max_pool that
# rounding decides on which side it is: Adam would turn that into another path.
OPTIONS = {**loss.OPTIONS, "steps": 10, "batch": 2, "crop": 32, "learning_rate": 3e-4, "output_lr_scale": 0.1,
           "betas": (0.9, 0.99), "clip_norm": 0.2, "warmup": 3, "hold": 0.5, "seed": 1, "stability_weight": 3.0}
FOR_WEIGHTS, FOR_ORDER, FOR_CROP, FOR_MOTION = range(4)
SMALLEST_CROP, LARGEST_CROP = 0.7, 0.95
MASK = 2 ** 64 - 1


class Random:
    """xoshiro256** (Blackman and Vigna 2018), seeded by splitmix64"""

    def __init__(self, seed):
        self.state = []
        for _ in range(4):
            seed = (seed + 0x9E3779B97F4A7C15) & MASK
            z = ((seed ^ seed >> 30) * 0xBF58476D1CE4E5B9) & MASK
            z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
            self.state.append(z ^ z >> 31)

    def next(self):
        def rotated(x, bits):
            return (x << bits | x >> 64 - bits) & MASK

        s0, s1, s2, s3 = self.state
        result = rotated(s1 * 5 & MASK, 7) * 9 & MASK
        s2 ^= s0
        s3 ^= s1
        self.state = [s0 ^ s3, s1 ^ s2, s2 ^ (s1 << 17 & MASK), rotated(s3, 45)]
        return result

    def below(self, n):
        while True:
            x = self.next()
            if x >= 2 ** 64 % n:
                return x % n

    def uniform(self):
        return (self.next() >> 40) / 2 ** 24

    def normal(self):
        u, v = ((self.next() >> 11) / 2 ** 53 for _ in range(2))
        return math.sqrt(-2 * math.log(u + 2 ** -53)) * math.cos(2 * math.pi * v)


def random_for(purpose, number):
    first = Random(OPTIONS["seed"]).next() ^ purpose
    return Random(Random(first).next() ^ number)


class Network:
    """`fast`, as in model/arch.c"""

    def __init__(self):
        self.random = random_for(FOR_WEIGHTS, 0)
        self.nodes = [{"name": "input", "op": "input"}]
        self.tensors = {}
        self.node("affine", scale=2.0, shift=-1.0)
        self.node("pixel_unshuffle", factor=2)
        skip = self.conv_norm_relu("enc1", 12, 24)
        x = self.conv_norm_relu("enc2", 24, 32, stride=2)
        for block in range(1, 6):
            for half in (1, 2):
                name = f"res{block}_{half}"
                self.conv(name, 32, 32)
                self.norm(name, 32)
                if half == 1:
                    self.node("relu")
            x = self.node("add", self.last(), x)
        self.node("upsample", factor=2, mode="bilinear")
        self.node("add", self.conv_norm_relu("dec1", 32, 24), skip)
        self.node("upsample", factor=2, mode="bilinear")
        self.conv("out", 24, 3, gain=0.3)
        self.nodes[-1]["bias"] = "out.bias"
        self.tensors["out.bias"] = torch.zeros(3, dtype=torch.float64)
        self.node("affine", scale=0.5, shift=0.5)
        for tensor in self.tensors.values():
            tensor.requires_grad_()

    def last(self):
        return self.nodes[-1]["name"]

    def node(self, op, *inputs, **attributes):
        self.nodes.append({"name": f"n{len(self.nodes)}", "op": op, "inputs": inputs or (self.last(),), **attributes})
        return self.last()

    def conv(self, name, ci, co, stride=1, gain=1.0):
        shape = (co, ci, 3, 3)
        deviation = gain * math.sqrt(2 / (ci * 9))
        draws = numpy.array([self.random.normal() for _ in range(math.prod(shape))], numpy.float32)
        self.tensors[name + ".weight"] = torch.from_numpy((draws * numpy.float32(deviation)).reshape(shape)).double()
        return self.node("conv2d", weight=name + ".weight", stride=[stride, stride], groups=1,
                         pad=[1] * 4, pad_mode="reflect")

    def norm(self, name, channels):
        self.tensors[name + "_norm.weight"] = torch.ones(channels, dtype=torch.float64)
        self.tensors[name + "_norm.bias"] = torch.zeros(channels, dtype=torch.float64)
        return self.node("instance_norm", weight=name + "_norm.weight", bias=name + "_norm.bias")

    def conv_norm_relu(self, name, ci, co, stride=1):
        self.conv(name, ci, co, stride=stride)
        self.norm(name, co)
        return self.node("relu")

    def __call__(self, x):
        return reference.run(self.nodes, self.tensors, x)[self.last()]


def triangle(origin, length, side, n):
    """The matrix that takes `side` samples to n of a part of them"""
    scale = length / n
    reach = max(scale, 1)
    centre = origin + (numpy.arange(n) + 0.5) * scale
    weights = (1 - abs(numpy.arange(side) + 0.5 - centre[:, None]) / reach).clip(0)
    return torch.from_numpy(weights / weights.sum(1, keepdims=True))


def content_order(n, epoch):
    random, order = random_for(FOR_ORDER, epoch), [0] * n
    for i in range(n):
        j = random.below(i + 1)
        order[i] = order[j]
        order[j] = i
    return order


def crop(pictures, sample):
    random = random_for(FOR_CROP, sample)
    picture = pictures[content_order(len(pictures), sample // len(pictures))[sample % len(pictures)]]
    height, width = picture.shape[2:]
    side = (SMALLEST_CROP + (LARGEST_CROP - SMALLEST_CROP) * random.uniform()) * min(width, height)
    left, top = random.uniform() * (width - side), random.uniform() * (height - side)
    down, across = triangle(top, side, height, OPTIONS["crop"]), triangle(left, side, width, OPTIONS["crop"])
    result = down @ picture @ across.T
    return result.flip(3) if random.below(2) else result


def rate(step):
    steps, flat = OPTIONS["steps"], OPTIONS["hold"] * OPTIONS["steps"]
    share = 1.0
    if step > flat:
        share = 0.03 + 0.97 * (1 + math.cos(math.pi * (step - flat) / (steps - flat))) / 2
    return OPTIONS["learning_rate"] * share * min((step + 1) / OPTIONS["warmup"], 1)


def train(network, evaluate, pictures):
    """(terms, gradient norm and learning rate of each step, last crop)"""
    groups = [{"params": [tensor], "scale": OPTIONS["output_lr_scale"] if name.startswith("out.") else 1.0}
              for name, tensor in network.tensors.items()]
    optimiser = torch.optim.Adam(groups, lr=0.0, betas=OPTIONS["betas"], eps=1e-8)
    batch, progress = OPTIONS["batch"], []
    for step in range(OPTIONS["steps"]):
        optimiser.zero_grad()
        sums = torch.zeros(5, dtype=torch.float64)
        for sample in range(step * batch, (step + 1) * batch):
            x = crop(pictures, sample)
            y = network(x)
            total, *terms = evaluate(x)(y)[0]
            terms.append(stability.stability(network, x, y, random_for(FOR_MOTION, sample)))
            total = (total + OPTIONS["stability_weight"] * terms[-1]) / batch
            total.backward()
            sums += torch.stack([total, *(term / batch for term in terms)]).detach()
        norm = math.sqrt(sum(tensor.grad.square().sum().item() for tensor in network.tensors.values()))
        for group in optimiser.param_groups:
            group["lr"] = rate(step) * group["scale"]
            group["params"][0].grad *= min(OPTIONS["clip_norm"] / norm, 1)
        optimiser.step()
        progress.append([*sums.tolist(), norm, rate(step)])
    return torch.tensor(progress), x


def dump(save):
    generator = torch.Generator().manual_seed(11)
    vgg = loss.Vgg(loss.vgg_weights(torch.Generator().manual_seed(7)))
    pictures = [loss.picture(generator, h, w) for h, w in ((64, 70), (81, 61), (60, 60))]
    style = loss.picture(generator, 52, 59)
    network = Network()
    progress, last = train(network, lambda x: loss.Loss(vgg, style, x, OPTIONS), pictures)
    tensors = {f"content{i}": picture[0] for i, picture in enumerate(pictures)}
    tensors.update({"style": style[0], "progress": progress, "crop": last[0]})
    tensors.update({name: network.tensors[name] for name in ("enc1.weight", "res3_1.weight", "out.weight", "out.bias")})
    save("train", {name: tensor.detach().numpy() for name, tensor in tensors.items()}, {})
