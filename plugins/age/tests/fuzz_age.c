/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an archive whose header is read, as an identity file that is one, as armor, as keys.
 */
#include "age.h"

#include "armor.h"
#include "bech32.h"
#include "blocks.h"
#include "fake_host.h"
#include "lines.h"
#include "protected.h"
#include "recipient.h"
#include "stanzas.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct fake_host fake;
static struct fake_settings *settings;
static void *self;

static void finish(void)
{
    fake_destroy(hb_plugin_v1(), self, settings);
    fake_host_finish(&fake);
}

/* One instance for all of them: its identity is fake.home/key. */
static void begin(void)
{
    static const char key[] =
        "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0";
    char path[300], text[1000];
    if (self != NULL)
        return;
    fake_host_init(&fake);
    snprintf(path, sizeof path, "%s/key", fake.home);
    bytes_to(path, &(const struct bytes){(unsigned char *)(uintptr_t)key, strlen(key)});
    snprintf(text, sizeof text,
             "identity=%s\npassphrase=env:HOME\nidentity-passphrase=env:HOME\n"
             "work-factor=10\nmax-work-factor=10\n",
             path);
    if (fake_create(&fake, hb_plugin_v1(), text, &self, &settings) != HB_OK)
        abort();
    atexit(finish);
}

/* What is read as a header is one whatever stands behind it, and no part of it is one. */
static void as_header(const char *text, size_t bytes)
{
    struct header *one = calloc(1, sizeof *one), *other = calloc(1, sizeof *other);
    struct header_fault fault = {0};
    if (one == NULL || other == NULL)
        abort();
    enum header_answer answer = header_read(text, bytes, one, &fault);
    if (answer == HEADER_WRONG && (fault.why == NULL || fault.line == 0))
        abort();
    if (answer == HEADER_WELL) {
        if (one->bytes > bytes || one->mac_bytes >= one->bytes || one->stanza_count == 0 ||
            header_read(text, one->bytes, other, &fault) != HEADER_WELL ||
            header_read(text, one->bytes - 1, other, &fault) != HEADER_CUT ||
            header_read(text, one->bytes / 2, other, &fault) != HEADER_CUT)
            abort();
        (void)stanzas_problem(one);
    }
    free(one);
    free(other);
}

/* Nobody has sealed it for the key that is there, unless it is of the corpus. */
static void as_archive(const struct bytes *file)
{
    const struct hb_transform_ops *ops = hb_plugin_v1()->ops;
    struct hb_sealing sealing;
    *fake.message = '\0';
    int status = blocks_begin(ops, self, file, &sealing);
    if (status == HB_OK)
        ops->end(self, sealing.key);
    else if (*fake.message == '\0')
        abort();
    for (const char *at = fake.message; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || (unsigned char)*at > '~')
            abort(); /* it is shown, and must not be what stands in the file */
    if (status != HB_OK && status != HB_STATUS_FATAL && status != HB_STATUS_NOMATCH)
        abort();
}

static void as_identity(const struct bytes *file)
{
    const struct locked whole = {file->data, file->count};
    struct locked out = {0};
    struct age *age = self;
    if (protected_is(&whole) &&
        protected_open(age->host, age->settings, &age->identities.passphrase, "FILE", &whole,
                       &out) == HB_OK)
        locked_free(&out);
    if (armor_decode(&whole, &out)) {
        if (out.bytes > file->count)
            abort();
        locked_free(&out);
    }
}

static void as_keys(const char *text, size_t bytes)
{
    struct lines lines = {text, text + bytes, 0};
    const char *line;
    size_t count;
    while (lines_next(&lines, &line, &count)) {
        unsigned char key[32];
        (void)recipient_decode(line, count, key);
        (void)bech32_decode(line, count, "AGE-SECRET-KEY-", key);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    begin();
    /* Exactly as large as it is, so that the sanitizer sees a read beyond the end. */
    struct bytes file = {.data = malloc(bytes > 0 ? bytes : 1), .count = bytes};
    if (file.data == NULL)
        return 0;
    if (bytes > 0)
        memcpy(file.data, data, bytes);
    as_header((const char *)file.data, bytes);
    as_archive(&file);
    as_identity(&file);
    as_keys((const char *)file.data, bytes);
    free(file.data);
    return 0;
}
