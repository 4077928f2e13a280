/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HB_READ_WITH_H
#define HB_READ_WITH_H

#include "host/run.h"

/*
 * What archives are read with, as a hash: limits, plugins of formats, settings of formats and
 * transforms. What was read with something else is read again. `names`: may names of sealed
 * archives be kept? False: nothing may be kept, because a note about the plugins belongs to each
 * archive that is opened.
 */
bool hb_history_reader(const struct hb_run *run, bool names, unsigned char reader[32]);

#endif
