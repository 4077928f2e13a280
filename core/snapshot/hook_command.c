/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/hook_command.h"

#include "base/memory.h"
#include "base/path.h"
#include "host/hooks.h"
#include "host/instance.h"
#include "restore/recover.h"
#include "snapshot/wanted.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* ---- operands ------------------------------------------------------------------------------ */

static int resolve_snapshot(struct hb_run *run, const char *typed, char **path, char **shown,
                            struct hb_error *error)
{
    *shown = hb_snapshot_wanted(run, typed, error);
    if (*shown == NULL)
        return HB_STATUS_FATAL;
    *path = hb_text("%s/%s", hb_config_snapshot(run->config)->directory, *shown);
    return HB_OK;
}

static int resolve_path(const char *typed, bool archive, char **path, struct hb_error *error)
{
    struct stat status;
    if (*typed == '\0')
        return hb_error_set(error, HB_STATUS_FATAL, "the path is empty");
    *path = hb_absolute(typed);
    if (*path == NULL)
        return hb_error_set(error, HB_STATUS_FATAL, "%s: %s", typed, HB_NO_CURRENT_TEXT);
    if (archive && stat(*path, &status) != 0)
        return hb_error_set(error, HB_STATUS_FATAL, "%s: cannot be opened: %s", typed,
                            strerror(errno));
    if (archive && !S_ISREG(status.st_mode))
        return hb_error_set(error, HB_STATUS_FATAL, "%s: is not a regular file", typed);
    return HB_OK;
}

int hb_hook_call_resolve(struct hb_run *run, struct hb_hook_call *call, struct hb_error *error)
{
    const struct hb_hook_command *command = call->declared->command;
    int status = HB_OK;
    call->operands = hb_alloc((command->operand_count + 1) * sizeof *call->operands);
    call->shown = hb_alloc((command->operand_count + 1) * sizeof *call->shown);
    for (size_t i = 0; i < command->operand_count && status == HB_OK; i++) {
        uint32_t kind = command->operands[i]->kind;
        if (kind == HB_OPERAND_SNAPSHOT)
            status =
                resolve_snapshot(run, call->typed[i], &call->operands[i], &call->shown[i], error);
        else if (kind == HB_OPERAND_TEXT)
            call->operands[i] = hb_copy_text(call->typed[i]);
        else
            status =
                resolve_path(call->typed[i], kind == HB_OPERAND_ARCHIVE, &call->operands[i], error);
        if (status == HB_OK && call->shown[i] == NULL)
            call->shown[i] = hb_copy_text(call->operands[i]);
    }
    return status;
}

void hb_hook_call_clear(struct hb_hook_call *call)
{
    for (size_t i = 0; i < call->declared->command->operand_count; i++) {
        free(call->operands == NULL ? NULL : call->operands[i]);
        free(call->shown == NULL ? NULL : call->shown[i]);
    }
    free(call->operands);
    free(call->shown);
}

/* Whoever relies on it must not read that all is well when there is nothing to look at. */
static int check_there(struct hb_run *run, const char *snapshot, const char *id,
                       struct hb_error *error)
{
    struct hb_place place;
    int result = hb_beneath_resolve(&run->home, snapshot, 0, &place, NULL);
    bool missing = result == -ENOENT || result == -ENOTDIR ||
                   (result == 0 && (!place.exists || !S_ISDIR(place.status.st_mode)));
    hb_place_clear(&place);
    if (!missing)
        return HB_OK;
    hb_error_set(error, HB_STATUS_FATAL, "there is no snapshot %s", id);
    hb_error_hint(error, "`hbcore snapshot list` shows the existing snapshots");
    return HB_STATUS_FATAL;
}

static int tell_operands(struct hb_hooks *hooks, const struct hb_hook_call *call,
                         struct hb_error *error)
{
    const struct hb_hook_command *command = call->declared->command;
    int status = HB_OK;
    for (size_t i = 0; i < command->operand_count && status == HB_OK; i++) {
        uint32_t kind = command->operands[i]->kind;
        if (kind == HB_OPERAND_SNAPSHOT) {
            status = check_there(hooks->run, call->operands[i], call->shown[i], error);
            hb_hooks_tell(hooks, HB_HOOKS_SNAPSHOT, call->shown[i]);
        } else if (kind == HB_OPERAND_ARCHIVE) {
            hb_hooks_tell(hooks, HB_HOOKS_ARCHIVE, call->operands[i]);
        }
    }
    return status;
}

/* ---- the work ------------------------------------------------------------------------------ */

static int run_hook(struct hb_hooks *hooks, const struct hb_hook_call *call, struct hb_error *error)
{
    const struct hb_hook_command *command = call->declared->command;
    struct hb_invocation invocation = {
        .size = sizeof invocation,
        .command = command,
        .options = call->options,
        .option_count = command->option_count,
        .operands = (const char *const *)call->operands,
        .operand_count = command->operand_count,
    };
    int status = hb_hooks_before(hooks, error);
    if (status == HB_OK)
        status = hb_hooks_run(hooks, call->declared->section, &invocation, error);
    if (status == HB_OK)
        hb_hooks_after(hooks, 0, 0, false);
    hb_hooks_end(hooks, status, error);
    return status;
}

static int settle(struct hb_hooks *hooks, const struct hb_chain *contents,
                  struct hb_hook_call *call, struct hb_error *error)
{
    struct hb_run *run = hooks->run;
    bool changes = !call->dry_run && (call->declared->command->flags & HB_COMMAND_READS) == 0;
    hb_hooks_tell(hooks, HB_HOOKS_HOME, run->home.path);
    int status = hb_recover(run, contents, changes ? HB_RECOVER : HB_RECOVER_TELL, error);
    if (status == HB_OK)
        status = tell_operands(hooks, call, error);
    if (status != HB_OK)
        return status;
    run->hooks_stage_nothing = !changes;
    if (changes) /* of runs that were killed; there may be nothing to do, and no stage */
        hb_stage_sweep(run->home.fd);
    return run_hook(hooks, call, error);
}

int hb_hook_call_run(struct hb_run *run, struct hb_hook_call *call, struct hb_error *error)
{
    struct hb_hooks hooks = {0};
    struct hb_chain contents = {0};
    int status = hb_hooks_open(&hooks, run, call->declared->command->name, call->dry_run, error);
    if (status == HB_OK)
        status = hb_chain_create(run, HB_KIND_CONTENT, NULL, &contents, error);
    if (status != HB_OK)
        status = HB_STATUS_NOMATCH;
    else
        status = settle(&hooks, &contents, call, error);
    hb_hooks_close(&hooks);
    hb_chain_free(&contents);
    return status;
}
