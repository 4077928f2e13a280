/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The archive, front to back: local headers and data, the trailer in a gap, the central directory.
 *
 * What it promises. Any unzip reads the archive, from a file and from a pipe, and none of them
 * finds anything else in it than this plugin does. The same units give the same bytes.
 *
 * What it must not do.
 *  - Seek in a sink that has no patch(): then all goes out in order.
 *  - Let a name, time, size or content decide what a reader finds: see below.
 *  - Write a size that does not fit its field. On a pipe the width of the sizes is in the header
 *    before the size is known, so an entry that outgrows it fails the archive (count_unit()).
 *
 * One entry. Its local header is put off until its first unit is there: if that is all of it, sizes
 * and checksum are in the header, even on a pipe.
 *
 *      begin_entry
 *          |-- end_entry: a directory, a link, an empty file ---> header, perhaps the link's text
 *          |-- append, all of the entry ------------------------> header, data
 *          `-- append, the first of several units
 *                  |-- into a file --> header with room, data ... --> the header is patched
 *                  `-- on a pipe ----> header without sizes, data ... --> a data descriptor
 *
 * Where readers look for records
 *
 * Readers find records by their signatures, "PK" and two more bytes. No name, time, size or content
 * may decide what they find where they look:
 *
 * - At the start of the archive: the first local header. All look there.
 * - From 22 bytes before the end on, backwards: the end record. All look there, and find ours
 *   first, because its comment is empty. Info-ZIP's zip begins at the last byte, and so goes
 *   through the record's numbers: where they would be the signature, zip64 records have them.
 * - 20 bytes before the end record: a zip64 locator. All but Go look there, whatever the end record
 *   says. That is where the last central header ends, with its name, times and extra fields. So its
 *   last extra field is always the mark, and the mark is as long as a locator: the four bytes in
 *   question are its id and its length. Without entries the trailer's frame is there, or nothing.
 * - 56 bytes before a locator: the zip64 record (Python), or where the locator says (others). If
 *   there is a locator, it is ours, and so is that.
 * - From the start of the directory on (bsdtar): the first central header is there.
 * - After the data of an entry (readers of a stream): a descriptor, which we write with its
 *   signature; then the next local header, or the gap with the trailer.
 * - Everywhere in that gap (bsdtar, from a pipe): the next local header, or the directory. Names
 *   stand in the trailer as JSON, but hashes can come out as anything: put_trailer() sees to it.
 *
 * The longer mark costs 15 bytes an archive. A zip64 record and locator in every archive would do
 * as well, but would cost 76 bytes, and some readers do not know zip64. Another order of the
 * directory would need a harmless name that can come last, which not every home has.
 */
#include "zip_write.h"

#include "zip_bytes.h"
#include "zip_encode.h"
#include "zip_extra.h"
#include "zip_layout.h"
#include "zip_name.h"
#include "zip_time.h"

#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

enum {
    WRITE_THROUGH = 64 << 10 /* larger pieces are not copied into the buffer first */
};

/* ---- the sink, with small writes gathered --------------------------------------------------- */

static int flush(struct zip_writer *writer, const struct hb_sink *sink)
{
    size_t bytes = writer->fill;
    if (bytes == 0)
        return HB_OK;
    int status = sink->write(sink, writer->buffer, bytes);
    if (status != HB_OK)
        return status;
    writer->written += bytes;
    writer->fill = 0;
    return HB_OK;
}

/* Room for `bytes` <= ZIP_BUFFER_BYTES in the buffer, at buffer + fill. */
static int make_room(struct zip *zip, const struct hb_sink *sink, size_t bytes)
{
    struct zip_writer *writer = &zip->writer;
    if (writer->buffer == NULL && (writer->buffer = malloc(ZIP_BUFFER_BYTES)) == NULL)
        return zip_no_memory(zip);
    return ZIP_BUFFER_BYTES - writer->fill < bytes ? flush(writer, sink) : HB_OK;
}

static int put(struct zip *zip, const struct hb_sink *sink, const void *data, size_t bytes)
{
    struct zip_writer *writer = &zip->writer;
    if (bytes == 0)
        return HB_OK;
    int status = bytes > WRITE_THROUGH ? flush(writer, sink) : make_room(zip, sink, bytes);
    if (status != HB_OK)
        return status;
    if (bytes <= WRITE_THROUGH) {
        memcpy(writer->buffer + writer->fill, data, bytes);
        writer->fill += bytes;
        return HB_OK;
    }
    status = sink->write(sink, data, bytes);
    if (status == HB_OK)
        writer->written += bytes;
    return status;
}

static uint64_t place(const struct zip_writer *writer)
{
    return writer->written + writer->fill;
}

/* Overwrites what is already there, in the buffer or in the sink, never across both. */
static int patch(struct zip_writer *writer, const struct hb_sink *sink, uint64_t offset,
                 const void *data, size_t bytes)
{
    if (offset < writer->written)
        return sink->patch(sink, offset, data, bytes);
    memcpy(writer->buffer + (offset - writer->written), data, bytes);
    return HB_OK;
}

/* ---- one entry ------------------------------------------------------------------------------ */

void zip_write_record(struct zip_record *record, const struct hb_entry *entry)
{
    bool mode_known = (entry->flags & HB_ENTRY_HAS_MODE) != 0;
    uint32_t type = S_IFREG, mode = 0644;
    if (entry->type == HB_TYPE_DIRECTORY) {
        type = S_IFDIR;
        mode = 0755;
    } else if (entry->type == HB_TYPE_SYMLINK) {
        type = S_IFLNK;
        mode = 0777;
    }
    if (mode_known)
        mode = entry->mode & 07777;
    enum zip_encoding encoding = zip_name_encoding(entry->path, entry->path_bytes);
    *record = (struct zip_record){
        .flags = encoding == ZIP_NAME_UTF8 ? ZIP_FLAG_UTF8 : 0,
        .raw_name = encoding == ZIP_NAME_BYTES,
        .name = entry->path,
        .name_bytes = entry->path_bytes,
        .slash = entry->type == HB_TYPE_DIRECTORY,
        .attributes =
            (type | mode) << 16 | (entry->type == HB_TYPE_DIRECTORY ? ZIP_DOS_DIRECTORY : 0),
        .has_time = (entry->flags & HB_ENTRY_HAS_MTIME) != 0,
        .time = entry->mtime,
    };
    record->dos = zip_time_to_dos(record->has_time ? entry->mtime.tv_sec : 0);
}

int zip_begin_entry(void *self, const struct hb_sink *sink, const struct hb_entry *entry)
{
    struct zip *zip = self;
    struct zip_writer *writer = &zip->writer;
    int status = zip_check_entry(zip, entry);
    if (status == HB_OK && entry->type == HB_TYPE_SYMLINK)
        status = flush(writer, sink); /* all that the sink gets of a link is the link's */
    if (status != HB_OK)
        return status;
    writer->entry = entry;
    writer->headed = writer->whole = writer->ended = false;
    zip_write_record(&writer->record, entry);
    return HB_OK;
}

static int put_local(struct zip *zip, const struct hb_sink *sink)
{
    struct zip_writer *writer = &zip->writer;
    int status = make_room(zip, sink, ZIP_LOCAL_BYTES + ZIP_NAME_MAX + ZIP_EXTRA_MAX);
    if (status != HB_OK)
        return status;
    writer->record.offset = place(writer);
    writer->fill += zip_put_local(writer->buffer + writer->fill, &writer->record);
    writer->headed = true;
    return HB_OK;
}

/* The local header of an entry whose sizes are not known yet. */
static int put_open_local(struct zip *zip, const struct hb_sink *sink)
{
    struct zip_record *record = &zip->writer.record;
    uint64_t expected = zip->writer.entry->bytes;
    record->method = ZIP_DEFLATED;
    if (sink->patch == NULL) {
        record->flags |= ZIP_FLAG_DESCRIPTOR;
        record->room = expected >= ZIP_LARGE_FROM ? ZIP_ROOM_64 : ZIP_ROOM_NONE;
    } else {
        record->room = ZIP_ROOM_SPARE;
    }
    return put_local(zip, sink);
}

/* A file may grow while it is read; on a pipe its header has gone out already. */
static int count_unit(struct zip *zip, const struct zip_note *note, uint64_t packed)
{
    struct zip_record *record = &zip->writer.record;
    record->crc = (uint32_t)crc32_combine(record->crc, note->crc, (z_off_t)note->bytes);
    record->bytes += note->bytes;
    record->packed += packed;
    if ((record->flags & ZIP_FLAG_DESCRIPTOR) && record->room == ZIP_ROOM_NONE &&
        zip_is_large(record))
        return zip->host->fail(zip->host, HB_STATUS_FATAL,
                               "it grew past 4 GiB while it was read, and on a pipe a zip must "
                               "know such a size beforehand: write the archive to a file");
    return HB_OK;
}

int zip_append(void *self, const struct hb_sink *sink, const struct hb_unit *unit)
{
    struct zip *zip = self;
    struct zip_writer *writer = &zip->writer;
    struct zip_note note;
    memcpy(&note, unit->note, sizeof note);
    if (memcmp(note.magic, ZIP_NOTE_MAGIC, sizeof note.magic) != 0 || writer->entry == NULL ||
        writer->whole || writer->ended || (note.whole && writer->headed))
        return zip->host->fail(zip->host, HB_STATUS_FATAL,
                               "was given a unit that it did not encode, or one out of order");
    int status = HB_OK;
    if (note.whole) {
        writer->whole = true;
        writer->record.method = note.method;
        writer->record.crc = note.crc;
        writer->record.bytes = note.bytes;
        writer->record.packed = unit->bytes;
        status = put_local(zip, sink);
    } else {
        if (!writer->headed)
            status = put_open_local(zip, sink);
        if (status == HB_OK)
            status = count_unit(zip, &note, unit->bytes);
        writer->ended = note.last != 0;
    }
    return status == HB_OK ? put(zip, sink, unit->data, (size_t)unit->bytes) : status;
}

/* An entry of which nothing was appended. */
static int put_bare(struct zip *zip, const struct hb_sink *sink, const struct hb_entry *entry)
{
    const char *data = entry->type == HB_TYPE_SYMLINK ? entry->link : "";
    struct zip_record *record = &zip->writer.record;
    record->method = ZIP_STORED;
    record->bytes = record->packed = strlen(data);
    record->crc = libdeflate_crc32(0, data, strlen(data));
    int status = put_local(zip, sink);
    return status == HB_OK ? put(zip, sink, data, strlen(data)) : status;
}

/* Ends the deflate stream if need be, and says sizes and checksum. */
static int close_open(struct zip *zip, const struct hb_sink *sink)
{
    static const unsigned char final_block[2] = {3, 0}; /* empty, static codes */
    struct zip_writer *writer = &zip->writer;
    struct zip_record *record = &writer->record;
    int status = HB_OK;
    if (!writer->ended) {
        status = put(zip, sink, final_block, sizeof final_block);
        record->packed += sizeof final_block;
    }
    unsigned char bytes[ZIP_LOCAL_BYTES];
    if (status != HB_OK)
        return status;
    if (record->flags & ZIP_FLAG_DESCRIPTOR)
        return put(zip, sink, bytes, zip_put_descriptor(bytes, record));
    record->room = zip_is_large(record) ? ZIP_ROOM_64 : ZIP_ROOM_SPARE;
    zip_put_local_fixed(bytes, record);
    /* All but the length of the extra field, which stays. */
    status = patch(writer, sink, record->offset, bytes, ZIP_LOCAL_BYTES - 2);
    if (status != HB_OK || record->room == ZIP_ROOM_SPARE)
        return status;
    zip_put_room(bytes, record);
    uint64_t room = record->offset + ZIP_LOCAL_BYTES + record->name_bytes;
    return patch(writer, sink, room, bytes, ZIP_ROOM_BYTES);
}

static int remember(struct zip *zip)
{
    struct zip_writer *writer = &zip->writer;
    size_t most = ZIP_CENTRAL_BYTES + writer->record.name_bytes + 1 + ZIP_EXTRA_MAX;
    unsigned char *room = zip_directory_room(&writer->directory, most + ZIP_MARK_BYTES);
    if (room == NULL)
        return zip_no_memory(zip);
    zip_directory_added(&writer->directory, zip_put_central(room, &writer->record));
    writer->entries++;
    return HB_OK;
}

int zip_end_entry(void *self, const struct hb_sink *sink, const struct hb_entry *entry)
{
    struct zip *zip = self;
    struct zip_writer *writer = &zip->writer;
    int status = HB_OK;
    if (!writer->headed)
        status = put_bare(zip, sink, entry);
    else if (!writer->whole)
        status = close_open(zip, sink);
    if (status == HB_OK)
        status = remember(zip);
    if (status == HB_OK && entry->type == HB_TYPE_SYMLINK)
        status = flush(writer, sink); /* HB_FORMAT_INDEX_AT_END: list() reads where it leads */
    writer->entry = NULL;
    return status;
}

/* ---- entries that are taken over ------------------------------------------------------------ */

/* Of an entry of several units, now that its size is known: as if it had been known before. */
static void settle_room(struct zip_record *record, bool in_order)
{
    if (in_order) {
        record->flags |= ZIP_FLAG_DESCRIPTOR;
        record->room = record->bytes >= ZIP_LARGE_FROM ? ZIP_ROOM_64 : ZIP_ROOM_NONE;
    } else {
        record->room = zip_is_large(record) ? ZIP_ROOM_64 : ZIP_ROOM_SPARE;
    }
}

size_t zip_write_units(struct zip_record *record, const struct hb_unit *units, size_t count,
                       bool in_order)
{
    for (size_t i = 0; i < count; i++) {
        struct zip_note note;
        memcpy(&note, units[i].note, sizeof note);
        if (memcmp(note.magic, ZIP_NOTE_MAGIC, sizeof note.magic) != 0 || (i > 0 && note.whole))
            return 0;
        record->method = note.whole ? note.method : ZIP_DEFLATED;
        record->crc =
            i == 0 ? note.crc : (uint32_t)crc32_combine(record->crc, note.crc, (z_off_t)note.bytes);
        record->bytes += note.bytes;
        record->packed += units[i].bytes;
        if (note.last) {
            if (!note.whole)
                settle_room(record, in_order);
            return i + 1;
        }
    }
    return 0;
}

/* Its local header is there, and what follows its data; only their length is asked for. */
static int adopt_entry(struct zip *zip, const struct hb_sink *sink, const struct hb_entry *entry,
                       const struct hb_unit *units, size_t *count, uint64_t *at)
{
    struct zip_writer *writer = &zip->writer;
    struct zip_record *record = &writer->record;
    zip_write_record(record, entry);
    *count = zip_write_units(record, units, *count, sink->patch == NULL);
    if (*count == 0)
        return zip->host->fail(zip->host, HB_STATUS_FATAL,
                               "was to take over units that it did not encode");
    int status = make_room(zip, sink, ZIP_LOCAL_BYTES + ZIP_NAME_MAX + ZIP_EXTRA_MAX);
    if (status != HB_OK)
        return status;
    record->offset = *at;
    *at += zip_put_local(writer->buffer + writer->fill, record) + record->packed;
    if (record->flags & ZIP_FLAG_DESCRIPTOR)
        *at += zip_put_descriptor(writer->buffer + writer->fill, record);
    return remember(zip);
}

int zip_adopt(void *self, const struct hb_sink *sink, const struct hb_adoption *adoption)
{
    struct zip *zip = self;
    struct zip_writer *writer = &zip->writer;
    uint64_t at = place(writer), end = at + adoption->range->bytes;
    size_t used = 0;
    int status = HB_OK;
    for (size_t i = 0; status == HB_OK && i < adoption->entry_count; i++) {
        size_t count = adoption->unit_count - used;
        status = adopt_entry(zip, sink, adoption->entries[i], &adoption->units[used], &count, &at);
        used += count;
    }
    if (status == HB_OK && (at != end || used != adoption->unit_count))
        status = zip->host->fail(zip->host, HB_STATUS_FATAL,
                                 "was to take over a range that does not hold just its entries");
    if (status == HB_OK)
        status = flush(writer, sink);
    if (status == HB_OK)
        status = sink->copy(sink, adoption->range);
    if (status == HB_OK)
        writer->written += adoption->range->bytes;
    return status;
}

/* ---- the end -------------------------------------------------------------------------------- */

/* "PK" and two control characters, as all records begin: those of today, and some more. */
static bool holds_signature(const unsigned char *data, size_t bytes)
{
    const unsigned char *end = data + bytes;
    for (const unsigned char *at = data; end - at >= 4; at++) {
        at = memchr(at, 'P', (size_t)(end - at) - 3);
        if (at == NULL)
            return false;
        if (at[1] == 'K' && at[2] < 32 && at[3] < 32)
            return true;
    }
    return false;
}

/* Puts a zero byte after each 'P', and counts what was written. */
static int put_spaced(struct zip *zip, const struct hb_sink *sink, const unsigned char *data,
                      size_t bytes, uint64_t *written)
{
    while (bytes > 0) {
        const unsigned char *found = memchr(data, 'P', bytes);
        size_t piece = found == NULL ? bytes : (size_t)(found - data) + 1;
        int status = put(zip, sink, data, piece);
        if (status == HB_OK && found != NULL)
            status = put(zip, sink, "", 1);
        if (status != HB_OK)
            return status;
        *written += piece + (found != NULL);
        data += piece;
        bytes -= piece;
    }
    return HB_OK;
}

/* The second form of the trailer. `check` is the CRC-32 as the plain frame has it. */
static int put_spaced_trailer(struct zip *zip, const struct hb_sink *sink,
                              const unsigned char check[4], const void *trailer, size_t bytes)
{
    char frame[ZIP_TRAILER_FRAME + 1];
    uint64_t written = 0;
    int status = put_spaced(zip, sink, check, 4, &written);
    if (status == HB_OK)
        status = put_spaced(zip, sink, trailer, bytes, &written);
    snprintf(frame, sizeof frame, "%0*llx%s", ZIP_TRAILER_DIGITS, (unsigned long long)written,
             ZIP_TRAILER_SPACED);
    return status == HB_OK ? put(zip, sink, frame, ZIP_TRAILER_FRAME) : status;
}

/*
 * A name cannot stand in the trailer with control characters, but hashes can come out as anything,
 * and a reader of a stream looks for the next local header in here.
 */
static int put_trailer(struct zip *zip, const struct hb_sink *sink, const void *trailer,
                       size_t bytes)
{
    unsigned char frame[ZIP_TRAILER_FRAME], seam[6], *to = frame;
    to = zip_put32(to, libdeflate_crc32(0, trailer, bytes));
    to = zip_put64(to, bytes);
    memcpy(to, ZIP_TRAILER_MAGIC, 8);
    size_t last = bytes < 3 ? bytes : 3;
    memcpy(seam, (const unsigned char *)trailer + bytes - last, last);
    memcpy(seam + last, frame, 3);
    if (holds_signature(trailer, bytes) || holds_signature(frame, sizeof frame) ||
        holds_signature(seam, last + 3))
        return put_spaced_trailer(zip, sink, frame, trailer, bytes);
    int status = put(zip, sink, trailer, bytes);
    return status == HB_OK ? put(zip, sink, frame, sizeof frame) : status;
}

/*
 * Says in the directory whether there is a trailer, so that its loss is noticed. At the far end:
 * damage that reaches from the one to the other takes the whole directory along. And what lies
 * before the end record is ours alone (see above).
 */
static void mark(struct zip_directory *directory, bool trailer)
{
    unsigned char *last = zip_directory_last(directory);
    if (last == NULL)
        return;
    zip_put16(last + 30, zip_get16(last + 30) + ZIP_MARK_BYTES);
    zip_put_mark(directory->open + directory->fill, trailer);
    zip_directory_extend(directory, ZIP_MARK_BYTES);
}

static int put_directory(struct zip *zip, const struct hb_sink *sink)
{
    struct zip_directory *directory = &zip->writer.directory;
    const unsigned char *part;
    size_t bytes;
    for (size_t i = 0; (part = zip_directory_part(directory, i, &bytes)) != NULL; i++) {
        int status = put(zip, sink, part, bytes);
        if (status != HB_OK)
            return status;
    }
    return bytes == 0 ? HB_OK : zip_no_memory(zip);
}

int zip_finish(void *self, const struct hb_sink *sink, const void *trailer, size_t bytes)
{
    struct zip *zip = self;
    struct zip_writer *writer = &zip->writer;
    bool with_trailer = trailer != NULL && bytes > 0;
    int status = with_trailer ? put_trailer(zip, sink, trailer, bytes) : HB_OK;
    if (status != HB_OK)
        return status;
    mark(&writer->directory, with_trailer);
    uint64_t start = place(writer);
    status = put_directory(zip, sink);
    if (status != HB_OK)
        return status;
    unsigned char end[ZIP_END64_BYTES + ZIP_LOCATOR_BYTES + ZIP_END_BYTES];
    status = put(zip, sink, end, zip_put_end(end, writer->entries, start, writer->directory.bytes));
    zip_directory_free(&writer->directory); /* the host reads the archive back now, with another */
    return status == HB_OK ? flush(writer, sink) : status;
}

void zip_abort(void *self)
{
    struct zip_writer *writer = &((struct zip *)self)->writer;
    free(writer->buffer);
    zip_directory_free(&writer->directory);
    *writer = (struct zip_writer){0};
}
