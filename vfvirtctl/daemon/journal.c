/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon tells the journal: a fixed MESSAGE_ID for each kind, and fields to search by. */
#include "journal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "cleanup.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define TEXT_BYTES     1024
#define MESSAGE_BYTES  2048

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
	[VFV_MESSAGE_CLAIM] = {"b5c6a36632e846038091e93048e901d4", LOG_NOTICE},
};

/*
 * One message in the journal's own form, lines of KEY=VALUE. sd_journal_send() would wait for a
 * journal that does not read; nothing may wait in the loop.
 */
struct message {
	char text[MESSAGE_BYTES];
	size_t length;
};

static void add_field(struct message *message, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add_field(struct message *message, const char *format, ...)
{
	size_t room = sizeof(message->text) - message->length - 1;
	char *field = message->text + message->length;
	va_list values;
	int length;

	va_start(values, format);
	length = vsnprintf(field, room, format, values);
	va_end(values);
	if (length < 0 || (size_t)length >= room)
		return;
	/* A line would end a value: nobody can add a field of his own by a text. */
	for (char *c = field; *c; c++)
		if (*c == '\n')
			*c = ' ';
	field[length] = '\n';
	message->length += (size_t)length + 1;
}

static void add_subject(struct message *message, const struct vfv_subject *subject)
{
	char address[VFV_ADDRESS_BYTES];

	if (subject->pf)
		add_field(message, "VFVIRT_PF=%s", vfv_address_format(subject->pf, address));
	if (subject->vf_number)
		add_field(message, "VFVIRT_VF=%d", subject->vf_number - 1);
	if (subject->op)
		add_field(message, "VFVIRT_OP=%s", subject->op);
	if (subject->errno_value)
		add_field(message, "ERRNO=%d", subject->errno_value);
}

/* 0; -EAGAIN: the journal does not read; another negative errno: there is none. */
static int send_message(const struct message *message)
{
	struct sockaddr_un journal = {.sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET};
	int fd VFV_CLOSE = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || sendto(fd, message->text, message->length, MSG_NOSIGNAL,
			     (struct sockaddr *)&journal, sizeof(journal)) < 0)
		return -errno;
	return 0;
}

void vfv_journal(enum vfv_message kind, const struct vfv_subject *subject, const char *format, ...)
{
	static unsigned int lost_count;
	struct message message = {.length = 0};
	char text[TEXT_BYTES];
	va_list values;
	int error;

	va_start(values, format);
	vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	if (lost_count)
		add_field(&message, "VFVIRT_LOST=%u", lost_count);
	add_field(&message, "MESSAGE=%s", text);
	add_field(&message, "MESSAGE_ID=%s", messages[kind].id);
	add_field(&message, "PRIORITY=%d", messages[kind].priority);
	add_field(&message, "SYSLOG_IDENTIFIER=vfvirtd");
	if (subject)
		add_subject(&message, subject);
	error = send_message(&message);
	if (!error)
		lost_count = 0;
	else if (error == -EAGAIN)
		lost_count++;
	else
		fprintf(stderr, "vfvirtd: %s\n", text);
}
