#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Ten filters in one process, and one filter through 10,000 frames: the same frames as from one filter and from a short
# run, and memory that does not grow.
. "$(dirname "$0")/../tools/filter_common.sh"

echo "-- ten filters in one process"
clip="testsrc2=size=66x50:rate=10:duration=3"
ff -f lavfi -i "$clip" -vf nst=paint.nsw -f framemd5 one.md5 || fail "one filter"
hashes one.md5 0 29 >one
[ "$(wc -l <one)" = 30 ] || fail "30 frames expected"
graph="split=10$(for i in 0 1 2 3 4 5 6 7 8 9; do printf '[s%d]' $i; done)"
maps=()
for i in 0 1 2 3 4 5 6 7 8 9; do
    graph="$graph;[s$i]nst=paint.nsw:threads=$((i % 3 + 1))[p$i]"
    maps+=(-map "[p$i]" -f framemd5 "ten$i.md5")
done
ff -f lavfi -i "$clip" -filter_complex "$graph" "${maps[@]}" || fail "ten filters"
for i in 0 1 2 3 4 5 6 7 8 9; do
    hashes ten$i.md5 0 29 >ten
    same "filter $i of ten" one ten
done
# different styles and options side by side
ff -f lavfi -i "$clip" -filter_complex "split=3[a][b][c];[a]nst=paint.nsw[x];[b]nst=invert.nsw[y];[c]nst=paint.nsw:0.5[z]" \
    -map '[x]' -f framemd5 x.md5 -map '[y]' -f framemd5 y.md5 -map '[z]' -f framemd5 z.md5 || fail "three filters"
ff -f lavfi -i "$clip" -vf nst=invert.nsw -f framemd5 invert.md5
ff -f lavfi -i "$clip" -vf nst=paint.nsw:0.5 -f framemd5 half.md5
same "a filter beside others" one.md5 x.md5
same "the negative beside others" invert.md5 y.md5
same "a half beside others" half.md5 z.md5

echo "-- 10,000 frames"
endless="testsrc2=size=34x26:rate=25"
runs() { # frames, options of nst, file for the hashes: prints the largest memory in KiB
    "$FFMPEG" -v info -benchmark -nostdin -nostats -y -f lavfi -i "$endless" -vf "nst=paint.nsw$2" -frames:v "$1" \
        -f framemd5 "$3" 2>&1 | sed -n 's/^bench: maxrss=\([0-9]*\)[kK]i\{0,1\}B$/\1/p'
}
for options in :temporal=0 "" :every=2; do
    few=$(runs 500 "$options" few.md5)
    many=$(runs 10000 "$options" many.md5)
    [ -n "$few" ] && [ -n "$many" ] || fail "no maxrss"
    [ "$(grep -vc '^#' many.md5)" = 10000 ] || fail "10000 frames expected"
    # a leak of a single byte pair a pixel would be 16 MiB
    [ $((many - few)) -lt 2048 ] || fail "nst$options: $few KiB after 500 frames, $many KiB after 10000"
    echo "nst$options: $few KiB after 500 frames, $many KiB after 10000"
    hashes few.md5 0 499 >few
    hashes many.md5 0 499 >first
    same "nst$options: the first 500 of 10000" few first
done
runs 10000 :temporal=0 many.md5 >/dev/null
ff -f lavfi -i "$endless" -vf trim=start_frame=9900:end_frame=10000,nst=paint.nsw:temporal=0 -f framemd5 late.md5
hashes late.md5 0 99 >late
hashes many.md5 9900 9999 >last
same "the last 100 of 10000" late last

finish
