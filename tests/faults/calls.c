/* SPDX-License-Identifier: Apache-2.0 */
#include "calls.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    CREATE = 1,
    WRITE = 2,
    SYNC = 4,
    RENAME = 8,
    LINK = 16,
    TRUNCATE = 32,
    ALLOCATE = 64,
    REMOVE = 128,
    READ = 256
};

static const struct {
    const char *name;
    unsigned mask;
} classes[] = {
    {"create", CREATE},     {"write", WRITE},   {"sync", SYNC},
    {"rename", RENAME},     {"link", LINK},     {"truncate", TRUNCATE},
    {"allocate", ALLOCATE}, {"remove", REMOVE}, {"read", READ},
};

/* Where the name of a file stands among the arguments. */
enum kind { NOTHING, OF_FD, OF_PATH, OF_PATH_AT };
struct operand {
    enum kind kind;
    int first; /* argument: a descriptor, or a name; for OF_PATH_AT the directory, the name follows
                */
};
#define FD(n)                                                                                      \
    {                                                                                              \
        OF_FD, n                                                                                   \
    }
#define PATH(n)                                                                                    \
    {                                                                                              \
        OF_PATH, n                                                                                 \
    }
#define AT(n)                                                                                      \
    {                                                                                              \
        OF_PATH_AT, n                                                                              \
    }

enum { NO_FLAGS = -1, BY_HOW = 0x100 }; /* BY_HOW: the flags are in a struct open_how there */

static const struct call {
    const char *name;
    unsigned mask;
    struct operand files[FAULT_FILES];
    int flags; /* argument with an open's flags */
} table[] = {
    {"open", CREATE, {PATH(0)}, 1},
    {"openat", CREATE, {AT(0)}, 2},
    {"openat2", CREATE, {AT(0)}, 2 | BY_HOW},
    {"creat", CREATE, {PATH(0)}, NO_FLAGS},
    {"mkdir", CREATE, {PATH(0)}, NO_FLAGS},
    {"mkdirat", CREATE, {AT(0)}, NO_FLAGS},
    {"mknod", CREATE, {PATH(0)}, NO_FLAGS},
    {"mknodat", CREATE, {AT(0)}, NO_FLAGS},
    {"write", WRITE, {FD(0)}, NO_FLAGS},
    {"pwrite64", WRITE, {FD(0)}, NO_FLAGS},
    {"writev", WRITE, {FD(0)}, NO_FLAGS},
    {"pwritev", WRITE, {FD(0)}, NO_FLAGS},
    {"pwritev2", WRITE, {FD(0)}, NO_FLAGS},
    {"copy_file_range", WRITE, {FD(2), FD(0)}, NO_FLAGS},
    {"sendfile", WRITE, {FD(0), FD(1)}, NO_FLAGS},
    {"splice", WRITE, {FD(2), FD(0)}, NO_FLAGS},
    {"fsync", SYNC, {FD(0)}, NO_FLAGS},
    {"fdatasync", SYNC, {FD(0)}, NO_FLAGS},
    {"sync_file_range", SYNC, {FD(0)}, NO_FLAGS},
    {"syncfs", SYNC, {FD(0)}, NO_FLAGS},
    {"sync", SYNC, {{NOTHING, 0}}, NO_FLAGS},
    {"msync", SYNC, {{NOTHING, 0}}, NO_FLAGS},
    {"rename", RENAME, {PATH(0), PATH(1)}, NO_FLAGS},
    {"renameat", RENAME, {AT(0), AT(2)}, NO_FLAGS},
    {"renameat2", RENAME, {AT(0), AT(2)}, NO_FLAGS},
    {"link", LINK, {PATH(0), PATH(1)}, NO_FLAGS},
    {"linkat", LINK, {AT(0), AT(2)}, NO_FLAGS},
    {"symlink", LINK, {PATH(1)}, NO_FLAGS},
    {"symlinkat", LINK, {AT(1)}, NO_FLAGS},
    {"truncate", TRUNCATE, {PATH(0)}, NO_FLAGS},
    {"ftruncate", TRUNCATE, {FD(0)}, NO_FLAGS},
    {"fallocate", ALLOCATE, {FD(0)}, NO_FLAGS},
    {"unlink", REMOVE, {PATH(0)}, NO_FLAGS},
    {"unlinkat", REMOVE, {AT(0)}, NO_FLAGS},
    {"rmdir", REMOVE, {PATH(0)}, NO_FLAGS},
    {"read", READ, {FD(0)}, NO_FLAGS},
    {"pread64", READ, {FD(0)}, NO_FLAGS},
    {"readv", READ, {FD(0)}, NO_FLAGS},
    {"preadv", READ, {FD(0)}, NO_FLAGS},
    {"preadv2", READ, {FD(0)}, NO_FLAGS},
    /* In no class: by their names only. */
    {"fchmod", 0, {FD(0)}, NO_FLAGS},
    {"fchmodat", 0, {AT(0)}, NO_FLAGS},
    {"fchmodat2", 0, {AT(0)}, NO_FLAGS},
    {"fchown", 0, {FD(0)}, NO_FLAGS},
    {"fchownat", 0, {AT(0)}, NO_FLAGS},
    {"utimensat", 0, {AT(0)}, NO_FLAGS},
    {"newfstatat", 0, {AT(0)}, NO_FLAGS},
    {"statx", 0, {AT(0)}, NO_FLAGS},
    {"faccessat2", 0, {AT(0)}, NO_FLAGS},
    {"fstat", 0, {FD(0)}, NO_FLAGS},
    {"getdents64", 0, {FD(0)}, NO_FLAGS},
    {"flock", 0, {FD(0)}, NO_FLAGS},
    {"lseek", 0, {FD(0)}, NO_FLAGS},
    {"readlink", 0, {PATH(0)}, NO_FLAGS},
    {"readlinkat", 0, {AT(0)}, NO_FLAGS},
    {"close", 0, {FD(0)}, NO_FLAGS},
    {"fcntl", 0, {FD(0)}, NO_FLAGS},
    {"mmap", 0, {FD(4)}, NO_FLAGS},
};
enum { TABLE = sizeof table / sizeof table[0] };
_Static_assert(sizeof table / sizeof table[0] <= FAULT_CALLS, "a selection has room for all calls");

/* ---- choosing ------------------------------------------------------------------------------ */

static bool select_word(struct fault_selection *selection, const char *word)
{
    unsigned mask = 0;
    bool known = false;
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (strcmp(word, classes[i].name) == 0)
            mask |= classes[i].mask;
    for (size_t i = 0; i < TABLE; i++) {
        if (table[i].mask & mask)
            selection->calls[i].class = known = true;
        /* What is both, like "link", is the class: it has the call in it. */
        else if (strcmp(word, table[i].name) == 0)
            selection->calls[i].any = known = true;
    }
    return known;
}

const char *fault_select(struct fault_selection *selection, char *list)
{
    *selection = (struct fault_selection){0};
    for (size_t i = 0; i < TABLE; i++)
        selection->calls[i].number = seccomp_syscall_resolve_name(table[i].name);
    char *rest = NULL;
    for (char *word = strtok_r(list, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest))
        if (!select_word(selection, word))
            return word;
    return NULL;
}

void fault_list_names(FILE *out)
{
    fputs("Classes:", out);
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        fprintf(out, " %s", classes[i].name);
    fputs("\nCalls:", out);
    for (size_t i = 0; i < TABLE; i++)
        fprintf(out, " %s", table[i].name);
    fputc('\n', out);
}

/* ---- looking into the caller --------------------------------------------------------------- */

static bool read_memory(pid_t thread, uint64_t address, void *data, size_t bytes)
{
    struct iovec here = {data, bytes},
                 there = {(void *)(uintptr_t)address, bytes}; // NOLINT(performance-no-int-to-ptr)
    return process_vm_readv(thread, &here, 1, &there, 1, 0) == (ssize_t)bytes;
}

/* Page by page: the name may end just before memory that is not there. */
static bool read_text(pid_t thread, uint64_t address, char *text, size_t room)
{
    enum { PAGE = 4096 };
    size_t used = 0;
    while (used < room) {
        size_t bytes = PAGE - (size_t)((address + used) % PAGE);
        bytes = bytes < room - used ? bytes : room - used;
        if (!read_memory(thread, address + used, text + used, bytes))
            break;
        if (memchr(text + used, '\0', bytes) != NULL)
            return true;
        used += bytes;
    }
    text[0] = '\0';
    return false;
}

static void path_of_fd(pid_t thread, int fd, char path[PATH_MAX])
{
    char link[64];
    if (fd == AT_FDCWD)
        snprintf(link, sizeof link, "/proc/%d/cwd", (int)thread);
    else
        snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)thread, fd);
    ssize_t bytes = readlink(link, path, PATH_MAX - 1);
    path[bytes < 0 ? 0 : bytes] = '\0';
}

/* "/proc/self/fd/7/name" is called by what 7 is. */
static bool path_by_fd(pid_t thread, const char *name, char path[PATH_MAX])
{
    static const char prefix[] = "/proc/self/fd/";
    char held[PATH_MAX], *rest;
    if (strncmp(name, prefix, sizeof prefix - 1) != 0)
        return false;
    long fd = strtol(name + sizeof prefix - 1, &rest, 10);
    if (rest == name + sizeof prefix - 1 || (*rest != '\0' && *rest != '/'))
        return false;
    path_of_fd(thread, (int)fd, held);
    snprintf(path, PATH_MAX, "%.*s%.*s", PATH_MAX / 2, held, PATH_MAX / 2 - 1, rest);
    return held[0] != '\0';
}

static void path_of_name(pid_t thread, int directory, uint64_t address, char path[PATH_MAX])
{
    char name[PATH_MAX], above[PATH_MAX];
    if (!read_text(thread, address, name, sizeof name)) {
        path[0] = '\0';
        return;
    }
    if (path_by_fd(thread, name, path))
        return;
    above[0] = '\0';
    if (name[0] != '/')
        path_of_fd(thread, directory, above);
    snprintf(path, PATH_MAX, "%.*s%s%.*s", PATH_MAX / 2, above,
             name[0] == '/' || name[0] == '\0' ? "" : "/", PATH_MAX / 2 - 2, name);
}

static const struct call *call_of(const struct fault_selection *selection, int number)
{
    for (size_t i = 0; i < TABLE; i++)
        if (selection->calls[i].number == number)
            return &table[i];
    return NULL;
}

static bool creates(const struct call *call, const struct fault_made *made)
{
    if (call->flags == NO_FLAGS)
        return true;
    uint64_t flags = made->arguments[call->flags & ~BY_HOW];
    struct open_how how = {0};
    if (call->flags & BY_HOW) {
        if (!read_memory(made->thread, flags, &how, sizeof how))
            return false;
        flags = how.flags;
    }
    return (flags & (O_CREAT | O_TRUNC)) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

const char *fault_counts(const struct fault_selection *selection, const struct fault_made *made)
{
    const struct call *call = call_of(selection, made->number);
    if (call == NULL)
        return NULL;
    size_t at = (size_t)(call - table);
    return selection->calls[at].any || (selection->calls[at].class && creates(call, made))
               ? call->name
               : NULL;
}

int fault_flags_of(size_t call)
{
    return call >= TABLE || table[call].flags == NO_FLAGS || (table[call].flags & BY_HOW)
               ? -1
               : table[call].flags;
}

void fault_files_of(const struct fault_selection *selection, const struct fault_made *made,
                    char files[FAULT_FILES][PATH_MAX])
{
    const struct call *call = call_of(selection, made->number);
    for (size_t i = 0; i < FAULT_FILES; i++) {
        const struct operand *operand = call == NULL ? NULL : &call->files[i];
        files[i][0] = '\0';
        if (operand == NULL || operand->kind == NOTHING)
            continue;
        uint64_t first = made->arguments[operand->first];
        if (operand->kind == OF_FD)
            path_of_fd(made->thread, (int)first, files[i]);
        else if (operand->kind == OF_PATH)
            path_of_name(made->thread, AT_FDCWD, first, files[i]);
        else
            path_of_name(made->thread, (int)first, made->arguments[operand->first + 1], files[i]);
    }
}
