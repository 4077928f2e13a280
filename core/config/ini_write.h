/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings as lines of an INI text that ini_text.h reads back as what they were: its rules decide
 * what is quoted, and where a long line may be broken.
 */
#ifndef HB_INI_WRITE_H
#define HB_INI_WRITE_H

#include <stdbool.h>

/* "key = value", several lines where it has to be. Caller frees. */
char *hb_ini_write_list(const char *key, const char *const *list);
/* A long text is broken at single blanks, since a continued line is joined with one. */
char *hb_ini_write_text(const char *key, const char *value);

/* Would it be read back? A --set may hold what no file can. */
bool hb_ini_can_be_read(const char *text);

#endif
