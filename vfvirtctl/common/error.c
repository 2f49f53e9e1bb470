/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of named errors, and the making of their texts. */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define DBUS_PREFIX "org.vfvirt1.Error."

/* One row a code, in the order of the enum; "remedy" is what the manual page advises. */
static const struct vfv_error_name names[VFV_ERROR_COUNT] = {
	[VFV_ERROR_NONE] = {"none", DBUS_PREFIX "None", 0, 0, "no error", "nothing"},
	[VFV_ERROR_USAGE] = {"usage", DBUS_PREFIX "Usage", 2, EINVAL,
			     "the command line or call makes no sense", "see vfvirtctl --help"},
	[VFV_ERROR_NOT_FOUND] = {"not-found", DBUS_PREFIX "NotFound", 1, ENOENT,
				 "there is no PF or VF of that name", "see vfvirtctl list"},
	[VFV_ERROR_AMBIGUOUS] = {"ambiguous", DBUS_PREFIX "Ambiguous", 1, EEXIST,
				 "the name means several things", "use the full address"},
	[VFV_ERROR_NOT_CAPABLE] = {"not-capable", DBUS_PREFIX "NotCapable", 1, EOPNOTSUPP,
				   "the PF cannot do that", "see vfvirtctl check"},
	[VFV_ERROR_TOO_MANY_VFS] = {"too-many-vfs", DBUS_PREFIX "TooManyVfs", 1, ERANGE,
				    "the device allows fewer VFs",
				    "ask for at most what list shows as the maximum"},
	[VFV_ERROR_INTENT] = {"intent", DBUS_PREFIX "Intent", 1, EINVAL,
			      "an intent file cannot be understood",
			      "mend the file at the place that is named"},
	[VFV_ERROR_INTENT_CONFLICT] = {"intent-conflict", DBUS_PREFIX "IntentConflict", 1, EEXIST,
				       "two intent files are for one PF",
				       "remove one of the two files"},
	[VFV_ERROR_IN_USE] = {"in-use", DBUS_PREFIX "InUse", 1, EBUSY,
			      "a VF is open or claimed by a domain",
			      "stop the user that is named, or detach the VF from it"},
	[VFV_ERROR_FOREIGN] = {"foreign", DBUS_PREFIX "Foreign", 1, EPERM,
			       "somebody else provisions the PF or VF",
			       "stop the other provisioner, or use --force for a VF"},
	[VFV_ERROR_BUSY] = {"busy", DBUS_PREFIX "Busy", 1, EBUSY,
			    "another operation on that PF is under way",
			    "wait for it, then try again"},
	[VFV_ERROR_NO_DRIVER] = {"no-driver", DBUS_PREFIX "NoDriver", 1, ENODEV,
				 "the driver is not loaded or does not exist",
				 "load its module with modprobe"},
	[VFV_ERROR_BIND_FAILED] = {"bind-failed", DBUS_PREFIX "BindFailed", 1, EIO,
				   "the driver did not take the device", "see the kernel log"},
	[VFV_ERROR_NOT_VIABLE] = {"not-viable", DBUS_PREFIX "NotViable", 1, EBUSY,
				  "the IOMMU group is shared with a device of the host",
				  "unbind that device, or use a slot with access control services"},
	[VFV_ERROR_PENDING_REBOOT] = {"pending-reboot", DBUS_PREFIX "PendingReboot", 1, EAGAIN,
				      "the change happens at the next boot",
				      "restart the host, or take the interface down and apply"},
	[VFV_ERROR_STUCK] = {"stuck", DBUS_PREFIX "Stuck", 1, ETIMEDOUT,
			     "the kernel does not return from a call",
			     "see the kernel log; if the card is dead, restart the host"},
	[VFV_ERROR_GONE] = {"gone", DBUS_PREFIX "Gone", 1, ENODEV, "the device vanished meanwhile",
			    "see whether it comes back with vfvirtctl list"},
	[VFV_ERROR_KERNEL_MODULE] = {"kernel-module", DBUS_PREFIX "KernelModule", 1, EPROTO,
				     "the modules of vfvirt are missing or of another version",
				     "install the modules for the running kernel and load them"},
	[VFV_ERROR_ACCESS] = {"access", DBUS_PREFIX "Access", 1, EACCES,
			      "the caller may not do that", "run it as root"},
	[VFV_ERROR_NO_DAEMON] = {"no-daemon", DBUS_PREFIX "NoDaemon", 1, ECONNREFUSED,
				 "vfvirtd does not run or does not answer",
				 "see systemctl status vfvirtd"},
	[VFV_ERROR_KERNEL_IO] = {"kernel-io", DBUS_PREFIX "KernelIo", 1, EIO,
				 "the kernel refused a read or a write", "see the kernel log"},
	[VFV_ERROR_STORAGE] = {"storage", DBUS_PREFIX "Storage", 1, EIO,
			       "a file could not be read or written",
			       "see whether the file system is full or read-only"},
	[VFV_ERROR_NO_MEMORY] = {"no-memory", DBUS_PREFIX "NoMemory", 1, ENOMEM,
				 "there is no memory left", "free some memory"},
	[VFV_ERROR_INTERNAL] = {"internal", DBUS_PREFIX "Internal", 1, EPROTO,
				"a fault of vfvirt itself",
				"report it with the output of journalctl -u vfvirtd"},
};

const struct vfv_error_name *vfv_error_name(enum vfv_error_code code)
{
	return &names[(unsigned int)code < VFV_ERROR_COUNT ? code : VFV_ERROR_INTERNAL];
}

enum vfv_error_code vfv_error_from_dbus(const char *dbus_name)
{
	for (size_t i = 0; i < VFV_ERROR_COUNT; i++)
		if (dbus_name && strcmp(names[i].dbus_name, dbus_name) == 0)
			return i;
	return VFV_ERROR_INTERNAL;
}

enum vfv_error_code vfv_error_from_json(const char *json_code)
{
	for (size_t i = 0; i < VFV_ERROR_COUNT; i++)
		if (json_code && strcmp(names[i].json_code, json_code) == 0)
			return i;
	return VFV_ERROR_INTERNAL;
}

int vfv_error_set(struct vfv_error *ret_error, enum vfv_error_code code, int errno_value,
		  const char *format, ...)
{
	int number = abs(errno_value);
	va_list arguments;

	if (ret_error && ret_error->code == VFV_ERROR_NONE) {
		ret_error->code = code;
		ret_error->errno_value = number;
		va_start(arguments, format);
		vsnprintf(ret_error->text, sizeof(ret_error->text), format, arguments);
		va_end(arguments);
		vfv_text_mend_end(ret_error->text);
	}
	return -(number ? number : vfv_error_name(code)->errno_default);
}

void vfv_error_prefix(struct vfv_error *error, const char *format, ...)
{
	char behind[VFV_ERROR_TEXT_BYTES];
	size_t length, kept;
	va_list arguments;

	if (!error)
		return;
	memcpy(behind, error->text, sizeof(behind));
	va_start(arguments, format);
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	va_end(arguments);
	length = strlen(error->text);
	kept = strnlen(behind, sizeof(error->text) - 1 - length);
	memcpy(error->text + length, behind, kept);
	error->text[length + kept] = '\0';
	vfv_text_mend_end(error->text);
}
