#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# nst train: which paintings and photos it takes, which it warns of, and which it refuses.
. "$(dirname "$0")/tools/cli_common.sh"

"$tools/make_vgg" vgg.safetensors && "$NST" convert vgg.safetensors loss.nsw || exit 1
mkdir photos
for i in $(seq 5); do
    picture $((60 + i)) $((70 - i)) 3 photos/$i.pam
done

train() { # painting, photos, then more options
    local painting=$1 photos=$2
    shift 2
    "$NST" train -s "$painting" -c "$photos" -l loss.nsw -o style.nsw --crop 32 --content-size 40 --levels 2 --steps 2 --init none "$@"
}

# quiet: the last command did not warn of its paintings
quiet() { grep -q "warning: .*pam" "$work/err" && { wrong "a warning without reason:"; cat "$work/err"; }; }

# plane WIDTH HEIGHT COLOUR FILE: a picture of one colour, three bytes in octal
plane() {
    printf 'P7\nWIDTH %d\nHEIGHT %d\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n' "$1" "$2" >"$4"
    for _ in $(seq $(($1 * $2))); do printf "$3"; done >>"$4"
}

# -- paintings -----------------------------------------------------------------------------------------------------

picture 80 72 3 painting.pam
picture 76 90 3 second.pam
status 0 train painting.pam photos
quiet
cp style.nsw first.nsw

plane 80 72 '\377\000\000' red.pam
refused "red.pam: a blank picture" train red.pam photos
picture 80 40 3 low.pam
refused "low.pam: 80x40 pixels after --style-size" train low.pam photos
picture 300 20 3 long.pam
refused "long.pam: 300x20 pixels after --style-size" train long.pam photos

# One row and a half of the picture; the rest is one colour.
{ head -c 420 painting.pam; plane 80 72 '\150\152\144' faint.pam; tail -c +421 faint.pam; } >f.pam
status 0 train f.pam photos
says err "f.pam: nearly one colour"
# Two rows of white; the rest is black.
plane 80 72 '\0\0\0' night.pam
{ head -c -480 night.pam; printf '\377%.0s' $(seq 480); } >moon.pam
status 0 train moon.pam photos
says err "moon.pam: 97 % of it has nearly one colour"

# Black and white by turns: at half the size, even gray. In cells of two pixels it is a picture at both sizes.
checkers() { # printf's bytes of an even row and of an odd one, pixels that they have, file
    printf 'P7\nWIDTH 80\nHEIGHT 72\nDEPTH 1\nMAXVAL 255\nTUPLTYPE GRAYSCALE\nENDHDR\n' >"$4"
    for ((y = 0; y < 72; y++)); do
        for ((x = 0; x < 80; x += $3)); do
            if ((y * 2 / $3 % 2)); then printf "$2"; else printf "$1"; fi
        done
    done >>"$4"
}
checkers '\0\377' '\377\0' 2 checkers.pam
status 0 train checkers.pam photos
says err "checkers.pam: its detail is in single pixels"
checkers '\0\0\377\377' '\377\377\0\0' 4 large.pam
status 0 train large.pam photos
quiet
status 0 train painting.pam photos --crop 76 --content-size 80
says err "painting.pam: 80x72 pixels, less than the crops (76)"

# A gray painting is one like any other.
picture 80 72 1 gray.pam
status 0 train gray.pam photos
quiet

# Where it is transparent a painting lies on white: opaque it is what it is without, wholly transparent it is blank.
with_alpha() { # painting of three channels, byte of alpha in octal, file
    printf 'P7\nWIDTH 80\nHEIGHT 72\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n' >"$3"
    tail -c $((80 * 72 * 3)) "$1" | od -An -v -tx1 -w3 | sed "s/ /\\\\x/g; s/$/\\\\x$2/" | tr -d '\n' |
        xargs -0 printf >>"$3"
}
tensors() { tail -c +$((9 + $(od -An -tu8 -N8 "$1"))) "$1"; }
with_alpha painting.pam ff opaque.pam
status 0 train opaque.pam photos
tensors first.nsw >first.bin
tensors style.nsw >opaque.bin
same first.bin opaque.bin "an opaque painting"
with_alpha painting.pam 00 clear.pam
refused "clear.pam: a blank picture" train clear.pam photos

# -- several paintings ---------------------------------------------------------------------------------------------

status 0 train painting.pam photos -s second.pam --mix "3|1"
"$NST" info --json style.nsw >info.json
grep -q '"style_files":.*\["painting.pam", "second.pam"\]' info.json || wrong "the paintings are not told: $(cat info.json)"
grep -q '"mix":.*\[3, 1\]' info.json || wrong "their weights are not told: $(cat info.json)"
tensors style.nsw >mixed.bin
differ first.bin mixed.bin "a second painting"
misused "--mix 1|2|3: 3 weights; 2 expected" train painting.pam photos -s second.pam --mix "1|2|3"
misused "--mix: " train painting.pam photos -s second.pam --mix "1|x"
misused "9 times --style; at most 8" train painting.pam photos -s 1 -s 2 -s 3 -s 4 -s 5 -s 6 -s 7 -s 8
status 1 train painting.pam photos -s second.pam --mix "1|0"
says err "weight of style 2: 0; more than 0 expected"
refused "low.pam: 80x40 pixels" train painting.pam photos -s low.pam

# -- photos --------------------------------------------------------------------------------------------------------

status 0 train painting.pam photos/1.pam
says err "warning: 1 content picture; 100 or more"
status 0 train painting.pam photos --crop 64 --content-size 72
says err "warning: 3 of 5 content pictures are smaller than the crops (64 pixels)"

# A photo that is cut off is found out when its turn comes; others take its place, always the same.
cp -r photos some
head -c 3000 photos/3.pam >some/3.pam
head -c 3000 photos/4.pam >some/4.pam
echo "no picture" >some/notes.txt
status 0 train painting.pam some --steps 7 --cache 0
says err "5 content pictures, 1 other file left out"
for i in 3 4; do
    [ "$(grep -c "warning: some/$i.pam: .*another picture takes its place" err)" = 1 ] ||
        wrong "some/$i.pam: one warning expected in: $(cat err)"
done
cp style.nsw again.nsw
status 0 train painting.pam some --steps 7 --cache 0
same style.nsw again.nsw "photos that cannot be read"
rm some/[125].pam style.nsw
status 1 train painting.pam some --steps 7
says err "none of the 2 content pictures can be decoded"
[ ! -e style.nsw ] || wrong "a style from no photos"

finish
