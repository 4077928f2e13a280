/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"

#include "files/anywhere.h"

#include <endian.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

char *scratch_new(void)
{
    const char *base = getenv("TMPDIR");
    char *path = NULL;
    assert_true(asprintf(&path, "%s/hbcore-test-XXXXXX", base == NULL ? "/tmp" : base) > 0);
    assert_non_null(mkdtemp(path));
    return path;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

void scratch_remove(char *directory)
{
    assert_int_equal(nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    free(directory);
}

int scratch_set_up(void **state)
{
    *state = scratch_new();
    return 0;
}

int scratch_tear_down(void **state)
{
    scratch_remove(*state);
    return 0;
}

char *scratch_path(const char *directory, const char *name)
{
    char *path = NULL;
    assert_true(asprintf(&path, "%s/%s", directory, name) > 0);
    return path;
}

char *scratch_write_bytes(const char *directory, const char *name, const char *data, size_t bytes)
{
    char *path = scratch_path(directory, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, bytes), (ssize_t)bytes);
    close(fd);
    return path;
}

char *scratch_write(const char *directory, const char *name, const char *text)
{
    return scratch_write_bytes(directory, name, text, strlen(text));
}

char *scratch_copy(const char *directory, const char *name, const char *from, unsigned mode)
{
    char *path = scratch_path(directory, name), buffer[65536];
    FILE *in = fopen(from, "rbe"), *out = fopen(path, "wbe");
    assert_non_null(in);
    assert_non_null(out);
    for (size_t got; (got = fread(buffer, 1, sizeof buffer, in)) > 0;)
        assert_int_equal(fwrite(buffer, 1, got, out), got);
    fclose(in);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

void catch_line(void *context, unsigned line, const struct hb_error *error)
{
    struct caught *caught = context;
    assert_true(caught->count < sizeof caught->errors / sizeof *caught->errors);
    caught->lines[caught->count] = line;
    caught->errors[caught->count++] = *error;
}

void catch_error(void *context, const struct hb_error *error)
{
    catch_line(context, 0, error);
}

void assert_holds(const char *text, const char *part, const char *file, int line)
{
    if (strstr(text, part) != NULL)
        return;
    print_error("'%s'\n    lacks\n'%s'\n", text, part);
    _fail(file, line);
}

int hb_stage_open(const char *parent, struct hb_stage *stage, unsigned *swept,
                  struct hb_error *error)
{
    struct hb_directory directory;
    assert_int_equal(hb_directory_open(parent, false, &directory), 0);
    int status = hb_stage_open_in(directory.fd, &directory.rights, parent, stage, swept, error);
    hb_directory_close(&directory);
    return status;
}

bool scratch_give_list(const char *path)
{
    struct {
        struct posix_acl_xattr_header header;
        struct posix_acl_xattr_entry entries[5];
    } list = {{htole32(POSIX_ACL_XATTR_VERSION)},
              {{htole16(ACL_USER_OBJ), htole16(6), htole32((uint32_t)ACL_UNDEFINED_ID)},
               {htole16(ACL_USER), htole16(6), htole32(12345)},
               {htole16(ACL_GROUP_OBJ), htole16(0), htole32((uint32_t)ACL_UNDEFINED_ID)},
               {htole16(ACL_MASK), htole16(6), htole32((uint32_t)ACL_UNDEFINED_ID)},
               {htole16(ACL_OTHER), htole16(0), htole32((uint32_t)ACL_UNDEFINED_ID)}}};
    return setxattr(path, "system.posix_acl_access", &list, sizeof list, 0) == 0;
}
