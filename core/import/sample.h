/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which members of an archive are read back where not all of them are: some of them by chance, and
 * those that were not read for longest first.
 *
 * Members stand in an order of chance, made by a seed; a run reads on where the last one stopped,
 * until that part of the bytes is reached, and begins anew at the end. So each has been read once
 * before any is read twice. What is remembered, in the user's directory for state, is the seed and
 * the place, by what the archive has in it and where it lies: a copy elsewhere is another one.
 */
#ifndef HB_SAMPLE_H
#define HB_SAMPLE_H

#include "archive/archive.h"

struct hb_sample {
    bool *wanted;             /* of each member */
    uint64_t bytes;           /* that are to be read */
    uint64_t all_bytes;       /* of regular files in the archive */
    uint64_t key, seed, next; /* of the archive; of its order; where the next run goes on */
};

/* `percent`: 1 to 100. The archive is listed. What cannot be remembered is a note in the report. */
void hb_sample_choose(struct hb_archive *archive, unsigned percent, struct hb_sample *sample);
/* They were read. */
void hb_sample_remember(struct hb_archive *archive, const struct hb_sample *sample);
/* When a sample of it was read last, in seconds since 1970; 0: unknown. The archive is listed. */
int64_t hb_sample_last(const struct hb_archive *archive);
void hb_sample_clear(struct hb_sample *sample);

#endif
