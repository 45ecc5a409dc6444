#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# nst convert and nst train: what they refuse, and that a run may be killed at any moment and on any number of threads
# gives the same bits.
. "$(dirname "$0")/tools/cli_common.sh"

"$tools/make_vgg" vgg.safetensors || exit 1
"$tools/make_style" paint paint.nsw || exit 1

# -- convert -------------------------------------------------------------------------------------------------------

status 0 "$NST" convert vgg.safetensors loss.nsw
status 0 "$NST" info loss.nsw
says out "loss"
says out "max_pool"
status 0 "$NST" convert --pool average --ceil --pad zero vgg.safetensors average.nsw
status 0 "$NST" info average.nsw
says out "avg_pool"
differ loss.nsw average.nsw "--pool --ceil --pad"
refused "absent.safetensors: " "$NST" convert absent.safetensors out.nsw
header='{"a.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
{ printf "\\$(printf %o ${#header})\0\0\0\0\0\0\0%s\0\0\0\0" "$header"; } >other.safetensors
refused "other.safetensors: tensors of a network that is known (conv1_1.weight" "$NST" convert other.safetensors out.nsw
refused "1 others found, the first a.weight" "$NST" convert other.safetensors out.nsw
head -c 50 vgg.safetensors >short.safetensors
refused "short.safetensors: " "$NST" convert short.safetensors out.nsw
[ ! -e out.nsw ] || wrong "a refused command left out.nsw"

# -- what train refuses --------------------------------------------------------------------------------------------

mkdir photos empty
for i in 1 2 3 4 5; do
    picture $((60 + i)) $((70 - i)) 3 photos/$i.pam
done
echo "no picture" >photos/notes.txt
picture 80 72 3 painting.pam
picture 80 40 3 low.pam
printf 'P7\nWIDTH 80\nHEIGHT 80\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n' >blank.pam
head -c 19200 /dev/zero >>blank.pam

train() { # style, content, loss, then more options
    local style=$1 content=$2 loss=$3
    shift 3
    "$NST" train -s "$style" -c "$content" -l "$loss" --crop 32 --content-size 40 --levels 2 --init none "$@"
}

misused "--style PICTURE is needed" "$NST" train
misused "--steps 0.5: a whole number from 0" "$NST" train --steps 0.5
misused "--seed -1: a whole number" "$NST" train --seed -1
misused "--arch slow: one of fast|johnson|fast-hd expected" "$NST" train --arch slow
misused "--optimizer lbfgs: one of adam|sgd|rmsprop expected" "$NST" train --optimizer lbfgs
misused "--look: no look \"bold\"; there are fine, broad, faithful, free and soft" "$NST" train --look bold
misused "--look: broad and fine: one of them expected" "$NST" train --look=broad,fine
misused "--content-level 1: less than --levels (1)" train painting.pam photos loss.nsw -o x.nsw --look broad --levels 1
status 0 "$NST" train --help
for look in fine broad faithful free soft; do
    grep -q "^  $look  *[a-z]" out || wrong "no line about the look $look in the help"
done
misused "--content-level 2: less than --levels (2)" train painting.pam photos loss.nsw -o x.nsw --content-level 2
misused "--crop 48: at most --content-size (40)" train painting.pam photos loss.nsw -o x.nsw --crop 48
misused "--style-layers a,,b:" train painting.pam photos loss.nsw -o x.nsw --style-layers a,,b
misused "too many arguments" train painting.pam photos loss.nsw -o x.nsw more

refused "absent.pam: No such file" train absent.pam photos loss.nsw -o x.nsw
refused "low.pam: 80x40 pixels" train low.pam photos loss.nsw -o x.nsw
refused "blank.pam: a blank picture" train blank.pam photos loss.nsw -o x.nsw
refused "empty: no picture and no video" train painting.pam empty loss.nsw -o x.nsw
refused "nowhere: No such file" train painting.pam nowhere loss.nsw -o x.nsw
refused "photos/notes.txt: no picture or video" train painting.pam photos/notes.txt loss.nsw -o x.nsw
refused "absent.nsw: No such file" train painting.pam photos absent.nsw -o x.nsw
refused "no/such/x.nsw: the folder no/such" train painting.pam photos loss.nsw -o no/such/x.nsw
refused "absent.pam: No such file" train painting.pam photos loss.nsw -o x.nsw --preview absent.pam
status 1 train painting.pam photos paint.nsw -o x.nsw
says err "loss"
status 1 train painting.pam photos loss.nsw -o x.nsw --style-layers relu9_9
says err "relu9_9"
says err "relu1_1"
[ ! -e x.nsw ] && [ ! -e x.nsw.ckpt ] || wrong "a refused command left x.nsw or x.nsw.ckpt"

# -- a run ---------------------------------------------------------------------------------------------------------

# Each run has a folder of its own and the same command, which the style records.
become() { # folder, then more options: the shell becomes the program
    local folder=$1
    shift
    mkdir -p "$folder"
    cd "$folder" && exec "$NST" train -s ../painting.pam -c ../photos -l ../loss.nsw --crop 32 --content-size 40 \
        --levels 2 -o style.nsw --steps 40 --checkpoint-every 3 --log log.csv \
        --name "A \"style\"" --author "it's me" --licence CC0 "$@"
}
run() { (become "$@"); }

status 0 run whole --preview ../photos/1.pam --preview-every 20 --preview-dir previews
says err "5 content pictures, 1 other file left out"
says err "step 40/40  loss "
for term in "x style" "x content" "x tv" "x stability" "images/s" "left"; do
    says err "$term"
done
[ -s whole/previews/preview-000020.png ] && [ -s whole/previews/preview-000040.png ] || wrong "no previews"
[ "$(wc -l <whole/log.csv)" = 41 ] || wrong "41 lines expected in whole/log.csv"
[ ! -e whole/style.nsw.ckpt ] || wrong "a finished run left its checkpoint"
status 0 "$NST" info whole/style.nsw
says out 'A "style"'
says out "it's me"
says out "CC0"
says out "nst train -s"
status 0 "$NST" apply -s whole/style.nsw photos/1.pam painted.png

# No folder of this machine is told in the style; what is meant for people stays as it is.
status 0 train "$PWD/painting.pam" "$PWD/photos/" loss.nsw -o "$PWD/begun.nsw" --steps 2 --init whole/style.nsw \
    --log="$PWD/log.csv" --name "of/my own" --licence=CC/0
status 0 "$NST" info --json begun.nsw
cp out begun.json
grep -q "$PWD" begun.json && wrong "the style tells where it was made: $(cat begun.json)"
says out "train -s painting.pam -c photos/ -l loss.nsw"
says out "--init style.nsw --log=log.csv --name 'of/my own' --licence=CC/0"
says out "init_network"
refused "absent.nsw: No such file" train painting.pam photos loss.nsw -o x.nsw --init absent.nsw
status 1 train painting.pam photos loss.nsw -o x.nsw --arch johnson --init whole/style.nsw
says err "init: not a style of the architecture johnson"
status 0 train painting.pam photos loss.nsw -o sgd.nsw --steps 4 --optimizer sgd --lr 0.02 --decay step --decay-every 2 --log sgd.csv
status 0 "$NST" info --json sgd.nsw
says out '"momentum":'
says out '"decay":'
[ "$(cut -d, -f2 sgd.csv | tr '\n' ' ')" = "learning_rate 0.002 0.004 0.003 0.004 " ] || wrong "rates of sgd.csv: $(cat sgd.csv)"
status 0 train painting.pam photos loss.nsw -o look.nsw --steps 1 --tv-weight 0.25 --look faithful,soft
status 0 "$NST" info --json look.nsw
grep -Eq '"tv_weight":[[:space:]]*0.25,' out || wrong "an option does not change what a look sets"
grep -Eq '"content_weight":[[:space:]]*0.05,' out && wrong "a look sets nothing"
status 0 train painting.pam photos loss.nsw -o unsteady.nsw --steps 2 --stability 0
says err "0 x stability 0.00000"

# tensors FILE: the file without its header, which holds the command
tensors() { tail -c +$((9 + $(od -An -tu8 -N8 "$1"))) "$1"; }

status 0 run threads --threads 3
tensors whole/style.nsw >whole.bin
tensors threads/style.nsw >threads.bin
[ -s whole.bin ] || wrong "no tensors in whole/style.nsw"
same whole.bin threads.bin "number of threads"
same whole/log.csv threads/log.csv "number of threads, log"
status 0 run seed --seed 2
tensors seed/style.nsw >seed.bin
differ whole.bin seed.bin "another seed"

# -- content from a video ------------------------------------------------------------------------------------------

{
    printf 'YUV4MPEG2 W64 H48 F25:1 Ip A1:1 C420\n'
    for i in $(seq 1 20); do
        printf 'FRAME\n'
        awk -v i=$i 'BEGIN { for (k = 0; k < 64 * 48 * 3 / 2; k++) printf "%c", 32 + (k * i * 7) % 90 }'
    done
} >clip.y4m
status 0 train painting.pam clip.y4m loss.nsw -o video.nsw --steps 4 --frames 5
says err "5 content pictures"
status 0 train painting.pam photos loss.nsw -o video.nsw --steps 2 -c clip.y4m --frames 3 --cache 0
says err "8 content pictures"
refused "clip.y4m: a video" "$NST" apply -s video.nsw clip.y4m out.png

# -- killed and resumed --------------------------------------------------------------------------------------------

status 0 run reference

begin() { # in the background
    become "$@" >>"$work/begun.out" 2>&1 &
    program=$!
}

# until there is something to resume
wait_for_checkpoint() {
    until [ -e "$1/style.nsw.ckpt" ] || [ -e "$1/style.nsw" ] || ! kill -0 $program 2>/dev/null; do
        sleep 0.02
    done
}

for pause in 0 0.07 0.13 0.05 0.21; do
    [ ! -e killed/style.nsw ] || break
    begin killed --resume
    wait_for_checkpoint killed
    sleep $pause
    kill -KILL $program 2>/dev/null
    wait $program 2>/dev/null
done
if [ -e killed/style.nsw.ckpt ]; then
    refused "style.nsw.ckpt: the checkpoint of a run that has not ended" run killed
    status 1 run killed --resume --content-weight 0.5
    says err "content_weight"
    status 0 run killed --resume
    says err "going on after step"
fi
same killed/style.nsw reference/style.nsw "killed and resumed"
same killed/log.csv reference/log.csv "killed and resumed, log"

begin stopped
wait_for_checkpoint stopped
kill -TERM $program 2>/dev/null
wait $program
code=$?
if [ ! -e stopped/style.nsw ]; then
    [ $code = 130 ] || wrong "status $code instead of 130 after SIGTERM"
    grep -q "stopped after step" begun.out || wrong "no word of where it stopped: $(cat begun.out)"
    status 0 run stopped --resume
    says err "going on after step"
fi
same stopped/style.nsw reference/style.nsw "stopped and resumed"

finish
