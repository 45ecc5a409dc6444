# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs an nst graph (doc/nsw-format.md) with PyTorch in double precision: the reference for the engine."""
import numpy
import torch
import torch.nn.functional as F


def pad_index(size, before, after, mode):
    """The sample that each padded position shows; reflection repeats where the padding exceeds the picture."""
    at = numpy.arange(-before, size + after)
    if mode == "replicate":
        return torch.from_numpy(at.clip(0, size - 1))
    period = max(2 * (size - 1), 1)
    at = at % period
    return torch.from_numpy(numpy.where(at < size, at, period - at))


def pad(x, sides, mode="zero"):
    top, bottom, left, right = sides
    if mode == "zero":
        return F.pad(x, (left, right, top, bottom))
    h, w = x.shape[2:]
    y = x[:, :, pad_index(h, top, bottom, mode)][:, :, :, pad_index(w, left, right, mode)]
    if max(top, bottom) < h and max(left, right) < w:
        assert torch.equal(y, F.pad(x, (left, right, top, bottom), mode=mode))
    return y


def crop(x, sides):
    top, bottom, left, right = sides
    return x[:, :, top:x.shape[2] - bottom, left:x.shape[3] - right]


def conv2d(node, w, b, x):
    x = pad(x, node.get("pad", (0, 0, 0, 0)), node.get("pad_mode", "zero"))
    return F.conv2d(x, w, b, node.get("stride", 1), 0, node.get("dilation", 1), node.get("groups", 1))


def conv_transpose2d(node, w, b, x):
    """The full result; output_pad adds zeros below and to the right, pad crops, and then comes the bias."""
    y = F.conv_transpose2d(x, w, None, node.get("stride", 1), 0, 0, node.get("groups", 1), node.get("dilation", 1))
    rows, columns = node.get("output_pad", (0, 0))
    y = crop(F.pad(y, (0, columns, 0, rows)), node.get("pad", (0, 0, 0, 0)))
    return y if b is None else y + b[:, None, None]


def instance_norm(node, w, b, x):
    """Written out because PyTorch's own refuses a single sample."""
    deviation = x - x.mean((2, 3), keepdim=True)
    y = deviation / (deviation.square().mean((2, 3), keepdim=True) + node.get("eps", 1e-5)).sqrt()
    return affine({}, w, b, y)


def affine(node, w, b, x):
    scale = node.get("scale", 1.0) if w is None else w[:, None, None]
    shift = node.get("shift", 0.0) if b is None else b[:, None, None]
    return x * scale + shift


def upsample(node, x):
    mode = node.get("mode", "nearest")
    factor = node["factor"]
    return F.interpolate(x, scale_factor=factor, mode=mode, **({"align_corners": False} if mode == "bilinear" else {}))


def pool_input(node, x, fill):
    """PyTorch pools pad alike on opposite sides, so other padding is applied first; what it gives back is left to it."""
    top, bottom, left, right = node.get("pad", (0, 0, 0, 0))
    if (top, left) == (bottom, right):
        return x, (top, left)
    assert not node.get("ceil")
    return F.pad(x, (left, right, top, bottom), value=fill), (0, 0)


def max_pool(node, x):
    x, sides = pool_input(node, x, -numpy.inf)
    return F.max_pool2d(x, node["kernel"], node["stride"], sides, ceil_mode=node.get("ceil", False))


def avg_pool(node, x):
    args = node["kernel"], node["stride"]
    count = node.get("count_pad", False)
    padded, sides = pool_input(node, x, 0.0)
    if padded is x:
        return F.avg_pool2d(x, *args, sides, node.get("ceil", False), count)
    total = F.avg_pool2d(padded, *args, divisor_override=1)
    ones, _ = pool_input(node, torch.ones_like(x), 1.0 if count else 0.0)
    return total / F.avg_pool2d(ones, *args, divisor_override=1)


ONE_INPUT = {
    "relu": lambda node, x: F.relu(x),
    "tanh": lambda node, x: torch.tanh(x),
    "upsample": upsample,
    "pixel_shuffle": lambda node, x: F.pixel_shuffle(x, node["factor"]),
    "pixel_unshuffle": lambda node, x: F.pixel_unshuffle(x, node["factor"]),
    "max_pool": max_pool,
    "avg_pool": avg_pool,
    "pad": lambda node, x: pad(x, node["pad"], node.get("pad_mode", "zero")),
    "crop": lambda node, x: crop(x, node["pad"]),
}
WITH_TENSORS = {
    "conv2d": conv2d,
    "conv_transpose2d": conv_transpose2d,
    "instance_norm": instance_norm,
    "affine": affine,
}


def run(nodes, tensors, x):
    """Values of all nodes by name. nodes: parsed nst.graph, the input first. tensors: name -> double tensor."""
    values = {nodes[0]["name"]: x}
    for node in nodes[1:]:
        inputs = [values[name] for name in node["inputs"]]
        op = node["op"]
        if op == "add":
            y = inputs[0] + inputs[1]
        elif op == "mul":
            y = inputs[0] * inputs[1]
        elif op == "concat":
            y = torch.cat(inputs, 1)
        elif op in ONE_INPUT:
            y = ONE_INPUT[op](node, inputs[0])
        else:
            weight, bias = (tensors[node[key]] if key in node else None for key in ("weight", "bias"))
            y = WITH_TENSORS[op](node, weight, bias, inputs[0])
        values[node["name"]] = y
    return values


def kink_distance(nodes, values):
    """How far the values are from where relu and max_pool have no derivative, relative to the largest of them."""
    distance = 1.0
    for node in nodes[1:]:
        if node["op"] not in ("relu", "max_pool"):
            continue
        x = values[node["inputs"][0]].detach()
        gap = x.abs()
        if node["op"] == "max_pool":
            padded, (rows, columns) = pool_input(node, x, -1e30)
            extra = max(node["kernel"]) if node.get("ceil") else 0
            padded = F.pad(padded, (columns, columns + extra, rows, rows + extra), value=-1e30)
            windows = F.unfold(padded.transpose(0, 1), node["kernel"], stride=node["stride"])
            top = windows.topk(min(2, windows.shape[1]), 1).values
            gap = top[:, 0] - top[:, -1]
            gap = gap[(top[:, 0] > -1e29) & (top[:, 0] != 0)]  # zeros, all of them, are what a relu has cut off
        distance = min(distance, (gap.min() / x.abs().max()).item())
    return distance
