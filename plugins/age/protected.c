/* SPDX-License-Identifier: Apache-2.0 */
#include "protected.h"

#include "age.h"
#include "armor.h"
#include "open.h"
#include "payload.h"
#include "scrypt.h"
#include "settings.h"
#include <stdlib.h>
#include <string.h>

bool protected_is(const struct locked *file)
{
    static const char begin[] = "age-encryption.org/";
    return armor_is(file) ||
           (file->bytes >= strlen(begin) && memcmp(file->data, begin, strlen(begin)) == 0);
}

static int fail(const struct age *age, const char *path, uint32_t cause, const char *hint,
                const char *why)
{
    return settings_fail(age->host, age->settings, IDENTITY, cause, hint, "%s: %s", path, why);
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
static int open_payload(const struct age *age, const char *path, const struct locked *file,
                        const struct header *header, const unsigned char *file_key,
                        struct locked *out)
{
    AUTO_KEY key;
    if (!header_mac_holds(header, (const char *)file->data, file_key))
        return fail(age, path, HB_CAUSE_DAMAGED, NULL, "its header is not as it was made");
    if (file->bytes - header->bytes < NONCE_BYTES + TAG_BYTES)
        return fail(age, path, HB_CAUSE_DAMAGED, NULL, "it is cut");
    *out = locked_new(file->bytes);
    if (out->data == NULL)
        return age->host->fail(age->host, HB_STATUS_FATAL, "out of memory");
    payload_key(file_key, file->data + header->bytes, key.bytes);
    size_t front = header->bytes + NONCE_BYTES;
    if (open_blocks(key.bytes, file->data + front, file->bytes - front, out))
        return HB_OK;
    locked_free(out);
    return fail(age, path, HB_CAUSE_DAMAGED, NULL, "it is damaged");
}

static int open_with_passphrase(struct age *age, const char *path, const struct locked *file,
                                const struct header *header, struct locked *out)
{
    AUTO_KEY file_key;
    const struct stanza *stanza = &header->stanzas[0];
    if (!stanza_is(stanza, SCRYPT))
        return fail(age, path, HB_CAUSE_UNSUPPORTED, NULL,
                    "it is sealed for keys, but only one that is sealed with a passphrase can be "
                    "an identity");
    if (*text_setting(age->settings, IDENTITY_PASSPHRASE) == '\0')
        return fail(age, path, HB_CAUSE_AUTHENTICATION,
                    "set identity-passphrase, as file:PATH, env:NAME, command:WORD ... or "
                    "terminal:",
                    "it is sealed with a passphrase, and none is set");
    int status = scrypt_is_allowed(age, stanza, path);
    if (status == HB_OK)
        status = secret_ask(age->host, age->settings, IDENTITY_PASSPHRASE, false,
                            &age->identity_passphrase);
    if (status != HB_OK)
        return status;
    const struct locked *text = &age->identity_passphrase.text;
    switch (scrypt_unwrap(stanza, text->data, text->bytes, file_key.bytes)) {
    case UNWRAPPED_YES:
        return open_payload(age, path, file, header, file_key.bytes, out);
    case UNWRAPPED_NO_MEMORY:
        return fail(age, path, HB_CAUSE_BUSY, NULL, "there is no memory for scrypt");
    default:
        locked_free(&age->identity_passphrase.text); /* it can be typed again */
        return fail(age, path, HB_CAUSE_AUTHENTICATION, NULL,
                    "identity-passphrase does not open it");
    }
}

static int open_binary(struct age *age, const char *path, const struct locked *file,
                       struct locked *out)
{
    struct header *header = calloc(1, sizeof *header);
    struct header_fault fault;
    size_t bytes = file->bytes < HEADER_MOST ? file->bytes : HEADER_MOST;
    int status;
    if (header == NULL)
        return age->host->fail(age->host, HB_STATUS_FATAL, "out of memory");
    if (header_read((const char *)file->data, bytes, header, &fault) != HEADER_WELL ||
        header_stanzas_problem(header) != NULL)
        status = fail(age, path, HB_CAUSE_DAMAGED, NULL, "its header is damaged");
    else
        status = open_with_passphrase(age, path, file, header, out);
    free(header);
    return status;
}

int protected_open(struct age *age, const char *path, const struct locked *file, struct locked *out)
{
    AUTO_LOCKED binary = {0};
    if (!armor_is(file))
        return open_binary(age, path, file, out);
    if (!armor_decode(file, &binary))
        return fail(age, path, HB_CAUSE_DAMAGED, NULL, "its armor is damaged");
    return open_binary(age, path, &binary, out);
}
