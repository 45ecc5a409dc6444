#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The scripts of samples/streaming: every frame arrives once, in order and with its time.
set -eu
if ! "$FFMPEG" -hide_banner -protocols 2>/dev/null | grep -qw rtmp; then
    echo "skipped: $FFMPEG has no network protocols"
    exit 77
fi
kinds="pipe udp hls"
if [ -e /usr/lib/nginx/modules/ngx_rtmp_module.so ] && PATH=$PATH:/usr/sbin command -v nginx >/dev/null; then
    kinds="$kinds rtmp"
else
    echo "left out: rtmp, for want of nginx-light and libnginx-mod-rtmp"
fi
# strength leaves the frames' numbers readable
python3 "$SRCDIR/bench/streaming.py" --seconds 3 --rate 10 --size 160x96 --style starry:strength=0.3 $kinds
if "$SRCDIR/samples/streaming/v4l2" "$SRCDIR/weights/none.mp4" starry /dev/null/no 2>message; then
    echo "v4l2 took a device that is not there"
    exit 1
fi
grep -q 'no such device' message
rm -f message
