# SPDX-License-Identifier: LGPL-2.1-or-later
# Sourced by the tests of the nst program. A test counts what goes wrong and goes on; `finish` ends it.
set -u
tools=$BUILDDIR/tests/tools
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
[ -x "$NST" ] || { echo "the nst program was not built (--disable-tools)"; exit 77; }
failures=0

wrong() {
    echo "WRONG: $*"
    failures=$((failures + 1))
}

# status WANTED COMMAND...: runs it with its output in $work/out and $work/err
status() {
    local wanted=$1 got=0
    shift
    "$@" >"$work/out" 2>"$work/err" </dev/null || got=$?
    if [ $got != "$wanted" ]; then
        wrong "status $got instead of $wanted: $*"
        sed 's/^/    /' "$work/err"
    fi
}

# says FILE TEXT: the file (out or err of the last command) holds the text
says() {
    grep -qF -- "$2" "$work/$1" || { wrong "\"$2\" expected in:"; sed 's/^/    /' "$work/$1"; }
}

# refused TEXT COMMAND...: status 1, nothing on stdout, one line on stderr that holds the text
refused() {
    local text=$1
    shift
    status 1 "$@"
    says err "$text"
    [ "$(wc -l <"$work/err")" = 1 ] || { wrong "one line expected from: $*"; sed 's/^/    /' "$work/err"; }
    [ ! -s "$work/out" ] || wrong "output on stdout of: $*"
}

# misused TEXT COMMAND...: status 2, the text on stderr, and where help is
misused() {
    local text=$1
    shift
    status 2 "$@"
    says err "$text"
    says err "--help"
}

same() { cmp -s "$1" "$2" || wrong "$1 and $2 differ ($3)"; }
differ() { ! cmp -s "$1" "$2" || wrong "$1 and $2 are the same ($3)"; }

# picture WIDTH HEIGHT CHANNELS FILE: a PAM file; the byte "a" of the pattern becomes 0, for alpha
picture() {
    local types="- GRAYSCALE GRAYSCALE_ALPHA RGB RGB_ALPHA"
    local type
    type=$(echo "$types" | cut -d' ' -f$(($3 + 1)))
    printf 'P7\nWIDTH %d\nHEIGHT %d\nDEPTH %d\nMAXVAL 255\nTUPLTYPE %s\nENDHDR\n' "$1" "$2" "$3" "$type" >"$4"
    awk -v n=$(($1 * $2 * $3)) 'BEGIN { for (i = 0; i < n; i++) printf "%c", 32 + (i * 31 + int(i / 7) * 17) % 95 }' |
        tr a '\000' >>"$4"
}

# samples WIDTH HEIGHT CHANNELS FILE: the bytes of a PAM or PPM file without its header
samples() { tail -c $(($1 * $2 * $3)) "$4"; }

finish() {
    echo "$failures wrong"
    exit $((failures > 0))
}
