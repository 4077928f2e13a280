/* SPDX-License-Identifier: Apache-2.0 */
#include "files/listing.h"

#include "base/memory.h"
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum { BUFFER_BYTES = 1 << 15 };

/* getdents64(2) and not readdir(3), which would need a descriptor more: none may be left. */
int hb_listing_each(int directory_fd, int (*each)(void *context, const char *name), void *context)
{
    HB_AUTO_FREE char *buffer = hb_resize(NULL, BUFFER_BYTES, 1); /* not zeroed: most are small */
    if (lseek(directory_fd, 0, SEEK_SET) < 0)
        return -errno;
    for (;;) {
        ssize_t bytes = getdents64(directory_fd, buffer, BUFFER_BYTES);
        if (bytes <= 0)
            return bytes == 0 ? 0 : -errno;
        for (const char *at = buffer; at < buffer + bytes;) {
            const struct dirent64 *entry = (const void *)at;
            at += entry->d_reclen;
            if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                continue;
            int result = each(context, entry->d_name);
            if (result != 0)
                return result;
        }
    }
}

static int add_name(void *context, const char *name)
{
    struct hb_listing *listing = context;
    if (listing->count == listing->capacity) {
        listing->capacity = listing->capacity == 0 ? 32 : listing->capacity * 2;
        listing->names = hb_resize(listing->names, listing->capacity, sizeof(char *));
    }
    listing->names[listing->count++] = hb_copy_text(name);
    return 0;
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

int hb_listing_read(int directory_fd, struct hb_listing *listing)
{
    *listing = (struct hb_listing){0};
    int result = hb_listing_each(directory_fd, add_name, listing);
    if (listing->count > 0)
        qsort(listing->names, listing->count, sizeof(char *), compare_names);
    return result;
}

size_t hb_listing_find(const struct hb_listing *listing, const char *name)
{
    char *const *found = listing->count == 0 ? NULL
                                             : bsearch(&name, listing->names, listing->count,
                                                       sizeof(char *), compare_names);
    return found == NULL ? SIZE_MAX : (size_t)(found - listing->names);
}

void hb_listing_free(struct hb_listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        free(listing->names[i]);
    free(listing->names);
    *listing = (struct hb_listing){0};
}
