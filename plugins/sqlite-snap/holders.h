/* SPDX-License-Identifier: Apache-2.0 */
/* Which programs have a file open? As far as the kernel tells; see holders.c. */
#ifndef HOLDERS_H
#define HOLDERS_H

#include <stdbool.h>
#include <stddef.h>

enum holders { HOLDERS_NONE, HOLDERS_SOME, HOLDERS_UNKNOWN };

/* Has any process another descriptor of the file that `fd` is open on for reading? */
enum holders holders_of(int fd);

/*
 * Processes that have a database of that name in that directory open, or its log, which was deleted
 * there: what they write is lost, and they see nothing of what is put there now. Their names go to
 * `names` ("python3 (712), hermes (80) and 2 more"). False: none is known; those that we may not
 * look into are not.
 */
bool holders_of_deleted(int directory_fd, const char *name, char *names, size_t room);

#endif
