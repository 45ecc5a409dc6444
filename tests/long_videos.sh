#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# samples/long-videos: what is painted in pieces is what one run paints, frame by frame, where pieces begin at cuts; nothing
# but the pictures changes; runs that were stopped go on; what cannot be done is refused.
. "$(dirname "$0")/tools/filter_common.sh"

parallel --version 2>/dev/null | grep -q '^GNU' || { echo "needs GNU parallel"; exit 77; }
if ! "$FFMPEG" -hide_banner -demuxers 2>/dev/null | grep -qw concat; then
    echo "$FFMPEG has no demuxer concat: make ffmpeg"
    exit 77
fi
[ -x "$BUILDDIR/samples/motion" ] || { echo "no $BUILDDIR/samples/motion: make test-programs"; exit 77; }
lossless="-c:v ffv1 -level 3 -slices 4"
export FFMPEG FFPROBE NST_PATH=$work HOME=$work # parallel keeps a folder in HOME
paint="$SRCDIR/samples/long-videos/paint"

# in_pieces ENVIRONMENT... -- IN STYLE OUT...: exit status in $status, messages in the file log
in_pieces() {
    local settings=()
    while [ "$1" != -- ]; do
        settings+=("$1")
        shift
    done
    shift
    status=0
    env "${settings[@]}" "$paint" "$@" >log 2>&1 </dev/null || status=$?
}

frames() { ff -copyts -i "$1" -map 0:v:0 -fps_mode passthrough -f framemd5 "$1.md5" && hashes "$1.md5" 0 99999 >"$1.frames"; }
times() { "$FFPROBE" -v error -select_streams v:0 -show_entries packet=pts_time -of csv=p=0 "$1" | sort -n; }
info() { "$FFPROBE" -v error -show_streams -show_chapters -show_format "$1" | grep -v -e ^filename -e ^size -e bit_rate; }
like_one_run() { # name, one run, in pieces
    [ $status = 0 ] || fail "$1: exit status $status: $(cat log)"
    frames "$2"
    frames "$3"
    same "$1, frames" "$2.frames" "$3.frames"
    [ "$(times "$2")" = "$(times "$3")" ] || fail "$1: $(diff <(times "$2") <(times "$3") | wc -l) times differ"
    [ "$(info "$2")" = "$(info "$3")" ] || fail "$1: $(diff <(info "$2") <(info "$3"))"
    ff -i "$2" -map 0:a -map 0:s -c copy -f framemd5 one.md5
    ff -i "$3" -map 0:a -map 0:s -c copy -f framemd5 pieces.md5
    same "$1, sound and subtitles" one.md5 pieces.md5
    [ ! -e "$3.pieces" ] || fail "$1: $3.pieces is still there"
}

# Six scenes of other pictures, 90 frames; frames that last twice as long; two languages; the sound begins before the video.
scene() { "$BUILDDIR/samples/motion" "$1" 96 64 "$2" -; }
{ scene cut 40; scene all 30 | tail -n +2; scene cross 20 | tail -n +2; } >clip.y4m
printf '1\n00:00:00,500 --> 00:00:03,000\nHello\n' >text.srt
printf ';FFMETADATA1\ntitle=A film\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1500\ntitle=one\n' >text.ffmeta
printf '[CHAPTER]\nTIMEBASE=1/1000\nSTART=1500\nEND=4000\ntitle=two\n' >>text.ffmeta
ff -i clip.y4m -f lavfi -i sine=440:duration=4 -f lavfi -i sine=880:duration=4 -i text.srt -i text.ffmeta \
    -map 0 -map 1 -map 2 -map 3 -map_metadata 4 -map_chapters 4 -vf "setpts=3+N+floor(N/7)" -fps_mode passthrough \
    -enc_time_base 1/25 -c:v mpeg4 -q:v 3 -bf 2 -g 12 -pix_fmt yuv420p -c:a pcm_s16le -c:s copy \
    -metadata:s:a:1 language=fra -metadata:s:v:0 title=Painted "it's a clip.mkv" || fail "no clip"

echo "-- at cuts: what one run gives"
ff -i "it's a clip.mkv" -map 0 -c copy -vf nst=paint -fps_mode passthrough -enc_time_base 1/1000 $lossless one.mkv
in_pieces MIN=5 MAX=25 LEAD=8 ENCODE="$lossless" -- "it's a clip.mkv" paint out.mkv -j2
like_one_run "at cuts" one.mkv out.mkv
grep -q '^5 of 5 pieces to paint, 90 frames in all' log || fail "not five pieces: $(cat log)"

echo "-- within a scene: what one run gives, nearly; H.264 with B frames, MP4"
style=paint:temporal=0.3 # which forgets soon
scene pan 75 >pan.y4m
ff -i pan.y4m -vf "setpts=N+floor(N/7)" -fps_mode passthrough $lossless pan.mkv
ff -i pan.mkv -vf nst=$style -f rawvideo -pix_fmt gray -fps_mode passthrough one.raw
# far_off LEAD: the mean difference from one run of the frame that the second piece begins with, 96 x 64 samples
far_off() {
    in_pieces MIN=45 MAX=50 LEAD="$1" ENCODE="$lossless" -- pan.mkv $style pan-out.mkv -j2
    [ $status = 0 ] && grep -q '^2 of 2 pieces' log || fail "within a scene: exit status $status: $(cat log)"
    ff -i pan-out.mkv -f rawvideo -pix_fmt gray -fps_mode passthrough pieces.raw
    cmp -l one.raw pieces.raw | awk -v size=$((96 * 64)) '
        function dec(o) { return int(o / 100) * 64 + int(o % 100 / 10) * 8 + o % 10 }
        { frame = int(($1 - 1) / size); if (n == "") n = frame; d = dec($2) - dec($3); if (frame == n) sum += d < 0 ? -d : d }
        END { print sum / size }'
}
settled=$(far_off 40) fresh=$(far_off 1)
awk -v a="$settled" -v b="$fresh" 'BEGIN { exit !(a < 0.1 && b > 1) }' ||
    fail "the first frame after a join is $settled off after 40 frames before it, $fresh after 1"
if "$FFMPEG" -hide_banner -encoders 2>/dev/null | grep -qw libx264; then
    x264="-c:v libx264 -preset ultrafast -bf 3 -x264-params scenecut=0"
    ff -i pan.mkv -vf nst=paint -fps_mode passthrough -enc_time_base 1/1000 $x264 one.mp4
    in_pieces MIN=20 MAX=30 LEAD=5 ENCODE="$x264" -- pan.mkv paint out.mp4 -j2
    [ $status = 0 ] || fail "H.264: exit status $status: $(cat log)"
    ff -i one.mp4 -fps_mode passthrough -f framemd5 one.md5
    ff -i out.mp4 -fps_mode passthrough -f framemd5 pieces.md5
    shown() { awk -F, '!/^#/ { print $3 + 0 }' "$1"; }
    [ -s one.md5 ] && [ "$(shown one.md5)" = "$(shown pieces.md5)" ] || fail "H.264: other times than one run's"
fi

echo "-- a run that was stopped goes on"
# an ffmpeg that fails, or has another encoder, for a piece that a file names
cat >ffmpeg <<END
#!/bin/sh
case "\$*" in *"\$(cat "$work/bad" 2>/dev/null || echo none).part") exit 1 ;; esac
case "\$*" in *"\$(cat "$work/odd" 2>/dev/null || echo none).part")
    for word; do [ "\$word" != 4 ] || word=6; set -- "\$@" "\$word"; shift; done ;; # -slices 4
esac
exec "$FFMPEG" "\$@"
END
chmod +x ffmpeg
cuts="MIN=5 MAX=25 LEAD=8 FFMPEG=$work/ffmpeg"
echo 3 >bad
in_pieces $cuts ENCODE="$lossless" -- "it's a clip.mkv" paint out.mkv -j1
[ $status = 1 ] && grep -q 'not all pieces were painted' log || fail "a piece that fails: exit status $status: $(cat log)"
[ ! -e out.mkv.pieces/3.nut ] && [ -e out.mkv.pieces/2.nut ] || fail "a piece that fails: $(ls out.mkv.pieces)"
rm bad out.mkv
in_pieces $cuts ENCODE="$lossless" -- "it's a clip.mkv" invert out.mkv -j1
[ $status = 1 ] && grep -q 'the pieces of another job' log || fail "another job: exit status $status: $(cat log)"
in_pieces $cuts ENCODE="$lossless" -- "it's a clip.mkv" paint out.mkv -j2
grep -q '^3 of 5 pieces to paint' log || fail "gone on with: $(cat log)"
like_one_run "gone on" one.mkv out.mkv

echo "-- what cannot be done is refused"
refused_pieces() { # message, then as in_pieces
    local message=$1
    shift
    in_pieces "$@"
    [ $status = 1 ] && grep -q -- "$message" log || fail "exit status $status, and not '$message': $(cat log)"
}
refused_pieces "absent.mkv: no such file" -- absent.mkv paint no.mkv
refused_pieces "absent: no such style" -- pan.mkv absent no.mkv
refused_pieces "Option style" -- pan.mkv truncated no.mkv
refused_pieces "Option size" -- pan.mkv paint:size=-7 no.mkv
refused_pieces "the first frame cannot be painted" ENCODE="-c:v absent" -- pan.mkv paint no.mkv
refused_pieces "Invalid data" -- text.nsw paint no.mkv
[ -z "$(ls -d no.mkv* 2>/dev/null)" ] || fail "what was refused left $(ls -d no.mkv*)"
echo 2 >odd
refused_pieces "2.nut: .* the hosts' encoders differ" $cuts ENCODE="$lossless" -- "it's a clip.mkv" paint no.mkv -j2
[ ! -e no.mkv ] || fail "pieces of two kinds were joined"
rm odd

echo "-- hosts that share no folder"
if command -v rsync >/dev/null; then
    # two hosts that are folders here
    cat >ssh <<'END'
#!/bin/sh
while :; do
    case $1 in
        -[lSopi]) shift 2 ;;
        -*) shift ;;
        *) break ;;
    esac
done
HOME=${0%/*}/$1 SHELL=/bin/sh # which sshd sets too
export HOME SHELL
shift
[ "$1" != -- ] || shift
cd "$HOME" && exec sh -c "$*"
END
    chmod +x ssh
    mkdir one-host other-host
    in_pieces MIN=5 MAX=25 LEAD=8 ENCODE="$lossless" TRANSFER=yes PARALLEL_SSH="$work/ssh" -- \
        "it's a clip.mkv" paint out.mkv --sshlogin 1/one-host,1/other-host
    like_one_run "two hosts" one.mkv out.mkv
    [ -z "$(find one-host other-host -name '*.nut' -o -name source)" ] || fail "left on the hosts: $(find one-host other-host)"
else
    echo "left out: needs rsync"
fi

finish
