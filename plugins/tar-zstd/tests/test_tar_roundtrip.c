/* SPDX-License-Identifier: Apache-2.0 */
/* What is written is read back the same, by one pass and by index, from a file and from a pipe. */
#include "fixture.h"
#include "tar_header.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct fake_host));
    fake_host_init(*state);
    return 0;
}

static int teardown(void **state)
{
    fake_host_finish(*state);
    free(*state);
    return 0;
}

#define assert_status(fake, actual, expected)                                                      \
    do {                                                                                           \
        int got_status = (actual);                                                                 \
        if (got_status != (expected))                                                              \
            fail_msg("status %d, not %d: %s", got_status, (expected), (fake)->message);            \
    } while (0)

static void roundtrip(struct fake_host *fake, const char *settings, const struct sample *samples,
                      size_t count)
{
    struct memory memory;
    struct content content = {0};
    memory_init(&memory, true);
    assert_status(fake, write_archive(fake, settings, &memory, samples, count, "T\0T", 3), HB_OK);
    assert_status(fake, read_by_list(fake, &memory, &content), HB_OK);
    assert_true(same_as_samples(&content, samples, count));
    content_free(&content);
    for (int seekable = 0; seekable < 2; seekable++) {
        assert_status(fake, read_by_walk(fake, &memory, seekable, &content), HB_OK);
        assert_true(same_as_samples(&content, samples, count));
        assert_true(content.has_trailer);
        assert_int_equal(content.trailer_bytes, 3);
        assert_memory_equal(content.trailer, "T\0T", 3);
        content_free(&content);
    }
    assert_status(fake, read_trailer(fake, &memory, &content), HB_OK);
    assert_int_equal(content.trailer_bytes, 3);
    assert_memory_equal(content.trailer, "T\0T", 3);
    content_free(&content);
    memory_free(&memory);
}

static void empty_archive(void **state)
{
    roundtrip(*state, "", NULL, 0);
}

static void no_trailer(void **state)
{
    struct fake_host *fake = *state;
    struct memory memory;
    struct content content = {0};
    struct sample sample = sample_file("f", "x", 1);
    memory_init(&memory, false);
    assert_status(fake, write_archive(fake, "", &memory, &sample, 1, NULL, 0), HB_OK);
    assert_status(fake, read_trailer(fake, &memory, &content), HB_STATUS_NOMATCH);
    assert_status(fake, read_by_walk(fake, &memory, false, &content), HB_OK);
    assert_false(content.has_trailer);
    content_free(&content);
    assert_status(fake, read_by_list(fake, &memory, &content), HB_OK);
    assert_true(same_as_samples(&content, &sample, 1));
    content_free(&content);
    memory_free(&memory);
}

static void kinds(void **state)
{
    struct sample samples[] = {
        sample_directory("dir"),
        sample_file("dir/empty", NULL, 0),
        sample_link("dir/link", "../elsewhere"),
        sample_link("dir/loop", "dir"),
        sample_file("dir/block", NULL, 0),
        sample_directory("dir/sub"),
        sample_file("hard", NULL, 0),
    };
    unsigned char *block = noise(512, 1);
    samples[4] = sample_file("dir/block", block, 512);
    samples[6].entry.type = HB_TYPE_HARDLINK;
    samples[6].entry.link = "dir/block";
    roundtrip(*state, "", samples, sizeof samples / sizeof *samples);
    free(block);
}

static void many_small_entries(void **state)
{
    enum { COUNT = 3000 };
    static char paths[COUNT][64];
    struct sample *samples = calloc(COUNT, sizeof *samples);
    unsigned char *data = noise(COUNT, 2);
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(paths[i], sizeof paths[i], "some/directory/%zu/file-%05zu.json", i % 17, i);
        samples[i] = sample_file(paths[i], data, i);
    }
    roundtrip(*state, "frame-size=1M", samples, COUNT);

    struct fake_host *fake = *state;
    struct memory memory;
    struct content content = {0};
    memory_init(&memory, true);
    assert_status(fake, write_archive(fake, "frame-size=1M", &memory, samples, COUNT, "T", 1),
                  HB_OK);
    assert_status(fake, read_by_list(fake, &memory, &content), HB_OK);
    size_t groups = 0;
    uint64_t stored = 0;
    for (size_t i = 0; i < content.count; i++) {
        bool first = i == 0 || content.items[i].group != content.items[i - 1].group;
        groups += first;
        stored += content.items[i].stored_bytes;
        assert_int_equal(first, content.items[i].stored_bytes != 0);
        if (i > 0)
            assert_true(content.items[i].group >= content.items[i - 1].group);
    }
    assert_in_range(groups, 4, 12); /* entries share frames, and not all the same one */
    assert_in_range(stored, memory.bytes / 2, memory.bytes);
    content_free(&content);
    memory_free(&memory);
    free(samples);
    free(data);
}

static void sizes_around_the_frame(void **state)
{
    const size_t frame = 256 << 10;
    const size_t sizes[] = {0,           1,           511,         512,       513,
                            frame - 1,   frame,       frame + 1,   2 * frame, 5 * frame + 777,
                            frame - 512, frame + 512, frame - 1024};
    enum { COUNT = sizeof sizes / sizeof *sizes };
    char paths[COUNT][32];
    struct sample samples[COUNT];
    unsigned char *data = noise(6 * frame, 3);
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(paths[i], sizeof paths[i], "file-%zu", sizes[i]);
        samples[i] = sample_file(paths[i], data, sizes[i]);
    }
    roundtrip(*state, "frame-size=256K", samples, COUNT);
    roundtrip(*state, "frame-size=256K\nlevel=-7", samples, COUNT);
    roundtrip(*state, "frame-size=256K\nlevel=19", samples, 5);
    free(data);
}

static void names(void **state)
{
    static char long_name[5001], exact[101], prefix[257], deep[400], bad[300], wide[3001];
    memset(long_name, 'n', 5000);
    memset(exact, 'e', 100);
    memset(prefix, 'p', 256);
    prefix[155] = '/';
    memset(deep, 'd', 398);
    deep[200] = '/';
    memset(bad, '\xe9', 299);
    for (size_t i = 0; i < 3000; i += 2)
        memcpy(wide + i, "\xc3\xa4", 2);
    const char *paths[] = {
        "plain",
        "with space",
        "new\nline",
        "tab\tand\\backslash",
        "umlaut-\xc3\xa4",
        "combining-e\xcc\x81", /* must not be normalised */
        "kana-\xe3\x83\x8f\xe3\x82\x9a",
        "hangul-\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab",
        "emoji-\xf0\x9f\x98\x80",
        "latin1-\xe9",
        "cut-\xe2\x82",
        "overlong-\xc0\xaf",
        "surrogate-\xed\xa0\x80",
        "\xff\xfe",
        long_name,
        exact,
        prefix,
        deep,
        bad,
        wide,
        "eq=ual",
        "12 path=evil\n",
        "-dash",
        "~",
        "...",
        "a/./b",
    };
    enum { COUNT = sizeof paths / sizeof *paths };
    struct sample samples[3 * COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        samples[3 * i] = sample_file(paths[i], "x", 1);
        samples[3 * i + 1] = sample_directory(paths[i]);
        samples[3 * i + 2] = sample_link(paths[i], paths[COUNT - 1 - i]);
    }
    roundtrip(*state, "", samples, 3 * COUNT);
}

/* Every split of prefix and name that ustar has, and those just beyond. */
static void path_lengths(void **state)
{
    for (size_t slash = 0; slash < 260; slash += 3) {
        static char paths[300][301];
        struct sample samples[600];
        size_t count = 0;
        for (size_t bytes = 90; bytes < 270; bytes += 1) {
            char *path = paths[bytes];
            memset(path, 'a', bytes);
            path[bytes] = '\0';
            if (slash > 0 && slash < bytes - 1)
                path[slash] = '/';
            samples[count++] = sample_directory(path);
            samples[count++] = sample_file(path, NULL, 0);
        }
        roundtrip(*state, "level=-7", samples, count);
    }
}

static void times_and_modes(void **state)
{
    static const struct timespec times[] = {
        {0, 0},          {0, 1},
        {-1, 0},         {-1, 500000000},
        {-2, 500000000}, {-1, 999999999},
        {-2, 1},         {-100000000000, 123},
        {1700000000, 1}, {1700000000, 999999999},
        {8589934591, 0}, {8589934592, 0},
        {8589934592, 5}, {253402300800, 0},
        {1, 100000000},
    };
    enum { TIMES = sizeof times / sizeof *times, MODES = 64 };
    static char paths[TIMES + MODES + 4][16];
    struct sample samples[TIMES + MODES + 4];
    size_t count = 0;
    for (size_t i = 0; i < TIMES + MODES + 4; i++) {
        snprintf(paths[i], sizeof paths[i], "f%zu", i);
        samples[i] = sample_file(paths[i], NULL, 0);
    }
    for (; count < TIMES; count++)
        samples[count].entry.mtime = times[count];
    for (size_t i = 0; i < MODES; i++)
        samples[count++].entry.mode = (uint32_t)(i * 0101 + (i & 7) * 01000) & 07777;
    static const uint32_t owners[][2] = {{0, 0}, {1000, 1000}, {2097151, 2097152}, {4294967294, 7}};
    for (size_t i = 0; i < 4; i++) {
        samples[count].entry.flags |= HB_ENTRY_HAS_OWNER;
        samples[count].entry.uid = owners[i][0];
        samples[count++].entry.gid = owners[i][1];
    }
    roundtrip(*state, "", samples, count);
}

static void same_bytes_again(void **state)
{
    struct fake_host *fake = *state;
    struct memory first, second;
    small_archive(fake, &first);
    small_archive(fake, &second);
    assert_int_equal(first.bytes, second.bytes);
    assert_memory_equal(first.data, second.data, first.bytes);
    memory_free(&first);
    memory_free(&second);
}

static void skipped_entries(void **state)
{
    struct fake_host *fake = *state;
    unsigned char *data = noise(3 << 20, 4);
    struct sample samples[] = {sample_file("big", data, 3 << 20), sample_file("small", "s", 1)};
    struct memory memory;
    struct content content = {.skip = true};
    memory_init(&memory, false);
    assert_status(fake, write_archive(fake, "frame-size=1M", &memory, samples, 2, "T", 1), HB_OK);
    assert_status(fake, read_by_walk(fake, &memory, false, &content), HB_OK);
    assert_int_equal(content.count, 2);
    assert_int_equal(content.items[0].bytes, 0);
    assert_true(content.has_trailer);
    content_free(&content);
    memory_free(&memory);
    free(data);
}

static void assert_foretold(const struct hb_entry *entry)
{
    struct tar_buffer header = {0};
    int error = tar_header_encode(entry, &header);
    assert_int_equal(tar_header_bytes(entry), error == 0 ? header.bytes : 0);
    tar_buffer_free(&header);
}

/* The length of a header is known without making it. */
static void length_of_headers(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {0, 1, 8589934591, 8589934592, UINT64_C(1) << 62, UINT64_MAX};
    static const time_t times[] = {0, 1, -1, -10, 8589934591, 8589934592, INT64_MAX, INT64_MIN};
    static const long fractions[] = {0, 1, 999999999, -1, 1000000000};
    static const uint32_t ids[] = {0, 2097151, 2097152, 9999999, 10000000, UINT32_MAX};
    static const char *const letters[] = {"x", "/", "\xc3\xa4", "\xff", "xxxxxxxxxxxxxxxxxxxx/"};
    char path[TAR_NAME_LIMIT + 8] = "";
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t j = 0; j < sizeof ids / sizeof *ids; j++)
            for (size_t k = 0; k < sizeof times / sizeof *times; k++)
                for (size_t l = 0; l < sizeof fractions / sizeof *fractions; l++) {
                    struct sample sample = sample_file("file", NULL, 0);
                    sample.entry.bytes = sizes[i];
                    sample.entry.flags |= HB_ENTRY_HAS_OWNER | HB_ENTRY_HAS_MTIME;
                    sample.entry.uid = ids[j];
                    sample.entry.gid = ids[sizeof ids / sizeof *ids - 1 - j];
                    sample.entry.mtime = (struct timespec){times[k], fractions[l]};
                    assert_foretold(&sample.entry);
                }
    for (uint32_t type = 0; type <= HB_TYPE_HARDLINK + 1; type++)
        for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
            for (size_t length = 0; length < sizeof path - 24; length += length < 1200 ? 1 : 997) {
                struct sample sample = sample_file(path, NULL, 0);
                size_t unit = strlen(letters[i]);
                for (size_t at = 0; at < length; at++)
                    path[at] = letters[i][at % unit];
                path[length] = '\0';
                sample.entry.type = type;
                sample.entry.path_bytes = length;
                assert_foretold(&sample.entry);
                sample.entry.link = path;
                assert_foretold(&sample.entry);
            }
}

/* The size of a file that no test can hold; its data is missing, so the archive is refused. */
static void huge_size(void **state)
{
    struct fake_host *fake = *state;
    static const uint64_t sizes[] = {8589934591, 8589934592, UINT64_C(30) << 30, UINT64_C(1) << 62};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct sample sample = sample_file("huge", NULL, 0);
        struct tar_buffer header = {0};
        struct memory memory;
        struct content content = {.skip = true};
        sample.entry.bytes = sizes[i];
        assert_int_equal(tar_header_encode(&sample.entry, &header), 0);
        memory_init(&memory, true);
        memory.sink.write(&memory.sink, header.data, header.bytes);
        assert_status(fake, read_by_walk(fake, &memory, false, &content), HB_STATUS_FATAL);
        assert_int_equal(content.count, 1);
        assert_int_equal(content.items[0].entry.bytes, sizes[i]);
        content_free(&content);
        memory_free(&memory);
        tar_buffer_free(&header);
    }
}

static void refused_entries(void **state)
{
    struct fake_host *fake = *state;
    struct memory memory;
    struct sample samples[] = {sample_file("socket", NULL, 0), sample_file("time", NULL, 0),
                               sample_file("long", NULL, 0)};
    char *path = calloc(1, 70000);
    memset(path, 'x', 69999);
    samples[0].entry.type = HB_TYPE_SPECIAL;
    samples[1].entry.mtime.tv_nsec = 1000000000;
    samples[2].entry.path = path;
    samples[2].entry.path_bytes = 69999;
    for (size_t i = 0; i < 3; i++) {
        memory_init(&memory, true);
        fake->message[0] = '\0';
        assert_status(fake, write_archive(fake, "", &memory, &samples[i], 1, NULL, 0),
                      HB_STATUS_FATAL);
        assert_string_not_equal(fake->message, "");
        memory_free(&memory);
    }
    free(path);
}

static void cancelled(void **state)
{
    struct fake_host *fake = *state;
    struct memory memory;
    struct content content = {0};
    small_archive(fake, &memory);
    atomic_store(&fake->cancel, 1);
    assert_status(fake, read_by_walk(fake, &memory, true, &content), HB_STATUS_CANCELLED);
    content_free(&content);
    assert_status(fake, read_by_list(fake, &memory, &content), HB_STATUS_CANCELLED);
    content_free(&content);
    atomic_store(&fake->cancel, 0);
    memory_free(&memory);
}

/* As that of two million entries: what is written is read. */
static void large_trailer(void **state)
{
    enum { BYTES = 66 << 20 };
    struct fake_host *fake = *state;
    struct memory memory;
    struct content content = {0};
    struct sample sample = sample_file("f", "x", 1);
    unsigned char *trailer = malloc(BYTES);
    memset(trailer, 'T', BYTES);
    memory_init(&memory, true);
    assert_status(fake, write_archive(fake, "", &memory, &sample, 1, trailer, BYTES), HB_OK);
    assert_status(fake, read_trailer(fake, &memory, &content), HB_OK);
    assert_int_equal(content.trailer_bytes, BYTES);
    assert_true(memcmp(content.trailer, trailer, BYTES) == 0);
    content_free(&content);
    assert_status(fake, read_by_walk(fake, &memory, false, &content), HB_OK);
    assert_int_equal(content.trailer_bytes, BYTES);
    assert_true(memcmp(content.trailer, trailer, BYTES) == 0);
    content_free(&content);
    memory_free(&memory);
    free(trailer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_archive),
        cmocka_unit_test(no_trailer),
        cmocka_unit_test(large_trailer),
        cmocka_unit_test(kinds),
        cmocka_unit_test(many_small_entries),
        cmocka_unit_test(sizes_around_the_frame),
        cmocka_unit_test(names),
        cmocka_unit_test(path_lengths),
        cmocka_unit_test(times_and_modes),
        cmocka_unit_test(same_bytes_again),
        cmocka_unit_test(skipped_entries),
        cmocka_unit_test(length_of_headers),
        cmocka_unit_test(huge_size),
        cmocka_unit_test(refused_entries),
        cmocka_unit_test(cancelled),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, setup, teardown);
}
