/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the last import into a home did, so that `undo` can take it back: each path, whether it was
 * new, what it was afterwards, and where that is which was there before.
 *
 * What it promises: a path is taken back only if it is still as it was left. So what it was left as
 * is known before anything is replaced: the hash of a file is that of the staged one. Only of what
 * a content plugin puts back its own note is taken, when it has been put back. Where there is none
 * (a kill between the two) nobody can tell, and it counts as changed.
 *
 * What it must not do: be believed when somebody else may have written it, or be applied to another
 * home. It lies in the user's directory for state (files/state_key.h), open to nobody else, under
 * the id of the home (files/home_id.h), which it also holds.
 *
 *      undo-ID.next   written when all is staged, with the name of the stage; the journal is
 *            |        committed after that. Of a run that ended before, it names a stage that is
 *            |        gone, and means nothing.
 *            | all is published, by that run or by one that completes it (undo_finish.h)
 *            v
 *      undo-ID        the last; there is one a home
 *
 * The file: records that end with NUL: "hbcore-undo 1", home, stage, what, the way back ("archive"
 * or "snapshot", its place, its mark), the same of what an earlier undo has left; the number of
 * roots, each "KIND INODE SECONDS NANOSECONDS", name, path; the number of rows, each "TYPE WAS
 * FLAGS OLD-MODE MODE ROOT NOTE", path, target of a link; then "end HASH" (XXH3 of all before).
 * Behind it, "note ROW NOTE" as rows are put back, and "told" when an undo has come to its end: who
 * runs one again that was killed wants it done, and not undone.
 */
#ifndef HB_UNDO_RECEIPT_H
#define HB_UNDO_RECEIPT_H

#include "files/home_id.h"
#include "restore/target_note.h"
#include <stddef.h>

enum hb_undo_was {
    HB_UNDO_REPLACED, /* something was there */
    HB_UNDO_NEW,      /* nothing was */
    HB_UNDO_GONE      /* an undo has removed it, or is to */
};

enum hb_undo_flags {
    HB_UNDO_CLAIMED = 1,  /* a content plugin put it back */
    HB_UNDO_HAS_NOTE = 2, /* `note` counts; of a file without it nobody knows what it was */
    HB_UNDO_HAS_MODE = 4, /* `mode` counts */
    HB_UNDO_WAITS = 8,    /* an undo has left it, since it was changed: what --force takes; or */
    HB_UNDO_FAILED = 16,  /* it could not be put back then, or removed: what the next one tries */
    HB_UNDO_SPARE = 32,   /* until it is complete: what waits if that path is not put back */
    HB_UNDO_DROPPED = 64  /* in memory: it goes */
};

struct hb_undo_row {
    char *path; /* below the home, all links resolved */
    char *link; /* the target of a symbolic link, else "" */
    uint8_t type;
    uint8_t was;                               /* enum hb_undo_was */
    uint8_t flags;                             /* enum hb_undo_flags */
    uint16_t old_mode;                         /* of a file that was replaced */
    uint16_t mode;                             /* afterwards */
    unsigned char note[HB_NOTE_CONTENT_BYTES]; /* hb_note_file(), or the plugin's */
    const struct hb_undo_root *root;           /* of the receipt; NULL: the home itself */
};

/* Where that is which was there before. */
struct hb_undo_way {
    char *place; /* an absolute path, or "./" and one below the home, which may be moved; or a URL;
                  * or the name of a snapshot; "": there was nothing */
    bool is_snapshot;
    bool is_sealed; /* in memory, when it is made */
    char *mark;     /* which archive it was: undo_way.h; NULL or "": that is not known */
};

/* A directory that paths of the receipt went through, but for the home: undo_roots.h. */
struct hb_undo_root {
    struct hb_undo_root *next;
    bool is_mount;
    uint64_t inode; /* 0: it does not last */
    int64_t seconds;
    uint32_t nanoseconds;
    char *name; /* below the home */
    char *path; /* of a further root */
};

/* A path of the journal that was not put back. */
struct hb_undo_missed {
    char *path;
    bool changed; /* somebody has changed it; else it could not be done */
};

struct hb_undo_receipt {
    char home[HB_ID_BYTES];
    char *stage;
    char *what; /* "import", "snapshot restore", "undo" */
    struct hb_undo_way way;
    struct hb_undo_way left;    /* of the rows that wait; place NULL: none does */
    bool told;                  /* of an undo: its run came to its end, and said so */
    struct hb_undo_root *roots; /* a list: undo_roots.h */
    struct hb_undo_row *rows;
    size_t count;
    struct hb_undo_missed *missed; /* in memory, by who publishes: undo_missed.h */
    size_t missed_count;
};

/* The place as the way has it, of the path of an archive; and back. Caller frees. */
char *hb_undo_place(const struct hb_root *home, const char *path);
char *hb_undo_path(const struct hb_root *home, const char *place);

void hb_undo_receipt_clear(struct hb_undo_receipt *receipt);
struct hb_undo_row *hb_undo_add(struct hb_undo_receipt *receipt, const char *path);
/* The same root, of another receipt maybe, as one of this; NULL of NULL. */
const struct hb_undo_root *hb_undo_root_in(struct hb_undo_receipt *receipt,
                                           const struct hb_undo_root *root);
/* Takes away the rows of which `keep` is false. */
void hb_undo_keep(struct hb_undo_receipt *receipt, bool (*keep)(const struct hb_undo_row *row));

/* The last of that home, or the one of an import that is not complete yet. */
enum hb_undo_which { HB_UNDO_LAST, HB_UNDO_NEXT };

/*
 * 0; -ENOENT: there is none; or -errno: there is one that cannot be read or is not to be believed
 * (-EPERM, -EBADMSG). hb_undo_receipt_clear in any case.
 */
int hb_undo_read(const char *home, enum hb_undo_which which, struct hb_undo_receipt *receipt);
/* On the disk when it returns. 0, or -errno and *why, if that is not NULL; caller frees. */
int hb_undo_write(const struct hb_undo_receipt *receipt, enum hb_undo_which which, char **why);
/* What the row was left as, behind the receipt of an import that is not complete yet. */
void hb_undo_append(const struct hb_undo_receipt *receipt, size_t row);
/* The undo has come to its end: the next one takes it back. */
void hb_undo_tell(const char *home);
/* There is none any more, neither of them. */
void hb_undo_forget(const char *home, enum hb_undo_which which);

/* Where an undo of a home goes back to: retention spares that. hb_undo_ways_clear in any case. */
struct hb_undo_ways {
    struct hb_undo_way ways[8];
    size_t count;
};
void hb_undo_ways_read(const struct hb_root *home, const struct hb_home_id *id,
                       struct hb_undo_ways *ways);
void hb_undo_ways_clear(struct hb_undo_ways *ways);
/* The path of an archive, by any name that it has, or the name of a snapshot. */
bool hb_undo_ways_have(const struct hb_undo_ways *ways, const char *path, bool is_snapshot);

#endif
