# SPDX-License-Identifier: LGPL-2.1-or-later
"""A narrow VGG, its features, the loss of include/nst/train.h with its gradient, and Adam steps on it."""
import torch
import torch.nn.functional as F

import reference

MEAN_BGR = torch.tensor([103.939, 116.779, 123.68], dtype=torch.float64)
WIDTHS = {"1_1": 6, "1_2": 6, "2_1": 8, "2_2": 8, "3_1": 12, "3_2": 10, "3_3": 10, "3_4": 10, "4_1": 9}
# tests/test_golden.c has the same numbers.
OPTIONS = {"levels": 3, "content_level": 1, "style_layers": ["relu1_1", "relu2_1", "relu3_1"],
           "content_layers": ["relu3_1"], "style_weight": 1.0, "content_weight": 0.02, "tv_weight": 0.01}
ADAM = {"lr": 0.05, "betas": (0.9, 0.99), "eps": 1e-4}
STEPS = 10


def vgg_weights(generator, widths=None):
    weights, channels = {}, 3
    for name, width in (widths or WIDTHS).items():
        deviation = (2 / (9 * channels)) ** 0.5 / (1 if channels > 3 else 100)
        weights[f"conv{name}.weight"] = torch.randn((width, channels, 3, 3), generator=generator) * deviation
        weights[f"conv{name}.bias"] = torch.randn(width, generator=generator) * 0.1
        channels = width
    return {name: tensor.double() for name, tensor in weights.items()}


def vgg_nodes(average, ceil, pad_mode, widths):
    """The graph that vgg_build makes, the preprocessing left out."""
    nodes = [{"name": "input", "op": "input", "channels": 3}]
    for name in widths:
        block, index = name.split("_")
        if index == "1" and block != "1":
            nodes.append({"name": f"pool{int(block) - 1}", "op": "avg_pool" if average else "max_pool",
                          "kernel": [2, 2], "stride": [2, 2], "ceil": ceil})
        nodes.append({"name": f"conv{name}", "op": "conv2d", "weight": f"conv{name}.weight", "bias": f"conv{name}.bias",
                      "pad": [1, 1, 1, 1], "pad_mode": pad_mode})
        nodes.append({"name": f"relu{name}", "op": "relu"})
    for before, node in zip(nodes, nodes[1:]):
        node["inputs"] = [before["name"]]
    return nodes


class Vgg:
    def __init__(self, weights, average=False, ceil=True, pad_mode="reflect", widths=None):
        self.weights = weights
        self.nodes = vgg_nodes(average, ceil, pad_mode, widths or WIDTHS)

    def __call__(self, x):
        return reference.run(self.nodes, self.weights, 255 * x[:, [2, 1, 0]] - MEAN_BGR[:, None, None])


def pyramid(x, levels):
    pictures = [x]
    while len(pictures) < levels:
        pictures.append(F.avg_pool2d(pictures[-1], 2))
    return pictures


def gram(f):
    flat = f[0].flatten(1)
    return flat @ flat.T / flat.shape[1]


def total_variation(y):
    return (y[..., 1:] - y[..., :-1]).square().mean() + (y[..., 1:, :] - y[..., :-1, :]).square().mean()


class Loss:
    """The formula of include/nst/train.h."""

    def __init__(self, vgg, style, content, options):
        self.vgg, self.options = vgg, options
        self.grams = [{layer: gram(values[layer]) for layer in options["style_layers"]}
                      for values in map(vgg, pyramid(style, options["levels"]))]
        self.content = vgg(pyramid(content, options["levels"])[options["content_level"]])

    def __call__(self, y):
        """(total, style, content, tv), and the distance from the next kink"""
        options = self.options
        levels = [self.vgg(picture) for picture in pyramid(y, options["levels"])]
        style = [(gram(values[layer]) - target).square().sum() / target.square().sum()
                 for values, targets in zip(levels, self.grams) for layer, target in targets.items()]
        content = [(levels[options["content_level"]][layer] - self.content[layer]).square().mean()
                   / self.content[layer].var((2, 3), unbiased=False).mean() for layer in options["content_layers"]]
        terms = sum(style) / len(style), sum(content) / len(content), total_variation(y)
        total = sum(options[f"{name}_weight"] * term for name, term in zip(("style", "content", "tv"), terms))
        return (total, *terms), min(reference.kink_distance(self.vgg.nodes, values) for values in levels)


def adam_run(x, evaluate, **settings):
    """Ten steps on x: the loss terms before each of them, and x after each."""
    x = x.clone().requires_grad_()
    optimiser = torch.optim.Adam([x], **settings)
    terms, xs = [], []
    for _ in range(STEPS):
        optimiser.zero_grad()
        found = evaluate(x)
        found[0].backward()
        optimiser.step()
        terms.append([float(term) for term in found])
        xs.append(x.detach().clone())
    return terms, xs


def picture(generator, h, w):
    """Smooth noise of 0 to 1."""
    coarse = torch.rand((1, 3, h // 4 + 1, w // 4 + 1), generator=generator)
    fine = torch.rand((1, 3, h, w), generator=generator)
    smooth = F.interpolate(coarse, size=(h, w), mode="bilinear", align_corners=False)
    return (0.8 * smooth + 0.2 * fine).double()


def toy(generator):
    """A bowl: sum of a (x - t)^2 / 2."""
    a = (0.1 + torch.rand(19, generator=generator)).double()
    x, t = (torch.randn(19, generator=generator).double() for _ in range(2))
    terms, xs = adam_run(x, lambda x: ((a * (x - t).square()).sum() / 2,), **{**ADAM, "lr": 0.1})
    return {"toy/a": a, "toy/t": t, "toy/x": x, "toy/losses": torch.tensor(terms)[:, 0], "toy/xs": torch.stack(xs)}


def loss_tensors(weights, generator):
    """None where a value is too close to a kink."""
    content, style, y = (picture(generator, h, w) for h, w in ((37, 50), (45, 33), (37, 50)))
    loss = Loss(Vgg(weights), style, content, OPTIONS)
    y.requires_grad_()
    terms, distance = loss(y)
    if distance < 5e-6:
        return None
    terms[0].backward()
    adam_terms, adam_ys = adam_run(y.detach(), lambda y: loss(y)[0], **ADAM)
    assert adam_terms[-1][0] < 0.5 * adam_terms[0][0]
    return {"content": content[0], "style": style[0], "y": y[0], "terms": torch.stack(terms), "grad": y.grad[0],
            "adam/terms": torch.tensor(adam_terms), "adam/y": adam_ys[-1][0]}


def feature_tensors(weights, y):
    """Features with every kind of pooling and padding that vgg_build has, and Gram matrices."""
    variants = {"max": Vgg(weights), "average": Vgg(weights, True, False, "zero"),
                "replicate": Vgg(weights, False, False, "replicate")}
    tensors = {}
    for name, vgg in variants.items():
        values = vgg(y[None])
        for layer in ("conv1_1", "pool1", "relu2_2", "conv3_1", "relu3_1", "relu4_1") if name == "max" else ("relu4_1",):
            tensors[f"feature/{name}/{layer}"] = values[layer][0]
        if name == "max":
            tensors.update({f"gram/{layer}": gram(values[layer]) for layer in ("relu2_2", "relu3_1")})
    return tensors


def dump(save):
    generator = torch.Generator().manual_seed(7)
    weights = vgg_weights(generator)
    tensors = next(filter(None, (loss_tensors(weights, generator) for _ in range(100))))
    tensors.update(feature_tensors(weights, tensors["y"].detach()))
    tensors.update(toy(generator))
    save("vgg", {name: tensor.numpy() for name, tensor in weights.items()}, {})
    save("loss", {name: tensor.detach().numpy() for name, tensor in tensors.items()},
         {})
