/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HB_BACKUP_FACTS_H
#define HB_BACKUP_FACTS_H

#include "backup/backing_up.h"

/*
 * What stands beside an archive of a preset. It differs by run and place, so that one that is to be
 * the same whenever it is made has none: then *text stays NULL. Caller
 * frees. `fd`: the archive, as it will lie there. HB_OK or HB_STATUS_FATAL.
 */
int hb_backup_facts(const struct hb_backing_up *backup, int fd, char **text);

#endif
