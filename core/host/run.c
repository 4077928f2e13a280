/* SPDX-License-Identifier: Apache-2.0 */
#include "host/run.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/name.h"
#include "plugin/process_state.h"
#include <errno.h>
#include <sched.h>

bool hb_run_cancelled(struct hb_run *run)
{
    return hb_interrupt_signal() != 0 ||
           atomic_load_explicit(&run->stop, memory_order_relaxed) != 0;
}

void hb_run_init(struct hb_run *run, const struct hb_config *config)
{
    *run = (struct hb_run){.config = config, .home.fd = -1, .log = stderr};
    run->stage = (struct hb_stage)HB_STAGE_NONE;
    run->hooks_stage = (struct hb_stage)HB_STAGE_NONE;
    run->log_level = HB_LOG_INFO;
    hb_report_init(&run->report);
    hb_held_init(&run->held);
    pthread_key_create(&run->failure, free);
    pthread_mutex_init(&run->suspect_lock, NULL);
    hb_interrupt_install();
    hb_process_note_signals();
}

int hb_run_making(const struct hb_run *run, const struct hb_directory *directory,
                  struct hb_rights *rights)
{
    struct stat status;
    *rights = directory->rights;
    if (!run->home.read_as_root || !rights->other)
        return 0;
    if (directory->led &&
        (fstat(directory->fd, &status) != 0 || status.st_uid != directory->rights.user))
        return -EACCES;
    *rights = (struct hb_rights){.other = false};
    return 0;
}

void hb_run_close_stage(struct hb_run *run, struct hb_stage *stage, int status)
{
    HB_AUTO_FREE char *path = hb_copy_text(stage->path == NULL ? "" : stage->path);
    int result = hb_stage_close(stage);
    if (result == 0)
        return;
    HB_AUTO_FREE char *why = hb_stage_staying(path, -result);
    HB_AUTO_FREE char *shown = hb_printable(why);
    if (status == HB_OK)
        hb_report_add(&run->report, HB_FOUND_NOTE, "", "%s", why);
    else if (run->log != NULL)
        fprintf(run->log, "hbcore: %s\n", shown);
}

void hb_run_clear(struct hb_run *run)
{
    if (run->clear_stores != NULL)
        run->clear_stores(run->stores);
    if (run->clear_transforms != NULL)
        run->clear_transforms(run->transforms);
    free(pthread_getspecific(run->failure));
    pthread_setspecific(run->failure, NULL);
    pthread_key_delete(run->failure);
    hb_run_close_stage(run, &run->stage, HB_STATUS_FATAL); /* all has been said */
    hb_run_close_stage(run, &run->hooks_stage, HB_STATUS_FATAL);
    hb_root_close(&run->home);
    hb_grafts_clear(&run->grafts);
    hb_held_clear(&run->held);
    hb_report_clear(&run->report);
    pthread_mutex_destroy(&run->suspect_lock);
    if (run->clear_own != NULL)
        run->clear_own(run->own);
}

/* The processors that this process may run on: a container or taskset may leave it few. */
static int64_t processors(void)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
        return CPU_COUNT(&allowed);
    return sysconf(_SC_NPROCESSORS_ONLN);
}

unsigned hb_run_workers(const struct hb_run *run)
{
    int64_t workers = hb_config_backup(run->config)->workers;
    if (workers == 0 || workers > HB_MOST_WORKERS) /* auto is the number behind the last */
        workers = processors();
    return workers < 1 ? 1 : (unsigned)workers;
}
