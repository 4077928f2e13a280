/* SPDX-License-Identifier: Apache-2.0 */
/* What the rules of a preset are called: for people "keep-daily 7", for programs "daily". */
#ifndef HB_KEEP_WORDS_H
#define HB_KEEP_WORDS_H

#include "backup/retention.h"
#include <jansson.h>

/* All that are set: "keep 5", "keep-daily 7, keep-weekly 4". Caller frees. */
char *hb_keep_words(const struct hb_keep *keep);

/* By which of them an archive stays, of hb_kept.rules: "daily, weekly". NULL: none. Caller frees.
 */
char *hb_keep_rules(uint32_t rules);
json_t *hb_json_rules(uint32_t rules);

#endif
