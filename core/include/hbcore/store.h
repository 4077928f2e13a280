/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hbcore/store.h - a store plugin: where archives lie, when that is not a directory of this
 * machine.
 *
 * EXPERIMENTAL: this header may change until the first stores are done, whatever becomes of the
 * others. A store for today is for the hbcore that it was compiled with.
 *
 * A store holds objects: bytes under a name. It puts one in parts, all or nothing; opens one
 * version of it and reads ranges; lists; removes one version. It knows nothing of archives. The
 * section [store:NAME] of the configuration makes it the one for URLs that begin with "NAME://";
 * what stands behind that is the name of an object, byte for byte, and may begin with "/". Names
 * are not empty and end neither with "/" nor with a space.
 *
 * What a store promises, and what all else is built on:
 *
 *   - Under a name lies what was there before or the whole new object, at every moment, whoever
 *     dies. Before put_commit() nothing of a new one can be seen by open() or list().
 *   - put_commit() has three answers. HB_OK: it is there, and stays there if the power fails.
 *     HB_STATUS_UNCERTAIN: nobody can tell (the answer was lost, say): the host opens the name and
 *     compares hb_object.run. Any other failure: this object surely is not there, and never will
 *     be.
 *   - A reader reads one version, that which open() found. If it is replaced meanwhile, read_at()
 *     goes on with the old one or fails; it never mixes the two.
 *   - remove() removes the version that it is given, or none.
 *
 * Errors: a callback that fails has said why with hb_host.fail(), in words, with the class of the
 * reason (enum hb_cause of abi.h) where fail() takes one. The host names the object; the sentence
 * need not. What may succeed a moment later (HB_CAUSE_NETWORK, HB_CAUSE_BUSY) the store tries again
 * by itself, as long as its options say, and leaves a hb_host.note() if that helped. If the call
 * fails before half a minute is over, the host calls again: any but put_commit(), and list() only
 * where nothing was listed. That half minute is one for all calls of a run that fail in vain.
 *
 * Threads: limits(), list(), remove() and sweep() are called on one thread at a time. Of uploads
 * and readers there may be several at once, each on a thread of its own, while others run; what is
 * said of the calls of one of them stands with it. An instance therefore guards what it shares.
 */
#ifndef HBCORE_STORE_H
#define HBCORE_STORE_H

#include <hbcore/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

enum hb_store_flags {
    HB_STORE_EQUAL = 1,       /* all parts but the last have one length */
    HB_STORE_COPY = 2,        /* put_copy() works, on the store's own side */
    HB_STORE_COPY_PINNED = 4, /* ... and of the version that is named, or fails */
    HB_STORE_EXCLUSIVE = 8,   /* HB_PUT_NEW and hb_put.replaces are kept */
    HB_STORE_LATE_NAME = 16,  /* the name may be another one in put_commit() than in put_begin() */
    HB_STORE_PATCH = 32       /* put_patch() works */
};

/* What this instance can do, asked of its provider where that differs. The host's values stand in
 * it: no flags, parts of any size, one at a time. With a flag that is not known, a flag without its
 * callback, or numbers that contradict each other nothing is put. */
struct hb_store_limits {
    uint32_t size;
    uint32_t flags;      /* enum hb_store_flags */
    uint64_t part_least; /* bytes of each part but the last */
    uint64_t part_most;  /* of any */
    uint64_t parts_most; /* of one object */
    uint64_t bytes_most; /* of one object */
    uint32_t parallel;   /* so many put_part() of one upload may run at once; at least 1 */
    uint32_t name_most;  /* bytes of a name */
};

HB_LAYOUT(struct hb_store_limits, part_least, 8);
HB_LAYOUT(struct hb_store_limits, parallel, 40);
HB_SIZEOF(struct hb_store_limits, 48);

enum hb_put_flags {
    HB_PUT_NEW = 1 /* nothing may have that name; asked for with HB_STORE_EXCLUSIVE alone */
};

/* What is to be put. The host's; valid during the call. */
struct hb_put {
    uint32_t size;
    uint32_t flags; /* enum hb_put_flags */
    const char *name;
    uint64_t bytes_most;  /* it will not be longer; HB_SIZE_UNKNOWN */
    const char *run;      /* id of this run and object: hexadecimal digits, at most 64. Kept with
                             the object where that is possible: hb_object.run */
    const char *home;     /* id of the home, for sweep(); "" */
    const char *replaces; /* only this version may have the name; NULL: any. With
                             HB_STORE_EXCLUSIVE alone */
};

HB_LAYOUT(struct hb_put, name, 8);
HB_LAYOUT(struct hb_put, replaces, 40);
HB_SIZEOF(struct hb_put, 48);

/* One version of an object. The store's; the comment of who gives it says how long. */
struct hb_object {
    uint32_t size;
    uint32_t reserved;
    const char *name;
    const char *version; /* changes with the content: an ETag, a version id. Never NULL or empty */
    uint64_t bytes;
    int64_t written; /* nanoseconds since 1970; 0: unknown */
    const char *run; /* hb_put.run of who made it; NULL: unknown, which a list need not look up */
};

HB_LAYOUT(struct hb_object, name, 8);
HB_LAYOUT(struct hb_object, run, 40);
HB_SIZEOF(struct hb_object, 48);

/* Receives a list. On the thread that called list(). */
struct hb_object_lister {
    uint32_t size;
    uint32_t reserved;
    void *self;
    /* HB_OK to go on; anything else is to be returned from list(). The object: during the call. */
    int (*object)(const struct hb_object_lister *lister, const struct hb_object *object);
};

HB_LAYOUT(struct hb_object_lister, self, 8);
HB_LAYOUT(struct hb_object_lister, object, 16);
HB_SIZEOF(struct hb_object_lister, 24);

struct hb_store_ops {
    uint32_t size;
    uint32_t reserved;

    /* What can be done under this name. HB_OK or a failure. */
    int (*limits)(void *self, const char *name, struct hb_store_limits *limits);

    /* ---- writing: begin, parts in any order, commit, end ---- */

    /*
     * Begins an object; *upload is the store's own. HB_OK, or a failure: nothing was begun.
     * put_end() once for each that was begun.
     */
    int (*put_begin)(void *self, const struct hb_put *put, void **upload);
    /*
     * Part `number`, counted from 0, which lies at `offset`; parts neither overlap nor leave gaps,
     * and are as limits() says. May come again with the same bytes, after a failure or not: the
     * last one counts. `data` is valid during the call. As many threads at once as `parallel` says,
     * with different numbers; else one. HB_OK, or a failure.
     */
    int (*put_part)(void *self, void *upload, uint64_t number, uint64_t offset, const void *data,
                    size_t bytes);
    /*
     * All parts are there: the object gets its name. `put` is that of put_begin(), but for its
     * name and its conditions with HB_STORE_LATE_NAME; `bytes`: the length of the object. May be
     * called again with another `put` after HB_STATUS_NOMATCH. HB_OK; HB_STATUS_NOMATCH: a
     * condition does not hold, nothing was done; HB_STATUS_UNCERTAIN; another failure: it is not
     * there and will not be.
     */
    int (*put_commit)(void *self, void *upload, const struct hb_put *put, uint64_t bytes);
    /*
     * Frees the upload. What was not committed goes, as far as that is possible now (sweep() is
     * for the rest); of a commit that was uncertain nothing is removed. Last call for it.
     */
    void (*put_end)(void *self, void *upload);

    /* ---- reading ---- */

    /*
     * Opens an object as it is now, or, where `version` is not NULL, that version. HB_OK, *reader
     * and *object, which is valid until close(); HB_STATUS_NOMATCH: there is none of that name or
     * version, and no doubt about it; or a failure.
     */
    int (*open)(void *self, const char *name, const char *version, void **reader,
                struct hb_object *object);
    /*
     * Bytes from any place; all that were asked for, except at the end. How many, 0 at the end, or
     * a failure. Any thread, several at once.
     */
    int64_t (*read_at)(void *self, void *reader, void *buffer, size_t bytes, uint64_t offset);
    void (*close)(void *self, void *reader);

    /*
     * All objects whose names begin with `prefix`, complete ones alone, in any order. One that
     * comes again counts once; with another version or length it is a failure of the store. HB_OK,
     * also where there are none; what the lister returned; or a failure, if one of them may be
     * missing.
     */
    int (*list)(void *self, const char *prefix, const struct hb_object_lister *lister);
    /*
     * Removes that version. HB_OK: it is gone for whoever opens or lists from now on;
     * HB_STATUS_NOMATCH: the name has another version or none, nothing was done; or a failure.
     */
    int (*remove)(void *self, const char *name, const char *version);

    /* ---- optional from here on ---- */

    /*
     * A part, as put_part(), that is a range of an object of this store: with HB_STORE_COPY. Used
     * with HB_STORE_COPY_PINNED, while no put_part() runs. HB_STATUS_NOMATCH: not this one; the
     * host then sends the bytes. After another failure it sends them, too, and tries no other copy.
     */
    int (*put_copy)(void *self, void *upload, uint64_t number, uint64_t offset,
                    const struct hb_object *from, uint64_t from_offset, uint64_t bytes);
    /* Overwrites bytes of parts that were put: with HB_STORE_PATCH. One thread. */
    int (*put_patch)(void *self, void *upload, uint64_t offset, const void *data, size_t bytes);
    /* This range will be read soon: what is read in order, some MiB ahead. Any thread; cheap. */
    void (*advise)(void *self, void *reader, uint64_t offset, uint64_t bytes);
    /*
     * Gives up what uploads of this home below `prefix` left behind that began before `before`
     * (nanoseconds since 1970) and was not committed; *swept is how many. HB_OK or a failure.
     */
    int (*sweep)(void *self, const char *prefix, const char *home, int64_t before, uint64_t *swept);
};

HB_LAYOUT(struct hb_store_ops, limits, 8);
HB_LAYOUT(struct hb_store_ops, put_end, 40);
HB_LAYOUT(struct hb_store_ops, open, 48);
HB_LAYOUT(struct hb_store_ops, list, 72);
HB_LAYOUT(struct hb_store_ops, put_copy, 88);
HB_LAYOUT(struct hb_store_ops, sweep, 112);
HB_SIZEOF(struct hb_store_ops, 120);

#ifdef __cplusplus
}
#endif
#endif
