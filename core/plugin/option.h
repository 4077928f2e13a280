/* SPDX-License-Identifier: Apache-2.0 */
/* Typed values of options (struct hb_option), from text. */
#ifndef HB_OPTION_H
#define HB_OPTION_H

#include "base/error.h"
#include <hbcore/plugin.h>

/* What is shown in place of a secret; no secret may be called so, or what is shown could be one. */
#define HB_SECRET_SHOWN "(secret)"

/*
 * Parses and checks `text` for `option`. HB_OK and *value (text and list are its own, freed by
 * hb_value_clear), or HB_STATUS_FATAL with what is wrong and what is valid ("level: 13 is not
 * within 0 to 12").
 */
int hb_value_parse(const struct hb_option *option, const char *text, struct hb_value *value,
                   struct hb_error *error);
void hb_value_clear(struct hb_value *value);

/*
 * The next word of a list at *text, which moves behind it: HB_OK and *word (where not NULL; caller
 * frees), HB_STATUS_NOMATCH at the end, or HB_STATUS_FATAL with what is wrong with it. *text is
 * NULL where nobody can tell where that one ends.
 */
int hb_list_word(const struct hb_option *option, const char **text, char **word,
                 struct hb_error *error);

/* "integer 0..12", "yes|no", "bytes", "list", "skip|store", for help texts. Caller frees. */
char *hb_option_describe(const struct hb_option *option);

#endif
