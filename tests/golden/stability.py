# SPDX-License-Identifier: LGPL-2.1-or-later
"""The stability term of model/stability.c in double precision, from the same random numbers."""
import math

import numpy
import torch

LONGEST = 6
LARGEST_ZOOM, LARGEST_ANGLE, DARKEST, NOISIEST = 0.03, 0.026, 0.1, 0.04
LUMINANCE = torch.tensor([0.2126, 0.7152, 0.0722], dtype=torch.float64)


class Motion:
    def __init__(self, random):
        def uniform(reach):
            return reach * (2 * random.uniform() - 1)

        self.dx, self.dy = uniform(LONGEST), uniform(LONGEST)
        self.shade = uniform(DARKEST), uniform(DARKEST)
        self.noise = NOISIEST * random.uniform()
        if random.below(2):
            self.dx, self.dy, self.zoom, self.angle = round(self.dx), round(self.dy), 1.0, 0.0
        else:
            self.zoom, self.angle = math.exp(uniform(LARGEST_ZOOM)), uniform(LARGEST_ANGLE)


def cubic(distance):
    """Keys 1981 with a = -1/2"""
    d = abs(distance)
    return numpy.where(d < 1, (1.5 * d - 2.5) * d * d + 1, numpy.where(d < 2, ((2.5 - 0.5 * d) * d - 4) * d + 2, 0.0))


def taps(places, side):
    """The weights of the samples of a side, of places and taps that are mirrored at its first and last sample"""
    last = side - 1
    places = numpy.abs(places)
    places = numpy.where(places > last, 2 * last - places, places)
    at = numpy.arange(-2, side + 2)
    mirrored = numpy.where(at > last, 2 * last - at, numpy.abs(at))
    return cubic(places[..., None] - at) @ (mirrored[:, None] == numpy.arange(side))


def inside(place, side):
    return (place >= 0) & (place <= side - 1)


def warp(motion, h, w):
    """(matrix from a plane to the moved plane, mask of the samples that are compared)"""
    y, x = numpy.mgrid[:h, :w].astype(float)
    cy, cx = (h - 1) / 2, (w - 1) / 2
    cosine, sine = motion.zoom * math.cos(motion.angle), motion.zoom * math.sin(motion.angle)
    from_x = cx + motion.dx + cosine * (x - cx) - sine * (y - cy)
    from_y = cy + motion.dy + sine * (x - cx) + cosine * (y - cy)
    matrix = (taps(from_y, h)[..., :, None] * taps(from_x, w)[..., None, :]).reshape(h * w, h * w)
    mask = inside(from_x, w) & inside(from_y, h)
    return torch.from_numpy(matrix), torch.from_numpy(mask)


def stability(network, x, y, random):
    """D for the crop x and its painting y"""
    motion = Motion(random)
    h, w = x.shape[2:]
    matrix, mask = warp(motion, h, w)

    def move(picture):
        return (picture.flatten(2) @ matrix.T).reshape(picture.shape)

    moved = move(x)
    down, across = ((2 * torch.arange(n, dtype=torch.float64) + 1 - n) / n for n in (h, w))
    light = torch.exp(motion.shade[0] * across + motion.shade[1] * down[:, None])
    shading = (light - 1) * (moved[0] * LUMINANCE[:, None, None]).sum(0)
    noise = torch.tensor([random.normal() for _ in range(moved.numel())], dtype=torch.float64).reshape(moved.shape)
    difference = network(moved * light + motion.noise * noise) - move(y) - shading
    return difference[..., mask].square().mean()
