#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The filter's FATE tests in the patched FFmpeg tree: one with the same bits on every machine, one by PSNR; both with
# every set of instructions that libnst has here.
set -u

objects=${FFMPEG_OBJECTS:-$BUILDDIR/ffmpeg-7.1}
if [ ! -f "$objects/config.h" ]; then
    echo "no $objects: make ffmpeg"
    exit 77
fi
unset MAKEFLAGS MFLAGS
failures=0
for cpu in all scalar; do
    for test in fate-filter-nst-exact fate-filter-nst-psnr; do
        echo "-- $test, NST_CPU=$cpu"
        NST_CPU=$cpu make -s -C "$objects" $test || failures=$((failures + 1))
    done
done
[ "$failures" = 0 ] || { echo "$failures failures"; exit 1; }
[ "$(make -s -C "$objects" fate-list | grep -c '^fate-filter-nst-')" = 2 ] || { echo "the tests are not in the list of all"; exit 1; }
echo "all as expected"
