# SPDX-License-Identifier: LGPL-2.1-or-later
"""One case: a graph, a picture, and what PyTorch says of its values and gradients."""
import json
import zlib

import numpy
import torch

import reference


class Graph:
    """Grows node by node; each op returns the new node's name, and takes the last node where no input is named."""

    def __init__(self, generator):
        self.generator = generator
        self.nodes = [{"name": "input", "op": "input", "channels": 3}]
        self.tensors = {}
        self.channels = {"input": 3}

    def node(self, op, *inputs, channels=None, weight=None, bias=None, scale=1.0, name=None, **attributes):
        """weight, bias: shapes of tensors to make, or None; a weight is drawn with deviation `scale`."""
        name = name or f"n{len(self.nodes)}"
        inputs = inputs or (self.nodes[-1]["name"],)
        node = {"name": name, "op": op, "inputs": list(inputs), **attributes}
        for key, shape, deviation in (("weight", weight, scale), ("bias", bias, 0.5)):
            if shape:
                node[key] = f"{name}.{key}"
                self.tensors[node[key]] = self.normal(shape) * deviation
        self.nodes.append(node)
        self.channels[name] = channels or self.channels[inputs[0]]
        return name

    def normal(self, shape):
        return torch.randn(shape, generator=self.generator, dtype=torch.float64).float().double()

    def conv(self, channels, kernel, *inputs, bias=True, groups=1, op="conv2d", **attributes):
        ci = self.channels[inputs[0] if inputs else self.nodes[-1]["name"]]
        kh, kw = (kernel, kernel) if isinstance(kernel, int) else kernel
        first, second = (channels, ci) if op == "conv2d" else (ci, channels)
        shape = (first, second // groups, kh, kw)
        if groups > 1:
            attributes["groups"] = groups
        return self.node(op, *inputs, channels=channels, weight=shape, bias=(channels,) if bias else None,
                         scale=(ci // groups * kh * kw) ** -0.5, **attributes)

    def deconv(self, channels, kernel, *inputs, **attributes):
        return self.conv(channels, kernel, *inputs, op="conv_transpose2d", **attributes)

    def norm(self, *inputs, scale=True, shift=True, **attributes):
        channels = self.channels[inputs[0] if inputs else self.nodes[-1]["name"]]
        name = self.node("instance_norm", *inputs, weight=(channels,) if scale else None,
                         bias=(channels,) if shift else None, **attributes)
        if scale:
            self.tensors[f"{name}.weight"] += 1.0
        return name


def spread(generator, shape):
    """A random order of evenly spaced values, none of them 0: no two are close, so relu and max_pool have derivatives."""
    count = int(numpy.prod(shape))
    order = torch.randperm(count, generator=generator).double()
    return ((order + 0.25 - count // 2) * 4 / count).reshape(shape).float().double()


def without_noise(gradients):
    """Gradients that are 0 but for rounding (a bias before an instance norm) become 0."""
    largest = max(g.abs().max().item() for g in gradients.values())
    return {name: g if g.abs().max().item() > 1e-9 * largest else torch.zeros_like(g) for name, g in gradients.items()}


def compute(build, h, w, seed, margin):
    """The tensors of the case and its graph as text, or None where a value is too close to a kink."""
    generator = torch.Generator().manual_seed(seed)
    graph = Graph(generator)
    taps = build(graph) or [graph.nodes[-1]["name"]]
    x = spread(generator, (1, 3, h, w)).requires_grad_()
    tensors = {name: tensor.requires_grad_() for name, tensor in graph.tensors.items()}
    values = reference.run(graph.nodes, tensors, x)
    if reference.kink_distance(graph.nodes, values) < margin:
        return None
    probes = {tap: graph.normal(values[tap].shape) for tap in taps}
    sum((values[tap] * probes[tap]).sum() for tap in taps).backward()
    gradients = {"dx": x.grad}
    gradients.update({f"d:{name}": tensor.grad for name, tensor in tensors.items() if tensor.grad is not None})
    gradients = without_noise(gradients)
    out = {"x": x}
    out.update({f"w:{name}": tensor for name, tensor in tensors.items()})
    for tap in taps:
        out[f"y:{tap}"] = values[tap]
        out[f"r:{tap}"] = probes[tap]
    out.update(gradients)
    out = {name: t.detach().numpy() for name, t in out.items()}
    return {name: t if name[0] in "wd" and name != "dx" else t[0] for name, t in out.items()}, json.dumps(
        graph.nodes, separators=(",", ":"))


def case(build, h, w, seed, margin=5e-6):
    """compute() with the first seed that keeps `margin` (relative to the largest value) from all kinks."""
    for attempt in range(seed, seed + 1000):
        result = compute(build, h, w, attempt, margin)
        if result:
            return result
    raise SystemExit("no seed keeps away from the kinks")


def table(cases):
    """cases: name -> (build, h, w) or with margin. Gives (tensors, metadata): the graph under the case's name."""
    tensors, metadata = {}, {}
    for name, (build, h, w, *margin) in cases.items():
        seed = zlib.crc32(name.encode())  # of its own, so that other cases may come and go
        found, metadata[name] = case(build, h, w, seed, *margin)
        tensors.update({f"{name}/{key}": value for key, value in found.items()})
    return tensors, metadata
