/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A member lies from its local header to the next one, without a gap: that is how zip_write.c
 * writes, with a descriptor at the end of what goes out in order. Whether it is so here is seen by
 * making its header again, of the entry and of its units: only if the same bytes are there is it
 * what this plugin writes.
 */
#include "zip_span.h"

#include "zip_index.h"
#include "zip_layout.h"
#include "zip_write.h"

#include <stdlib.h>
#include <string.h>

int zip_span(void *self, const struct hb_member *first, const struct hb_member *next,
             struct hb_range *range)
{
    const struct zip_index *index = &((const struct zip *)self)->index;
    uint64_t from = first->entry->index, to = next == NULL ? index->entries : next->entry->index;
    uint64_t entries_end = index->trailer_start != 0 ? index->trailer_start : index->start;
    if (!index->loaded || from >= to || to > index->entries)
        return HB_STATUS_NOMATCH;
    uint64_t end = to == index->entries ? entries_end : zip_index_start(index, (size_t)to);
    range->offset = zip_index_start(index, (size_t)from);
    range->bytes = end - range->offset;
    range->tail = index->tails[to - 1];
    return HB_OK;
}

/* The note of the only unit, by the header in front of it; false: there is none. */
static bool read_note(const void *data, size_t bytes, struct hb_unit *unit)
{
    struct zip_record record;
    if (zip_parse_local(data, bytes, &record) != NULL)
        return false;
    const struct zip_note note = {
        .magic = {'z', 'i', 'p', '1'},
        .crc = record.crc,
        .bytes = record.bytes,
        .method = record.method,
        .whole = 1,
        .last = 1,
    };
    memcpy(unit->note, &note, sizeof note);
    unit->bytes = record.packed;
    return true;
}

/* Is that the descriptor of them? */
static int locate_tail(const struct hb_member *member, const void *data, size_t bytes,
                       const struct hb_unit *units, size_t unit_count)
{
    struct zip_record record;
    unsigned char descriptor[ZIP_LOCAL_BYTES];
    zip_write_record(&record, member->entry);
    bool same = zip_write_units(&record, units, unit_count, true) == unit_count &&
                zip_put_descriptor(descriptor, &record) == bytes &&
                memcmp(descriptor, data, bytes) == 0;
    return same ? HB_OK : HB_STATUS_NOMATCH;
}

int zip_locate(void *self, const struct hb_member *member, const struct hb_range *range,
               const void *data, size_t bytes, struct hb_unit *units, size_t unit_count,
               uint64_t *head)
{
    const struct zip *zip = self;
    struct zip_record record;
    if (head == NULL)
        return locate_tail(member, data, bytes, units, unit_count);
    if (unit_count == 1 && !read_note(data, bytes, units))
        return HB_STATUS_NOMATCH;
    zip_write_record(&record, member->entry);
    if (zip_write_units(&record, units, unit_count, range->tail > 0) != unit_count)
        return HB_STATUS_NOMATCH;
    unsigned char *header = malloc(ZIP_LOCAL_BYTES + record.name_bytes + 1 + ZIP_EXTRA_MAX);
    if (header == NULL)
        return zip_no_memory(zip);
    *head = zip_put_local(header, &record);
    bool same = *head <= bytes && memcmp(header, data, (size_t)*head) == 0 &&
                range->bytes - range->tail - *head == record.packed;
    free(header);
    return same ? HB_OK : HB_STATUS_NOMATCH;
}
