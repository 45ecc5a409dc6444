# SPDX-License-Identifier: LGPL-2.1-or-later
"""make_corpus.py: writes corpus/ anew: the smallest networks of each kind that nst convert reads."""
import json
import os
import shutil
import struct
import sys
import tempfile

import numpy
import torch

sys.dont_write_bytecode = True
here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(here), "convert"), os.path.join(os.path.dirname(here), "golden")]
import make  # noqa: E402
import networks  # noqa: E402
import t7  # noqa: E402

corpus = os.path.join(here, "corpus")


def path(name):
    return os.path.join(corpus, name)


def main():
    torch.set_num_threads(1)
    network = networks.transformer_net(torch.rand(1, 3, 32, 32), 1, 1)
    state = {name: tensor.half() for name, tensor in network.state_dict().items()}
    torch.save(state, path("style.pth"))
    torch.save({"state_dict": state}, path("style_legacy.pth"), _use_new_zipfile_serialization=False)
    arrays = {"Variable" + (f"_{i}" if i else ""): variable.numpy()[tuple(slice(0, 1 if side > 9 else side)
              for side in variable.shape)] for i, variable in enumerate(networks.fast_style_transfer_variables(2))}
    numpy.savez_compressed(path("style.npz"), **{name: array.astype(numpy.float16) for name, array in arrays.items()})
    builder = t7.Builder(3, "reflect-start", True)
    t7.save(path("style.t7"), {"opt": {"preprocessing": "vgg"}, "model": builder.network("c3s1-1,d1,d1,R1,u1,u1,c3s1-3")})
    builder = t7.Builder(4, "reflect", False, numpy.float64)
    t7.save(path("norm.t7"), {"model": builder.network("c3s1-1,R1,U1,c3s1-3"), "done": True})
    with tempfile.TemporaryDirectory() as directory:
        make.onnx_13(make.Case(directory, "onnx_13"))
        shutil.copy(os.path.join(directory, "onnx_13.onnx"), path("style.onnx"))
    torch.onnx.export(network, torch.rand(1, 3, 32, 32), path("style_9.onnx"), opset_version=9)
    mixed_types(path("vgg.safetensors"))
    raw()
    keras()


def mixed_types(name):
    """VGG's first layers, with the types of other programs' safetensors files"""
    tensors = {"features.0.weight": ("F64", numpy.full((2, 3, 3, 3), 0.25)),
               "features.0.bias": ("BF16", numpy.full(2, 0x3f80, numpy.uint16)),
               "features.1.num_batches_tracked": ("I64", numpy.array(7)),
               "features.2.weight": ("F16", numpy.full((2, 2, 3, 3), 0.5, numpy.float16)),
               "features.2.bias": ("F32", numpy.zeros(2, numpy.float32))}
    header, offset = {}, 0
    for key, (dtype, array) in tensors.items():
        header[key] = {"dtype": dtype, "shape": array.shape, "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode()
    with open(name, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(array.tobytes() for _, array in tensors.values()))


def raw():
    """A manifest; a file's last letter says how long it is: raw_files.h"""
    variables = {"Variable": ("w_c", [2, 2, 1, 1]), "Variable_1": ("b_a", [1]), "Variable_3/Adam": ("adam_d", [2, 1, 2, 2]),
                 "beta1_power": ("x", [])}
    with open(path("raw.json"), "w", encoding="ascii") as file:
        json.dump({name: {"filename": filename, "shape": shape} for name, (filename, shape) in variables.items()}, file)


def keras():
    import h5py
    with h5py.File(path("vgg.h5"), "w") as file:
        for block in (1, 2):
            layer = f"block{block}_conv1"
            inputs = 3 if block == 1 else 2
            file.create_group(layer).create_dataset("kernel:0", data=numpy.ones((3, 3, inputs, 2), numpy.float32))
            file[layer].create_dataset("bias:0", data=numpy.zeros(2, numpy.float32))
        file.create_group("fc1").create_dataset("kernel:0", data=numpy.zeros((2, 2), numpy.float32))


if __name__ == "__main__":
    os.makedirs(corpus, exist_ok=True)
    main()
