/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hbcore/content.h - a content plugin: files whose bytes cannot just be read and
 * written, such as a database that a program has open.
 *
 * On backup the host asks claim() about each regular file; the first plugin that
 * claims one opens its source and its sidecars are left out. On import the
 * host asks again, with the first bytes in the archive, and the plugin that claims
 * the entry may put it back its own way.
 */
#ifndef HBCORE_CONTENT_H
#define HBCORE_CONTENT_H

#include <hbcore/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What check() or judge() found. Another number counts as HB_SOUNDNESS_UNKNOWN, and is told. */
enum hb_soundness {
    HB_SOUNDNESS_SOUND = 1,
    HB_SOUNDNESS_NOT_CHECKED = 2, /* too large, or not possible; says why in a note */
    HB_SOUNDNESS_UNSOUND = 3,
    HB_SOUNDNESS_UNKNOWN = 4 /* it was to be checked, but that failed: no memory, no room, an I/O
                          error. An earlier host takes it for HB_SOUNDNESS_NOT_CHECKED */
};

/* hb_source.method of a copy of one moment: the only kind that a later backup takes over. */
#define HB_METHOD_SNAPSHOT "snapshot"

/* hb_source.flags */
/* Another flag, or more than INT64_MAX bytes, costs the entry, which is named. */
enum hb_source_flags {
    HB_SOURCE_JUDGED = 1,  /* set by the host before open(): it will call judge() */
    HB_SOURCE_IN_PLACE = 2 /* set by open(), for reports: it is read where it lies, not copied */
};

/*
 * A consistent view of an entry's content. The host presets `size`, `fd` to -1 and `flags`, all
 * else to zero; open() has to set bytes, method and read_at, or the entry is skipped.
 */
struct hb_source {
    uint32_t size;
    uint32_t soundness; /* enum hb_soundness of what will be read; judge() may still say it */
    void *self;
    uint64_t bytes;     /* exact */
    const char *method; /* one word for reports: HB_METHOD_SNAPSHOT, "raw"; constant */
    int32_t fd;         /* the same bytes as a file, or -1; closed by close() */
    uint32_t flags;     /* enum hb_source_flags */
    /* All that was asked for, except at the end; below 0: HB_STATUS_ENTRY or HB_STATUS_CANCELLED,
     * after fail(): the entry ends there, or is left out. Any thread. */
    int64_t (*read_at)(const struct hb_source *source, void *buffer, size_t bytes, uint64_t offset);
    /* Once, when nothing reads any more. Any thread. The archive may be finished by then: what is
     * noted here is not told again by a later backup. */
    void (*close)(struct hb_source *source);
};

HB_LAYOUT(struct hb_source, bytes, 16);
HB_LAYOUT(struct hb_source, read_at, 40);
HB_SIZEOF(struct hb_source, 56);

/* What the content of an entry says in a number, such as how many rows a table has. */
struct hb_fact {
    uint32_t size; /* preset by the host; all else is zero */
    uint32_t reserved;
    const char *name; /* UTF-8, of 1 to 255 bytes, without a newline, another one for each fact of
                         an entry; the plugin's, valid until destroy() */
    int64_t value;
};

HB_LAYOUT(struct hb_fact, name, 8);
HB_SIZEOF(struct hb_fact, 24);

/* What since() found. */
enum hb_since {
    HB_SINCE_AS_NOTED = 16,  /* nobody has changed it */
    HB_SINCE_AS_STAGED = 17, /* it holds what was to be put back already */
    HB_SINCE_CHANGED = 18    /* somebody has changed it: it is left alone */
};

/* What since() is told. */
enum hb_since_flags {
    HB_SINCE_BEGUN = 1, /* restore() had been called, and may have been killed at any moment */
    HB_SINCE_COPIED = 2 /* the whole home was copied since: inodes have other numbers */
};

/* Where an entry is to be put back. */
struct hb_target {
    uint32_t size;
    int32_t directory_fd; /* the resolved directory, held open below the home; perhaps O_PATH */
    const char *name;     /* the last component, no link */
    const char *path;     /* absolute and canonical, for libraries that open by name; check
                             the inode against directory_fd and name after opening */
    uint32_t mode;        /* the mode that the entry shall end with */
    uint32_t exists;      /* non-zero: a regular file is there now */
};

HB_LAYOUT(struct hb_target, name, 8);
HB_LAYOUT(struct hb_target, mode, 24);
HB_SIZEOF(struct hb_target, 32);

enum hb_restore_result {
    HB_RESTORE_DONE = HB_OK,
    HB_RESTORE_RENAME = HB_STATUS_NOMATCH /* nothing done: the host shall publish it by rename */
};

struct hb_content_ops {
    uint32_t size;
    uint32_t head_bytes; /* how many first bytes claim() wants to see; 4096 at most; 0: none, it
                            decides by name, and the host does not open the file for it */

    /*
     * Is this one mine? `entry` is a regular file; `head` its first bytes (fewer if it is
     * shorter). HB_OK, HB_STATUS_NOMATCH. With bytes == 0 and head == NULL the host
     * asks by name alone, whether reading the head is worth it. Any thread.
     */
    int (*claim)(void *self, const struct hb_entry *entry, const void *head, size_t bytes);

    /*
     * ---- optional from here on. sidecars(), judge() and fact() need open(); note(), since() and
     * foresee() need restore(); identity() needs one of the two ----
     */

    /* Suffixes of the files beside a claimed entry that belong to it ("-wal"); ended by NULL. */
    const char *const *(*sidecars)(void *self);

    /*
     * Opens a consistent source of a file in the home; may take long (see
     * hb_host.cancelled and remaining_ms). HB_OK and *source; HB_STATUS_NOMATCH: treat it
     * as an ordinary file after all (after doubtful() or note(), if there is something to say; it
     * counts as HB_SOUNDNESS_UNSOUND after doubtful(), unless source->soundness is
     * HB_SOUNDNESS_UNKNOWN); HB_STATUS_ENTRY: skip it, after fail(). HB_STATUS_FATAL costs no more
     * than the entry, either. If the source is HB_SOUNDNESS_UNSOUND or HB_SOUNDNESS_UNKNOWN and
     * nobody calls doubtful(), the host does. Any thread, several entries at once.
     */
    int (*open)(void *self, const struct hb_entry *entry, struct hb_source *source);

    /*
     * 32 bytes that change whenever the content did, found without reading all of it.
     * HB_STATUS_NOMATCH: it cannot be told, now perhaps (it has just been changed, say). Asked
     * before and after open(): equal answers mean that the source is of that content. A later
     * backup that gets the same answer copies from the earlier archive and never calls open(). Any
     * thread.
     */
    int (*identity)(void *self, const struct hb_entry *entry, unsigned char identity[32]);

    /*
     * Is this stored copy sound? Asked by verify, and on import where the host publishes it by
     * rename; restore() has to look for itself at what it puts back. `file` is a copy of the entry
     * in the staging directory. HB_OK and *soundness, the reason of HB_SOUNDNESS_UNSOUND or
     * HB_SOUNDNESS_UNKNOWN in `reason` (reason_bytes long); HB_STATUS_NOMATCH: it is nothing of its
     * kind after all; HB_STATUS_ENTRY after fail(): as HB_SOUNDNESS_UNKNOWN. Any thread.
     */
    int (*check)(void *self, const struct hb_entry *entry, const struct hb_file *file,
                 uint32_t *soundness, char *reason, size_t reason_bytes);

    /*
     * Puts a staged copy back in its own way. One at a time. HB_RESTORE_DONE: done, durable;
     * HB_RESTORE_RENAME; HB_STATUS_ENTRY: left as it was, after fail(); HB_STATUS_LATER: the same,
     * but what is in the way may pass (another program, a full disk). An import that was
     * interrupted is tried again for that, and for nothing else.
     */
    int (*restore)(void *self, const struct hb_entry *entry, const struct hb_file *file,
                   const struct hb_target *target);

    /*
     * Is what open() gave any good? Here the plugin can make a long check while the host reads the
     * source already. Answers as open() would have: HB_OK and source->soundness; HB_STATUS_NOMATCH,
     * HB_STATUS_ENTRY: what was read of the source is dropped. Asked once, in the thread that
     * called open(), while others are in read_at(). A host that is older than this callback does
     * not set HB_SOURCE_JUDGED: there, open() has to check itself.
     */
    int (*judge)(void *self, const struct hb_entry *entry, struct hb_source *source);

    /*
     * 32 bytes that tell later whether a file in the home was changed: before restore() touches it.
     * Modes, owners and times of the inode are no change. HB_OK, or HB_STATUS_NOMATCH: it cannot be
     * told.
     */
    int (*note)(void *self, const struct hb_entry *entry, unsigned char note[32]);

    /*
     * An import was killed, days ago perhaps, and is completed: what has become of that file since
     * note(), which said `note` (NULL: it did not)? `file` is the staged copy, `flags` an enum
     * hb_since_flags. What restore() had begun may be half-written; what the file's own journal
     * then needs may be done to it. An enum hb_since; HB_STATUS_NOMATCH: it cannot be told;
     * HB_STATUS_ENTRY or HB_STATUS_LATER after fail(). `undo` asks it of an import that is
     * complete, where note() was asked after restore(); nothing is in `file` then. Without this
     * callback identity() is asked both times, and a file with another one has been changed.
     */
    int (*since)(void *self, const struct hb_entry *entry, const struct hb_file *file,
                 const unsigned char *note, uint32_t flags);

    /*
     * Would restore() refuse that target, as far as it can be known without the copy and without
     * writing? For a dry run. `entry` is as in the archive. HB_OK: it would not, and puts it there
     * itself; HB_STATUS_NOMATCH: the same, and the host may have to publish it by rename;
     * HB_STATUS_ENTRY or HB_STATUS_LATER after fail(), with the words of restore(). One at a time.
     */
    int (*foresee)(void *self, const struct hb_entry *entry, const struct hb_target *target);

    /*
     * A fact of what open() gave, of that very state: number `index`, from 0 on, until
     * HB_STATUS_END, 256 times at most. Asked by a backup, which stores the facts in the archive.
     * HB_OK and *fact; HB_STATUS_NOMATCH: this entry has none of that number, the next may be
     * there; HB_STATUS_ENTRY after fail(): it could not be found out, which is a note and costs
     * nothing else. After judge() (or open(), where there is none) said HB_OK, in the same thread,
     * before close(), while others are in read_at(). An entry that is taken over from an earlier
     * archive keeps the facts that it has there, and what was noted about it (hb_host.note) is told
     * again: where other facts are asked for, identity() answers otherwise.
     */
    int (*fact)(void *self, const struct hb_entry *entry, const struct hb_source *source,
                size_t index, struct hb_fact *fact);
};

HB_LAYOUT(struct hb_content_ops, claim, 8);
HB_LAYOUT(struct hb_content_ops, open, 24);
HB_LAYOUT(struct hb_content_ops, restore, 48);
HB_LAYOUT(struct hb_content_ops, judge, 56);
HB_LAYOUT(struct hb_content_ops, since, 72);
HB_LAYOUT(struct hb_content_ops, foresee, 80);
HB_LAYOUT(struct hb_content_ops, fact, 88);
HB_SIZEOF(struct hb_content_ops, 96);

#ifdef __cplusplus
}
#endif
#endif
