/* SPDX-License-Identifier: Apache-2.0 */
/* The methods of compression (APPNOTE 4.4.5), and those that libarchive decodes. */
#ifndef ZIP_METHOD_H
#define ZIP_METHOD_H

#include "zip.h"

enum { ZIP_WHY_BYTES = 192 };

/*
 * NULL, or why the content of this member cannot be decoded, though nothing is wrong with the
 * archive: the rest of a sentence that begins with the member. `text` has ZIP_WHY_BYTES.
 */
const char *zip_method_problem(const struct zip_record *record, char *text);
/* The same, as far as only the packed bytes tell: how much memory they claim, and which parameters.
 * `data`: their start. */
const char *zip_method_claim_problem(const struct zip_record *record, const unsigned char *data,
                                     size_t bytes, char *text);
/* May they tell? Then all of the claim is in the first bytes. */
enum { ZIP_CLAIM_BYTES = 2048 };
bool zip_method_has_claim(const struct zip_record *record);

/* The packed bytes of a member, and where its content goes. */
struct zip_passage {
    const struct zip *zip;
    const struct zip_record *record;
    void *self;
    /* What is at `at` of `packed`: a piece in memory, valid until the next call. */
    int (*next)(void *self, uint64_t at, const void **data, size_t *bytes);
    int (*take)(void *self, const void *data, size_t bytes);
};

/*
 * Decodes by libarchive what is neither stored nor deflated. HB_STATUS_ENTRY: this libarchive was
 * built without the method.
 */
int zip_method_decode(const struct zip_passage *passage);

#endif
