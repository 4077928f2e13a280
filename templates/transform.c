/* SPDX-License-Identifier: Apache-2.0 */
/*
 * example - a transform plugin: what archives are sealed with, and opened. This one hides nothing:
 * it shows the frame that a cipher goes into, a header and blocks that each carry a checksum over
 * what they are. hbcore/transform.h is the contract. A section of the configuration selects it:
 *
 *     [transform:mine]
 *     plugin = example
 *
 *     hbcore backup --seal mine -o archive.zip
 */
#define _DEFAULT_SOURCE 1 /* getrandom */
#include <hbcore/transform.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* CHANGE: what no other file begins with. */
static const char magic[] = "example-sealed 1\n";

enum { MAGIC = sizeof magic - 1, ID = 16, HEADER = MAGIC + ID, PLAIN = 65536, TAG = 16 };

/* One for each section that selects the plugin. All state lives here, none in static variables. */
struct transform {
    const struct hb_host *host;
};

/* CHANGE: what a key is. Wipe it in end(). */
struct key {
    unsigned char header[HEADER];
};

static int out_of_memory(const struct transform *transform)
{
    return transform->host->fail(transform->host, HB_STATUS_FATAL, "out of memory");
}

/* FNV-1a. CHANGE: a code that nobody can make without the key. */
static uint64_t sum(uint64_t start, const void *data, size_t bytes)
{
    const unsigned char *at = data;
    for (size_t i = 0; i < bytes; i++)
        start = (start ^ at[i]) * UINT64_C(1099511628211);
    return start;
}

/* Of the key, the number, whether it is the last, the length, and the content. */
static void tag_of(const struct key *key, uint64_t number, uint32_t flags, const void *plain,
                   size_t bytes, unsigned char tag[TAG])
{
    uint64_t words[3] = {number, flags, bytes}, made[2];
    made[0] = sum(UINT64_C(14695981039346656037), key->header, HEADER);
    made[0] = sum(sum(made[0], words, sizeof words), plain, bytes);
    made[1] = sum(made[0], words, sizeof words);
    memcpy(tag, made, TAG);
}

/* What the host needs to know to cut, to seek, and to check lengths. */
static void lay_out(struct key *key, struct hb_sealing *sealing)
{
    sealing->plain_bytes = PLAIN;
    sealing->extra_bytes = TAG;
    sealing->header_bytes = HEADER;
    sealing->key = key;
}

static void end(void *self, void *key)
{
    (void)self;
    free(key);
}

/* ---- sealing ------------------------------------------------------------------------------- */

/* A key that no archive had before. */
static int seal_begin(void *self, struct hb_sealing *sealing)
{
    const struct transform *transform = self;
    struct key *key = calloc(1, sizeof *key);
    if (key == NULL)
        return out_of_memory(transform);
    memcpy(key->header, magic, MAGIC);
    if (getrandom(key->header + MAGIC, ID, 0) != ID) {
        end(self, key);
        return transform->host->fail(transform->host, HB_STATUS_FATAL, "no random numbers");
    }
    lay_out(key, sealing);
    sealing->header = key->header;
    return HB_OK;
}

/* Any thread, several at once: what the key says does not change. */
static int seal(void *self, void *key, uint64_t number, uint32_t flags, const void *plain,
                size_t bytes, void *sealed)
{
    (void)self;
    if (bytes > 0)
        memcpy(sealed, plain, bytes); /* CHANGE: encrypt */
    tag_of(key, number, flags, plain, bytes, (unsigned char *)sealed + bytes);
    return HB_OK;
}

/* ---- opening ------------------------------------------------------------------------------- */

/*
 * CHANGE: a header that is right and that no configured key opens is HB_STATUS_NOMATCH, with the
 * layout filled in.
 */
static int open_header(void *self, const struct hb_input *input, struct hb_sealing *sealing)
{
    const struct transform *transform = self;
    struct key *key = calloc(1, sizeof *key);
    if (key == NULL)
        return out_of_memory(transform);
    int64_t got = input->read_at(input, key->header, HEADER, 0);
    lay_out(key, sealing);
    if (got == HEADER && memcmp(key->header, magic, MAGIC) == 0)
        return HB_OK;
    end(self, key);
    sealing->key = NULL;
    return got < 0
               ? (int)got
               : transform->host->fail(transform->host, HB_STATUS_FATAL, "its header is damaged");
}

static int unseal(void *self, void *key, uint64_t number, uint32_t flags, const void *sealed,
                  size_t bytes, void *plain)
{
    const struct transform *transform = self;
    const unsigned char *from = sealed;
    unsigned char tag[TAG];
    tag_of(key, number, flags, sealed, bytes - TAG, tag);
    if (memcmp(tag, from + bytes - TAG, TAG) != 0)
        return transform->host->fail(transform->host, HB_STATUS_FATAL, "its checksum is wrong");
    if (bytes > TAG)
        memcpy(plain, sealed, bytes - TAG); /* CHANGE: decrypt */
    return HB_OK;
}

/* ---- the plugin ---------------------------------------------------------------------------- */

static int create(const struct hb_host *host, const struct hb_settings *settings, void **self)
{
    struct transform *transform = calloc(1, sizeof *transform);
    (void)settings;
    if (transform == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    transform->host = host;
    *self = transform;
    return HB_OK;
}

static void destroy(void *self)
{
    free(self);
}

/* CHANGE: what stands behind the suffix of the format. */
static const char *const suffixes[] = {".example", NULL};
static const struct hb_magic magics[] = {{0, MAGIC, magic}, {0, 0, NULL}};

static const struct hb_transform_ops ops = {
    .size = sizeof ops,
    .suffixes = suffixes,
    .magics = magics,
    .seal_begin = seal_begin,
    .seal = seal,
    .open = open_header,
    .unseal = unseal,
    .end = end,
};

static const struct hb_plugin plugin = {
    .size = sizeof plugin,
    .abi = HB_ABI,
    .kind = HB_KIND_TRANSFORM,
    .host_size = HB_SIZE_TO(struct hb_host, fail),
    .name = "example", /* the file must be called example.so */
    .version = "0.1",
    .summary = "Puts a checksum on each block, and hides nothing",
    .create = create,
    .destroy = destroy,
    .ops = &ops,
};

/* So that the host need not load it to know it. */
HB_PLUGIN_KIND(HB_KIND_TRANSFORM);

/* The one symbol; hbcore/plugin.h declares it so that it can be seen from outside. */
const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
