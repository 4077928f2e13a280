/* SPDX-License-Identifier: Apache-2.0 */
/* Clean-up by scope, and allocation that either works or ends the program with a message. */
#ifndef HB_MEMORY_H
#define HB_MEMORY_H

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

static inline void hb_auto_free(void *pointer)
{
    free(*(void **)pointer);
}

static inline void hb_auto_close(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define HB_AUTO_FREE  __attribute__((cleanup(hb_auto_free)))
#define HB_AUTO_CLOSE __attribute__((cleanup(hb_auto_close)))

/*
 * For small things without which nothing can go on (names, settings, tables): never NULL. When
 * memory is out they print one line and exit 1; nothing has been published then, and the next run
 * removes the temporaries. Buffers whose size comes from outside use malloc() and report.
 */
void *hb_alloc(size_t bytes);                             /* zeroed */
void *hb_alloc_aligned(size_t bytes, size_t alignment);   /* the same; a power of two */
void *hb_resize(void *memory, size_t count, size_t each); /* checked multiplication */
char *hb_copy_text(const char *text);
char *hb_copy_bytes(const char *text, size_t bytes); /* and a NUL */
char *hb_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * The first `bytes` of a large array are not read any more: the system gets their pages back, and
 * zeros are what is found there. In steps that are worth it; *done, 0 at first, says how far it is.
 */
void hb_give_back(void *memory, size_t *done, size_t bytes);

#endif
