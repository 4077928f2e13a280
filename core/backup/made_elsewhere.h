/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An archive has the id of this home, and was made of a home at another place. Usually that is this
 * one, which was moved since. But two can have one id: it stays with a home that was moved, by its
 * inode, and with a copy that was put to its old place, by that. And whoever can write to a home
 * can write an id that he has seen into it.
 */
#ifndef HB_MADE_ELSEWHERE_H
#define HB_MADE_ELSEWHERE_H

#include "backup/retention.h"
#include "host/run.h"
#include <sys/stat.h>

/*
 * `place`: the canonical path of that home; `file`: the archive's. HB_HOME_OURS; HB_HOME_OTHERS: a
 * home with that id is there; HB_HOME_UNKNOWN: that is unknown, or root, who works for a user,
 * has only that user's word for it.
 */
enum hb_whose hb_whose_elsewhere(const struct hb_run *run, const char *id, const char *place,
                                 const struct stat *file);

#endif
