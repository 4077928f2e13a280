/* SPDX-License-Identifier: Apache-2.0 */
/* An archive that is read, as the files that read it see it. */
#ifndef HB_ARCHIVE_STATE_H
#define HB_ARCHIVE_STATE_H

#include "archive/catalog.h"
#include "archive/input_end.h"
#include "archive/trailer.h"
#include "host/format.h"
#include "host/run.h"
#include "store/blocks.h"
#include "store/store.h"
#include "transform/opener.h"

/* What an archive may hold at most: import.max-… */
struct hb_archive_limits {
    uint64_t entries;
    uint64_t bytes;
    uint64_t path;
    uint64_t names;
};

struct hb_archive {
    struct hb_run *run;
    char *path;               /* as given; "-" */
    const char *shown;        /* for messages */
    int fd;                   /* of a file or a stream; -1: */
    struct hb_opened opened;  /* one of a store, where `path` is a URL */
    struct hb_blocks *blocks; /* what is read of that one, but for start and end; or NULL */
    bool only_file; /* it was found by its name: what cannot be read anywhere is not an archive */
    bool stream;    /* can be read once only */
    struct hb_input input;
    unsigned char *head; /* what was read ahead of a stream */
    size_t head_bytes;
    size_t head_used;
    uint64_t position;       /* of input.read */
    struct hb_input_end end; /* where reading takes a round trip over a network */
    unsigned char *tail;     /* the last bytes of a stream, in a ring: see archive_input.h */
    /* Of one that is sealed (archive_sealed.h): */
    struct hb_input sealed; /* the bytes as they lie there; `input` and `head` are of the content */
    const struct hb_key *key;
    struct hb_key own_key;
    struct hb_opener *opener; /* NULL: it is not sealed, or not open */
    unsigned char *sealed_head;
    size_t sealed_head_bytes;
    char *inner_name; /* `path` without the suffix of what it is sealed with; NULL: it has none */
    bool shut;        /* nothing that is configured opens it */
    /* Of each: */
    bool found_out; /* which format it is; else somebody said so */
    struct hb_chosen_list formats;
    const struct hb_chosen *choice;
    struct hb_instance *format;
    bool listed; /* the catalog came from list(): decode() can be used */
    struct hb_archive_limits limits;
    uint64_t announced; /* bytes of all entries that were admitted */
    struct hb_catalog catalog;
    struct hb_trailer trailer;
    bool has_trailer;
    const unsigned char *prove_with; /* the key of an installation, for `proved`; or NULL */
    bool proved;                     /* the trailer was sealed with that key */
    bool later_trailer; /* there is one, of a later version, which cannot be read here */
    /*
     * Something other than the archive was the reason of a failure (it cannot be read now, a limit,
     * no memory): nothing can be told about it. Else the format has refused what is in it.
     */
    _Atomic bool untold; /* several threads read */
    bool no_archive;     /* it was read, and no format takes it for one of its own */
};

#endif
