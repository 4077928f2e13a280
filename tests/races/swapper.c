/* SPDX-License-Identifier: Apache-2.0 */
/*
 * swapper: puts something else in the place of a name, there and back, as fast as it can, until
 * SIGTERM. It is the second party of test_races.py: whoever owns a home, against a run of hbcore in
 * it.
 *
 *   swapper TABLE
 *
 * Each line of TABLE is one swap, its fields separated by tabs:
 *
 *   KIND  TYPE  DIRECTORY  NAME  PARTNER  TARGET
 *
 * PARTNER, in the same directory, trades places with NAME (renameat2, RENAME_EXCHANGE), and back a
 * moment later. TYPE is what PARTNER is:
 *
 *   link    a symbolic link to TARGET      made anew when it is gone
 *   fifo    a pipe                         the same
 *   hard    another name of TARGET         the same, where the kernel lets us
 *   file    whatever lies there            root's file, say: gone is gone
 *   appear  the same
 *
 * Where there is no NAME, link and file wait a moment for it to be made, to be there at once; the
 * others get that name for a moment. NAME may be "*": then it is whatever stage of hbcore is there.
 *
 * At the end one line a kind: KIND, how often there, how often not back again.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SWAPS = 64, FIELDS = 6, LONGEST_SPIN = 30000, LONGEST_WAIT = 20 };

struct swap {
    char *kind, *type, *directory, *name, *partner, *target;
    int fd; /* of the directory */
    unsigned long there, not_back;
};

static struct swap swaps[SWAPS];
static size_t swap_count;
static volatile sig_atomic_t stopped;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

/* ---- the table --------------------------------------------------------------------------------
 */

static bool take_line(char *line)
{
    struct swap *swap = &swaps[swap_count];
    char **fields[FIELDS] = {&swap->kind, &swap->type,    &swap->directory,
                             &swap->name, &swap->partner, &swap->target};
    line[strcspn(line, "\n")] = '\0';
    for (size_t i = 0; i < FIELDS; i++) {
        char *field = strsep(&line, "\t");
        if (field == NULL || (*fields[i] = strdup(field)) == NULL)
            return false;
    }
    swap->fd = -1;
    swap_count++;
    return true;
}

static bool read_table(const char *path)
{
    char line[8 * PATH_MAX];
    FILE *stream = fopen(path, "re");
    bool good = stream != NULL;
    while (good && fgets(line, sizeof line, stream) != NULL)
        good = swap_count < SWAPS && take_line(line);
    if (stream != NULL)
        fclose(stream);
    return good && swap_count > 0;
}

/* ---- one swap ---------------------------------------------------------------------------------
 */

/* The directory may come later, and be another one then. */
static bool enter(struct swap *swap)
{
    struct stat status;
    if (swap->fd >= 0 && fstat(swap->fd, &status) == 0 && status.st_nlink > 0)
        return true;
    if (swap->fd >= 0)
        close(swap->fd);
    swap->fd = open(swap->directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return swap->fd >= 0;
}

/* Small and fast; what it is for needs no better ones. */
static uint32_t random_number(void)
{
    static uint32_t state = 2463534242u;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

/* Now and then not at all, mostly for some microseconds: windows are of any length. */
static void spin(void)
{
    for (volatile uint32_t left = random_number() % LONGEST_SPIN; left > 0; left--)
        ;
}

static bool is_type(const struct swap *swap, const char *type)
{
    return strcmp(swap->type, type) == 0;
}

/* What was replaced meanwhile by something of another type is made anew. */
static bool prepare(const struct swap *swap)
{
    struct stat status;
    bool there = fstatat(swap->fd, swap->partner, &status, AT_SYMLINK_NOFOLLOW) == 0;
    bool link = is_type(swap, "link"), fifo = is_type(swap, "fifo");
    if (there && (link ? S_ISLNK(status.st_mode) : !fifo || S_ISFIFO(status.st_mode)))
        return true;
    if (there && unlinkat(swap->fd, swap->partner, S_ISDIR(status.st_mode) ? AT_REMOVEDIR : 0) != 0)
        return false;
    if (link)
        return symlinkat(swap->target, swap->fd, swap->partner) == 0;
    if (fifo)
        return mkfifoat(swap->fd, swap->partner, 0666) == 0;
    return is_type(swap, "hard") && linkat(AT_FDCWD, swap->target, swap->fd, swap->partner, 0) == 0;
}

/* The name of a stage that is there, or NULL. */
static const char *find_stage(const struct swap *swap, char name[NAME_MAX + 1])
{
    static const char prefix[] = ".hbcore-stage-";
    int fd = openat(swap->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    const char *found = NULL;
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;)
        if (strncmp(entry->d_name, prefix, sizeof prefix - 1) == 0) {
            snprintf(name, NAME_MAX + 1, "%s", entry->d_name);
            found = name;
        }
    if (directory != NULL)
        closedir(directory);
    else if (fd >= 0)
        close(fd);
    return found;
}

/* Puts the partner in its place, if that is there, or comes soon. */
static bool exchange(const struct swap *swap, const char *name, unsigned attempts)
{
    while (attempts-- > 0) {
        if (renameat2(swap->fd, swap->partner, swap->fd, name, RENAME_EXCHANGE) == 0)
            return true;
        if (errno != ENOENT)
            return false;
    }
    return false;
}

static void there_and_back(struct swap *swap)
{
    char stage[NAME_MAX + 1];
    bool waits = is_type(swap, "link") || is_type(swap, "file");
    if (!enter(swap))
        return;
    const char *name = strcmp(swap->name, "*") == 0 ? find_stage(swap, stage) : swap->name;
    if (name == NULL || !prepare(swap))
        return;
    /* What is gone when it is to go back is not missed: then only what is ours moves. */
    if (exchange(swap, name, waits ? LONGEST_WAIT : 1)) {
        swap->there++;
        spin();
        swap->not_back += !exchange(swap, name, 1);
    } else if (!waits &&
               renameat2(swap->fd, swap->partner, swap->fd, name, RENAME_NOREPLACE) == 0) {
        swap->there++;
        spin();
        swap->not_back += renameat2(swap->fd, name, swap->fd, swap->partner, RENAME_NOREPLACE) != 0;
    }
}

int main(int argc, char **argv)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal(SIGTERM, stop);
    if (argc != 2 || !read_table(argv[1])) {
        fprintf(stderr, "swapper: %s: cannot be used: %s\n", argc == 2 ? argv[1] : "no table",
                strerror(errno));
        return 1;
    }
    puts("ready");
    fflush(stdout);
    while (!stopped)
        there_and_back(&swaps[random_number() % swap_count]);
    for (size_t i = 0; i < swap_count; i++)
        printf("%s\t%lu\t%lu\n", swaps[i].kind, swaps[i].there, swaps[i].not_back);
    return 0;
}
