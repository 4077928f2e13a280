/* SPDX-License-Identifier: Apache-2.0 */
/* What there is to say of the archives, as a page for a browser. */
#ifndef HB_ARCHIVES_PAGE_H
#define HB_ARCHIVES_PAGE_H

#include "backup/look.h"
#include "session.h"
#include <stdio.h>

/* All of it goes to memory: nothing appears before everything is known. */
struct hb_archives_page {
    struct hb_session *session;
    int64_t now;
    char *text;
    size_t bytes;
    FILE *out;
    size_t places;
    uint64_t archives;
};

/* False: no memory. hb_archives_page_clear() in any case. */
bool hb_archives_page_begin(struct hb_archives_page *page, struct hb_session *session, int64_t now);
/* A place; opens its newest and its oldest archive of this home. */
void hb_archives_page_add(struct hb_archives_page *page, const struct hb_looked *looked);
/* To that file, or, where it is "-", to the results. HB_OK or HB_STATUS_FATAL. */
int hb_archives_page_end(struct hb_archives_page *page, const char *path, struct hb_error *error);
void hb_archives_page_clear(struct hb_archives_page *page);

#endif
