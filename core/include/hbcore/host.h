/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hbcore/host.h - what the host does for a plugin.
 *
 * A plugin gets one `const struct hb_host *` in create() and keeps it: it is
 * valid until destroy() returns, and is the first argument of each service.
 * Plugins link against nothing of the host, so a test can hand in a table of its
 * own. Unless a comment says otherwise, services may be called from any
 * thread that the host called the plugin on.
 */
#ifndef HBCORE_HOST_H
#define HBCORE_HOST_H

#include <hbcore/entry.h>

#ifdef __cplusplus
extern "C" {
#endif

enum hb_log {
    HB_LOG_DEBUG = 0, /* shown with --verbose only */
    HB_LOG_INFO = 1,  /* not with --quiet */
    HB_LOG_WARNING = 2
};

/* [home] read-as. For anybody but root it is always the first. */
enum hb_read_as {
    HB_READ_AS_OWNER = 0, /* as the owner of each directory could */
    HB_READ_AS_ROOT = 1   /* with root's own rights, whosever the directory is */
};

/* A file that lies in the staging directory of the run. */
struct hb_file {
    uint32_t size;
    int32_t fd;       /* open for reading and writing; -1 in an empty one */
    const char *path; /* absolute; for libraries that open by name */
    void *reserved;   /* the host's own */
};

HB_LAYOUT(struct hb_file, path, 8);
HB_SIZEOF(struct hb_file, 24);

enum hb_child_flags {
    HB_CHILD_INPUT_FD = 1, /* it reads `input_fd`; else `input`, or nothing */
    HB_CHILD_OUTPUT_FD = 2 /* it writes to `output_fd`; else to `output` */
};

/* A program that run_child() runs and waits for. What is not said is zero. */
struct hb_child {
    uint32_t size;
    uint32_t flags;          /* enum hb_child_flags; another one is refused */
    const char *const *argv; /* ended by NULL; no shell. Without a '/' argv[0] is in $PATH */
    const char *const
        *environment;  /* "NAME=VALUE", ended by NULL: besides what hbcore itself has */
    const void *input; /* its standard input */
    size_t input_bytes;
    int32_t input_fd; /* the caller's, and stays so */
    int32_t output_fd;
    uint64_t timeout_ms; /* 0: as long as it takes */
    char *output;        /* the first bytes that it writes to standard output, and a NUL */
    size_t output_room;
    char *errors; /* the last bytes that it writes to standard error, and a NUL */
    size_t errors_room;
    /* the answer */
    uint64_t output_bytes; /* how many there were, kept or not */
    uint64_t errors_bytes;
    int32_t exit_status; /* 0 to 255; -1: a signal ended it */
    int32_t signal;      /* which; else 0 */
};

HB_LAYOUT(struct hb_child, argv, 8);
HB_LAYOUT(struct hb_child, timeout_ms, 48);
HB_LAYOUT(struct hb_child, output_bytes, 88);
HB_SIZEOF(struct hb_child, 112);

/* A password, key or token. */
struct hb_secret {
    uint32_t size;
    uint32_t reserved; /* the host's own */
    char *text;        /* NUL-terminated; the host's, and wiped by secret_release() */
    size_t bytes;
};

HB_LAYOUT(struct hb_secret, text, 8);
HB_SIZEOF(struct hb_secret, 24);

enum hb_clock {
    HB_CLOCK_WALL = 1,  /* the time of day; with SOURCE_DATE_EPOCH no later than that */
    HB_CLOCK_STEADY = 2 /* for durations: never set, and without a meaning of its own */
};

/* In place of the descriptor of a directory: the home. */
#define HB_BENEATH_HOME (-1)

/* A list of patterns; the host's own. */
struct hb_patterns;

struct hb_host {
    uint32_t size; /* sizeof(struct hb_host) */
    uint32_t abi;  /* HB_ABI */
    void *self;    /* the host's own */

    /* One line for the person at the terminal or the log; no newline in it. `level` is an enum
     * hb_log; what is below them is not shown, what is above them is. */
    void (*log)(const struct hb_host *host, int level, const char *format, ...) HB_PRINTF(3, 4);

    /*
     * Says why a call is about to fail and returns `status`, so that a plugin
     * can write `return host->fail(host, HB_STATUS_ENTRY, "...")`. The sentence names
     * what failed and why; the host puts the plugin's name and, where it knows
     * it, the entry in front. The last sentence of a thread wins; of those of a
     * create() each, so that it can name every setting that is wrong.
     */
    int (*fail)(const struct hb_host *host, int status, const char *format, ...) HB_PRINTF(3, 4);

    /* Worth a line in the summary; the entry is stored well, exit 0. */
    void (*note)(const struct hb_host *host, const struct hb_entry *entry, const char *format, ...)
        HB_PRINTF(3, 4);

    /* The entry is stored or restored, but may not be what the user needs: exit 3. */
    void (*doubtful)(const struct hb_host *host, const struct hb_entry *entry, const char *format,
                     ...) HB_PRINTF(3, 4);

    /* Non-zero once the run is being stopped: return HB_STATUS_CANCELLED soon. Cheap. */
    int (*cancelled)(const struct hb_host *host);

    /* Milliseconds that the present call may still wait for others; INT64_MAX: no bound. */
    int64_t (*remaining_ms)(const struct hb_host *host);

    /* How far the preparation of an entry is (a long snapshot, say), in any unit. */
    void (*progress)(const struct hb_host *host, const struct hb_entry *entry, uint64_t done,
                     uint64_t total);

    /* Memory that crosses the boundary (hb_unit.data). alloc: NULL when there is none. */
    void *(*alloc)(const struct hb_host *host, size_t bytes);
    void (*release)(const struct hb_host *host, void *memory);

    /*
     * The absolute, canonical path of the home as it is now, for libraries that
     * open by name; NULL where the command has no home. Valid until destroy().
     * Prefer open_beneath().
     */
    const char *(*home_path)(const struct hb_host *host);

    /*
     * Opens a path below the home, with the flags of open(2) and O_CLOEXEC added. No
     * component may lead outside, symbolic links included (openat2(2),
     * RESOLVE_BENEATH). Returns a descriptor that the caller closes, or HB_STATUS_ENTRY, where
     * errno and cause() tell more.
     */
    int (*open_beneath)(const struct hb_host *host, const char *path, int flags, uint32_t mode);

    /*
     * Reads a part of another file of the home, for filters and content plugins
     * that decide by their neighbours. Returns the bytes read, 0 at the end, or as
     * open_beneath().
     */
    int64_t (*read_entry)(const struct hb_host *host, const char *path, uint64_t offset,
                          void *buffer, size_t bytes);

    /*
     * A new empty file, mode 0600, in the run's staging directory, never in the
     * system's temporary directory. `name` ends up in its name. The plugin gives
     * it back with stage_release(), which closes and removes it together with
     * every file whose name starts with its name (side files of libraries). What is
     * not given back goes with the run, and after a crash with the next run.
     */
    int (*stage_file)(const struct hb_host *host, const char *name, struct hb_file *out);
    void (*stage_release)(const struct hb_host *host, struct hb_file *file);

    /*
     * Publishes a staged file below the home, atomically: flushed, given `mode` (permission bits),
     * renamed over `path`, its directory flushed. Missing parents are made. The
     * file is then no longer staged. For hooks and content plugins, one at a time.
     */
    int (*publish)(const struct hb_host *host, struct hb_file *file, const char *path,
                   uint32_t mode);

    /* One line for the summary of the command. Hooks only. */
    void (*summary)(const struct hb_host *host, const char *format, ...) HB_PRINTF(2, 3);

    /*
     * One member for the JSON summary; `json` is a JSON text. Hooks only. HB_OK; HB_STATUS_ENTRY:
     * it is no JSON text. If a member of that name is there already, the user is told that this one
     * is left out: begin the key with the name of the plugin.
     */
    int (*member)(const struct hb_host *host, const char *key, const char *json);

    /*
     * With whose rights content of the home is read: an enum hb_read_as. open_beneath() and
     * read_entry() go by it already; this is for a plugin that takes on rights itself to read by
     * other means. It concerns reading alone: what a plugin makes, changes or removes in another
     * user's directory is done with that user's rights in any case. A host that lacks this member
     * (HB_HAS) reads as the owner.
     */
    int (*read_as)(const struct hb_host *host);

    /*
     * Patterns of paths with the rules of gitignore(5), which hbcore(1) has under PATTERNS: for
     * filters above all. patterns_create() copies them; NULL: one can never match, which has been
     * said through fail() with the section and `key` in front, the option that they come from.
     * patterns_match() says what they say of a path, below the home: non-zero, if they match it or
     * a directory on the way, and no later one takes it back. `type` is its enum hb_type. A
     * list is for one thread at a time, and remembers the last path: ask directory by directory.
     * A host that lacks these members (HB_HAS) has no patterns.
     */
    struct hb_patterns *(*patterns_create)(const struct hb_host *host, const char *key,
                                           const char *const *patterns, size_t count);
    int (*patterns_match)(const struct hb_host *host, struct hb_patterns *patterns,
                          const char *path, size_t path_bytes, uint32_t type);
    void (*patterns_free)(const struct hb_host *host, struct hb_patterns *patterns);

    /*
     * As fail(), with what else is known: `cause` is an enum hb_cause (another number counts as
     * HB_CAUSE_NONE), `hint` what the person at
     * the terminal can do about it, without a full stop, or NULL.
     */
    int (*fail_as)(const struct hb_host *host, int status, uint32_t cause, const char *hint,
                   const char *format, ...) HB_PRINTF(5, 6);

    /* The enum hb_cause of the last failure of this thread, of a service or the plugin's own. */
    uint32_t (*cause)(const struct hb_host *host);

    /*
     * Runs a program and waits for it. It inherits no other descriptor, and has a process group of
     * its own. When its time is up, or the run is stopped, the whole group gets SIGTERM and two
     * seconds later SIGKILL. However much it writes, it is read; what does not fit is only counted.
     * HB_OK: it ended by itself, however: see exit_status; HB_STATUS_ENTRY: it was not started, or
     * took too long; HB_STATUS_CANCELLED. Its words and output are nobody's but the plugin's: a
     * secret goes to it by its input, for others see words and environment. Not by itself without
     * effect in a dry run: ask dry_run().
     */
    int (*run_child)(const struct hb_host *host, struct hb_child *child);

    /*
     * The secret that the text of an option with HB_OPTION_SECRET tells: "file:PATH", "env:NAME",
     * "command:WORD …" (words as in a list; the first is the program, and its output is the
     * secret), "terminal:" or "terminal:PROMPT" (it is asked for at /dev/tty, without echo, each
     * time) or "text:…"; without one of these words, the text itself. A newline at the end of a
     * file or output does not belong to it. At most 64 KiB. A file that others can read is told of
     * as a note. HB_OK, and secret_release() when it has been used, which wipes it; or
     * HB_STATUS_ENTRY, told in words that begin with "[SECTION] KEY: ". `key` is the option's.
     */
    int (*secret)(const struct hb_host *host, const char *key, const char *text,
                  struct hb_secret *out);
    void (*secret_release)(const struct hb_host *host, struct hb_secret *secret);

    /* The time of an enum hb_clock. HB_OK; HB_STATUS_ENTRY: there is no such clock. */
    int (*clock)(const struct hb_host *host, uint32_t clock, struct timespec *now);

    /* Non-zero: this run only shows what would be done, and neither may the plugin change anything.
     * To be asked when something is about to be done: in create() it is not known yet. */
    int (*dry_run)(const struct hb_host *host);

    /*
     * A new empty directory, mode 0700, in the run's staging directory, as stage_file() makes a
     * file: out->fd is open for reading. stage_release() removes it with all that is in it.
     */
    int (*stage_directory)(const struct hb_host *host, const char *name, struct hb_file *out);

    /*
     * The names in a directory, in any order, without "." and "..": `path` below `directory_fd`
     * ("": itself), which is one of the plugin's own or HB_BENEATH_HOME. No link is followed.
     * `each` gets the name and its enum hb_type, and may unlink it; 0 to go on. HB_OK; what `each`
     * returned; or as open_beneath().
     */
    int (*list_beneath)(const struct hb_host *host, int directory_fd, const char *path,
                        int (*each)(void *context, const char *name, uint32_t type), void *context);

    /*
     * Removes a file, a link itself, or an empty directory, there. No link is followed, and as root
     * it is done with the rights of the directory's owner. HB_OK, or as open_beneath().
     */
    int (*unlink_beneath)(const struct hb_host *host, int directory_fd, const char *path);
};

HB_LAYOUT(struct hb_host, self, 8);
HB_LAYOUT(struct hb_host, fail, 24);
HB_LAYOUT(struct hb_host, cancelled, 48);
HB_LAYOUT(struct hb_host, alloc, 72);
HB_LAYOUT(struct hb_host, open_beneath, 96);
HB_LAYOUT(struct hb_host, stage_file, 112);
HB_LAYOUT(struct hb_host, member, 144);
HB_LAYOUT(struct hb_host, read_as, 152);
HB_LAYOUT(struct hb_host, patterns_create, 160);
HB_LAYOUT(struct hb_host, patterns_free, 176);
HB_LAYOUT(struct hb_host, fail_as, 184);
HB_LAYOUT(struct hb_host, run_child, 200);
HB_LAYOUT(struct hb_host, secret, 208);
HB_LAYOUT(struct hb_host, dry_run, 232);
HB_LAYOUT(struct hb_host, unlink_beneath, 256);
HB_SIZEOF(struct hb_host, 264);

#ifdef __cplusplus
}
#endif
#endif
