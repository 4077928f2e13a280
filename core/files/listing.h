/* SPDX-License-Identifier: Apache-2.0 */
/* The names in a directory. */
#ifndef HB_LISTING_H
#define HB_LISTING_H

#include <stdbool.h>
#include <stddef.h>

/* Sorted by their bytes, without "." and "..". */
struct hb_listing {
    char **names;
    size_t count;
    size_t capacity;
};

/*
 * All names of a directory that is open for reading; its descriptor stays open. 0 or -errno: then
 * what could be read is in the listing, and is not all. hb_listing_free in any case. One thread a
 * descriptor.
 */
int hb_listing_read(int directory_fd, struct hb_listing *listing);
/* The number of a name in it, or SIZE_MAX. */
size_t hb_listing_find(const struct hb_listing *listing, const char *name);
void hb_listing_free(struct hb_listing *listing);

/*
 * The same one by one, as they come, for directories of which no list is wanted in memory. `each`
 * may remove the entry, and returns 0 to go on; anything else ends it and is returned.
 */
int hb_listing_each(int directory_fd, int (*each)(void *context, const char *name), void *context);

#endif
