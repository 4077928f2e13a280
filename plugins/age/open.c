/* SPDX-License-Identifier: Apache-2.0 */
#include "open.h"

#include "age.h"
#include "armor.h"
#include "passphrase.h"
#include "payload.h"
#include "sealing.h"
#include "settings.h"
#include "stanzas.h"
#include <stdlib.h>
#include <string.h>

enum { FIRST_READ = 4096 }; /* a header of forty recipients; one request to a store */

/* A header that is being read. */
struct opening {
    struct age *age;
    const struct hb_input *input;
    char *text;   /* HEADER_MOST + NONCE_BYTES of room */
    size_t bytes; /* of them that were read */
    struct header *header;
};

static int damaged(const struct opening *opening, const char *why)
{
    return opening->age->host->fail_as(opening->age->host, HB_STATUS_FATAL, HB_CAUSE_DAMAGED, NULL,
                                       "the header of age is damaged: %s", why);
}

/* ---- the text -------------------------------------------------------------------------------- */

/* Up to `wanted` bytes in all. */
static int read_more(struct opening *opening, size_t wanted)
{
    if (opening->input->bytes < wanted)
        wanted = (size_t)opening->input->bytes;
    if (wanted <= opening->bytes)
        return HB_OK;
    int64_t got = opening->input->read_at(opening->input, opening->text + opening->bytes,
                                          wanted - opening->bytes, opening->bytes);
    if (got < 0)
        return (int)got;
    opening->bytes += (size_t)got;
    return opening->bytes == wanted ? HB_OK : damaged(opening, "the file has become shorter");
}

static int tell_fault(const struct opening *opening, const struct header_fault *fault)
{
    const struct hb_host *host = opening->age->host;
    const struct locked text = {(unsigned char *)opening->text, opening->bytes};
    if (armor_is(&text))
        return host->fail_as(host, HB_STATUS_FATAL, HB_CAUSE_UNSUPPORTED,
                             "open it with `age -d`, or take the text off it first",
                             "is an age file as text (armor): an archive is one of bytes");
    return host->fail_as(host, HB_STATUS_FATAL,
                         fault->line == 1 ? HB_CAUSE_UNSUPPORTED : HB_CAUSE_DAMAGED, NULL,
                         "the header of age is damaged: line %zu %s", fault->line, fault->why);
}

static enum header_answer parse(const struct opening *opening, struct header_fault *fault)
{
    size_t bytes = opening->bytes < HEADER_MOST ? opening->bytes : HEADER_MOST;
    return header_read(opening->text, bytes, opening->header, fault);
}

/* All of the header, and the nonce behind it. */
static int read_header(struct opening *opening)
{
    struct header_fault fault = {0};
    int status = read_more(opening, FIRST_READ);
    if (status != HB_OK)
        return status;
    enum header_answer answer = parse(opening, &fault);
    if (answer == HEADER_CUT) {
        status = read_more(opening, HEADER_MOST + NONCE_BYTES);
        if (status != HB_OK)
            return status;
        answer = parse(opening, &fault);
    }
    if (answer == HEADER_CUT)
        return damaged(opening, opening->bytes < HEADER_MOST ? "the file ends in the middle of it"
                                                             : "it is longer than 64 KiB");
    if (answer == HEADER_WRONG)
        return tell_fault(opening, &fault);
    const char *problem = stanzas_problem(opening->header);
    if (problem != NULL)
        return damaged(opening, problem);
    size_t front = opening->header->bytes + NONCE_BYTES;
    if (opening->input->bytes < front)
        return damaged(opening, "the file ends before the nonce");
    return read_more(opening, front);
}

/* ---- the file key ---------------------------------------------------------------------------- */

static int by_passphrase(const struct opening *opening, unsigned char *file_key)
{
    struct age *age = opening->age;
    const struct hb_host *host = age->host;
    const struct stanza *stanza = &opening->header->stanzas[0];
    if (*text_setting(age->settings, PASSPHRASE) == '\0')
        return host->fail_as(host, HB_STATUS_NOMATCH, HB_CAUSE_AUTHENTICATION,
                             "set passphrase, as file:PATH, env:NAME, command:WORD ... or "
                             "terminal:",
                             "is sealed with a passphrase, and [%s] has none",
                             age->settings->section);
    const struct locked_by by = {.option = PASSPHRASE, .secret = &age->passphrase};
    int status;
    switch (passphrase_unwrap(host, age->settings, &by, stanza, file_key, &status)) {
    case UNWRAPPED_YES:
        return HB_OK;
    case UNWRAPPED_NO:
        return host->fail_as(host, HB_STATUS_NOMATCH, HB_CAUSE_AUTHENTICATION,
                             "set passphrase to the one that it was sealed with",
                             "the passphrase of [%s] does not open it", age->settings->section);
    default:
        return status;
    }
}

/* Nobody here opens it: why? */
static int tell_nobody(const struct opening *opening)
{
    static const struct {
        const char *type, *what;
    } others[] = {
        {"ssh-ed25519", "an SSH key"},
        {"ssh-rsa", "an SSH key"},
        {"mlkem768x25519", "a post-quantum key"},
        {"mlkem768p256tag", "a post-quantum key of a device"},
        {"p256tag", "a key of a device"},
        {"piv-p256", "a key of a device"},
    };
    const struct age *age = opening->age;
    const struct hb_host *host = age->host;
    size_t keys = stanzas_count(opening->header, X25519);
    if (keys > 0 && count_setting(age->settings, IDENTITY) > 0)
        return host->fail_as(
            host, HB_STATUS_NOMATCH, HB_CAUSE_AUTHENTICATION,
            "set identity to the file with the secret key that it was sealed for",
            "no identity of [%s] opens it: it is sealed for another key, or its header is "
            "damaged",
            age->settings->section);
    if (keys > 0)
        return host->fail_as(host, HB_STATUS_NOMATCH, HB_CAUSE_AUTHENTICATION,
                             "set identity to the file with the secret key",
                             "is sealed for %zu key%s, and [%s] has no identity", keys,
                             keys == 1 ? "" : "s", age->settings->section);
    const char *what = "a kind of key that is not known";
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (stanzas_count(opening->header, others[i].type) > 0)
            what = others[i].what;
    return host->fail_as(host, HB_STATUS_NOMATCH, HB_CAUSE_UNSUPPORTED,
                         "open it with a program that knows that key (`age -d`)",
                         "is sealed for %s, which this version does not open yet", what);
}

/*
 * HB_STATUS_NOMATCH is told, too. It is the answer to all that is wrong here and not with the
 * archive: a key file that is on no disk now must not make damaged ones of all archives.
 */
static int find_file_key(const struct opening *opening, unsigned char *file_key)
{
    if (stanza_is(&opening->header->stanzas[0], SCRYPT))
        return by_passphrase(opening, file_key);
    struct age *age = opening->age;
    int status;
    switch (identities_unwrap(age->host, age->settings, &age->identities, opening->header, file_key,
                              &status)) {
    case UNWRAPPED_YES:
        return HB_OK;
    case UNWRAPPED_NO:
        return status == HB_OK                 ? tell_nobody(opening)
               : status == HB_STATUS_CANCELLED ? status
                                               : HB_STATUS_NOMATCH;
    default:
        return damaged(opening, "the share of a stanza X25519 is one that everybody can open");
    }
}

/* ---------------------------------------------------------------------------------------------- */

static int open_key(const struct opening *opening, struct hb_sealing *sealing)
{
    AUTO_KEY file_key;
    int status = find_file_key(opening, file_key.bytes);
    if (status != HB_OK)
        return status;
    if (!header_mac_holds(opening->header, opening->text, file_key.bytes))
        return damaged(opening, "its MAC is wrong, so that it is not as it was made");
    struct age_key *key = age_key_new();
    if (key == NULL)
        return opening->age->host->fail(opening->age->host, HB_STATUS_NOMATCH, "out of memory");
    payload_key(file_key.bytes, (unsigned char *)opening->text + opening->header->bytes,
                key->payload.data);
    sealing->key = key;
    return HB_OK;
}

static int open_header(struct opening *opening, struct hb_sealing *sealing)
{
    int status = read_header(opening);
    if (status != HB_OK)
        return status;
    sealing->plain_bytes = BLOCK_BYTES;
    sealing->extra_bytes = TAG_BYTES;
    sealing->header_bytes = (uint32_t)(opening->header->bytes + NONCE_BYTES);
    sealing->header = NULL;
    return open_key(opening, sealing);
}

int age_open(void *self, const struct hb_input *input, struct hb_sealing *sealing)
{
    struct opening opening = {.age = self,
                              .input = input,
                              .text = malloc(HEADER_MOST + NONCE_BYTES),
                              .header = calloc(1, sizeof *opening.header)};
    int status = opening.text == NULL || opening.header == NULL
                     ? opening.age->host->fail(opening.age->host, HB_STATUS_FATAL, "out of memory")
                     : open_header(&opening, sealing);
    free(opening.text);
    free(opening.header);
    return status;
}
