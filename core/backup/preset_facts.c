/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/preset_facts.h"

#include "base/memory.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LEFT_OVER_SECONDS = 24 * 60 * 60 };

static bool is_local(const struct hb_preset_archives *archives)
{
    return archives->store == &archives->local.store;
}

/* In a store nothing is renamed, and the name has the first digits of the run's id. */
static bool has_its_run(const char *name, const struct hb_facts *facts)
{
    char run[HB_NAMED_OF_RUN + 3];
    snprintf(run, sizeof run, "Z-%.*s", HB_NAMED_OF_RUN, facts->run);
    return strlen(facts->run) >= HB_NAMED_OF_RUN && strstr(name, run) != NULL;
}

/* Reads them. Are they sealed here, and of an archive like this one? */
static bool read_facts(const struct hb_preset_archives *archives, struct hb_preset_archive *row)
{
    const struct hb_listed_facts *listed = hb_facts_list_find(&archives->facts, row->kept.name);
    enum hb_facts_seal seal;
    if (listed == NULL ||
        !hb_listed_facts_read(archives->store, listed, &archives->key, &row->facts, &seal))
        return false;
    bool of_the_name = is_local(archives) || has_its_run(row->kept.name, &row->facts);
    row->other_installation = of_the_name && seal == HB_FACTS_SEALED_ELSEWHERE;
    row->facts_fit = of_the_name && row->facts.length == (uint64_t)row->status.st_size;
    return row->facts_fit && seal == HB_FACTS_SEALED_HERE;
}

static void believe(struct hb_preset_archive *row, bool ours)
{
    const struct hb_facts *facts = &row->facts;
    row->by_facts = row->has_origin = true;
    row->kept.whose = ours ? HB_HOME_OURS : HB_HOME_OTHERS;
    row->kept.when.sequence = row->origin.sequence = facts->sequence;
    row->kept.when.started = row->origin.started = facts->started;
    memcpy(row->origin.home, facts->home, sizeof facts->home);
    memcpy(row->origin.stamp, facts->stamp, sizeof facts->stamp);
    row->origin.files = facts->files;
    row->origin.bytes = facts->bytes;
    hb_row_mark(row, facts->shrunk);
    if (facts->reasons > 0)
        row->kept.complete = HB_NO;
}

/*
 * Of this home, where it lay elsewhere or somebody else may have put the archive there, the archive
 * is asked: its trailer says more.
 */
bool hb_row_take_facts(const struct hb_preset_query *query,
                       const struct hb_preset_archives *archives, const char *path,
                       struct hb_preset_archive *row)
{
    char place[HB_PLACE_BYTES];
    row->sealed_here = read_facts(archives, row);
    if (!row->sealed_here)
        return false;
    bool ours = hb_home_id_is(query->id, row->facts.home);
    hb_facts_place(row->facts.home, query->run->home.path, place);
    if (ours ? strcmp(place, row->facts.place) != 0 ||
                   hb_row_may_be_a_strangers(query->run, path, &row->status)
             : is_local(archives))
        return false;
    believe(row, ours);
    return true;
}

bool hb_row_has_head(const struct hb_preset_archives *archives, const struct hb_preset_archive *row)
{
    struct hb_opened opened;
    unsigned char bytes[HB_FACTS_HEAD], head[HB_FACTS_HASH];
    HB_AUTO_FREE char *name = hb_preset_object_name(archives, row->kept.name);
    if (hb_store_open_name(archives->store, name, row->version, &opened) != HB_OK)
        return false;
    size_t most = row->facts.length < sizeof bytes ? (size_t)row->facts.length : sizeof bytes;
    int64_t got = hb_opened_read_at(&opened, bytes, most, 0);
    hb_opened_close(&opened);
    if (got < 0 || (size_t)got != most)
        return false;
    hb_facts_head(bytes, (size_t)got, head);
    return memcmp(head, row->facts.head, sizeof head) == 0;
}

/* Beside why nothing else can be told. */
static void tell_installation(struct hb_preset_archive *row)
{
    HB_AUTO_FREE char *why = hb_text("%s (the facts are of another installation)",
                                     row->kept.why == NULL ? "it cannot be read" : row->kept.why);
    hb_row_cannot_tell(row, row->kept.name, why);
}

void hb_row_weigh_facts(const struct hb_preset_query *query,
                        const struct hb_preset_archives *archives, struct hb_preset_archive *row)
{
    if (!row->facts_fit)
        return;
    bool ours = hb_home_id_is(query->id, row->facts.home);
    if (row->kept.whose == HB_HOME_UNTOLD) {
        if (row->sealed_here && !ours)
            believe(row, false);
        else if (row->other_installation)
            tell_installation(row);
        return;
    }
    if (row->has_origin || (ours && !row->no_archive) || !hb_row_has_head(archives, row))
        return;
    if (!ours) {
        believe(row, false);
    } else {
        row->kept.whose = HB_HOME_UNTOLD;
        row->kept.complete = HB_NOT_ASKED;
        hb_row_cannot_tell(
            row, row->kept.name,
            "it is not an archive in a known format, but facts of one stand beside it");
        if (row->other_installation)
            tell_installation(row);
    }
}

/* ---- sweeping ------------------------------------------------------------------------------ */

/* An archive may have come since the list was made, or be a link, which is not listed. */
static bool is_left_over(const struct hb_preset_query *query,
                         const struct hb_preset_archives *archives,
                         const struct hb_listed_facts *listed)
{
    struct hb_facts facts;
    enum hb_facts_seal seal;
    const char *name = listed->object + listed->above;
    HB_AUTO_FREE char *archive = hb_copy_bytes(name, hb_facts_stem(name));
    return hb_preset_is_gone(archives, archive) &&
           hb_listed_facts_read(archives->store, listed, &archives->key, &facts, &seal) &&
           (seal == HB_FACTS_SEALED_HERE || hb_home_id_is(query->id, facts.home));
}

void hb_preset_sweep(const struct hb_preset_query *query, const struct hb_preset_archives *archives)
{
    int64_t before = ((int64_t)time(NULL) - LEFT_OVER_SECONDS) * 1000000000;
    uint64_t swept = 0;
    const struct hb_store *store = archives->store;
    for (size_t i = 0; i < archives->facts.count; i++) {
        const struct hb_listed_facts *listed = &archives->facts.rows[i];
        if (!listed->paired && listed->written != 0 && listed->written < before &&
            is_left_over(query, archives, listed))
            hb_listed_facts_remove(store, listed);
    }
    HB_AUTO_FREE char *start = hb_preset_object_name(archives, query->prefix);
    if (HB_CAN(store->ops, sweep))
        store->ops->sweep(store->self, start, query->id->id, before, &swept);
}
