/* SPDX-License-Identifier: Apache-2.0 */
#include "files/system_kind.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/vfs.h>

enum {
    SHARED = 1,   /* by machines, or by who knows which process */
    NO_MODES = 2, /* or modes that are mapped to something else */
    FLEETING = 4  /* inodes are numbered anew */
};

static const struct {
    uint32_t kind;
    unsigned says;
} systems[] = {
    {0x6969, SHARED},                           /* NFS */
    {0xff534d42, SHARED | NO_MODES | FLEETING}, /* CIFS */
    {0xfe534d42, SHARED | NO_MODES | FLEETING}, /* SMB2 */
    {0x517b, SHARED | NO_MODES | FLEETING},     /* SMB */
    {0x65735546,
     SHARED | NO_MODES | FLEETING}, /* FUSE: sshfs, glusterfs, rclone, virtiofs, bindfs, … */
    {0x01021997, SHARED | NO_MODES | FLEETING}, /* 9P */
    {0x00c36400, SHARED},                       /* Ceph */
    {0x5346414f, SHARED},                       /* AFS */
    {0x6b414653, SHARED},                       /* AFS of the kernel */
    {0x73757245, SHARED},                       /* Coda */
    {0x564c, SHARED},                           /* NCP */
    {0x7461636f, SHARED},                       /* OCFS2 */
    {0x01161970, SHARED},                       /* GFS2 */
    {0x0bd00bd0, SHARED},                       /* Lustre */
    {0x47504653, SHARED},                       /* GPFS */
    {0x19830326, SHARED},                       /* BeeGFS */
    {0xaad7aaea, SHARED},                       /* PanFS */
    {0x20030528, SHARED},                       /* OrangeFS */
    {0x786f4256, SHARED},                       /* folders of VirtualBox */
    {0xbacbacbc, SHARED},                       /* folders of VMware */
    {0x4d44, NO_MODES | FLEETING},              /* FAT */
    {0x2011bab0, NO_MODES | FLEETING},          /* exFAT */
    {0x7366746e, NO_MODES},                     /* NTFS of the kernel */
};

/* -1: it cannot be told. */
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
