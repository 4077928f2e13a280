/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a page that is about what is in the archives: directories, databases, what is
 * missing. */
#ifndef HB_PAGE_CONTENT_H
#define HB_PAGE_CONTENT_H

#include "archive_gist.h"
#include <stdio.h>

/* `oldest` may be unknown: then nothing is compared. */
void hb_page_put_content(FILE *out, const struct hb_looked *looked, const struct hb_gist *newest,
                         const struct hb_gist *oldest);

#endif
