/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever completes no import that was interrupted says that there is one. */
#ifndef HB_PENDING_H
#define HB_PENDING_H

#include "host/run.h"

/* The home of the run is open: as notes of its report. */
void hb_pending_tell(struct hb_run *run);

/*
 * For a run that has an archive and no home: of the home that `given` (--home, or NULL) or the
 * configuration names, if there is one; as notes, and nothing if it cannot be looked at.
 */
void hb_pending_find(struct hb_run *run, const char *given);

#endif
