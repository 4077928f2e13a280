/* SPDX-License-Identifier: Apache-2.0 */
#include "store/confirm.h"

#include "base/memory.h"
#include "host/failure.h"
#include <inttypes.h>
#include <string.h>

/* HB_OK; HB_STATUS_NOMATCH: other bytes, and it is told; or a failure to read. */
static int compare(const struct hb_opened *opened, const struct hb_sent *sent)
{
    struct hb_run *run = opened->store->run;
    if (opened->object.bytes != sent->bytes) {
        hb_run_explain(run, "the store has %" PRIu64 " bytes of the %" PRIu64 " that were sent",
                       opened->object.bytes, sent->bytes);
        return HB_STATUS_NOMATCH;
    }
    HB_AUTO_FREE unsigned char *data = hb_alloc(sent->end_bytes + 1);
    int64_t got = hb_opened_read_at(opened, data, sent->end_bytes, sent->bytes - sent->end_bytes);
    if (got < 0)
        return HB_STATUS_FATAL;
    if ((uint64_t)got == sent->end_bytes && memcmp(data, sent->end, sent->end_bytes) == 0)
        return HB_OK;
    hb_run_explain(run, "the store gives back other bytes than were sent");
    return HB_STATUS_NOMATCH;
}

/* What is surely ours, and surely wrong, must not be taken for an archive. */
static int judge(const struct hb_opened *opened, const struct hb_sent *sent)
{
    const struct hb_store *store = opened->store;
    const char *run = opened->object.run;
    if (run != NULL && strcmp(run, sent->run) != 0) {
        hb_run_explain(store->run, "somebody has replaced it meanwhile");
        return HB_STATUS_UNCERTAIN;
    }
    int status = compare(opened, sent);
    if (status != HB_STATUS_NOMATCH || run == NULL)
        return status == HB_OK ? HB_OK : HB_STATUS_UNCERTAIN;
    HB_AUTO_FREE char *why = hb_copy_text(hb_store_failure(store));
    (void)hb_store_remove(store, sent->name, opened->object.version);
    hb_run_explain(store->run, "%s", why);
    return HB_STATUS_NOMATCH;
}

int hb_store_confirm(const struct hb_store *store, const struct hb_sent *sent)
{
    struct hb_opened opened;
    int status = hb_store_open_name(store, sent->name, NULL, &opened);
    if (status == HB_STATUS_NOMATCH)
        hb_run_explain(store->run, "nothing has that name");
    if (status != HB_OK)
        return HB_STATUS_UNCERTAIN;
    status = judge(&opened, sent);
    HB_AUTO_FREE char *why = hb_copy_text(hb_store_failure(store));
    hb_opened_close(&opened);
    if (status != HB_OK)
        hb_run_explain(store->run, "%s", why);
    return status;
}
