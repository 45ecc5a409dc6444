# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads .nsw files (doc/nsw-format.md)."""
import json
import struct

import numpy

DTYPES = {"F32": "<f4", "F16": "<f2"}


def read(path):
    """The nodes, every attribute written out in full, and the tensors by name."""
    with open(path, "rb") as file:
        data = file.read()
    size, = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + size])
    nodes = json.loads(header.pop("__metadata__")["nst.graph"])
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        array = numpy.frombuffer(data[begin:end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
        tensors[name] = array.astype(numpy.float32)
    return [complete(node) for node in nodes], tensors


def complete(node):
    sides = node.get("pad", 0)
    node["pad"] = [sides] * 4 if isinstance(sides, int) else sides  # top, bottom, left, right
    for key in "kernel", "stride", "dilation":
        pair = node.get(key, 1)
        node[key] = [pair] * 2 if isinstance(pair, int) else pair
    defaults = {"pad_mode": "zero", "groups": 1, "eps": 1e-5, "scale": 1.0, "shift": 0.0, "mode": "nearest"}
    return {**defaults, **node}
