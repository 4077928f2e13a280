/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoded units that found no room in memory while an earlier entry is still being prepared: they
 * wait in a file of the stage, without a name. What was taken out gives its space back.
 *
 * Where the archive is sealed, so are they, with a key that is made when the first one comes and is
 * written nowhere. Block N lies at N times the length of a block, and no place is used again, so
 * that no number is: a block has no other.
 */
#ifndef HB_SPILL_H
#define HB_SPILL_H

#include "files/stage.h"
#include "transform/key.h"
#include <pthread.h>
#include <stdatomic.h>

struct hb_spill {
    struct hb_stage *stage;
    int fd;                         /* -1 until something is put in */
    struct hb_transform *transform; /* NULL: nothing is sealed */
    struct hb_key key;              /* likewise until something is put in */
    bool closed;
    pthread_mutex_t lock;
    uint64_t end;                  /* where the next bytes go */
    uint64_t held;                 /* bytes that are still to be taken out, as they lie there */
    atomic_uint_fast64_t reserved; /* bytes that others will need there: they come first */
};

/* `stage` without a directory (fd -1): nothing can be put in. `transform` NULL: it is not sealed.
 */
void hb_spill_init(struct hb_spill *spill, struct hb_stage *stage, struct hb_transform *transform);
void hb_spill_clear(struct hb_spill *spill);

/* May something be put in? Any thread. */
bool hb_spill_is_open(struct hb_spill *spill);

/*
 * Writes the bytes; *offset is where they lie. False when there is no room for them beside what is
 * reserved, and for no others from then on: the caller keeps them, and makes fewer. Any thread.
 */
bool hb_spill_put(struct hb_spill *spill, const void *data, size_t bytes, uint64_t *offset);

/* Frees their space: nobody wants them any more. Any thread. */
void hb_spill_drop(struct hb_spill *spill, size_t bytes, uint64_t offset);

/* Reads them back and frees their space. 0 or -errno: EBADMSG is that they are not what was put in.
 * Any thread. */
int hb_spill_take(struct hb_spill *spill, void *data, size_t bytes, uint64_t offset);

#endif
