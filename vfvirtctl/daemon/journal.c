/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon tells the journal: a fixed MESSAGE_ID for each kind, and fields to search by. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include "journal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define TEXT_BYTES     1024
#define FIELD_BYTES    64
#define FIELDS_MAX     8

/* Identifiers are for good: people search by them. */
static const struct {
	const char *id;
	int priority;
} messages[VFV_MESSAGE_COUNT] = {
	[VFV_MESSAGE_READY] = {"afee93807279441390a27be6c8a1de9c", LOG_INFO},
	[VFV_MESSAGE_RECONCILED] = {"048f123fcdfe412fbb05c9bbcd301165", LOG_NOTICE},
	[VFV_MESSAGE_FAILED] = {"c3c2a8383e6044d3933b7f9fc4158adf", LOG_ERR},
	[VFV_MESSAGE_VF_FAILED] = {"05a78b02f2084e0fb5ad32361e0de3c7", LOG_WARNING},
	[VFV_MESSAGE_STUCK] = {"7aca2c80e23c4f18a250138d5bd7960e", LOG_CRIT},
	[VFV_MESSAGE_FREED] = {"7bf9bea3d0914c999d4ebd5b4114d575", LOG_NOTICE},
	[VFV_MESSAGE_INTENT] = {"cebf49f4059e481ab82e5e527e89d1a0", LOG_ERR},
	[VFV_MESSAGE_REFUSED] = {"69aff3f9e02746a887257856626ba6f8", LOG_WARNING},
	[VFV_MESSAGE_REQUEST] = {"7bcfa53bc7a1474aa60446c146e19d36", LOG_NOTICE},
	[VFV_MESSAGE_APPEARED] = {"4e9d533fa2e54ae6b4ae646a8c4b9704", LOG_INFO},
	[VFV_MESSAGE_VANISHED] = {"376db2af00d34becae8807b270fd315e", LOG_NOTICE},
	[VFV_MESSAGE_PENDING_REBOOT] = {"452c5743838c43418b50ef57acf39375", LOG_NOTICE},
	[VFV_MESSAGE_LIBVIRT] = {"27a359aed6fd4861a42242e4036b965b", LOG_WARNING},
	[VFV_MESSAGE_EVENTS] = {"fa96c08d78be4bfdac30609bd04fa11d", LOG_WARNING},
};

/* The fields of one message. */
struct fields {
	char texts[FIELDS_MAX][FIELD_BYTES];
	struct iovec vectors[FIELDS_MAX];
	int count;
};

static void add_field(struct fields *fields, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add_field(struct fields *fields, const char *format, ...)
{
	char *text = fields->texts[fields->count];
	va_list values;

	va_start(values, format);
	vsnprintf(text, FIELD_BYTES, format, values);
	va_end(values);
	fields->vectors[fields->count++] = (struct iovec){text, strlen(text)};
}

static void add_subject(struct fields *fields, const struct vfv_subject *subject)
{
	char address[VFV_ADDRESS_BYTES];

	if (subject->pf)
		add_field(fields, "VFVIRT_PF=%s", vfv_address_format(subject->pf, address));
	if (subject->vf_number)
		add_field(fields, "VFVIRT_VF=%d", subject->vf_number - 1);
	if (subject->op)
		add_field(fields, "VFVIRT_OP=%s", subject->op);
	if (subject->errno_value)
		add_field(fields, "ERRNO=%d", subject->errno_value);
}

void vfv_journal(enum vfv_message message, const struct vfv_subject *subject, const char *format,
		 ...)
{
	char text[sizeof("MESSAGE=") + TEXT_BYTES] = "MESSAGE=";
	char *words = text + strlen(text);
	struct fields fields = {0};
	va_list values;

	va_start(values, format);
	vsnprintf(words, TEXT_BYTES, format, values);
	va_end(values);
	if (access(JOURNAL_SOCKET, F_OK)) {
		fprintf(stderr, "vfvirtd: %s\n", words);
		return;
	}
	fields.vectors[fields.count++] = (struct iovec){text, strlen(text)};
	add_field(&fields, "MESSAGE_ID=%s", messages[message].id);
	add_field(&fields, "PRIORITY=%d", messages[message].priority);
	add_field(&fields, "SYSLOG_IDENTIFIER=vfvirtd");
	if (subject)
		add_subject(&fields, subject);
	sd_journal_sendv(fields.vectors, fields.count);
}
