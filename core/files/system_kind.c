/* SPDX-License-Identifier: Apache-2.0 */
#include "files/system_kind.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/vfs.h>

enum {
    SHARED = 1,         /* by machines, or by who knows which process */
    NO_MODES = 2,       /* or modes that are mapped to something else */
    FLEETING = 4,       /* inodes are numbered anew */
    NO_CHANGE = 8,      /* no time of change: the modification's stands for it, at least later on */
    PERHAPS_CHANGE = 16 /* what lies behind it may have none */
};

static const struct {
    uint32_t kind;
    unsigned says;
} systems[] = {
    {0x6969, SHARED},                                            /* NFS */
    {0xff534d42, SHARED | NO_MODES | FLEETING | PERHAPS_CHANGE}, /* CIFS */
    {0xfe534d42, SHARED | NO_MODES | FLEETING | PERHAPS_CHANGE}, /* SMB2 */
    {0x517b, SHARED | NO_MODES | FLEETING | PERHAPS_CHANGE},     /* SMB */
    /* FUSE: sshfs, glusterfs, rclone, virtiofs, bindfs, … */
    {0x65735546, SHARED | NO_MODES | FLEETING | PERHAPS_CHANGE},
    {0x01021997, SHARED | NO_MODES | FLEETING | PERHAPS_CHANGE}, /* 9P */
    {0x00c36400, SHARED},                                        /* Ceph */
    {0x5346414f, SHARED | PERHAPS_CHANGE},                       /* AFS */
    {0x6b414653, SHARED | PERHAPS_CHANGE},                       /* AFS of the kernel */
    {0x73757245, SHARED},                                        /* Coda */
    {0x564c, SHARED | PERHAPS_CHANGE},                           /* NCP */
    {0x7461636f, SHARED},                                        /* OCFS2 */
    {0x01161970, SHARED},                                        /* GFS2 */
    {0x0bd00bd0, SHARED},                                        /* Lustre */
    {0x47504653, SHARED},                                        /* GPFS */
    {0x19830326, SHARED},                                        /* BeeGFS */
    {0xaad7aaea, SHARED},                                        /* PanFS */
    {0x20030528, SHARED},                                        /* OrangeFS */
    {0x786f4256, SHARED | PERHAPS_CHANGE},                       /* folders of VirtualBox */
    {0xbacbacbc, SHARED | PERHAPS_CHANGE},                       /* folders of VMware */
    {0x4d44, NO_MODES | FLEETING | NO_CHANGE},                   /* FAT */
    {0x2011bab0, NO_MODES | FLEETING | NO_CHANGE},               /* exFAT */
    {0x7366746e, NO_MODES},                                      /* NTFS of the kernel */
    {0x4244, NO_CHANGE},                                         /* HFS */
    {0xadff, NO_CHANGE},                                         /* AFFS */
    {0xadf5, NO_CHANGE},                                         /* ADFS */
    {0x137f, NO_CHANGE},                                         /* Minix, version 1 */
    {0x138f, NO_CHANGE},
};

/* -1: it is unknown. */
static int look(int fd)
{
    struct statfs system;
    if (fstatfs(fd, &system) != 0)
        return -1;
    for (size_t i = 0; i < sizeof systems / sizeof *systems; i++)
        if ((uint32_t)system.f_type == systems[i].kind)
            return (int)systems[i].says;
    return 0;
}

bool hb_is_shared(int fd)
{
    int says = look(fd);
    return says < 0 || (says & SHARED) != 0;
}

bool hb_system_lacks_modes(int fd)
{
    int says = look(fd);
    return says >= 0 && (says & NO_MODES) != 0;
}

bool hb_inodes_last(int fd)
{
    int says = look(fd);
    return says >= 0 && (says & FLEETING) == 0;
}

enum hb_change_times hb_change_times_of(int fd)
{
    int says = look(fd);
    return says < 0 || (says & NO_CHANGE) != 0 ? HB_CHANGE_TIMES_NONE
           : (says & PERHAPS_CHANGE) != 0      ? HB_CHANGE_TIMES_PERHAPS
                                               : HB_CHANGE_TIMES_KEPT;
}

bool hb_change_time_tells(enum hb_change_times kept, const struct stat *status)
{
    bool alike = status->st_ctim.tv_sec == status->st_mtim.tv_sec &&
                 status->st_ctim.tv_nsec == status->st_mtim.tv_nsec;
    return kept == HB_CHANGE_TIMES_KEPT || (kept == HB_CHANGE_TIMES_PERHAPS && !alike);
}
