/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/archive_sealed.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/path.h"
#include "host/failure.h"
#include "host/format.h"
#include <string.h>

enum { HEAD_BYTES = 4096 };

#define SHUT ", and cannot be opened here"

/* ---- which one ------------------------------------------------------------------------------- */

/* A format's magic bytes at the start. No transform's are the same: hbcore/transform.h. */
static bool begins_like_format(const struct hb_archive *archive)
{
    for (size_t i = 0; i < archive->formats.count; i++) {
        const struct hb_magic *magic = hb_format_ops_of(&archive->formats.choices[i])->magics;
        for (; magic != NULL && magic->length > 0; magic++)
            if (magic->offset == 0 && magic->length <= archive->head_bytes &&
                memcmp(archive->head, magic->bytes, magic->length) == 0)
                return true;
    }
    return false;
}

/* ---- its content as an input ----------------------------------------------------------------- */

static int64_t content_read_at(const struct hb_input *input, void *buffer, size_t bytes,
                               uint64_t offset)
{
    const struct hb_archive *archive = input->self;
    const struct hb_input *content = hb_opener_input(archive->opener);
    return content->read_at(content, buffer, bytes, offset);
}

static int64_t content_read(const struct hb_input *input, void *buffer, size_t bytes)
{
    struct hb_archive *archive = input->self;
    int64_t got = content_read_at(input, buffer, bytes, archive->position);
    if (got > 0)
        archive->position += (uint64_t)got;
    return got;
}

/* Formats are known by the first bytes of the content. */
static int take_content(struct hb_archive *archive, struct hb_error *error)
{
    archive->sealed_head = archive->head;
    archive->sealed_head_bytes = archive->head_bytes;
    archive->head = hb_alloc(HEAD_BYTES);
    archive->position = 0;
    archive->input = (struct hb_input){.size = sizeof archive->input,
                                       .self = archive,
                                       .bytes = hb_opener_input(archive->opener)->bytes,
                                       .read = content_read,
                                       .read_at = content_read_at};
    int64_t got = content_read_at(&archive->input, archive->head, HEAD_BYTES, 0);
    archive->head_bytes = got < 0 ? 0 : (size_t)got;
    return got >= 0 ? HB_OK
                    : hb_error_set(error, HB_STATUS_FATAL, "%s: %s", archive->shown,
                                   hb_failure_of(archive->run)->text);
}

/* ---- opening it ------------------------------------------------------------------------------ */

static int fail(const struct hb_archive *archive, const char *what, struct hb_error *error)
{
    struct hb_error why = *error;
    hb_error_set(error, HB_STATUS_FATAL, "%s: sealed by %s%s: %s", archive->shown,
                 hb_transform_name(archive->own_key.transform), what, why.text);
    if (why.hint[0] != '\0')
        hb_error_hint(error, "%s", why.hint);
    return hb_interrupt_signal() != 0 ? hb_error_set(error, HB_STATUS_CANCELLED, "interrupted")
                                      : HB_STATUS_FATAL;
}

/* Is its length one that it can have? That takes no key. */
static int look_at_length(struct hb_archive *archive, struct hb_error *error)
{
    uint64_t plain;
    archive->shut = hb_key_plain(&archive->own_key, archive->sealed.bytes, &plain);
    archive->untold |= archive->shut;
    if (!archive->shut)
        hb_error_set(error, HB_STATUS_FATAL,
                     "it is cut off, or longer than it was: nothing that was sealed as a whole has "
                     "this length");
    return fail(archive, archive->shut ? SHUT : "", error);
}

static int open_with(struct hb_archive *archive, struct hb_transform *transform,
                     struct hb_error *error)
{
    archive->sealed = archive->input;
    archive->run->short_of_memory = false;
    int status = hb_key_open(transform, &archive->sealed, &archive->own_key, error);
    bool damaged = status == HB_STATUS_FATAL;
    if (status == HB_STATUS_NOMATCH)
        return look_at_length(archive, error);
    if (status == HB_OK) {
        archive->key = &archive->own_key;
        status = hb_opener_start(archive->key, &archive->sealed, NULL, &archive->opener, error);
    } else {
        archive->own_key.transform = transform; /* for its name */
        archive->own_key.shut = true;
        archive->untold |= !damaged;
    }
    archive->untold |= status != HB_OK && archive->run->short_of_memory;
    return status == HB_OK ? take_content(archive, error) : fail(archive, "", error);
}

static int open_by(struct hb_archive *archive, const struct hb_chosen *choice,
                   struct hb_error *error)
{
    struct hb_transform *transform;
    if (archive->stream)
        return HB_STATUS_NOMATCH;
    size_t stem = hb_format_stem(hb_transform_ops_of(choice)->suffixes, archive->path);
    archive->inner_name = stem == 0 ? NULL : hb_copy_bytes(archive->path, stem);
    if (hb_transform_find(archive->run, choice, &transform, error) == HB_OK)
        return open_with(archive, transform, error);
    archive->untold = true;
    struct hb_error why = *error;
    hb_error_set(error, HB_STATUS_FATAL, "%s: sealed by %s, which cannot be used: %s",
                 archive->shown, choice->section->label, why.text);
    if (why.hint[0] != '\0')
        hb_error_hint(error, "%s", why.hint);
    error->wrong_use = why.wrong_use;
    return HB_STATUS_FATAL;
}

/* As before open_by(), which found that this one has no key for it. */
static void forget(struct hb_archive *archive, bool untold)
{
    hb_key_end(&archive->own_key);
    free(archive->inner_name);
    archive->inner_name = NULL;
    archive->shut = false;
    archive->untold = untold;
}

/* "; nor by NAME: why", behind what was said of the others. Caller frees. */
static char *and_why(const struct hb_archive *archive, char *before, const struct hb_error *error)
{
    const char *why = strstr(error->text, SHUT ": ");
    char *both = before == NULL || why == NULL
                     ? hb_copy_text(error->text)
                     : hb_text("%s; nor by %s: %s", before, hb_archive_seal_name(archive),
                               why + strlen(SHUT ": "));
    free(before);
    return both;
}

/* Several sections may name the same plugin, with different keys: each is asked. */
int hb_archive_unseal(struct hb_archive *archive, struct hb_error *error)
{
    struct hb_chosen_list transforms;
    int status = HB_OK;
    bool untold = archive->untold;
    HB_AUTO_FREE char *whys = NULL; /* of each: any may be the one that should have opened it */
    if (begins_like_format(archive))
        return HB_OK;
    hb_chosen_list(archive->run->config, HB_KIND_TRANSFORM, &transforms);
    const struct hb_chosen *choice =
        hb_transform_of(&transforms, NULL, archive->head, archive->head_bytes);
    while (choice != NULL) {
        status = open_by(archive, choice, error);
        choice = hb_transform_of(&transforms, choice, archive->head, archive->head_bytes);
        if (archive->shut)
            whys = and_why(archive, whys, error);
        if (choice == NULL || !archive->shut || status == HB_STATUS_CANCELLED)
            break;
        forget(archive, untold);
    }
    if (archive->shut && status != HB_STATUS_CANCELLED) {
        struct hb_error last = *error;
        hb_error_set(error, HB_STATUS_FATAL, "%s", whys);
        hb_error_hint(error, "%s", last.hint);
    }
    hb_chosen_list_clear(&transforms);
    return status;
}

int hb_archive_unseal_own(struct hb_archive *archive, const struct hb_key *key,
                          const struct hb_kept_blocks *kept, struct hb_error *error)
{
    archive->sealed = archive->input;
    archive->key = key;
    int status = hb_opener_start(key, &archive->sealed, kept, &archive->opener, error);
    return status == HB_OK ? take_content(archive, error) : status;
}

void hb_archive_sealed_clear(struct hb_archive *archive)
{
    hb_opener_free(archive->opener);
    hb_key_end(&archive->own_key);
    free(archive->sealed_head);
    free(archive->inner_name);
}

const char *hb_archive_seal_name(const struct hb_archive *archive)
{
    return archive->own_key.transform == NULL ? NULL
                                              : hb_transform_name(archive->own_key.transform);
}
