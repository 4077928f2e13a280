/* SPDX-License-Identifier: Apache-2.0 */
/* A large archive leaves the page cache while it is written, and is all there; patches are in
 * place. */
#include "backup/publish.h"
#include "base/memory.h"
#include "scratch.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

enum { KEPT = 16, WRITTEN = 160, CERTAINLY_LEFT = 64 }; /* MiB */

struct fixture {
    struct hb_run run;
    char *directory;
    struct hb_destination destination;
    struct hb_stage stage;
    struct hb_publication publication;
    struct hb_error error;
};

static int set_up(void **state)
{
    static char bin[] = ".bin";
    static char *all[] = {bin, NULL};
    static const struct hb_suffixes suffixes = {.all = all};
    struct fixture *fixture = hb_alloc(sizeof *fixture);
    hb_run_init(&fixture->run, NULL);
    fixture->directory = scratch_new();
    char *path = scratch_path(fixture->directory, "archive.bin");
    assert_int_equal(
        hb_destination_find(path, "none", &suffixes, &fixture->destination, &fixture->error),
        HB_OK);
    free(path);
    assert_int_equal(hb_destination_prepare(&fixture->destination, &fixture->error), HB_OK);
    assert_int_equal(hb_stage_open(fixture->directory, &fixture->stage, NULL, &fixture->error),
                     HB_OK);
    assert_int_equal(hb_publication_begin(&fixture->run, &fixture->destination, &fixture->stage,
                                          HB_SIZE_UNKNOWN, &fixture->publication, &fixture->error),
                     HB_OK);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    hb_publication_end(&fixture->publication);
    hb_stage_close(&fixture->stage);
    hb_destination_clear(&fixture->destination);
    scratch_remove(fixture->directory);
    hb_run_clear(&fixture->run);
    free(fixture);
    return 0;
}

static void fill(unsigned char *buffer, size_t number)
{
    memset(buffer, (int)(number & 0xff), MIB);
    memcpy(buffer, &number, sizeof number);
}

/* What is asked to leave must be on the disk: here it is. */
static void write_all(struct fixture *fixture)
{
    const struct hb_sink *sink = &fixture->publication.sink;
    unsigned char *buffer = hb_alloc(MIB);
    for (size_t i = 0; i < WRITTEN; i++) {
        fill(buffer, i);
        assert_int_equal(sink->write(sink, buffer, MIB), HB_OK);
        assert_int_equal(fdatasync(fixture->publication.fd), 0);
    }
    free(buffer);
}

/* How many pages of these MiB of the file are in the page cache? Per cent. */
static unsigned cached(int fd, size_t from, size_t to)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = (to - from) * MIB, count = 0;
    unsigned char *there = hb_alloc(bytes / page);
    void *map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, (off_t)(from * MIB));
    assert_ptr_not_equal(map, MAP_FAILED);
    assert_int_equal(mincore(map, bytes, there), 0);
    for (size_t i = 0; i < bytes / page; i++)
        count += there[i] & 1;
    munmap(map, bytes);
    free(there);
    return (unsigned)(count * 100 / (bytes / page));
}

static void assert_content(int fd)
{
    unsigned char *expected = hb_alloc(MIB), *found = hb_alloc(MIB);
    for (size_t i = 0; i < WRITTEN; i++) {
        fill(expected, i);
        assert_int_equal(pread(fd, found, MIB, (off_t)(i * MIB)), MIB);
        assert_memory_equal(found, expected, MIB);
    }
    free(expected);
    free(found);
}

static void need_a_disk(int fd)
{
    struct statfs system;
    assert_int_equal(fstatfs(fd, &system), 0);
    if (system.f_type != TMPFS_MAGIC && system.f_type != RAMFS_MAGIC)
        return;
    print_message("skipped: what lies in memory does not leave the page cache\n");
    skip();
}

static void large_one_leaves_the_cache(void **state)
{
    struct fixture *fixture = *state;
    struct hb_publication *publication = &fixture->publication;
    need_a_disk(publication->fd);
    publication->cached = KEPT * MIB;
    write_all(fixture);
    assert_in_range(cached(publication->fd, 0, KEPT), 90, 100);
    assert_in_range(cached(publication->fd, KEPT, CERTAINLY_LEFT), 0, 10);
    assert_in_range(cached(publication->fd, WRITTEN - KEPT, WRITTEN), 90, 100);
    assert_int_equal(hb_publication_commit(publication, &fixture->error), HB_OK);
    assert_content(publication->fd);
}

static void small_one_stays(void **state)
{
    struct fixture *fixture = *state;
    struct hb_publication *publication = &fixture->publication;
    uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    assert_in_range(publication->cached, memory / 17, memory / 16);
    publication->cached = WRITTEN * MIB;
    write_all(fixture);
    assert_in_range(cached(publication->fd, 0, WRITTEN), 90, 100);
    assert_content(publication->fd);
}

/* What a patch changes is still in the buffer, on the disk, or partly both; nothing else changes.
 */
static void patches_land_where_they_belong(void **state)
{
    enum { BYTES = 3 << 19, AT_THE_SEAM = 1 << 20 };
    static const uint64_t places[] = {
        0, 1, 4096, AT_THE_SEAM - 2, AT_THE_SEAM, AT_THE_SEAM + 5, BYTES - 4};
    struct fixture *fixture = *state;
    const struct hb_sink *sink = &fixture->publication.sink;
    unsigned char *expected = hb_alloc(BYTES), *found = hb_alloc(BYTES);
    for (size_t whole = 0; whole < 2; whole++) {
        uint64_t start = sink->tell(sink);
        memset(expected, (int)('a' + whole), BYTES);
        for (size_t at = 0; at < BYTES; at += BYTES / 12) /* so that the buffer is emptied once */
            assert_int_equal(sink->write(sink, expected + at, BYTES / 12), HB_OK);
        for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
            const char mark[] = {'0', '1', '2', (char)('0' + i)};
            memcpy(expected + places[i], mark, sizeof mark);
            assert_int_equal(sink->patch(sink, start + places[i], mark, sizeof mark), HB_OK);
        }
        assert_int_equal(sink->tell(sink), start + BYTES);
        assert_int_equal(hb_publication_flush(&fixture->publication, &fixture->error), HB_OK);
        assert_int_equal(pread(fixture->publication.fd, found, BYTES, (off_t)start), BYTES);
        assert_memory_equal(found, expected, BYTES);
    }
    assert_int_not_equal(sink->patch(sink, sink->tell(sink) - 3, "1234", 4), HB_OK);
    free(expected);
    free(found);
}

/* A small archive lies in the buffer as a whole. */
static void patches_of_a_small_one(void **state)
{
    struct fixture *fixture = *state;
    const struct hb_sink *sink = &fixture->publication.sink;
    char found[12];
    assert_int_equal(sink->write(sink, "head....tail", 12), HB_OK);
    assert_int_equal(sink->patch(sink, 4, "size", 4), HB_OK);
    assert_int_equal(hb_publication_flush(&fixture->publication, &fixture->error), HB_OK);
    assert_int_equal(pread(fixture->publication.fd, found, sizeof found, 0), sizeof found);
    assert_memory_equal(found, "headsizetail", sizeof found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(large_one_leaves_the_cache, set_up, tear_down),
        cmocka_unit_test_setup_teardown(small_one_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(patches_land_where_they_belong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(patches_of_a_small_one, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
