/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/backup_facts.h"

#include "archive/facts.h"
#include "base/path.h"
#include "files/io.h"
#include <stdio.h>
#include <string.h>

int hb_backup_facts(const struct hb_backing_up *backup, int fd, char **text)
{
    const struct hb_destination *destination = backup->request->destination;
    const struct hb_report *report = &backup->run->report;
    struct hb_facts facts = {
        .sequence = backup->request->sequence,
        .length = backup->result->archive_bytes,
        .reasons = report->kinds[HB_FOUND_SKIPPED] + report->kinds[HB_FOUND_DOUBTFUL],
        .files = backup->result->files,
        .directories = backup->result->directories,
        .databases = backup->plan.count - backup->plan.first_claimed,
        .bytes = backup->result->bytes,
        .started = backup->started,
        .ended = hb_backup_now(),
        .shrunk = backup->result->shrink.shrunk,
    };
    unsigned char head[HB_FACTS_HEAD];
    if (!backup->request->facts || hb_is_reproducible(backup) || *backup->request->id->id == '\0')
        return HB_OK;
    int64_t got = hb_read_all_at(fd, head, sizeof head, 0);
    if (got < 0)
        return hb_error_set(backup->error, HB_STATUS_FATAL,
                            "%s: the staged archive cannot be read: %s", destination->path,
                            strerror((int)-got));
    hb_facts_head(head, (size_t)got, facts.head);
    hb_facts_place(backup->request->id->id, backup->run->home.path, facts.place);
    memcpy(facts.home, backup->request->id->id, sizeof facts.home);
    memcpy(facts.run, destination->run, sizeof destination->run);
    snprintf(facts.stamp, sizeof facts.stamp, "%s", backup->request->stamp);
    *text = hb_facts_text(&facts, destination->store == NULL ? "" : hb_base_name(destination->path),
                          backup->key.known ? backup->key.key : NULL);
    return HB_OK;
}
