# SPDX-License-Identifier: LGPL-2.1-or-later
"""temporal.py BUILD [CASE ...]: what temporal smoothing does and costs, into BUILD/temporal.json.

Each clip is painted frame by frame (temporal=0), with the filter's defaults, and with every=2, and measured by
`nst score --video`. Cases; without any, all of them:

  pan zoom rotate cross exposure all   scenes of samples/motion.c, whose motion is known
  flow                                 their motion as the library and OpenCV find it
  vectors                              their motion from a decoder's vectors, after three encoders
  fox                                  the real clip of ../shared
  static                               600 frames of a still camera
  cut speed

Clips to look at (input, frame by frame, smoothed) lie in BUILD/temporal.

NST_STYLE names the style (starry), NST_SMOOTH the options of the smoothed painting ("": the filter's defaults).
"""
import glob
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
SHARED = os.path.join(ROOT, "..", "shared", "data")
STYLE = os.environ.get("NST_STYLE", "starry")
SMOOTH = os.environ.get("NST_SMOOTH", "")
PHOTOS = ["100075", "12003", "20008", "300091", "41004", "8023"]
SCENES = ["pan", "zoom", "rotate", "cross", "exposure", "all"]
SIZE, FRAMES, FOX_FRAMES = (640, 360), 75, 60
STATIC_SIZE, STATIC_FRAMES = (160, 90), 600
FLOW_FRAMES = 12
VECTOR_SCENES, VECTOR_FRAMES = ("cross", "all"), 24
ENCODERS = {"x264": ["-c:v", "libx264", "-crf", "18"],
            "x264, no B": ["-c:v", "libx264", "-crf", "18", "-bf", "0", "-refs", "1"],
            "mpeg4": ["-c:v", "mpeg4", "-q:v", "3"]}
SPEED_ROUNDS, SPEED_BLOCK, SPEED_FIRST, SPEED_LAST = 40, 20, 4, 18  # frames of a block, those between which it is timed
RATE = 25
PER_FRAME = "temporal=0"
EVERY = f"{SMOOTH}:every=2" if SMOOTH else "every=2"
KINDS = {"frames": PER_FRAME, "smooth": SMOOTH, "every2": EVERY}
SWITCHED = {"temporal": "0.8", "every": "1"}  # what tells the kinds apart, and the filter's defaults


class Bench:
    def __init__(self, build):
        self.build = os.path.abspath(build)
        self.data = os.path.join(self.build, "temporal")
        os.makedirs(self.data, exist_ok=True)
        self.env = {**os.environ, "OMP_WAIT_POLICY": "passive",
                    "NST_PATH": os.path.join(ROOT, "weights") + ":" + os.environ.get("NST_PATH", "")}
        self.painting = next(iter(glob.glob(os.path.join(SHARED, "styles", STYLE + "*.jpg"))), None)
        self.loss = self.loss_network()
        self.photos = self.make_photos()

    def path(self, *name):
        return os.path.join(self.data, *name)

    def run(self, *command, **how):
        return subprocess.run(command, env=self.env, check=True, stdin=subprocess.DEVNULL, **how)

    def nst(self, *arguments, **how):
        return self.run(os.path.join(self.build, "bin", "nst"), *arguments, **how)

    def ffmpeg(self, *arguments):
        self.run(os.path.join(self.build, "bin", "ffmpeg"), "-v", "error", "-y", *arguments)

    def loss_network(self):
        weights = os.path.join(SHARED, "vgg", "vgg19-normalised-conv3_1.safetensors")
        if not self.painting or not os.path.exists(weights):
            return None
        self.nst("convert", weights, self.path("vgg.nsw"), "--ceil")
        return self.path("vgg.nsw")

    def make_photos(self):
        pairs = [(os.path.join(SHARED, "photos", name + ".jpg"), self.path(name + ".ppm")) for name in PHOTOS]
        if not all(os.path.exists(photo) for photo, _ in pairs):
            return []
        self.nst("apply", "-s", STYLE, "--strength", "0", *(path for pair in pairs for path in pair))
        return [ppm for _, ppm in pairs]

    def scene(self, name, size, frames, prefix=""):
        """The clip and the folder of its true motion."""
        clip, flow = self.path(f"{prefix}{name}.y4m"), self.path(f"{prefix}{name}-flow")
        shutil.rmtree(flow, ignore_errors=True)
        os.makedirs(flow)
        with open(clip, "wb") as out:
            self.run(os.path.join(self.build, "samples", "motion"), name, *map(str, (*size, frames)), flow,
                     *self.photos, stdout=out)
        return clip, flow

    def paint(self, clip, kind):
        painted = self.path(f"{os.path.splitext(os.path.basename(clip))[0]}-{kind}.mkv")
        # the two are comparable only without losses
        self.ffmpeg("-i", clip, "-vf", self.filter(KINDS[kind]), "-fps_mode", "passthrough", "-c:v", "ffv1", painted)
        return painted

    @staticmethod
    def filter(options):
        return ":".join(filter(None, (f"nst=style={STYLE}", options)))

    def score(self, clip, result, reference, flow=None):
        chart = os.path.splitext(result)[0] + ".svg"
        command = ["score", "--video", clip, result, "-r", reference, "--json", "--svg", chart]
        command += ["--flow", flow] if flow else []
        command += ["-s", self.painting, "-l", self.loss] if self.loss else []
        return json.loads(self.nst(*command, stdout=subprocess.PIPE).stdout)

    def side_by_side(self, *clips):
        inputs = [word for clip in clips for word in ("-i", clip)]
        self.ffmpeg(*inputs, "-filter_complex", f"hstack=inputs={len(clips)},format=yuv420p", "-c:v", "mpeg4",
                    "-q:v", "2", os.path.splitext(clips[0])[0] + "-side.mp4")


def row(case, measure, found, wanted, good):
    return {"case": case, "measure": measure, "found": found, "wanted": wanted, "ok": bool(good)}


def at_most(case, measure, found, limit):
    return row(case, measure, found, f"<= {limit:g}", found <= limit)


def at_least(case, measure, found, limit):
    return row(case, measure, found, f">= {limit:g}", found >= limit)


def quality(case, found):
    """The three figures that belong together."""
    yield at_most(case, "warping error, of per frame", found["warping_error"]["ratio"], 0.35)
    if "style_distance" in found:
        style = found["style_distance"]["ratio"]
        yield row(case, "style distance, of per frame", style, "0.95 to 1.05", 0.95 <= style <= 1.05)
    yield at_least(case, "sharpness, of per frame", found["sharpness"]["ratio"], 0.95)


def carried(case, every, smoothed):
    """every=2 beside every=1"""
    yield at_most(case, "every=2: warping error, of every=1",
                  every["warping_error"]["result"] / smoothed["warping_error"]["result"], 1)
    if "style_distance" in every:
        style = every["style_distance"]["result"] / smoothed["style_distance"]["result"]
        yield row(case, "every=2: style distance, of every=1", style, "0.95 to 1.05", 0.95 <= style <= 1.05)


def measure_clip(bench, case, clip, flow):
    reference, smoothed, every = (bench.paint(clip, kind) for kind in KINDS)
    found = bench.score(clip, smoothed, reference, flow)
    yield from quality(case, found)
    yield from carried(case, bench.score(clip, every, reference, flow), found)
    bench.side_by_side(clip, reference, smoothed)


def bench_scene(bench, name):
    clip, flow = bench.scene(name, SIZE, FRAMES)
    yield from measure_clip(bench, name, clip, flow)
    shutil.rmtree(flow)


def bench_flow(bench):
    """The library's motion, searched at full size and at half of it as the filter does, and OpenCV's; on one thread"""
    try:
        import flow_opencv
    except ImportError:
        print("  flow: no OpenCV (python3-opencv); left out")
        return
    worker = os.path.join(bench.build, "bench", "flow_worker")
    times = []
    for name in SCENES:
        clip, folder = bench.scene(name, SIZE, FLOW_FRAMES, "flow-")
        frames = flow_opencv.read_scene(clip)
        found = [flow_opencv.estimate(frames), flow_opencv.estimate_ours(frames, worker),
                 flow_opencv.estimate_half(frames, worker)]
        peer, full, half = (flow_opencv.endpoint_error(flows, folder) for flows, _ in found)
        shutil.rmtree(folder)
        times.append([seconds for _, seconds in found])
        yield row("flow", f"{name}: endpoint error", full, f"<= {peer:.4f}", full <= peer)
        yield row("flow", f"{name}: endpoint error, at half size", half, f"<= {peer:.4f}", half <= peer)
    peer, full, half = (sorted(column)[len(column) // 2] for column in zip(*times))
    yield row("flow", "time, of OpenCV's", full / peer, "", True)
    yield at_most("flow", "time, of OpenCV's, at half size", half / peer, 0.5)


def reorder(clip, result, order):
    """The frames of a clip of samples/motion.c, in the order that `order` puts a list of them in"""
    with open(clip, "rb") as file:
        header, rest = file.readline(), file.read()
    size = len(b"FRAME\n") + 3 * int(header.split()[1][1:]) * int(header.split()[2][1:])
    with open(result, "wb") as file:
        file.write(header)
        file.writelines(order([rest[at:at + size] for at in range(0, len(rest), size)]))


def bench_vectors(bench):
    """
    Motion that begins with a decoder's vectors beside motion that is searched for. The clip runs backwards, as the
    search leads from a frame to the one before it and the truth to the one after it.
    """
    try:
        import flow_opencv
    except ImportError:
        print("  vectors: no OpenCV (python3-opencv); left out")
        return
    worker = os.path.join(bench.build, "bench", "vectors_worker")
    for name in VECTOR_SCENES:
        scene, folder = bench.scene(name, SIZE, VECTOR_FRAMES, "vectors-")
        backwards, clip = bench.path("backwards.y4m"), bench.path("vectors.nut")
        reorder(scene, backwards, lambda frames: frames[::-1])
        for encoder, options in ENCODERS.items():
            bench.ffmpeg("-i", backwards, "-pix_fmt", "yuv420p", *options, clip)
            errors, taken, times = flow_opencv.vectors(clip, worker, folder, SIZE, VECTOR_FRAMES)
            case = f"{name}, {encoder}"
            yield row("vectors", f"{case}: endpoint error", errors[0], f"search: {errors[1]:.4f}", True)
            yield row("vectors", f"{case}: taken by flow=auto, of all", taken, "", True)
            yield row("vectors", f"{case}: time, of the search's", times[0] / times[1], "", True)
        shutil.rmtree(folder)


def bench_fox(bench):
    """Measured with OpenCV's flow where it is there: the filter's own would favour the filter."""
    source = os.path.join(SHARED, "video", "fox.mp4")
    if not os.path.exists(source):
        print("  fox: ../shared/data/video/fox.mp4 is not there; left out")
        return
    clip = bench.path("fox.mkv")
    bench.ffmpeg("-i", source, "-frames:v", str(FOX_FRAMES), "-c:v", "ffv1", clip)
    try:
        import flow_opencv
    except ImportError:
        print("  fox: no OpenCV (python3-opencv): the motion is nst's own")
        yield from measure_clip(bench, "fox", clip, None)
        return
    flow = bench.path("fox-flow")
    flow_opencv.write(clip, flow)
    yield from measure_clip(bench, "fox", clip, flow)
    shutil.rmtree(flow)


def bench_static(bench):
    clip, flow = bench.scene("static", STATIC_SIZE, STATIC_FRAMES)
    found = bench.score(clip, bench.paint(clip, "smooth"), bench.paint(clip, "frames"), flow)
    shutil.rmtree(flow)
    yield row("static", "deviation frame by frame, of 255", 255 * found["deviation"]["reference"], "", True)
    yield at_most("static", "deviation over time, of 255", 255 * found["deviation"]["result"], 0.5)
    yield at_most("static", "drift of the luma, of 255", abs(255 * found["luma_drift"]["result"]), 0.5)


def bench_cut(bench):
    """The first frame after a cut has nothing of the one before."""
    clip, flow = bench.scene("cut", SIZE, FRAMES)
    found = bench.score(clip, bench.paint(clip, "smooth"), bench.paint(clip, "frames"), flow)
    cuts = [frame for frame in found["per_frame"] if frame.get("cut")]
    shutil.rmtree(flow)
    yield row("cut", "cuts", len(cuts), "1", len(cuts) == 1)
    yield at_most("cut", "first frame after it, difference of 255", max(255 * frame["difference"] for frame in cuts), 0)


def moments(bench, clip, filters, frames):
    """When frames that pass the filters do so."""
    command = [os.path.join(bench.build, "bin", "ffmpeg"), "-v", "error", "-stream_loop", "-1", "-r", str(RATE),
               "-t", str(frames / RATE), "-i", clip, "-vf", f"{filters},metadata=print:file=-:direct=1",
               "-f", "null", "-"]
    with subprocess.Popen(command, env=bench.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as ffmpeg:
        found = [time.perf_counter() for line in ffmpeg.stdout if line.startswith(b"frame:")]
    if ffmpeg.returncode:
        raise subprocess.CalledProcessError(ffmpeg.returncode, command)
    return found


def switch_to(kind):
    """Commands that make the filter paint as that kind does"""
    given = dict(option.split("=", 1) for option in KINDS[kind].split(":") if option)
    return ", ".join(f"nst {name} {given.get(name, default)}" for name, default in SWITCHED.items())


def bench_speed(bench):
    """
    One process that is switched from kind to kind, there and back, block by block: others slow this machine down by the
    minute, but three neighbouring blocks much alike. The clip too goes there and back, so that it repeats without a cut.
    """
    clip, flow = bench.scene("cross", SIZE, FRAMES, "speed-")
    shutil.rmtree(flow)
    repeated = bench.path("there-and-back.y4m")
    reorder(clip, repeated, lambda frames: frames + frames[-2:0:-1])
    order = [kind for i in range(SPEED_ROUNDS) for kind in list(KINDS)[:: -1 if i % 2 else 1]]
    switches = bench.path("switches")
    with open(switches, "w") as out:
        for i, kind in enumerate(order):
            print(f"{max(i * SPEED_BLOCK - 0.5, 0) / RATE} {switch_to(kind)};", file=out)
    measured = f"eq(mod(n,{SPEED_BLOCK}),{SPEED_FIRST})+eq(mod(n,{SPEED_BLOCK}),{SPEED_LAST})"
    filters = f"sendcmd=f={switches},{bench.filter(SMOOTH)},select='{measured}'"
    times = moments(bench, repeated, filters, len(order) * SPEED_BLOCK)
    ms = {kind: [] for kind in KINDS}
    for kind, first, last in zip(order, times[::2], times[1::2]):
        ms[kind].append(1e3 * (last - first) / (SPEED_LAST - SPEED_FIRST))
    for kind in KINDS:
        yield row("speed", f"{kind}, ms a frame", statistics.median(ms[kind]), "", True)
    rounds = list(zip(ms["frames"], ms["smooth"], ms["every2"]))
    yield at_most("speed", "cost of smoothing, of a frame's time",
                  statistics.median((smooth - frames) / smooth for frames, smooth, _ in rounds), 0.2)
    yield at_least("speed", "smoothed, frames per second", 1e3 / statistics.median(ms["smooth"]), 30)
    yield at_least("speed", "every=2: frame rate, of every=1",
                   statistics.median(smooth / every2 for _, smooth, every2 in rounds), 1.7)


CASES = {name: (lambda bench, name=name: bench_scene(bench, name)) for name in SCENES}
CASES.update(flow=bench_flow, vectors=bench_vectors, fox=bench_fox, static=bench_static, cut=bench_cut,
             speed=bench_speed)


def main():
    bench, cases = Bench(sys.argv[1]), sys.argv[2:] or list(CASES)
    unknown = [case for case in cases if case not in CASES]
    if unknown:
        sys.exit(f"temporal: {unknown[0]}: one of {', '.join(CASES)} expected")
    if not bench.loss:
        print("No ../shared: no style distance, and drawn pictures instead of photos")
    rows = []
    for case in cases:
        for found in CASES[case](bench):
            rows.append(found)
            print(f"{found['case']:9} {found['measure']:42} {found['found']:10.4f} {found['wanted']:14}"
                  f"{'' if found['ok'] else 'MISSED'}", flush=True)
    path = os.path.join(bench.build, "temporal.json")
    with open(path + ".new", "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(found) for found in rows) + "\n]\n")
    os.rename(path + ".new", path)
    print("Written:", path)


if __name__ == "__main__":
    main()
