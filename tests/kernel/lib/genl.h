/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client of the netlink family "vfvirt", on a bare socket. */
#ifndef VFVIRT_TESTS_GENL_H
#define VFVIRT_TESTS_GENL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../../kernel/include/uapi/vfvirt.h"

#define GENL_REQUEST_BYTES 256

/* A request in the making; begun by genl_request(). */
struct genl_request {
	uint8_t bytes[GENL_REQUEST_BYTES];
	size_t length;
};

/* An answer: pointers into a buffer that the next one overwrites; NULL where it has none. */
struct genl_message {
	uint8_t command;
	bool interrupted; /* NLM_F_DUMP_INTR */
	const void *data[VFVIRT_A_COUNT];
	uint16_t length[VFVIRT_A_COUNT];
};

typedef void (*genl_each)(const struct genl_message *message, void *context);

/**
 * genl_open() - connect to the family, for the process; ends the test when it is not there.
 */
void genl_open(void);

/**
 * genl_open_small() - genl_open() with a small buffer, so that long dumps come in many parts.
 */
void genl_open_small(void);

/**
 * genl_request() - begin a request.
 * @request: filled in.
 * @command: enum vfvirt_cmd.
 */
void genl_request(struct genl_request *request, uint8_t command);

/**
 * genl_add() - add an attribute.
 * @request: begun.
 * @type: enum vfvirt_attr, or a number that is none.
 * @data: its value.
 * @length: bytes of it.
 */
void genl_add(struct genl_request *request, uint16_t type, const void *data, size_t length);

/**
 * genl_do() - send a request and wait for the kernel's verdict.
 * @request: complete.
 * @ret_message: the answer, when there is one; may be NULL.
 *
 * Return: 0 or negative errno, as the kernel says.
 */
int genl_do(struct genl_request *request, struct genl_message *ret_message);

/**
 * genl_dump() - send a request for a dump and go through its messages.
 * @request: complete.
 * @each: called for each one.
 * @context: handed to it.
 *
 * Return: number of messages, or negative errno, as the kernel says.
 */
int genl_dump(struct genl_request *request, genl_each each, void *context);

/**
 * genl_keep() - a callback for genl_dump() that keeps a message beyond the next one.
 * @message: to be kept; only one is at a time.
 * @context: struct genl_message that gets it.
 */
void genl_keep(const struct genl_message *message, void *context);

/**
 * genl_seal() - seal or unseal a VF.
 * @bdf: the VF.
 * @sealed: which of the two.
 *
 * Return: 0 or negative errno.
 */
int genl_seal(const char *bdf, bool sealed);

/**
 * genl_listen() - join the group "events".
 *
 * Return: 0 or negative errno.
 */
int genl_listen(void);

/**
 * genl_event() - the next event; ends the test when none comes within 5 s.
 * @ret_message: the event.
 */
void genl_event(struct genl_message *ret_message);

/**
 * genl_event_error() - what netlink says in place of the next event; ends the test when nothing
 * comes within 5 s.
 *
 * Return: negative errno; 0 when it was an event after all.
 */
int genl_event_error(void);

/**
 * genl_number() - a number of a message.
 * @message: any.
 * @type: of an attribute of 1, 2, 4 or 8 bytes.
 *
 * Return: its value, -1 when the message has none.
 */
long long genl_number(const struct genl_message *message, uint16_t type);

/**
 * genl_text() - a string of a message.
 * @message: any.
 * @type: of a string attribute.
 *
 * Return: the string, "" when the message has none.
 */
const char *genl_text(const struct genl_message *message, uint16_t type);

/**
 * genl_member() - one number that netlink tells of a VF.
 * @bdf: the VF's address.
 * @type: attribute of VFVIRT_CMD_GET_MEMBERS.
 *
 * Return: the number, -1 when there is no such VF or attribute. Ends the test on failure.
 */
long long genl_member(const char *bdf, uint16_t type);

/**
 * genl_stat() - a counter of an owner or a member, by dump; ends the test when that fails.
 * @bdf: its address.
 * @opcode: enum vfvirt_opcode.
 * @type: VFVIRT_A_COMMANDS .. VFVIRT_A_ABORTED.
 *
 * Return: its value, 0 when the kernel lists none.
 */
long long genl_stat(const char *bdf, uint16_t opcode, uint16_t type);

#endif
