#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# nst optimize on a video: it moves as the content moves, where pictures painted one by one do not.
. "$(dirname "$0")/tools/cli_common.sh"

"$BUILDDIR/samples/motion" pan 64 48 4 - >pan.y4m || exit 1
cp "$SRCDIR/weights/vgg-slim.nsw" loss.nsw
picture 50 33 3 painting.pam

common="-s painting.pam -l loss.nsw -t 1 --levels 1 --content-level 0 --size 0"
optimize() { "$NST" optimize $common -c "$1" -o "$2" "${@:3}"; } # CONTENT OUT [OPTION...]

# The luma of each frame as a picture: the plane Y of FRAME, Y, U, V
mkdir source
for i in 1 2 3 4; do
    { printf 'P5\n64 48\n255\n'; tail -c $(((5 - i) * 3 * 64 * 48 + (4 - i) * 6)) pan.y4m | head -c $((64 * 48)); } \
        >source/000$i.pgm
done

# -- it holds still ------------------------------------------------------------------------------------------------

mkdir apart together again
for i in 1 2 3 4; do
    status 0 optimize source/000$i.pgm apart/000$i.ppm -n 30
done
status 0 optimize source/%04d.pgm together/%04d.ppm -n 30 --frame-iterations 15 --log log.csv --plot plot.svg
status 0 optimize source/%04d.pgm again/%04d.ppm -n 30 --frame-iterations 15 -t 3
for i in 1 2 3 4; do
    same together/000$i.ppm again/000$i.ppm "another run, with three threads"
done
[ ! -e together/0005.ppm ] || wrong "more frames than the source has"
same together/0001.ppm apart/0001.ppm "the first frame is a picture like any other"

error() { # DIR: the warping error of its frames
    status 0 "$NST" score --video --json source/%04d.pgm "$1/%04d.ppm"
    sed -n '/"warping_error":/,$p' out | tr -d ' \t' | sed -n 's/^"result":\([-0-9.e+]*\),*$/\1/p' | head -n 1
}
apart=$(error apart)
together=$(error together)
echo "warping error $together, $apart frame by frame"
awk -v a="$apart" -v t="$together" 'BEGIN { exit !(t > 0 && t < a / 2) }' ||
    wrong "warping error ${together:-none}, ${apart:-none} frame by frame; less than half of it expected"

# Without its weight the loss lets go, from the same start.
status 0 optimize source/%04d.pgm free%d.ppm -n 30 --frame-iterations 15 --temporal-weight 0
same free1.ppm together/0001.ppm "the first frame"
differ free2.ppm together/0002.ppm "--temporal-weight"

# -- what is said of it --------------------------------------------------------------------------------------------

[ "$(cut -d, -f1 log.csv | uniq -c | tr -s ' \n' ' ')" = " 1 frame 30 1 15 2 15 3 15 4 " ] ||
    wrong "frames and iterations of the log: $(cut -d, -f1 log.csv | uniq -c)"
awk -F, '$1 == 1 && $12 != 0 || $1 > 1 && $12 <= 0 { exit 1 }' log.csv || wrong "temporal terms: $(cat log.csv)"
grep -q temporal plot.svg || wrong "no temporal term in plot.svg"

# -- a cut, a container, even sides --------------------------------------------------------------------------------

"$BUILDDIR/samples/motion" cut 129 97 4 - >cut.y4m || exit 1
status 0 optimize cut.y4m cut.mp4 -n 9 --frame-iterations 2 --log cut.csv
[ "$(cut -d, -f1,3,4 cut.csv | uniq -c | tr -s ' \n' ' ')" = \
    " 1 frame,width,height 9 1,130,98 2 2,130,98 9 3,130,98 2 4,130,98 " ] ||
    wrong "a fresh start in frame 3 expected, and even sides: $(cut -d, -f1,3,4 cut.csv | uniq -c)"
status 0 optimize cut.mp4 again.mkv -n 1 --frame-iterations 1
status 0 "$NST" score --video cut.mp4 again.mkv
says out "4 frames of 130x98"

# -- what it refuses, and an end before time -----------------------------------------------------------------------

refused "out.png: for a video a name that ends in .mp4, .mkv or .mov expected, or one of numbered" \
    optimize cut.y4m out.png
refused "out.mp4: a name that ends in .png" optimize source/0001.pgm out.mp4
refused "no/such/out.mp4" optimize cut.y4m no/such/out.mp4 -n 1
misused "--preview-every is for pictures" optimize cut.y4m out.mp4 --preview-every 2
refused "none/%04d.png: No such file" optimize none/%04d.png out.mp4

stopped() { # OUT FRAME [OPTION...]: a signal while that frame is painted
    rm -f stopped.csv
    "$NST" optimize $common -c pan.y4m -o "$1" --log stopped.csv "${@:3}" >/dev/null 2>stopped.err &
    local program=$!
    until grep -qs "^$2," stopped.csv || ! kill -0 $program 2>/dev/null; do
        sleep 0.05
    done
    kill -TERM $program
    wait $program
    local code=$?
    [ $code = 130 ] || wrong "status $code instead of 130 after SIGTERM: $(cat stopped.err)"
    grep -q "stopped at frame $2" stopped.err || wrong "no word of where it stopped: $(cat stopped.err)"
}
stopped none.mkv 1 -n 1000000
[ ! -e none.mkv ] || wrong "a video without a frame was written"
stopped one.mkv 2 -n 1 --frame-iterations 1000000
status 0 optimize one.mkv one%d.ppm -n 1
[ -e one1.ppm ] && [ ! -e one2.ppm ] || wrong "one frame expected in one.mkv"
ls | grep -q tmp && wrong "temporary files are left: $(ls)"

finish
