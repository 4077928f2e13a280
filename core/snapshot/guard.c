/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/guard.h"

#include "base/memory.h"
#include "host/hooks.h"
#include "host/instance.h"
#include "restore/recover.h"
#include <errno.h>

/* Whoever relies on it must not read that all is well when there is nothing to compare with. */
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

static int compare(struct hb_hooks *hooks, const char *id, bool dry_run, struct hb_error *error)
{
    struct hb_run *run = hooks->run;
    HB_AUTO_FREE char *snapshot =
        hb_text("%s/%s", hb_config_text(run->config, "snapshot", "directory"), id);
    hb_hooks_tell(hooks, HB_HOOKS_HOME, run->home.path);
    hb_hooks_tell(hooks, HB_HOOKS_SNAPSHOT, snapshot);
    int status = hb_hooks_can_run(hooks) ? check_there(run, snapshot, id, error) : HB_OK;
    if (status != HB_OK)
        return status;
    run->stage_on_demand = !dry_run;
    if (!dry_run) /* of runs that were killed; there may be nothing to do, and no stage */
        hb_stage_sweep(run->home.fd);
    status = hb_hooks_before(hooks, error);
    if (status == HB_OK)
        status = hb_hooks_run(hooks, error);
    if (status == HB_STATUS_NOMATCH) {
        hb_error_set(error, HB_STATUS_NOMATCH,
                     "guard: no hook of the configuration compares anything");
        hb_error_hint(error,
                      "add a section [hook:NAME] with guard in its 'on' to say what is compared");
    }
    if (status == HB_OK)
        hb_hooks_after(hooks, 0, 0, false);
    return status;
}

int hb_guard(struct hb_run *run, const char *id, bool dry_run, struct hb_error *error)
{
    struct hb_hooks hooks = {0};
    struct hb_chain contents = {0};
    int status = hb_hooks_open(&hooks, run, "guard", dry_run, error);
    if (status == HB_OK)
        status = hb_chain_create(run, HB_KIND_CONTENT, NULL, &contents, error);
    if (status != HB_OK)
        status = HB_STATUS_NOMATCH;
    else
        status = hb_recover(run, &contents, dry_run ? HB_RECOVER_TELL : HB_RECOVER, error);
    if (status == HB_OK)
        status = compare(&hooks, id, dry_run, error);
    hb_hooks_end(&hooks, status, error);
    hb_hooks_close(&hooks);
    hb_chain_free(&contents);
    return status;
}
