/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and writing all of something, and copying it. A call that a signal interrupts is made
 * again, unless the signal asks the process to stop: then -EINTR comes back, for a pipe that nobody
 * reads must not keep us.
 */
#ifndef HB_IO_H
#define HB_IO_H

#include <stddef.h>
#include <stdint.h>

/* All bytes, at the descriptor's position or at `offset`. 0 or -errno. */
int hb_write_all(int fd, const void *data, size_t bytes);
int hb_write_all_at(int fd, const void *data, size_t bytes, uint64_t offset);

/* What there is, once. Bytes, 0 at the end, or -errno. */
int64_t hb_read_some(int fd, void *buffer, size_t bytes);
/* All that was asked for, less at the end of the file. Bytes, or -errno. */
int64_t hb_read_all(int fd, void *buffer, size_t bytes);
int64_t hb_read_all_at(int fd, void *buffer, size_t bytes, uint64_t offset);

/* From the start of one file to its end, to the start of the other. 0 or -errno. */
int hb_copy_all(int from, int to);

/*
 * The time of last modification, and no other; of the open file, or of a name in a directory
 * (itself, if it is a link). 0 or -errno.
 */
int hb_set_mtime(int fd, int64_t seconds, uint32_t nanoseconds);
int hb_set_mtime_at(int directory_fd, const char *name, int64_t seconds, uint32_t nanoseconds);

/*
 * Down to the disk, what names a directory holds; the descriptor may be one that only names it
 * (O_PATH). A file system that flushes no directories has done all it can. 0 or -errno.
 */
int hb_flush_directory(int fd);

#endif
