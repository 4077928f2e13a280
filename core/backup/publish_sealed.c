/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An archive that is sealed on its way. The format writes into a sealer (transform/sealer.h), and
 * what comes out of that is all that any file, pipe or store gets; the copy that is read back is
 * of the same bytes.
 *
 *     format ──► sink ──► sealer ──► put ──► file, pipe, or upload
 *                                      '───► copy: of a store, those blocks that are read back
 */
#include "backup/publish_sealed.h"

#include "backup/publish_out.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "host/failure.h"
#include "pipeline/previous.h"
#include "transform/sealer.h"
#include <string.h>

enum { COPY_BYTES = 1 << 20 };

/* A range of the content that is to be read back, within one that adopt() will be given. */
struct part {
    uint64_t offset, bytes;
};

struct hb_publication_seal {
    const struct hb_key *key;
    struct hb_sealer *sealer;
    struct hb_kept_blocks kept;
    bool keeps_rest;
    struct part *parts;
    size_t part_count;
};

/* ---- what comes out -------------------------------------------------------------------------- */

static int keep_blocks(struct hb_publication *publication, const struct hb_sealed *sealed,
                       uint64_t offset)
{
    struct hb_publication_seal *seal = publication->seal;
    size_t block = hb_key_block(seal->key);
    int status = HB_OK;
    for (size_t i = 0; i < sealed->count && status == HB_OK; i++) {
        size_t left = sealed->bytes - i * block;
        if (!sealed->kept[i])
            continue;
        hb_kept_blocks_add(&seal->kept, sealed->first + i);
        status = hb_publication_spool(publication, sealed->data + i * block,
                                      left < block ? left : block, offset + i * block);
    }
    return status;
}

static int put(void *context, const struct hb_sealed *sealed)
{
    struct hb_publication *publication = context;
    uint64_t offset = publication->flushed;
    int status = hb_publication_put(publication, sealed->data, sealed->bytes);
    return status == HB_OK && publication->only_ends ? keep_blocks(publication, sealed, offset)
                                                     : status;
}

/* What failed was the sink, which has said so, or the transform. */
static int passed(struct hb_publication *publication, int status)
{
    struct hb_error *error = &publication->error;
    const struct hb_transform *transform = publication->seal->key->transform;
    if (status != HB_OK && error->text[0] == '\0' && hb_interrupt_signal() == 0)
        hb_error_set(error, HB_STATUS_FATAL, "%s: cannot be sealed by %s: %s",
                     publication->destination->path, hb_transform_name(transform),
                     hb_failure_of(transform->run)->text);
    return status;
}

/* ---- the sink -------------------------------------------------------------------------------- */

static bool is_kept(const struct hb_publication *publication)
{
    const struct hb_publication_seal *seal = publication->seal;
    return publication->keeping || seal->keeps_rest ||
           hb_sealer_tell(seal->sealer) < HB_PUBLICATION_START;
}

static int sealed_write(const struct hb_sink *sink, const void *data, size_t bytes)
{
    struct hb_publication *publication = sink->self;
    return passed(publication,
                  hb_sealer_write(publication->seal->sealer, data, bytes, is_kept(publication)));
}

static bool has_part(const struct hb_publication_seal *seal, uint64_t offset, uint64_t bytes)
{
    for (size_t i = 0; i < seal->part_count; i++)
        if (seal->parts[i].offset < offset + bytes &&
            offset < seal->parts[i].offset + seal->parts[i].bytes)
            return true;
    return false;
}

/* Its bytes come from wherever the previous archive lies, opened where that is sealed, too. */
static int sealed_copy(const struct hb_sink *sink, const struct hb_range *range)
{
    struct hb_publication *publication = sink->self;
    struct hb_publication_seal *seal = publication->seal;
    HB_AUTO_FREE unsigned char *buffer = hb_alloc(COPY_BYTES);
    int status = hb_publication_take_offer(publication, range);
    for (uint64_t done = 0; status == HB_OK && done < range->bytes;) {
        uint64_t left = range->bytes - done;
        size_t want = left < COPY_BYTES ? (size_t)left : COPY_BYTES;
        int64_t got = hb_previous_bytes_at(range->source, buffer, want, range->offset + done);
        if (hb_interrupt_signal() != 0)
            return HB_STATUS_CANCELLED;
        if (got <= 0)
            return hb_publication_cannot_read(publication, got == 0 ? "it ends too early"
                                                                    : "it was there a moment ago");
        bool keep = is_kept(publication) || has_part(seal, done, (uint64_t)got);
        status = passed(publication, hb_sealer_write(seal->sealer, buffer, (size_t)got, keep));
        done += (uint64_t)got;
    }
    seal->part_count = 0;
    return status;
}

static uint64_t sealed_tell(const struct hb_sink *sink)
{
    const struct hb_publication *publication = sink->self;
    return hb_sealer_tell(publication->seal->sealer);
}

/* ---- begin and end --------------------------------------------------------------------------- */

int hb_publication_seal(struct hb_publication *publication, const struct hb_key *key,
                        unsigned workers, struct hb_error *error)
{
    struct hb_publication_seal *seal = hb_alloc(sizeof *seal);
    const struct hb_sealing *sealing = &key->sealing;
    publication->seal = seal;
    seal->key = key;
    seal->sealer = hb_sealer_start(key, workers, (struct hb_sealed_out){publication, put});
    publication->sink.write = sealed_write;
    publication->sink.copy = sealed_copy;
    publication->sink.tell = sealed_tell;
    publication->sink.patch = NULL;
    int status = hb_publication_put(publication, sealing->header, sealing->header_bytes);
    if (status != HB_OK)
        *error = publication->error;
    return status;
}

const struct hb_kept_blocks *hb_publication_kept(const struct hb_publication *publication)
{
    return publication->only_ends && publication->seal != NULL ? &publication->seal->kept : NULL;
}

int hb_sealed_finish(struct hb_publication *publication)
{
    return passed(publication, hb_sealer_finish(publication->seal->sealer));
}

/* From the block on that comes next, as it will lie there. */
void hb_sealed_keep_rest(struct hb_publication *publication)
{
    struct hb_publication_seal *seal = publication->seal;
    uint64_t number = hb_sealer_tell(seal->sealer) / seal->key->sealing.plain_bytes;
    seal->keeps_rest = true;
    publication->end_at = seal->key->sealing.header_bytes + number * hb_key_block(seal->key);
}

void hb_sealed_keep_part(struct hb_publication *publication, const struct hb_range *range,
                         const struct hb_range *part)
{
    struct hb_publication_seal *seal = publication->seal;
    seal->parts = hb_resize(seal->parts, seal->part_count + 1, sizeof *seal->parts);
    seal->parts[seal->part_count++] = (struct part){part->offset - range->offset, part->bytes};
}

uint64_t hb_sealed_memory(const struct hb_publication *publication)
{
    return hb_sealer_memory(publication->seal->sealer);
}

void hb_sealed_end(struct hb_publication *publication)
{
    struct hb_publication_seal *seal = publication->seal;
    if (seal == NULL)
        return;
    hb_sealer_free(seal->sealer);
    hb_kept_blocks_clear(&seal->kept);
    free(seal->parts);
    free(seal);
}
