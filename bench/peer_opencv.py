# SPDX-License-Identifier: LGPL-2.1-or-later
"""peer_opencv.py NETWORK.onnx WIDTH HEIGHT THREADS IN OUT: OpenCV's DNN module on raw floats; see peer.py."""
import sys

import cv2
import numpy

import peer

path, width, height, threads, source, target = sys.argv[1:]
cv2.setNumThreads(int(threads))
x = numpy.fromfile(source, numpy.float32).reshape(1, 3, int(height), int(width))
network = cv2.dnn.readNetFromONNX(path)
network.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
network.setPreferableTarget(cv2.dnn.DNN_TARGET_CPU)


def run():
    network.setInput(x)
    return network.forward()


run().tofile(target)
peer.serve(run)
