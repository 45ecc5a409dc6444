#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# nst train: how many steps a run gets, by the clock, by its loss, by number. How long anything takes is not asked.
. "$(dirname "$0")/tools/cli_common.sh"

"$tools/make_vgg" vgg.safetensors && "$NST" convert vgg.safetensors loss.nsw || exit 1
mkdir photos
for i in $(seq 5); do
    picture $((60 + i)) $((70 - i)) 3 photos/$i.pam
done
picture 80 72 3 painting.pam

become() { # more options: the shell becomes the program
    exec "$NST" train -s painting.pam -c photos -l loss.nsw --crop 32 --content-size 40 --levels 2 --init none "$@"
}
train() { (become "$@"); }
tensors() { tail -c +$((9 + $(od -An -tu8 -N8 "$1"))) "$1"; }
fact() { "$NST" info --json "$1" | tr -d ' \t,' | sed -n "s/^\"$2\"://p"; }

# same_training A B WHY: the same weights, whatever else is told in the files
same_training() {
    tensors "$1" >a.bin
    tensors "$2" >b.bin
    [ -s a.bin ] || wrong "no tensors in $1"
    same a.bin b.bin "$3"
}

# -- by the clock --------------------------------------------------------------------------------------------------

misused "--minutes -1: a number from 0" train -o x.nsw --minutes -1
misused "--minutes: --hold above 0 expected" train -o x.nsw --minutes 1 --hold 0

# A run that did all the steps it came to plan is the one of so many steps.
status 0 train -o timed.nsw --minutes 0.05
steps=$(fact timed.nsw steps) done=$(fact timed.nsw steps_done)
[ "$done" -ge 1 ] && [ "$done" -le "$steps" ] || wrong "$done of $steps steps done"
if [ "$done" = "$steps" ]; then
    status 0 train -o plain.nsw --steps "$steps"
    same_training timed.nsw plain.nsw "--minutes and --steps $steps"
else
    says err "the minutes were over before the last $((steps - done)) steps"
fi

# No time at all is enough for a step; the fewer of both is done; without either there are 2000.
status 0 train -o short.nsw --minutes 0.00001
says err "done after 1 steps"
[ ! -e short.nsw.ckpt ] || wrong "a run whose time was up left its checkpoint"
status 0 train -o few.nsw --minutes 600 --steps 4
[ "$(fact few.nsw steps_done)" = 4 ] || wrong "--steps 4 and --minutes: $(fact few.nsw steps_done) steps"
status 0 train --help
says out "0: 2000"

# Stopped, it tells how to go on with what is left of the time, and does.
become -o stopped.nsw --minutes 600 --checkpoint-every 3 2>begun.err &
program=$!
until [ -e stopped.nsw.ckpt ] || ! kill -0 $program 2>/dev/null; do sleep 0.02; done
kill -TERM $program
wait $program
[ $? = 130 ] || wrong "status 130 expected after SIGTERM"
rest=$(sed -n 's/.*to go on: nst //p' begun.err)
case $rest in
    *"--minutes 600"*"--minutes 599."*" --resume" | *"--minutes 600"*"--minutes 600.0 --resume") ;;
    *) wrong "no way to go on in: $(cat begun.err)" ;;
esac
status 0 train -o stopped.nsw --minutes 0.00001 --checkpoint-every 3 --resume
says err "going on after step"

# -- by the loss ---------------------------------------------------------------------------------------------------

# No loss falls by all of itself: windows 1 to 5 and 6 to 10 are compared, and 9 / 0.5 steps keep the rates so far.
plateau="--stop 1 --stop-window 5 --steps 40 --checkpoint-every 3"
status 0 train -o flat.nsw $plateau
says err "the loss fell by less than 100 % in 5 steps: done after 18 steps, not 40"
says err "done after 18 steps"
[ "$(fact flat.nsw steps) $(fact flat.nsw steps_done)" = "18 18" ] || wrong "18 steps expected in flat.nsw"
status 0 train -o plain.nsw --steps 18 --stop 0
same_training flat.nsw plain.nsw "a plateau and --steps 18"
status 0 train -o constant.nsw $plateau --decay constant
says err "done after 10 steps"

# Killed before and after the plateau, it goes on to the same end.
for at in 6 12; do
    rm -f killed.*
    become -o killed.nsw $plateau --resume --log killed.csv 2>killed.err &
    program=$!
    until [ -e killed.csv ] && [ "$(wc -l <killed.csv)" -gt $at ] || ! kill -0 $program 2>/dev/null; do sleep 0.01; done
    kill -KILL $program 2>/dev/null
    wait $program 2>/dev/null
    [ -e killed.nsw ] || status 0 train -o killed.nsw $plateau --resume
    same_training killed.nsw flat.nsw "killed and resumed around a plateau"
done

# -- what it begins with -------------------------------------------------------------------------------------------

mkdir styles
"$tools/make_style" paint styles/a-paint.nsw || exit 1 # of another network
cp loss.nsw styles/b-loss.nsw
echo "not a style" >styles/c-none.nsw
near() { NST_PATH=$PWD/styles train "$@" --init auto; }
status 0 train -o styles/far.nsw --steps 1 --seed 5
status 0 train -o styles/near.nsw --steps 60 --name "the near one"
status 0 near -o auto.nsw --steps 6 --log auto.csv
says err "begins with near, the nearest of "
[ "$(fact auto.nsw init_name)" = '"thenearone"' ] || wrong "init_name: $(fact auto.nsw init_name)"
status 0 train -o named.nsw --steps 6 --init styles/near.nsw
same_training auto.nsw named.nsw "--init auto and --init near"
status 0 train -o random.nsw --steps 6
tensors random.nsw >b.bin
tensors auto.nsw >a.bin
differ a.bin b.bin "--init auto and none"

# What it began with is in the checkpoint: other styles do not change a run that goes on.
status 0 near -o whole.nsw --steps 40
NST_PATH=$PWD/styles become -o again.nsw --steps 40 --checkpoint-every 2 --init auto 2>/dev/null &
program=$!
until [ -e again.nsw.ckpt ] || [ -e again.nsw ] || ! kill -0 $program 2>/dev/null; do sleep 0.01; done
kill -KILL $program 2>/dev/null
wait $program 2>/dev/null
[ -e again.nsw ] || NST_PATH=$PWD/photos status 0 train -o again.nsw --steps 40 --checkpoint-every 2 --init auto --resume
same_training again.nsw whole.nsw "--init auto, killed and resumed"
[ "$(fact again.nsw init_name)" = '"thenearone"' ] || wrong "resumed, init_name: $(fact again.nsw init_name)"

rm styles/far.nsw styles/near.nsw
status 0 near -o random.nsw --steps 2
says err "begins at random, for there is no style of this network"

finish
