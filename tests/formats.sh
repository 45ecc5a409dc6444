#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every pixel format that the filter takes, in the built ffmpeg: no scaler comes before it, strength 0 changes no bit, a
# network that changes nothing gives the source within a level, and the negative is that of the picture in planar RGB.
. "$(dirname "$0")/tools/filter_common.sh"

compare=$BUILDDIR/tests/tools/compare_raw
if [ ! -x "$compare" ]; then
    echo "no $compare: make test-programs"
    exit 77
fi
"$BUILDDIR/tests/tools/make_style" identity identity.nsw || exit 1

within() { # what, kind of sample, file, file, most levels of 8 bits that they may differ
    difference=$("$compare" "$2" "$3" "$4" 2>&1)
    awk -v d="$difference" -v most="$5" 'BEGIN { exit !(d ~ /^[0-9.]+$/ && d + 0 <= most) }' ||
        fail "$1: differs by up to $difference levels, $5 allowed"
}

# -- the formats, with what compare_raw calls their samples; those that a release does not have are left out ---------

known=$("$FFMPEG" -v error -pix_fmts | awk '/^[.I][.O]/ { print $2 }')
formats=()
add() { # kind of sample, names; a name of more than 8 bits has its byte order at its end
    local kind=$1 name
    shift
    for name; do
        if grep -qx "$name" <<<"$known"; then formats+=("$name=$kind"); fi
    done
}
case $(printf '\1\0' | od -An -td2 | tr -d ' ') in 1) e=le ;; *) e=be ;; esac
add 8 gray ya8 rgb24 bgr24 rgba bgra argb abgr rgb0 bgr0 0rgb 0bgr gbrp gbrap \
    yuv420p yuv422p yuv444p yuv440p yuv411p yuv410p yuvj420p yuvj422p yuvj444p yuvj440p yuvj411p \
    yuva420p yuva422p yuva444p nv12 nv21 nv16 nv24 nv42 yuyv422 uyvy422 yvyu422 vuya vuyx ayuv uyva vyu444
for depth in 9 10 12 14 16; do
    add $depth gray$depth$e gbrp$depth$e gbrap$depth$e yuv{420,422,444,440}p$depth$e yuva{420,422,444}p$depth$e
done
add 16 ya16$e rgb48$e bgr48$e rgba64$e bgra64$e ayuv64$e p{016,216,416}$e y216$e xv48$e
add 10 nv20$e
add 10+6 p{010,210,410}$e y210$e yuv444p10msb$e gbrp10msb$e
add 12+4 p{012,212,412}$e y212$e xv36$e yuv444p12msb$e gbrp12msb$e
add tens x2rgb10$e x2bgr10$e xv30$e
add f16 gbrpf16$e gbrapf16$e grayf16$e yaf16$e rgbaf16$e rgbf16$e
add f32 gbrpf32$e gbrapf32$e grayf32$e yaf32$e rgbf32$e rgbaf32$e
echo "-- ${#formats[@]} formats"
[ ${#formats[@]} -ge 95 ] || fail "95 formats at least are in every release"

has_alpha() {
    case $1 in ya* | yuva* | vuya | uyva | ayuv* | *rgba* | bgra* | argb | abgr | gbrap*) ;; *) return 1 ;; esac
}

echo "-- any bytes: taken as they are, and with strength 0 not a bit is changed"
seq 20000 | gzip -nc | head -c 40000 >bytes
for format in "${formats[@]}"; do
    name=${format%=*}
    rm -f ./*.raw
    "$FFMPEG" -v verbose -nostdin -y -f rawvideo -pixel_format "$name" -video_size 33x19 -i bytes -filter_complex \
        "trim=end_frame=1,split=3[in][a][b];[a]nst=paint.nsw:0[zero];[b]nst=paint.nsw[painted]" \
        -map '[in]' -f rawvideo in.raw -map '[zero]' -f rawvideo zero.raw -map '[painted]' -f rawvideo painted.raw \
        >log 2>&1 || fail "$name: $(tail -n 3 log)"
    ! grep -q auto_scale log || fail "$name is not taken as it is"
    [ -s in.raw ] && cmp -s in.raw zero.raw || fail "$name: strength 0 changes something"
    ! cmp -s in.raw painted.raw || fail "$name: nothing was painted"
done

echo "-- pictures: nothing changed, upside down, cut out; negatives"
slow=flags=bilinear+accurate_rnd+full_chroma_int+full_chroma_inp

# What a picture of a format becomes in one run: left alone, with nothing changed, the same upside down (negative line
# sizes) and cut out of a larger one (an odd size), the negative, and the negative of the picture in planar RGB.
pictures() { # format, matrix, range
    local tags=:out_color_matrix=$2:out_range=$3 back=:in_color_matrix=$2:in_range=$3 rgb=gbrp16$e output outputs=() crop
    if has_alpha "$1"; then rgb=gbrap16$e; fi
    case $1 in *rgb* | *bgr* | gbr*) tags='' back='' ;; esac
    crop=crop=61:29:4:4:exact=1
    case $1 in yuyv422 | uyvy422 | yvyu422 | y21*) crop=null ;; esac # crop does not take these
    for output in source same flipped cut cut_same negative expected; do
        outputs+=(-map "[$output]" -f rawvideo $output.raw)
    done
    rm -f ./*.raw
    ff -f lavfi -i "gradients=size=70x38:c0=0x604848FF:c1=0x80B0A050:n=2:seed=3:rate=1" -filter_complex "
        trim=end_frame=1,format=$rgb,scale=$slow$tags,format=$1,split=7[source][a][b][c][d][f][g];
        [a]nst=identity.nsw[same];[b]vflip,nst=identity.nsw,vflip[flipped];
        [c]$crop[cut];[d]$crop,nst=identity.nsw[cut_same];
        [f]nst=invert.nsw[negative];
        [g]scale=$slow$back,format=$rgb,nst=invert.nsw,scale=$slow$tags,format=$1[expected]" "${outputs[@]}"
}

check_pictures() { # format=kind, matrix, range
    local name=${1%=*} kind=${1#*=} level=1
    pictures "$name" "$2" "$3" || fail "$name $2 $3"
    # a level of the sample's own where every pixel has all its samples
    case $name in *42* | *41* | nv1* | nv2[01]* | p01* | p21* | y21* | uyvy* | yuyv* | yvyu* | *440*) ;;
        *) case $kind in f16 | f32) level=0.001 ;; tens | 10*) level=0.25 ;; 12*) level=0.07 ;; 14) level=0.016 ;;
                9) level=0.5 ;; 16) level=0.004 ;; esac ;;
    esac
    within "$name $2 $3, nothing changed" "$kind" source.raw same.raw $level
    within "$name $2 $3, upside down" "$kind" same.raw flipped.raw $level
    within "$name $2 $3, cut out" "$kind" cut.raw cut_same.raw $level
    # the scaler makes limited range of gray floats, and does not say so
    case $name in grayf* | yaf*) ;; *) within "$name $2 $3, negative" "$kind" expected.raw negative.raw 2.5 ;; esac
}

release=$("$FFMPEG" -version | sed -n 's/^ffmpeg version \([^ ]*\).*/\1/p')
for format in "${formats[@]}"; do
    # the scaler cannot make these, the last two in FFmpeg 5.1
    case $release=$format in
        *=*f16* | *=rgb*f32* | *=yaf32* | *=nv20* | 5.*=nv16* | 5.*=y210*) continue ;;
    esac
    check_pictures "$format" bt709 tv
done
for name in yuv420p=8 yuyv422=8 yuv444p16$e=16 p010$e=10+6; do
    for matrix in smpte170m bt709 bt2020; do
        check_pictures $name $matrix pc
        check_pictures $name $matrix tv
    done
done

echo "-- bytes of 0 alone: where there is alpha they stay, elsewhere black becomes white"
head -c 40000 /dev/zero >nothing
for format in "${formats[@]}"; do
    name=${format%=*}
    rm -f out.raw
    ff -f rawvideo -pixel_format "$name" -video_size 33x19 -i nothing -frames:v 1 -vf nst=invert.nsw \
        -f rawvideo out.raw 2>log # a message too: there are bytes left over
    [ -s out.raw ] || fail "$name: no picture: $(cat log)"
    if has_alpha "$name"; then
        cmp -s -n "$(stat -c %s out.raw)" out.raw nothing || fail "$name: transparent pixels have changed"
    else
        ! cmp -s -n "$(stat -c %s out.raw)" out.raw nothing || fail "$name: nothing was painted"
    fi
done

echo "-- where chroma lies: of what the scaler makes for each place, the one for the frame's own is the nearest"
if "$FFMPEG" -v error -h filter=scale | grep -q in_chroma_loc; then
    sitings="left center topleft top bottomleft bottom"
    for siting in $sitings; do
        split= painted= others=
        for other in $sitings; do
            split="${split}[$other]" painted="${painted}[painted_$other]"
            others="$others;[$other]scale=$slow:in_chroma_loc=$other,format=gbrp,nst=paint.nsw"
            others="$others,scale=$slow:out_chroma_loc=$other,format=yuv420p[by_$other]"
            others="$others;[painted_$other][by_$other]psnr@$other"
        done
        nearest=$("$FFMPEG" -nostdin -hide_banner -f lavfi -i testsrc2=size=64x48:rate=1 -filter_complex "
            trim=end_frame=1,format=gbrp,scale=$slow:out_chroma_loc=$siting,format=yuv420p,split=7[frame]$split;
            [frame]nst=paint.nsw,split=6$painted$others" -f null - 2>&1 |
            sed -n 's/.*psnr@\([a-z]*\) .* u:\([0-9.]*\) .*/\1 \2/p' | sort -k2nr | head -n 1)
        [ "${nearest% *}" = $siting ] || fail "chroma at $siting is taken for '$nearest'"
    done
else
    echo "   not tested: this release's scaler knows no places"
fi

finish
