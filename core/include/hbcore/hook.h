/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hbcore/hook.h - a hook plugin: what else happens before and after a command, and commands of its
 * own.
 *
 * A hook hears of each command that makes, changes or removes an archive or a snapshot:
 *
 *     backup            an archive is made; also the one that `import --backup-first` makes first
 *     import            an archive is put into the home
 *     snapshot create   a snapshot is made
 *     snapshot restore  the files of one are put back
 *     snapshot prune    snapshots are removed
 *     prune             archives are removed
 *     NAME              a command that a hook declares (below)
 *
 * `on` of its section picks among them by their first word: "on = backup snapshot". Without `on` a
 * hook hears of all but the commands of other hooks, and its own commands are there; with `on` only
 * those that it names are.
 *
 *     before() ---> the work ---> after() ---> retention ---> finally()    of each hook
 *        | fails: a veto | fails     | may hold back              ^
 *        '---------------'-----------'----------------------------'
 *
 * finally() comes exactly once to each hook whose before() was called, or would have been if it had
 * one, whatever came between, the last hook first. A hook behind the one that vetoed hears nothing.
 *
 * All callbacks come on the main thread, one at a time, and see the home open and locked (an import
 * into a home that is not there yet: none, until after()). stage_file(), publish(), open_beneath()
 * and read_entry() work in each of them; a dry run stages and publishes nothing.
 */
#ifndef HBCORE_HOOK_H
#define HBCORE_HOOK_H

#include <hbcore/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what a hook hears --------------------------------------------------------------------- */

enum hb_reason_kind {
    HB_REASON_SKIPPED = 1, /* not stored or not restored */
    HB_REASON_DOUBTFUL = 2 /* it was, but may not be what the user needs */
};

/* Why a result is incomplete. */
struct hb_reason {
    uint32_t size;
    uint32_t kind;    /* enum hb_reason_kind */
    const char *path; /* of the entry; "": it is about none */
    const char *text; /* the sentence, without the path */
};

HB_LAYOUT(struct hb_reason, path, 8);
HB_SIZEOF(struct hb_reason, 24);

/*
 * What happens. The host's, and so is all that it points to: valid until the callback returns. A
 * member that is not known yet, or has no meaning for the command, is NULL or 0.
 */
struct hb_event {
    uint32_t size;
    int32_t exit_status;     /* after(), finally(): what the command will exit with so far */
    const char *command;     /* one of those above */
    const char *within;      /* the command that this one is a part of: "import"; else NULL */
    const char *home;        /* absolute and canonical */
    const char *archive;     /* path, or "-". before() a backup: the name that it is to have, which
                                may be another afterwards; after(): NULL, where none was made */
    const char *snapshot;    /* its id. before() it is made: NULL */
    const char *preset;      /* the NAME of [preset:NAME] */
    const char *format;      /* the NAME of [format:NAME], or of the plugin. Import: in after() */
    struct timespec started; /* by the clock of the machine */
    uint64_t duration_ms;    /* since then */
    uint64_t files;          /* after(): stored or restored, or would be */
    uint64_t bytes;          /* after(): their content */
    uint64_t archive_bytes;  /* after() a backup: length of the archive */
    uint64_t skipped;        /* after(): entries that were skipped or are doubtful */
    uint64_t left_out;       /* after() an import: entries of the archive that nobody asked for, by
                                patterns of the command line */
    uint32_t dry_run;        /* non-zero: nothing is changed; neither may the hook */
    uint32_t elsewhere;      /* non-zero: the home is not the one that the configuration names, as
                                in a drill with --home; what is outside of it is none of its own */
    const struct hb_reason *const *reasons; /* after(), finally(): why the result is incomplete */
    size_t reason_count;
    const char *const *removed; /* finally(), and after() a prune: paths of the archives, or ids of
                                   the snapshots, that are gone, or would be */
    size_t removed_count;
    int32_t status; /* finally(): HB_OK, or the failure of the command: an enum hb_status */
    uint32_t reserved;
    const char *error; /* finally(): the sentence that the user reads; NULL: it has not failed */
};

HB_LAYOUT(struct hb_event, command, 8);
HB_LAYOUT(struct hb_event, archive, 32);
HB_LAYOUT(struct hb_event, started, 64);
HB_LAYOUT(struct hb_event, files, 88);
HB_LAYOUT(struct hb_event, dry_run, 128);
HB_LAYOUT(struct hb_event, reasons, 136);
HB_LAYOUT(struct hb_event, status, 168);
HB_SIZEOF(struct hb_event, 184);

/* ---- commands of its own ------------------------------------------------------------------- */

/* What is typed behind the command, and what the host makes of it. */
enum hb_operand_kind {
    HB_OPERAND_TEXT = 1,     /* as it was typed */
    HB_OPERAND_PATH = 2,     /* absolute; it need not exist */
    HB_OPERAND_SNAPSHOT = 3, /* an id, or a number in the list: its directory, a path below the home
                                that is there. At most one; event.snapshot is its id */
    HB_OPERAND_ARCHIVE = 4   /* absolute; a file that is there. At most one: event.archive */
};

struct hb_operand {
    uint32_t size;
    uint32_t kind;    /* enum hb_operand_kind */
    const char *key;  /* its member in the JSON summary: lower case, words joined by '_' */
    const char *name; /* in the help, one word: "ID|NUMBER", "ARCHIVE" */
};

HB_LAYOUT(struct hb_operand, key, 8);
HB_SIZEOF(struct hb_operand, 24);

enum hb_command_flags {
    HB_COMMAND_READS = 1 /* it changes nothing in the home, which is not locked: an import that was
                            interrupted is told of, and not completed. Such a command stages
                            nothing: stage_file() and stage_directory() fail */
};

/*
 * A command: `hbcore NAME [options] OPERANDS`. The host reads and checks what is typed, has --help,
 * completion and the global options, opens and locks the home, completes an import that was
 * interrupted, and asks before(), after() and finally() of those hooks that have NAME in their
 * `on`. A name that hbcore has itself is hbcore's; one that two sections declare is nobody's;
 * `hbcore config check` names both.
 */
struct hb_hook_command {
    uint32_t size;
    uint32_t flags;      /* enum hb_command_flags */
    const char *name;    /* lower case, words joined by '-' */
    const char *summary; /* in the list of commands, half a line */
    const char *about;   /* the help between usage and options */
    const char *end;     /* the help below the options, such as its exit codes; or NULL */
    /*
     * Of the command line: --KEY VALUE, --KEY alone of a HB_OPTION_BOOLEAN, and of a HB_OPTION_LIST
     * once for each word. The key is not one of a global option: then the command does not run, and
     * `hbcore plugins check` says so. With `dry-run`, which is a boolean, nothing may be changed:
     * event.dry_run.
     */
    const struct hb_option *const *options; /* option_count; may be NULL */
    size_t option_count;
    const struct hb_operand *const *operands; /* operand_count, all of which must be typed */
    size_t operand_count;
};

HB_LAYOUT(struct hb_hook_command, name, 8);
HB_LAYOUT(struct hb_hook_command, options, 40);
HB_LAYOUT(struct hb_hook_command, operands, 56);
HB_SIZEOF(struct hb_hook_command, 72);

/* A command as it was typed. */
struct hb_invocation {
    uint32_t size;
    uint32_t reserved;
    const struct hb_hook_command *command; /* the plugin's own */
    const struct hb_event *event;
    const struct hb_value *const *options; /* as those of the command stand */
    size_t option_count;
    const char *const *operands; /* the same of its operands, each resolved */
    size_t operand_count;
};

HB_LAYOUT(struct hb_invocation, command, 8);
HB_LAYOUT(struct hb_invocation, options, 24);
HB_LAYOUT(struct hb_invocation, operands, 40);
HB_SIZEOF(struct hb_invocation, 56);

/* ---- the table ----------------------------------------------------------------------------- */

struct hb_hook_ops {
    uint32_t size;
    uint32_t reserved;

    /* Any may be NULL, not all. HB_OK, or a failure: a veto, nothing is done. */
    int (*before)(void *self, const struct hb_event *event);

    /*
     * It is done, and no hook can make it fail any more; what it says through summary(), member(),
     * note() and doubtful() is told with the result. HB_OK. HB_STATUS_SKIP, or a failure, which is
     * told as a note: retention is held back, so that no older archive or snapshot is removed this
     * time; with HB_STATUS_SKIP, too, the reason is given through hb_host.fail().
     */
    int (*after)(void *self, const struct hb_event *event);

    /*
     * The command is over, well or not: `status` and `error` say which. What was begun in before()
     * is undone here. A failure of its own is told and changes nothing. Where the command has
     * failed there is no summary any more: hb_host.log() is what the user sees.
     */
    int (*finally)(void *self, const struct hb_event *event);

    /* ended by NULL; the plugin's own for as long as it is loaded. NULL: none */
    const struct hb_hook_command *const *commands;

    /* One of them; there where they are, and only there. HB_OK, or a failure: exit 1. */
    int (*run)(void *self, const struct hb_invocation *invocation);
};

HB_LAYOUT(struct hb_hook_ops, before, 8);
HB_LAYOUT(struct hb_hook_ops, finally, 24);
HB_LAYOUT(struct hb_hook_ops, commands, 32);
HB_LAYOUT(struct hb_hook_ops, run, 40);
HB_SIZEOF(struct hb_hook_ops, 48);

#ifdef __cplusplus
}
#endif
#endif
