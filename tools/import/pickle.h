/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NST_TOOLS_IMPORT_PICKLE_H
#define NST_TOOLS_IMPORT_PICKLE_H

#include "bytes.h"
#include "value.h"

/*
 * Reads one pickle of protocol 2 as data. Only the functions and classes that PyTorch rebuilds tensors with may be
 * named in it; a call of one becomes a VALUE_CALL with its arguments, a persistent id a VALUE_CALL "persistent" of the
 * tuple, an OrderedDict a VALUE_DICT. Nothing is called. `bytes` is left behind the pickle.
 *
 * Names of functions and classes have a newline between module and name, as in the file.
 */
int pickle_read(Values *values, Bytes *bytes, int *root, NstError *err);

#endif
