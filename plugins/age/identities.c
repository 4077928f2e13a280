/* SPDX-License-Identifier: Apache-2.0 */
#include "identities.h"

#include "bech32.h"
#include "file.h"
#include "lines.h"
#include "protected.h"
#include "settings.h"
#include "stanzas.h"
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SECRET "AGE-SECRET-KEY-"

static bool begins_with(const char *text, size_t bytes, const char *words)
{
    size_t length = strlen(words);
    return bytes >= length && memcmp(text, words, length) == 0;
}

/* What a line may be besides. NULL: none of those. */
static const char *not_yet(const char *text, size_t bytes)
{
    if (begins_with(text, bytes, SECRET "PQ-1"))
        return "is a post-quantum key, which this version does not know yet";
    if (begins_with(text, bytes, "AGE-PLUGIN-"))
        return "is the key of a device or of a plugin of age, which this version does not know yet";
    if (begins_with(text, bytes, "-----BEGIN"))
        return "begins an SSH key or one of another program, which this version does not know yet";
    if (begins_with(text, bytes, "age1"))
        return "is a public key, which opens nothing";
    return NULL;
}

struct asked {
    const struct hb_host *host;
    const struct hb_settings *settings;
    struct identities *identities;
};

static int bad_file(const struct asked *asked, const char *path, const char *why)
{
    return settings_fail(asked->host, asked->settings, IDENTITY, HB_CAUSE_NONE, NULL, "%s: %s",
                         path, why);
}

static int bad_line(const struct asked *asked, const char *path, size_t number, const char *why)
{
    return settings_fail(asked->host, asked->settings, IDENTITY, HB_CAUSE_NONE, NULL,
                         "%s: line %zu %s", path, number, why);
}

static size_t count_lines(const struct locked *text)
{
    struct lines lines = {(const char *)text->data, (const char *)text->data + text->bytes, 0};
    const char *line;
    size_t bytes, count = 0;
    while (lines_next(&lines, &line, &bytes))
        count++;
    return count;
}

static int read_keys(const struct asked *asked, const char *path, const struct locked *text,
                     struct identity_file *out)
{
    struct lines lines = {(const char *)text->data, (const char *)text->data + text->bytes, 0};
    size_t count = count_lines(text), bytes;
    const char *line;
    if (count == 0)
        return bad_file(asked, path, "there is no secret key in it");
    AUTO_LOCKED keys = locked_new(count * sizeof(struct identity));
    if (keys.data == NULL)
        return asked->host->fail(asked->host, HB_STATUS_FATAL, "out of memory");
    struct identity *at = (struct identity *)keys.data;
    for (; lines_next(&lines, &line, &bytes); at++) {
        const char *why = not_yet(line, bytes);
        if (why == NULL)
            why = bech32_decode(line, bytes, SECRET, at->secret);
        if (why != NULL)
            return bad_line(asked, path, lines.number, why);
        x25519_recipient(at);
    }
    *out = (struct identity_file){.keys = keys, .count = count};
    keys = (struct locked){0};
    return HB_OK;
}

static int read_file(const struct asked *asked, size_t which)
{
    const char *path = asked->settings->values[IDENTITY]->list[which];
    AUTO_LOCKED file = {0}, plain = {0};
    int status = file_read(asked->host, asked->settings, IDENTITY, path, FILE_SECRET, &file);
    const struct locked *text = &file;
    if (status == HB_OK && protected_is(&file)) {
        status = protected_open(asked->host, asked->settings, &asked->identities->passphrase, path,
                                &file, &plain);
        text = &plain;
    }
    return status != HB_OK ? status
                           : read_keys(asked, path, text, &asked->identities->files[which]);
}

static enum unwrapped ask_one(const struct identity *identity, const struct header *header,
                              unsigned char *file_key)
{
    for (size_t i = 0; i < header->stanza_count; i++) {
        const struct stanza *stanza = &header->stanzas[i];
        enum unwrapped answer =
            stanza_is(stanza, X25519) ? x25519_unwrap(stanza, identity, file_key) : UNWRAPPED_NO;
        if (answer != UNWRAPPED_NO)
            return answer;
    }
    return UNWRAPPED_NO;
}

static enum unwrapped ask_file(const struct asked *asked, const struct identity_file *file,
                               const struct header *header, unsigned char *file_key, int *status)
{
    const struct identity *identities = (const struct identity *)file->keys.data;
    for (size_t i = 0; i < file->count; i++) {
        enum unwrapped answer = ask_one(&identities[i], header, file_key);
        if (answer != UNWRAPPED_NO)
            return answer;
        if (asked->host->cancelled(asked->host)) {
            *status = HB_STATUS_CANCELLED;
            return UNWRAPPED_NO;
        }
    }
    return UNWRAPPED_NO;
}

enum unwrapped identities_unwrap(const struct hb_host *host, const struct hb_settings *settings,
                                 struct identities *identities, const struct header *header,
                                 unsigned char *file_key, int *status)
{
    const struct asked asked = {host, settings, identities};
    size_t count = count_setting(settings, IDENTITY);
    *status = HB_OK;
    if (count == 0 || stanzas_count(header, X25519) == 0)
        return UNWRAPPED_NO;
    if (identities->files == NULL)
        identities->files = calloc(count, sizeof *identities->files);
    if (identities->files == NULL) {
        *status = host->fail(host, HB_STATUS_FATAL, "out of memory");
        return UNWRAPPED_NO;
    }
    for (size_t i = 0; i < count && *status != HB_STATUS_CANCELLED; i++) {
        int read = identities->files[i].keys.data != NULL ? HB_OK : read_file(&asked, i);
        if (read != HB_OK) { /* another one may open it, so that this can wait */
            *status = read;
            continue;
        }
        enum unwrapped answer = ask_file(&asked, &identities->files[i], header, file_key, status);
        if (answer != UNWRAPPED_NO)
            return answer;
    }
    return UNWRAPPED_NO;
}

void identities_free(const struct hb_settings *settings, struct identities *identities)
{
    for (size_t i = 0; identities->files != NULL && i < count_setting(settings, IDENTITY); i++)
        locked_free(&identities->files[i].keys);
    free(identities->files);
    locked_free(&identities->passphrase.text);
    *identities = (struct identities){0};
}
