#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The nst program: help, errors, and nst apply on pictures of every kind.
. "$(dirname "$0")/tools/cli_common.sh"

"$tools/make_style" paint paint.nsw || exit 1
"$tools/make_style" invert invert.nsw || exit 1
"$tools/make_style" loss loss.nsw || exit 1
picture 17 31 3 photo.pam

# -- help and wrong command lines ----------------------------------------------------------------------------------

status 0 "$NST" --help
for command in apply train optimize info score convert bench; do
    says out "  $command "
done
status 0 "$NST" --version
says out "nst 0."
misused "a command is needed" "$NST"
misused "did you mean apply?" "$NST" aply
misused "unknown command xyzzy" "$NST" xyzzy
status 1 sh -c '"$0" --help >/dev/full' "$NST"
says err "could not be written"

for command in apply train optimize info score convert bench; do
    status 0 "$NST" $command --help
    says out "usage: nst $command"
    says out "--help"
    [ ! -s err ] || wrong "nst $command --help writes on stderr"
    misused "nst $command: unknown option --xyzzy" "$NST" $command --xyzzy
    misused "nst $command: unknown option -@" "$NST" $command -@
done

misused "did you mean --strength?" "$NST" apply --strenght=1
misused "--strength 1.5: a number from 0 to 1 expected" "$NST" apply -s x --strength 1.5 a b
misused "--strength nan: a number from 0 to 1 expected" "$NST" apply -s x --strength nan a b
misused "--strength 1x: a number from 0 to 1 expected" "$NST" apply -s x --strength=1x a b
misused "--threads 1.5: a whole number from 0 to 256 expected" "$NST" apply -s x --threads 1.5 a b
misused "--threads -1: a whole number from 0 to 256 expected" "$NST" apply -s x --threads=-1 a b
misused "--threads needs a value" "$NST" apply -s x a b --threads
misused "--style STYLE is needed" "$NST" apply a b
misused "too few arguments" "$NST" apply -s x
misused "every input needs an output" "$NST" apply -s x a b c
misused "--cpu: instruction set \"mmx\"" "$NST" apply -s x --cpu mmx a b
misused "--pad wrap: one of reflect|zero|replicate expected" "$NST" convert --pad wrap a b
misused "--ceil takes no value" "$NST" convert --ceil=1 a b
misused "too many arguments" "$NST" convert a b c

# -- what apply refuses --------------------------------------------------------------------------------------------

refused "nst apply: absent.nsw: No such file" "$NST" apply -s absent.nsw photo.pam out.png
refused "no-such-style" "$NST" apply -s no-such-style photo.pam out.png
refused "loss network" "$NST" apply -s loss.nsw photo.pam out.png
head -c 100 invert.nsw >short.nsw
refused "nst apply: short.nsw: " "$NST" apply -s short.nsw photo.pam out.png
refused "absent.png: No such file" "$NST" apply -s invert.nsw absent.png out.png
refused "invert.nsw: no picture or video" "$NST" apply -s invert.nsw invert.nsw out.png
refused "out.xyz: a name that ends in .png" "$NST" apply -s invert.nsw photo.pam out.xyz
refused "no/such/folder/out.png: " "$NST" apply -s invert.nsw photo.pam no/such/folder/out.png
[ ! -e out.png ] || wrong "a refused command left out.png"

# one bad picture does not keep the others from being painted
status 1 "$NST" apply -s invert.nsw absent.png a.png photo.pam b.png
says err "absent.png"
[ -s b.png ] || wrong "b.png was not painted"

# -- pictures of every kind ----------------------------------------------------------------------------------------

for size in 1x1 2x2 5x3 1x9 17x31 64x48; do
    width=${size%x*} height=${size#*x}
    for channels in 1 2 3 4; do
        what="$size, $channels channels"
        picture $width $height $channels in.pam
        samples $width $height $channels in.pam >in.raw
        status 0 "$NST" apply -s paint.nsw --strength 0 in.pam same.pam
        samples $width $height $channels same.pam >same.raw
        same in.raw same.raw "strength 0, $what"
        status 0 "$NST" apply -s invert.nsw in.pam negative.png negative.png positive.pam
        samples $width $height $channels positive.pam >positive.raw
        same in.raw positive.raw "negative of the negative, $what"
        status 0 "$NST" apply -s paint.nsw --threads 1 in.pam one.pam
        status 0 "$NST" apply -s paint.nsw --threads 3 in.pam three.pam
        same one.pam three.pam "threads, $what"
        [ $(($(wc -c <one.pam) - $(wc -c <same.pam))) = 0 ] || wrong "size of the painting, $what"
    done
done

# the colours are turned round, alpha is kept, and where it is 0 the colours too: here the second pixel of three
printf 'P7\nWIDTH 3\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n' >alpha.pam
printf '\000\377\012\377\001\002\003\000\360\361\362\007' >>alpha.pam
status 0 "$NST" apply -s invert.nsw alpha.pam negative.pam
[ "$(tail -c 12 negative.pam | od -An -tu1 | tr -s ' \n' ' ')" = " 255 0 245 255 1 2 3 0 15 14 13 7 " ] ||
    wrong "alpha: $(tail -c 12 negative.pam | od -An -tu1)"

# a quarter of it: 0.75 in + 0.25 (255 - in)
status 0 "$NST" apply -s invert.nsw --strength 0.25 alpha.pam quarter.pam
[ "$(tail -c 12 quarter.pam | od -An -tu1 | tr -s ' \n' ' ')" = " 64 191 69 255 1 2 3 0 184 184 185 7 " ] ||
    wrong "strength 0.25: $(tail -c 12 quarter.pam | od -An -tu1)"

# the options of the stylizer: tiny networks, so only what they must not change is compared
status 0 "$NST" apply -s "invert.nsw|paint.nsw" --mix "1|0" photo.pam mix.pam
status 0 "$NST" apply -s invert.nsw photo.pam alone.pam
same mix.pam alone.pam "--mix 1|0 is the first style"
status 0 "$NST" apply -s "invert.nsw|paint.nsw" photo.pam mix.pam
status 0 "$NST" apply -s invert.nsw --size 1 photo.pam size.pam
same size.pam alone.pam "--size 1 is the whole picture"
for option in "--size 0.5" "--size 16" "--color content" "--color match" "--maxmem 1000"; do
    status 0 "$NST" apply -s paint.nsw $option photo.pam option.pam
    [ "$(wc -c <option.pam)" = "$(wc -c <photo.pam)" ] || wrong "$option: another size"
done
misused "--mix: mix \"0.5|x\"" "$NST" apply -s "a|b" --mix "0.5|x" photo.pam out.pam
misused "--size: size \"big\"" "$NST" apply -s a --size big photo.pam out.pam
misused "--color blue: one of style|content|match expected" "$NST" apply -s a --color blue photo.pam out.pam
refused "3 weights for 2 styles" "$NST" apply -s "invert.nsw|paint.nsw" --mix "1|2|3" photo.pam out.pam
picture 1200 900 3 large.pam
refused "even in the smallest tiles; 1 MiB are allowed" "$NST" apply -s paint.nsw --maxmem 1 large.pam out.pam

status 0 "$NST" apply -s invert.nsw alpha.pam flat.jpg
says err "transparency"
status 0 "$NST" apply -s paint.nsw photo.pam scalar.pam --cpu scalar
status 0 env NST_CPU=scalar "$NST" apply -s paint.nsw photo.pam scalar2.pam
same scalar.pam scalar2.pam "--cpu and NST_CPU"

# a style by name
mkdir styles
cp invert.nsw styles/negative.nsw
status 0 env NST_PATH="/nonexistent:$work/styles" "$NST" apply -s negative photo.pam named.pam
status 0 "$NST" apply -s invert.nsw photo.pam path.pam
same named.pam path.pam "style by name"

# -- many pictures into a folder, and whole files only -------------------------------------------------------------

status 0 "$NST" apply -s invert.nsw -o painted photo.pam alpha.pam
[ -s painted/photo.pam ] && [ -s painted/alpha.pam ] || wrong "-o: painted/photo.pam and painted/alpha.pam expected"
same painted/photo.pam path.pam "-o"
printf 'P5 2 2 255\nabcd' >gray.pgm
status 0 "$NST" apply -s invert.nsw -o painted gray.pgm
[ -s painted/gray.png ] || wrong "-o: painted/gray.png expected"

picture 200 200 3 large.pam
echo "the old file" >old.pam
cp old.pam kept.pam
status 1 bash -c 'trap "" XFSZ; ulimit -f 8; exec "$@"' - "$NST" apply -s invert.nsw large.pam old.pam
says err "old.pam: could not be written"
same old.pam kept.pam "a write that fails leaves the old file"
[ -z "$(find . -name '*.tmp*')" ] || wrong "a temporary file was left: $(find . -name '*.tmp*')"

finish
