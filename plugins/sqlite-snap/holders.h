/* SPDX-License-Identifier: Apache-2.0 */
/* Which programs have a file open? As far as the kernel tells; see holders.c. */
#ifndef HOLDERS_H
#define HOLDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum holders { HOLDERS_NONE, HOLDERS_SOME, HOLDERS_UNKNOWN };

/* Has any process another descriptor of the file that `fd` is open on for reading? */
enum holders holders_of(int fd);

/* The deleted files that programs had open a moment ago. Zeroed: not looked for yet. */
struct lost_files {
    struct lost_file *files;
    size_t count, room;
    bool known;
    int64_t looked_ms;
};

/*
 * Processes that have a database of that name in that directory open, or its log, which was deleted
 * there: what they write is lost, and they see nothing of what is put there now. 1: there are some;
 * their names go to `names` ("python3 (712), hermes (80) and 2 more"). 0: none is known; those that
 * we may not look into are not. -errno: we could not look for lack of memory or descriptors.
 */
int holders_of_deleted(struct lost_files *lost, int directory_fd, const char *name, char *names,
                       size_t room);
void lost_files_clear(struct lost_files *lost);

#endif
