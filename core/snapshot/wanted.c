/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/wanted.h"

#include "base/memory.h"
#include "snapshot/snapshot.h"
#include <string.h>

char *hb_snapshot_wanted(struct hb_run *run, const char *wanted, struct hb_error *error)
{
    size_t digits = strspn(wanted, "0123456789");
    char *name = NULL;
    struct hb_snapshots snapshots;
    if (!hb_snapshot_is_name(wanted)) {
        hb_error_set(error, HB_STATUS_FATAL, "'%s' is not the id of a snapshot", wanted);
        return NULL;
    }
    if (digits != strlen(wanted) || digits > 3)
        return hb_copy_text(wanted);
    unsigned long number = strtoul(wanted, NULL, 10), at = 0;
    int status = hb_snapshots_open(run, &snapshots, error);
    for (size_t i = 0; i < snapshots.count && at < HB_SNAPSHOTS_LISTED && name == NULL; i++)
        if (snapshots.items[i].has_manifest && ++at == number)
            name = hb_copy_text(snapshots.items[i].kept.name);
    /* One that was made by hand may be called so. */
    for (size_t i = 0; i < snapshots.count && name == NULL; i++)
        if (strcmp(snapshots.items[i].kept.name, wanted) == 0)
            name = hb_copy_text(wanted);
    hb_snapshots_close(&snapshots);
    if (name == NULL && status == HB_OK) {
        hb_error_set(error, HB_STATUS_FATAL, "there is no snapshot number %s", wanted);
        hb_error_hint(error, "`hbcore snapshot list` shows the existing snapshots");
    }
    return name;
}
