# SPDX-License-Identifier: LGPL-2.1-or-later
"""onnx_export.py NETWORK.nsw WIDTH HEIGHT OUT.onnx: the same network for other engines.

Every node becomes what ONNX has for it. The messages of the format are written by hand, so that no package is needed;
the field numbers are those of onnx.proto3.
"""
import struct
import sys

import numpy

import nsw

OPSET, IR_VERSION = 11, 6
FLOAT, INT64 = 1, 7  # TensorProto.DataType
AS_FLOAT, AS_INT, AS_STRING, AS_INTS = 1, 2, 3, 7  # AttributeProto.AttributeType


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytearray([value]))


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def attribute(name, value):
    if isinstance(value, float):
        body = field(2, value) + field(20, AS_FLOAT)
    elif isinstance(value, int):
        body = field(3, value) + field(20, AS_INT)
    elif isinstance(value, str):
        body = field(4, value) + field(20, AS_STRING)
    else:
        body = b"".join(field(8, int(v)) for v in value) + field(20, AS_INTS)
    return field(1, name) + body


def tensor(name, array):
    kind = INT64 if array.dtype == numpy.int64 else FLOAT
    dims = b"".join(field(1, size) for size in array.shape)
    return dims + field(2, kind) + field(8, name) + field(9, numpy.ascontiguousarray(array).tobytes())


def value_info(name, shape):
    dims = b"".join(field(1, field(1, size)) for size in shape)
    return field(1, name) + field(2, field(1, field(1, FLOAT) + field(2, dims)))


class Exporter:
    def __init__(self, tensors):
        self.tensors, self.nodes, self.initializers, self.constants = tensors, [], [], 0

    def emit(self, op, inputs, output, **attributes):
        body = b"".join(field(1, name) for name in inputs) + field(2, output) + field(3, output) + field(4, op)
        self.nodes.append(body + b"".join(field(5, attribute(*item)) for item in attributes.items()))
        return output

    def constant(self, array, dtype=numpy.float32):
        self.constants += 1
        name = f"constant{self.constants}"
        self.initializers.append(tensor(name, numpy.asarray(array, dtype)))
        return name

    def parameter(self, node, key):
        return self.constant(self.tensors[node[key]])

    # -- one method an op: the inputs' names, and the name that the result gets

    def conv2d(self, node, inputs, output):
        top, bottom, left, right = node["pad"]
        pads = [top, left, bottom, right]
        if any(pads) and node["pad_mode"] != "zero":
            mode = {"reflect": "reflect", "replicate": "edge"}[node["pad_mode"]]
            sides = self.constant([0, 0, top, left, 0, 0, bottom, right], numpy.int64)
            inputs = [self.emit("Pad", [*inputs, sides], output + "_padded", mode=mode)]
            pads = [0] * 4
        weights = [self.parameter(node, key) for key in ("weight", "bias") if key in node]
        self.emit("Conv", inputs + weights, output, kernel_shape=self.tensors[node["weight"]].shape[2:], pads=pads,
                  strides=node["stride"], dilations=node["dilation"], group=node["groups"])

    def instance_norm(self, node, inputs, output):
        weights = [self.parameter(node, key) for key in ("weight", "bias")]
        self.emit("InstanceNormalization", inputs + weights, output, epsilon=float(node["eps"]))

    def affine(self, node, inputs, output):
        assert "weight" not in node and "bias" not in node
        scaled = self.emit("Mul", [*inputs, self.constant(node["scale"])], output + "_scaled")
        self.emit("Add", [scaled, self.constant(node["shift"])], output)

    def relu(self, _, inputs, output):
        self.emit("Relu", inputs, output)

    def add(self, _, inputs, output):
        self.emit("Add", inputs, output)

    def upsample(self, node, inputs, output):
        linear = node["mode"] == "bilinear"
        scales = self.constant([1, 1, node["factor"], node["factor"]])
        self.emit("Resize", [*inputs, self.constant(numpy.zeros(0)), scales], output,
                  mode="linear" if linear else "nearest", nearest_mode="floor",
                  coordinate_transformation_mode="half_pixel" if linear else "asymmetric")

    def pixel_unshuffle(self, node, inputs, output):
        """Not SpaceToDepth, which orders the channels otherwise."""
        r, (channels, h, w) = node["factor"], self.shapes[node["inputs"][0]]
        split = self.constant([1, channels, h // r, r, w // r, r], numpy.int64)
        merged = self.constant([1, channels * r * r, h // r, w // r], numpy.int64)
        x = self.emit("Reshape", [*inputs, split], output + "_split")
        x = self.emit("Transpose", [x], output + "_turned", perm=[0, 1, 3, 5, 2, 4])
        self.emit("Reshape", [x, merged], output)


def shapes_of(nodes, tensors, width, height):
    """Channels, height and width of every node."""
    shapes = {nodes[0]["name"]: (nodes[0]["channels"], height, width)}
    for node in nodes[1:]:
        c, h, w = shapes[node["inputs"][0]]
        if node["op"] == "conv2d":
            c, _, kh, kw = tensors[node["weight"]].shape
            top, bottom, left, right = node["pad"]
            h = (h + top + bottom - (kh - 1) * node["dilation"][0] - 1) // node["stride"][0] + 1
            w = (w + left + right - (kw - 1) * node["dilation"][1] - 1) // node["stride"][1] + 1
        elif node["op"] == "upsample":
            h, w = h * node["factor"], w * node["factor"]
        elif node["op"] == "pixel_unshuffle":
            c, h, w = c * node["factor"] ** 2, h // node["factor"], w // node["factor"]
        shapes[node["name"]] = c, h, w
    return shapes


def export(source, width, height, target):
    nodes, tensors = nsw.read(source)
    exporter = Exporter(tensors)
    exporter.shapes = shapes_of(nodes, tensors, width, height)
    for node in nodes[1:]:
        getattr(exporter, node["op"])(node, list(node["inputs"]), node["name"])
    first, last = nodes[0]["name"], nodes[-1]["name"]
    graph = b"".join(field(1, node) for node in exporter.nodes) + field(2, "nst")
    graph += b"".join(field(5, initializer) for initializer in exporter.initializers)
    graph += field(11, value_info(first, (1, *exporter.shapes[first])))
    graph += field(12, value_info(last, (1, *exporter.shapes[last])))
    model = field(1, IR_VERSION) + field(2, "nst") + field(7, graph) + field(8, field(1, "") + field(2, OPSET))
    with open(target, "wb") as file:
        file.write(model)


if __name__ == "__main__":
    export(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
