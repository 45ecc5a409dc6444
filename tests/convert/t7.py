# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes Torch7's binary files, as its File class does, and the modules of fast-neural-style with them.

Torch7 is not to be had any more; tools/import/t7.c has a drawing of the format. A module is a class with a dictionary
of fields; forward() computes it in PyTorch, after the documentation of Torch7's nn.
"""
import struct

import numpy
import torch
import torch.nn.functional as F


class Module:
    def __init__(self, name, **fields):
        self.name, self.fields = name, fields


class Writer:
    def __init__(self):
        self.parts, self.indices, self.kept = [], {}, []

    def number(self, format_, value):
        self.parts.append(struct.pack("<" + format_, value))

    def text(self, text):
        self.number("i", len(text))
        self.parts.append(text.encode())

    def index(self, thing):
        """Writes the index of a thing; whether it was there before"""
        known = id(thing) in self.indices
        self.kept.append(thing)
        self.number("i", self.indices.setdefault(id(thing), len(self.indices) + 1))
        return known

    def write(self, thing):
        if thing is None:
            self.number("i", 0)
        elif isinstance(thing, bool):
            self.number("i", 5)
            self.number("i", thing)
        elif isinstance(thing, (int, float)):
            self.number("i", 1)
            self.number("d", thing)
        elif isinstance(thing, str):
            self.number("i", 2)
            self.text(thing)
        elif isinstance(thing, (dict, list)):
            self.table(thing)
        elif isinstance(thing, numpy.ndarray):
            self.tensor(thing)
        else:
            self.number("i", 4)
            if not self.index(thing):
                self.text("V 1")
                self.text(thing.name)
                self.write({"train": False, "_type": "torch.FloatTensor", **thing.fields})

    def table(self, thing):
        self.number("i", 3)
        if self.index(thing):
            return
        pairs = thing.items() if isinstance(thing, dict) else enumerate(thing, 1)
        self.number("i", len(thing))
        for key, value in pairs:
            self.write(key)
            self.write(value)

    def tensor(self, array):
        kind = {"float32": "Float", "float64": "Double"}[array.dtype.name]
        self.number("i", 4)
        if self.index(array):
            return
        self.text("V 1")
        self.text(f"torch.{kind}Tensor")
        self.number("i", array.ndim)
        for size in array.shape + tuple(stride // array.itemsize for stride in array.strides) + (3,):  # offset, from 1
            self.number("q", size)
        self.number("i", 4)
        self.index(object())
        self.text("V 1")
        self.text(f"torch.{kind}Storage")
        self.number("q", array.size + 2)
        self.parts.append(numpy.concatenate([numpy.zeros(2, array.dtype), array.ravel()]).tobytes())


def save(path, thing):
    writer = Writer()
    writer.write(thing)
    with open(path, "wb") as file:
        file.write(b"".join(writer.parts))


def tensor(array):
    return torch.from_numpy(numpy.asarray(array, numpy.float32))


def forward(module, x):
    name, f = module.name.split(".")[1], module.fields
    if name == "Sequential":
        for inner in f["modules"]:
            x = forward(inner, x)
        return x
    if name == "ConcatTable":
        return [forward(inner, x) for inner in f["modules"]]
    if name == "CAddTable":
        return sum(x)
    if name in ("SpatialConvolution", "SpatialConvolutionMM"):
        weight = tensor(f["weight"]).view(f["nOutputPlane"], f["nInputPlane"], f["kH"], f["kW"])
        return F.conv2d(x, weight, tensor(f["bias"]), (f["dH"], f["dW"]), (f["padH"], f["padW"]))
    if name == "SpatialFullConvolution":
        return F.conv_transpose2d(x, tensor(f["weight"]), tensor(f["bias"]), (f["dH"], f["dW"]), (f["padH"], f["padW"]),
                                  (f["adjH"], f["adjW"]))
    if name == "InstanceNormalization":
        return F.instance_norm(x, None, None, tensor(f["weight"]), tensor(f["bias"]), True, 0.1, f["eps"])
    if name == "SpatialBatchNormalization":
        return F.batch_norm(x, tensor(f["running_mean"]), tensor(f["running_var"]), tensor(f["weight"]),
                            tensor(f["bias"]), False, 0.1, f["eps"])
    if name == "SpatialReflectionPadding":
        return F.pad(x, (f["pad_l"], f["pad_r"], f["pad_t"], f["pad_b"]), "reflect")
    if name == "ShaveImage":
        s = f["size"]
        return x[:, :, s:x.shape[2] - s, s:x.shape[3] - s]
    if name == "SpatialUpSamplingNearest":
        return F.interpolate(x, scale_factor=f["scale_factor"])
    return {"ReLU": torch.relu, "Tanh": torch.tanh, "MulConstant": lambda v: v * f["constant_scalar"],
            "Identity": lambda v: v, "TotalVariation": lambda v: v}[name](x)


class Builder:
    """fast-neural-style's networks: its arch strings, such as c9s1-32,d64,R64,u32,c9s1-3"""

    def __init__(self, seed, padding, instance_norm, dtype=numpy.float32):
        self.random = numpy.random.RandomState(seed)
        self.padding, self.instance_norm, self.dtype = padding, instance_norm, dtype

    def draw(self, *shape, deviation=1., mean=0.):
        return (mean + deviation * self.random.randn(*shape)).astype(self.dtype)

    def conv(self, inputs, outputs, kernel, stride, pad):
        weight = self.draw(outputs, inputs, kernel, kernel, deviation=(2 / (inputs * kernel * kernel)) ** 0.5)
        name = "nn.SpatialConvolution"
        if self.dtype == numpy.float64:  # as older files have them
            name, weight = "nn.SpatialConvolutionMM", weight.reshape(outputs, -1)
        return Module(name, nInputPlane=inputs, nOutputPlane=outputs, kW=kernel, kH=kernel, dW=stride, dH=stride,
                      padW=pad, padH=pad, weight=weight, bias=self.draw(outputs, deviation=0.2))

    def full_conv(self, inputs, outputs):
        weight = self.draw(inputs, outputs, 3, 3, deviation=(4 / (inputs * 9)) ** 0.5)
        return Module("nn.SpatialFullConvolution", nInputPlane=inputs, nOutputPlane=outputs, kW=3, kH=3, dW=2, dH=2,
                      padW=1, padH=1, adjW=1, adjH=1, weight=weight, bias=self.draw(outputs, deviation=0.2))

    def norm(self, channels):
        parameters = {"weight": self.draw(channels, deviation=0.2, mean=1), "bias": self.draw(channels, deviation=0.2),
                      "eps": 1e-5}
        if self.instance_norm:
            return Module("nn.InstanceNormalization", nOutput=channels, prev_N=-1, **parameters)
        return Module("nn.SpatialBatchNormalization", running_mean=self.draw(channels, deviation=0.2),
                      running_var=self.draw(channels, deviation=0.1, mean=1).clip(0.5), **parameters)

    def reflection(self, n):
        return Module("nn.SpatialReflectionPadding", pad_l=n, pad_r=n, pad_t=n, pad_b=n)

    def residual(self, channels):
        inner, shave = [], self.padding == "reflect-start"
        for half in range(2):
            inner += [] if shave else [self.reflection(1)]
            inner += [self.conv(channels, channels, 3, 1, 0), self.norm(channels)]
            inner += [Module("nn.ReLU", inplace=True)] if half == 0 else []
        other = Module("nn.ShaveImage", size=2) if shave else Module("nn.Identity")
        ways = Module("nn.ConcatTable", modules=[Module("nn.Sequential", modules=inner), other])
        return Module("nn.Sequential", modules=[ways, Module("nn.CAddTable", inplace=False)])

    def network(self, arch, tanh_constant=150):
        modules, channels = [], 3
        arch = arch.split(",")
        if self.padding == "reflect-start":
            modules.append(self.reflection(4 * 2 * 2 * sum(part[0] == "R" for part in arch) // 2))
        for number, part in enumerate(arch):
            out = channels if part[0] == "U" else int(part.split("-")[1] if part[0] == "c" else part[1:])
            if part[0] == "c":
                kernel, pad = int(part[1]), int(part[1]) // 2
                modules += [self.reflection(pad)] if self.padding == "reflect" else []
                modules.append(self.conv(channels, out, kernel, int(part[3]), 0 if self.padding == "reflect" else pad))
            elif part[0] == "d":
                modules.append(self.conv(channels, out, 3, 2, 1))
            elif part[0] == "u":
                modules.append(self.full_conv(channels, out))
            elif part[0] == "U":
                modules.append(Module("nn.SpatialUpSamplingNearest", scale_factor=int(part[1:])))
            else:
                modules.append(self.residual(out))
            if part[0] != "R" and number + 1 < len(arch):
                modules += [self.norm(out), Module("nn.ReLU", inplace=True)]
            channels = out
        modules += [Module("nn.Tanh"), Module("nn.MulConstant", constant_scalar=tanh_constant, inplace=False),
                    Module("nn.TotalVariation", strength=1e-6)]
        return Module("nn.Sequential", modules=modules)
