# SPDX-License-Identifier: LGPL-2.1-or-later
"""The formulas of nst_optimize_preset, written out anew: terms and gradients on a narrow VGG-19, and optimisers' steps.

Pictures are samples of 0 to 1 here; what moves are levels of 0 to 255, as in the recipes.
"""
import torch

import loss
import reference

WIDTHS = {f"{block}_{index}": width for block, width, count in ((1, 4, 2), (2, 5, 2), (3, 6, 4), (4, 6, 4), (5, 6, 4))
          for index in range(1, count + 1)}
RELUS = [f"relu{block}_1" for block in range(1, 6)]
H, W = 36, 44
STEPS = 5


def squares(f):
    return f[0].flatten(1) @ f[0].flatten(1).T


def gatys(values, style, content, content_layer):
    """Gatys et al. 2016, eq. 1 to 7, with the ratio of weights 1e-3"""
    style_loss = 0
    for layer in RELUS:
        n, m = values[layer].shape[1], values[layer][0, 0].numel()
        style_loss += (squares(values[layer]) - squares(style[layer])).square().sum() / (4 * n ** 2 * m ** 2) / 5
    content_loss = (values[content_layer] - content[content_layer]).square().sum() / 2
    return style_loss + 1e-3 * content_loss, style_loss, content_loss, loss.total_variation


def keras(values, style, content, y):
    """Chollet 2015: neural_style_transfer.py of the Keras examples"""
    size = H * W
    style_loss = sum((squares(values[layer]) - squares(style[layer])).square().sum() / (4 * 3 ** 2 * size ** 2)
                     for layer in RELUS) / len(RELUS)
    content_loss = (values["relu5_2"] - content["relu5_2"]).square().sum()
    x = 255 * y
    a = (x[:, :, :-1, :-1] - x[:, :, 1:, :-1]).square()
    b = (x[:, :, :-1, :-1] - x[:, :, :-1, 1:]).square()
    variation = (a + b).pow(1.25).sum()
    return 1e-6 * style_loss + 2.5e-8 * content_loss + 1e-6 * variation, style_loss, content_loss, variation


class Preset:
    def __init__(self, name, weights, style, content):
        self.name = name
        self.vgg = loss.Vgg(weights, name == "gatys2016", False, "zero", WIDTHS)
        self.style, self.content = ({key: value.detach() for key, value in self.vgg(x).items()}
                                    for x in (style, content))

    def __call__(self, y):
        """((total, style, content, tv), distance from the next kink)"""
        values = self.vgg(y)
        distance = reference.kink_distance(self.vgg.nodes, values)
        if self.name == "keras":
            return keras(values, self.style, self.content, y), distance
        layer = "relu4_2" if self.name == "gatys2016" else "relu5_4"
        *terms, variation = gatys(values, self.style, self.content, layer)
        return (*terms, variation(y)), distance


class NstPreset:
    """The defaults: the formula of include/nst/train.h on relu1_1 to relu3_1 of the network as it is"""

    def __init__(self, weights, style, content):
        options = {**loss.OPTIONS, "content_weight": 0.002}
        widths = {name: width for name, width in WIDTHS.items() if name <= "3_1"}
        self.loss = loss.Loss(loss.Vgg(weights, False, False, "reflect", widths), style, content, options)

    def __call__(self, y):
        return self.loss(y)


class TemporalPreset:
    """The defaults with the short-term temporal loss of Ruder et al. 2016 (eq. 7), seven times"""

    def __init__(self, nst, warped, trust):
        self.nst, self.warped, self.trust = nst, warped, trust

    def __call__(self, y):
        (total, *terms), distance = self.nst(y)
        temporal = (self.trust * (y - self.warped).square()).mean()
        return (total + 7 * temporal, *terms, temporal), distance


def run(optimiser_of, evaluate, y):
    """Steps in levels; the picture after the last."""
    levels = (255 * y).clone().requires_grad_()
    optimiser, schedule = optimiser_of(levels)

    def closure():
        optimiser.zero_grad()
        total = evaluate(levels / 255)[0][0]
        total.backward()
        return total

    for _ in range(STEPS):
        optimiser.step(closure)
        if schedule:
            schedule.step()
    return (levels / 255).detach()


def sgd(levels):
    optimiser = torch.optim.SGD([levels], 100)
    return optimiser, torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 0.96 ** (step / 100))


def lbfgs(levels):
    return torch.optim.LBFGS([levels], max_iter=1, tolerance_grad=0, tolerance_change=0), None


def attempt(generator):
    """None where a value is too close to a kink."""
    weights = loss.vgg_weights(generator, WIDTHS)
    style, content, y = (0.1 + 0.8 * loss.picture(generator, H, W) for _ in range(3))
    presets = {name: Preset(name, weights, style, content) for name in ("gatys2016", "keras", "survey")}
    presets["nst"] = NstPreset(weights, style, content)
    presets["temporal"] = TemporalPreset(presets["nst"], style, content.mean(1, keepdim=True))
    tensors = {f"vgg/{name}": tensor for name, tensor in weights.items()}
    tensors.update(style=style[0], content=content[0], y=y[0])
    for name, preset in presets.items():
        x = y.clone().requires_grad_()
        terms, distance = preset(x)
        if distance < 1e-6 or float(terms[2]) == 0:
            return None
        terms[0].backward()
        tensors[f"{name}/terms"] = torch.stack([torch.as_tensor(term).detach() for term in terms])
        tensors[f"{name}/grad"] = x.grad[0]
    tensors["keras/steps"] = run(sgd, presets["keras"], content)[0]
    tensors["gatys2016/steps"] = run(lbfgs, presets["gatys2016"], y)[0]
    return tensors


def dump(save):
    generator = torch.Generator().manual_seed(11)
    tensors = next(filter(None, (attempt(generator) for _ in range(1000))))
    save("optimize", {name: tensor.detach().numpy() for name, tensor in tensors.items()}, {})
