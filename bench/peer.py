# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the programs that run a system share: one call to prepare, then a run for each line of the input."""
import sys
import time


def serve(run):
    """Prints "ready", then the seconds of one run for each line read."""
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        run()
        print(f"{time.perf_counter() - start:.6f}", flush=True)
