/* SPDX-License-Identifier: GPL-2.0-only */
/* Tracepoints: what happens to each administration command. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vfvirt

#if !defined(TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define TRACE_H

#include <linux/pci.h>
#include <linux/tracepoint.h>

#include "vfvirt_core.h"

DECLARE_EVENT_CLASS(vfvirt_command,
	TP_PROTO(struct pci_dev *pf, const struct vfvirt_command *command, int error, u64 ns),
	TP_ARGS(pf, command, error, ns),
	TP_STRUCT__entry(
		__array(char, pf, VFVIRT_ADDRESS_BYTES)
		__field(u16, opcode)
		__field(u16, member_id)
		__field(u16, offset_bytes)
		__field(u16, length_bytes)
		__field(u16, status)
		__field(u16, qualifier)
		__field(int, error)
		__field(u64, ns)
	),
	TP_fast_assign(
		strscpy(__entry->pf, pci_name(pf), VFVIRT_ADDRESS_BYTES);
		__entry->opcode = command->opcode;
		__entry->member_id = command->member_id;
		__entry->offset_bytes = command->offset;
		__entry->length_bytes = command->in_length_bytes + command->out_length_bytes;
		__entry->status = error ? 0 : command->status;
		__entry->qualifier = error ? 0 : command->qualifier;
		__entry->error = error;
		__entry->ns = ns;
	),
	TP_printk("pf=%s opcode=%u member=%u offset=%u length=%u status=%u qualifier=%u error=%d ns=%llu",
		  __entry->pf, __entry->opcode, __entry->member_id, __entry->offset_bytes,
		  __entry->length_bytes, __entry->status, __entry->qualifier, __entry->error,
		  __entry->ns)
);

/* A try begins: there is no answer yet, and nothing of it is shown. */
DEFINE_EVENT_PRINT(vfvirt_command, vfvirt_submit,
	TP_PROTO(struct pci_dev *pf, const struct vfvirt_command *command, int error, u64 ns),
	TP_ARGS(pf, command, error, ns),
	TP_printk("pf=%s opcode=%u member=%u offset=%u length=%u", __entry->pf, __entry->opcode,
		  __entry->member_id, __entry->offset_bytes, __entry->length_bytes)
);

/* The device answered, or the command could not be handed to it. */
DEFINE_EVENT(vfvirt_command, vfvirt_complete,
	TP_PROTO(struct pci_dev *pf, const struct vfvirt_command *command, int error, u64 ns),
	TP_ARGS(pf, command, error, ns)
);

DEFINE_EVENT(vfvirt_command, vfvirt_timeout,
	TP_PROTO(struct pci_dev *pf, const struct vfvirt_command *command, int error, u64 ns),
	TP_ARGS(pf, command, error, ns)
);

/* Answered when nobody waited any more; and taken back from the device by a reset. */
DEFINE_EVENT(vfvirt_command, vfvirt_late,
	TP_PROTO(struct pci_dev *pf, const struct vfvirt_command *command, int error, u64 ns),
	TP_ARGS(pf, command, error, ns)
);

DEFINE_EVENT(vfvirt_command, vfvirt_abort,
	TP_PROTO(struct pci_dev *pf, const struct vfvirt_command *command, int error, u64 ns),
	TP_ARGS(pf, command, error, ns)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
