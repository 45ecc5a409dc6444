/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_PEAK_H
#define NST_TOOLS_PEAK_H

/*
 * Measures what one processor can do at most with the best instruction set of a mask (NST_CPU_*): GFLOP/s of independent
 * multiply-adds on registers, a multiply-add counted as two. Takes about a tenth of a second.
 */
double peak_gflops(unsigned cpu);

#endif
