/* SPDX-License-Identifier: Apache-2.0 */
/* The file that tells which home this is: made, kept, moved, copied, torn, in the way. */
#include "base/memory.h"
#include "files/anywhere.h"
#include "files/home_id.h"
#include "scratch.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
    char *directory;
    char *path; /* of the home */
    struct hb_root home;
};

static void open_home(struct fixture *fixture, const char *path)
{
    hb_root_close(&fixture->home);
    assert_int_equal(hb_root_open(path, &fixture->home), 0);
}

static int set_up(void **state)
{
    struct fixture *fixture = hb_alloc(sizeof *fixture);
    fixture->directory = scratch_new();
    fixture->path = scratch_path(fixture->directory, "home");
    fixture->home.fd = -1;
    assert_int_equal(mkdir(fixture->path, 0755), 0);
    open_home(fixture, fixture->path);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    hb_root_close(&fixture->home);
    free(fixture->path);
    scratch_remove(fixture->directory);
    free(fixture);
    return 0;
}

/* The id that it has now; caller frees. */
static char *find(struct fixture *fixture, bool make, bool note)
{
    struct hb_home_id id;
    hb_home_id_find(&fixture->home, make, &id);
    if (note != (id.note != NULL))
        print_error("note: %s\n", id.note == NULL ? "none" : id.note);
    assert_int_equal(id.note != NULL, note);
    char *text = hb_copy_text(id.id);
    assert_true(hb_home_id_is(&id, text));
    assert_false(hb_home_id_is(&id, ""));
    assert_int_equal(strlen(text), HB_ID_BYTES - 1);
    hb_home_id_clear(&id);
    return text;
}

static void assert_found(struct fixture *fixture, bool note, const char *expected, bool same)
{
    char *found = find(fixture, true, note);
    assert_int_equal(strcmp(found, expected) == 0, same);
    free(found);
}

static char *id_file(const struct fixture *fixture)
{
    return scratch_path(fixture->home.path, HB_HOME_ID_NAME);
}

static void run_tool(const char *command, const char *from, const char *to)
{
    pid_t child = fork();
    int status;
    if (child == 0) {
        execlp(command, command, "-aT", from, to, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void made_once(void **state)
{
    struct fixture *fixture = *state;
    struct stat before, after, file;
    struct hb_home_id id;
    assert_int_equal(fstat(fixture->home.fd, &before), 0);
    HB_AUTO_FREE char *first = find(fixture, true, false);
    assert_found(fixture, false, first, true);
    assert_int_equal(fstat(fixture->home.fd, &after), 0);
    assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof before.st_mtim);
    assert_int_equal(fstatat(fixture->home.fd, HB_HOME_ID_NAME, &file, 0), 0);
    assert_int_equal(file.st_mode & 07777, 0600);
    hb_home_id_find(&fixture->home, true, &id);
    assert_true(id.from_file);
    assert_true(hb_home_id_is(&id, id.by_place));
    assert_string_not_equal(id.id, id.by_place);
    hb_home_id_clear(&id);
}

static void nothing_is_made_unasked(void **state)
{
    struct fixture *fixture = *state;
    struct stat status;
    HB_AUTO_FREE char *by_place = find(fixture, false, false);
    assert_int_not_equal(fstatat(fixture->home.fd, HB_HOME_ID_NAME, &status, 0), 0);
    assert_found(fixture, false, by_place, false); /* made now, and another one */
    struct hb_home_id id;
    hb_home_id_find(&fixture->home, true, &id);
    assert_true(hb_home_id_is(&id, by_place)); /* which stays good */
    hb_home_id_clear(&id);
}

static void moved(void **state)
{
    struct fixture *fixture = *state;
    HB_AUTO_FREE char *first = find(fixture, true, false);
    HB_AUTO_FREE char *other = scratch_path(fixture->directory, "other");
    assert_int_equal(rename(fixture->path, other), 0);
    open_home(fixture, other);
    assert_found(fixture, false, first, true);
    /* It is known at its new place from now on: a copy that is made at the old one is another. */
    run_tool("cp", other, fixture->path);
    open_home(fixture, fixture->path);
    assert_found(fixture, true, first, false);
    open_home(fixture, other);
    assert_found(fixture, false, first, true);
}

static void copied(void **state)
{
    struct fixture *fixture = *state;
    HB_AUTO_FREE char *first = find(fixture, true, false);
    HB_AUTO_FREE char *copy = scratch_path(fixture->directory, "copy");
    run_tool("cp", fixture->path, copy);
    open_home(fixture, copy);
    struct hb_home_id id;
    hb_home_id_find(&fixture->home, true, &id);
    assert_contains(id.note, first);
    assert_contains(id.note, fixture->path);
    assert_false(hb_home_id_is(&id, first));
    HB_AUTO_FREE char *second = hb_copy_text(id.id);
    hb_home_id_clear(&id);
    assert_found(fixture, false, second, true); /* said once */
    open_home(fixture, fixture->path);
    assert_found(fixture, false, first, true);
}

static void restored_to_its_place(void **state)
{
    struct fixture *fixture = *state;
    char machine[40] = "";
    int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, machine, 32) != 32) {
        print_message("skipped: this machine has no id\n");
        skip();
    }
    close(fd);
    HB_AUTO_FREE char *first = find(fixture, true, false);
    HB_AUTO_FREE char *aside = scratch_path(fixture->directory, "aside");
    run_tool("cp", fixture->path, aside);
    HB_AUTO_FREE char *old = scratch_path(fixture->directory, "old");
    assert_int_equal(rename(fixture->path, old), 0);
    run_tool("cp", aside, fixture->path);
    open_home(fixture, fixture->path);
    assert_found(fixture, true, first, true); /* it is told, once */
    assert_found(fixture, false, first, true);
}

static void torn(void **state)
{
    struct fixture *fixture = *state;
    HB_AUTO_FREE char *first = find(fixture, true, false);
    HB_AUTO_FREE char *path = id_file(fixture);
    static const int lengths[] = {40, 3, 0};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        assert_int_equal(truncate(path, lengths[i]), 0);
        assert_found(fixture, true, first, false);
        HB_AUTO_FREE char *next = find(fixture, true, false);
        assert_string_not_equal(next, first);
    }
}

/* What is not ours is left as it is. */
static void in_the_way(void **state)
{
    struct fixture *fixture = *state;
    HB_AUTO_FREE char *path = id_file(fixture);
    HB_AUTO_FREE char *by_place = find(fixture, false, false);
    for (int kind = 0; kind < 5; kind++) {
        struct stat before, after;
        if (kind == 0)
            free(scratch_write(fixture->home.path, HB_HOME_ID_NAME, "my own notes\n"));
        else if (kind == 1)
            assert_int_equal(mkdir(path, 0700), 0);
        else if (kind == 2)
            assert_int_equal(mkfifo(path, 0600), 0);
        else if (kind == 3)
            assert_int_equal(symlink("/etc/passwd", path), 0);
        else
            assert_int_equal(symlink("nowhere", path), 0);
        assert_int_equal(lstat(path, &before), 0);
        assert_found(fixture, true, by_place, true);
        assert_int_equal(lstat(path, &after), 0);
        assert_int_equal(before.st_ino, after.st_ino);
        assert_int_equal(remove(path), 0);
    }
}

/* Each with a lock of its own, as two commands have it; they agree. */
static void several_processes(void **state)
{
    struct fixture *fixture = *state;
    enum { PROCESSES = 8 };
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    for (int i = 0; i < PROCESSES; i++) {
        if (fork() != 0)
            continue;
        struct hb_home_id id;
        hb_home_id_find(&fixture->home, true, &id);
        _exit(write(pipes[1], id.id, HB_ID_BYTES) == HB_ID_BYTES ? 0 : 1);
    }
    char ids[PROCESSES][HB_ID_BYTES];
    for (int i = 0; i < PROCESSES; i++)
        assert_int_equal(read(pipes[0], ids[i], HB_ID_BYTES), HB_ID_BYTES);
    while (wait(NULL) > 0)
        ;
    struct hb_home_id id;
    hb_home_id_find(&fixture->home, true, &id);
    for (int i = 0; i < PROCESSES; i++) /* who came second, without the lock, knows its place */
        assert_true(hb_home_id_is(&id, ids[i]));
    hb_home_id_clear(&id);
    close(pipes[0]);
    close(pipes[1]);
}

/* What the file says; the caller owns it. */
static json_t *read_said(const struct fixture *fixture)
{
    HB_AUTO_FREE char *path = id_file(fixture);
    json_t *said = json_load_file(path, 0, NULL);
    assert_non_null(said);
    return said;
}

/* Makes the file as another machine leaves it that was the last one: it has the `list`. */
static void other_was_last(const struct fixture *fixture, json_t *list)
{
    HB_AUTO_FREE char *path = id_file(fixture);
    json_t *said = json_pack("{s:i, s:s, s:i, s:s, s:s, s:s, s:o}", "hbcore-id", 1, "id",
                             "11111111111111111111111111111111", "inode", 7, "birth", "", "machine",
                             "22222222222222222222222222222222", "path", "/m/h", "places", list);
    assert_int_equal(json_dump_file(said, path, JSON_COMPACT), 0);
    json_decref(said);
}

static void used_by_another_machine(void **state)
{
    struct fixture *fixture = *state;
    HB_AUTO_FREE char *first = find(fixture, true, false);
    json_t *mine = read_said(fixture);
    if (*json_string_value(json_object_get(mine, "machine")) == '\0') {
        json_decref(mine);
        print_message("skipped: this machine has no id\n");
        skip();
    }
    other_was_last(fixture, json_pack("[O]", mine));
    HB_AUTO_FREE char *unwritten = find(fixture, false, false);
    assert_string_equal(unwritten, first);
    assert_found(fixture, false, first, true);
    json_t *said = read_said(fixture);
    assert_string_equal(json_string_value(json_object_get(said, "id")), first);
    json_t *places = json_object_get(said, "places");
    assert_int_equal(json_array_size(places), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(places, 0), "machine")),
                        "22222222222222222222222222222222");
    json_decref(said);
    /* Another directory at this place: the birth time is not that of the list. */
    other_was_last(fixture, json_pack("[O]", mine));
    HB_AUTO_FREE char *old = scratch_path(fixture->directory, "old");
    assert_int_equal(rename(fixture->path, old), 0);
    run_tool("cp", old, fixture->path);
    open_home(fixture, fixture->path);
    if (*json_string_value(json_object_get(mine, "birth")) != '\0')
        assert_found(fixture, true, first, false);
    json_decref(mine);
}

/* Whatever is in the list: it is no entry, or it is one too many. */
static void list_of_nonsense(void **state)
{
    struct fixture *fixture = *state;
    HB_AUTO_FREE char *first = find(fixture, true, false);
    json_t *mine = read_said(fixture), *list = json_array();
    json_object_set_new(mine, "path", json_string("/elsewhere"));
    json_object_set_new(mine, "machine", json_string("33333333333333333333333333333333"));
    for (int i = 0; i < 20; i++)
        json_array_append(list, mine);
    json_array_insert_new(list, 0, json_string("x"));
    json_array_insert_new(list, 0, json_pack("{s:s}", "id", "../x"));
    json_decref(mine);
    other_was_last(fixture, list);
    assert_found(fixture, true, first, false);
    json_t *said = read_said(fixture);
    assert_int_equal(json_array_size(json_object_get(said, "places")), 8);
    json_decref(said);
    other_was_last(fixture, json_string("no list"));
    assert_found(fixture, true, first, false);
}

static bool is_named(void *context, const char *name)
{
    return strcmp(name, context) == 0;
}

static void adopted(void **state)
{
    struct fixture *fixture = *state;
    struct hb_home_id id;
    struct stat status;
    char name[] = "a-\xff.bin", other[] = "a-";
    HB_AUTO_FREE char *file = scratch_write(fixture->directory, name, "one");
    assert_int_equal(lstat(file, &status), 0);
    hb_home_id_find(&fixture->home, true, &id);
    assert_false(hb_home_id_has_adopted(&id, file, &status));
    hb_home_id_adopt(&id, file, &status);
    assert_int_equal(hb_home_id_save(&fixture->home, &id), 0);
    hb_home_id_clear(&id);
    hb_home_id_find(&fixture->home, true, &id);
    assert_true(hb_home_id_has_adopted(&id, file, &status));
    status.st_size++; /* another file of that name */
    assert_false(hb_home_id_has_adopted(&id, file, &status));
    status.st_size--;
    hb_home_id_forget(&id, fixture->directory, is_named, other);
    hb_home_id_forget(&id, fixture->home.path, is_named, name);
    HB_AUTO_FREE char *above = hb_copy_bytes(fixture->directory, strlen(fixture->directory) - 1);
    hb_home_id_forget(&id, above, is_named, name);
    assert_true(hb_home_id_has_adopted(&id, file, &status));
    status.st_mtim.tv_sec++; /* it takes the place of the one before */
    hb_home_id_adopt(&id, file, &status);
    assert_int_equal(json_array_size(id.adopted), 1);
    HB_AUTO_FREE char *below = hb_text("%s/sub/a-\xff.bin", fixture->directory);
    hb_home_id_adopt(&id, below, &status);
    hb_home_id_forget(&id, fixture->directory, is_named, name);
    assert_int_equal(json_array_size(id.adopted), 1);
    assert_true(hb_home_id_has_adopted(&id, below, &status));
    hb_home_id_clear(&id);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(made_once),
        TEST(nothing_is_made_unasked),
        TEST(moved),
        TEST(copied),
        TEST(restored_to_its_place),
        TEST(torn),
        TEST(in_the_way),
        TEST(several_processes),
        TEST(adopted),
        TEST(used_by_another_machine),
        TEST(list_of_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
