/* SPDX-License-Identifier: Apache-2.0 */
/* What is in the archive, in the order of the central directory; the trailer; the walk. */
#include "zip_list.h"

#include "zip_bytes.h"
#include "zip_decode.h"
#include "zip_end.h"
#include "zip_entry.h"
#include "zip_index.h"
#include "zip_layout.h"
#include "zip_method.h"

#include <inttypes.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

enum { LINK_MAX_BYTES = 4096 };

/* A listing under way. */
struct listing {
    struct zip *zip;
    const struct hb_input *input;
    struct zip_worker *worker; /* made when a symbolic link is met */
    struct zip_cursor cursor;
    char name[ZIP_NAME_TEXT_MAX];
    char link[LINK_MAX_BYTES + 1];
    char why[ZIP_WHY_BYTES];
};

/* ---- symbolic links ----------------------------------------------------------------------- */

static int keep_link(const struct hb_output *output, const void *data, size_t bytes,
                     uint64_t offset)
{
    char *link = output->self; /* LINK_MAX_BYTES: the size was checked, decode never exceeds it */
    memcpy(link + offset, data, bytes);
    return HB_OK;
}

/* *why: the target cannot be read, or no link can have it. Then nothing is made of the entry. */
static int read_link(struct listing *listing, const struct zip_record *record, uint64_t place,
                     struct hb_entry *entry, const char **why)
{
    struct zip *zip = listing->zip;
    struct hb_output output = {.size = sizeof output, .self = listing->link, .write = keep_link};
    if (record->bytes == 0 || record->bytes > LINK_MAX_BYTES) {
        *why = record->bytes == 0 ? "is a symbolic link without a target"
                                  : "is a symbolic link with a target of more than 4096 bytes";
        return HB_OK;
    }
    if (listing->worker == NULL && (listing->worker = zip_worker_create(zip)) == NULL)
        return HB_STATUS_FATAL;
    int status =
        zip_decode_one(zip, listing->worker, listing->input, place, HB_TYPE_SYMLINK, &output);
    if (status == HB_STATUS_ENTRY)
        *why = "is a symbolic link whose target cannot be decoded";
    if (status != HB_OK)
        return status == HB_STATUS_ENTRY ? HB_OK : status;
    listing->link[record->bytes] = '\0';
    entry->link = listing->link;
    if (strlen(listing->link) != record->bytes)
        *why = "is a symbolic link with a NUL byte in its target";
    return HB_OK;
}

/* ---- entries ------------------------------------------------------------------------------ */

/* Once for an archive, which may be listed several times: there may be thousands of such names. */
static void tell(struct zip *zip, const struct hb_entry *entry, unsigned odd)
{
    static const char *const texts[] = {
        "\\ between its directories, as Windows has it, is read as /, here and in all such names",
        "is taken for a directory by its MS-DOS attribute, and so are all others like it",
    };
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++)
        if (odd & ~zip->index.told & 1u << i)
            zip->host->note(zip->host, entry, "%s", texts[i]);
    zip->index.told |= odd;
}

/* As self-extracting archives begin on Linux and on Windows. */
static bool is_program(const unsigned char first[4])
{
    return memcmp(first, "\177ELF", 4) == 0 || memcmp(first, "MZ", 2) == 0;
}

/*
 * What lies in front of the first entry is not read. A program that unpacks the archive may lie
 * there, of which nothing is said; entries that nobody names any more; or another archive, to which
 * this one was joined: then more is missing than anybody would expect.
 */
static int look_in_front(struct zip *zip, const struct hb_input *input)
{
    unsigned char first[4] = {0};
    uint64_t bytes = zip->index.entries == 0 ? zip->index.start : zip_index_start(&zip->index, 0);
    bool another = false;
    if (bytes < ZIP_LOCAL_BYTES || (zip->index.told & ZIP_ODD_FRONT) != 0)
        return HB_OK;
    zip->index.told |= ZIP_ODD_FRONT;
    int status = zip_end_in_front(zip, input, bytes, &another);
    if (status == HB_OK)
        status = zip_read(zip, input, first, sizeof first, 0);
    if (status != HB_OK)
        return status;
    if (another)
        zip->host->note(zip->host, NULL,
                        "another archive, of %" PRIu64 " bytes, lies in front of this one and "
                        "is not read: `head -c %" PRIu64 " ARCHIVE > first.zip` takes it out",
                        bytes, bytes);
    else if (zip_get32(first) == ZIP_LOCAL_SIGNATURE)
        zip->host->note(zip->host, NULL,
                        "%" PRIu64 " bytes in front of the first entry begin as an entry does, "
                        "but the directory does not name it: they are not read",
                        bytes);
    else if (!is_program(first))
        zip->host->note(zip->host, NULL, "%" PRIu64 " bytes in front of the archive are not read",
                        bytes);
    return HB_OK;
}

/* *why as in hb_member. */
static int make_entry(struct listing *listing, const struct zip_record *record, uint64_t place,
                      struct hb_entry *entry, const char **why)
{
    struct zip *zip = listing->zip;
    unsigned odd = zip_entry_of(record, listing->name, entry);
    entry->index = listing->cursor.number - 1;
    tell(zip, entry, odd);
    if (entry->type == HB_TYPE_DIRECTORY && record->bytes > 0)
        zip->host->note(zip->host, entry,
                        "is a directory by its name, so its %" PRIu64 " bytes are left out",
                        record->bytes);
    int status = HB_OK;
    *why = zip_entry_problem(zip, record, listing->name);
    if (*why == NULL && entry->type != HB_TYPE_DIRECTORY) /* which has nothing to be decoded */
        *why = zip_method_problem(record, listing->why);
    if (*why == NULL && entry->type == HB_TYPE_FILE && zip_method_has_claim(record))
        status = zip_decode_look(zip, listing->input, record, listing->why, why);
    if (*why == NULL && entry->type == HB_TYPE_SYMLINK)
        status = read_link(listing, record, place, entry, why);
    if (*why != NULL && entry->type == HB_TYPE_SYMLINK) {
        entry->type = HB_TYPE_FILE; /* there are no links without a target */
        entry->link = NULL;
        entry->bytes = 0;
    }
    return status;
}

/* HB_OK and the next member, valid until the next call; HB_STATUS_END. */
static int next_member(struct listing *listing, struct hb_entry *entry, struct hb_member *member)
{
    struct zip_record record;
    uint64_t place;
    const char *why = NULL;
    int status = zip_cursor_next(&listing->cursor, &record, &place);
    if (status == HB_OK)
        status = make_entry(listing, &record, place, entry, &why);
    if (status != HB_OK)
        return status;
    *member = (struct hb_member){
        .size = sizeof *member,
        .flags = why == NULL ? 0 : HB_MEMBER_UNREADABLE,
        .entry = entry,
        .group = entry->index,
        .token = place,
        .stored_bytes = record.packed,
        .why = why,
    };
    return HB_OK;
}

static int start(struct zip *zip, const struct hb_input *input, struct listing **listing)
{
    *listing = NULL;
    int status = zip_index_load(zip, input);
    if (status == HB_OK)
        status = look_in_front(zip, input);
    if (status != HB_OK)
        return status;
    *listing = malloc(sizeof **listing);
    if (*listing == NULL)
        return zip_no_memory(zip);
    (*listing)->zip = zip;
    (*listing)->input = input;
    (*listing)->worker = NULL;
    zip_cursor_start(&(*listing)->cursor, zip, input);
    return HB_OK;
}

static void end(struct listing *listing)
{
    if (listing != NULL)
        zip_worker_destroy(listing->zip, listing->worker);
    free(listing);
}

int zip_list(void *self, const struct hb_input *input, const struct hb_lister *lister)
{
    struct listing *listing;
    struct hb_entry entry;
    struct hb_member member;
    int status = start(self, input, &listing);
    while (status == HB_OK && (status = next_member(listing, &entry, &member)) == HB_OK)
        status = lister->member(lister, &member);
    end(listing);
    return status == HB_STATUS_END ? HB_OK : status;
}

/* ---- trailer ------------------------------------------------------------------------------ */

/* Other tools drop the trailer, and damage may hide it. */
static int no_trailer(const struct zip *zip)
{
    if (!zip->index.has_trailer)
        return HB_STATUS_NOMATCH;
    return zip->host->fail(
        zip->host, HB_STATUS_FATAL,
        "its trailer, which holds the checksums of names, modes and times, is missing; the archive "
        "is damaged, or another program changed it: if so, unpack it and pack it again");
}

static int wrong_block(const struct zip *zip)
{
    return zip->host->fail(zip->host, HB_STATUS_FATAL,
                           "its trailer, before the central directory, does not match its "
                           "checksum; the archive is damaged");
}

static int read_block(const struct zip *zip, const struct hb_input *input, uint64_t offset,
                      size_t bytes, uint32_t crc, void **data)
{
    void *block = zip->host->alloc(zip->host, bytes);
    if (block == NULL)
        return zip_no_memory(zip);
    int status = zip_read(zip, input, block, bytes, offset);
    if (status == HB_OK && libdeflate_crc32(0, block, bytes) != crc)
        status = wrong_block(zip);
    if (status == HB_OK)
        *data = block;
    else
        zip->host->release(zip->host, block);
    return status;
}

/* UINT64_MAX: they are not digits. */
static uint64_t digits_of(const unsigned char frame[ZIP_TRAILER_FRAME])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t value = 0;
    for (size_t i = 0; i < ZIP_TRAILER_DIGITS; i++) {
        const char *digit = memchr(digits, frame[i], 16);
        if (digit == NULL)
            return UINT64_MAX;
        value = value << 4 | (uint64_t)(digit - digits);
    }
    return value;
}

/* Takes the zero byte after each 'P' away, in place. Returns what is left; 0: there is none. */
static size_t close_up(unsigned char *data, size_t bytes)
{
    size_t kept = 0;
    for (size_t at = 0; at < bytes; at++) {
        data[kept++] = data[at];
        if (data[at] == 'P' && (++at == bytes || data[at] != 0))
            return 0;
    }
    return kept;
}

/* The second form (zip.h). */
static int read_spaced(const struct zip *zip, const struct hb_input *input, uint64_t offset,
                       size_t length, void **data, size_t *bytes)
{
    unsigned char *block = zip->host->alloc(zip->host, length);
    if (block == NULL)
        return zip_no_memory(zip);
    int status = zip_read(zip, input, block, length, offset);
    size_t kept = status == HB_OK ? close_up(block, length) : 0;
    if (status == HB_OK &&
        (kept <= 4 || libdeflate_crc32(0, block + 4, kept - 4) != zip_get32(block)))
        status = wrong_block(zip);
    if (status != HB_OK) {
        zip->host->release(zip->host, block);
        return status;
    }
    *bytes = kept - 4;
    memmove(block, block + 4, *bytes);
    *data = block;
    return HB_OK;
}

/*
 * The block must fit between the last entry and the central directory: what lies within an
 * entry's data is content, whatever it looks like.
 */
int zip_read_trailer(void *self, const struct hb_input *input, void **data, size_t *bytes)
{
    struct zip *zip = self;
    unsigned char frame[ZIP_TRAILER_FRAME];
    int status = zip_index_load(zip, input);
    if (status != HB_OK)
        return status;
    uint64_t gap = zip->index.start - zip->index.data_end;
    if (gap <= ZIP_TRAILER_FRAME)
        return no_trailer(zip);
    status = zip_read(zip, input, frame, sizeof frame, zip->index.start - sizeof frame);
    if (status != HB_OK)
        return status;
    bool spaced = memcmp(frame + 12, ZIP_TRAILER_SPACED, 8) == 0;
    if (!spaced && memcmp(frame + 12, ZIP_TRAILER_MAGIC, 8) != 0)
        return no_trailer(zip);
    uint64_t length = spaced ? digits_of(frame) : zip_get64(frame + 4);
    if (length <= (spaced ? 4 : 0) || length > gap - sizeof frame)
        return zip->host->fail(zip->host, HB_STATUS_FATAL,
                               "its trailer, before the central directory, has an impossible "
                               "length; the archive is damaged or forged");
    uint64_t start = zip->index.start - sizeof frame - length;
    zip->index.trailer_start = start;
    if (spaced)
        return read_spaced(zip, input, start, (size_t)length, data, bytes);
    *bytes = (size_t)length;
    return read_block(zip, input, start, (size_t)length, zip_get32(frame), data);
}

/* ---- walk --------------------------------------------------------------------------------- */

static int pass_on(const struct hb_output *output, const void *data, size_t bytes, uint64_t offset)
{
    const struct hb_visitor *visitor = output->self;
    return visitor->data(visitor, data, bytes, offset);
}

/* The content of a directory, which has a name that no file can have. */
static int pass_over(const struct hb_output *output, const void *data, size_t bytes,
                     uint64_t offset)
{
    (void)output;
    (void)data;
    (void)bytes;
    (void)offset;
    return HB_OK;
}

static int visit_content(struct listing *listing, const struct hb_member *member,
                         const struct hb_visitor *visitor)
{
    struct zip *zip = listing->zip;
    uint32_t type = member->entry->type;
    struct hb_output output = {.size = sizeof output,
                               .self = (void *)(uintptr_t)visitor,
                               .write = type == HB_TYPE_FILE ? pass_on : pass_over};
    if (member->flags & HB_MEMBER_UNREADABLE) {
        if (HB_HAS(visitor, unreadable))
            return visitor->unreadable(visitor, member->why);
        return zip->host->fail(zip->host, HB_STATUS_FATAL, "%s %s", member->entry->path,
                               member->why);
    }
    if (type == HB_TYPE_SYMLINK)
        return HB_OK;
    if (listing->worker == NULL && (listing->worker = zip_worker_create(zip)) == NULL)
        return HB_STATUS_FATAL;
    return zip_decode_one(zip, listing->worker, listing->input, member->token, type, &output);
}

static int visit(struct listing *listing, const struct hb_member *member,
                 const struct hb_visitor *visitor)
{
    int status = visitor->entry(visitor, member->entry);
    if (status == HB_OK)
        status = visit_content(listing, member, visitor);
    if (status != HB_OK && status != HB_STATUS_SKIP)
        return status;
    return visitor->end(visitor, member->entry->bytes);
}

static int visit_trailer(struct zip *zip, const struct hb_input *input,
                         const struct hb_visitor *visitor)
{
    void *data = NULL;
    size_t bytes = 0;
    int status = zip_read_trailer(zip, input, &data, &bytes);
    if (status != HB_OK)
        return status == HB_STATUS_NOMATCH ? HB_OK : status;
    if (visitor->trailer != NULL)
        status = visitor->trailer(visitor, data, bytes);
    zip->host->release(zip->host, data);
    return status;
}

int zip_walk(void *self, const struct hb_input *input, const struct hb_visitor *visitor)
{
    struct listing *listing;
    struct hb_entry entry;
    struct hb_member member;
    int status = start(self, input, &listing);
    while (status == HB_OK && (status = next_member(listing, &entry, &member)) == HB_OK)
        status = visit(listing, &member, visitor);
    end(listing);
    return status == HB_STATUS_END ? visit_trailer(self, input, visitor) : status;
}
