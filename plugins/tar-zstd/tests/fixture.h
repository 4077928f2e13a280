/* SPDX-License-Identifier: Apache-2.0 */
/* Archives in memory, and everything that can be read out of one. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "fake_host.h"
#include "memory_archive.h"

struct item {
    struct hb_entry entry; /* path and link are its own */
    unsigned char *data;
    size_t bytes;
    uint64_t group, token, stored_bytes;
    uint64_t end_bytes; /* what end() said; walk only */
};

/* What a reader delivered. */
struct content {
    struct item *items;
    size_t count;
    bool has_trailer;
    unsigned char *trailer;
    size_t trailer_bytes;
    bool skip; /* answer HB_STATUS_SKIP to every entry */
};

void content_free(struct content *content);

/* Each makes its own instance. `fake->message` has what went wrong. */
int read_by_walk(struct fake_host *fake, struct memory *memory, bool seekable,
                 struct content *content);
int read_by_list(struct fake_host *fake, struct memory *memory, struct content *content);
int read_trailer(struct fake_host *fake, struct memory *memory, struct content *content);

/* Writes with `settings` ("level=1\nframe-size=256K"). */
int write_archive(struct fake_host *fake, const char *settings, struct memory *memory,
                  const struct sample *samples, size_t count, const void *trailer, size_t bytes);

struct sample sample_file(const char *path, const void *data, size_t bytes);
struct sample sample_directory(const char *path);
struct sample sample_link(const char *path, const char *link);

/* Bytes that do not compress, the same for the same seed. */
void *noise(size_t bytes, uint32_t seed);

/* The same entries with the same attributes and data? Prints the first difference. */
bool same_as_samples(const struct content *content, const struct sample *samples, size_t count);
bool same_content(const struct content *left, const struct content *right);

/* A small archive with one of everything, and a trailer. */
void small_archive(struct fake_host *fake, struct memory *memory);

#endif
