/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hbcore/format.h - a format plugin: how an archive is written and read.
 *
 * begin_entry, append, end_entry, finish and walk are a whole format. All else
 * is optional (NULL) and buys speed.
 *
 * Writing, without encode():
 *
 *     for each entry:  begin_entry, append (raw bytes, 0 to many times), end_entry
 *     finish
 *
 * Writing, with encode(): workers encode units in any order, on any thread; then, on
 * one thread, in plan order, for each unit: begin_entry for every entry that
 * starts in it, append once, end_entry for every entry that ends in it. Directories,
 * links and empty files get one segment without bytes, FIRST and LAST, so that
 * each entry goes through encode() and append(). Entries that lie unchanged in an older
 * archive may go through adopt() instead, many at once.
 *
 * Each write call has the sink as an argument; an instance writes one archive, or
 * reads one. After a failure the host calls abort(), if there is one, and destroy().
 * The host publishes what was written only if every call succeeded, so a plugin
 * need not tidy the sink.
 *
 * Reading: walk() passes over the archive once, front to back. With list() and
 * decode() the host can list without reading the data, fetch one member, and
 * use all processors.
 *
 * The trailer has the host's own checksums of each entry, of its metadata and of its content. What
 * list() and walk() tell is compared with the former, what decode() and walk() give with the
 * latter: a plugin's own checks say where an archive is damaged, but are not what it is believed
 * by.
 */
#ifndef HBCORE_FORMAT_H
#define HBCORE_FORMAT_H

#include <hbcore/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what the host lends a format ---------------------------------------------------------- */

/* Bytes of another archive, as they lie there. */
struct hb_range {
    uint32_t size;
    uint32_t tail;      /* bytes at its end that lie behind the units of its last entry */
    const void *source; /* the host's own: which archive */
    uint64_t offset;
    uint64_t bytes;
};

enum hb_range_tail {
    HB_RANGE_TAIL_MOST = 64 /* of hb_range.tail */
};

HB_LAYOUT(struct hb_range, source, 8);
HB_LAYOUT(struct hb_range, bytes, 24);
HB_SIZEOF(struct hb_range, 32);

/* Where an archive goes. Calls return HB_OK or a failure to be passed on. One thread. */
struct hb_sink {
    uint32_t size;
    uint32_t reserved;
    void *self;
    int (*write)(const struct hb_sink *sink, const void *data, size_t bytes);
    /* Writes the range that adopt() was given: without reading it, where the storage can do that.
     */
    int (*copy)(const struct hb_sink *sink, const struct hb_range *range);
    /* Bytes written so far. */
    uint64_t (*tell)(const struct hb_sink *sink);
    /* Overwrites what was written; NULL where the sink is a pipe. */
    int (*patch)(const struct hb_sink *sink, uint64_t offset, const void *data, size_t bytes);
};

HB_LAYOUT(struct hb_sink, write, 16);
HB_LAYOUT(struct hb_sink, patch, 40);
HB_SIZEOF(struct hb_sink, 48);

/* Where an archive comes from. */
struct hb_input {
    uint32_t size;
    uint32_t reserved;
    void *self;
    uint64_t bytes; /* length, or HB_SIZE_UNKNOWN */
    /* The next bytes: how many were read, 0 at the end, a failure below 0. One thread. */
    int64_t (*read)(const struct hb_input *input, void *buffer, size_t bytes);
    /*
     * Bytes from any place; all that were asked for, except at the end. NULL on
     * a pipe. Any thread; does not move read().
     */
    int64_t (*read_at)(const struct hb_input *input, void *buffer, size_t bytes, uint64_t offset);
};

HB_LAYOUT(struct hb_input, bytes, 16);
HB_LAYOUT(struct hb_input, read_at, 32);
HB_SIZEOF(struct hb_input, 40);

/* ---- writing ------------------------------------------------------------------------------- */

enum hb_unit_flags {
    HB_UNIT_FIRST = 1, /* the entry starts here */
    HB_UNIT_LAST = 2   /* the entry ends here */
};

/* A part of one entry that is to be encoded. The host has read it already. */
struct hb_segment {
    uint32_t size;
    uint32_t flags;               /* enum hb_unit_flags */
    const struct hb_entry *entry; /* `bytes` is exact where the entry is one segment, and for
                                     HB_FORMAT_SIZE_FIRST; else what the file had when opened */
    uint64_t offset;              /* of `data` within the entry */
    const void *data;             /* NULL where bytes is 0 */
    uint64_t bytes;
};

HB_LAYOUT(struct hb_segment, entry, 8);
HB_LAYOUT(struct hb_segment, bytes, 32);
HB_SIZEOF(struct hb_segment, 40);

/*
 * What encode() makes of segments and append() writes. Position-independent: the
 * same segments and settings give the same unit, wherever it will lie.
 */
struct hb_unit {
    uint32_t size;
    uint32_t flags;               /* FIRST and LAST of `entry`; set by the host */
    const struct hb_entry *entry; /* the first one in it; set by the host */
    const void *data; /* encode(): from host->alloc(), and then the host's; NULL in adopt() */
    uint64_t bytes;
    uint64_t raw_bytes; /* content bytes in it; set by the host */
    uint32_t entries;   /* how many entries have a segment in it; set by the host */
    uint32_t reserved;
    unsigned char note[64]; /* the plugin's own (a checksum, say): encode() to append(), adopt() */
};

HB_LAYOUT(struct hb_unit, entry, 8);
HB_LAYOUT(struct hb_unit, bytes, 24);
HB_LAYOUT(struct hb_unit, entries, 40);
HB_LAYOUT(struct hb_unit, note, 48);
HB_SIZEOF(struct hb_unit, 112);

/*
 * Entries that lie one after the other in an archive of the same codec(), unchanged. Each unit is
 * as encode() made it: the host has compared its checksum and the bytes around it.
 */
struct hb_adoption {
    uint32_t size;
    uint32_t reserved;
    const struct hb_entry *const *entries; /* in their order; `bytes` is exact */
    size_t entry_count;
    const struct hb_unit *units; /* in their order: FIRST and LAST, entries, bytes and note */
    size_t unit_count;
    const struct hb_range *range; /* all of them, and what lies between: for sink->copy() */
};

HB_LAYOUT(struct hb_adoption, entries, 8);
HB_LAYOUT(struct hb_adoption, range, 40);
HB_SIZEOF(struct hb_adoption, 48);

/* How content is cut into units. Filled in by unit_policy(); the host's values stand in it. What is
 * out of its range ends the command. */
struct hb_unit_policy {
    uint32_t size;
    uint32_t spans;      /* non-zero: a unit may hold several small entries */
    uint64_t unit_bytes; /* the most content bytes of one unit; 64 KiB to 64 MiB. The host rounds
                            it down to a multiple of 64 KiB */
    uint64_t overhead;   /* bytes that an entry adds to a shared unit besides its content */
};

HB_LAYOUT(struct hb_unit_policy, unit_bytes, 8);
HB_SIZEOF(struct hb_unit_policy, 24);

/* ---- reading ------------------------------------------------------------------------------- */

/* Receives an archive, in its order. All calls on the thread that called walk(). */
struct hb_visitor {
    uint32_t size;
    uint32_t reserved;
    void *self;
    /* An entry begins. HB_OK: its data is wanted; HB_STATUS_SKIP: not; a failure: return it. */
    int (*entry)(const struct hb_visitor *visitor, const struct hb_entry *entry);
    /* Data of the entry, front to back; gaps between offsets are zero bytes. */
    int (*data)(const struct hb_visitor *visitor, const void *data, size_t bytes, uint64_t offset);
    /*
     * The entry ends, its checksum has been verified, and it is `bytes` long (a
     * last gap included). Called for skipped ones too; `bytes` may be HB_SIZE_UNKNOWN then.
     */
    int (*end)(const struct hb_visitor *visitor, uint64_t bytes);
    /* The host's trailer, where one was found. */
    int (*trailer)(const struct hb_visitor *visitor, const void *data, size_t bytes);
    /*
     * Between entry() and end(), in place of its data: the content cannot be decoded (a method or
     * an encryption that is not known), though the archive is sound. `why` is the rest of a
     * sentence that begins with the entry: "is encrypted". Costs this entry alone. HB_OK, or a
     * failure to be returned. A host that lacks it (HB_HAS) refuses such an archive: fail().
     */
    int (*unreadable)(const struct hb_visitor *visitor, const char *why);
};

HB_LAYOUT(struct hb_visitor, entry, 16);
HB_LAYOUT(struct hb_visitor, trailer, 40);
HB_LAYOUT(struct hb_visitor, unreadable, 48);
HB_SIZEOF(struct hb_visitor, 56);

/* An archive with a member that has another flag is refused. */
enum hb_member_flags {
    HB_MEMBER_UNREADABLE = 1 /* see `why`; decode() is not asked for it. Its group is its own */
};

/* One row of a listing. */
struct hb_member {
    uint32_t size;
    uint32_t flags;               /* enum hb_member_flags */
    const struct hb_entry *entry; /* `bytes` is known; duplicates are listed each */
    uint64_t group;               /* members that decode together: a shared frame. Ascending */
    uint64_t token;               /* the plugin's own, to find the member again in decode() */
    uint64_t stored_bytes;        /* compressed size; of a group: in its first member, else 0 */
    const char *why; /* with HB_MEMBER_UNREADABLE: as hb_visitor.unreadable() has it; else NULL */
};

HB_LAYOUT(struct hb_member, group, 16);
HB_LAYOUT(struct hb_member, why, 40);
HB_SIZEOF(struct hb_member, 48);

/* Receives a listing. On the thread that called list(). */
struct hb_lister {
    uint32_t size;
    uint32_t reserved;
    void *self;
    /* HB_OK to go on; anything else is to be returned from list(). */
    int (*member)(const struct hb_lister *lister, const struct hb_member *member);
};

HB_LAYOUT(struct hb_lister, member, 16);
HB_SIZEOF(struct hb_lister, 24);

/* Receives the data of one member from decode(). */
struct hb_output {
    uint32_t size;
    uint32_t reserved;
    void *self;
    /* Front to back; gaps between offsets are zero bytes. HB_OK or a failure to be returned. */
    int (*write)(const struct hb_output *output, const void *data, size_t bytes, uint64_t offset);
};

HB_LAYOUT(struct hb_output, write, 16);
HB_SIZEOF(struct hb_output, 24);

/* Bytes by which a format is known; frozen. A table ends with length 0. */
struct hb_magic {
    uint32_t offset; /* from the start of the archive; offset + length <= 4096 */
    uint32_t length;
    const char *bytes;
};

HB_SIZEOF(struct hb_magic, 16);

/* ---- the plugin ---------------------------------------------------------------------------- */

enum hb_format_flags {
    /*
     * The size stands in front of the data (tar): the host then keeps the promise of
     * hb_entry.bytes in begin_entry and encode. Growth is cut off, shrinkage
     * filled with zero bytes, and the entry marked doubtful.
     */
    HB_FORMAT_SIZE_FIRST = 1,
    /* Reading needs read_at(): the host spools an archive from a pipe into a file first. */
    HB_FORMAT_READS_SEEKABLE = 2,
    /* finish() stores the trailer, and walk() or read_trailer() finds it again. */
    HB_FORMAT_TRAILER = 4,
    /* Symbolic links can be stored. */
    HB_FORMAT_SYMLINKS = 8,
    /*
     * Of an archive that this plugin wrote, list() and read_trailer() need no more than its first
     * 64 KiB, all that the sink got from finish(), and what it got from begin_entry, append and
     * end_entry of each symbolic link that has a unit of its own; instead of the rest they may see
     * zero bytes. Then an archive on its way into a store is read back without a copy of its
     * content on this machine; of a format without this flag all of it lies there until then. Only
     * with list().
     */
    HB_FORMAT_INDEX_AT_END = 16
};

enum hb_keeps_flags {
    HB_KEEPS_OWNERS = 1, /* uid and gid */
    /* This host hands none of these over yet, and tells that they are lost whatever is said here.
     */
    HB_KEEPS_HARD_LINKS = 2,
    HB_KEEPS_ATTRIBUTES = 4, /* extended attributes */
    HB_KEEPS_ACCESS_LISTS = 8
};

/*
 * What an archive of this format keeps of an entry besides its content. A backup tells once what of
 * this home is lost. The plugin's own; constant.
 */
struct hb_keeps {
    uint32_t size;
    uint32_t flags;     /* enum hb_keeps_flags */
    uint64_t time_step; /* nanoseconds; mtime is a multiple of them: 1, 1000000000 … */
    int64_t time_first; /* seconds since 1970, both included; any time where both are 0 */
    int64_t time_last;
    uint64_t path_most; /* bytes; a directory's counts one more. A longer one is left out and named
                           (exit 3); of more than 65535 all are */
};

HB_LAYOUT(struct hb_keeps, time_step, 8);
HB_LAYOUT(struct hb_keeps, path_most, 32);
HB_SIZEOF(struct hb_keeps, 40);

struct hb_format_ops {
    uint32_t size;
    uint32_t flags;                /* enum hb_format_flags */
    const char *const *suffixes;   /* ended by NULL, with the dot; the first is the one to append */
    const struct hb_magic *magics; /* may be NULL */

    /*
     * Required to write. One thread, in order. `entry` is also valid until its end_entry.
     * HB_STATUS_ENTRY from encode() costs the entry; from begin_entry(), too, where the entry has
     * units of its own, but if it shares one with others it ends the backup.
     */
    int (*begin_entry)(void *self, const struct hb_sink *sink, const struct hb_entry *entry);
    int (*append)(void *self, const struct hb_sink *sink, const struct hb_unit *unit);
    /* `entry->bytes` is now what was appended. */
    int (*end_entry)(void *self, const struct hb_sink *sink, const struct hb_entry *entry);
    /*
     * Completes the archive. `trailer` is an opaque block of the host's, to be stored where
     * other readers pass over it; never as an entry. May be ignored without HB_FORMAT_TRAILER.
     */
    int (*finish)(void *self, const struct hb_sink *sink, const void *trailer, size_t bytes);

    /* Required to read: one pass over the whole archive, checksums verified. */
    int (*walk)(void *self, const struct hb_input *input, const struct hb_visitor *visitor);

    /* ---- optional from here on ---- */

    /* The archive will not be finished. */
    void (*abort)(void *self);

    /* Per-thread state for encode and decode; NULL: out of memory, after host->fail(). Both or
     * neither, and with encode() or decode(). */
    void *(*worker_create)(void *self);
    void (*worker_destroy)(void *self, void *worker);

    int (*unit_policy)(void *self, struct hb_unit_policy *policy);

    /*
     * Turns `count` segments into one unit. Any thread, any order, several at once with
     * different workers. Does no input or output and holds no lock. Fills data, bytes
     * and note of `out`. `worker` is NULL without worker_create.
     */
    int (*encode)(void *self, void *worker, const struct hb_segment *const *segments, size_t count,
                  struct hb_unit *out);

    /*
     * Is it mine? Asked of every format, whether its magic bytes are there or not: an archive may
     * hold, or end with, one of another format. `head` is the start of the archive. HB_OK: it looks
     * like it, from the start or from the end; HB_STATUS_NOMATCH; HB_STATUS_PROVEN: both its start
     * and its end are mine, so that whatever another format finds there is content. Its answer
     * counts, and no longer that the magic bytes are there. If two formats
     * give the strongest answer, the user has to choose. `input` may have read_at, which may fail
     * where a stream has passed by; read() is not to be used.
     */
    int (*probe)(void *self, const struct hb_input *input, const void *head, size_t bytes);

    /*
     * Lists all members without reading their data, in archive order; the structure
     * is checked. Needs read_at. HB_STATUS_NOMATCH: this archive has no index, use walk().
     */
    int (*list)(void *self, const struct hb_input *input, const struct hb_lister *lister);

    /*
     * Decodes the named members of one group, checksums verified; outputs[i] is for
     * members[i]. After list(). Any thread, several at once with different workers. A failure is
     * damage, and with that of the whole archive; HB_STATUS_ENTRY: these members alone cannot be
     * decoded, for a reason that list() could not see. Only with list().
     */
    int (*decode)(void *self, void *worker, const struct hb_input *input,
                  const struct hb_member *const *members, size_t count,
                  const struct hb_output *const *outputs);

    /* Finds the trailer. *data from host->alloc(), then the host's. HB_STATUS_NOMATCH: none. Only
     * with HB_FORMAT_TRAILER. */
    int (*read_trailer)(void *self, const struct hb_input *input, void **data, size_t *bytes);

    /*
     * A later backup takes what did not change over from an archive as it lies there, headers and
     * all. A format has all four, with encode(), list() and read_trailer(), or none. They are used
     * on archives alone that this installation has sealed, with the same codec().
     *
     * A line of text that names all that the bytes of an archive depend on besides its entries and
     * their content: the codec, the version of its library as loaded, its level, and the layout
     * that this sink forces (with patch() or without, say). NULL: it cannot be told. Valid until
     * destroy(). Before the first begin_entry().
     */
    const char *(*codec)(void *self, const struct hb_sink *sink);

    /*
     * Where the listed members from `first` on lie, up to the one before `next` (NULL: to the last
     * one): offset and bytes of `range`. From the index alone, without input or output, for it is
     * called for each member and again for many together: the spans of members that follow each
     * other are the span of all of them. `entry->index` is a member's number in the listing.
     * HB_STATUS_NOMATCH: it cannot be told, or they do not begin and end with units. Behind the
     * units of an entry of several there may be HB_RANGE_TAIL_MOST bytes more, which belong to it:
     * then range->tail says how many of them the last entry has. After list(). Any thread, several
     * at once.
     */
    int (*span)(void *self, const struct hb_member *first, const struct hb_member *next,
                struct hb_range *range);

    /*
     * What lies in a span: a single unit, of one entry or of more, the first of which is `member`;
     * or an entry of several. `data` are its first `bytes`: all of it, or 128 KiB at least. `units`
     * are as encode() made them; of a single one, bytes and note are for locate() to fill in.
     * *head: how many bytes lie in front of the units; behind them only range->tail bytes may lie.
     * For those it is called once more, with them as `data` and NULL for `head`: HB_OK if they are,
     * byte for byte, what is written behind such units. The host compares its own checksum of each
     * unit and note. HB_STATUS_NOMATCH: what is in front is not,
     * byte for byte, what is written in front of such units of such an entry. Any thread, several
     * at once.
     */
    int (*locate)(void *self, const struct hb_member *member, const struct hb_range *range,
                  const void *data, size_t bytes, struct hb_unit *units, size_t unit_count,
                  uint64_t *head);

    /*
     * In place of begin_entry, append and end_entry of these entries: makes of them what the end
     * of the archive needs, and calls sink->copy() once, with adoption->range. What is written then
     * is, byte for byte, what those calls would have written.
     */
    int (*adopt)(void *self, const struct hb_sink *sink, const struct hb_adoption *adoption);

    /* NULL: exact times, paths of 65535 bytes, and nothing else. */
    const struct hb_keeps *keeps;
};

HB_LAYOUT(struct hb_format_ops, suffixes, 8);
HB_LAYOUT(struct hb_format_ops, begin_entry, 24);
HB_LAYOUT(struct hb_format_ops, walk, 56);
HB_LAYOUT(struct hb_format_ops, abort, 64);
HB_LAYOUT(struct hb_format_ops, encode, 96);
HB_LAYOUT(struct hb_format_ops, list, 112);
HB_LAYOUT(struct hb_format_ops, codec, 136);
HB_LAYOUT(struct hb_format_ops, adopt, 160);
HB_LAYOUT(struct hb_format_ops, keeps, 168);
HB_SIZEOF(struct hb_format_ops, 176);

/* Writes a unit. For append(). */
static inline int hb_sink_write_unit(const struct hb_sink *sink, const struct hb_unit *unit)
{
    return unit->bytes == 0 ? HB_OK : sink->write(sink, unit->data, (size_t)unit->bytes);
}

#ifdef __cplusplus
}
#endif
#endif
