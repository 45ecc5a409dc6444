# SPDX-License-Identifier: LGPL-2.1-or-later
# Sourced by the tests of the filter. They run in a folder of their own with small styles in it; a test counts what goes
# wrong and goes on; `finish` ends it.
set -u
for program in "$FFMPEG" "$FFPROBE" "$NST" "$BUILDDIR/tests/tools/make_style"; do
    if [ ! -x "$program" ]; then
        echo "no $program: make ffmpeg test-programs"
        exit 77
    fi
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
for kind in paint invert loss; do
    "$BUILDDIR/tests/tools/make_style" $kind $kind.nsw || exit 1
done
head -c 200 paint.nsw >truncated.nsw
echo "not a style" >text.nsw
failures=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

finish() {
    if [ $failures != 0 ]; then
        echo "$failures failures"
        exit 1
    fi
    echo "all as expected"
}

ff() { "$FFMPEG" -v error -nostdin -y "$@"; }

same() { # what, file, file
    [ -s "$2" ] || fail "$1: $2 is empty"
    cmp -s "$2" "$3" || fail "$1: $(cmp -l "$2" "$3" 2>&1 | wc -l) bytes differ"
}

differ() { # what, file, file
    [ -s "$2" ] || fail "$1: $2 is empty"
    ! cmp -s "$2" "$3" || fail "$1: $2 and $3 are the same"
}

# The frames of a framemd5 file from one number to another, as their hashes.
hashes() { # file, first, last
    awk -F, -v first="$2" -v last="$3" '!/^#/ && n++ >= first && n <= last + 1 { print $NF }' "$1"
}

# refused FILTER WORDS: ffmpeg ends with an error, not by a signal, before the first frame; its message has the words.
refused() {
    "$FFMPEG" -v error -nostdin -y -f lavfi -i "$clip" -vf "$1" -f framemd5 refused.md5 >log 2>&1
    status=$?
    # 129 to 159 are signals; what ffmpeg itself ends with lies outside
    [ $status != 0 ] && { [ $status -lt 129 ] || [ $status -gt 159 ]; } || fail "$1: exit status $status"
    grep -q -- "$2" log || fail "$1: the message does not say '$2': $(cat log)"
    ! grep -q '^0,' refused.md5 2>/dev/null || fail "$1: frames came before the error"
    rm -f refused.md5
}

clip="testsrc2=size=130x94:rate=10:duration=1"
