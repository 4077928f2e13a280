/* SPDX-License-Identifier: Apache-2.0 */
/*
 * toy - a transform for tests of the host: a keyed stream that hides nothing from anybody who looks
 * twice, with a real checksum on every block, and header and blocks of odd lengths. Never use it.
 *
 * `key` is what is sealed with, `open` what is opened with: without the latter the plugin is where
 * only a public key would be. A key refuses to seal a number twice.
 *
 * TOY_FAULT="CALL:NUMBER:KIND" in the environment strikes in the call of that number, from 1:
 * `fail` does nothing and says so; `flip` does it and changes a bit; `layout` says what cannot be;
 * `kill` ends the process.
 */
#define _DEFAULT_SOURCE 1
#include <hbcore/transform.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { SALT = 16, TAG = 19, MAGIC = 13, HEADER = MAGIC + SALT + 8 + 4 + 8, MOST_NUMBERS = 1 << 24 };

static const char magic[] = "toy-sealed 1\n";

struct toy {
    const struct hb_host *host;
    char *key, *open;
    uint32_t block;
    pthread_mutex_t lock;
    char fault_call[16], fault_kind[16];
    unsigned long fault_number, calls;
};

struct key {
    uint64_t secret;
    unsigned char header[HEADER];
    pthread_mutex_t lock;
    unsigned char *sealed; /* a bit for each number; NULL: it only opens */
};

enum { KEY, OPEN, BLOCK, KEYS };

static const struct hb_option *const options[KEYS] = {
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_STRING,
                              .key = "key",
                              .default_text = "",
                              .help = "What is sealed with"},
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_STRING,
                              .key = "open",
                              .default_text = "",
                              .help = "What is opened with; empty: nothing is"},
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_BYTES,
                              .key = "block",
                              .default_text = "4096",
                              .minimum = 1,
                              .maximum = 1 << 24,
                              .help = "Content of a block"},
};

/* ---- a hash and a stream --------------------------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t hash(uint64_t seed, const void *data, size_t bytes)
{
    const unsigned char *from = data;
    uint64_t word, sum = mix(seed ^ bytes);
    for (; bytes >= sizeof word; bytes -= sizeof word, from += sizeof word) {
        memcpy(&word, from, sizeof word);
        sum = (sum ^ word) * UINT64_C(0x9fb21c651e98df25);
        sum ^= sum >> 29;
    }
    word = 0;
    memcpy(&word, from, bytes);
    return mix(sum ^ word);
}

static uint64_t seed_of(const struct key *key, uint64_t number, uint32_t flags)
{
    return mix(mix(key->secret ^ number) + flags);
}

static void stream(uint64_t seed, const unsigned char *from, size_t bytes, unsigned char *to)
{
    for (uint64_t at = 0; bytes > 0; at++) {
        uint64_t word = 0, pad = mix(seed + at);
        size_t part = bytes < sizeof word ? bytes : sizeof word;
        memcpy(&word, from, part);
        word ^= pad;
        memcpy(to, &word, part);
        from += part;
        to += part;
        bytes -= part;
    }
}

static void tag_of(uint64_t seed, const void *plain, size_t bytes, unsigned char tag[TAG])
{
    uint64_t words[3] = {hash(seed, plain, bytes), hash(~seed, plain, bytes), 0};
    words[2] = mix(words[0] ^ words[1]);
    memcpy(tag, words, TAG);
}

/* ---- faults ---------------------------------------------------------------------------------- */

static const char *strike(struct toy *toy, const char *call)
{
    if (toy->fault_number == 0 || strcmp(call, toy->fault_call) != 0)
        return "";
    pthread_mutex_lock(&toy->lock);
    unsigned long number = ++toy->calls;
    pthread_mutex_unlock(&toy->lock);
    if (number != toy->fault_number)
        return "";
    if (strcmp(toy->fault_kind, "kill") == 0)
        raise(SIGKILL);
    return toy->fault_kind;
}

static int is(const char *kind, const char *other)
{
    return strcmp(kind, other) == 0;
}

static int struck(const struct toy *toy)
{
    return toy->host->fail(toy->host, HB_STATUS_FATAL, "struck");
}

/* ---- the key --------------------------------------------------------------------------------- */

static struct key *key_of(const char *text, const unsigned char *header)
{
    struct key *key = calloc(1, sizeof *key);
    if (key == NULL)
        return NULL;
    pthread_mutex_init(&key->lock, NULL);
    memcpy(key->header, header, HEADER);
    key->secret = hash(hash(1, text, strlen(text)), header + MAGIC, SALT);
    return key;
}

static void layout(const unsigned char *header, struct key *key, struct hb_sealing *sealing)
{
    memcpy(&sealing->plain_bytes, header + MAGIC + SALT + 8, 4);
    sealing->extra_bytes = TAG;
    sealing->header_bytes = HEADER;
    sealing->key = key;
}

static void end(void *self, void *own)
{
    struct key *key = own;
    (void)self;
    pthread_mutex_destroy(&key->lock);
    free(key->sealed);
    memset(key, 0, sizeof *key);
    free(key);
}

static int seal_begin(void *self, struct hb_sealing *sealing)
{
    struct toy *toy = self;
    unsigned char header[HEADER];
    const char *kind = strike(toy, "seal_begin");
    if (is(kind, "fail"))
        return struck(toy);
    if (*toy->key == '\0')
        return toy->host->fail_as(toy->host, HB_STATUS_FATAL, HB_CAUSE_NONE,
                                  "set key in its section", "there is no key to seal with");
    memcpy(header, magic, MAGIC);
    if (getrandom(header + MAGIC, SALT, 0) != SALT)
        return toy->host->fail(toy->host, HB_STATUS_FATAL, "no random numbers");
    struct key *key = key_of(toy->key, header);
    if (key == NULL)
        return toy->host->fail(toy->host, HB_STATUS_FATAL, "out of memory");
    uint64_t check = mix(key->secret ^ 0x77);
    memcpy(header + MAGIC + SALT, &check, 8);
    memcpy(header + MAGIC + SALT + 8, &toy->block, 4);
    uint64_t sum = hash(3, header, HEADER - 8);
    memcpy(header + HEADER - 8, &sum, 8);
    memcpy(key->header, header, HEADER);
    key->sealed = calloc(1, MOST_NUMBERS / 8);
    layout(header, key, sealing);
    sealing->header = key->header;
    if (is(kind, "layout"))
        sealing->extra_bytes = 3;
    if (key->sealed != NULL)
        return HB_OK;
    end(self, key);
    return toy->host->fail(toy->host, HB_STATUS_FATAL, "out of memory");
}

static int open_header(void *self, const struct hb_input *input, struct hb_sealing *sealing)
{
    struct toy *toy = self;
    unsigned char header[HEADER];
    uint64_t sum, check;
    if (is(strike(toy, "open"), "fail"))
        return struck(toy);
    int64_t got = input->read_at(input, header, HEADER, 0);
    if (got < 0)
        return (int)got;
    memcpy(&sum, header + HEADER - 8, 8);
    if (got < HEADER || memcmp(header, magic, MAGIC) != 0 || sum != hash(3, header, HEADER - 8))
        return toy->host->fail(toy->host, HB_STATUS_FATAL, "its header is damaged");
    layout(header, NULL, sealing);
    if (*toy->open == '\0')
        return toy->host->fail_as(toy->host, HB_STATUS_NOMATCH, HB_CAUSE_NONE,
                                  "set open in its section", "there is no key to open it with");
    struct key *key = key_of(toy->open, header);
    if (key == NULL)
        return toy->host->fail(toy->host, HB_STATUS_FATAL, "out of memory");
    memcpy(&check, header + MAGIC + SALT, 8);
    sealing->key = key;
    if (check == mix(key->secret ^ 0x77))
        return HB_OK;
    end(self, key);
    sealing->key = NULL;
    return toy->host->fail_as(toy->host, HB_STATUS_NOMATCH, HB_CAUSE_NONE,
                              "set open in its section to the right key",
                              "its key is another one than the one that it was sealed with");
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static int is_new(struct key *key, uint64_t number)
{
    if (key->sealed == NULL || number >= MOST_NUMBERS)
        return 0;
    unsigned char bit = (unsigned char)(1u << number % 8);
    pthread_mutex_lock(&key->lock);
    int new = (key->sealed[number / 8] & bit) == 0;
    key->sealed[number / 8] |= bit;
    pthread_mutex_unlock(&key->lock);
    return new;
}

static int seal(void *self, void *own, uint64_t number, uint32_t flags, const void *plain,
                size_t bytes, void *sealed)
{
    struct toy *toy = self;
    struct key *key = own;
    const char *kind = strike(toy, "seal");
    unsigned char *to = sealed;
    uint32_t block;
    memcpy(&block, key->header + MAGIC + SALT + 8, 4);
    if (is(kind, "fail"))
        return struck(toy);
    if (!is_new(key, number))
        return toy->host->fail(toy->host, HB_STATUS_FATAL, "number %llu is sealed twice",
                               (unsigned long long)number);
    if (bytes > block || (bytes < block && (flags & HB_BLOCK_LAST) == 0))
        return toy->host->fail(toy->host, HB_STATUS_FATAL, "a block of %zu bytes", bytes);
    uint64_t seed = seed_of(key, number, flags);
    stream(seed, plain, bytes, to);
    tag_of(seed, plain, bytes, to + bytes);
    if (is(kind, "flip"))
        to[bytes / 2] ^= 1;
    return HB_OK;
}

static int unseal(void *self, void *own, uint64_t number, uint32_t flags, const void *sealed,
                  size_t bytes, void *plain)
{
    struct toy *toy = self;
    struct key *key = own;
    const unsigned char *from = sealed;
    unsigned char tag[TAG];
    if (is(strike(toy, "unseal"), "fail"))
        return struck(toy);
    uint64_t seed = seed_of(key, number, flags);
    stream(seed, from, bytes - TAG, plain);
    tag_of(seed, plain, bytes - TAG, tag);
    if (memcmp(tag, from + bytes - TAG, TAG) == 0)
        return HB_OK;
    memset(plain, '!', bytes - TAG);
    return toy->host->fail(toy->host, HB_STATUS_FATAL, "its checksum is wrong");
}

/* ---- the plugin ------------------------------------------------------------------------------ */

static void destroy(void *self)
{
    struct toy *toy = self;
    pthread_mutex_destroy(&toy->lock);
    free(toy->key);
    free(toy->open);
    free(toy);
}

static int create(const struct hb_host *host, const struct hb_settings *settings, void **self)
{
    const char *fault = getenv("TOY_FAULT");
    struct toy *toy = calloc(1, sizeof *toy);
    if (toy == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    toy->host = host;
    toy->key = strdup(settings->values[KEY]->text);
    toy->open = strdup(settings->values[OPEN]->text);
    toy->block = (uint32_t)settings->values[BLOCK]->number;
    pthread_mutex_init(&toy->lock, NULL);
    if (fault != NULL && sscanf(fault, "%15[a-z_]:%lu:%15[a-z]", toy->fault_call,
                                &toy->fault_number, toy->fault_kind) != 3)
        toy->fault_number = 0;
    *self = toy;
    if (toy->key != NULL && toy->open != NULL)
        return HB_OK;
    destroy(toy);
    return host->fail(host, HB_STATUS_FATAL, "out of memory");
}

static const char *const suffixes[] = {".toy", NULL};
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
    .host_size = HB_SIZE_TO(struct hb_host, fail_as),
    .name = "toy",
    .version = "1.0",
    .summary = "Seals for tests alone",
    .options = options,
    .option_count = KEYS,
    .create = create,
    .destroy = destroy,
    .ops = &ops,
};

HB_PLUGIN_KIND(HB_KIND_TRANSFORM);

HB_EXPORT const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
