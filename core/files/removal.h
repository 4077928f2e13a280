/* SPDX-License-Identifier: Apache-2.0 */
/* Removes all that lies below a directory, however deep. */
#ifndef HB_REMOVAL_H
#define HB_REMOVAL_H

/*
 * All entries of an open directory but the one called `except` (NULL: all). What cannot be removed
 * stays, and the rest goes. No link is followed.
 */
void hb_remove_below(int directory_fd, const char *except);

#endif
