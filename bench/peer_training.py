# SPDX-License-Identifier: LGPL-2.1-or-later
"""peer_training.py NETWORK.nsw LOSS.nsw SIDE THREADS STYLE CONTENT OUT: the training steps of train_worker in PyTorch.

The loss is that of include/nst/train.h with one level; see peer.py for what is printed. OUT gets the figures of the first
step, as from train_worker.
"""
import sys

import numpy
import torch

import nsw
import peer
import torch_net

LAYERS = ["relu1_1", "relu2_1", "relu3_1"]
CONTENT_WEIGHT, TV_WEIGHT, CLIP_NORM = 0.05, 0.01, 1.0

network_path, loss_path, side, threads, style_path, content_path, out_path = sys.argv[1:]
torch.set_num_threads(int(threads))


def picture(path):
    return torch.from_numpy(numpy.fromfile(path, numpy.float32).reshape(1, 3, int(side), int(side)))


def taps(path):
    """The layers, or the embeddings that a slim network has in their place."""
    names = {node["name"] for node in nsw.read(path)[0]}
    return [layer + "_embed" if layer + "_embed" in names else layer for layer in LAYERS]


def gram(features):
    flat = features.flatten(2)[0]
    return flat @ flat.T / flat.shape[1]


network = torch_net.Network(network_path)
loss_network = torch_net.Network(loss_path, taps(loss_path)).requires_grad_(False)
optimizer = torch.optim.Adam(network.parameters(), 4e-3, (0.9, 0.99))
content = picture(content_path)
with torch.no_grad():
    wanted = [gram(features) for features in loss_network(picture(style_path))]


def step():
    optimizer.zero_grad()
    y = network(content)
    features = loss_network(y)
    with torch.no_grad():
        kept = loss_network(content)[-1]
        variance = kept.var((2, 3), unbiased=False).mean()
    style = sum((gram(f) - w).square().sum() / w.square().sum() for f, w in zip(features, wanted)) / len(wanted)
    variation = (y[..., 1:] - y[..., :-1]).square().mean() + (y[..., 1:, :] - y[..., :-1, :]).square().mean()
    away = (features[-1] - kept).square().mean() / variance
    loss = style + CONTENT_WEIGHT * away + TV_WEIGHT * variation
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP_NORM)
    optimizer.step()
    return loss, style, away, variation, norm


with open(out_path, "w") as out:
    print(*(f"{figure.item():.7g}" for figure in step()), file=out)
peer.serve(step)
