# SPDX-License-Identifier: LGPL-2.1-or-later
"""Motion by OpenCV's dense inverse search, as files that `nst score --flow` reads: not the filter's own judgement."""
import os
import shutil

import cv2
import numpy


def consistent(forward, backward):
    """255 where the motion there and back ends where it began (Ruder et al. 2016, eq. 5), within the picture."""
    height, width = forward.shape[:2]
    x, y = numpy.meshgrid(numpy.arange(width, dtype=numpy.float32), numpy.arange(height, dtype=numpy.float32))
    x, y = x + forward[..., 0], y + forward[..., 1]
    back = cv2.remap(backward, x, y, cv2.INTER_LINEAR)
    square = (forward ** 2).sum(-1) + (back ** 2).sum(-1)
    good = ((forward + back) ** 2).sum(-1) <= 0.01 * square + 0.5
    return (good & (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)).astype(numpy.uint8) * 255


def write(clip, folder):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    video, before, index = cv2.VideoCapture(clip), None, 0
    while True:
        more, frame = video.read()
        if not more:
            return
        gray = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        if before is not None:
            forward, backward = search.calc(before, gray, None), search.calc(gray, before, None)
            path = os.path.join(folder, f"{index:06}")
            with open(path + ".flo", "wb") as file:
                file.write(b"PIEH" + numpy.array(forward.shape[1::-1], "<i4").tobytes())
                file.write(forward.astype("<f4").tobytes())
            visible = consistent(forward, backward)
            with open(path + ".pgm", "wb") as file:
                file.write(b"P5\n%d %d\n255\n" % forward.shape[1::-1] + visible.tobytes())
        before, index = gray, index + 1
