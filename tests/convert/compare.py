# SPDX-License-Identifier: LGPL-2.1-or-later
"""compare.py EXPECTED.ppm FOUND.ppm: fails where they are more than one 8-bit level apart."""
import sys

import numpy


def read(path):
    with open(path, "rb") as file:
        magic, (width, height), depth = file.readline(), file.readline().split(), file.readline()
        assert magic == b"P6\n" and int(depth) == 255
        return numpy.frombuffer(file.read(), numpy.uint8).reshape(int(height), int(width), 3).astype(int)


expected, found = map(read, sys.argv[1:])
difference = numpy.abs(expected - found)
print(f"{sys.argv[2]}: at most {difference.max()} of 255 off, {(difference > 0).mean():.2%} of the samples are off")
sys.exit(int(difference.max() > 1))
