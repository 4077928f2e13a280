/* SPDX-License-Identifier: Apache-2.0 */
/* One member back. */
#ifndef ZIP_DECODE_H
#define ZIP_DECODE_H

#include "zip_worker.h"

int zip_decode(void *self, void *worker, const struct hb_input *input,
               const struct hb_member *const *members, size_t count,
               const struct hb_output *const *outputs);
/* The member whose central header lies at `place`, and of which zip_entry_of() made this `type`. */
int zip_decode_one(const struct zip *zip, struct zip_worker *worker, const struct hb_input *input,
                   uint64_t place, uint32_t type, const struct hb_output *output);
/*
 * What only the packed bytes of a member say against decoding it, in `text` of ZIP_WHY_BYTES: *why,
 * or NULL, also where they are damaged, which shows when they are decoded. Or the failure of the
 * input.
 */
int zip_decode_look(const struct zip *zip, const struct hb_input *input,
                    const struct zip_record *record, char *text, const char **why);

#endif
