#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# nst optimize: what it refuses, and what its options do to the picture, the log and the plot.
. "$(dirname "$0")/tools/cli_common.sh"

"$tools/make_vgg" vgg.safetensors || exit 1
"$tools/make_style" paint paint.nsw || exit 1
status 0 "$NST" convert vgg.safetensors loss.nsw
picture 40 36 3 photo.pam
picture 50 33 3 painting.pam
picture 31 30 3 other.pam
# half white, half black
{
    printf 'P7\nWIDTH 40\nHEIGHT 36\nDEPTH 1\nMAXVAL 255\nTUPLTYPE GRAYSCALE\nENDHDR\n'
    for i in $(seq 36); do
        printf '\377%.0s' $(seq 20)
        head -c 20 /dev/zero
    done
} >left.pam

optimize() { "$NST" optimize -c photo.pam -s painting.pam -l loss.nsw -n 6 -t 1 --levels 2 "$@"; }

# -- what it refuses -----------------------------------------------------------------------------------------------

misused "--content FILE is needed" "$NST" optimize
misused "--preset: no preset \"vangogh\"" optimize -o x.png --preset vangogh
misused "--optimizer newton: one of adam|sgd|rmsprop|lbfgs expected" optimize -o x.png --optimizer newton
misused "--content-level 2: less than --levels (2)" optimize -o x.png --content-level 2
misused "more masks than paintings" optimize -o x.png --mask left.pam --mask left.pam
misused "--mix 0.5|0.5: 2 weights; 1 expected" optimize -o x.png --mix "0.5|0.5"
misused "--start picture: --init PICTURE is needed" optimize -o x.png --start picture
misused "--style-layers relu1_1:x: a weight" optimize -o x.png --style-layers relu1_1:x
misused "too many arguments" optimize -o x.png more
refused "x.xyz: a name that ends in" optimize -o x.xyz
refused "absent.pam: No such file" optimize -o x.png --init absent.pam
refused "absent.pam: No such file" optimize -o x.png --mask absent.pam
refused "no/such/log.csv: No such file" optimize -o x.png --log no/such/log.csv
refused "a loss network expected" optimize -o x.png -l paint.nsw
refused "relu9_9" optimize -o x.png --style-layers relu9_9

[ ! -e x.png ] || wrong "a refused command left x.png"

# -- a run ---------------------------------------------------------------------------------------------------------

status 0 optimize -o plain.png --log log.csv --plot plot.svg --preview-every 3 --preview-dir previews
says err "iteration 6/6  40x36  loss "
for term in "x style" "x content" "x tv" "s each"; do
    says err "$term"
done
[ "$(wc -l <log.csv)" = 7 ] || wrong "7 lines expected in log.csv"
[ "$(head -n 1 log.csv)" = \
    "frame,iteration,width,height,evaluations,learning_rate,total,style,content,tv,photo,temporal" ] ||
    wrong "head of log.csv: $(head -n 1 log.csv)"
awk -F, 'NR > 2 && $7 > last { exit 1 } { last = $7 }' log.csv || wrong "the total rises: $(cat log.csv)"
for word in '<svg ' total style content '</svg>'; do
    grep -q "$word" plot.svg || wrong "no $word in plot.svg"
done
same previews/preview-000006.png plain.png "the last preview is the result"
[ -s previews/preview-000003.png ] || wrong "no preview of iteration 3"

status 0 optimize -o threads.png -t 3
same plain.png threads.png "number of threads"

# Each of these is something else.
try() { # name, options
    status 0 optimize -o "$1.png" "${@:2}"
    differ plain.png "$1.png" "${*:2}"
}
try adam --optimizer adam --decay exponential
try rmsprop --optimizer rmsprop --decay cosine
try sgd --optimizer sgd --momentum 0.5 --lr 1e4
try fixed --fixed-step
try noise --start noise
try seed --start noise --seed 2
differ noise.png seed.png "--seed"
try init --init other.pam
try layers --style-layers relu1_1:3,block2_conv1 --content-layers conv2_2:0.5,relu3_1
try textures --content-layers ""
try average --pool average
try zero --edge zero
try gatys --formula gatys --content-weight 1e-3
try keras --formula keras --style-weight 1e-6 --content-weight 2.5e-8 --tv-weight 1e-6
try scale --style-scale 0.6
try fit --style-fit content
try photo --photo-weight 10
try luma --color content
try match --color match
try two -s other.pam
try mixed -s other.pam --mix "0.9|0.1"
differ two.png mixed.png "--mix"
try from --style-mask left.pam
try regions -s other.pam --mask left.pam
try coarse --scales 2 --levels 1 --content-level 0
# A recipe whose layers the network has not got as VGG has them: the loss of preset nst instead, and a word of it
for preset in gatys2016 keras survey; do
    try $preset --preset $preset
    says err "loss network loss.nsw has not all layers of preset $preset as VGG-19 has them: the loss of"
    says err "--loss with the whole of VGG-19"
    says err "iteration 6/6"
done
differ gatys2016.png survey.png "what a recipe begins with"
try preset --preset gatys2016 --style-layers relu1_1,relu2_1 --content-layers relu3_1 --iterations 3

picture 200 180 3 large.pam
status 0 optimize -o tiles.png -c large.pam --maxmem 4 --optimizer adam -n 1
says err "200x180 in "
status 1 optimize -o x.png -c large.pam --maxmem 1
says err "MiB"

# Where no style goes, the picture is the photo: columns 22 to 39 of each row.
status 0 optimize -o mask.ppm --mask left.pam
right() {
    samples 40 36 3 "$1" | od -An -v -tu1 -w120 | awk '{ $1 = $1; for (i = 67; i <= 120; i++) printf "%s ", $i }'
}
[ "$(right mask.ppm)" = "$(right photo.pam)" ] || wrong "the masked part of the photo has changed"
samples 40 36 3 mask.ppm >mask.bin
samples 40 36 3 photo.pam >photo.bin
differ mask.bin photo.bin "--mask"

# Alpha is the photo's, and the colours are those of an opaque one.
picture 40 36 4 glass.pam
status 0 optimize -c glass.pam -o glass_out.pam
samples 40 36 4 glass_out.pam | od -An -v -tu1 -w4 >glass_out.txt
samples 40 36 4 glass.pam | od -An -v -tu1 -w4 >glass.txt
awk '{ print $4 }' glass.txt >alpha.txt
awk '{ print $4 }' glass_out.txt >alpha_out.txt
same alpha.txt alpha_out.txt "alpha"
[ "$(sort -u alpha.txt | wc -l)" -gt 50 ] || wrong "the test's alpha is of one kind"
{
    printf 'P6\n40 36\n255\n'
    samples 40 36 4 glass.pam | od -An -v -tu1 -w4 |
        awk '{ for (i = 1; i <= 3; i++) printf "%c", $i == 0 ? 97 : $i }' | tr a '\000'
} >opaque.ppm
status 0 optimize -c opaque.ppm -o opaque_out.ppm
samples 40 36 3 opaque_out.ppm | od -An -v -tu1 -w3 | awk '{ print $1, $2, $3 }' >opaque.txt
awk '{ print $1, $2, $3 }' glass_out.txt >glass.txt
same opaque.txt glass.txt "painting under alpha"
status 0 optimize -c glass.pam -o glass.ppm -n 1
says err "glass.ppm: the transparency of glass.pam is lost in this format; .png keeps it"

# -- stopped -------------------------------------------------------------------------------------------------------

status 0 optimize -o early.png -n 2000 --stop 0.2 --stop-window 5 --log early.csv
[ "$(wc -l <early.csv)" -lt 1000 ] || wrong "--stop 0.2 did not stop"
says err "of 2000: the loss falls too little by now"

"$NST" optimize -c photo.pam -s painting.pam -l loss.nsw -t 1 --levels 2 -o stopped.png -n 1000000 --optimizer adam \
    --log stopped.csv >/dev/null 2>stopped.err &
program=$!
until [ -s stopped.err ] || ! kill -0 $program 2>/dev/null; do
    sleep 0.05
done
sleep 0.2
kill -TERM $program
wait $program
code=$?
[ $code = 130 ] || wrong "status $code instead of 130 after SIGTERM: $(cat stopped.err)"
grep -q "stopped after iteration" stopped.err || wrong "no word of where it stopped"
[ -s stopped.png ] || wrong "a stopped run wrote no picture"

finish
