/* SPDX-License-Identifier: Apache-2.0 */
/* A large archive leaves the page cache while it is written, and is all there. */
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
    char *directory;
    struct hb_destination destination;
    struct hb_stage stage;
    struct hb_publication publication;
    struct hb_error error;
};

static int set_up(void **state)
{
    static const char *const suffixes[] = {".bin", NULL};
    struct fixture *fixture = hb_alloc(sizeof *fixture);
    fixture->directory = scratch_new();
    char *path = scratch_path(fixture->directory, "archive.bin");
    assert_int_equal(
        hb_destination_find(path, "none", suffixes, &fixture->destination, &fixture->error), HB_OK);
    free(path);
    assert_int_equal(hb_destination_prepare(&fixture->destination, &fixture->error), HB_OK);
    assert_int_equal(hb_stage_open(fixture->directory, &fixture->stage, NULL, &fixture->error),
                     HB_OK);
    assert_int_equal(hb_publication_begin(&fixture->destination, &fixture->stage,
                                          &fixture->publication, &fixture->error),
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(large_one_leaves_the_cache, set_up, tear_down),
        cmocka_unit_test_setup_teardown(small_one_stays, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
