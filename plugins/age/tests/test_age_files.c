/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files there and back; that nothing is used twice; passphrases; where secrets lie. */
#define _GNU_SOURCE 1 /* what is beyond C11: memmem, strdup */
#include "instance.h"

#include "bech32.h"
#include "payload.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

enum { BLOCK = 64 << 10, EXTRA = 16, NONCE = 16 };

static struct bytes some_bytes(size_t count)
{
    struct bytes bytes = {.data = malloc(count + 1), .count = count};
    uint32_t next = 1;
    for (size_t i = 0; i < count; i++)
        bytes.data[i] = (unsigned char)((next = next * 1664525 + 1013904223) >> 24);
    return bytes;
}

static void sealed_with(const char *settings, const struct bytes *plain, struct bytes *sealed)
{
    struct instance instance;
    instance_init(&instance, settings);
    assert_int_equal(blocks_seal(instance.ops, instance.self, plain, sealed), HB_OK);
    instance_end(&instance);
}

static void check_opens(const char *settings, const struct bytes *sealed, const struct bytes *plain)
{
    struct instance instance;
    struct bytes out;
    instance_init(&instance, settings);
    int status = blocks_open(instance.ops, instance.self, sealed, &out);
    if (status != HB_OK)
        fail_msg("%d %s", status, instance.fake.message);
    assert_int_equal(out.count, plain->count);
    assert_memory_equal(out.data, plain->data, plain->count);
    bytes_free(&out);
    instance_end(&instance);
}

static void test_there_and_back(void **state)
{
    static const size_t sizes[] = {0,         1,         BLOCK - 1,     BLOCK,
                                   BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 1, 1000000};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct bytes plain = some_bytes(sizes[i]), sealed = {0};
        sealed_with("recipient=" FIRST_PUBLIC " " SECOND_PUBLIC "\n", &plain, &sealed);
        check_opens("identity=$1\n", &sealed, &plain);
        check_opens("identity=$2\n", &sealed, &plain);
        bytes_free(&sealed);
        sealed_with("passphrase=file:$W\nwork-factor=10\n", &plain, &sealed);
        check_opens("passphrase=file:$W\n", &sealed, &plain);
        bytes_free(&sealed);
        bytes_free(&plain);
    }
}

/* Blocks are read back while the archive is still being made. */
static void test_own_blocks_are_read_back(void **state)
{
    struct instance instance;
    struct hb_sealing sealing = {.size = sizeof sealing};
    struct bytes plain = some_bytes(BLOCK);
    unsigned char *sealed = malloc(BLOCK + EXTRA), *back = malloc(BLOCK);
    (void)state;
    instance_init(&instance, "recipient=" FIRST_PUBLIC "\n");
    const struct hb_transform_ops *ops = instance.ops;
    assert_int_equal(ops->seal_begin(instance.self, &sealing), HB_OK);
    assert_int_equal(
        ops->seal(instance.self, sealing.key, UINT64_MAX, 0, plain.data, BLOCK, sealed), HB_OK);
    assert_int_equal(
        ops->unseal(instance.self, sealing.key, UINT64_MAX, 0, sealed, BLOCK + EXTRA, back), HB_OK);
    assert_memory_equal(back, plain.data, BLOCK);
    assert_int_equal(ops->unseal(instance.self, sealing.key, UINT64_MAX, HB_BLOCK_LAST, sealed,
                                 BLOCK + EXTRA, back),
                     HB_STATUS_FATAL);
    assert_int_equal(ops->unseal(instance.self, sealing.key, 7, 0, sealed, BLOCK + EXTRA, back),
                     HB_STATUS_FATAL);
    ops->end(instance.self, sealing.key);
    instance_end(&instance);
    free(sealed);
    free(back);
    bytes_free(&plain);
}

/* Lengths that no block has, on both sides. */
static void test_lengths(void **state)
{
    static const struct {
        uint64_t number;
        uint32_t flags;
        size_t bytes;
    } rows[] = {{0, HB_BLOCK_LAST, 0},          {0, HB_BLOCK_LAST, EXTRA - 1},
                {1, HB_BLOCK_LAST, EXTRA},      {0, 0, EXTRA},
                {0, 0, BLOCK + EXTRA - 1},      {0, 0, BLOCK + EXTRA + 1},
                {0, HB_BLOCK_LAST, BLOCK + 17}, {0, HB_BLOCK_LAST, 2 * BLOCK}};
    struct instance instance;
    struct hb_sealing sealing = {.size = sizeof sealing};
    unsigned char *from = calloc(2, BLOCK), *to = malloc(2 * BLOCK);
    (void)state;
    instance_init(&instance, "recipient=" FIRST_PUBLIC "\n");
    const struct hb_transform_ops *ops = instance.ops;
    assert_int_equal(ops->seal_begin(instance.self, &sealing), HB_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(ops->unseal(instance.self, sealing.key, rows[i].number, rows[i].flags,
                                     from, rows[i].bytes, to),
                         HB_STATUS_FATAL);
    assert_int_equal(ops->seal(instance.self, sealing.key, 0, 0, from, BLOCK - 1, to),
                     HB_STATUS_FATAL);
    assert_int_equal(ops->seal(instance.self, sealing.key, 0, HB_BLOCK_LAST, from, BLOCK + 1, to),
                     HB_STATUS_FATAL);
    ops->end(instance.self, sealing.key);
    instance_end(&instance);
    free(from);
    free(to);
}

/* Blocks of such lengths that somebody has sealed under the right key: it is the length alone. */
static void test_lengths_of_right_blocks(void **state)
{
    static const struct {
        uint64_t number;
        bool last;
        size_t bytes;
        bool opens;
    } rows[] = {
        {0, true, 0, true},           {1, true, 0, false},          {1, true, 1, true},
        {0, false, BLOCK, true},      {0, false, BLOCK - 1, false}, {0, false, 0, false},
        {0, false, BLOCK + 1, false}, {0, true, BLOCK, true},       {0, true, BLOCK + 1, false}};
    static const unsigned char key[32] = {7};
    unsigned char *plain = calloc(1, BLOCK + 1), *sealed = malloc(BLOCK + 1 + EXTRA);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        payload_seal(key, rows[i].number, rows[i].last, plain, rows[i].bytes, sealed);
        bool opens =
            payload_open(key, rows[i].number, rows[i].last, sealed, rows[i].bytes + EXTRA, plain);
        assert_int_equal(opens, rows[i].opens);
    }
    free(plain);
    free(sealed);
}

/* ---- nothing twice --------------------------------------------------------------------------- */

enum { RUNS = 400 };

static int compare(const void *one, const void *other)
{
    return memcmp(one, other, 16);
}

static void check_all_differ(unsigned char (*rows)[16])
{
    qsort(rows, RUNS, sizeof *rows, compare);
    for (int i = 0; i + 1 < RUNS; i++)
        assert_memory_not_equal(rows[i], rows[i + 1], sizeof *rows);
}

/* Of the same content: sixteen bytes of the nonce, of the share, of its body, of the first block.
 */
static void test_nothing_twice(void **state)
{
    static unsigned char nonces[RUNS][16], shares[RUNS][16], bodies[RUNS][16], blocks[RUNS][16];
    struct instance instance;
    struct bytes plain = {.data = (unsigned char *)calloc(1, 64), .count = 64};
    (void)state;
    instance_init(&instance, "recipient=" FIRST_PUBLIC "\n");
    for (int i = 0; i < RUNS; i++) {
        struct bytes sealed = {0};
        assert_int_equal(blocks_seal(instance.ops, instance.self, &plain, &sealed), HB_OK);
        const unsigned char *block = sealed.data + sealed.count - plain.count - EXTRA;
        memcpy(nonces[i], block - NONCE, 16);
        memcpy(blocks[i], block, 16);
        memcpy(shares[i], sealed.data + strlen("age-encryption.org/v1\n-> X25519 "), 16);
        memcpy(bodies[i], sealed.data + strlen("age-encryption.org/v1\n-> X25519 ") + 44, 16);
        bytes_free(&sealed);
    }
    instance_end(&instance);
    check_all_differ(nonces);
    check_all_differ(shares);
    check_all_differ(bodies);
    check_all_differ(blocks);
    bytes_free(&plain);
}

/* By one passphrase: each salt, and so each key that wraps, is another one. */
static void test_salts(void **state)
{
    enum { SALTS = 20, FRONT = sizeof "age-encryption.org/v1\n-> scrypt " - 1 };
    unsigned char salts[SALTS][22];
    struct bytes nothing = {0};
    (void)state;
    for (int i = 0; i < SALTS; i++) {
        struct bytes sealed = {0};
        sealed_with("passphrase=file:$W\nwork-factor=10\n", &nothing, &sealed);
        memcpy(salts[i], sealed.data + FRONT, sizeof salts[i]);
        for (int before = 0; before < i; before++)
            assert_memory_not_equal(salts[before], salts[i], sizeof salts[i]);
        bytes_free(&sealed);
    }
}

/* ---- passphrases ----------------------------------------------------------------------------- */

static int open_with(const char *settings, const struct bytes *sealed, const char *words)
{
    struct instance instance;
    struct bytes out;
    instance_init(&instance, settings);
    int status = blocks_open(instance.ops, instance.self, sealed, &out);
    instance_said(&instance, words);
    instance_end(&instance);
    bytes_free(&out);
    return status;
}

static void test_wrong_passphrases(void **state)
{
    struct bytes plain = some_bytes(10), sealed = {0};
    (void)state;
    sealed_with("passphrase=file:$W\nwork-factor=11\n", &plain, &sealed);
    instance_file("another", 7, 0600);
    assert_int_equal(open_with("passphrase=file:$F\n", &sealed, "does not open it"),
                     HB_STATUS_NOMATCH);
    assert_int_equal(open_with("", &sealed, "and [test] has none"), HB_STATUS_NOMATCH);
    assert_int_equal(open_with("identity=$1\n", &sealed, "sealed with a passphrase"),
                     HB_STATUS_NOMATCH);
    assert_int_equal(open_with("passphrase=env:HBCORE_NOBODY_SETS\n", &sealed, "there is no"),
                     HB_STATUS_NOMATCH);
    assert_int_equal(open_with("passphrase=file:$W\nwork-factor=10\nmax-work-factor=10\n", &sealed,
                               "work factor 11, and max-work-factor is 10"),
                     HB_STATUS_NOMATCH);
    bytes_free(&sealed);
    sealed_with("recipient=" FIRST_PUBLIC "\n", &plain, &sealed);
    assert_int_equal(open_with("passphrase=file:$W\n", &sealed, "sealed for 1 key, and [test]"),
                     HB_STATUS_NOMATCH);
    bytes_free(&sealed);
    bytes_free(&plain);
}

/* What is typed: the words of a test, one after the other. */
static const char *const *typed;
static int asked;

static int type(const struct hb_host *host, const char *key, const char *text,
                struct hb_secret *out)
{
    (void)host;
    assert_string_equal(key, "passphrase");
    assert_string_equal(text, asked % 2 == 0 ? "terminal:" : "terminal:[test] passphrase (again)");
    *out = (struct hb_secret){.size = sizeof *out, .text = strdup(typed[asked++])};
    out->bytes = strlen(out->text);
    return HB_OK;
}

static int seal_typed(const char *const *words, int times)
{
    struct instance instance;
    struct bytes nothing = {0}, sealed = {0};
    instance_init(&instance, "passphrase=terminal:\nwork-factor=10\n");
    instance.fake.host.secret = type;
    typed = words;
    asked = 0;
    int status = HB_OK;
    for (int i = 0; i < times && status == HB_OK; i++) {
        status = blocks_seal(instance.ops, instance.self, &nothing, &sealed);
        bytes_free(&sealed);
    }
    instance_said(&instance, status == HB_OK ? "" : "differ");
    instance_end(&instance);
    return status;
}

static void test_what_is_typed_is_typed_twice(void **state)
{
    static const char *const same[] = {"one", "one", NULL}, *const other[] = {"one", "two", NULL};
    (void)state;
    assert_int_equal(seal_typed(same, 3), HB_OK);
    assert_int_equal(asked, 2); /* and not for each archive again */
    assert_int_equal(seal_typed(other, 1), HB_STATUS_FATAL);
}

static void test_protected_identities(void **state)
{
    struct bytes key = bytes_copy(FIRST_SECRET, strlen(FIRST_SECRET));
    struct bytes plain = some_bytes(10), sealed = {0}, file = {0};
    (void)state;
    sealed_with("recipient=" FIRST_PUBLIC "\n", &plain, &sealed);
    sealed_with("passphrase=file:$W\nwork-factor=12\n", &key, &file);
    instance_file(file.data, file.count, 0600);
    check_opens("identity=$F\nidentity-passphrase=file:$W\n", &sealed, &plain);
    assert_int_equal(open_with("identity=$F\nidentity-passphrase=file:$1\n", &sealed,
                               "identity-passphrase does not open it"),
                     HB_STATUS_NOMATCH);
    assert_int_equal(open_with("identity=$F\n", &sealed, "none is set"), HB_STATUS_NOMATCH);
    assert_int_equal(open_with("identity=$F\nidentity-passphrase=file:$W\nwork-factor=10\n"
                               "max-work-factor=11\n",
                               &sealed, "max-work-factor is 11"),
                     HB_STATUS_NOMATCH);
    unsigned char *mac = memmem(file.data, file.count, "\n--- ", 5);
    mac[10] = mac[10] == 'A' ? 'B' : 'A';
    instance_file(file.data, file.count, 0600);
    assert_int_equal(open_with("identity=$F\nidentity-passphrase=file:$W\n", &sealed,
                               "its header is not as it was made"),
                     HB_STATUS_NOMATCH);
    bytes_free(&file);
    sealed_with("passphrase=file:$W\nwork-factor=12\n", &key, &file);
    file.data[file.count - 1] ^= 1;
    instance_file(file.data, file.count, 0600);
    assert_int_equal(
        open_with("identity=$F\nidentity-passphrase=file:$W\n", &sealed, "it is damaged"),
        HB_STATUS_NOMATCH);
    instance_file(file.data, file.count - 30, 0600);
    assert_int_equal(
        open_with("identity=$F\nidentity-passphrase=file:$W\n", &sealed, "it is damaged"),
        HB_STATUS_NOMATCH);
    bytes_free(&file);
    sealed_with("recipient=" FIRST_PUBLIC "\n", &key, &file);
    instance_file(file.data, file.count, 0600);
    assert_int_equal(
        open_with("identity=$F\nidentity-passphrase=file:$W\n", &sealed, "sealed for keys"),
        HB_STATUS_NOMATCH);
    bytes_free(&file);
    bytes_free(&sealed);
    bytes_free(&plain);
    bytes_free(&key);
}

/* ---- where a secret lies --------------------------------------------------------------------- */

static size_t count_in(const unsigned char *data, size_t bytes, const unsigned char *masked)
{
    size_t count = 0;
    for (size_t i = 0; i + 24 <= bytes; i++) {
        size_t at = 0;
        while (at < 24 && (data[i + at] ^ 0x5a) == masked[at])
            at++;
        count += at == 24;
    }
    return count;
}

/*
 * How often those 24 bytes, each ^ 0x5a, lie in memory that can be written to. Not in the stack:
 * there libsodium and the code around it leave what they like.
 */
static size_t count_in_memory(const unsigned char *masked)
{
    FILE *maps = fopen("/proc/self/maps", "r"), *memory = fopen("/proc/self/mem", "r");
    char line[4096];
    size_t count = 0;
    assert_non_null(maps);
    assert_non_null(memory);
    setvbuf(memory, NULL, _IONBF, 0);
    while (fgets(line, sizeof line, maps) != NULL) {
        char *at;
        unsigned long from = strtoul(line, &at, 16), end = strtoul(at + 1, &at, 16);
        if (at[2] != 'w' || strstr(line, "[stack]") != NULL || end - from > 64ul << 20)
            continue;
        unsigned char *copy = malloc(end - from);
        assert_non_null(copy);
        if (fseek(memory, (long)from, SEEK_SET) == 0) {
            size_t got = fread(copy, 1, end - from, memory);
            count += count_in(copy, got, masked);
            explicit_bzero(copy, end - from);
        }
        free(copy);
    }
    fclose(memory);
    fclose(maps);
    return count;
}

/* The middle of the first secret key. */
static void mask_first(unsigned char *masked)
{
    unsigned char key[32];
    assert_null(bech32_decode(FIRST_SECRET, strlen(FIRST_SECRET), "AGE-SECRET-KEY-", key));
    for (int i = 0; i < 24; i++)
        masked[i] = key[i + 4] ^ 0x5a;
    explicit_bzero(key, sizeof key);
}

static void test_secrets_are_wiped(void **state)
{
    unsigned char masked[24];
    struct instance instance;
    struct bytes nothing = {0}, sealed = {0}, plain;
    (void)state;
    mask_first(masked);
    sealed_with("recipient=" FIRST_PUBLIC "\n", &nothing, &sealed);
    assert_int_equal(count_in_memory(masked), 0);
    instance_init(&instance, "identity=$1\n");
    assert_int_equal(blocks_open(instance.ops, instance.self, &sealed, &plain), HB_OK);
    assert_int_equal(count_in_memory(masked), 1); /* it is kept for the next archive, once */
    instance_end(&instance);
    assert_int_equal(count_in_memory(masked), 0);
    bytes_free(&plain);
    bytes_free(&sealed);
}

static long locked_kilobytes(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    long kilobytes = -1;
    while (fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, "VmLck:", 6) == 0)
            kilobytes = strtol(line + 6, NULL, 10);
    fclose(status);
    return kilobytes;
}

/* Sanitizers make mlock() do nothing, and some machines allow nobody to lock anything. */
static bool can_lock(void)
{
    struct rlimit limit;
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    return false;
#endif
    return getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur >= 64 << 10;
}

static void test_keys_are_locked(void **state)
{
    struct instance instance;
    struct hb_sealing sealing = {.size = sizeof sealing};
    (void)state;
    if (!can_lock())
        skip();
    instance_init(&instance, "recipient=" FIRST_PUBLIC "\n");
    long before = locked_kilobytes();
    assert_int_equal(instance.ops->seal_begin(instance.self, &sealing), HB_OK);
    assert_int_equal(locked_kilobytes() - before, 4);
    instance.ops->end(instance.self, sealing.key);
    assert_int_equal(locked_kilobytes(), before);
    instance_end(&instance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_own_blocks_are_read_back),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_lengths_of_right_blocks),
        cmocka_unit_test(test_nothing_twice),
        cmocka_unit_test(test_salts),
        cmocka_unit_test(test_wrong_passphrases),
        cmocka_unit_test(test_what_is_typed_is_typed_twice),
        cmocka_unit_test(test_protected_identities),
        cmocka_unit_test(test_secrets_are_wiped),
        cmocka_unit_test(test_keys_are_locked),
    };
    return cmocka_run_group_tests(tests, instances_begin, instances_end);
}
