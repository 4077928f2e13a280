/* SPDX-License-Identifier: Apache-2.0 */
#include "sealing.h"

#include "age.h"
#include "payload.h"
#include "scrypt.h"
#include "settings.h"
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct age_key *age_key_new(void)
{
    struct age_key *key = calloc(1, sizeof *key);
    if (key != NULL)
        key->payload = locked_new(KEY_BYTES);
    if (key == NULL || key->payload.data != NULL)
        return key;
    free(key);
    return NULL;
}

void age_key_free(struct age_key *key)
{
    locked_free(&key->payload);
    free(key->header);
    free(key);
}

static int no_memory(const struct age *age)
{
    return age->host->fail(age->host, HB_STATUS_FATAL, "out of memory");
}

static int wrap_by_passphrase(struct age *age, const unsigned char *file_key,
                              struct header_text *header)
{
    unsigned factor = number_setting(age->settings, WORK_FACTOR);
    const struct locked *text = &age->passphrase.text;
    if (scrypt_wrap(text->data, text->bytes, factor, file_key, header))
        return HB_OK;
    return settings_fail(age->host, age->settings, WORK_FACTOR, HB_CAUSE_BUSY, NULL,
                         "there is no memory for scrypt, which takes %u MiB", (1u << factor) >> 10);
}

static int wrap_for_recipients(struct age *age, const unsigned char *file_key,
                               struct header_text *header)
{
    for (size_t i = 0; i < age->recipients.count; i++)
        if (!x25519_wrap(age->recipients.keys[i], file_key, header))
            return age->host->fail(age->host, HB_STATUS_FATAL,
                                   "recipient %zu is a key that anybody could open", i + 1);
    return HB_OK;
}

/* The header and the nonce behind it, and the key of the payload. */
static int make(struct age *age, bool passphrase, struct header_text *header,
                unsigned char *payload)
{
    AUTO_KEY file_key; /* FILE_KEY_BYTES of it */
    unsigned char nonce[NONCE_BYTES];
    randombytes_buf(file_key.bytes, FILE_KEY_BYTES);
    randombytes_buf(nonce, sizeof nonce);
    if (!header_begin(header, passphrase ? 1 : age->recipients.count, sizeof nonce))
        return no_memory(age);
    int status = passphrase ? wrap_by_passphrase(age, file_key.bytes, header)
                            : wrap_for_recipients(age, file_key.bytes, header);
    if (status != HB_OK)
        return status;
    header_end(header, file_key.bytes);
    memcpy(header->text + header->bytes, nonce, sizeof nonce);
    header->bytes += sizeof nonce;
    payload_key(file_key.bytes, nonce, payload);
    return HB_OK;
}

/* Whom is it sealed for? */
static int prepare(struct age *age, bool passphrase)
{
    if (passphrase)
        return secret_ask(age->host, age->settings, PASSPHRASE, true, &age->passphrase);
    int status = recipients_read(age->host, age->settings, &age->recipients);
    if (status == HB_OK && age->recipients.count == 0)
        status = age->host->fail_as(
            age->host, HB_STATUS_FATAL, HB_CAUSE_NONE,
            "make a key with `age-keygen -o FILE`, keep FILE in a safe place, and set recipient to "
            "the public key that it prints",
            "[%s] names nobody to seal for: neither recipient nor recipients-file nor passphrase",
            age->settings->section);
    return status;
}

int age_seal_begin(void *self, struct hb_sealing *sealing)
{
    struct age *age = self;
    bool passphrase = *text_setting(age->settings, PASSPHRASE) != '\0';
    struct header_text header = {0};
    int status = prepare(age, passphrase);
    if (status != HB_OK)
        return status;
    struct age_key *key = age_key_new();
    if (key == NULL)
        return no_memory(age);
    status = make(age, passphrase, &header, key->payload.data);
    key->header = header.text;
    if (status != HB_OK) {
        age_key_free(key);
        return status;
    }
    sealing->plain_bytes = BLOCK_BYTES;
    sealing->extra_bytes = TAG_BYTES;
    sealing->header_bytes = (uint32_t)header.bytes;
    sealing->key = key;
    sealing->header = header.text;
    return HB_OK;
}
