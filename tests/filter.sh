#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The filter nst in the built ffmpeg: sizes, pixel formats, ranges, matrices, timestamps, commands, threads, errors.
. "$(dirname "$0")/tools/filter_common.sh"

# The largest difference between two files of one size, byte by byte.
largest_difference() {
    cmp -l "$1" "$2" | awk '
        function dec(o) { return int(o / 100) * 64 + int(o % 100 / 10) * 8 + o % 10 }
        { d = dec($2) - dec($3); if (d < 0) d = -d; if (d > max) max = d }
        END { print max + 0 }'
}

close_to() { # what, file, file, most that they may differ
    [ -s "$2" ] && [ "$(stat -c %s "$2")" = "$(stat -c %s "$3")" ] || fail "$1: sizes differ, or are 0"
    difference=$(largest_difference "$2" "$3")
    [ "$difference" -le "$4" ] || fail "$1: differs by up to $difference levels, $4 allowed"
}

# A source of any size: the sources themselves round sizes to whole chroma samples.
source_of() { echo "testsrc2=size=640x360:rate=5,format=rgb24,scale=$1:flags=neighbor"; }

formats="yuv420p yuv422p yuv444p yuv440p yuvj420p yuvj422p yuvj444p yuvj440p yuva420p yuva422p yuva444p
    nv12 nv21 nv16 nv24 nv42 gbrp gbrap rgb24 bgr24 rgba bgra argb abgr rgb0 bgr0 0rgb 0bgr gray ya8"

case $("$FFMPEG" -version | head -n 1) in
    *version\ 5.*) formats=$(echo $formats | sed 's/ nv16 / /') ;; # its swscale cannot write it
esac

echo "-- the result is that of nst apply"
for size in 1:1 2:2 17:31 640:360; do
    for format in rgb24 gray rgba; do
        ff -f lavfi -i "$(source_of $size),format=$format" -frames:v 1 in.png || fail "source $size"
        ff -i in.png -vf nst=style=paint.nsw -pix_fmt $format -f rawvideo filter.raw || fail "filter $size $format"
        "$NST" apply -s paint.nsw in.png apply.png >/dev/null || fail "apply $size $format"
        ff -i apply.png -pix_fmt $format -f rawvideo apply.raw
        ff -i in.png -pix_fmt $format -f rawvideo in.raw
        same "apply $size $format" filter.raw apply.raw
        [ $size = 1:1 ] || ! cmp -s in.raw filter.raw || fail "$size $format: nothing was painted"
    done
done

echo "-- strength 0 gives the source in every format and size, and no format is converted"
for format in $formats; do
    for size in 1:1 2:2 17:31 64:36; do
        ff -f lavfi -i "$(source_of $size),format=$format" -frames:v 2 -f rawvideo in.raw
        "$FFMPEG" -v verbose -nostdin -y -f lavfi -i "$(source_of $size),format=$format" -frames:v 2 \
            -vf nst=paint.nsw:0 -f rawvideo out.raw 2>log || fail "strength 0, $format $size"
        ! grep -q auto_scale log || fail "$format is not taken as it is"
        same "strength 0, $format $size" in.raw out.raw
    done
done

echo "-- the negative of gray is known in every format, range and matrix"
for format in $formats; do
    for range in tv pc; do
        # 16 + 235 - Y and 16 + 240 - C, or 255 - Y and 255 - C
        negative=negate
        [ $range = pc ] || negative=lutyuv=y=negval:u=negval:v=negval
        case $format-$range in
            yuvj*-tv | gb*-tv | *rgb*-tv | *bgr*-tv) continue ;;
            gray-tv | ya8-tv) continue ;; # libavfilter's negate takes gray for full range
        esac
        # negate knows fewer formats; the way to one that it knows and back loses nothing
        case $format in
            nv12 | nv21) known=yuv420p ;;
            nv16) known=yuv422p ;;
            nv24 | nv42) known=yuv444p ;;
            *0*bgr | *0*rgb | rgb0 | bgr0) known=gbrp ;;
            ya8) known=rgba ;;
            *) known=$format ;;
        esac
        for matrix in smpte170m bt709 bt2020; do
            graph="gradients=size=66x34:c0=0x604848:c1=0x80B0A0:n=2:seed=3:duration=1:rate=2,format=rgba"
            graph="$graph,scale=out_color_matrix=$matrix:out_range=$range:flags=accurate_rnd+full_chroma_int,format=$format"
            # in one graph: the lavfi device of 5.1 does not hand on the range
            ff -f lavfi -i "$graph,nst=invert.nsw" -f rawvideo out.raw || fail "negative, $format $range $matrix"
            # and its conversions on the way do not keep it by themselves
            keep=null
            [ $known = $format ] || keep=scale=in_range=$range:out_range=$range
            ff -f lavfi -i "$graph,$keep,format=$known,$negative,$keep,format=$format" -f rawvideo expected.raw
            close_to "negative, $format $range $matrix" out.raw expected.raw 2
        done
    done
done

echo "-- the same bits with any number of threads, writable or not, upside down or not"
ff -f lavfi -i $clip -vf nst=paint.nsw:threads=1 -f framemd5 one.md5
ff -f lavfi -i $clip -vf nst=paint.nsw:threads=3 -f framemd5 three.md5
ff -f lavfi -i $clip -filter_complex "split[a][b];[a]nst=paint.nsw[c];[b]nst=paint.nsw,nullsink;[c]null" -f framemd5 shared.md5
ff -f lavfi -i $clip -vf vflip,nst=paint.nsw,format=yuv420p -f rawvideo flip.raw
ff -f lavfi -i $clip -vf vflip -f rawvideo flipped.raw
ff -f rawvideo -s 130x94 -pix_fmt yuv420p -r 10 -i flipped.raw -vf nst=paint.nsw -f rawvideo plain.raw
same "threads" one.md5 three.md5
same "a frame that others read too" one.md5 shared.md5
same "negative line size" flip.raw plain.raw

echo "-- timestamps and properties stay"
# frames at uneven times
uneven="select='not(eq(mod(n,3),1))',setsar=4/3,setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709"
ff -f lavfi -i $clip -vf "$uneven" -fps_mode passthrough -c:v ffv1 in.mkv
ff -i in.mkv -vf nst=paint.nsw -fps_mode passthrough -c:v ffv1 out.mkv
for file in in out; do
    "$FFPROBE" -v error -of csv -show_entries \
        frame=pts,duration,width,height,pix_fmt,sample_aspect_ratio,color_range,color_space,color_primaries,color_transfer \
        $file.mkv >$file.csv
done
same "timestamps and properties in a file" in.csv out.csv
[ "$(wc -l <in.csv)" = 7 ] || fail "7 frames expected, $(wc -l <in.csv) found"

showinfo() { # filters before it; prints what it says, less what depends on the picture
    "$FFMPEG" -nostdin -nostats -hide_banner -y -f lavfi -i $clip -vf "$1,showinfo" -f null - 2>&1 |
        grep -E 'showinfo.*(pts:|color_range)' | sed 's/.*showinfo[^]]*\]//; s/ checksum:.*//'
}
showinfo "$uneven:range=pc" >in.info
showinfo "$uneven:range=pc,nst=paint.nsw" >out.info
same "properties of frames" in.info out.info
grep -q 'color_range:pc color_space:bt709' in.info || fail "no range and matrix in $(head -n 2 in.info)"

echo "-- strength by command, enable, a size that changes"
ff -f lavfi -i $clip -f framemd5 source.md5
ff -f lavfi -i $clip -vf "sendcmd=c='0.5 nst strength 0',nst=paint.nsw" -f framemd5 command.md5
ff -f lavfi -i $clip -vf "nst=paint.nsw:enable='lt(t,0.5)'" -f framemd5 enable.md5
{ sed '/^0, *[5-9],/d' one.md5; sed -n '/^0, *[5-9],/p' source.md5; } >expected.md5
same "command" command.md5 expected.md5
same "enable" enable.md5 expected.md5
ff -f lavfi -i $clip -vf "sendcmd=c='0.5 scale w 44;0.5 scale h 22',scale=130:94,nst=paint.nsw,scale=130:94" -f framemd5 resized.md5 ||
    fail "a size that changes"
[ "$(grep -c '^0,' resized.md5)" = 10 ] || fail "10 frames expected after a change of size"

echo "-- errors come at the start, and say what is wrong"
refused nst "Option style is not set"
refused nst=missing.nsw "Option style: .*missing.nsw"
NST_PATH=$work/here:$work/there
export NST_PATH
refused nst=nowhere "Option style: .*nowhere.*$work/here.*$work/there"
refused nst=truncated.nsw "Option style: .*truncated.nsw"
refused nst=text.nsw "Option style: .*text.nsw"
refused nst=loss.nsw "Option style: .*loss"
refused "nst='paint.nsw|missing.nsw'" "Option style: .*missing.nsw"
refused "nst='paint.nsw|loss.nsw'" "Option style: .*loss.nsw: a loss network.* a style is expected"
refused "nst='paint.nsw|'" "Option style: an empty name"
refused nst=paint.nsw:strength=1.5 "strength"
refused "nst=paint.nsw:mix='1|2'" "paint.nsw: mix: 2 weights for 1 style; one for each expected"
refused "nst='paint.nsw|invert.nsw':mix=1" "paint.nsw|invert.nsw: mix: 1 weights for 2 styles; one for each expected"
refused "nst='paint.nsw|invert.nsw':mix='0|0'" "mix: at least one weight above 0 expected"
refused nst=paint.nsw:mix=x 'Option mix: mix "x": weights from 0 to .* expected'
refused nst=paint.nsw:color=red "color"
refused nst=paint.nsw:size=x 'Option size: size "x": auto, a height .* expected'
refused nst=paint.nsw:size=7 'Option size: size "7": auto, a height .* expected'
refused nst=paint.nsw:size=1.5 'Option size: size "1.5": auto, a height .* expected'
refused nst=paint.nsw:minsize=0 'Option minsize: size "0": auto, a height .* expected'
refused nst=paint.nsw:temporal=2 "temporal"
refused nst=paint.nsw:flow=x "flow"
refused nst=paint.nsw:every=9 "every"
refused nst=paint.nsw:threads=-1 "threads"
refused scale=2000:2000,nst=paint.nsw:maxmem=1 'Option maxmem: paint.nsw takes [0-9]* MiB for frames of 2000x2000, .*; 1 are allowed'
refused nst=paint.nsw:realtime=-1 "realtime"
refused nst=paint.nsw:cpu=mmx 'Option cpu: instruction set "mmx": avx2, .* expected'

NST_PATH=$work
ff -f lavfi -i $clip -vf nst=paint -f framemd5 name.md5 || fail "a style by name"
same "a style by name" one.md5 name.md5

finish
