#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# nst score: pictures and folders, videos with known motion, and what it refuses.
. "$(dirname "$0")/tools/cli_common.sh"

motion=$BUILDDIR/samples/motion
"$tools/make_vgg" vgg.safetensors || exit 1
status 0 "$NST" convert vgg.safetensors loss.nsw

# value NAME FILE: the first number of that name in a JSON file
value() { tr -d ' \t' <"$2" | sed -n "s/^\"$1\":\([-0-9.e+]*\),*}*,*\$/\1/p" | head -n 1; }
# value_of OBJECT NAME FILE: the number of that name in the first object of that name
value_of() { sed -n "/\"$1\":/,\$p" "$3" >part; value "$2" part; }
# within WHAT VALUE LOW HIGH
within() {
    awk -v x="$2" -v low="$3" -v high="$4" 'BEGIN { exit !(x != "" && x + 0 >= low && x + 0 <= high) }' ||
        wrong "$1: ${2:-nothing} instead of $3 to $4"
}

# -- pictures ------------------------------------------------------------------------------------------------------

mkdir results contents empty
picture 80 72 3 painting.pam
for i in 1 2 3; do
    picture $((60 + i)) $((70 - i)) 3 contents/$i.pam
    cp contents/$i.pam results/$i.pam
done
echo "no picture" >results/notes.txt
score() { "$NST" score -l loss.nsw --levels 2 "$@"; }

# the painting has its own style, and a photo its own content
status 0 score -s painting.pam --json painting.pam
within "style of the painting itself" "$(value style out)" 0 1e-10
within "its distance" "$(value style_distance out)" 0 1e-5
[ "$(grep -c '"relu' out)" = 6 ] || wrong "6 layers expected: $(cat out)"
refused "do not have the shape" score -s painting.pam -c painting.pam results/1.pam
status 0 score -s painting.pam -c contents --json results
within "content of the photos themselves" "$(value_of mean content out)" 0 0
[ "$(value_of mean style out)" != 0 ] || wrong "no style term"
[ "$(grep -c '"result":' out)" = 3 ] || wrong "3 pictures expected: $(cat out)"
status 0 score -s painting.pam -c contents results
says out "mean"
says out "2.pam"
status 0 score -s painting.pam results/1.pam --threads 1 --json
cp out one
status 0 score -s painting.pam results/1.pam --threads 3 --json
same out one "threads"

# the term is the mean of the layers' squared distances, the distance that of their roots
status 0 score -s painting.pam results/1.pam
grep -Eq '^1.pam +[-0-9.e+]+ +[-0-9.e+]+ +- +[-0-9.e+]+$' out || wrong "no content was given: $(cat out)"
status 0 score -s painting.pam -c contents/1.pam results/1.pam
says out "relu3_1"
awk '$1 == "style" && NF == 6 { s += $4 * $4; d += $4; n++ } $1 == "1.pam" { style = $2; distance = $3 }
     END { exit !(n == 6 && (s / n - style) ^ 2 < 1e-10 && (d / n - distance) ^ 2 < 1e-10) }' out ||
    wrong "terms and layers do not fit: $(cat out)"

status 0 score -s painting.pam --formula gatys --levels 1 --content-level 0 --style-layers relu3_1 --json results/1.pam
expected=$(value error out | awk '{ print $1 / (4 * 9 * 9) }')
within "Gatys's formula" "$(value style out)" "$(awk "BEGIN { print $expected * 0.9999 }")" \
    "$(awk "BEGIN { print $expected * 1.0001 }")"
misused "--style PICTURE is needed" "$NST" score a.png
misused "too few arguments" "$NST" score -s a.png
misused "--content-level 2: less than --levels (2)" score -s painting.pam --content-level 2 results/1.pam
misused "belong to --video" score -s painting.pam --svg x.svg results/1.pam
misused "two videos expected" score --video a.y4m
misused "--style-layers a,,b" score -s painting.pam --style-layers a,,b results/1.pam
refused "vgg-slim" env NST_PATH=/nonexistent "$NST" score -s painting.pam results/1.pam
says err "--loss names a .nsw file"
refused "relu9_9" score -s painting.pam --style-layers relu9_9 results/1.pam
refused "absent.pam: No such file" score -s absent.pam results/1.pam
refused "absent.pam: No such file" score -s painting.pam absent.pam
refused "empty: no picture" score -s painting.pam empty
refused "empty: no picture of the name 1" score -s painting.pam -c empty results/1.pam

# -- videos --------------------------------------------------------------------------------------------------------

[ -x "$motion" ] || { echo "build/samples/motion was not built (make test-programs)"; exit 77; }
for scene in static cross cut; do
    mkdir flow-$scene
    "$motion" $scene 96 64 14 flow-$scene >$scene.y4m || wrong "samples/motion $scene"
done
video() { "$NST" score --video "$@"; }

# Moved by its own motion the input changes by its noise, 2/255, twice, and by what bilinear samples miss.
status 0 video cross.y4m cross.y4m --reference cross.y4m --flow flow-cross --json --svg error.svg
within "warping error of the input" "$(value_of warping_error result out)" 5e-5 2.5e-4
within "ratio to itself" "$(value_of warping_error ratio out)" 1 1
within "visible" "$(value visible out)" 0.8 0.99
within "cuts" "$(value cuts out)" 0 0
[ "$(grep -c '"frame":' out)" = 14 ] || wrong "14 frames expected"
[ "$(grep -c '<path fill="none"' error.svg)" = 3 ] && [ "$(tail -n 1 error.svg)" = "</svg>" ] || wrong "error.svg"
right=$(value_of warping_error result out)
status 0 video cross.y4m cross.y4m --flow flow-static --json
within "with the wrong motion" "$(value_of warping_error result out)" "$(awk "BEGIN { print 5 * $right }")" 1

# a still camera: the noise alone, and no drift
status 0 video static.y4m static.y4m --flow flow-static --json
within "still pixels" "$(value still out)" 0.999 1
within "always still" "$(value always_still out)" 0.99 1
within "deviation" "$(value_of deviation result out)" 0.006 0.0085
within "flicker" "$(value_of flicker result out)" 0.006 0.0095
within "drift" "$(value_of luma_drift result out)" -4e-4 4e-4
within "sharpness" "$(value_of sharpness result out)" 0.02 0.5

# no motion leads over a cut
status 0 video cut.y4m cut.y4m --flow flow-cut --json
within "cuts" "$(value cuts out)" 1 1
within "warping error beside the cut" "$(value_of warping_error result out)" 5e-5 2.5e-4
status 0 video cut.y4m cut.y4m --flow flow-cut --reference cross.y4m
says out "14 frames of 96x64, 1 cut;"

# Without files the motion is searched: nearly as good, on any number of threads.
status 0 video cross.y4m cross.y4m --json --threads 1
within "searched: warping error" "$(value_of warping_error result out)" 5e-5 "$(awk "BEGIN { print 4 * $right }")"
within "searched: visible" "$(value visible out)" 0.8 1
cp out one
status 0 video cross.y4m cross.y4m --json --threads 3
same out one "threads"
status 0 video cut.y4m cut.y4m --json
within "searched: cuts" "$(value cuts out)" 1 1
[ "$(grep -c '"cut":.*true' out)" = 1 ] && [ "$(grep -B 20 '"cut":.*true' out | grep -c '"frame":.*7,')" = 1 ] ||
    wrong "a cut at frame 7 expected"

# the style, on every fifth frame
status 0 video cross.y4m cross.y4m --flow flow-cross -s painting.pam -l loss.nsw --levels 2 --style-every 5 --json
within "style distance" "$(value_of style_distance result out)" 0.01 100

"$motion" cross 96 64 9 - >short.y4m
"$motion" cross 64 64 14 - >narrow.y4m
refused "another number of frames" video cross.y4m short.y4m --flow flow-cross
refused "64x64 pixels, where cross.y4m has 96x64" video cross.y4m narrow.y4m --flow flow-cross
refused "painting.pam: a picture; a video expected" video cross.y4m painting.pam --flow flow-cross
refused "absent.y4m: No such file" video absent.y4m cross.y4m --flow flow-cross
refused "nowhere/000001.flo: No such file" video cross.y4m cross.y4m --flow nowhere
refused "error.svg: could not be written" video cross.y4m cross.y4m --flow flow-cross --svg no/such/error.svg
for bad in short magic size nan mask; do
    cp -r flow-cross bad
    case $bad in
        short) head -c 1000 flow-cross/000003.flo >bad/000003.flo; text="ends after 123 of 6144 pixels" ;;
        magic) echo "no flow" >bad/000003.flo; text="no Middlebury flow" ;;
        size) mkdir narrow; "$motion" cross 64 64 4 narrow >x.y4m; cp narrow/000003.flo bad; text="96x64 pixels expected" ;;
        nan) { head -c 12 flow-cross/000003.flo; printf '\377\377\377\377'; tail -c +17 flow-cross/000003.flo; } >bad/000003.flo
            text="the motion of pixel 0 is not a number" ;;
        mask) cp narrow/000003.pgm bad; text="000003.pgm: a gray picture of 96x64 pixels expected" ;;
    esac
    refused "$text" video cross.y4m cross.y4m --flow bad
    rm -r bad
done

finish
