# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads and writes safetensors files with numpy alone."""
import json
import struct

import numpy

DTYPES = {"F32": numpy.dtype("<f4"), "F16": numpy.dtype("<f2")}


def write(path, tensors, metadata):
    """tensors: name -> float array, written as F32. metadata: text -> text."""
    header = {"__metadata__": metadata}
    offset = 0
    for name, tensor in tensors.items():
        size = 4 * tensor.size
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(numpy.ascontiguousarray(tensor, "<f4").tobytes())


def read(path):
    """(tensors, metadata)"""
    with open(path, "rb") as file:
        data = file.read()
    size, = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + size])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        flat = numpy.frombuffer(data[8 + size + begin:8 + size + end], DTYPES[entry["dtype"]])
        tensors[name] = flat.reshape(entry["shape"]).astype(numpy.float32)
    return tensors, metadata
