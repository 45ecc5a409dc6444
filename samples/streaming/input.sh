# SPDX-License-Identifier: LGPL-2.1-or-later
# Read by the scripts here. Sets FFMPEG, the one with the filter (of PATH, or of the build folder), and INPUT, ffmpeg's
# options that read $1:
#   /dev/videoN    a camera
#   -              YUV4MPEG from standard input, as it comes
#   anything else  a file or an address; files at the speed at which they would be shown
FFMPEG=${FFMPEG:-$(dirname "$0")/../../build/bin/ffmpeg}
[ -x "$FFMPEG" ] || FFMPEG=ffmpeg
NST_PATH=${NST_PATH:-$(dirname "$0")/../../weights}
export NST_PATH
case $1 in
    /dev/video*) INPUT="-f v4l2 -framerate 25 -i $1" ;;
    -) INPUT="-f yuv4mpegpipe -i -" ;;
    *) INPUT="-re -i $1" ;;
esac
# Packets as they come, a key frame each second, no frames held back: what live viewers need.
LIVE="-c:v libx264 -preset veryfast -tune zerolatency -pix_fmt yuv420p -force_key_frames expr:gte(t,n_forced) -bf 0 -an"
