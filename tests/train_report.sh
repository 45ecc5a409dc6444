#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# nst train --report: a page that needs nothing else, says how the run stands and how it ended, goes on after --resume,
# and shows its curves and pictures in a browser.
. "$(dirname "$0")/tools/cli_common.sh"

"$tools/make_vgg" vgg.safetensors || exit 1
status 0 "$NST" convert vgg.safetensors loss.nsw
mkdir photos
for i in 1 2 3; do
    picture $((60 + i)) $((70 - i)) 3 photos/$i.pam
done
picture 80 72 3 painting.pam

become() { # the shell becomes the program
    exec "$NST" train -s painting.pam -c photos -l loss.nsw --crop 32 --content-size 40 --levels 2 -o style.nsw \
        --preview-every 5 --report report.html --name 'A <b>"style"</b>' "$@"
}
train() { (become "$@"); }
holds() { grep -qF -- "$2" "$1" || wrong "\"$2\" expected in $1"; }
lacks() { ! grep -qF -- "$2" "$1" || wrong "\"$2\" not expected in $1"; }
views() { grep -o '<figure data-step="[0-9]*"' "$1" | tr -dc '0-9\n' | tr '\n' ' '; }

# until the page tells of a step
wait_for_step() {
    until grep -qs '<figure data-step="[1-9]' report.html || ! kill -0 $program 2>/dev/null; do
        sleep 0.02
    done
}

misused "--report needs a value" "$NST" train --report
refused "no/such/r.html: the folder no/such" train --report no/such/r.html
[ ! -e style.nsw.ckpt ] || wrong "a refused command left a checkpoint"

# -- stopped, and gone on with -------------------------------------------------------------------------------------

become --steps 100000 --hold 1 >stopped.out 2>&1 &
program=$!
wait_for_step
sed 's/xmlns="[^"]*"//' report.html >live.html
kill -TERM $program
wait $program
[ $? = 130 ] || wrong "a run that was stopped: $(cat stopped.out)"
sed 's/xmlns="[^"]*"//' report.html >stopped.html
for page in live.html stopped.html; do
    holds $page 'A &lt;b&gt;&quot;style&quot;&lt;/b&gt;'
    holds $page "<dd>0.05</dd>" # content_weight
    lacks $page "http://"       # nothing is fetched
    lacks $page "https://"
done
holds live.html 'http-equiv="refresh"'
holds live.html '>training<'
lacks report.html 'http-equiv="refresh"'
holds report.html '>stopped<'
holds report.html 'To go on: nst train -s painting.pam'
before=$(views report.html)
done=$(sed -n 's/.*<dd>\([0-9]*\) of 100000<.*/\1/p' report.html)
case $before in
    "0 5 "*) ;;
    *) wrong "previews of the steps 0, 5 ... expected, $before found" ;;
esac

done=$((done + 18))
status 0 train --steps $done --hold 1 --resume --preview-every 1
holds report.html '>done<'
holds report.html "<dd>$done of $done</dd>"
holds report.html '<figure data-step="0"'
holds report.html "<figure data-step=\"$done\""
[ "$(views report.html | wc -w)" = 16 ] || wrong "16 previews expected, of more that were painted: $(views report.html)"
[ "$(sed -n '/id="figures"/,/<\/script>/p' report.html | awk -F, '/^[0-9]/ { n += $2 } END { print n }')" = $done ] ||
    wrong "the curves do not hold each of $done steps once"

# -- ended early ---------------------------------------------------------------------------------------------------

status 0 train --steps 500 --stop 1 --stop-window 2 --report early.html
holds early.html '>done<'
holds early.html 'Stopped early: the loss no longer fell'

# -- failed --------------------------------------------------------------------------------------------------------

cp report.html whole.html
cp -r photos gone
become -c gone --cache 0 --steps 100000 >failed.out 2>&1 &
program=$!
rm report.html
wait_for_step
rm -r gone
wait $program
[ $? = 1 ] || wrong "a run whose content went away: $(cat failed.out)"
holds report.html '>failed<'
holds report.html 'No such file'
lacks report.html 'http-equiv="refresh"'

# -- in a browser --------------------------------------------------------------------------------------------------

trap 'rm -rf "$work" 2>/dev/null || { sleep 2; rm -rf "$work"; }' EXIT # its last processes may still write
browser=$(command -v chromium || command -v chromium-browser) || {
    [ $failures = 0 ] || finish
    echo "needs chromium, to look at the page as a browser does; the rest passed"
    exit 77
}
# The page's own account of what it shows, in attributes of its body
cat >probe.html <<'EOF'
<script>
addEventListener('load', () => {
    const seen = [...document.images].filter(image => image.complete && image.naturalWidth > 0);
    const curves = [...document.querySelectorAll('svg path[fill=none]')].filter(path => path.getTotalLength() > 100);
    document.body.dataset.seen = seen.length + ' of ' + document.images.length + ' pictures';
    document.body.dataset.curves = curves.length;
    document.body.dataset.latest = document.querySelector('#latest figcaption').textContent;
    document.body.dataset.wide = document.documentElement.scrollWidth > innerWidth;
});
</script>
EOF
cat whole.html probe.html >probed.html
timeout 100 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$work/profile" \
    --window-size=900,1200 --dump-dom "file://$work/probed.html" >dom.html 2>browser.err ||
    wrong "$browser: $(tail -n 3 browser.err)"
pictures=$(($(views whole.html | wc -w) + 3)) # the painting, the photo, and the last preview once more
holds dom.html "data-seen=\"$pictures of $pictures pictures\""
holds dom.html 'data-curves="10"' # five terms: means, and smooth
holds dom.html "data-latest=\"step $done\""
holds dom.html 'data-wide="false"'

finish
