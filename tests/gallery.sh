#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# make gallery: the page holds every style of a folder and every picture in each of them, and nothing from outside it.
. "$(dirname "$0")/tools/cli_common.sh"

[ -x "$FFMPEG" ] || { echo "no $FFMPEG: make ffmpeg"; exit 77; }
command -v python3 >/dev/null || { echo "needs python3"; exit 77; }
export FFMPEG
mkdir -p here/scripts here/samples/styles here/styles photos build/bin build/samples empty
# a copy, so that no ../shared is beside it
cp "$SRCDIR/scripts/gallery" here/scripts/
cp "$NST" build/bin/nst
gallery=here/scripts/gallery page=build/gallery/index.html

"$tools/make_style" paint here/styles/paint.nsw || exit 1
"$tools/make_style" invert "here/styles/a <b> & c.nsw" || exit 1
"$tools/make_style" loss here/styles/loss.nsw || exit 1
echo '| `paint.nsw` | a drawing by [x.py](../x.py) | fast |' >here/styles/README.md
"$FFMPEG" -v error -nostdin -f lavfi -i testsrc2=s=48x32 -frames:v 1 "photos/one & two.png" || exit 1
"$FFMPEG" -v error -nostdin -f lavfi -i testsrc2=s=700x21 -frames:v 1 photos/wide.jpg || exit 1
echo text >photos/notes.txt

# count TEXT WANTED: the page holds the text so many times
count() {
    local got
    got=$(grep -oF -- "$1" "$page" | wc -l)
    [ "$got" = "$2" ] || wrong "$got times \"$1\" in the page, not $2"
}

status 0 "$gallery" build photos here/styles
says out "paint.nsw: 2 pictures"
count '<section id="paint">' 1
count '<section id="a &lt;b&gt; &amp; c">' 1
count 'id="loss"' 0
count "After: a drawing by x.py" 1
count "540 multiply-adds a pixel" 1
count '<figure>' 6                                     # two photos: what they were, and in two styles
count 'alt="one &amp; two, painted"' 2
count "data:image/jpeg;base64," 6
[ "$(grep -oE '(src="|url\(|href=")[^d#]' "$page" | wc -l)" = 0 ] || wrong "the page takes something from outside it"

# Every picture is a JPEG that can be read, of the photo's shape, at most 480 wide; the negative is one.
python3 - "$page" <<'END' || wrong "the pictures of the page could not be taken out"
import base64, re, sys
page = open(sys.argv[1], encoding="utf-8").read()
for i, data in enumerate(re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", page)):
    open(f"{i}.jpg", "wb").write(base64.b64decode(data, validate=True))
END
size() { "$FFPROBE" -v error -show_entries stream=width,height -of csv=p=0 "$1"; }
sizes=$(for i in 0 1 2 3 4 5; do size $i.jpg; done | sort | uniq -c | xargs)
[ "$sizes" = "3 48,32 3 480,14" ] || wrong "the pictures' sizes: $sizes"
mean() {
    "$FFMPEG" -v error -nostdin -i "$1" -vf scale=out_range=pc,format=gray -f rawvideo - | od -An -v -tu1 -w1 |
        awk '{ sum += $1 } END { print sum / NR }'
}
awk -v a="$(mean 0.jpg)" -v b="$(mean 2.jpg)" 'BEGIN { d = a + b - 255; exit !(a > 0 && d * d < 9) }' ||
    wrong "invert gave no negative: $(mean 0.jpg), $(mean 2.jpg)"

# A style's own picture is shown where the project has it; without a folder of photos, frames of the demo are painted.
cp "$BUILDDIR/samples/scene" build/samples/
rm "here/styles/a <b> & c.nsw"
cp "$SRCDIR/weights/mosaic.nsw" here/styles/
cp "$SRCDIR/samples/styles/mosaic.jpg" here/samples/styles/
status 0 "$gallery" build "" here/styles
count "data:image/jpeg;base64," 10                     # three frames, as they were and in two styles; the mosaic
count 'alt="The picture that the style was made from"' 1
count "9,216 multiply-adds a pixel" 1
count "rendered, not seen in training" 3

refused "empty: no picture" "$gallery" build empty here/styles
refused "empty: no style" "$gallery" build photos empty
printf 'no picture' >empty/x.png
refused "x.png" "$gallery" build empty here/styles

finish
