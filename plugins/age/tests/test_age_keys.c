/* SPDX-License-Identifier: Apache-2.0 */
/* Keys as text, what the options say together, and which files of keys are believed. */
#include "instance.h"

#include "bech32.h"
#include "recipient.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- text ------------------------------------------------------------------------------------ */

static void test_every_slip_is_noticed(void **state)
{
    static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7lbi1oQ -";
    unsigned char key[32];
    char text[] = FIRST_PUBLIC;
    size_t length = strlen(text);
    (void)state;
    assert_null(bech32_decode(text, length, "age", key));
    for (size_t i = 0; i < length; i++)
        for (const char *other = alphabet; *other != '\0'; other++) {
            char right = text[i];
            if (*other == right)
                continue;
            text[i] = *other;
            assert_non_null(bech32_decode(text, length, "age", key));
            text[i] = right;
        }
    for (size_t i = 0; i + 1 < length; i++) {
        char one = text[i], other = text[i + 1];
        if (one == other)
            continue;
        text[i] = other, text[i + 1] = one;
        assert_non_null(bech32_decode(text, length, "age", key));
        text[i] = one, text[i + 1] = other;
    }
    for (size_t bytes = 0; bytes < length; bytes++)
        assert_non_null(bech32_decode(text, bytes, "age", key));
    assert_non_null(bech32_decode(text, length + 1, "age", key)); /* its NUL */
}

static void test_case_is_as_it_is_made(void **state)
{
    unsigned char key[32];
    char text[] = FIRST_SECRET;
    (void)state;
    assert_null(bech32_decode(text, strlen(text), "AGE-SECRET-KEY-", key));
    for (char *at = text; *at != '\0'; at++)
        *at = (char)(*at >= 'A' && *at <= 'Z' ? *at + 32 : *at);
    assert_non_null(bech32_decode(text, strlen(text), "AGE-SECRET-KEY-", key));
    assert_non_null(bech32_decode(text, strlen(text), "age-secret-key", key));
}

static void test_recipients(void **state)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {FIRST_PUBLIC, NULL},
        {FIRST_SECRET, "secret key"},
        {"AGE-SECRET-KEY-PQ-1XX", "secret key"},
        {"age1pq1x34nzsvr0rxjsgdn8zg", "post-quantum"},
        {"age1tagpq1m3e4wvp6hzcrn9exhy0", "post-quantum"},
        {"age1tag1qt8lw0ual6avlwmwatk888yqnmdamm7xfd0wak53ut6elz5c4swx2yqdj4e", "device"},
        {"age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t", "device"},
        {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEtf", "SSH"},
        {"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ", "SSH"},
        {"", "begin"},
        {"age", "begin"},
        {"age1", "too short"},
        {"github:somebody", "begin"},
        /* The point whose every multiple is zero: right as text. */
        {"age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z", "anybody"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned char key[32];
        const char *why = recipient_decode(rows[i].text, strlen(rows[i].text), key);
        if (rows[i].why == NULL)
            assert_null(why);
        else if (why == NULL || strstr(why, rows[i].why) == NULL)
            fail_msg("%s: %s", rows[i].text, why == NULL ? "taken" : why);
    }
}

/* ---- the options together -------------------------------------------------------------------- */

static void test_contradictions(void **state)
{
    static const struct {
        const char *settings, *words; /* NULL: they are right */
    } rows[] = {
        {"", NULL},
        {"recipient=" FIRST_PUBLIC "\nidentity=$1\n", NULL},
        {"passphrase=file:$W\nidentity=$1\n", NULL},
        {"passphrase=terminal:\n", NULL},
        {"passphrase=command:pass show age\n", NULL},
        {"passphrase=file:$W\nrecipient=" FIRST_PUBLIC "\n", "not with both"},
        {"passphrase=file:$W\nrecipients-file=$F\n", "not with both"},
        {"passphrase=" WORD "\n", "where the passphrase comes from"},
        {"passphrase=text:" WORD "\n", "where the passphrase comes from"},
        {"identity=$1\nidentity-passphrase=" WORD "\n", "where the passphrase comes from"},
        {"identity-passphrase=file:$W\n", "goes with identity"},
        {"work-factor=20\nmax-work-factor=19\n", "would not open here"},
        {"recipient=" FIRST_PUBLIC " " FIRST_SECRET "\n", "word 2 is a secret key"},
        {"recipient=age1mistyped\n", "word 1"},
        {"identity=key.txt\n", "begin with / or ~/"},
        {"identity=~other/key.txt\n", "begin with / or ~/"},
        {"recipients-file=keys\n", "begin with / or ~/"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct instance instance;
        instance_init(&instance, rows[i].settings);
        assert_int_equal(instance.status, rows[i].words == NULL ? HB_OK : HB_STATUS_FATAL);
        instance_said(&instance, rows[i].words == NULL ? "" : rows[i].words);
        instance_end(&instance);
    }
}

/* ---- files of keys --------------------------------------------------------------------------- */

static int seal_nothing(struct instance *instance)
{
    struct bytes sealed = {0}, nothing = {0};
    int status = blocks_seal(instance->ops, instance->self, &nothing, &sealed);
    bytes_free(&sealed);
    return status;
}

static void check_recipients_file(const char *text, unsigned mode, const char *words)
{
    struct instance instance;
    instance_file(text, strlen(text), mode);
    instance_init(&instance, "recipients-file=$F\n");
    assert_int_equal(instance.status, HB_OK); /* it is not read before it is needed */
    assert_int_equal(seal_nothing(&instance), words == NULL ? HB_OK : HB_STATUS_FATAL);
    instance_said(&instance, words == NULL ? "" : words);
    instance_end(&instance);
}

static void test_files_of_recipients(void **state)
{
    char many[130 * 64] = "";
    (void)state;
    check_recipients_file("# mine\n\n" FIRST_PUBLIC "\r\n" SECOND_PUBLIC, 0644, NULL);
    check_recipients_file("# nobody\n", 0644, "no key in it");
    check_recipients_file("", 0644, "no key in it");
    check_recipients_file("\n" FIRST_PUBLIC "\n" FIRST_SECRET "\n", 0644, "line 3 is a secret key");
    check_recipients_file(FIRST_PUBLIC " \n", 0644, "line 1");
    check_recipients_file(FIRST_PUBLIC "\n", 0664, "others can write to it");
    check_recipients_file(FIRST_PUBLIC "\n", 0646, "others can write to it");
    for (size_t i = 0; i < 130; i++)
        memcpy(many + i * strlen(FIRST_PUBLIC "\n"), FIRST_PUBLIC "\n", strlen(FIRST_PUBLIC "\n"));
    check_recipients_file(many, 0600, NULL); /* one key */
}

static void check_identity(const char *text, unsigned mode, int status, const char *words)
{
    struct instance writer, reader;
    struct bytes sealed = {0}, nothing = {0}, plain;
    instance_init(&writer, "recipient=" FIRST_PUBLIC "\n");
    assert_int_equal(blocks_seal(writer.ops, writer.self, &nothing, &sealed), HB_OK);
    instance_end(&writer);
    instance_file(text, strlen(text), mode);
    instance_init(&reader, "identity=$F\n");
    assert_int_equal(blocks_open(reader.ops, reader.self, &sealed, &plain), status);
    instance_said(&reader, status == HB_OK ? "" : words);
    if (status == HB_OK) {
        assert_int_equal(reader.fake.notes, *words != '\0');
        assert_non_null(strstr(reader.fake.report, words));
    }
    instance_end(&reader);
    bytes_free(&plain);
    bytes_free(&sealed);
}

static void test_files_of_identities(void **state)
{
    (void)state;
    check_identity(FIRST_SECRET, 0600, HB_OK, "");
    check_identity("# created\r\n" SECOND_SECRET "\r\n" FIRST_SECRET "\r\n", 0400, HB_OK, "");
    check_identity(FIRST_SECRET "\n", 0640, HB_OK, "others can read");
    check_identity(FIRST_SECRET "\n", 0604, HB_OK, "others can read");
    check_identity(SECOND_SECRET "\n", 0600, HB_STATUS_NOMATCH, "no identity");
    check_identity("\n", 0600, HB_STATUS_NOMATCH, "no secret key in it");
    check_identity(FIRST_SECRET "x\n", 0600, HB_STATUS_NOMATCH, "line 1");
    check_identity("#\n " FIRST_SECRET "\n", 0600, HB_STATUS_NOMATCH, "line 2");
    check_identity(FIRST_PUBLIC "\n", 0600, HB_STATUS_NOMATCH, "public key");
    check_identity("AGE-SECRET-KEY-PQ-1HZLGZ\n", 0600, HB_STATUS_NOMATCH, "post-quantum");
    check_identity("AGE-PLUGIN-YUBIKEY-17XYYS\n", 0600, HB_STATUS_NOMATCH, "device");
    check_identity("-----BEGIN OPENSSH PRIVATE KEY-----\n", 0600, HB_STATUS_NOMATCH, "SSH");
    check_identity("age-encryption.org/v1\n-> scrypt a b\n", 0600, HB_STATUS_NOMATCH, "header");
    check_identity("-----BEGIN AGE ENCRYPTED FILE-----\n", 0600, HB_STATUS_NOMATCH, "armor");
}

/* A file that is not there says so, unless another one opens the archive. Nothing is wrong with
 * that, whatever is wrong with the file: the host would call it damaged. */
static void test_missing_identities(void **state)
{
    struct instance writer, reader;
    struct bytes sealed = {0}, nothing = {0}, plain;
    (void)state;
    instance_init(&writer, "recipient=" FIRST_PUBLIC "\n");
    assert_int_equal(blocks_seal(writer.ops, writer.self, &nothing, &sealed), HB_OK);
    instance_end(&writer);
    instance_init(&reader, "identity=/nowhere/key $2\n");
    assert_int_equal(blocks_open(reader.ops, reader.self, &sealed, &plain), HB_STATUS_NOMATCH);
    instance_said(&reader, "/nowhere/key: cannot be opened: No such file");
    assert_int_equal(reader.fake.cause, HB_CAUSE_NOT_FOUND);
    instance_end(&reader);
    instance_init(&reader, "identity=/nowhere/key $1\n");
    assert_int_equal(blocks_open(reader.ops, reader.self, &sealed, &plain), HB_OK);
    instance_end(&reader);
    bytes_free(&plain);
    bytes_free(&sealed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_slip_is_noticed),
        cmocka_unit_test(test_case_is_as_it_is_made),
        cmocka_unit_test(test_recipients),
        cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_files_of_recipients),
        cmocka_unit_test(test_files_of_identities),
        cmocka_unit_test(test_missing_identities),
    };
    return cmocka_run_group_tests(tests, instances_begin, instances_end);
}
