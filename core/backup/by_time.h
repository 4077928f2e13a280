/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives of several homes in one directory, for people: the newest first. Each home counts its
 * own; so those of one home stay in the order of their numbers, also where its clock was put back,
 * and among those of others each stands by its time.
 */
#ifndef HB_BY_TIME_H
#define HB_BY_TIME_H

#include "backup/preset_archives.h"

void hb_preset_archives_by_time(struct hb_preset_archives *archives);

#endif
