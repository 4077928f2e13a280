/* SPDX-License-Identifier: Apache-2.0 */
/* What the names of archives end with: the suffix of the format, and, where it is sealed, behind
 * that the suffix of the transform. */
#ifndef HB_SUFFIXES_H
#define HB_SUFFIXES_H

#include "host/chosen.h"

/* Of what is made now. */
struct hb_suffixes {
    char **all;                /* ended by NULL; the first is the one to append */
    const char *const *format; /* of the format alone */
    const char *seal;          /* what stands behind it; NULL: it is not sealed */
};

/* `seal` NULL: by none. hb_suffixes_clear. */
void hb_suffixes_make(const struct hb_chosen *format, const struct hb_chosen *seal,
                      struct hb_suffixes *suffixes);
void hb_suffixes_clear(struct hb_suffixes *suffixes);

/* Of a format (NULL: of each), sealed by any transform or by none. Ended by NULL; to be freed by
 * hb_suffixes_free(). */
char **hb_suffixes_known(const struct hb_config *config, const struct hb_chosen *format);
void hb_suffixes_free(char **suffixes);

/* The name with the suffix to append, if it has none of them. Takes `name` over; caller frees. */
char *hb_suffixes_complete(const struct hb_suffixes *suffixes, char *path);

#endif
