/* SPDX-License-Identifier: Apache-2.0 */
/* Headers and files made in bad faith, beside those of the vectors (tests/age). */
#include "instance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BLOCK = 64 << 10, WHOLE = BLOCK + 16, PLAIN = 3 * BLOCK + 1000, MUTATIONS = 2000 };

/* ---- headers --------------------------------------------------------------------------------- */

#define VERSION "age-encryption.org/v1\n"
#define SHARE   "TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc"
#define BODY    "hjabGXwSLQ9c3S6Lw2i+S2Tu2fiwQHHslbBN6B41FLE\n"
#define STANZA  "-> X25519 " SHARE "\n" BODY
#define END     "--- WyJp9F/9FOZh7gJdheq2WIJcwHgYc8NIVh3ddwhrcNg\n"
#define REST    "0123456789abcdef0123456789abcdef"
#define LINE    "0000000000000000000000000000000000000000000000000000000000000000\n"

static const struct {
    const char *text;
    int status;
    const char *words;
} headers[] = {
    {VERSION STANZA END REST, HB_STATUS_NOMATCH, "no identity"},
    {VERSION STANZA STANZA END REST, HB_STATUS_NOMATCH, "sealed for 2 keys"},
    {VERSION "-> odd a b c\n" LINE LINE "\n" STANZA END REST, HB_STATUS_NOMATCH, "1 key,"},
    {VERSION "-> odd\n\n" END REST, HB_STATUS_NOMATCH, "a kind of key that is not known"},
    {VERSION "-> ssh-rsa x\n\n" END REST, HB_STATUS_NOMATCH, "SSH key"},
    {VERSION "-> mlkem768x25519 x\n\n" END REST, HB_STATUS_NOMATCH, "post-quantum"},
    {VERSION "-> piv-p256 x y\n\n" END REST, HB_STATUS_NOMATCH, "device"},
    {"", HB_STATUS_FATAL, "ends in the middle"},
    {"age-encryption.org/v1", HB_STATUS_FATAL, "ends in the middle"},
    {"age-encryption.org/v2\n" STANZA END REST, HB_STATUS_FATAL, "another version"},
    {"age-encryption.org/v1 \n" STANZA END REST, HB_STATUS_FATAL, "another version"},
    {"age-encryption.org/v1\r\n" STANZA END REST, HB_STATUS_FATAL, "carriage return"},
    {"-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n", HB_STATUS_FATAL, "armor"},
    {"PK\3\4\n", HB_STATUS_FATAL, "another version of age, or none"},
    {VERSION END REST, HB_STATUS_FATAL, "without a stanza"},
    {VERSION "\n" STANZA END REST, HB_STATUS_FATAL, "line 2 is neither"},
    {VERSION "->X25519 " SHARE "\n" BODY END REST, HB_STATUS_FATAL, "line 2 is neither"},
    {VERSION "-> \n" BODY END REST, HB_STATUS_FATAL, "line 2 has an empty argument"},
    {VERSION "->  X25519 " SHARE "\n" BODY END REST, HB_STATUS_FATAL, "empty argument"},
    {VERSION "-> X25519 " SHARE " \n" BODY END REST, HB_STATUS_FATAL, "empty argument"},
    {VERSION "-> X25519\t" SHARE "\n" BODY END REST, HB_STATUS_FATAL, "not allowed"},
    {VERSION "-> odd \x7f\n\n" END REST, HB_STATUS_FATAL, "not allowed"},
    {VERSION "-> odd \xc3\xa4\n\n" END REST, HB_STATUS_FATAL, "not allowed"},
    {VERSION "-> odd a\r\n\n" END REST, HB_STATUS_FATAL, "not allowed"},
    {VERSION "-> odd\n" LINE END REST, HB_STATUS_FATAL, "line 4 is not canonical"},
    {VERSION "-> odd\n0" LINE "\n" END REST, HB_STATUS_FATAL, "longer than 64"},
    {VERSION "-> odd\n0\n" END REST, HB_STATUS_FATAL, "line 3 is not canonical"},
    {VERSION "-> odd\n0B\n" END REST, HB_STATUS_FATAL, "line 3 is not canonical"},
    {VERSION "-> odd\nAA==\n" END REST, HB_STATUS_FATAL, "line 3 is not canonical"},
    {VERSION "-> odd\nAA-_\n" END REST, HB_STATUS_FATAL, "line 3 is not canonical"},
    {VERSION "-> odd\nAAAA\r\n" END REST, HB_STATUS_FATAL, "line 3 is not canonical"},
    {VERSION "-> odd\n\xc1\xc1\xc1\xc1\n" END REST, HB_STATUS_FATAL, "line 3 is not canonical"},
    {VERSION STANZA "---\n" REST, HB_STATUS_FATAL, "no MAC"},
    {VERSION STANZA "----" REST, HB_STATUS_FATAL, "ends in the middle"},
    {VERSION STANZA "--- AAAA\n" REST, HB_STATUS_FATAL, "no MAC"},
    {VERSION STANZA "--- WyJp9F/9FOZh7gJdheq2WIJcwHgYc8NIVh3ddwhrcNh\n" REST, HB_STATUS_FATAL,
     "no MAC"},
    {VERSION STANZA "--- WyJp9F/9FOZh7gJdheq2WIJcwHgYc8NIVh3ddwhrcNg=\n" REST, HB_STATUS_FATAL,
     "no MAC"},
    {VERSION STANZA END "0123456789abcde", HB_STATUS_FATAL, "before the nonce"},
    {VERSION "-> X25519\n" BODY END REST, HB_STATUS_FATAL, "another argument"},
    {VERSION "-> X25519 " SHARE " a\n" BODY END REST, HB_STATUS_FATAL, "another argument"},
    {VERSION "-> X25519 AAAA\n" BODY END REST, HB_STATUS_FATAL, "another argument"},
    {VERSION "-> X25519 " SHARE "\n\n" END REST, HB_STATUS_FATAL, "no body of 32"},
    {VERSION "-> X25519 " SHARE "\n" LINE "\n" END REST, HB_STATUS_FATAL, "no body of 32"},
    {VERSION "-> odd\n\n-> X25519 AAAA\n" BODY END REST, HB_STATUS_FATAL, "another argument"},
    {VERSION "-> scrypt rF0/NwblUHHTpgQgRpe5CQ 18\n" BODY END REST, HB_STATUS_NOMATCH,
     "with a passphrase"},
    {VERSION "-> scrypt rF0/NwblUHHTpgQgRpe5CQ 18\n" BODY STANZA END REST, HB_STATUS_FATAL,
     "does not stand alone"},
    {VERSION STANZA "-> scrypt rF0/NwblUHHTpgQgRpe5CQ 18\n" BODY END REST, HB_STATUS_FATAL,
     "does not stand alone"},
    {VERSION "-> scrypt rF0/NwblUHHTpgQgRpe5CQ 18\n" BODY "-> odd\n\n" END REST, HB_STATUS_FATAL,
     "does not stand alone"},
    {VERSION "-> scrypt rF0/NwblUHHTpgQgRpe5CQ 018\n" BODY END REST, HB_STATUS_FATAL, "no number"},
    {VERSION "-> scrypt rF0/NwblUHHTpgQgRpe5CQ 1x\n" BODY END REST, HB_STATUS_FATAL, "no number"},
    {VERSION "-> scrypt rF0/NwblUHHTpgQgRpe5 18\n" BODY END REST, HB_STATUS_FATAL, "no salt"},
    {VERSION "-> scrypt rF0/NwblUHHTpgQgRpe5CQ\n" BODY END REST, HB_STATUS_FATAL, "number of arg"},
};

static void check_header(const char *text, size_t bytes, int status, const char *words)
{
    struct instance instance;
    struct hb_sealing sealing;
    struct bytes file = bytes_copy(text, bytes);
    file.data[bytes] = '\0'; /* bytes_copy() has room for it */
    instance_init(&instance, "");
    int got = blocks_begin(instance.ops, instance.self, &file, &sealing);
    if (got != status)
        fail_msg("%d in place of %d (%s): %.200s", got, status, instance.fake.message,
                 (const char *)file.data);
    assert_null(sealing.key);
    instance_said(&instance, status == HB_STATUS_NOMATCH && strcmp(words, "no identity") == 0
                                 ? "has no identity"
                                 : words);
    if (status == HB_STATUS_NOMATCH) {
        assert_int_equal(sealing.plain_bytes, BLOCK);
        assert_int_equal(sealing.extra_bytes, 16);
        assert_int_equal(sealing.header_bytes, bytes - 16);
        assert_true(instance.fake.cause != HB_CAUSE_NONE && *instance.fake.hint != '\0');
    }
    instance_end(&instance);
    bytes_free(&file);
}

static void test_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        check_header(headers[i].text, strlen(headers[i].text), headers[i].status, headers[i].words);
}

static struct bytes repeated(const char *stanza, size_t count, const char *end)
{
    size_t front = strlen(VERSION), each = strlen(stanza);
    struct bytes text = {.count = front + count * each + strlen(end)};
    text.data = malloc(text.count);
    assert_non_null(text.data);
    memcpy(text.data, VERSION, front);
    for (size_t i = 0; i < count; i++)
        memcpy(text.data + front + i * each, stanza, each);
    memcpy(text.data + front + count * each, end, strlen(end));
    return text;
}

static void test_how_much(void **state)
{
    static const struct {
        const char *stanza;
        size_t count;
        int status;
        const char *words;
    } rows[] = {
        {STANZA, 128, HB_STATUS_NOMATCH, "sealed for 128 keys"}, /* more than one read of it */
        {STANZA, 129, HB_STATUS_FATAL, "128 are allowed"},
        {"-> odd\n" LINE LINE LINE LINE LINE LINE LINE LINE "\n", 123, HB_STATUS_NOMATCH, "kind"},
        {"-> odd\n" LINE LINE LINE LINE LINE LINE LINE LINE "\n", 124, HB_STATUS_FATAL, "64 KiB"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bytes text = repeated(rows[i].stanza, rows[i].count, END REST);
        check_header((const char *)text.data, text.count, rows[i].status, rows[i].words);
        bytes_free(&text);
    }
    char *line = malloc(200000);
    assert_non_null(line);
    memset(line, 'a', 200000);
    memcpy(line, VERSION "-> ", strlen(VERSION "-> "));
    check_header(line, 200000, HB_STATUS_FATAL, "64 KiB");
    free(line);
}

/* Wherever a header is cut, and whatever stands behind the cut. */
static void test_cut_headers(void **state)
{
    const char *whole = VERSION STANZA END;
    char text[256];
    (void)state;
    for (size_t bytes = 0; bytes < strlen(whole); bytes++) {
        memcpy(text, whole, bytes);
        check_header(text, bytes, HB_STATUS_FATAL, "");
        memset(text + bytes, '\0', 40);
        check_header(text, bytes + 40, HB_STATUS_FATAL, "");
    }
}

/* ---- files that were changed ----------------------------------------------------------------- */

static uint32_t chance_state = 7;

static size_t chance(size_t below)
{
    chance_state ^= chance_state << 13;
    chance_state ^= chance_state >> 17;
    chance_state ^= chance_state << 5;
    return chance_state % below;
}

static struct bytes seal_for_first(const struct bytes *plain)
{
    struct instance instance;
    struct bytes sealed = {0};
    instance_init(&instance, "recipient=" FIRST_PUBLIC "\n");
    assert_int_equal(blocks_seal(instance.ops, instance.self, plain, &sealed), HB_OK);
    instance_end(&instance);
    return sealed;
}

static size_t blocks_at(const struct bytes *sealed)
{
    return sealed->count - PLAIN - 4 * (size_t)16;
}

static void cut(struct bytes *file, size_t bytes)
{
    file->count = bytes < file->count ? bytes : file->count;
}

static void insert(struct bytes *file, size_t at, const void *data, size_t bytes)
{
    struct bytes longer = {.data = malloc(file->count + bytes), .count = file->count + bytes};
    assert_non_null(longer.data);
    memcpy(longer.data, file->data, at);
    memcpy(longer.data + at, data, bytes);
    memcpy(longer.data + at + bytes, file->data + at, file->count - at);
    bytes_free(file);
    *file = longer;
}

/* One of many ways to change a file. `other` is as long, and sealed for the same key. */
static void mutate(struct bytes *file, const struct bytes *other, int which)
{
    size_t front = blocks_at(file), block = chance(4), second = (block + 1 + chance(2)) % 3;
    unsigned char *at = file->data + front + block * WHOLE;
    size_t length = block == 3 ? file->count - front - 3 * (size_t)WHOLE : WHOLE;
    unsigned char some[64];
    struct bytes whole;
    for (size_t i = 0; i < sizeof some; i++)
        some[i] = (unsigned char)chance(256);
    switch (which % 10) {
    case 0: /* a bit of the header or the nonce */
        file->data[chance(front)] ^= (unsigned char)(1u << chance(8));
        break;
    case 1: /* a bit anywhere */
        file->data[chance(file->count)] ^= (unsigned char)(1u << chance(8));
        break;
    case 2: /* a cut at a block's end, or beside it */
        cut(file, front + (block + 1) * (size_t)WHOLE - 20 + chance(20));
        if (file->count == other->count)
            file->count--;
        break;
    case 3: /* a cut exactly there, or anywhere */
        cut(file, chance(2) == 0 ? front + block * WHOLE : chance(file->count));
        break;
    case 4: /* two that are swapped */
        if (block == 3)
            block = (second + 1) % 3;
        for (size_t i = 0; i < WHOLE; i++) {
            unsigned char *one = file->data + front + block * WHOLE + i;
            unsigned char *two = file->data + front + second * WHOLE + i;
            unsigned char kept = *one;
            *one = *two;
            *two = kept;
        }
        break;
    case 5: /* one that stands there twice */
        whole = bytes_copy(at, length);
        insert(file, front + block * WHOLE, whole.data, length);
        bytes_free(&whole);
        break;
    case 6: /* one of another file, at its place */
        memcpy(at, other->data + front + block * WHOLE, length);
        break;
    case 7: /* the header of the other file, with its nonce or without */
        memcpy(file->data, other->data, chance(2) == 0 ? front : front - 16);
        break;
    case 8: /* something in between, or behind */
        insert(file, chance(2) == 0 ? file->count : front + chance(file->count - front), some,
               1 + chance(sizeof some));
        break;
    default: /* a block less in the middle */
        memmove(at, at + length, file->count - (size_t)(at + length - file->data));
        file->count -= length;
        break;
    }
}

static void test_mutations(void **state)
{
    struct bytes plain = {.data = calloc(1, PLAIN), .count = PLAIN}, out;
    struct instance instance;
    int reasons[2] = {0};
    (void)state;
    struct bytes sealed = seal_for_first(&plain), other = seal_for_first(&plain);
    assert_int_equal(sealed.count, other.count);
    instance_init(&instance, "identity=$1\n");
    assert_int_equal(blocks_open(instance.ops, instance.self, &sealed, &out), HB_OK);
    bytes_free(&out);
    for (int i = 0; i < MUTATIONS; i++) {
        struct bytes file = bytes_copy(sealed.data, sealed.count);
        mutate(&file, &other, i);
        assert_false(file.count == sealed.count &&
                     memcmp(file.data, sealed.data, sealed.count) == 0);
        int status = blocks_open(instance.ops, instance.self, &file, &out);
        if (status == HB_OK)
            fail_msg("mutation %d was accepted", i);
        assert_null(out.data);
        reasons[status == HB_STATUS_ENTRY]++;
        instance_said(&instance, "");
        bytes_free(&file);
    }
    assert_true(reasons[0] > MUTATIONS / 20 && reasons[1] > MUTATIONS / 2);
    instance_end(&instance);
    bytes_free(&sealed);
    bytes_free(&other);
    bytes_free(&plain);
}

/* Each bit of a header with two stanzas. */
static void test_each_bit_of_a_header(void **state)
{
    struct instance instance;
    struct bytes nothing = {0}, sealed = {0}, out;
    (void)state;
    instance_init(&instance, "recipient=" FIRST_PUBLIC " " SECOND_PUBLIC "\nidentity=$1\n");
    assert_int_equal(blocks_seal(instance.ops, instance.self, &nothing, &sealed), HB_OK);
    for (size_t bit = 0; bit < sealed.count * 8; bit++) {
        sealed.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        if (blocks_open(instance.ops, instance.self, &sealed, &out) == HB_OK)
            fail_msg("bit %zu", bit);
        sealed.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    assert_int_equal(blocks_open(instance.ops, instance.self, &sealed, &out), HB_OK);
    bytes_free(&out);
    bytes_free(&sealed);
    instance_end(&instance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_how_much),
        cmocka_unit_test(test_cut_headers),
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_each_bit_of_a_header),
    };
    return cmocka_run_group_tests(tests, instances_begin, instances_end);
}
