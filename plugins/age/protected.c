/* SPDX-License-Identifier: Apache-2.0 */
#include "protected.h"

#include "armor.h"
#include "passphrase.h"
#include "payload.h"
#include "settings.h"
#include "stanzas.h"
#include <stdlib.h>
#include <string.h>

bool protected_is(const struct locked *file)
{
    static const char begin[] = "age-encryption.org/";
    return armor_is(file) ||
           (file->bytes >= strlen(begin) && memcmp(file->data, begin, strlen(begin)) == 0);
}

/* One that is being opened. */
struct opening {
    const struct hb_host *host;
    const struct hb_settings *settings;
    struct secret *passphrase;
    const char *path;
    const struct locked *file; /* no longer as text */
};

static int fail(const struct opening *opening, uint32_t cause, const char *hint, const char *why)
{
    return settings_fail(opening->host, opening->settings, IDENTITY, cause, hint, "%s: %s",
                         opening->path, why);
}

static int damaged(const struct opening *opening, const char *why)
{
    return fail(opening, HB_CAUSE_DAMAGED, NULL, why);
}

static int no_memory(const struct opening *opening)
{
    return opening->host->fail(opening->host, HB_STATUS_FATAL, "out of memory");
}

/* The blocks, in order. False: one of them is not what was sealed. */
static bool open_blocks(const unsigned char *key, const unsigned char *sealed, size_t bytes,
                        struct locked *out)
{
    uint64_t number = 0;
    unsigned char *at = out->data;
    do {
        size_t block = bytes < BLOCK_BYTES + TAG_BYTES ? bytes : BLOCK_BYTES + TAG_BYTES;
        bool last = block == bytes;
        if (!payload_open(key, number++, last, sealed, block, at))
            return false;
        at += block - TAG_BYTES;
        sealed += block;
        bytes -= block;
    } while (bytes > 0);
    out->bytes = (size_t)(at - out->data);
    return true;
}

/* With the file key, and the header that it is of. */
static int open_payload(const struct opening *opening, const struct header *header,
                        const unsigned char *file_key, struct locked *out)
{
    AUTO_KEY key;
    const struct locked *file = opening->file;
    size_t front = header->bytes + NONCE_BYTES;
    if (!header_mac_holds(header, (const char *)file->data, file_key))
        return damaged(opening, "its header is not as it was made");
    if (file->bytes < front + TAG_BYTES)
        return damaged(opening, "it is cut");
    *out = locked_new(file->bytes);
    if (out->data == NULL)
        return no_memory(opening);
    payload_key(file_key, file->data + header->bytes, key.bytes);
    if (open_blocks(key.bytes, file->data + front, file->bytes - front, out))
        return HB_OK;
    locked_free(out);
    return damaged(opening, "it is damaged");
}

static int open_with_passphrase(const struct opening *opening, const struct header *header,
                                struct locked *out)
{
    AUTO_KEY file_key;
    int status;
    const struct locked_by by = {IDENTITY_PASSPHRASE, opening->passphrase, opening->path};
    if (!stanza_is(&header->stanzas[0], SCRYPT))
        return fail(opening, HB_CAUSE_UNSUPPORTED, NULL,
                    "it is sealed for keys, but only one that is sealed with a passphrase can be "
                    "an identity");
    if (*text_setting(opening->settings, IDENTITY_PASSPHRASE) == '\0')
        return fail(opening, HB_CAUSE_AUTHENTICATION,
                    "set identity-passphrase, as file:PATH, env:NAME, command:WORD ... or "
                    "terminal:",
                    "it is sealed with a passphrase, and none is set");
    switch (passphrase_unwrap(opening->host, opening->settings, &by, &header->stanzas[0],
                              file_key.bytes, &status)) {
    case UNWRAPPED_YES:
        return open_payload(opening, header, file_key.bytes, out);
    case UNWRAPPED_NO:
        return fail(opening, HB_CAUSE_AUTHENTICATION, NULL, "identity-passphrase does not open it");
    default:
        return status;
    }
}

static int open_binary(const struct opening *opening, struct locked *out)
{
    struct header *header = calloc(1, sizeof *header);
    struct header_fault fault;
    size_t bytes = opening->file->bytes < HEADER_MOST ? opening->file->bytes : HEADER_MOST;
    int status;
    if (header == NULL)
        return no_memory(opening);
    if (header_read((const char *)opening->file->data, bytes, header, &fault) != HEADER_WELL ||
        stanzas_problem(header) != NULL)
        status = damaged(opening, "its header is damaged");
    else
        status = open_with_passphrase(opening, header, out);
    free(header);
    return status;
}

int protected_open(const struct hb_host *host, const struct hb_settings *settings,
                   struct secret *passphrase, const char *path, const struct locked *file,
                   struct locked *out)
{
    AUTO_LOCKED binary = {0};
    struct opening opening = {host, settings, passphrase, path, file};
    if (armor_is(file)) {
        if (!armor_decode(file, &binary))
            return damaged(&opening, "its armor is damaged");
        opening.file = &binary;
    }
    return open_binary(&opening, out);
}
