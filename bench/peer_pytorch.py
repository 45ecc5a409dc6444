# SPDX-License-Identifier: LGPL-2.1-or-later
"""peer_pytorch.py NETWORK.nsw WIDTH HEIGHT THREADS IN OUT: PyTorch on raw floats; see peer.py."""
import sys

import numpy
import torch

import peer
import torch_net

path, width, height, threads, source, target = sys.argv[1:]
torch.set_num_threads(int(threads))
x = torch.from_numpy(numpy.fromfile(source, numpy.float32).reshape(1, 3, int(height), int(width)))
with torch.no_grad():
    network = torch_net.Network(path).eval()
    network = torch.jit.freeze(torch.jit.trace(network, x))
    for _ in range(2):  # the first runs compile
        y = network(x)
    y.numpy().tofile(target)
    peer.serve(lambda: network(x))
