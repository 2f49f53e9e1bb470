/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of one intent: every key, every way of getting it wrong. */
#include "intent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "unit.h"

#define FILE_NAME "/x/dpu0.json"

static int parse(const char *text, struct vfv_intent *ret_intent, struct vfv_error *ret_error)
{
	*ret_error = VFV_NO_ERROR;
	return vfv_intent_parse("dpu0", FILE_NAME, text, strlen(text), ret_intent, ret_error);
}

/* The text is an intent. */
static struct vfv_intent accepted(const char *text)
{
	struct vfv_intent intent;
	struct vfv_error error;

	if (parse(text, &intent, &error) != 0)
		fail_msg("refused: %s", error.text);
	return intent;
}

/* The text is refused with a message that begins with the file and has the words. */
static void refused(const char *text, const char *words)
{
	struct vfv_intent intent = { .vfs = 77 };
	struct vfv_error error;

	if (parse(text, &intent, &error) == 0)
		fail_msg("accepted: %s", text);
	assert_int_equal(error.code, VFV_ERROR_INTENT);
	assert_int_equal(strncmp(error.text, FILE_NAME ":", strlen(FILE_NAME) + 1), 0);
	assert_has(error.text, words);
	assert_int_equal(intent.vfs, 77);
	assert_null(intent.name);
}

/* An intent with one member more is refused. */
static void refused_member(const char *member, const char *words)
{
	char text[1024];

	snprintf(text, sizeof(text), "{\"match\":{\"netdev\":\"e\"},\"vfs\":1,%s}", member);
	refused(text, words);
}

static void refused_match(const char *member, const char *words)
{
	char text[1024];

	snprintf(text, sizeof(text), "{\"vfs\":1,\"match\":{%s}}", member);
	refused(text, words);
}

TEST(intent_of_the_shortest_form_has_the_defaults)
{
	struct vfv_intent intent = accepted("{\"match\":{\"address\":\"3b:00.0\"},\"vfs\":16}");

	assert_string_equal(intent.name, "dpu0");
	assert_string_equal(intent.file, FILE_NAME);
	assert_true(intent.match.has_address);
	assert_int_equal(intent.match.address.bus, 0x3b);
	assert_false(intent.match.has_mac);
	assert_int_equal(intent.vfs, 16);
	assert_int_equal(intent.transport, VFV_TRANSPORT_AUTO);
	assert_string_equal(intent.driver, "vfvirt_vfio_pci");
	assert_false(intent.owned_by_create);
	assert_false(intent.has_nova);
	assert_null(intent.nova_alias);
	vfv_intent_clear(&intent);
	assert_null(intent.name);
}

TEST(intent_keys_are_all_read)
{
	struct vfv_intent intent = accepted(
		"{\"created-by\":\"vfvirtctl create\",\"match\":{\"address\":\"0000:3b:00.0\","
		"\"path\":\"pci0000:3a/0000:3a:00.0/0000:3b:00.0\",\"serial\":\"00112233445566FF\","
		"\"mac\":\"52:54:00:F0:00:01\",\"netdev\":\"ens1f0\"},\"vfs\":65535,"
		"\"transport\":\"intree\",\"driver\":\"vfio-pci\","
		"\"nova\":{\"alias\":\"fast.nic\",\"resource_class\":\"CUSTOM_FAST\","
		"\"release\":\"zed\"}}");

	assert_string_equal(intent.match.path, "pci0000:3a/0000:3a:00.0/0000:3b:00.0");
	assert_string_equal(intent.match.serial, "00112233445566FF");
	assert_string_equal(intent.match.netdev, "ens1f0");
	assert_true(intent.match.has_mac);
	assert_memory_equal(intent.match.mac, "\x52\x54\x00\xf0\x00\x01", 6);
	assert_int_equal(intent.vfs, 65535);
	assert_int_equal(intent.transport, VFV_TRANSPORT_INTREE);
	assert_string_equal(intent.driver, "vfio-pci");
	assert_true(intent.has_nova && intent.owned_by_create);
	assert_string_equal(intent.nova_alias, "fast.nic");
	assert_string_equal(intent.nova_resource_class, "CUSTOM_FAST");
	assert_string_equal(intent.nova_release, "zed");
	vfv_intent_clear(&intent);
}

TEST(intent_nova_has_defaults)
{
	struct vfv_intent intent =
		accepted("{\"match\":{\"netdev\":\"e\"},\"vfs\":0,\"nova\":{}}");

	assert_true(intent.has_nova);
	assert_string_equal(intent.nova_alias, "vfvirt");
	assert_string_equal(intent.nova_resource_class, "CUSTOM_VFVIRT_NET");
	assert_string_equal(intent.nova_release, "2025.1");
	vfv_intent_clear(&intent);
}

TEST(intent_transports_are_told_apart)
{
	static const char *const names[] = { "auto", "vfvirt", "intree" };

	for (int i = 0; i < 3; i++) {
		struct vfv_intent intent;
		char text[200];

		snprintf(text, sizeof(text),
			 "{\"match\":{\"netdev\":\"e\"},\"vfs\":1,\"transport\":\"%s\"}", names[i]);
		intent = accepted(text);
		assert_string_equal(vfv_transport_name(intent.transport), names[i]);
		vfv_intent_clear(&intent);
	}
	refused_member("\"transport\":\"none\"", "transport: must be \"auto\", \"vfvirt\" or");
	refused_member("\"transport\":\"VFVIRT\"", "transport: must be");
	refused_member("\"transport\":\"\"", "transport: must be");
}

TEST(intent_syntax_faults_are_named_by_line)
{
	refused("", ":1: there is nothing in it");
	refused("{\n\"vfs\": 1\n\"match\": {}\n}", ":3: expected ',' or '}'");
	refused("{\"vfs\": 1", ":1: expected ',' or '}', found the end of the text");
	refused("[]", ":1: expected '{'");
	refused("{\"vfs\":1,\n\"vfs\":1}", ":2: the key \"vfs\" is there twice");
	refused("{\"match\":{\"mac\":1,\n\"mac\":1}}", ":2: the key \"match.mac\" is there twice");
	refused("{\"vfs\": \"\x01\"}", ":1: control byte 0x01");
	refused("{\"vfs\": \"\\u0000\"}", ":1: a text cannot hold a NUL");
}

TEST(intent_nul_byte_is_refused)
{
	static const char text[] = "{\"match\":{\"netdev\":\"e\"},\"vfs\":1}\0";
	struct vfv_intent intent;
	struct vfv_error error = VFV_NO_ERROR;

	assert_int_equal(vfv_intent_parse("a", "f", text, sizeof(text), &intent, &error), -EINVAL);
	assert_has(error.text, "f:1: expected nothing behind the object, found '\\x00'");
}

TEST(intent_unknown_keys_are_refused_by_path)
{
	refused_member("\"vf\":1", "dpu0.json: vf: unknown key: there are match.address, ");
	refused_member("\"Transport\":\"auto\"", ": Transport: unknown key");
	refused_member("\"nova\":{\"allias\":\"x\"}",
		       ": nova.allias: unknown key: there are nova.alias, nova.resource_class, "
		       "nova.release");
	refused_match("\"adress\":\"3b:00.0\"", ": match.adress: unknown key: there are "
		      "match.address, match.path, match.serial, match.mac, match.netdev");
	refused_member("\"\":1", ": : unknown key");
	refused_member("\"x\x7f\xc3\xa9\":1", ": x\\x7f\\xc3\\xa9: unknown key");
}

TEST(intent_key_with_a_dot_is_not_the_inner_key)
{
	refused("{\"match.address\":\"3b:00.0\",\"vfs\":1}", ": match.address: unknown key");
	refused_member("\"nova.alias\":\"x\"", ": nova.alias: unknown key");
}

TEST(intent_wrong_types_are_refused_by_path)
{
	static const char *const keys[] = { "transport", "driver", "created-by" };
	static const char *const inner[] = { "address", "path", "serial", "mac", "netdev" };
	static const char *const values[] = { "null", "true", "7", "1.5", "[]", "{}", "[\"x\"]" };

	for (size_t j = 0; j < sizeof(values) / sizeof(values[0]); j++) {
		char member[100], words[100];

		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
			snprintf(member, sizeof(member), "\"%s\":%s", keys[i], values[j]);
			snprintf(words, sizeof(words), ": %s: must be ", keys[i]);
			refused_member(member, words);
		}
		for (size_t i = 0; i < sizeof(inner) / sizeof(inner[0]); i++) {
			snprintf(member, sizeof(member), "\"%s\":%s", inner[i], values[j]);
			snprintf(words, sizeof(words), ": match.%s: must be ", inner[i]);
			refused_match(member, words);
		}
		snprintf(member, sizeof(member), "\"nova\":{\"alias\":%s}", values[j]);
		refused_member(member, ": nova.alias: must be ");
	}
	refused_member("\"nova\":[]", ": nova: must be an object in { }, is []");
	refused_member("\"nova\":null", ": nova: must be an object in { }, is null");
	refused("{\"match\":\"dpu0\",\"vfs\":1}", ": match: must be an object in { }, is \"dpu0\"");
	refused("{\"match\":null,\"vfs\":1}", ": match: must be an object");
}

TEST(intent_vfs_is_a_whole_number_in_range)
{
	static const char *const wrong[] = {
		"-1", "65536", "2147483648", "-2147483649", "4294967297", "18446744073709551617",
		"-9223372036854775809", "99999999999999999999999999999999", "1.0", "1.5", "1e2",
		"1e999", "\"16\"", "null", "true", "[16]", "{}",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char text[200];

		snprintf(text, sizeof(text), "{\"match\":{\"netdev\":\"e\"},\"vfs\":%s}", wrong[i]);
		refused(text, ": vfs: must be a whole number from 0 to 65535, is ");
	}
	refused("{\"match\":{\"netdev\":\"e\"}}", ": vfs: missing");
	/* No number is shown that nobody wrote. */
	for (size_t i = 5; i < 8; i++) {
		char text[200];

		snprintf(text, sizeof(text), "{\"match\":{\"netdev\":\"e\"},\"vfs\":%s}", wrong[i]);
		refused(text, " from 0 to 65535, is a number of 64 bits or more");
	}
	refused("{\"match\":{\"netdev\":\"e\"},\"vfs\":-9223372036854775807}",
		", is -9223372036854775807");
}

TEST(intent_match_names_the_pf)
{
	refused("{\"vfs\":1}", ": match: must name the PF by at least one of match.address, ");
	refused_match("", ": match: must name the PF");
	refused_match("\"address\":\"3b:00\"", ": match.address: must be a PCI address such as");
	refused_match("\"address\":\"dpu0\"", ": match.address: must be a PCI address");
	refused_match("\"mac\":\"52:54:00:f0:00\"", ": match.mac: must be a MAC address");
	refused_match("\"serial\":\"0011223344556\"", ": match.serial: must be 16 hexadecimal");
	refused_match("\"serial\":\"00112233445566gg\"", ": match.serial: must be 16");
	refused_match("\"serial\":\"-0112233445566ff\"", ": match.serial: must be 16");
	refused_match("\"path\":\"0000:3b:00.0\"", ": match.path: must be a place on the bus");
	refused_match("\"path\":\"pci0000:3a/\"", ": match.path: must be");
	refused_match("\"path\":\"pci 0/0000:3b:00.0\"", ": match.path: must be");
	refused_match("\"netdev\":\"\"", ": match.netdev: must be the name of a network");
	refused_match("\"netdev\":\"..\"", ": match.netdev: must be");
	refused_match("\"netdev\":\".\"", ": match.netdev: must be");
	refused_match("\"netdev\":\"a/b\"", ": match.netdev: must be");
	refused_match("\"netdev\":\"a:b\"", ": match.netdev: must be");
	refused_match("\"netdev\":\"a b\"", ": match.netdev: must be");
	refused_match("\"netdev\":\"1234567890123456\"", ": match.netdev: must be");
	refused_match("\"netdev\":\"\xc3\xa9\"", ": match.netdev: must be");
}

TEST(intent_names_of_other_things_are_checked)
{
	refused_member("\"driver\":\"\"", ": driver: must be the name of a driver, is \"\"");
	refused_member("\"driver\":\"../x\"", ": driver: must be");
	refused_member("\"driver\":\"a\\nb\"", ": driver: must be");
	refused_member("\"nova\":{\"alias\":\".x\"}", ": nova.alias: must be");
	refused_member("\"nova\":{\"alias\":\"a b\"}", ": nova.alias: must be");
	refused_member("\"nova\":{\"resource_class\":\"Custom\"}", ": nova.resource_class: must be");
	refused_member("\"nova\":{\"resource_class\":\"\"}", ": nova.resource_class: must be");
	refused_member("\"nova\":{\"resource_class\":\"A-B\"}", ": nova.resource_class: must be");
	refused_member("\"nova\":{\"release\":\"31\"}", ": nova.release: must be \"zed\" or");
	refused_member("\"created-by\":\"somebody\"", ": created-by: must be \"vfvirtctl create\"");
}

TEST(intent_wrong_value_is_shown_cut_and_clean)
{
	char member[400];

	snprintf(member, sizeof(member), "\"driver\":\"%0200d \\u001b[31m\"", 0);
	refused_member(member, "00000...");
	refused_member("\"driver\":\"\\u007f\\u00e9\"", "is \"\\x7f\\xc3\\xa9\"");
}

TEST(intent_of_a_wrong_name_is_refused)
{
	static const char text[] = "{\"match\":{\"netdev\":\"e\"},\"vfs\":1}";
	static const char *const wrong[] = { "", ".a", "-a", "_a", "a/b", "a b", "a*", "3b:00.0",
					     "\xc3\xa9", "a\n" };
	struct vfv_intent intent;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct vfv_error error = VFV_NO_ERROR;

		assert_int_equal(vfv_intent_parse(wrong[i], "f", text, strlen(text), &intent,
						  &error), -EINVAL);
		assert_has(error.text, "f: the name must be 1 to 64 letters");
	}
	assert_false(vfv_intent_is_name("12345678901234567890123456789012345678901234567890"
					"123456789012345"));
	assert_true(vfv_intent_is_name("1234567890123456789012345678901234567890123456789012345678"
				       "90.b-_"));
}

TEST(intent_keys_are_documented_and_their_defaults_hold)
{
	static const char *const examples[] = {
		"{\"vfs\":1,\"match\":{\"address\":\"0000:3b:00.0\"}}",
	};
	const struct vfv_intent_key *key;
	struct vfv_intent intent;
	size_t count = 0;

	for (; (key = vfv_intent_key(count)); count++) {
		assert_true(strlen(key->path) > 0 && strlen(key->form) > 0);
		assert_true(strlen(key->meaning) > 0);
	}
	assert_int_equal(count, 12);
	intent = accepted(examples[0]);
	for (size_t i = 0; (key = vfv_intent_key(i)); i++) {
		if (strcmp(key->path, "transport") == 0)
			assert_string_equal(key->fallback, vfv_transport_name(intent.transport));
		else if (strcmp(key->path, "driver") == 0)
			assert_string_equal(key->fallback, intent.driver);
		else if (strncmp(key->path, "nova.", 5) != 0)
			assert_null(key->fallback);
	}
	vfv_intent_clear(&intent);
}
