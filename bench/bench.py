# SPDX-License-Identifier: LGPL-2.1-or-later
"""bench.py BUILD [CASE ...]: libnst against other engines, interleaved, into BUILD/bench.json and BUILD/bench.svg.

Cases are fast-360, fast-720, johnson-360, johnson-720, training and video; without any, all of them are run. Each
engine is a process of its own that keeps its network ready and waits, so that the engines take turns: one run of each,
again and again, all on the same processor. A case that is run again replaces only its own figures.
"""
import json
import os
import statistics
import subprocess
import sys
import time

import numpy

import table

HERE = os.path.dirname(os.path.abspath(__file__))
SIZES = {360: (640, 360), 720: (1280, 720)}
SECONDS, MIN_ROUNDS, MAX_ROUNDS = 25, 5, 25  # of one case, less its start
TRAINING_SIDE, TRAINING_ROUNDS = 256, 7
TRAINING_AGREES = 1e-4  # figures of the same step in two engines, relative to their size
FRAMES = {360: 125, 720: 40}
PYTHON = sys.executable


class Build:
    """Where things are, and what the engines are given."""

    def __init__(self, folder):
        self.folder = folder
        self.data = os.path.join(folder, "bench")
        self.nst = os.path.join(folder, "bin", "nst")
        self.ffmpeg = os.path.join(folder, "bin", "ffmpeg")

    def path(self, name):
        return os.path.join(self.data, name)

    def once(self, name, make):
        """A file of the data folder, made by make(path) where it is not there."""
        path = self.path(name)
        if not os.path.exists(path):
            new = self.path("new-" + name)  # some programs go by how a name ends
            make(new)
            os.rename(new, path)
        return path

    def network(self, name):
        path = self.path(name + ".nsw")
        subprocess.run([self.nst, "bench", "--arch", name, "--size", "16x16", "--runs", "1", "--save", path],
                       check=True, stdout=subprocess.DEVNULL)
        return path

    def noise(self, seed, height, width):
        def make(path):
            numpy.random.default_rng(seed).random((3, height, width), numpy.float32).tofile(path)
        return self.once(f"noise{seed}-{width}x{height}", make)


def python_has(module):
    return subprocess.run([PYTHON, "-c", f"import {module}"], stderr=subprocess.DEVNULL).returncode == 0


def environment(cpu, build, threads):
    env = {**os.environ, "OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads),
           "NODE_PATH": os.path.join(build.folder, "peers", "node_modules")}
    if cpu:
        env["LD_PRELOAD"] = build.path("only_avx2.so")
        env["OPENBLAS_CORETYPE"] = "Haswell"  # it asks the processor before the library above is there
    return env


class Engine:
    """One engine at work on one case: a process that runs once for every line that it is sent."""

    def __init__(self, system, threads, command, env):
        self.system, self.threads, self.times = system, threads, []
        cores = sorted(os.sched_getaffinity(0))[-threads:]
        self.process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        preexec_fn=lambda: os.sched_setaffinity(0, cores))

    def start(self):
        ready = self.process.stdout.readline() == "ready\n"
        if not ready:
            print(f"  {self.system} cannot run this; it is left out")
        return ready

    def run(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        seconds = self.process.stdout.readline()
        if not seconds:
            sys.exit(f"bench: {self.system} with {self.threads} threads ended with status {self.process.wait()}")
        return float(seconds)

    def finish(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
        self.process.stdin.close()
        self.process.wait()
        return peak / 1024


def take_turns(engines, rounds):
    """One run of each engine that is not counted, then `rounds` of each; None: as many as there is time for."""
    first = sum(engine.run() for engine in engines)
    for _ in range(rounds or int(min(max(SECONDS / first, MIN_ROUNDS), MAX_ROUNDS))):
        for engine in engines:
            time.sleep(0.02)  # threads of the one before may still spin
            engine.times.append(engine.run())


def figures(engine, **known):
    """Times in milliseconds; the spread is the share of the median between the quartiles."""
    lower, median, upper = statistics.quantiles(engine.times)
    return {"system": engine.system, **known, "threads": engine.threads, "ms": round(1e3 * median, 2),
            "ms_min": round(1e3 * min(engine.times), 2), "runs": len(engine.times),
            "spread": round((upper - lower) / median, 3), "peak_mib": round(engine.finish(), 1)}


def facts(build, network, width, height, cpu):
    """The network's GFLOP, and the machine's peak for one thread."""
    command = [build.nst, "bench", network, "--size", f"{width}x{height}", "--runs", "1", "--json"]
    core = sorted(os.sched_getaffinity(0))[-1]
    out = subprocess.run(command, env=environment(cpu, build, 1), check=True, stdout=subprocess.PIPE,
                         preexec_fn=lambda: os.sched_setaffinity(0, [core])).stdout
    result = json.loads(out)[0]
    return result["gflop"], result["machine_gflops"], result["cpu"]


# ---- inference ----

def inference_engines(build, name, width, height, cpu):
    network = build.network(name)
    onnx = build.path(f"{name}.onnx")
    subprocess.run([build.nst, "convert", network, onnx], check=True, stdout=subprocess.DEVNULL)
    commands = {"nst": [build.path("worker"), network], "onnxruntime": ["node", f"{HERE}/peer_onnxruntime.js", onnx]}
    if python_has("torch"):
        commands["pytorch"] = [PYTHON, f"{HERE}/peer_pytorch.py", network]
    if python_has("cv2"):
        commands["opencv"] = [PYTHON, f"{HERE}/peer_opencv.py", onnx]
    source = build.noise(1, height, width)
    more = [2] if len(os.sched_getaffinity(0)) > 1 else []
    for system, command in commands.items():
        for threads in [1] + (more if system in ("nst", "onnxruntime") else []):
            target = build.path(f"{name}-{height}-{system}-{threads}.out")
            engine = Engine(system, threads, command + [str(width), str(height), str(threads), source, target],
                            environment(cpu, build, threads))
            engine.target = target
            yield engine


def reference_of(engines):
    """What the others are held against: PyTorch's result, which does the least to the sums, or else another peer's."""
    order = ["pytorch", "onnxruntime", "opencv", "nst"]
    return numpy.fromfile(min(engines, key=lambda engine: order.index(engine.system)).target, numpy.float32)


def bench_inference(build, name, height, cpu):
    width, height = SIZES[height]
    engines = [engine for engine in inference_engines(build, name, width, height, cpu) if engine.start()]
    gflop, machine, instructions = facts(build, build.path(name + ".nsw"), width, height, cpu)
    take_turns(engines, None)
    reference = reference_of(engines)
    for engine in engines:
        row = figures(engine, task="inference", network=name, width=width, height=height, cpu=instructions)
        rate = gflop / row["ms"] * 1e3
        difference = numpy.abs(numpy.fromfile(engine.target, numpy.float32) - reference).max()
        yield {**row, "gflops": round(rate, 1), "machine_gflops": round(machine * engine.threads, 1),
               "share": round(rate / machine / engine.threads, 3), "max_diff": float(f"{difference:.2e}")}


# ---- training ----

def loss_networks(build):
    """The one that ships and, where its weights are there, VGG-19 to conv3_1."""
    yield "vgg-slim", os.path.join(HERE, "..", "weights", "vgg-slim.nsw")
    weights = os.path.join(HERE, "..", "..", "shared", "data", "vgg", "vgg19-normalised-conv3_1.safetensors")
    if os.path.exists(weights):
        yield "VGG-19", build.once("vgg.nsw", lambda path: subprocess.run([build.nst, "convert", weights, path],
                                                                          check=True))
    else:
        print("  without VGG-19: its weights are not there:", os.path.normpath(weights))


def training_engines(build, network, loss, loss_path, cpu):
    """Ours first: it writes the crop that the others work on."""
    side = TRAINING_SIDE
    style, content = (build.noise(seed, side, side) for seed in (1, 2))
    crop = build.path("training-crop")
    commands = {"nst": [build.path("train_worker"), network, loss_path, str(side), "1", style, content, crop]}
    if python_has("torch"):
        commands["pytorch"] = [PYTHON, f"{HERE}/peer_training.py", network, loss_path, str(side), "1", style, crop]
    for system, command in commands.items():
        target = build.path(f"training-{loss}-{system}.out")
        engine = Engine(system, 1, command + [target], environment(cpu, build, 1))
        engine.loss, engine.target = loss, target
        yield engine


def compare_training(engine, peer):
    """Largest relative difference of the first step's figures; and how many times as fast, by rounds."""
    ours, theirs = (numpy.loadtxt(each.target) for each in (engine, peer))
    difference = (numpy.abs(ours - theirs) / numpy.abs(theirs)).max()
    if not difference < TRAINING_AGREES:
        sys.exit(f"bench: with {engine.loss} a step of nst gives {ours}, and one of {peer.system} {theirs}")
    lower, median, upper = statistics.quantiles(b / a for a, b in zip(engine.times, peer.times))
    return {"max_diff": float(f"{difference:.2e}"), "ratio": round(median, 2),
            "ratio_spread": round((upper - lower) / median, 3)}


def bench_training(build, cpu):
    """A step of one picture, in every engine with every loss network; all of them take turns."""
    network = build.network("fast")
    engines = [engine for loss, path in loss_networks(build)
               for engine in training_engines(build, network, loss, path, cpu) if engine.start()]
    _, _, instructions = facts(build, network, 16, 16, cpu)
    take_turns(engines, TRAINING_ROUNDS)
    for engine in engines:
        peer = next((other for other in engines if other.loss == engine.loss and other.system == "pytorch"), None)
        compared = compare_training(engine, peer) if peer and engine.system == "nst" else {}
        yield {**figures(engine, task="training step", network="fast", loss=engine.loss, width=TRAINING_SIDE,
                         height=TRAINING_SIDE, cpu=instructions), **compared}


# ---- video ----

def make_clip(build, width, height, frames, path):
    scene = subprocess.Popen([os.path.join(build.folder, "samples", "scene"), str(width), str(height), str(frames)],
                             stdout=subprocess.PIPE)
    subprocess.run([build.ffmpeg, "-v", "error", "-f", "rawvideo", "-pixel_format", "rgb24", "-framerate", "25",
                    "-video_size", f"{width}x{height}", "-i", "pipe:", "-pix_fmt", "yuv420p", "-f", "mp4", "-y", path],
                   stdin=scene.stdout, check=True)
    scene.wait()


def seconds_of(command, env):
    start = time.perf_counter()
    subprocess.run(command, env=env, check=True, stdin=subprocess.DEVNULL)
    return time.perf_counter() - start


def bench_video(build, cpu):
    """Decoding and painting by the filter, on all processors; and decoding alone."""
    style = os.path.join(HERE, "..", "weights", "starry.nsw")
    if not os.path.exists(style):
        style = build.network("fast")
    threads = len(os.sched_getaffinity(0))
    env = environment(cpu, build, threads)
    _, _, instructions = facts(build, style, 16, 16, cpu)
    for height, frames in FRAMES.items():
        width = SIZES[height][0]
        clip = build.once(f"clip-{height}.mp4", lambda path: make_clip(build, width, height, frames, path))
        decode = [build.ffmpeg, "-v", "error", "-i", clip]
        runs = [[seconds_of(decode + how + ["-f", "null", "-"], env) for how in (["-vf", f"nst=style={style}"], [])]
                for _ in range(3)]
        painted, decoded = (statistics.median(column) for column in zip(*runs))
        yield {"system": "ffmpeg -vf nst", "task": "video", "network": "fast", "width": width, "height": height,
               "cpu": instructions, "threads": threads, "ms": round(1e3 * painted / frames, 2),
               "fps": round(frames / painted, 1), "decoding_ms": round(1e3 * decoded / frames, 2)}


# ---- everything ----

CASES = {f"{name}-{height}": (lambda build, cpu, name=name, height=height: bench_inference(build, name, height, cpu))
         for name in ("fast", "johnson") for height in SIZES}
CASES.update(training=bench_training, video=bench_video)


def instruction_sets():
    """None: what the machine has. Where that is more than AVX2, every engine is measured with AVX2 alone as well."""
    with open("/proc/cpuinfo") as info:
        return [None, "avx2"] if " avx512f " in info.read() else [None]


def save(build, rows):
    rows = sorted(rows, key=lambda row: list(CASES).index(row["case"]))
    path = os.path.join(build.folder, "bench.json")
    with open(path + ".new", "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
    os.rename(path + ".new", path)
    table.write_svg(rows, os.path.join(build.folder, "bench.svg"))


def earlier(build, cases):
    """The figures of the cases that are not run now."""
    try:
        with open(os.path.join(build.folder, "bench.json")) as file:
            return [row for row in json.load(file) if row["case"] not in cases]
    except FileNotFoundError:
        return []


def main():
    build, cases = Build(sys.argv[1]), sys.argv[2:] or list(CASES)
    unknown = [case for case in cases if case not in CASES]
    if unknown:
        sys.exit(f"bench: {unknown[0]}: one of {', '.join(CASES)} expected")
    rows = earlier(build, cases)
    for case in cases:
        for cpu in instruction_sets():
            print(f"{case}{', AVX2 alone' if cpu else ''}", flush=True)
            new = [{"case": case, **row} for row in CASES[case](build, cpu)]
            print(table.text(new), flush=True)
            rows += new
    save(build, rows)
    print("Written:", os.path.join(build.folder, "bench.json"), os.path.join(build.folder, "bench.svg"))


if __name__ == "__main__":
    main()
