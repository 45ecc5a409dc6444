#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""peer_optimize.py NST LOSS.nsw CONTENT STYLE [SIDE ITERATIONS THREADS OUT.png]: nst optimize beside PyTorch's L-BFGS.

The same pictures, loss (that of nst optimize with one level: include/nst/formula.h) and start, one program after the
other. nst makes ITERATIONS steps; PyTorch (history 100, tolerances of 0) as many evaluations as nst needed for them.
Prints a table of the loss after each tenth of them, and seconds: of the clock, and of the processor, which is what to
compare where other programs run too.
"""
import csv
import os
import resource
import subprocess
import sys
import tempfile
import time

import numpy
import torch
from PIL import Image

import torch_net

LAYERS = ["relu1_1", "relu2_1", "relu3_1"]
# A million times the defaults: where gradients are as small as theirs PyTorch's L-BFGS does not move; nst's does.
STYLE_WEIGHT, CONTENT_WEIGHT, TV_WEIGHT = 1e6, 2e3, 1e4


def scaled(path, size):
    picture = Image.open(path).convert("RGB")
    if isinstance(size, int):
        scale = size / max(picture.size)
        size = tuple(round(side * scale) for side in picture.size)
    return picture.resize(size, Image.LANCZOS)


def tensor(picture):
    return torch.from_numpy(numpy.asarray(picture, numpy.float32).transpose(2, 0, 1)[None] / 255).contiguous()


def gram(f):
    flat = f[0].flatten(1)
    return flat @ flat.T / flat.shape[1]


class Loss:
    def __init__(self, path, content, style):
        self.network = torch_net.Network(path, LAYERS).requires_grad_(False)
        with torch.no_grad():
            self.content = self.network(content)[-1]
            self.variance = self.content.var((2, 3), unbiased=False).mean()
            self.style = [gram(f) for f in self.network(style)]

    def __call__(self, y):
        features = self.network(y)
        style = sum((gram(f) - g).square().sum() / g.square().sum() for f, g in zip(features, self.style)) / len(LAYERS)
        content = (features[-1] - self.content).square().mean() / self.variance
        variation = (y[..., 1:] - y[..., :-1]).square().mean() + (y[..., 1:, :] - y[..., :-1, :]).square().mean()
        return STYLE_WEIGHT * style + CONTENT_WEIGHT * content + TV_WEIGHT * variation


def seconds(who):
    usage = resource.getrusage(who)
    return numpy.array([time.monotonic(), usage.ru_utime + usage.ru_stime])


def run_nst(program, loss, folder, iterations, threads, out):
    log = os.path.join(folder, "log.csv")
    before = seconds(resource.RUSAGE_CHILDREN)
    subprocess.run([program, "optimize", "-c", f"{folder}/content.ppm", "-s", f"{folder}/style.ppm", "-l", loss,
                    "-o", out, "--size", "0", "--levels", "1", "--content-level", "0", "--style-layers",
                    ",".join(LAYERS), "--content-layers", LAYERS[-1], "--style-weight", str(STYLE_WEIGHT),
                    "--content-weight", str(CONTENT_WEIGHT),
                    "--tv-weight", str(TV_WEIGHT), "-n", str(iterations), "-t", str(threads), "--log", log], check=True)
    spent = seconds(resource.RUSAGE_CHILDREN) - before
    with open(log, encoding="ascii") as file:
        rows = list(csv.DictReader(file))
    return [(int(row["evaluations"]), float(row["total"])) for row in rows], spent


def run_torch(loss, content, style, evaluations):
    before = seconds(resource.RUSAGE_SELF)
    function = Loss(loss, content, style)
    levels = (255 * content).contiguous().requires_grad_()
    optimiser = torch.optim.LBFGS([levels], max_iter=evaluations, max_eval=evaluations, tolerance_grad=0,
                                  tolerance_change=0)
    totals = []

    def closure():
        optimiser.zero_grad()
        total = function(levels / 255)
        total.backward()
        totals.append(float(total))
        return total

    optimiser.step(closure)
    return list(enumerate(totals, 1)), seconds(resource.RUSAGE_SELF) - before


def main():
    program, loss, content_path, style_path = sys.argv[1:5]
    side, iterations, threads = (int(x) for x in (sys.argv[5:8] + ["512", "300", "1"][len(sys.argv) - 5:]))
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        content = scaled(content_path, side)
        style = scaled(style_path, content.size)
        content.save(f"{folder}/content.ppm")
        style.save(f"{folder}/style.ppm")
        ours, our_time = run_nst(program, loss, folder, iterations, threads,
                                 sys.argv[8] if len(sys.argv) > 8 else f"{folder}/out.png")
        evaluations = ours[-1][0]
        theirs, their_time = run_torch(loss, tensor(content), tensor(style), evaluations)
    print(f"{content.size[0]}x{content.size[1]}, {threads} thread(s), {iterations} iterations, "
          f"{evaluations} evaluations")
    print("evaluations         nst     PyTorch")
    for part in range(1, 11):
        limit = evaluations * part // 10
        print(f"{limit:11d} {min(t for n, t in ours if n <= limit):11.5g} {theirs[limit - 1][1]:11.5g}")
    print(f"seconds: nst {our_time[0]:.1f}, PyTorch {their_time[0]:.1f} ({our_time[0] / their_time[0]:.3f})")
    print(f"of the processor: nst {our_time[1]:.1f}, PyTorch {their_time[1]:.1f} ({our_time[1] / their_time[1]:.3f})")


if __name__ == "__main__":
    main()
