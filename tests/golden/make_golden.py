#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the golden dumps in this folder with PyTorch (Debian's python3-torch). The same bytes come out each time."""
import os
import sys

import torch

sys.dont_write_bytecode = True

import cases
import container
import layers
import loss
import networks
import optimize
import recipe

FOLDER = os.path.dirname(os.path.abspath(__file__))


def save(name, tensors, metadata):
    path = os.path.join(FOLDER, name + ".safetensors")
    container.write(path, tensors, metadata)
    print(f"{path}: {len(tensors)} tensors, {os.path.getsize(path)} bytes")


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    save("layers", *cases.table(layers.CASES))
    save("networks", *cases.table(networks.CASES))
    loss.dump(save)
    recipe.dump(save)
    optimize.dump(save)


if __name__ == "__main__":
    main()
