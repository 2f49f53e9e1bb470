/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The short list of named errors, and how a function says which one with what words. */
#ifndef VFV_COMMON_ERROR_H
#define VFV_COMMON_ERROR_H

#include <stdbool.h>
#include <stddef.h>

/*
 * One row each in the table of error.c, which gives the JSON code ("in-use"), the D-Bus name
 * ("org.vfvirt1.Error.InUse"), the exit code and a line for the manual page.
 */
enum vfv_error_code {
	VFV_ERROR_NONE,
	VFV_ERROR_USAGE,	    /* the command line or call makes no sense */
	VFV_ERROR_NOT_FOUND,	    /* no PF or VF of that name */
	VFV_ERROR_AMBIGUOUS,	    /* a name that means several things */
	VFV_ERROR_NOT_CAPABLE,	    /* the PF cannot do that: no SR-IOV, no legacy access */
	VFV_ERROR_TOO_MANY_VFS,	    /* more than sriov_totalvfs */
	VFV_ERROR_INTENT,	    /* an intent file that cannot be understood */
	VFV_ERROR_INTENT_CONFLICT,  /* two intent files for one PF */
	VFV_ERROR_IN_USE,	    /* a VF is open or claimed */
	VFV_ERROR_FOREIGN,	    /* somebody else provisions it */
	VFV_ERROR_BUSY,		    /* another operation on that PF is under way */
	VFV_ERROR_NO_DRIVER,	    /* the driver is not loaded or does not exist */
	VFV_ERROR_BIND_FAILED,	    /* the driver did not take the device */
	VFV_ERROR_NOT_VIABLE,	    /* the IOMMU group is shared with a device of the host */
	VFV_ERROR_PENDING_REBOOT,   /* done at the next boot */
	VFV_ERROR_STUCK,	    /* the kernel does not return from a call */
	VFV_ERROR_GONE,		    /* the device vanished midway */
	VFV_ERROR_KERNEL_MODULE,    /* modules of vfvirt missing, or of another contract version */
	VFV_ERROR_ACCESS,	    /* the caller may not do that */
	VFV_ERROR_NO_DAEMON,	    /* vfvirtd does not run or does not answer */
	VFV_ERROR_KERNEL_IO,	    /* the kernel refused a read or write of sysfs or netlink */
	VFV_ERROR_STORAGE,	    /* a file could not be read or written */
	VFV_ERROR_NO_MEMORY,
	VFV_ERROR_INTERNAL,
	VFV_ERROR_COUNT,
};

#define VFV_ERROR_TEXT_BYTES 512

/*
 * An error on its way to a person. Made by the caller, as VFV_NO_ERROR; filled at most once.
 * text has the form "OBJECT: what failed: why: what to do".
 */
struct vfv_error {
	enum vfv_error_code code;
	int errno_value; /* the errno behind it, positive; 0 when there is none */
	char text[VFV_ERROR_TEXT_BYTES];
};

#define VFV_NO_ERROR ((struct vfv_error){ 0 })

/* A row of the table. */
struct vfv_error_name {
	const char *json_code;
	const char *dbus_name;
	int exit_code;	     /* 0 no error, 1 failed, 2 usage */
	int errno_default;   /* positive; returned where no errno is behind the error */
	const char *meaning; /* a line for people */
	const char *remedy;  /* what to do, a line */
};

/**
 * vfv_error_set - say what failed
 * @ret_error: filled, unless it is NULL or holds an error already (the first one stays)
 * @code: which of the named errors
 * @errno_value: the errno behind it, positive or negative; 0 for none
 * @format: printf format of the text; cut at VFV_ERROR_TEXT_BYTES - 1 on a whole UTF-8 character
 *
 * Return: a negative errno that suits @code (-@errno_value where there is one), to be returned.
 */
int vfv_error_set(struct vfv_error *ret_error, enum vfv_error_code code, int errno_value,
		  const char *format, ...) __attribute__((format(printf, 4, 5)));

/**
 * vfv_error_prefix - put words before the text of an error, as "OBJECT: "
 * @error: holds an error; NULL is allowed
 * @format: printf format of the words
 */
void vfv_error_prefix(struct vfv_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * vfv_error_name - the row of a code
 * @code: any value; one out of range gives the row of VFV_ERROR_INTERNAL
 *
 * Return: a static row, never NULL.
 */
const struct vfv_error_name *vfv_error_name(enum vfv_error_code code);

/**
 * vfv_error_from_dbus - the code of a D-Bus error name
 * @dbus_name: as in the table; NULL is allowed
 *
 * Return: the code; VFV_ERROR_INTERNAL for a name that is not in the table.
 */
enum vfv_error_code vfv_error_from_dbus(const char *dbus_name);

/**
 * vfv_error_from_json - the code of a JSON code, as vfv_error_from_dbus()
 * @json_code: as in the table; NULL is allowed
 */
enum vfv_error_code vfv_error_from_json(const char *json_code);

#endif
