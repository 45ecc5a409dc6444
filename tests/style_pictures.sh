#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# nst train with pictures of every kind for a style: each gives a style that paints, or is refused with its name and the
# reason. Never a crash, a number that is not finite, or a black picture.
. "$(dirname "$0")/tools/cli_common.sh"

python=${PYTHON:-/usr/bin/python3}
"$python" -c 'import PIL' 2>/dev/null || { echo "needs Debian's python3-pil"; exit 77; }
pictures=$SRCDIR/tests/style_pictures.py
mkdir styles photos
"$python" "$pictures" make styles || exit 1
cp styles/photo.jpg styles/soft.webp photos/
export NST_PATH=$SRCDIR/weights

train() {
    "$NST" train --style "$1" --content photos -o style.nsw --init starry --steps 3 --crop 48 --content-size 64 \
        --style-size 192 --levels 2 --content-level 1
}

accepted=0 refused=0
for style in styles/*; do
    rm -f style.nsw painted.png
    case $style in
        styles/no-*)
            refused=$((refused + 1))
            status 1 train "$style"
            grep -q "^nst train: $style: .* .* " err || wrong "no reason with the name of $style: $(cat err)"
            [ ! -e style.nsw ] || wrong "$style was refused, and gave a style"
            cat err ;;
        *)
            accepted=$((accepted + 1))
            status 0 train "$style"
            status 0 "$NST" apply -s style.nsw styles/photo.jpg painted.png
            "$python" "$pictures" look painted.png style.nsw >look 2>&1 || wrong "$style: $(cat look)" ;;
    esac
done
[ $accepted -ge 17 ] && [ $refused -ge 11 ] || wrong "only $accepted styles and $refused that are none"
echo "$accepted trained, $refused refused"

finish
