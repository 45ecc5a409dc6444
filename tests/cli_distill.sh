#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# nst distill: what it refuses, and that its loss network can be trained against.
. "$(dirname "$0")/tools/cli_common.sh"

"$tools/make_vgg" vgg.safetensors || exit 1
"$tools/make_style" paint paint.nsw || exit 1
"$NST" convert vgg.safetensors loss.nsw || exit 1
mkdir photos empty
for i in 1 2 3; do
    picture $((60 + i)) $((70 - i)) 3 photos/$i.pam
done
picture 80 72 3 painting.pam

distill() { "$NST" distill -c photos --crop 32 --content-size 40 "$@"; }

misused "--teacher LOSS is needed" "$NST" distill
misused "--width 2: a number from 0.015625 to 1" distill -l loss.nsw -o x.nsw --width 2
misused "--cpu: " distill -l loss.nsw -o x.nsw --cpu 486
misused "given 9 times, 8 at most" distill -o x.nsw -l l -l l -l l -l l -l l -l l -l l -l l -l l
refused "absent.nsw: No such file" distill -l absent.nsw -o x.nsw
refused "teacher 1 is not a loss network" distill -l paint.nsw -o x.nsw
refused "crop: 40; a multiple of 16" distill -l loss.nsw -o x.nsw --crop 40
refused "empty: no picture and no video" "$NST" distill -c empty -l loss.nsw -o x.nsw
[ ! -e x.nsw ] || wrong "a refused command left x.nsw"
status 1 distill -l loss.nsw -o no/such/x.nsw --steps 1
says err "no/such"

status 0 distill -l loss.nsw -o slim.nsw --steps 5 --name slim --author "A, after B" --licence "CC BY 4.0" --threads 1
says err "step 5/5  loss "
status 0 "$NST" info slim.nsw
says out "kind        loss"
says out "A, after B"
says out "CC BY 4.0"
says out "relu1_1_embed"
status 0 distill -l loss.nsw -o again.nsw --steps 5 --name slim --author "A, after B" --licence "CC BY 4.0" --threads 3
same slim.nsw again.nsw "number of threads"
status 0 "$NST" train -s painting.pam -c photos -l slim.nsw -o style.nsw --crop 32 --content-size 40 --levels 2 --steps 3
says err "done after 3 steps"

finish
