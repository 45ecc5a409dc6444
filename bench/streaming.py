#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""streaming.py [--seconds S] [--rate FPS] [--size WxH] [--style STYLE] KIND...

Sends numbered frames through the scripts of samples/streaming (KIND: pipe, udp, rtmp, hls) and looks at what arrives: each
frame once, in order, with its time. Prints a JSON object a KIND with the latency from the moment when a frame is given
to the script until its picture is decoded at the other end. Exit status 1 where a frame is lost, doubled, out of order or
has a wrong time. FFMPEG names the ffmpeg with the filter.
"""
import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "samples", "streaming")
FFMPEG = os.environ.get("FFMPEG", "ffmpeg")
HELD = 5  # frames that a live viewer's decoder waits with, at most
BITS = 16  # of the frame's number, as black and white columns of the upper half


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def picture(index, w, h):
    """A YUV 4:2:0 picture: its number above, a moving ramp below."""
    columns = b"".join((b"\xeb" if index >> (x * BITS // w) & 1 else b"\x10") for x in range(w))
    ramp = bytes(32 + (x + 2 * index) % 160 for x in range(w))
    return columns * (h // 2) + ramp * (h - h // 2) + b"\x80" * (2 * ((w + 1) // 2) * ((h + 1) // 2))


def number(luma, w, h):
    row = (h // 4) * w
    return sum(1 << b for b in range(BITS) if luma[row + (2 * b + 1) * w // (2 * BITS)] > 125)


class Sender(threading.Thread):
    """Gives a frame to the script at each tick; remembers when."""

    def __init__(self, pipe, n, rate, w, h):
        super().__init__(daemon=True)
        self.pipe, self.n, self.rate, self.w, self.h = pipe, n, rate, w, h
        self.sent = []

    def run(self):
        start = time.monotonic()
        self.pipe.write(f"YUV4MPEG2 W{self.w} H{self.h} F{self.rate}:1 Ip A1:1 C420jpeg\n".encode())
        for i in range(self.n):
            time.sleep(max(0, start + i / self.rate - time.monotonic()))
            self.sent.append(time.monotonic())
            try:
                self.pipe.write(b"FRAME\n" + picture(i, self.w, self.h))
                self.pipe.flush()
            except BrokenPipeError:
                return
        self.pipe.close()


class Receiver(threading.Thread):
    """Reads decoded frames: their numbers, when they came, and the times that FFmpeg's showinfo tells."""

    def __init__(self, arguments, w, h, n, whole, **pipes):
        super().__init__(daemon=True)
        self.whole = whole  # from the first frame on
        self.w, self.h, self.n = w, h, n
        self.numbers, self.came, self.times = [], [], []
        self.process = subprocess.Popen(
            [FFMPEG, "-hide_banner", "-loglevel", "info", "-nostats", *arguments, "-fps_mode", "passthrough", "-vf",
             "showinfo,format=gray", "-f", "rawvideo", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **pipes)
        threading.Thread(target=self.read_times, daemon=True).start()

    def read_times(self):
        for line in self.process.stderr:
            found = re.search(rb"pts_time:\s*(-?[0-9.]+)", line)
            if found:
                self.times.append(float(found.group(1)))

    def run(self):
        while len(self.numbers) < self.n:
            luma = self.process.stdout.read(self.w * self.h)
            if len(luma) < self.w * self.h:
                break
            self.came.append(time.monotonic())
            self.numbers.append(number(luma, self.w, self.h))

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def script(name, style, *more):
    return subprocess.Popen([os.path.join(SCRIPTS, name), "-", style, *more], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE if name == "pipe" else None)


def wait_for_port(port, process):
    for _ in range(100):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit("streaming: the RTMP server did not start")


def through(kind, options, w, h, n, folder):
    """Starts both ends; returns the sender, the receiver and what else runs."""
    low_delay = ["-flags", "low_delay", "-analyzeduration", "200000", "-threads", "1"]
    others = []
    if kind == "pipe":
        painter = script("pipe", options.style)
        receiver = Receiver(["-f", "yuv4mpegpipe", "-i", "-"], w, h, n, True, stdin=painter.stdout)
    elif kind == "udp":
        port = free_port(socket.SOCK_DGRAM)
        receiver = Receiver([*low_delay, "-f", "mpegts", "-i", f"udp://127.0.0.1:{port}?fifo_size=100000"], w, h, n, False)
        time.sleep(0.5)  # it has to listen before the first packet
        painter = script("udp", options.style, f"127.0.0.1:{port}")
    elif kind == "rtmp":
        port = free_port(socket.SOCK_STREAM)
        server = subprocess.Popen([os.path.join(SCRIPTS, "rtmp-server"), str(port), folder])
        others.append(server)
        wait_for_port(port, server)
        address = f"rtmp://127.0.0.1:{port}/live/painted"
        receiver = Receiver([*low_delay, "-i", address], w, h, n, False)
        time.sleep(0.5)
        painter = script("rtmp", options.style, address)
    else:
        painter = script("hls", options.style, folder)
        receiver = None
    sender = Sender(painter.stdin, n, options.rate, w, h)
    sender.start()
    if kind == "hls":
        playlist = os.path.join(folder, "live.m3u8")
        while not os.path.exists(playlist) and painter.poll() is None:
            time.sleep(0.02)
        receiver = Receiver(["-live_start_index", "0", "-i", playlist], w, h, n, True)
    return sender, receiver, [painter, *others]


def faults(sender, receiver, n, rate):
    """
    What is wrong with the frames that came, as text for people. A live viewer is never told that the stream has ended and
    holds the last HELD frames back.
    """
    found = []
    least = n if receiver.whole else n - HELD
    if receiver.numbers != list(range(max(len(receiver.numbers), least))):
        found.append(f"{len(receiver.numbers)} frames of {n} came; missing "
                     f"{sorted(set(range(least)) - set(receiver.numbers))[:10]}, "
                     f"in order: {receiver.numbers == sorted(receiver.numbers)}")
    steps = [b - a for a, b in zip(receiver.times, receiver.times[1:])]
    wrong = [round(s, 4) for s in steps if abs(s - 1 / rate) > 0.0011]  # flv counts milliseconds
    if len(receiver.times) < len(receiver.numbers) or wrong:
        found.append(f"{len(receiver.times)} times for {len(receiver.numbers)} frames; steps other than 1/{rate} s: {wrong[:10]}")
    return found


def latency(sender, receiver):
    """Seconds: median, most, and how much the median of the last quarter is above the first's."""
    late = [came - sender.sent[i] for i, came in zip(receiver.numbers, receiver.came) if i < len(sender.sent)]
    quarter = max(1, len(late) // 4)
    middle = lambda values: sorted(values)[len(values) // 2]
    return {"median_ms": round(1e3 * middle(late)), "most_ms": round(1e3 * max(late)),
            "drift_ms": round(1e3 * (middle(late[-quarter:]) - middle(late[:quarter])))} if late else {}


def measure(kind, options):
    w, h = map(int, options.size.split("x"))
    n = int(options.seconds * options.rate)
    with tempfile.TemporaryDirectory() as folder:
        sender, receiver, others = through(kind, options, w, h, n, folder)
        receiver.start()
        sender.join(4 * options.seconds + 60)
        others[0].wait(60)
        receiver.join(5)  # what is on its way
        for process in others:
            if process.poll() is None:
                process.terminate()
            process.wait()
        receiver.stop()
    found = faults(sender, receiver, n, options.rate)
    print(json.dumps({"kind": kind, "size": options.size, "rate": options.rate, "frames": len(receiver.numbers),
                      **latency(sender, receiver), "faults": found}), flush=True)
    return not found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=int, default=25)
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--style", default="starry")
    parser.add_argument("kinds", nargs="+", choices=["pipe", "udp", "rtmp", "hls"], metavar="KIND")
    options = parser.parse_args()
    good = [measure(kind, options) for kind in options.kinds]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
