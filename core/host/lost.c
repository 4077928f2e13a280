/* SPDX-License-Identifier: Apache-2.0 */
#include "host/lost.h"

void hb_tell_lost(struct hb_run *run, const char *path, unsigned lost)
{
    if (lost & HB_DROPPED_LIST)
        hb_report_add(&run->report, HB_FOUND_NOTE, path,
                      "has lost its access list (ACL), because the configuration fixes its mode");
    lost &= ~(unsigned)HB_DROPPED_LIST;
    unsigned told = lost == 0 ? 0 : atomic_fetch_or(&run->lost, lost);
    if (lost & ~told & HB_LOST_MODE)
        hb_report_add(&run->report, HB_FOUND_NOTE, path,
                      "its mode cannot be set here, and other files may be affected: files here "
                      "are as open as the file system makes them");
    if (lost & ~told & HB_LOST_OWNER)
        hb_report_add(&run->report, HB_FOUND_NOTE, path,
                      "its owner or group cannot be set here, and other files may be affected: it "
                      "belongs to whoever made it, and is no more open than before");
    if (lost & ~told & HB_LOST_LIST)
        hb_report_add(&run->report, HB_FOUND_NOTE, path,
                      "its access list (ACL) cannot be set here, and other files may be affected: "
                      "the mode is as narrow as the list was");
}
