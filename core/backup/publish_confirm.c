/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/publish_confirm.h"

#include "backup/publish_out.h"
#include "base/memory.h"
#include "base/url.h"
#include "files/io.h"
#include "host/archive_name.h"
#include "host/failure.h"
#include "store/confirm.h"
#include <string.h>

void hb_publication_take_facts_back(const struct hb_publication *publication,
                                    const struct hb_put *archive)
{
    const struct hb_store *store = publication->upload.store;
    HB_AUTO_FREE char *name = hb_text("%s%s", archive->name, HB_FACTS_SUFFIX);
    HB_AUTO_FREE char *why = hb_copy_text(hb_store_failure(store));
    if (publication->facts != NULL)
        hb_store_forget(store, name);
    hb_run_explain(store->run, "%s", why);
}

/* Of one whose content is not kept here, the end is what the format wrote last. */
int hb_publication_confirm(const struct hb_publication *publication, bool *unconfirmed,
                           struct hb_error *error)
{
    const struct hb_store *store = publication->upload.store;
    const struct hb_destination *destination = publication->destination;
    uint64_t bytes = publication->flushed;
    uint64_t kept = publication->only_ends ? bytes - publication->end_at : bytes;
    size_t end_bytes = kept < HB_PUBLICATION_START ? (size_t)kept : HB_PUBLICATION_START;
    if (!publication->spooled)
        return HB_OK;
    HB_AUTO_FREE unsigned char *end = hb_alloc(end_bytes + 1);
    const struct hb_sent sent = {.name = hb_url_name(destination->path),
                                 .run = destination->run,
                                 .bytes = bytes,
                                 .end = end,
                                 .end_bytes = end_bytes};
    int64_t got = hb_read_all_at(publication->fd, end, end_bytes, bytes - end_bytes);
    int status = HB_STATUS_UNCERTAIN;
    if (got == (int64_t)end_bytes)
        status = hb_store_confirm(store, &sent);
    else
        hb_run_explain(store->run, "%s", got < 0 ? strerror((int)-got) : "its copy is cut off");
    if (status == HB_STATUS_NOMATCH) {
        const struct hb_put put = {.name = sent.name};
        hb_error_set(error, HB_STATUS_FATAL, "%s: %s; it was removed again", destination->path,
                     hb_store_failure(store));
        hb_publication_take_facts_back(publication, &put);
        return HB_STATUS_FATAL;
    }
    *unconfirmed = status != HB_OK;
    if (*unconfirmed)
        hb_report_add(&store->run->report, HB_FOUND_DOUBTFUL, "",
                      "%s: the archive was put there, but its end cannot be read back: %s",
                      destination->path, hb_store_failure(store));
    return HB_OK;
}
