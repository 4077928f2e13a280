/* SPDX-License-Identifier: Apache-2.0 */
#include "files/listing.h"

#include "base/memory.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>

int hb_listing_each(int directory_fd, int (*each)(void *context, const char *name), void *context)
{
    int fd = fcntl(directory_fd, F_DUPFD_CLOEXEC, 3);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory == NULL) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        return -error;
    }
    rewinddir(directory); /* both descriptors have one position */
    int result = 0;
    while (result == 0) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (entry == NULL) {
            result = -errno;
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            result = each(context, entry->d_name);
    }
    closedir(directory);
    return result;
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
