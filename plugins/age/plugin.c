/* SPDX-License-Identifier: Apache-2.0 */
/* age: what the host sees. age.h says which file does what. */
#include "age.h"

#include "armor.h"
#include "open.h"
#include "payload.h"
#include "sealing.h"
#include "settings.h"
#include <sodium.h>
#include <stdlib.h>

static void destroy(void *self)
{
    struct age *age = self;
    recipients_free(&age->recipients);
    identities_free(age->settings, &age->identities);
    locked_free(&age->passphrase.text);
    free(age);
}

static int check(const struct hb_host *host, const struct hb_settings *settings)
{
    if (sodium_init() < 0)
        return host->fail(host, HB_STATUS_FATAL, "libsodium finds no random numbers here");
    return settings_check(host, settings) ? HB_OK : HB_STATUS_FATAL;
}

static int create(const struct hb_host *host, const struct hb_settings *settings, void **self)
{
    int status = check(host, settings);
    if (status != HB_OK)
        return status;
    struct age *age = calloc(1, sizeof *age);
    if (age == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    age->host = host;
    age->settings = settings;
    *self = age;
    return HB_OK;
}

static int seal(void *self, void *key, uint64_t number, uint32_t flags, const void *plain,
                size_t bytes, void *sealed)
{
    const struct age *age = self;
    const struct age_key *ours = key;
    bool last = (flags & HB_BLOCK_LAST) != 0;
    if (bytes > BLOCK_BYTES || (!last && bytes != BLOCK_BYTES) || (number > 0 && bytes == 0))
        return age->host->fail(age->host, HB_STATUS_FATAL, "a block of %zu bytes cannot be sealed",
                               bytes);
    payload_seal(ours->payload.data, number, last, plain, bytes, sealed);
    return HB_OK;
}

static int unseal(void *self, void *key, uint64_t number, uint32_t flags, const void *sealed,
                  size_t bytes, void *plain)
{
    const struct age *age = self;
    const struct age_key *ours = key;
    if (payload_open(ours->payload.data, number, (flags & HB_BLOCK_LAST) != 0, sealed, bytes,
                     plain))
        return HB_OK;
    return age->host->fail_as(age->host, HB_STATUS_FATAL, HB_CAUSE_DAMAGED, NULL,
                              "this is not what was sealed here: the file is damaged or was "
                              "changed");
}

static void end(void *self, void *key)
{
    (void)self;
    age_key_free(key);
}

static const char *const suffixes[] = {".age", NULL};

/* Every version, and age files as text, too, so that they are refused in words. */
#define MAGIC(words)                                                                               \
    {                                                                                              \
        .length = sizeof(words) - 1, .bytes = (words)                                              \
    }
static const struct hb_magic magics[] = {MAGIC("age-encryption.org/"), MAGIC(ARMOR_BEGIN), {0}};

static const struct hb_transform_ops ops = {
    .size = sizeof ops,
    .suffixes = suffixes,
    .magics = magics,
    .seal_begin = age_seal_begin,
    .seal = seal,
    .open = age_open,
    .unseal = unseal,
    .end = end,
};

static const struct hb_plugin plugin = {
    .size = sizeof plugin,
    .abi = HB_ABI,
    .kind = HB_KIND_TRANSFORM,
    .host_size = HB_SIZE_TO(struct hb_host, secret_release),
    .name = "age",
    .version = "0.1.0",
    .summary = "Archives sealed as age files, which age(1) opens",
    .options = age_options,
    .option_count = OPTIONS,
    .create = create,
    .destroy = destroy,
    .ops = &ops,
    .check = check,
};

HB_PLUGIN_KIND(HB_KIND_TRANSFORM);

const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
