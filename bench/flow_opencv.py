# SPDX-License-Identifier: LGPL-2.1-or-later
"""Motion by OpenCV's dense inverse search: as files that `nst score --flow` reads, and beside the library's own."""
import os
import shutil
import subprocess
import time

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


def read_scene(clip):
    """The luma of a clip of samples/motion.c"""
    with open(clip, "rb") as file:
        header = file.readline().split()
        width, height = int(header[1][1:]), int(header[2][1:])
        frames = []
        while file.readline():
            frames.append(numpy.frombuffer(file.read(3 * width * height), numpy.uint8)[:width * height])
    return numpy.stack(frames).reshape(-1, height, width)


def read_truth(folder, index, height, width):
    """The motion, 2 x height x width, and where it is seen"""
    path = os.path.join(folder, f"{index:06}")
    flow = numpy.fromfile(path + ".flo", "<f4", offset=12).reshape(height, width, 2).transpose(2, 0, 1)
    return flow, cv2.imread(path + ".pgm", cv2.IMREAD_GRAYSCALE) > 0


def endpoint_error(flows, folder, indices=None):
    """Mean distance from the truth, over the pixels that are seen in both frames"""
    errors = []
    for index, flow in zip(indices or range(1, len(flows) + 1), flows):
        truth, seen = read_truth(folder, index, *flow.shape[1:])
        if seen.any():
            errors.append(numpy.hypot(*(flow - truth))[seen].mean())
    return float(numpy.mean(errors))


def estimate(frames):
    """The motion of each frame to the next, and the median of the seconds of one, of one thread's processor time"""
    cv2.setNumThreads(1)
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flows, times = [], []
    for before, after in zip(frames, frames[1:]):
        start = time.process_time()
        flow = search.calc(before, after, None)
        times.append(time.process_time() - start)
        flows.append(flow.transpose(2, 0, 1))
    return flows, float(numpy.median(times))


def estimate_ours(frames, worker):
    """The same by the library, through bench/flow_worker.c"""
    count, height, width = frames.shape
    ours = subprocess.run([worker, str(width), str(height), str(count)], input=frames.tobytes(), check=True,
                          capture_output=True)
    return numpy.frombuffer(ours.stdout, numpy.float32).reshape(-1, 2, height, width), float(ours.stderr)


def estimate_half(frames, worker):
    """The same at half the size, enlarged"""
    count, height, width = frames.shape
    half = frames.reshape(count, height // 2, 2, width // 2, 2).mean((2, 4)).round().astype(numpy.uint8)
    flows, seconds = estimate_ours(half, worker)
    return [enlarge(flow, (width, height)) for flow in flows], seconds


def enlarge(flow, size):
    """From half of the size"""
    return numpy.stack([2 * cv2.resize(plane, size) for plane in flow])


def vectors(clip, worker, folder, size, count):
    """Of a clip that runs backwards, through bench/vectors_worker.c: endpoint errors of the motion that begins with the
    decoder's vectors and of what is searched for, the share of pictures where flow=auto takes the vectors, and both's seconds"""
    ours = subprocess.run([worker, clip], check=True, capture_output=True)
    width, height = size[0] // 2, size[1] // 2
    record = numpy.dtype([("frame", "<i4"), ("flows", "<f4", (2, 2, height, width))])
    found = numpy.frombuffer(ours.stdout, record)
    taken, *seconds = map(float, ours.stderr.split())
    indices = [int(count - frame) for frame in found["frame"]]
    errors = [endpoint_error([enlarge(flow, size) for flow in found["flows"][:, way]], folder, indices) for way in (0, 1)]
    return errors, taken / len(found), seconds


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
