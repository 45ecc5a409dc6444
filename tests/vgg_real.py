# SPDX-License-Identifier: LGPL-2.1-or-later
"""vgg_real.py VGG.safetensors PHOTO SEED CEIL OUT: features of a random crop of a photo, in double precision."""
import os
import random
import sys

import numpy
import torch
import torch.nn.functional as F
from PIL import Image

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden"))
import container  # noqa: E402


def conv(weights, name, x):
    weight = weights[name + ".weight"]
    x = F.pad(x, [weight.shape[3] // 2] * 4, mode="reflect")
    return F.conv2d(x, weight, weights[name + ".bias"])


def features(weights, x, ceil):
    """relu1_1, relu2_1, ...: through the embedding to the full VGG's width where there is one"""
    x = conv(weights, "preprocess", x)
    found = {}
    for block in range(1, 6):
        for index in range(1, 5):
            name = f"conv{block}_{index}"
            if name + ".weight" not in weights:
                break
            if index == 1 and block > 1:
                x = F.max_pool2d(x, 2, ceil_mode=ceil)
            x = F.relu(conv(weights, name, x))
            if index == 1:
                embedded = name + "_embed.weight" in weights
                found[f"relu{block}_1"] = F.relu(conv(weights, name + "_embed", x)) if embedded else x
    return found


def main(vgg, photo, seed, ceil, out):
    torch.set_num_threads(1)
    choose = random.Random(int(seed))
    width, height = choose.randint(60, 90), choose.randint(60, 90)
    picture = Image.open(photo).convert("RGB")
    left, top = choose.randint(0, picture.width - width), choose.randint(0, picture.height - height)
    crop = numpy.asarray(picture.crop((left, top, left + width, top + height)), numpy.float32) / numpy.float32(255)
    x = torch.from_numpy(crop.transpose(2, 0, 1).copy())
    weights = {name: torch.from_numpy(array.copy()).double() for name, array in container.read(vgg)[0].items()}
    tensors = {"picture": x, **{name: f[0] for name, f in features(weights, x.double()[None], ceil == "ceil").items()}}
    container.write(out, {name: tensor.numpy() for name, tensor in tensors.items()}, {})
    print(f"{os.path.basename(vgg)}: {width}x{height} pixels at ({left}, {top})")


main(*sys.argv[1:])
