# SPDX-License-Identifier: LGPL-2.1-or-later
"""An nst network as a PyTorch module."""
import torch
import torch.nn.functional as F

import nsw


def padded(x, sides, mode):
    top, bottom, left, right = sides
    if not any(sides):
        return x
    return F.pad(x, (left, right, top, bottom), "constant" if mode == "zero" else mode)


def conv2d(node, weight, bias, x):
    top, bottom, left, right = node["pad"]
    inside = node["pad_mode"] == "zero" and top == bottom and left == right
    if not inside:
        x = padded(x, node["pad"], node["pad_mode"])
    return F.conv2d(x, weight, bias, node["stride"], (top, left) if inside else 0, node["dilation"], node["groups"])


def affine(node, weight, bias, x):
    scale = node["scale"] if weight is None else weight[:, None, None]
    shift = node["shift"] if bias is None else bias[:, None, None]
    return x * scale + shift


def upsample(node, x):
    bilinear = {"align_corners": False} if node["mode"] == "bilinear" else {}
    return F.interpolate(x, scale_factor=float(node["factor"]), mode=node["mode"], **bilinear)


class Network(torch.nn.Module):
    def __init__(self, path, taps=None):
        """taps: names of the nodes to return, in place of the last."""
        super().__init__()
        self.nodes, tensors = nsw.read(path)
        self.taps = taps
        self.names = {name: f"t{i}" for i, name in enumerate(tensors)}
        for name, array in tensors.items():
            self.register_parameter(self.names[name], torch.nn.Parameter(torch.from_numpy(array)))

    def tensor(self, node, key):
        return getattr(self, self.names[node[key]]) if key in node else None

    def apply_node(self, node, inputs):
        op, x = node["op"], inputs[0]
        weight, bias = self.tensor(node, "weight"), self.tensor(node, "bias")
        if op == "conv2d":
            return conv2d(node, weight, bias, x)
        if op == "instance_norm":
            return F.instance_norm(x, None, None, weight, bias, True, 0.1, node["eps"])
        if op == "affine":
            return affine(node, weight, bias, x)
        if op == "upsample":
            return upsample(node, x)
        if op == "max_pool":
            return F.max_pool2d(x, node["kernel"], node["stride"], 0, ceil_mode=node.get("ceil", False))
        return {"relu": F.relu, "add": torch.add,
                "pixel_unshuffle": lambda v: F.pixel_unshuffle(v, node["factor"])}[op](*inputs)

    def forward(self, x):
        values = {self.nodes[0]["name"]: x}
        last = self.taps[-1] if self.taps else self.nodes[-1]["name"]
        for node in self.nodes[1:]:
            values[node["name"]] = self.apply_node(node, [values[name] for name in node["inputs"]])
            if node["name"] == last:
                break
        return [values[name] for name in self.taps] if self.taps else values[last]
