#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# nst train under mpirun: as many ranks as one likes come to the same bits, one rank speaks and writes, and the
# checkpoint outlives any of them.
. "$(dirname "$0")/tools/cli_common.sh"

command -v mpirun >/dev/null || { echo "no mpirun (Debian: openmpi-bin)"; exit 77; }
grep -q NST_WITH_MPI "$BUILDDIR/config.h" || { echo "built without MPI (Debian: libopenmpi-dev)"; exit 77; }

# As root, as CI is; more ranks than processors, which must not spin while they wait.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_hwloc_base_binding_policy=none

"$tools/make_vgg" vgg.safetensors && "$NST" convert vgg.safetensors loss.nsw || exit 1
mkdir photos
for i in 1 2 3 4 5; do
    picture $((60 + i)) $((70 - i)) 3 photos/$i.pam
done
picture 80 72 3 painting.pam

# Each run has a folder of its own and the same command, which the style records.
# begin RANKS FOLDER OPTION...; 0: no mpirun
begin() {
    local ranks=$1 folder=$2 mpi=
    shift 2
    [ "$ranks" = 0 ] || mpi="mpirun -n $ranks"
    mkdir -p "$folder"
    cd "$folder" && exec $mpi "$NST" train -s ../painting.pam -c ../photos -l ../loss.nsw --crop 32 --content-size 40 \
        --levels 2 --init none -o style.nsw --steps 40 --decay constant --batch 4 --checkpoint-every 3 \
        --log log.csv -t 1 "$@"
}
run() { (begin "$@"); }

# -- the same bits -------------------------------------------------------------------------------------------------

status 0 run 0 alone
status 0 run 2 two --preview ../photos/1.pam --preview-every 20
says err "2 ranks, 4 crops a step"
[ "$(grep -c "step 40/40" err)" = 1 ] || wrong "one rank should speak: $(cat err)"
[ "$(grep -c "done after 40 steps" err)" = 1 ] || wrong "one rank should speak: $(cat err)"
[ -s two/preview-000040.png ] || wrong "no preview"
[ ! -e two/style.nsw.ckpt ] || wrong "a finished run left its checkpoint"
status 0 run 3 three # the last has two crops
status 0 run 3 again
for folder in two three again; do
    same alone/log.csv $folder/log.csv "ranks: log"
done
same three/style.nsw alone/style.nsw "three ranks, and no MPI"
same three/style.nsw again/style.nsw "the same ranks again"

# All ranks agree on how many steps there are, by the loss and by the clock of the first.
for ranks in 0 2; do
    status 0 run $ranks short$ranks --stop 1 --stop-window 5
    [ "$(grep -c "done after 10 steps, not 40" err)" = 1 ] || wrong "said once: $(cat err)"
done
same short2/style.nsw short0/style.nsw "a plateau with two ranks"
status 0 run 2 late --minutes 0.00001
[ "$(grep -c "done after 1 steps" err)" = 1 ] || wrong "one step expected: $(cat err)"

# shortly PAINTING: the arguments of another short run
shortly() {
    echo train -s "$1" -c photos -l loss.nsw --crop 32 --content-size 40 --init none -o x.nsw
}

# By itself each rank has one crop of a step, and its share of the processors.
status 0 mpirun -n 2 "$NST" $(shortly painting.pam) --steps 2
says err "2 ranks, 2 crops a step"
status 0 mpirun -n 1 "$NST" $(shortly painting.pam) --steps 2
! grep -q " ranks," err || wrong "one rank is alone: $(cat err)"

# Rank 0's clock plans for all.
status 0 run 2 timed --steps 0 --minutes 0.05
[ "$(grep -c "style.nsw: done after" err)" = 1 ] || wrong "no word of the end: $(cat err)"

# -- what is refused, once -----------------------------------------------------------------------------------------

status 2 run 3 x --batch 2
[ "$(grep -c -- "--batch 2: at least one crop for each of 3 ranks" err)" = 1 ] || wrong "said once: $(cat err)"
status 1 run 3 x --style-layers relu9_9
[ "$(grep -c "nst train: rank 0: .*relu9_9" err)" = 1 ] || wrong "said once: $(cat err)"
status 1 run 2 x -c absent
[ "$(grep -c "nst train: rank 0: absent: No such file" err)" = 1 ] || wrong "said once: $(cat err)"
OMPI_COMM_WORLD_SIZE=2 PMI_SIZE=2 status 1 "$NST" train -s painting.pam -c photos -l loss.nsw -o x.nsw
says err "started as one of 2, which do not find each other"

# Only one of two machines has another painting.
mkdir other
picture 80 75 3 other/painting.pam
status 1 mpirun -n 1 "$NST" $(shortly painting.pam) : \
    -n 1 "$NST" $(shortly other/painting.pam)
says err "has another style_picture than other ranks"
[ ! -e x.nsw ] || rm x.nsw

# -- a rank dies ---------------------------------------------------------------------------------------------------

# The processes that mpirun, or a helper of its, has started, rank 0 first
ranks_of() {
    local process
    for process in $(pgrep -P "$1"); do
        if grep -qz '^OMPI_COMM_WORLD_RANK=\|^PMI_RANK=' "/proc/$process/environ" 2>/dev/null; then
            echo "$process"
        else
            ranks_of "$process"
        fi
    done
}

# In the background, until there is a new checkpoint: the processes of the ranks are $ranks.
begun() {
    touch mark
    (begin "$@") >begun.out 2>&1 &
    program=$!
    until [ "$2/style.nsw.ckpt" -nt mark ] || ! kill -0 $program 2>/dev/null; do
        sleep 0.02
    done
    ranks=$(ranks_of $program)
    [ "$(echo "$ranks" | wc -w)" = "$1" ] && return
    wrong "$1 ranks expected: $ranks; $(cat begun.out)"
    kill $program
    finish
}

# No rank lives on. What has ended may wait as a zombie for a process 1 that does not ask for it, without a program.
gone() {
    for process in $ranks; do
        for try in $(seq 100); do
            readlink "/proc/$process/exe" >/dev/null 2>&1 || continue 2
            sleep 0.1
        done
        wrong "a rank lives on"
        kill -KILL "$process"
    done
}

for victim in 1 2; do
    begun 2 killed --steps 4000 --resume
    kill -KILL "$(echo "$ranks" | sed -n ${victim}p)"
    wait $program && wrong "status 0 where rank $((victim - 1)) was killed"
    gone
    [ -e killed/style.nsw.ckpt ] || wrong "no checkpoint is left: $(cat begun.out)"
    [ ! -e killed/style.nsw ] || wrong "a style was written"
done

# Stopped: they agree on the step. mpirun gives them a second before it kills them.
begun 3 killed --steps 4000 --resume
grep -q "going on after step" begun.out || wrong "not resumed: $(cat begun.out)"
kill -TERM $program
wait $program && wrong "status 0 after SIGTERM"
gone
grep -q "stopped after step [0-9]* of 4000" begun.out || wrong "no word of where it stopped: $(cat begun.out)"

# What is left is a whole checkpoint, and goes on without MPI to the bits of a run that was never stopped.
done=$(($(tail -n 1 killed/log.csv | cut -d, -f1) + 2))
status 0 run 0 killed --steps 4000 --resume --steps $done
says err "going on after step"
status 0 run 2 reference --steps 4000 --steps $done
same killed/log.csv reference/log.csv "killed, stopped and resumed: log"
"$NST" info --json killed/style.nsw >/dev/null || wrong "no style"
finish
