#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The filter's life, from start to end and to failed starts, under valgrind, and with the address sanitizer in the filter
# and in libnst: no leak, no invalid access.
. "$(dirname "$0")/../tools/filter_common.sh"

objects=$FFMPEG_OBJECTS
clip="testsrc2=size=66x50:rate=10:duration=0.6"

# A copy of the build whose filter and library have the sanitizers; the rest of FFmpeg stays as it is.
sanitized() {
    local asan=$BUILDDIR/asan copy=$BUILDDIR/asan/ffmpeg
    local flags=-fsanitize=address,undefined
    mkdir -p "$asan"
    (cd "$asan" && "$SRCDIR/configure" --cc=gcc --enable-werror --enable-sanitizer=address,undefined --disable-tools \
        --disable-tests && make -j2 lib) >log 2>&1 || return 1
    rm -rf "$copy"
    cp -a "$objects" "$copy"
    rm -f "$copy/libavfilter/vf_nst.o" "$copy/ffmpeg" "$copy/ffmpeg_g"
    unset MAKEFLAGS MFLAGS
    make -C "$copy" -j2 CC="gcc $flags -fno-sanitize-recover=all" LD="gcc $flags -L$asan/lib" ffmpeg >>log 2>&1
}

# lives WHAT COMMAND...: under both; the command may fail, but not by what they find.
lives() {
    local what=$1 status=0
    shift
    valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
        "$FFMPEG" -v warning -nostdin -y "$@" >log 2>&1 || status=$?
    if [ $status -ge 99 ] && [ $status != 255 ] && [ -n "$(grep '^==' log)" ]; then
        fail "$what, valgrind: $(grep -A 12 '^==' log | head -n 40)"
    fi
    [ -n "$sanitized" ] || return 0
    ASAN_OPTIONS=detect_leaks=1 "$sanitized" -v warning -nostdin -y "$@" >log 2>&1
    if grep -qE 'Sanitizer|runtime error' log; then fail "$what, sanitizers: $(head -n 40 log)"; fi
}

command -v valgrind >/dev/null || { echo "no valgrind (Debian: valgrind)"; exit 77; }
sanitized=
if sanitized; then
    sanitized=$BUILDDIR/asan/ffmpeg/ffmpeg
    "$sanitized" -v error -f lavfi -i "$clip" -vf nst=paint.nsw -frames:v 1 -f null - || fail "the build with sanitizers does not run"
else
    fail "no build with sanitizers: $(tail -n 5 log)"
fi

out=(-f framemd5 out.md5)
echo "-- start, run, end"
lives run -f lavfi -i "$clip" -vf nst=paint.nsw "${out[@]}"
lives "a frame that is shared" -f lavfi -i "$clip" -filter_complex "split[a][b];[a]nst=paint.nsw,nullsink;[b]null" "${out[@]}"
lives mix -f lavfi -i "$clip" -vf "nst='paint.nsw|invert.nsw':mix='1|2':color=match:size=0.5:temporal=0.5" "${out[@]}"
lives "no frame" -f lavfi -i "$clip" -vf trim=start=9,nst=paint.nsw "${out[@]}"
ff -f lavfi -i "$clip" -c:v mpeg4 -q:v 3 -bf 2 motion.nut || fail "motion.nut"
lives "motion vectors" -flags2 +export_mvs -i motion.nut -vf nst=paint.nsw:temporal=0.5:flow=mv:every=2 "${out[@]}"

echo "-- commands"
lives commands -f lavfi -i "$clip" -vf "sendcmd=c='0.1 nst strength 0.5;0.2 nst color content;0.3 nst size 24;\
0.3 nst temporal 0.5;0.4 nst mix 1;0.5 nst strength 7;0.5 nst size x;0.5 nst nothing 1',nst=paint.nsw" "${out[@]}"
for style in invert.nsw "paint.nsw|invert.nsw" missing.nsw truncated.nsw loss.nsw; do
    lives "switch to $style" -f lavfi -i "$clip" -vf "sendcmd=c='0.1 nst style $style',nst=paint.nsw" "${out[@]}"
    lives "switch to $style at the end" -f lavfi -i "$clip" -vf "sendcmd=c='0.5 nst style $style',nst=paint.nsw" "${out[@]}"
done
lives "two switches" -f lavfi -i "$clip" -vf "sendcmd=c='0.1 nst style invert.nsw;0.1 nst style paint.nsw;0.2 nst style invert.nsw',\
nst=paint.nsw" "${out[@]}"

echo "-- sizes"
lives "another size" -f lavfi -i "$clip" -vf "sendcmd=c='0.3 scale w 44;0.3 scale h 22',scale=66:50,nst=paint.nsw:temporal=0.5,scale=66:50" "${out[@]}"
lives timeline -f lavfi -i "$clip" -vf "nst=paint.nsw:temporal=0.5:enable='lt(mod(t,0.2),0.1)'" "${out[@]}"

echo "-- early end"
lives "two frames" -f lavfi -i "$clip" -vf nst=paint.nsw -frames:v 2 "${out[@]}"
lives "a sink that ends" -f lavfi -i "$clip" -vf nst=paint.nsw,trim=end_frame=1 "${out[@]}"
lives "full disk" -f lavfi -i "$clip" -vf nst=paint.nsw -f rawvideo /dev/full

echo "-- failed starts"
for filter in nst nst=missing.nsw nst=truncated.nsw nst=text.nsw nst=loss.nsw "nst='paint.nsw|missing.nsw'" \
    "nst=paint.nsw:mix='1|2'" nst=paint.nsw:mix=x nst=paint.nsw:size=x nst=paint.nsw:minsize=x nst=paint.nsw:cpu=x \
    scale=1920:1080,nst=paint.nsw:maxmem=1 nst=paint.nsw:every=9 setpts=PTS,nst=paint.nsw:realtime=1; do
    lives "$filter" -f lavfi -i "$clip" -vf "$filter" "${out[@]}"
done

finish
