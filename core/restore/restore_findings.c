/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/restore_findings.h"

#include "base/memory.h"
#include "restore/target.h"
#include "restore/undo_missed.h"
#include <errno.h>

void hb_restore_skipped(struct hb_restoring *restore, const char *path, const char *why, bool later)
{
    pthread_mutex_lock(&restore->lock);
    restore->result->failed++;
    restore->result->postponed += later;
    hb_undo_miss(restore->request->undo, path, false);
    pthread_mutex_unlock(&restore->lock);
    hb_report_add(&restore->run->report, HB_FOUND_SKIPPED, path, "%s", why);
}

void hb_restore_published(struct hb_restoring *restore, uint64_t files, uint64_t bytes)
{
    pthread_mutex_lock(&restore->lock);
    restore->result->files += files;
    restore->result->bytes += bytes;
    pthread_mutex_unlock(&restore->lock);
}

bool hb_restore_may_pass(int error)
{
    static const int passing[] = {ENOSPC,   EDQUOT,    EIO,       EROFS,    EMFILE,  ENFILE,
                                  ENOMEM,   EINTR,     EPERM,     EACCES,   ENOTSUP, EBUSY,
                                  ESTALE,   ETXTBSY,   ENODEV,    ENXIO,    ENOSYS,  EAGAIN,
                                  ENOTCONN, ETIMEDOUT, EHOSTDOWN, EREMOTEIO};
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
        if (error == passing[i])
            return true;
    return false;
}

void hb_restore_failed(struct hb_restoring *restore, const char *path, int error)
{
    bool later = hb_restore_may_pass(error),
         is_lost = restore->request->again && !later && !restore->request->leaves_changed;
    HB_AUTO_FREE char *why = hb_text(
        "%s%s", hb_target_explain(error),
        is_lost ? "; the version from the archive is dropped: import the archive again" : "");
    hb_restore_skipped(restore, path, why, later);
}

void hb_restore_left_alone(struct hb_restoring *restore, const char *path, const char *why,
                           const char *kept, int error)
{
    const struct hb_restore_request *request = restore->request;
    if (error != 0 && hb_restore_may_pass(error)) { /* it is still staged */
        hb_restore_failed(restore, path, error);
        return;
    }
    pthread_mutex_lock(&restore->lock);
    restore->result->left++;
    hb_undo_miss(request->undo, path, true);
    pthread_mutex_unlock(&restore->lock);
    hb_report_add(request->left_alone == NULL ? &restore->run->report : request->left_alone,
                  HB_FOUND_DOUBTFUL, path,
                  error == 0 ? "%s; the version from the archive is beside it: %s"
                             : "%s; the version from the archive could not be put beside it: %s",
                  why, error == 0 ? kept : hb_target_explain(error));
}

void hb_restore_stays(struct hb_restoring *restore, const char *path, const char *why)
{
    const struct hb_restore_request *request = restore->request;
    pthread_mutex_lock(&restore->lock);
    restore->result->left++;
    hb_undo_miss(request->undo, path, true);
    pthread_mutex_unlock(&restore->lock);
    hb_report_add(request->left_alone == NULL ? &restore->run->report : request->left_alone,
                  HB_FOUND_SKIPPED, path, "is left as it is: %s", why);
}

void hb_restore_replaced(struct hb_restoring *restore, const char *path)
{
    hb_report_add(&restore->run->report, HB_FOUND_NOTE, path,
                  "was written to while the import ran; replaced nevertheless");
}

const char *hb_restore_why_left(bool exists)
{
    return exists ? "was written to after the import was interrupted, and is left alone"
                  : "was removed after the import was interrupted, and is not put back";
}
