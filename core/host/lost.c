/* SPDX-License-Identifier: Apache-2.0 */
#include "host/lost.h"

void hb_tell_lost(struct hb_run *run, const char *path, unsigned lost)
{
    if (lost & HB_DROPPED_LIST)
        hb_report_add(&run->report, HB_FOUND_NOTE, path,
                      "had an access list (ACL), which is gone: the configuration fixes its mode");
    lost &= ~(unsigned)HB_DROPPED_LIST;
    unsigned told = lost == 0 ? 0 : atomic_fetch_or(&run->lost, lost);
    if (lost & ~told & HB_LOST_MODE)
        hb_report_add(&run->report, HB_FOUND_NOTE, path,
                      "its mode cannot be set here, nor perhaps that of others: what lies on this "
                      "file system is as open as the file system makes it");
    if (lost & ~told & HB_LOST_OWNER)
        hb_report_add(&run->report, HB_FOUND_NOTE, path,
                      "its owner or group cannot be set here, nor perhaps that of others: it "
                      "belongs to whoever made it, and is open to no more than before");
    if (lost & ~told & HB_LOST_LIST)
        hb_report_add(&run->report, HB_FOUND_NOTE, path,
                      "its access list (ACL) cannot be set here, nor perhaps that of others: the "
                      "mode is as narrow as the list was");
}
