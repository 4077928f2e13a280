/* SPDX-License-Identifier: Apache-2.0 */
#include "page.h"

#include "base/memory.h"
#include "base/name.h"
#include "base/path.h"
#include "files/anywhere.h"
#include "files/io.h"
#include "files/stage.h"
#include "page_html.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* ---- pieces -------------------------------------------------------------------------------- */

/* From behind its mark to the next one. NULL: there is no such piece. */
static const char *find_piece(const char *name, size_t *bytes)
{
    static const char mark[] = "<!--% ";
    size_t length = strlen(name);
    for (const char *at = strstr(hb_page_html, mark); at != NULL; at = strstr(at + 1, mark)) {
        const char *found = at + sizeof mark - 1;
        if (strncmp(found, name, length) != 0 || strncmp(found + length, " -->", 4) != 0)
            continue;
        found += length + 4;
        const char *end = strstr(found, mark);
        *bytes = end == NULL ? strlen(found) : (size_t)(end - found);
        return found;
    }
    return NULL;
}

/* For text and for attributes in either kind of quotes. */
static void put_escaped(FILE *out, const char *value)
{
    HB_AUTO_FREE char *shown = hb_printable(value);
    for (const char *at = shown; *at != '\0'; at++)
        switch (*at) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\'':
            fputs("&#39;", out);
            break;
        default:
            putc(*at, out);
        }
}

static void put_field(FILE *out, const char *name, size_t bytes, const char *const *fields)
{
    for (; *fields != NULL; fields += 2)
        if (strncmp(*fields, name, bytes) == 0 && (*fields)[bytes] == '\0') {
            if (fields[1] != NULL)
                put_escaped(out, fields[1]);
            return;
        }
}

void hb_page_put(FILE *out, const char *piece, const char *const *fields)
{
    size_t bytes = 0;
    const char *at = find_piece(piece, &bytes);
    const char *end = at == NULL ? NULL : at + bytes;
    while (at != end) {
        const char *open = memmem(at, (size_t)(end - at), "{{", 2);
        fwrite(at, 1, (size_t)((open == NULL ? end : open) - at), out);
        if (open == NULL)
            break;
        const char *close = strstr(open, "}}");
        put_field(out, open + 2, (size_t)(close - open - 2), fields);
        at = close + 2;
    }
}

/* ---- its file ------------------------------------------------------------------------------ */

enum { MAY_BE_REPLACED = 0, IS_ANOTHER = 1 };

/* May what has the name go? Nothing may have it. Or -errno. */
static int weigh(int directory_fd, const char *name)
{
    size_t bytes;
    const char *head = find_piece("head", &bytes);
    const size_t most = (size_t)(strstr(head, "\n<html") - head); /* an earlier page begins so */
    HB_AUTO_FREE char *start = hb_alloc(most);
    struct stat status;
    if (fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? MAY_BE_REPLACED : -errno;
    if (!S_ISREG(status.st_mode))
        return IS_ANOTHER;
    HB_AUTO_CLOSE int fd =
        openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int64_t got = fd < 0 ? -errno : hb_read_all(fd, start, most);
    if (got < 0)
        return (int)got;
    return got == 0 || ((size_t)got == most && memcmp(start, head, most) == 0) ? MAY_BE_REPLACED
                                                                               : IS_ANOTHER;
}

/* 0, IS_ANOTHER, or -errno; or a stage has said why, in *error. */
static int publish(const struct hb_directory *directory, struct hb_stage *stage, const char *name,
                   const char *text, size_t bytes, struct hb_error *error)
{
    HB_AUTO_FREE char *staged = NULL;
    HB_AUTO_CLOSE int fd = hb_stage_file(stage, "page", &staged, error);
    if (fd < 0)
        return -EIO;
    HB_AUTO_AS as = {.changed = false};
    int result = hb_write_all(fd, text, bytes);
    if (result == 0 && fsync(fd) != 0)
        result = -errno;
    if (result == 0)
        result = hb_as_begin(&as, &stage->rights);
    if (result == 0)
        result = weigh(directory->fd, name);
    if (result == 0 && renameat(stage->fd, staged, directory->fd, name) != 0)
        result = -errno;
    return result == 0 ? hb_flush_directory(directory->fd) : result;
}

int hb_page_write(const char *path, const char *text, size_t bytes, struct hb_error *error)
{
    struct hb_directory directory = HB_DIRECTORY_NONE;
    struct hb_stage stage = HB_STAGE_NONE;
    HB_AUTO_FREE char *full = hb_absolute(path);
    char *slash = full == NULL ? NULL : strrchr(full, '/');
    if (slash == NULL || slash[1] == '\0')
        return hb_error_set(error, HB_STATUS_FATAL, "%s: is no name of a file", path);
    HB_AUTO_FREE char *parent =
        slash == full ? hb_copy_text("/") : hb_copy_bytes(full, (size_t)(slash - full));
    int result = hb_directory_open(parent, false, &directory);
    if (result != 0)
        return hb_error_set(error, HB_STATUS_FATAL, "%s: cannot be opened: %s", parent,
                            hb_rights_explain(-result));
    int status = hb_stage_open_in(directory.fd, &directory.rights, parent, &stage, NULL, error);
    if (status == HB_OK) {
        result = publish(&directory, &stage, slash + 1, text, bytes, error);
        if (result == IS_ANOTHER) {
            status = hb_error_set(error, HB_STATUS_FATAL,
                                  "%s: something else has that name; it was not changed", path);
            hb_error_hint(error, "name another file, or - for standard output");
        } else if (result != 0) {
            status = error->text[0] != '\0'
                         ? HB_STATUS_FATAL
                         : hb_error_set(error, HB_STATUS_FATAL, "%s: cannot be written: %s", path,
                                        hb_rights_explain(-result));
        }
    }
    hb_stage_close(&stage);
    close(directory.fd);
    return status;
}
