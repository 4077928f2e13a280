/* SPDX-License-Identifier: Apache-2.0 */
#include "get.h"

#include "list.h"
#include "place.h"
#include "run.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    AHEAD_BYTES = 8 << 20,   /* of what is read in order */
    LEAST_BYTES = 256 << 10, /* of what is not: to start the program costs more */
    WINDOWS = 2
};

struct window {
    uint64_t offset;
    size_t bytes;
    char *data; /* AHEAD_BYTES and a NUL; NULL: nothing was read yet */
};

struct reader {
    char *name;
    char place[PLACE_BYTES];
    struct stat_of said;
    pthread_mutex_t lock;           /* of all below */
    uint64_t next;                  /* where the last range ended */
    struct window windows[WINDOWS]; /* the first is the last that was used */
};

void rclone_close(void *self, void *opened)
{
    struct reader *reader = opened;
    (void)self;
    for (size_t i = 0; i < WINDOWS; i++)
        free(reader->windows[i].data);
    pthread_mutex_destroy(&reader->lock);
    free(reader->name);
    free(reader);
}

int rclone_open(void *self, const char *name, const char *version, void **opened,
                struct hb_object *object)
{
    const struct rclone *rclone = self;
    struct reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return no_memory(rclone);
    pthread_mutex_init(&reader->lock, NULL);
    reader->next = UINT64_MAX;
    reader->name = strdup(name);
    int status =
        reader->name == NULL ? no_memory(rclone) : place_of(rclone, name, false, reader->place);
    if (status == HB_OK)
        status = look_at(rclone, reader->place, &reader->said);
    if (status == HB_OK && version != NULL && strcmp(version, reader->said.version) != 0)
        status = HB_STATUS_NOMATCH;
    if (status != HB_OK) {
        rclone_close(self, reader);
        return status;
    }
    object->name = reader->name;
    object->version = reader->said.version;
    object->bytes = reader->said.bytes;
    object->written = reader->said.written;
    *opened = reader;
    return HB_OK;
}

static int replaced(const struct rclone *rclone)
{
    return rclone->host->fail_as(rclone->host, HB_STATUS_FATAL, HB_CAUSE_NOT_FOUND,
                                 "read it again from the start",
                                 "it was replaced or removed while it was read");
}

/* Nothing pins a version; so it must be the same afterwards. */
static int fetch(const struct rclone *rclone, const struct reader *reader, struct window *window)
{
    char offset[32], count[32];
    struct stat_of now;
    struct hb_child child = {.output = window->data, .output_room = window->bytes + 1};
    snprintf(offset, sizeof offset, "--offset=%" PRIu64, window->offset);
    snprintf(count, sizeof count, "--count=%zu", window->bytes);
    int status = run(rclone, &(struct words){{"cat", offset, count, reader->place}}, &child);
    if (status == HB_OK)
        status = look_at(rclone, reader->place, &now);
    if (status == HB_STATUS_NOMATCH ||
        (status == HB_OK && strcmp(now.version, reader->said.version) != 0))
        return replaced(rclone);
    if (status == HB_OK && child.output_bytes != window->bytes)
        return rclone->host->fail_as(rclone->host, HB_STATUS_FATAL, HB_CAUSE_NETWORK, NULL,
                                     "rclone cat: it gave %" PRIu64 " bytes of %zu",
                                     child.output_bytes, window->bytes);
    return status;
}

/* With the lock: the window that has that byte. */
static int find_window(const struct rclone *rclone, struct reader *reader, uint64_t offset,
                       size_t wanted)
{
    size_t found = 0;
    while (found < WINDOWS - 1 &&
           (offset < reader->windows[found].offset ||
            offset - reader->windows[found].offset >= reader->windows[found].bytes))
        found++;
    struct window window = reader->windows[found];
    memmove(&reader->windows[1], &reader->windows[0], found * sizeof window);
    reader->windows[0] = window;
    struct window *first = &reader->windows[0];
    if (offset >= first->offset && offset - first->offset < first->bytes)
        return HB_OK;
    size_t bytes = offset == reader->next || wanted > AHEAD_BYTES ? AHEAD_BYTES
                   : wanted < LEAST_BYTES                         ? LEAST_BYTES
                                                                  : wanted;
    if (bytes > reader->said.bytes - offset)
        bytes = (size_t)(reader->said.bytes - offset);
    if (first->data == NULL && (first->data = malloc(AHEAD_BYTES + 1)) == NULL)
        return no_memory(rclone);
    first->offset = offset;
    first->bytes = bytes;
    int status = fetch(rclone, reader, first);
    if (status != HB_OK)
        first->bytes = 0;
    else
        reader->next = offset + bytes;
    return status;
}

int64_t rclone_read_at(void *self, void *opened, void *buffer, size_t bytes, uint64_t offset)
{
    struct reader *reader = opened;
    uint64_t length = reader->said.bytes;
    size_t wanted = offset >= length          ? 0
                    : bytes < length - offset ? bytes
                                              : (size_t)(length - offset);
    int status = HB_OK;
    pthread_mutex_lock(&reader->lock);
    for (size_t done = 0; status == HB_OK && done < wanted;) {
        status = find_window(self, reader, offset + done, wanted - done);
        if (status != HB_OK)
            break;
        const struct window *window = &reader->windows[0];
        size_t within = (size_t)(offset + done - window->offset), left = window->bytes - within;
        size_t part = wanted - done < left ? wanted - done : left;
        memcpy((char *)buffer + done, window->data + within, part);
        done += part;
    }
    pthread_mutex_unlock(&reader->lock);
    return status == HB_OK ? (int64_t)wanted : status;
}
