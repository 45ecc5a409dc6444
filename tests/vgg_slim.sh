#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The loss network that ships: what it is, that it is found by its name, and that it measures as the one does that it was
# made of. The last needs ../shared/data/vgg.
. "$(dirname "$0")/tools/cli_common.sh"

slim=$SRCDIR/weights/vgg-slim.nsw
[ -e "$slim" ] || { echo "weights/vgg-slim.nsw is not there"; exit 1; }
[ "$(stat -c %s "$slim")" -le 4000000 ] || wrong "vgg-slim.nsw is larger than 4 MB"
status 0 "$NST" info "$slim"
says out "kind        loss"
says out "licence     CC BY 4.0"
says out "Simonyan"
for layer in relu1_1 relu2_1 relu3_1 relu4_1 relu5_1; do
    says out "${layer}_embed"
done

# distance STYLE OTHER LOSS: of one of the pictures in samples/styles to the style of another
distance() {
    "$NST" score --json -s "$SRCDIR/samples/styles/$1.jpg" -l "$3" --style-size 960 "$SRCDIR/samples/styles/$2.jpg" |
        sed -n 's/.*"style_distance":[^0-9]*\([0-9.e-]*\).*/\1/p'
}

export NST_PATH=$SRCDIR/weights
for other in mosaic ink; do
    far=$(distance mosaic $other vgg-slim)
    awk -v d="$far" -v same=$([ $other = mosaic ] && echo 1 || echo 0) \
        'BEGIN { exit !(same ? d < 0.01 : d > 0.3 && d < 3) }' || wrong "the distance of $other to mosaic is $far"
done

# nst train takes it when nothing else is said.
mkdir photos
picture 70 60 3 photos/1.pam
status 0 "$NST" train -s "$SRCDIR/samples/styles/mosaic.jpg" -c photos -o style.nsw --crop 32 --content-size 40 \
    --style-size 128 --steps 2
says err "done after 2 steps"

teacher=$SRCDIR/../shared/data/vgg/vgg19-normalised-conv3_1.safetensors
if [ -e "$teacher" ]; then
    status 0 "$NST" convert --ceil "$teacher" vgg19.nsw
    awk -v a="$far" -v b="$(distance mosaic ink vgg19.nsw)" \
        'BEGIN { print a, b; exit !(a > 0.85 * b && a < 1.15 * b) }' ||
        wrong "the distance of ink to mosaic is not that of VGG-19"
else
    echo "not compared with VGG-19: $teacher is not there"
fi

finish
