/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/row_words.h"

#include "base/human.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "host/format.h"
#include <inttypes.h>
#include <string.h>

enum {
    MOST_READ = 64,     /* archives of a directory of this machine */
    MOST_READ_AFAR = 8, /* of a store, and only those that are not whole */
};

/* By its name it is not sealed: the suffix of a format is the last one. */
static bool is_plain(const struct hb_chosen_list *formats, const char *name)
{
    for (size_t i = 0; i < formats->count; i++)
        if (hb_format_stem(hb_format_ops_of(&formats->choices[i])->suffixes, name) > 0)
            return true;
    return false;
}

/* Nothing that is known of the row already is changed, whatever the archive says. */
static void ask(struct hb_run *run, const char *path, struct hb_preset_archive *row)
{
    struct hb_archive archive = {.fd = -1};
    struct hb_preset_archive scratch = {.version = row->version};
    int status;
    if (hb_row_look_into(run, path, false, &archive, &status, &scratch) && status == HB_OK &&
        archive.has_trailer) {
        struct hb_origin *origin = &archive.trailer.origin;
        if (archive.trailer.has_origin && strcmp(origin->home, row->origin.home) == 0) {
            row->origin.host = origin->host;
            origin->host = NULL;
        }
        row->reasons = hb_row_reasons(&archive.trailer);
    }
    hb_archive_close(&archive);
    free(scratch.kept.why);
    free(scratch.damage);
}

void hb_row_words_read(struct hb_run *run, struct hb_preset_archives *archives)
{
    bool is_local = archives->store == &archives->local.store;
    size_t left = is_local ? MOST_READ : MOST_READ_AFAR;
    struct hb_chosen_list formats;
    hb_format_list(run->config, &formats);
    for (size_t i = 0; i < archives->count && left > 0 && hb_interrupt_signal() == 0; i++) {
        struct hb_preset_archive *row = &archives->rows[i];
        if (!row->by_facts || row->origin.host != NULL || !is_plain(&formats, row->kept.name) ||
            (!is_local && row->facts.reasons == 0))
            continue;
        HB_AUTO_FREE char *path = hb_preset_archive_path(archives, i);
        ask(run, path, row);
        left--;
    }
    hb_chosen_list_clear(&formats);
}

/* ---- shrunk -------------------------------------------------------------------------------- */

/* As shrink.h has it: the newest before it that is complete, has figures and is not marked. */
static const struct hb_preset_archive *compared_with(const struct hb_preset_archives *archives,
                                                     size_t number)
{
    for (size_t i = number + 1; i < archives->count; i++) {
        const struct hb_preset_archive *row = &archives->rows[i];
        if (row->kept.whose == archives->rows[number].kept.whose && row->has_origin &&
            row->kept.complete != HB_NO && row->origin.shrunk == HB_SHRUNK_NO)
            return row;
    }
    return NULL;
}

char *hb_row_shrunk_why(const struct hb_preset_archives *archives, size_t number)
{
    const struct hb_preset_archive *row = &archives->rows[number];
    char now[HB_HUMAN_BYTES], then[HB_HUMAN_BYTES];
    if (!row->kept.shrunk)
        return NULL;
    if (row->origin.shrunk == HB_SHRUNK_UNTOLD)
        return hb_copy_text("the archives before it could not be read, so nobody compared it");
    const struct hb_preset_archive *before = compared_with(archives, number);
    if (before == NULL)
        return hb_copy_text("the archive that it was compared with is not there any more");
    if (before->origin.files <= row->origin.files && before->origin.bytes <= row->origin.bytes)
        return hb_text("less was counted in it, such as rows of a table, than in %s",
                       before->kept.name);
    return hb_text("it has %" PRIu64 " file%s, %s; %s has %" PRIu64 ", %s", row->origin.files,
                   hb_plural(row->origin.files), hb_human_bytes(row->origin.bytes, now),
                   before->kept.name, before->origin.files,
                   hb_human_bytes(before->origin.bytes, then));
}
