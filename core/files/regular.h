/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HB_REGULAR_H
#define HB_REGULAR_H

/*
 * Opens a file whose name somebody else can give to something else at any moment. A FIFO would be
 * waited for, for ever, and a device may do anything: neither is opened, nor is a link followed.
 * `flags` is O_RDONLY or O_RDWR. A descriptor or -errno; -ENOTSUP: it is not a regular file (any
 * more).
 */
int hb_open_regular(int directory_fd, const char *name, int flags);

#endif
