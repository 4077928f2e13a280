/* SPDX-License-Identifier: Apache-2.0 */
/* Frames that other threads decompress before their turn: what comes is the same, and damage is
 * told of where it lies. */
#include "fixture.h"
#include "tar_table.h"

#include <locale.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FRAME = 256 << 10, LARGE = 12 * FRAME + 77, MEMBERS = 4, WORKERS = 2 };

static atomic_int created; /* threads */
static atomic_int may_be_created;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *),
                          void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *),
                          void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *),
                          void *argument)
{
    if (atomic_fetch_sub(&may_be_created, 1) <= 0)
        return EAGAIN;
    atomic_fetch_add(&created, 1);
    return __real_pthread_create(thread, how, run, argument);
}

/* An archive with two large members and two small ones, listed, and workers to decode it. */
struct scene {
    struct fake_host fake;
    struct memory memory;
    struct sample samples[MEMBERS];
    void *data[MEMBERS];
    struct content content;
    struct fake_settings *settings;
    void *self, *workers[WORKERS];
    unsigned worker_count;
};

/* What comes of one member. */
struct taken {
    unsigned char *data;
    size_t bytes;
    size_t refuses_at; /* 0: nothing */
};

static const struct hb_format_ops *ops(void)
{
    return hb_plugin_v1()->ops;
}

/* Half of the bits are noise; `plain` bytes in the middle are noise alone. */
static void *half_noise(size_t bytes, uint32_t seed, size_t plain)
{
    unsigned char *data = noise(bytes, seed);
    for (size_t i = 0; i < bytes; i++)
        if (i < bytes / 2 - plain / 2 || i >= bytes / 2 + plain / 2)
            data[i] &= 0x55;
    return data;
}

static int keep_member(const struct hb_lister *lister, const struct hb_member *member)
{
    struct content *content = lister->self;
    struct item *item = &content->items[content->count++];
    item->entry = *member->entry;
    item->entry.path = strdup(member->entry->path);
    item->group = member->group;
    item->token = member->token;
    return HB_OK;
}

static void open_with(struct scene *scene, unsigned workers)
{
    const struct hb_lister lister = {
        .size = sizeof lister, .self = &scene->content, .member = keep_member};
    memory_rewind(&scene->memory, true);
    assert_int_equal(fake_create(&scene->fake, hb_plugin_v1(), "", &scene->self, &scene->settings),
                     HB_OK);
    scene->content.items = calloc(MEMBERS, sizeof *scene->content.items);
    assert_int_equal(ops()->list(scene->self, &scene->memory.input, &lister), HB_OK);
    assert_int_equal(scene->content.count, MEMBERS);
    scene->worker_count = workers;
    for (unsigned i = 0; i < workers; i++)
        scene->workers[i] = ops()->worker_create(scene->self);
    atomic_store(&created, 0);
    atomic_store(&may_be_created, 1000);
}

static void close_all(struct scene *scene)
{
    for (unsigned i = 0; i < scene->worker_count; i++)
        ops()->worker_destroy(scene->self, scene->workers[i]);
    fake_destroy(hb_plugin_v1(), scene->self, scene->settings);
    content_free(&scene->content);
}

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    static const char *const names[MEMBERS] = {"a", "b", "c", "d"};
    const size_t sizes[MEMBERS] = {1000, LARGE, LARGE, 5};
    atomic_store(&may_be_created, 1000);
    fake_host_init(&scene->fake);
    memory_init(&scene->memory, true);
    for (size_t i = 0; i < MEMBERS; i++) {
        scene->data[i] = half_noise(sizes[i], (uint32_t)i + 1, i == 2 ? 3 * FRAME : 0);
        scene->samples[i] = sample_file(names[i], scene->data[i], sizes[i]);
    }
    assert_int_equal(write_archive(&scene->fake, "frame-size=256K", &scene->memory, scene->samples,
                                   MEMBERS, "TRAILER", 7),
                     HB_OK);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    for (size_t i = 0; i < MEMBERS; i++)
        free(scene->data[i]);
    memory_free(&scene->memory);
    fake_host_finish(&scene->fake);
    free(scene);
    return 0;
}

static int take(const struct hb_output *output, const void *data, size_t bytes, uint64_t offset)
{
    struct taken *taken = output->self;
    assert_int_equal(offset, taken->bytes);
    if (taken->refuses_at != 0 && offset + bytes > taken->refuses_at)
        return HB_STATUS_CANCELLED;
    memcpy(taken->data + offset, data, bytes);
    taken->bytes += bytes;
    return HB_OK;
}

static int decode(struct scene *scene, unsigned worker, size_t index, struct taken *taken)
{
    const struct item *item = &scene->content.items[index];
    const struct hb_member member = {
        .size = sizeof member, .entry = &item->entry, .group = item->group, .token = item->token};
    const struct hb_output output = {.size = sizeof output, .self = taken, .write = take};
    const struct hb_member *members = &member;
    const struct hb_output *outputs = &output;
    taken->data = realloc(taken->data, LARGE);
    taken->bytes = 0;
    return ops()->decode(scene->self, scene->workers[worker], &scene->memory.input, &members, 1,
                         &outputs);
}

static void assert_begins_as(const struct scene *scene, size_t index, const struct taken *taken)
{
    assert_in_range(taken->bytes, 0, scene->samples[index].entry.bytes);
    assert_memory_equal(taken->data, scene->data[index], taken->bytes);
}

static void assert_decoded(struct scene *scene, size_t index)
{
    struct taken taken = {0};
    assert_int_equal(decode(scene, 0, index, &taken), HB_OK);
    assert_int_equal(taken.bytes, scene->samples[index].entry.bytes);
    assert_begins_as(scene, index, &taken);
    free(taken.data);
}

static struct tar_frame *frames_of(const struct scene *scene)
{
    return ((const struct tar_zstd *)scene->self)->table->frames;
}

/* The frames that a member lies in: *first to before *end. */
static void find_frames(const struct scene *scene, size_t index, size_t *first, size_t *end)
{
    const struct tar_table *table = ((const struct tar_zstd *)scene->self)->table;
    const struct item *item = &scene->content.items[index];
    *first = tar_table_find(table, item->token);
    *end = tar_table_find(table, item->token + item->entry.bytes) + 1;
    assert_in_range(*end - *first, 12, 14);
}

/* It must be told of this frame. How many bytes came of the tar before that. */
static uint64_t refused_at(struct scene *scene, size_t index, size_t frame)
{
    struct taken taken = {0};
    char place[40];
    assert_int_equal(decode(scene, 0, index, &taken), HB_STATUS_FATAL);
    snprintf(place, sizeof place,
             "at byte %llu: ", (unsigned long long)frames_of(scene)[frame].file_offset);
    if (strstr(scene->fake.message, place) == NULL)
        fail_msg("not \"%s\": %s", place, scene->fake.message);
    assert_begins_as(scene, index, &taken);
    free(taken.data);
    return scene->content.items[index].token + taken.bytes;
}

/* And nothing of it or of later ones has come. */
static void assert_refused(struct scene *scene, size_t index, size_t frame)
{
    const struct tar_frame *at = &frames_of(scene)[frame];
    assert_in_range(refused_at(scene, index, frame), 0,
                    at->tar_offset > scene->content.items[index].token
                        ? at->tar_offset
                        : scene->content.items[index].token);
}

/* ---- the tests ------------------------------------------------------------------------------ */

static void all_comes(void **state)
{
    struct scene *scene = *state;
    open_with(scene, 2);
    for (size_t i = 0; i < MEMBERS; i++)
        assert_decoded(scene, i);
    assert_int_equal(created, 2); /* one for each large member */
    close_all(scene);
}

/* Who wants one thread gets one. */
static void one_worker_works_alone(void **state)
{
    struct scene *scene = *state;
    open_with(scene, 1);
    for (size_t i = 0; i < MEMBERS; i++)
        assert_decoded(scene, i);
    assert_int_equal(created, 0);
    close_all(scene);
}

/* Then the memory is for them. */
static void very_many_members(void **state)
{
    struct scene *scene = *state;
    open_with(scene, 2);
    ((struct tar_zstd *)scene->self)->table->index.members = 1000000;
    assert_decoded(scene, 1);
    assert_int_equal(created, 0);
    close_all(scene);
}

static void no_thread_can_be_started(void **state)
{
    struct scene *scene = *state;
    open_with(scene, 2);
    atomic_store(&may_be_created, 0);
    assert_decoded(scene, 1);
    assert_int_equal(created, 0);
    atomic_store(&may_be_created, 1); /* and the next member may have one */
    assert_decoded(scene, 2);
    assert_int_equal(created, 1);
    close_all(scene);
}

static void each_frame_damaged(void **state)
{
    struct scene *scene = *state;
    size_t first, end;
    open_with(scene, 2);
    find_frames(scene, 1, &first, &end);
    for (size_t frame = first; frame < end; frame++) {
        const struct tar_frame *at = &frames_of(scene)[frame];
        size_t middle = (size_t)(at->file_offset + (at[1].file_offset - at->file_offset) / 2);
        scene->memory.data[middle] ^= 0x10;
        assert_refused(scene, 1, frame);
        if (frame > first) { /* the one before it as well, while this one may be done first */
            scene->memory.data[at->file_offset - 1] ^= 0x10;
            assert_refused(scene, 1, frame - 1);
            scene->memory.data[at->file_offset - 1] ^= 0x10;
        }
        scene->memory.data[middle] ^= 0x10;
    }
    assert_decoded(scene, 1);
    close_all(scene);
}

/* A sound frame, but not the one that the seek table lists. */
static void another_frame(void **state)
{
    struct scene *scene = *state;
    size_t first, end;
    open_with(scene, 2);
    find_frames(scene, 1, &first, &end);
    frames_of(scene)[first + 5].checksum ^= 1;
    assert_refused(scene, 1, first + 5);
    assert_non_null(strstr(scene->fake.message, "not the frame that the seek table lists"));
    frames_of(scene)[first + 5].checksum ^= 1;
    frames_of(scene)[first + 6].tar_offset += 512; /* or one of another length */
    refused_at(scene, 1, first + 5);
    frames_of(scene)[first + 6].tar_offset -= 1024;
    refused_at(scene, 1, first + 5);
    close_all(scene);
}

static void the_archive_ends(void **state)
{
    struct scene *scene = *state;
    struct taken taken = {0};
    size_t first, end, bytes = scene->memory.bytes;
    open_with(scene, 2);
    find_frames(scene, 1, &first, &end);
    for (size_t frame = first; frame < end; frame++) {
        scene->memory.bytes = (size_t)frames_of(scene)[frame + 1].file_offset - 1;
        assert_int_equal(decode(scene, 0, 1, &taken), HB_STATUS_FATAL);
        assert_begins_as(scene, 1, &taken);
    }
    scene->memory.bytes = bytes;
    assert_decoded(scene, 1);
    free(taken.data);
    close_all(scene);
}

static void stopped_at_any_point(void **state)
{
    struct scene *scene = *state;
    open_with(scene, 2);
    for (size_t at = 1; at < LARGE; at += LARGE / 9) {
        struct taken taken = {.refuses_at = at};
        assert_int_equal(decode(scene, 0, 1, &taken), HB_STATUS_CANCELLED);
        assert_begins_as(scene, 1, &taken);
        free(taken.data);
    }
    struct taken taken = {0};
    atomic_store(&scene->fake.cancel, 1);
    assert_int_equal(decode(scene, 0, 1, &taken), HB_STATUS_CANCELLED);
    atomic_store(&scene->fake.cancel, 0);
    free(taken.data);
    assert_decoded(scene, 1);
    close_all(scene);
}

struct job {
    struct scene *scene;
    unsigned worker;
    struct taken taken;
    int status;
};

static void *decode_it(void *argument)
{
    struct job *job = argument;
    for (int i = 0; i < 5 && job->status == HB_OK; i++)
        job->status = decode(job->scene, job->worker, 1 + job->worker, &job->taken);
    return NULL;
}

/* Two large members at a time: threads work ahead for one of them, and both come. */
static void two_at_a_time(void **state)
{
    struct scene *scene = *state;
    struct job jobs[WORKERS];
    pthread_t threads[WORKERS];
    open_with(scene, 2);
    for (unsigned i = 0; i < WORKERS; i++) {
        jobs[i] = (struct job){.scene = scene, .worker = i};
        assert_int_equal(pthread_create(&threads[i], NULL, decode_it, &jobs[i]), 0);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(jobs[i].status, HB_OK);
        assert_int_equal(jobs[i].taken.bytes, LARGE);
        assert_begins_as(scene, 1 + i, &jobs[i].taken);
        free(jobs[i].taken.data);
    }
    close_all(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_comes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_worker_works_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(very_many_members, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_thread_can_be_started, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_frame_damaged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_frame, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_archive_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stopped_at_any_point, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_at_a_time, set_up, tear_down),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
