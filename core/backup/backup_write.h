/* SPDX-License-Identifier: Apache-2.0 */
/* From the plan of a backup to the published archive. */
#ifndef HB_BACKUP_WRITE_H
#define HB_BACKUP_WRITE_H

#include "backup/backing_up.h"

/*
 * Writes the archive into the stage that is beside its place, and publishes it. HB_OK;
 * HB_STATUS_CANCELLED, HB_STATUS_FATAL: nothing is published.
 */
int hb_backup_write(struct hb_backing_up *backup);

#endif
