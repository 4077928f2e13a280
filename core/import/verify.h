/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads all of an archive back, checks databases as databases, and says what an import would refuse
 * or leave out, as that itself decides (select.h). What depends on what is in the home is not told.
 */
#ifndef HB_VERIFY_H
#define HB_VERIFY_H

#include "archive/archive.h"

struct hb_verified {
    uint64_t files; /* read back, with the hard links to them (archive/hard_links.h) */
    uint64_t bytes;
    bool damaged; /* some members are: each is in the report, the first is the error */
    uint64_t all_files, all_bytes; /* of a sample: what is in the archive */
};

/*
 * Of a listed archive, for a home (absolute; it may be missing), or NULL: none is known. What is
 * found goes into the report of its run, unsorted; copies of claimed members lie beside the archive
 * meanwhile, or in [backup] stage-dir. HB_OK: all of it was read, or what could be
 * (result->damaged, and then *error is filled in); HB_STATUS_NOMATCH: by this configuration nothing
 * can be checked as what it is; HB_STATUS_CANCELLED; HB_STATUS_FATAL: it cannot be read, or an
 * import would refuse all of it.
 */
int hb_verify(struct hb_archive *archive, const char *home, struct hb_verified *result,
              struct hb_error *error);
/* The same, but of the contents only those of a sample: so many percent of the bytes (sample.h). */
int hb_verify_sample(struct hb_archive *archive, const char *home, unsigned percent,
                     struct hb_verified *result, struct hb_error *error);

#endif
