# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes .nsw files as doc/nsw-format.md says, runs `nst apply` on them, and compares with PyTorch.

Nothing here comes from the project's code: what a file means is computed by the reading of that page below, in
double precision. usage: nsw_from_doc.py NST FOLDER
"""
import json
import math
import struct
import subprocess
import sys

import numpy as np
import torch
import torch.nn.functional as F


class Network:
    """A graph in the making, its tensors, and the writer of section 1."""

    def __init__(self, seed, dtype="F32", **metadata):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.tensors, self.dtype, self.metadata = [], {}, dtype, metadata

    def node(self, name, op, *inputs, **attributes):
        self.nodes.append({"name": name, "op": op, "inputs": list(inputs), **attributes})
        return name

    def tensor(self, name, array):
        self.tensors[name] = np.ascontiguousarray(array, "<f2" if self.dtype == "F16" else "<f4")
        return name

    def random(self, name, *shape, scale=1.0, mean=0.0):
        return self.tensor(name, mean + scale * self.rng.standard_normal(shape))

    def write(self, path):
        metadata = {"nst.version": "1", "nst.kind": "style", "nst.graph": json.dumps(self.nodes)}
        metadata.update({"nst." + key.replace("_", "."): value for key, value in self.metadata.items()})
        header, offset = {"__metadata__": metadata}, 0
        for name, array in self.tensors.items():
            header[name] = {"dtype": self.dtype, "shape": array.shape, "data_offsets": [offset, offset + array.nbytes]}
            offset += array.nbytes
        text = json.dumps(header).encode()
        text += b" " * (-(8 + len(text)) % 64)
        with open(path, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            for array in self.tensors.values():
                file.write(array.tobytes())


# ---- what the ops mean: section 4 ----

def pair(value):
    return [value, value] if isinstance(value, int) else value


def sides(value):
    return [value] * 4 if isinstance(value, int) else value


def padded(x, pad, mode):
    top, bottom, left, right = sides(pad)
    if mode == "zero":
        return F.pad(x, (left, right, top, bottom))

    def source(i, n):
        if 0 <= i < n:
            return i
        if mode == "replicate" or n == 1:
            return 0 if i < 0 or n == 1 else n - 1
        m = i % (2 * (n - 1))
        return m if m < n else 2 * (n - 1) - m

    h, w = x.shape[2:]
    x = x[:, :, [source(i, h) for i in range(-top, h + bottom)]]
    return x[:, :, :, [source(j, w) for j in range(-left, w + right)]]


def cropped(x, pad):
    top, bottom, left, right = sides(pad)
    return x[:, :, top:x.shape[2] - bottom, left:x.shape[3] - right]


def conv_transpose2d(x, node, weight, bias):
    x = F.conv_transpose2d(x, weight, None, pair(node.get("stride", 1)), 0, 0, node.get("groups", 1),
                           pair(node.get("dilation", 1)))
    top, bottom, left, right = sides(node.get("pad", 0))
    more_h, more_w = pair(node.get("output_pad", 0))
    h, w = x.shape[2] - top - bottom + more_h, x.shape[3] - left - right + more_w
    x = F.pad(x, (0, more_w, 0, more_h))[:, :, top:top + h, left:left + w]
    return x if bias is None else x + bias[:, None, None]


def windows(n, k, s, before, after, ceil):
    if not ceil:
        return (n + before + after - k) // s + 1
    out = math.ceil((n + before + after - k) / s) + 1
    return out - 1 if (out - 1) * s >= n + before else out


def pool(x, node, maximum):
    """The window of row i begins at i s - pt; positions beyond the padding (ceil) never count."""
    (kh, kw), (sh, sw) = pair(node["kernel"]), pair(node.get("stride", 1))
    top, bottom, left, right = sides(node.get("pad", 0))
    ceil, h, w = node.get("ceil", False), x.shape[2], x.shape[3]
    ho, wo = windows(h, kh, sh, top, bottom, ceil), windows(w, kw, sw, left, right, ceil)
    y = torch.empty(1, x.shape[1], ho, wo, dtype=x.dtype)
    for i in range(ho):
        for j in range(wo):
            r0, c0 = i * sh - top, j * sw - left
            part = x[0, :, max(r0, 0):min(r0 + kh, h), max(c0, 0):min(c0 + kw, w)]
            count = part.shape[1] * part.shape[2]
            if node.get("count_pad", False):
                count = (min(r0 + kh, h + bottom) - r0) * (min(c0 + kw, w + right) - c0)
            y[0, :, i, j] = part.amax((1, 2)) if maximum else part.sum((1, 2)) / count
    return y


def instance_norm(x, node, weight, bias):
    mean, var = x.mean((2, 3), keepdim=True), x.var((2, 3), unbiased=False, keepdim=True)
    y = (x - mean) / torch.sqrt(var + node.get("eps", 1e-5))
    y = y if weight is None else y * weight[:, None, None]
    return y if bias is None else y + bias[:, None, None]


def affine(x, node, weight, bias):
    w = node.get("scale", 1.0) if weight is None else weight[:, None, None]
    b = node.get("shift", 0.0) if bias is None else bias[:, None, None]
    return x * w + b


def evaluate(node, inputs, weight, bias):
    op, x, factor = node["op"], inputs[0], node.get("factor", 1)
    if op == "conv2d":
        x = padded(x, node.get("pad", 0), node.get("pad_mode", "zero"))
        return F.conv2d(x, weight, bias, pair(node.get("stride", 1)), 0, pair(node.get("dilation", 1)),
                        node.get("groups", 1))
    if op == "upsample" and node.get("mode") == "bilinear":
        return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    return {
        "conv_transpose2d": lambda: conv_transpose2d(x, node, weight, bias),
        "instance_norm": lambda: instance_norm(x, node, weight, bias),
        "relu": lambda: x.clamp(min=0),
        "tanh": lambda: torch.tanh(x),
        "add": lambda: x + inputs[1],
        "mul": lambda: x * inputs[1],
        "affine": lambda: affine(x, node, weight, bias),
        "upsample": lambda: x.repeat_interleave(factor, 2).repeat_interleave(factor, 3),
        "pixel_shuffle": lambda: F.pixel_shuffle(x, factor),
        "pixel_unshuffle": lambda: F.pixel_unshuffle(x, factor),
        "max_pool": lambda: pool(x, node, True),
        "avg_pool": lambda: pool(x, node, False),
        "pad": lambda: padded(x, node.get("pad", 0), node.get("pad_mode", "zero")),
        "crop": lambda: cropped(x, node.get("pad", 0)),
        "concat": lambda: torch.cat(inputs, 1),
    }[op]()


def expected_picture(network, picture, multiple):
    """Section 2: to a multiple by reflection, through the graph, back to 8 bits."""
    height, width = picture.shape[:2]
    x = torch.from_numpy(picture.astype("f8") / 255).permute(2, 0, 1)[None]
    x = padded(x, [0, -height % multiple, 0, -width % multiple], "reflect")
    x = x * float(network.metadata.get("input_range", "1"))
    x = x.flip(1) if network.metadata.get("input_order", "rgb") == "bgr" else x
    tensors = {name: torch.from_numpy(array.astype("f8")) for name, array in network.tensors.items()}
    values = {network.nodes[0]["name"]: x}
    for node in network.nodes[1:]:
        inputs = [values[name] for name in node["inputs"]]
        values[node["name"]] = evaluate(node, inputs, tensors.get(node.get("weight")), tensors.get(node.get("bias")))
    y = values[network.nodes[-1]["name"]] / float(network.metadata.get("output_range", "1"))
    y = y.flip(1) if network.metadata.get("output_order", "rgb") == "bgr" else y
    y = (y[0].permute(1, 2, 0).numpy()[:height, :width].clip(0, 1) * 255).round()
    return y.astype(int)


# ---- networks ----

def tensorflow_same(size, k, s):
    total = max((-(-size // s) - 1) * s + k - size, 0)
    return [total // 2, total - total // 2] * 2


def tensorflow_style():
    """The fast style transfer of TensorFlow: SAME padding, transposed convolutions, 150 tanh + 127.5, 0 to 255."""
    net = Network(1, input_range="255", output_range="255", name="TensorFlow", licence="CC0-1.0")

    def conv(name, x, ci, co, k, s=1):
        hwio = net.rng.standard_normal((k, k, ci, co)) * (2 / (k * k * ci)) ** 0.5
        weight = net.tensor(name + "/weights", hwio.transpose(3, 2, 0, 1))
        x = net.node(name, "conv2d", x, weight=weight, stride=s, pad=tensorflow_same(64, k, s))
        return norm(name + "/norm", x, co)

    def deconv(name, x, ci, co, k, s):
        hwoi = net.rng.standard_normal((k, k, co, ci)) * (2 / (k * k * ci)) ** 0.5
        total = max(k - s, 0)
        x = net.node(name, "conv_transpose2d", x, weight=net.tensor(name + "/weights", hwoi.transpose(3, 2, 0, 1)),
                     stride=[s, s], pad=[total // 2, total - total // 2] * 2)
        return relu(norm(name + "/norm", x, co))

    def norm(name, x, c):
        return net.node(name, "instance_norm", x, eps=1e-3, weight=net.random(name + "/scale", c, scale=0.3, mean=1),
                        bias=net.random(name + "/shift", c, scale=0.3))

    def relu(x):
        return net.node(x + "/relu", "relu", x)

    x = net.node("picture", "input", channels=3)
    x = relu(conv("conv1", x, 3, 16, 9))
    x = relu(conv("conv2", x, 16, 24, 3, 2))
    x = relu(conv("conv3", x, 24, 32, 3, 2))
    for i in range(2):
        r = relu(conv("res%da" % i, x, 32, 32, 3))
        x = net.node("res%d" % i, "add", x, conv("res%db" % i, r, 32, 32, 3))
    x = deconv("up1", x, 32, 24, 3, 2)
    x = deconv("up2", x, 24, 16, 3, 2)
    x = net.node("tanh", "tanh", conv("conv_out", x, 16, 3, 9))
    net.node("output", "affine", x, scale=150, shift=127.5)
    return net


def every_op():
    """Every op and attribute once, in no sensible order, in F16, from BGR to RGB."""
    net = Network(2, "F16", input_order="bgr", name="every op")
    weight = lambda name, *shape: net.random(name, *shape, scale=(2 / np.prod(shape[1:])) ** 0.5)
    x = net.node("x", "input", channels=3)
    a = net.node("a", "affine", x, weight=net.random("a.w", 3, scale=0.3, mean=2), bias=net.random("a.b", 3))
    u = net.node("u", "pixel_unshuffle", a, factor=2)
    c1 = net.node("c1", "conv2d", u, weight=weight("c1.w", 16, 3, 3, 3), bias=net.random("c1.b", 16), groups=4,
                  dilation=3, pad=3, pad_mode="reflect")
    r1 = net.node("r1", "relu", net.node("n1", "instance_norm", c1))
    mp = net.node("mp", "max_pool", r1, kernel=3, stride=2, pad=[1, 0, 1, 0])
    ap = net.node("ap", "avg_pool", mp, kernel=2, pad=[0, 1, 1, 0], count_pad=True)
    c2 = net.node("c2", "conv2d", ap, weight=weight("c2.w", 24, 16, 3, 5), pad=[1, 1, 2, 2], pad_mode="replicate")
    b = net.node("b", "upsample", c2, factor=2, mode="bilinear")
    t1 = net.node("t1", "conv_transpose2d", b, weight=weight("t1.w", 24, 8, 3, 3), pad=1, groups=2)
    t2 = net.node("t2", "conv_transpose2d", c2, weight=weight("t2.w", 24, 16, 3, 3), bias=net.random("t2.b", 16),
                  stride=2, pad=1, output_pad=1)
    p = net.node("p", "avg_pool", r1, kernel=3, stride=2, pad=1, ceil=True)
    p = net.node("pc", "crop", net.node("pu", "upsample", p, factor=2, mode="nearest"), pad=[0, 2, 1, 1])
    cc = net.node("cc", "concat", r1, t1, t2, p)
    cr = net.node("cr", "crop", net.node("cp", "pad", cc, pad=[3, 3, 3, 3], pad_mode="reflect"), pad=[1, 5, 2, 4])
    c3 = net.node("c3", "conv2d", cr, weight=weight("c3.w", 12, 64, 3, 3), bias=net.random("c3.b", 12), pad=1)
    th = net.node("th", "tanh", net.node("ps", "pixel_shuffle", c3, factor=2))
    ad = net.node("ad", "add", net.node("m", "mul", th, a), th)
    net.node("y", "affine", ad, scale=0.2, shift=0.5)
    return net


# ---- the comparison ----

def write_ppm(path, picture):
    with open(path, "wb") as file:
        file.write(b"P6\n%d %d\n255\n" % (picture.shape[1], picture.shape[0]) + picture.tobytes())


def read_ppm(path):
    with open(path, "rb") as file:
        data = file.read()
    magic, width, height, top = data.split(None, 4)[:4]
    assert magic == b"P6" and top == b"255", data[:20]
    size = int(width) * int(height) * 3
    return np.frombuffer(data[-size:], "u1").reshape(int(height), int(width), 3).astype(int)


def test_picture(height, width):
    rng = np.random.default_rng(height * 1000 + width)
    y, x = np.mgrid[0:height, 0:width]
    waves = [128 + 100 * np.sin(x / (5 + c) + y / (9 - 2 * c) + c) for c in range(3)]
    noise = rng.integers(-25, 26, (height, width, 3))
    return (np.stack(waves, -1) + noise).clip(0, 255).astype("u1")


def main():
    nst, folder = sys.argv[1:]
    failed = False
    for network, multiple in ((tensorflow_style(), 4), (every_op(), 4)):
        path = folder + "/style.nsw"
        network.write(path)
        for height, width in ((64, 48), (45, 63), (2, 3), (1, 1)):
            picture = test_picture(height, width)
            write_ppm(folder + "/in.ppm", picture)
            subprocess.run([nst, "apply", "-s", path, folder + "/in.ppm", folder + "/out.ppm"], check=True)
            found = read_ppm(folder + "/out.ppm")
            expected = expected_picture(network, picture, multiple)
            assert found.shape == expected.shape, (found.shape, expected.shape)
            difference = np.abs(found - expected)
            print("%s, %dx%d: largest difference %d, %.3f %% of samples differ; values %d to %d" % (
                network.metadata["name"], width, height, difference.max(), 100 * (difference > 0).mean(),
                expected.min(), expected.max()))
            failed |= difference.max() > 1
    sys.exit(1 if failed else 0)


main()
