/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "train_page.h"

#include <time.h>

enum { REFRESH_SECONDS = 10, SILENT_SECONDS = 600 };

static const char *const STYLE_SHEET =
    ":root{color-scheme:light dark;--back:#fbfaf8;--front:#22211f;--quiet:#6d6a65;--line:#dedad3;--card:#fff;"
    "--mark:#b8642f}\n"
    "@media (prefers-color-scheme:dark){:root{--back:#171614;--front:#ece9e4;--quiet:#9b978f;--line:#3a3733;"
    "--card:#211f1d;--mark:#e08d55}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0 auto;padding:2rem 1.5rem 4rem;max-width:72rem;background:var(--back);color:var(--front);"
    "font:16px/1.5 system-ui,sans-serif}\n"
    "header{display:flex;flex-wrap:wrap;align-items:baseline;gap:.4rem 1rem}\n"
    "h1{font-size:1.7rem;margin:0;overflow-wrap:anywhere}\n"
    "h2{font-size:1.05rem;margin:2.2rem 0 .7rem}\n"
    ".state{font-weight:600;color:var(--mark)}\n"
    ".state.done{color:#4a9a5b}.state.failed{color:#d24b3e}\n"
    ".words,#silent,.written{margin:.3rem 0;color:var(--quiet);overflow-wrap:anywhere}\n"
    ".written{flex-grow:1;text-align:right;font-size:.85rem}\n"
    "progress{width:100%;height:.55rem;margin:.9rem 0 .2rem;accent-color:var(--mark)}\n"
    "dl{display:flex;flex-wrap:wrap;margin:.4rem 0}\n"
    "dl.now{gap:.3rem 2.4rem}dt{font-size:.8rem;color:var(--quiet)}dd{margin:0}\n"
    "dl.now dd{font-size:1.25rem;font-variant-numeric:tabular-nums}\n"
    "dl.options{display:grid;grid-template-columns:repeat(auto-fill,minmax(11rem,1fr));gap:.5rem 1.2rem;"
    "font-size:.9rem}\n"
    "dl.options dd{overflow-wrap:anywhere}\n"
    "figure{margin:0}figcaption{font-size:.85rem;color:var(--quiet)}\n"
    "img{display:block;max-width:100%;height:auto;border-radius:4px}\n"
    ".row{display:grid;grid-template-columns:1fr 1fr 1fr;gap:1rem;margin-top:1.4rem;align-items:start}\n"
    ".row img{width:100%;max-height:26rem;object-fit:contain;object-position:left top}\n"
    ".paintings{display:grid;grid-template-columns:repeat(auto-fit,minmax(7rem,1fr));gap:.8rem;align-items:start}\n"
    ".views{display:grid;grid-template-columns:repeat(auto-fill,minmax(10rem,1fr));gap:1rem;margin:1.6rem 0}\n"
    ".chart,pre{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:.8rem}\n"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.85rem;margin:0 0 1rem}\n"
    "svg{display:block;width:100%}svg rect{fill:none}svg text:not([fill]){fill:var(--quiet)}\n"
    "svg path[stroke=\"#ddd\"]{stroke:var(--line)}\n"
    "@media (max-width:45rem){.row{grid-template-columns:1fr 1fr}#latest{grid-column:1/3;grid-row:1}}\n";

/* The last view is shown large too, without a second copy of its bytes; a run that was killed is called silent. */
static const char *const SCRIPT =
    "const views=document.querySelectorAll('.views figure'),last=views[views.length-1];\n"
    "if(last)document.getElementById('latest').innerHTML=last.innerHTML;\n"
    "const silent=document.getElementById('silent');\n"
    "if(silent&&Date.now()/1000-silent.dataset.written>silent.dataset.after)silent.hidden=false;\n";

void page_put_text(FILE *html, const char *text)
{
    for (const char *c = text; *c; c++)
        switch (*c) {
        case '&': fputs("&amp;", html); break;
        case '<': fputs("&lt;", html); break;
        case '>': fputs("&gt;", html); break;
        case '"': fputs("&quot;", html); break;
        default: fputc(*c, html);
        }
}

void page_begin(FILE *html, const char *title, TrainState state, const char *words)
{
    static const struct {
        const char *class, *text;
    } states[] = {
        [TRAIN_RUNNING] = {"running", "training"},
        [TRAIN_DONE] = {"done", "done"},
        [TRAIN_STOPPED] = {"stopped", "stopped"},
        [TRAIN_FAILED] = {"failed", "failed"},
    };
    const time_t now = time(NULL);
    struct tm local = {0};
    char written[32];
    localtime_r(&now, &local);
    strftime(written, sizeof(written), "%Y-%m-%d %H:%M:%S", &local);
    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n", html);
    if (state == TRAIN_RUNNING)
        fprintf(html, "<meta http-equiv=\"refresh\" content=\"%d\">\n", REFRESH_SECONDS);
    fputs("<title>", html);
    page_put_text(html, title);
    fprintf(html, " - %s</title>\n<style>\n%s</style></head>\n<body>\n<header><h1>", states[state].text, STYLE_SHEET);
    page_put_text(html, title);
    fprintf(html, "</h1><span class=\"state %s\">%s</span><span class=\"written\">nst train, %s</span></header>\n",
            states[state].class, states[state].text, written);
    if (state == TRAIN_RUNNING)
        fprintf(html, "<p id=\"silent\" data-written=\"%lld\" data-after=\"%d\" hidden>Nothing was heard of this run "
                      "for a while: it may have been killed. To go on, add --resume to its command.</p>\n",
                (long long)now, SILENT_SECONDS);
    if (*words) {
        fputs("<p class=\"words\">", html);
        page_put_text(html, words);
        fputs("</p>\n", html);
    }
}

void page_end(FILE *html)
{
    fprintf(html, "<script>\n%s</script>\n</body></html>\n", SCRIPT);
}
