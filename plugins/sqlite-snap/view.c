/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One state of a database that programs are writing to, read in place: any part of it, by any
 * thread, with nothing written anywhere.
 *
 * What it promises. Every byte of view_read() that view_is_held() confirms afterwards is that of
 * the state at the pin: the file as it would be after a checkpoint of all that had been committed
 * by then, and of nothing later. It is what SQLite itself would read in one transaction.
 *
 * What it must not do. Write. Wait. Open a file by name once the view is pinned. Believe that a
 * lock is held because it was taken.
 *
 * In WAL mode a state is a number of frames of the log. A page is in the newest of those frames
 * that has it, else in the file. A read lock on a mark keeps others from putting later frames into
 * the file and from beginning the log anew. So:
 *
 *      held SHARED ------ nobody can end WAL mode, or take log and index away
 *          |
 *      SQLite begins to read; pin_vfs.c notes the mark that it locks, and the header of the index
 *          |
 *      the same locks once more, on our own descriptors (OFD locks): SHARED on the file, the mark,
 *          |              and the byte that says that the index is in use
 *      second look: is SQLite's lock still there, are mark and salts as they were? - no: AGAIN
 *          |
 *      map of the frames that are not in the file (log_map.c)
 *          |
 *      SQLite's connection is closed
 *
 * Why the locks are doubled. SQLite's are POSIX locks. They go, without a word, when any descriptor
 * of the file is closed anywhere in the process. Ours belong to the descriptor. The second look
 * sees whether SQLite's were lost before that.
 *
 * Why SQLite is left. Any error of any statement would end the transaction, and there is nothing
 * more to gain from the connection. It also makes no difference then that we close our descriptors:
 * there is no lock of SQLite's to lose, as long as nobody else in the process uses the inode, which
 * inode_guard.h is for.
 *
 * The view is the header's last frame, not the mark: where all marks are taken, or none can be set,
 * SQLite locks an older mark and reads to the end all the same. With mark 0 the log is not read at
 * all: everything was in the file, nobody may write to that, and the log may be begun anew under
 * us.
 *
 * view_is_held() looks at what our locks cannot prevent: somebody who removes the log or its index
 * by hand; salts or a mark that changed, which a program does that does not see our locks; a log
 * that was recovered to an earlier end. It comes after the read, because before it would be too
 * early.
 *
 * A database in WAL mode that nobody has open is the file alone, too. SHARED keeps its mode, and
 * keeps whoever opens and leaves it from bringing his log into the file at once; but a checkpoint
 * needs no lock on the file. It shows in the file's time, and the view is lost. That is why such a
 * one is copied where there is room (in_place.c). SQLite is not let to lock it, for it would leave
 * a -wal and a -shm behind.
 *
 * With a rollback journal the file alone is the state, and SHARED keeps every commit away: that is
 * why a writer who waits has to be noticed (view_is_in_the_way()). So a file that has changed all
 * the same was changed by somebody who keeps no locks (cp, rsync): the check may have read the one
 * state, and the archive the other.
 */
#include "view.h"
#include "files/file_times.h"
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PENDING_BYTE = 0x40000000,
    RESERVED_BYTE = PENDING_BYTE + 1,
    SHARED_FIRST = PENDING_BYTE + 2,
    SHARED_SIZE = 510
};

/* ---- locks ------------------------------------------------------------------------ */

static bool lock_range(int fd, short type, off_t start, off_t bytes)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = bytes};
    return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

/* Does anybody else hold that byte alone? The process, or -1 where it has no number here. */
static bool is_locked(int fd, off_t at, pid_t *by)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};
    if (fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK)
        return false;
    *by = lock.l_pid;
    return true;
}

static bool read_index(const struct view *view, unsigned char bytes[INDEX_BYTES])
{
    return read_fully(view->index_fd, bytes, INDEX_BYTES, 0) == INDEX_BYTES;
}

/* ---- pinning ---------------------------------------------------------------------- */

struct pinning {
    struct view *view;
    struct held *live;
    char *why;
    size_t room;
};

static enum view_result say(const struct pinning *pinning, enum view_result result,
                            const char *format, ...) HB_PRINTF(3, 4);

static enum view_result say(const struct pinning *pinning, enum view_result result,
                            const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(pinning->why, pinning->room, format, arguments);
    va_end(arguments);
    return result;
}

static enum view_result open_sides(const struct pinning *pinning)
{
    static const enum side sides[] = {SIDE_WAL, SIDE_SHM};
    struct view *view = pinning->view;
    int *fds[] = {&view->log, &view->index_fd};
    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++) {
        int fd = held_open_side(pinning->live, sides[i], O_RDONLY);
        if (fd < 0)
            return say(pinning, VIEW_NEVER, "its %s cannot be opened: %s", side_suffixes[sides[i]],
                       strerror(-fd));
        *fds[i] = fd;
    }
    return VIEW_PINNED;
}

static bool is_still_there(const struct held *live, enum side side, int fd)
{
    char name[HELD_NAME_BYTES];
    struct stat named, opened;
    held_side_name(live->name, side, name);
    return fstatat(live->directory_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           fstat(fd, &opened) == 0 && named.st_dev == opened.st_dev &&
           named.st_ino == opened.st_ino;
}

static bool is_the_right_one(const struct pinning *pinning)
{
    const struct view *view = pinning->view;
    int moved = 1;
    return sqlite3_file_control(view->connection.db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) ==
               SQLITE_OK &&
           !moved && held_is_here(pinning->live) &&
           (view->kind != VIEW_OF_LOG || (is_still_there(pinning->live, SIDE_WAL, view->log) &&
                                          is_still_there(pinning->live, SIDE_SHM, view->index_fd)));
}

static enum view_result say_result(const struct pinning *pinning, int result)
{
    int primary = result & 0xff;
    if (pinning->live->refusal[0] != '\0')
        return say(pinning, VIEW_NEVER, "%s", pinning->live->refusal);
    if (result == SQLITE_READONLY_CANTINIT)
        return say(pinning, VIEW_NEVER,
                   "the index of its log cannot be relied on, as no program has it open");
    if (result == SQLITE_READONLY_ROLLBACK)
        return say(pinning, VIEW_NEVER, "it has a journal that a crash left");
    if (primary == SQLITE_BUSY)
        return say(pinning, VIEW_AGAIN, "it is locked");
    if (primary == SQLITE_PROTOCOL) /* SQLite has tried for ten seconds itself */
        return say(pinning, VIEW_NEVER, "it is locked");
    return say(pinning, VIEW_NEVER, "SQLite cannot open it where it is: %s",
               sqlite3_errstr(result));
}

/* The first statement, to its end: then SQLite has decided what it reads. */
static int begin_reading(struct view *view)
{
    int64_t ignored = 0, page_bytes = 0, pages = 0;
    int result = pin_watch(view->connection.db, &view->pin);
    if (result == SQLITE_OK)
        result = connection_run(&view->connection, "BEGIN", NULL);
    if (result == SQLITE_OK)
        result = connection_run(&view->connection, "PRAGMA schema_version", &ignored);
    if (result == SQLITE_OK)
        result = connection_run(&view->connection, "PRAGMA page_size", &page_bytes);
    if (result == SQLITE_OK)
        result = connection_run(&view->connection, "PRAGMA page_count", &pages);
    view->page_bytes = (uint64_t)page_bytes;
    view->pages = (uint64_t)pages;
    view->bytes = view->page_bytes * view->pages;
    return result;
}

static enum view_result open_connection(const struct pinning *pinning, struct patience *patience)
{
    AS_OWNER_AUTO owner = {0};
    struct view *view = pinning->view;
    if (!pin_vfs_register())
        return say(pinning, VIEW_NEVER, "this SQLite library refused to register a VFS");
    if (!held_begin_reading(pinning->live, &owner))
        return say(pinning, VIEW_NEVER, "%s", pinning->live->refusal);
    int result = connection_open(&view->connection, pinning->live, SQLITE_OPEN_READONLY,
                                 view->kind == VIEW_OF_CLOSED ? "vfs=" PIN_VFS "&immutable=1"
                                                              : "vfs=" PIN_VFS "&mode=ro",
                                 patience);
    if (result == SQLITE_OK) {
        sqlite3_busy_handler(view->connection.db, NULL, NULL);
        result = begin_reading(view);
    }
    if (result != SQLITE_OK)
        return say_result(pinning, result);
    if (view->pages == 0 || view->page_bytes == 0)
        return say(pinning, VIEW_NEVER, "it has no pages");
    if (!is_the_right_one(pinning))
        return say(pinning, VIEW_AGAIN, "another file has got its name");
    return VIEW_PINNED;
}

/* What SQLite noted, against what it says. */
static enum view_result take_index(const struct pinning *pinning)
{
    struct view *view = pinning->view;
    if (view->kind != VIEW_OF_LOG)
        return view->pin.mark < 0 ? VIEW_PINNED
                                  : say(pinning, VIEW_AGAIN, "it has come to have a log");
    if (view->pin.mapped == SQLITE_READONLY_CANTINIT)
        return say_result(pinning, SQLITE_READONLY_CANTINIT);
    if (view->pin.mapped != SQLITE_OK && view->pin.mapped != SQLITE_READONLY)
        return say(pinning, VIEW_NEVER, "the index of its log is not shared");
    if (view->pin.mark < 0)
        return say(pinning, VIEW_AGAIN, "it has no log any more");
    view->mark = view->pin.mark;
    const char *why = log_index_read(view->pin.index, &view->index);
    if (why != NULL)
        return say(pinning, VIEW_AGAIN, "%s", why);
    if (view->pin.mark == 0 && view->index.backfilled != view->index.last)
        return say(pinning, VIEW_AGAIN, "its log was begun anew");
    /* The first page tells SQLite of the size; it is of another state if a lock was lost by then.
     */
    if (view->index.last > 0 && view->pin.mark > 0 &&
        (view->index.pages != view->pages || view->index.page_bytes != view->page_bytes))
        return say(pinning, VIEW_AGAIN, "SQLite and the index of its log differ in its size");
    return VIEW_PINNED;
}

static enum view_result double_locks(const struct pinning *pinning)
{
    const struct view *view = pinning->view;
    if (lock_range(view->main, F_RDLCK, SHARED_FIRST, SHARED_SIZE) &&
        lock_range(view->index_fd, F_RDLCK, INDEX_LOCK_READ + view->mark, 1) &&
        lock_range(view->index_fd, F_RDLCK, INDEX_LOCK_ALIVE, 1))
        return VIEW_PINNED;
    if (errno == EAGAIN || errno == EACCES)
        return say(pinning, VIEW_AGAIN, "a lock on it was lost");
    return say(pinning, VIEW_NEVER, "locks cannot be held there: %s", strerror(errno));
}

/*
 * The locks of SQLite may have been lost before ours were there. Nobody changes a mark or the salts
 * while it is locked; with mark 0 nobody writes to the file.
 */
static enum view_result look_again(const struct pinning *pinning)
{
    const struct view *view = pinning->view;
    unsigned char bytes[INDEX_BYTES];
    uint32_t backfilled, mark;
    if (!read_index(view, bytes))
        return say(pinning, VIEW_NEVER, "the index of its log cannot be read");
    memcpy(&backfilled, bytes + 96, sizeof backfilled);
    memcpy(&mark, bytes + 100 + 4 * view->mark, sizeof mark);
    bool same = view->pin.mark == view->mark &&
                memcmp(bytes + 32, view->index.salts, sizeof view->index.salts) == 0 &&
                mark == view->index.marks[view->mark] &&
                (view->mark > 0 || backfilled == view->index.backfilled);
    return same ? VIEW_PINNED : say(pinning, VIEW_AGAIN, "a lock on it was lost");
}

static enum view_result make_map(const struct pinning *pinning)
{
    struct view *view = pinning->view;
    if (view->mark == 0 || view->index.last == 0)
        return VIEW_PINNED; /* the file alone */
    const char *why = log_map_make(&view->map, view->log, view->index_fd, &view->index);
    return why == NULL ? VIEW_PINNED : say(pinning, VIEW_NEVER, "%s", why);
}

enum view_result view_pin(struct view *view, struct held *live, int main, enum view_kind kind,
                          struct patience *patience, char *why, size_t room)
{
    struct pinning pinning = {view, live, why, room};
    struct stat log = {0};
    *view = (struct view){.main = main, .log = -1, .index_fd = -1, .kind = kind};
    bool logged = kind == VIEW_OF_LOG;
    view->pin.mark = view->mark = -1;
    view->status = live->status;
    enum view_result result = logged ? open_sides(&pinning) : VIEW_PINNED;
    if (result == VIEW_PINNED)
        result = open_connection(&pinning, patience);
    if (result == VIEW_PINNED)
        result = take_index(&pinning);
    if (result == VIEW_PINNED && logged)
        result = double_locks(&pinning);
    if (result == VIEW_PINNED && logged)
        result = look_again(&pinning);
    if (result == VIEW_PINNED && logged)
        result = make_map(&pinning);
    if (result == VIEW_PINNED && logged && fstat(view->log, &log) == 0)
        view->log_bytes = (uint64_t)log.st_size;
    if (result == VIEW_PINNED && fstat(main, &view->status) != 0)
        return say(&pinning, VIEW_NEVER, "it cannot be looked at: %s", strerror(errno));
    return result;
}

void view_leave_sqlite(struct view *view)
{
    connection_close(&view->connection);
}

/* ---- reading ---------------------------------------------------------------------- */

/* The page with the bytes that SQLite's locks stand for: nothing of the database is in it. */
static uint64_t lock_page(const struct view *view)
{
    return PENDING_BYTE / view->page_bytes + 1;
}

static int64_t read_log(const struct view *view, size_t at, void *buffer, size_t bytes,
                        uint64_t within)
{
    int64_t got = read_fully(view->log, buffer, bytes,
                             log_map_offset(&view->map, at, view->page_bytes) + within);
    return got >= 0 && (size_t)got < bytes ? -EIO : got;
}

/* The file may be shorter than the view: what it lacks has never been written. */
static int64_t read_file(const struct view *view, void *buffer, size_t bytes, uint64_t offset)
{
    int64_t got = read_fully(view->main, buffer, bytes, offset);
    if (got >= 0)
        memset((char *)buffer + got, 0, bytes - (size_t)got);
    return got < 0 ? got : (int64_t)bytes;
}

/* The pages from that one on that are in the file: up to the next that is not. */
static uint64_t pages_in_file(const struct view *view, uint64_t page, size_t at)
{
    uint64_t end = view->pages + 1, lock = lock_page(view);
    if (at < view->map.count && log_map_page(&view->map, at) < end)
        end = log_map_page(&view->map, at);
    if (lock >= page && lock < end)
        end = lock;
    return end - page;
}

int64_t view_read(const struct view *view, void *buffer, size_t bytes, uint64_t offset)
{
    if (offset >= view->bytes)
        return 0;
    if (bytes > view->bytes - offset)
        bytes = (size_t)(view->bytes - offset);
    for (size_t done = 0; done < bytes;) {
        uint64_t from = offset + done, page = from / view->page_bytes + 1;
        uint64_t within = from % view->page_bytes;
        size_t at = log_map_find(&view->map, page);
        bool in_log = at < view->map.count && log_map_page(&view->map, at) == page;
        bool lock = page == lock_page(view);
        uint64_t pages = in_log || lock ? 1 : pages_in_file(view, page, at);
        uint64_t there = pages * view->page_bytes - within;
        size_t take = there < bytes - done ? (size_t)there : bytes - done;
        int64_t got = (int64_t)take;
        char *to = (char *)buffer + done;
        if (lock)
            memset(to, 0, take);
        else if (in_log)
            got = read_log(view, at, to, take, within);
        else
            got = read_file(view, to, take, from);
        if (got < 0)
            return got;
        done += take;
    }
    return (int64_t)bytes;
}

/* ---- what others do meanwhile ------------------------------------------------------ */

static bool has_a_name(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && status.st_nlink > 0;
}

/* A header that is half written for so long was left so by a program that died: no answer. */
static bool read_whole_index(const struct view *view, struct log_index *index)
{
    enum { TRIES = 20 };
    unsigned char bytes[INDEX_BYTES];
    for (int i = 0; i < TRIES; i++)
        if (read_index(view, bytes) && log_index_read(bytes, index) == NULL)
            return true;
    return false;
}

/* The header of a log is written anew with it, before any of its frames. */
static bool has_its_salts(const struct view *view)
{
    unsigned char salts[8];
    return read_fully(view->log, salts, sizeof salts, 16) == sizeof salts &&
           memcmp(salts, view->index.salts, sizeof salts) == 0;
}

static bool is_untouched(const struct view *view)
{
    struct stat now;
    return fstat(view->main, &now) == 0 && now.st_size == view->status.st_size &&
           now.st_mtim.tv_sec == view->status.st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == view->status.st_mtim.tv_nsec &&
           !hb_may_be_put_back(&view->status, &now, view->main);
}

/*
 * A file with a log is written by checkpoints alone, which say in the index how far they mean to
 * get, before, and how far they got. So one that was written without any was written by somebody
 * who keeps no locks (cp). Where there was a checkpoint nobody can tell.
 *
 * The file is looked at first, and then the index: the other way round, a checkpoint that began in
 * between would not be in the index that was read, and its writes would be taken for a stranger's.
 */
static bool is_from_checkpoints(const struct view *view)
{
    unsigned char bytes[INDEX_BYTES];
    uint32_t backfilled, attempted;
    if (is_untouched(view))
        return true;
    if (!read_index(view, bytes))
        return false;
    memcpy(&backfilled, bytes + 96, sizeof backfilled);
    memcpy(&attempted, bytes + 128, sizeof attempted);
    return view->index.attempted != view->index.backfilled || attempted != view->index.attempted ||
           backfilled != view->index.backfilled;
}

bool view_is_held(const struct view *view)
{
    unsigned char bytes[INDEX_BYTES];
    struct log_index index;
    uint32_t mark, backfilled;
    if (view->kind != VIEW_OF_LOG)
        return is_untouched(view);
    if (!has_a_name(view->log) || !has_a_name(view->index_fd) || !read_index(view, bytes))
        return false;
    memcpy(&mark, bytes + 100 + 4 * view->mark, sizeof mark);
    memcpy(&backfilled, bytes + 96, sizeof backfilled);
    if (view->mark == 0) /* a log that is begun anew counts from 0, and gets no further */
        return (backfilled == 0 || backfilled == view->index.backfilled) && is_untouched(view);
    if (mark != view->index.marks[view->mark] || !is_from_checkpoints(view))
        return false;
    if (view->index.last == 0)
        return true;
    return has_its_salts(view) &&
           (!read_whole_index(view, &index) || index.last >= view->index.last);
}

bool view_is_old(const struct view *view)
{
    struct log_index index;
    pid_t writer;
    if (view->kind != VIEW_OF_LOG)
        return is_locked(view->main, RESERVED_BYTE, &writer);
    return !read_whole_index(view, &index) || index.last != view->index.last ||
           memcmp(index.salts, view->index.salts, sizeof index.salts) != 0 ||
           memcmp(index.sums, view->index.sums, sizeof index.sums) != 0;
}

uint64_t view_log_growth(const struct view *view)
{
    struct stat log;
    if (view->kind != VIEW_OF_LOG || fstat(view->log, &log) != 0 ||
        (uint64_t)log.st_size < view->log_bytes)
        return 0;
    return (uint64_t)log.st_size - view->log_bytes;
}

/*
 * With a journal, whoever waits to commit holds PENDING; RESERVED only says that he writes. In WAL
 * mode a checkpoint that wants the whole log (FULL, RESTART, TRUNCATE) waits for readers with both
 * of these locks; an ordinary writer has one at a time.
 */
bool view_is_in_the_way(const struct view *view)
{
    pid_t writer, checkpointer;
    if (view->kind != VIEW_OF_LOG)
        return is_locked(view->main, PENDING_BYTE, &writer);
    return is_locked(view->index_fd, INDEX_LOCK_WRITE, &writer) &&
           is_locked(view->index_fd, INDEX_LOCK_CHECKPOINT, &checkpointer) &&
           writer == checkpointer;
}

void view_unlock(struct view *view)
{
    int fds[] = {view->main, view->index_fd};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (fds[i] >= 0)
            (void)lock_range(fds[i], F_UNLCK, 0, 0);
}

void view_close(struct view *view)
{
    int *fds[] = {&view->main, &view->log, &view->index_fd};
    view_leave_sqlite(view);
    log_map_free(&view->map);
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}
