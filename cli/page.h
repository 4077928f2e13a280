/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page of HTML, made of the pieces of cli/page.html. Markup stands in that file alone, and what
 * is put into a piece is escaped, always: a name can be anything, and whoever reads the page trusts
 * it.
 */
#ifndef HB_PAGE_H
#define HB_PAGE_H

#include "base/error.h"
#include <stdio.h>

/*
 * Writes that piece with its {{fields}}: name, value, name, value …, NULL. What cannot be shown (a
 * control character, no UTF-8) is \xNN. A NULL value is "".
 */
#define HB_PAGE_PUT(out, piece, ...) hb_page_put(out, piece, (const char *const[]){__VA_ARGS__})
void hb_page_put(FILE *out, const char *piece, const char *const *fields);

/*
 * The page appears under that name as a whole, 0600, or not at all. Only an earlier page or an
 * empty file is replaced, and a link is neither followed nor replaced: the name may be a slip, and
 * what has it the only copy of something. HB_OK or HB_STATUS_FATAL.
 */
int hb_page_write(const char *path, const char *text, size_t bytes, struct hb_error *error);

#endif
