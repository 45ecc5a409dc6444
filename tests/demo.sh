#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The last step of make demo: the painted clip has the source's size, frames and timestamps, and the command that is printed
# gives the same clip again.
set -u

for program in "$FFMPEG" "$FFPROBE" "$BUILDDIR/tests/tools/make_style"; do
    if [ ! -x "$program" ]; then
        echo "no $program: make ffmpeg test-programs"
        exit 77
    fi
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

"$BUILDDIR/tests/tools/make_style" paint "it's, [a] style: x;y.nsw" || exit 1
# frames at uneven times that no frame rate has, and sound
"$FFMPEG" -v error -nostdin -f lavfi -i testsrc2=r=1000:d=1:s=162x92 -f lavfi -i sine=duration=1 -c:a aac \
    -vf "select='not(n)+lt(random(0),0.04)'" -fps_mode passthrough -enc_time_base 1:90000 "a clip.mp4" || exit 1

echo "-- a clip of one's own"
"$SRCDIR/scripts/demo" "$BUILDDIR" "$work/it's, [a] style: x;y.nsw" "a clip.mp4" "a result.mp4" >said 2>&1 || {
    cat said
    exit 1
}
facts() {
    "$FFPROBE" -v error -of csv -show_entries frame=media_type,pts_time,width,height,pix_fmt:stream=codec_type "$1" |
        tr -d '\r' | grep -v '^frame,audio' | sed 's/,*$//'
}
facts "a clip.mp4" >in.csv
facts "a result.mp4" >out.csv
[ "$(grep -c ^frame,video in.csv)" -gt 20 ] || fail "few frames in the source: $(cat in.csv)"
diff in.csv out.csv || fail "size, frames, timestamps or streams differ"
grep -q "^Painted: *$work/a result.mp4$" said || fail "the path is not printed: $(cat said)"
grep -q "^Frames per second: [0-9.]* ($(grep -c ^frame,video in.csv) frames" said || fail "no frames per second: $(cat said)"

echo "-- the command that is printed"
mv "a result.mp4" first.mp4
(eval "export $(tail -n 1 said | sed 's/ \([^ ]*ffmpeg\) -i / \&\& \1 -v error -nostdin -i /')") || fail "it fails: $(tail -n 1 said)"
facts first.mp4 >first.csv
facts "a result.mp4" >again.csv
diff first.csv again.csv || fail "it gives another clip"

echo "-- errors"
if "$SRCDIR/scripts/demo" "$BUILDDIR" starry nowhere.mp4 >said 2>&1; then fail "a missing clip is no error"; fi
grep -q "IN=nowhere.mp4: no such file" said || fail "a missing clip: $(cat said)"
if "$SRCDIR/scripts/demo" "$BUILDDIR" no-such-style "a clip.mp4" x.mp4 >said 2>&1; then fail "a missing style is no error"; fi
grep -q "no-such-style.nsw" said || fail "a missing style: $(cat said)"

if [ $failures != 0 ]; then
    echo "$failures failures"
    exit 1
fi
echo "all as expected"
