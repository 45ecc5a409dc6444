#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The filter nst while it runs: commands, a switch of styles, the timeline, metadata, and what -h says.
. "$(dirname "$0")/tools/filter_common.sh"

hashed() { # filter, file: the hashes of the clip's frames, one a line
    ff -f lavfi -i "$clip" -vf "$1" -f framemd5 "$2.md5" || fail "$1"
    hashes "$2.md5" 0 9 >"$2"
}

spliced() { # before, after, file: the frames of one up to 4 and of the other from 5
    { sed -n 1,5p "$1"; sed -n 6,10p "$2"; } >"$3"
}

# What follows without "temporal" is without memory of earlier frames.
p=paint.nsw:temporal=0
hashed null source
hashed nst=$p painted
hashed nst=$p:strength=0.5 half

echo "-- options by command, from the next frame on"
command() { # command at 0.5 s, options before it, options after it
    hashed "sendcmd=c='0.5 nst $1',nst=$2" commanded
    hashed "nst=$2" before
    # some options look at what came before, as match does
    hashed "trim=start=0.5,nst=$3" after
    { sed -n 1,5p before; cat after; } >expected
    same "command $1" expected commanded
    sed -n 6,10p before >late
    differ "command $1 has an effect" late after
}
command "strength 0.25" $p $p:strength=0.25
command "color content" $p $p:color=content
command "color match" $p:color=content $p:color=match
command "mix 1|3" "'paint.nsw|invert.nsw':temporal=0:mix='3|1'" "'paint.nsw|invert.nsw':temporal=0:mix='1|3'"
command "size 48" $p $p:size=48
command "size auto" $p:size=0.5 $p

echo "-- a command that fails leaves the old value"
for wrong in "strength 1.5" "strength nan" "strength x" "color red" "mix 1|2" "mix x" "size 7" "size -1" "size x" \
    "temporal 2" "flow x" "every 9" "threads 2" "style one|" "nothing 1"; do
    "$FFMPEG" -v verbose -nostdin -y -f lavfi -i "$clip" -vf "sendcmd=c='0.5 nst $wrong',nst=$p:strength=0.5" \
        -f framemd5 wrong.md5 2>log || fail "$wrong: ffmpeg failed"
    hashes wrong.md5 0 9 >wrong
    same "after $wrong" half wrong
    grep -q "Command reply for command #0: ret:[^S]" log || fail "$wrong: $(grep 'Command reply' log)"
done
# the old value is in force for what a later command builds on too
hashed "sendcmd=c='0.2 nst strength nan;0.5 nst color content',nst=$p:strength=0.5" commanded
hashed nst=$p:strength=0.5:color=content after
spliced half after expected
same "a command after one that failed" expected commanded

echo "-- the timeline: frames outside pass through"
hashed "nst=$p:enable='lt(t,0.5)'" timeline
spliced painted source expected
same "timeline" expected timeline
command "temporal 0" paint.nsw:temporal=0.8 $p
echo "-- the timeline and memory: painting begins anew"
hashed "nst=paint.nsw:temporal=0.8:enable='not(between(t,0.2,0.4))'" timeline
ff -f lavfi -i "$clip" -vf "trim=start=0.5,nst=paint.nsw:temporal=0.8" -f framemd5 late.md5 || fail "a later start"
{ sed -n 3,5p source; hashes late.md5 0 4; } >expected
sed -n 3,10p timeline >found
same "the state when the timeline comes back" expected found
echo "-- a jump of time begins anew as well"
hashed "nst=paint.nsw:temporal=0.8" steady
sed -n 6,10p steady >steady.end
hashes late.md5 0 4 >fresh
differ "temporal has an effect" steady.end fresh
for jump in 2 -2; do
    hashed "setpts='PTS+gte(N,5)*$jump/TB',nst=paint.nsw:temporal=0.8,setpts=N" jumped
    sed -n 6,10p jumped >found
    same "a jump by $jump s" fresh found
done
hashed "setpts='PTS+gte(N,5)*0.2/TB',nst=paint.nsw:temporal=0.8,setpts=N" jumped
same "two frames missing are no jump" steady jumped

echo "-- metadata"
"$FFMPEG" -v error -nostdin -f lavfi -i "$clip" -vf "nst=paint.nsw:size=48,metadata=print:file=-" -f null - >metadata ||
    fail "metadata"
for entry in 'size=[0-9]+x48' 'ms=[0-9]+\.[0-9]{2}' 'scene_cut=[01]' 'painted=1' 'flicker=0\.[0-9]{6}'; do
    [ "$(grep -cE "^lavfi\.nst\.$entry\$" metadata)" = 10 ] || fail "lavfi.nst.$entry: $(grep nst "metadata" | head -n 5)"
done

echo "-- what the first frame needs is said before it"
"$FFMPEG" -v verbose -nostdin -f lavfi -i "$clip" -vf "nst=paint.nsw" -frames:v 1 -f null - 2>log || fail "verbose"
grep -qE '130x94 takes [0-9.]+ MiB of memory' log || fail "no memory in: $(grep nst log)"

echo "-- a switch of styles while frames go on"
# Frames are fed until the log tells of the switch, and some more; how many there are depends on the machine.
feed() { # words in the log to wait for
    local words=$1 n=0
    while ! grep -q "$words" log && [ $n -lt 3000 ]; do
        head -c $((64 * 48 * 3)) /dev/zero | tr '\0' '\144'
        n=$((n + 1))
        sleep 0.01
    done
    head -c $((64 * 48 * 3 * 3)) /dev/zero | tr '\0' '\144'
}
switch() { # style, words in the log, file for the hashes
    : >log
    feed "$2" | "$FFMPEG" -v info -y -f rawvideo -pixel_format rgb24 -video_size 64x48 -framerate 10 -i pipe: \
        -vf "sendcmd=c='0.5 nst style $1',nst=invert.nsw" -fflags +flush_packets -f framemd5 switched.md5 2>log || fail "style $1"
    grep -q "$2" log || fail "style $1: the log does not say '$2'"
    grep -v '^#' switched.md5 | awk -F, '{ print $NF }' | uniq >"$3"
}
solid() { # style: the hash of a frame of the same color
    head -c $((64 * 48 * 3)) /dev/zero | tr '\0' '\144' | "$FFMPEG" -v error -y -f rawvideo -pixel_format rgb24 \
        -video_size 64x48 -framerate 10 -i pipe: -vf "nst=$1" -f framemd5 - | hashes - 0 0
}
switch paint.nsw "The style is now paint.nsw" found
{ solid invert.nsw; solid paint.nsw; } >expected
same "a switch" expected found
switch "paint.nsw|invert.nsw" "The style is now paint.nsw|invert.nsw" found
{ solid invert.nsw; solid "'paint.nsw|invert.nsw'"; } >expected
same "a switch to a mix" expected found
solid invert.nsw >expected
for style in missing.nsw truncated.nsw text.nsw loss.nsw; do
    switch $style "The style stays invert.nsw: .*$style" found
    same "a switch to $style" expected found
done

echo "-- -h says what each option is, with the library's defaults"
"$FFMPEG" -v error -h filter=nst >help
for option in style strength mix color size temporal flow every maxmem realtime minsize threads cpu; do
    grep -qE "^ +$option +<[a-z]+> +[.A-Z]+ +set " help || fail "option $option in -h"
done
for constant in content match auto mv dis none; do
    grep -qE "^ +$constant +[0-9]+ +[.A-Z]+ +[a-z]" help || fail "constant $constant in -h"
done
"$BUILDDIR/tests/tools/stylize_defaults" >defaults || fail "stylize_defaults"
while read -r option value; do
    grep -E "^ +$option +<" help | grep -qF "(default $value)" || grep -E "^ +$option +<" help | grep -qF "(default \"$value\")" ||
        fail "option $option: default $value expected: $(grep -E "^ +$option +<" help)"
done <defaults
[ "$(wc -l <defaults)" = 9 ] || fail "9 defaults expected: $(cat defaults)"

finish
