/* SPDX-License-Identifier: Apache-2.0 */
/* How far a run is, for programs: `--json --progress always`. */
#ifndef HB_PROGRESS_JSON_H
#define HB_PROGRESS_JSON_H

#include "base/progress.h"

/*
 * A line of type progress on `out`, a FILE, which is flushed. It goes where all JSON goes, among
 * the other lines, so that a program has one stream to read; standard error has what people read.
 */
void hb_progress_json(void *out, const struct hb_progress_state *state);

#endif
