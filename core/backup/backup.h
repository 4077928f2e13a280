/* SPDX-License-Identifier: Apache-2.0 */
/* A backup, from the held and locked home to the published archive. */
#ifndef HB_BACKUP_H
#define HB_BACKUP_H

#include "backup/backup_request.h"

/* HB_OK: published (or nothing, or dry run). HB_STATUS_CANCELLED, HB_STATUS_FATAL: nothing is. */
int hb_backup(const struct hb_backup_request *request, struct hb_backup_result *result,
              struct hb_error *error);

#endif
