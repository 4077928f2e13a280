/* SPDX-License-Identifier: Apache-2.0 */
/* One member back. */
#ifndef ZIP_DECODE_H
#define ZIP_DECODE_H

#include "zip_worker.h"

int zip_decode(void *self, void *worker, const struct hb_input *input,
               const struct hb_member *const *members, size_t count,
               const struct hb_output *const *outputs);
int zip_locate(void *self, const struct hb_input *input, const struct hb_member *member,
               struct hb_unit *unit);
/* The member whose central header lies at `place`. */
int zip_decode_one(const struct zip *zip, struct zip_worker *worker, const struct hb_input *input,
                   uint64_t place, const struct hb_output *output);

#endif
