/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of what is printed for Nova, of reading nova.conf, and of what its entries match. */
#include "nova.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nova_check.h"
#include "nova_conf.h"
#include "nova_spec.h"
#include "unit.h"

static struct vfv_vf vfs[] = {
	{.address = {.bus = 0x3b, .device = 1, .function = 0}, .state = VFV_VF_PUBLISHED},
	{.address = {.bus = 0x3b, .device = 1, .function = 1}, .state = VFV_VF_IN_USE},
	{.address = {.bus = 0x3b, .device = 2, .function = 0}, .state = VFV_VF_FAILED},
};
static struct vfv_pf pf = {.address = {.bus = 0x3b}, .vfs = vfs, .vf_count = 3, .legacy = 1};

/* ---- what is printed ---- */

static char *text_for(const char *release, const struct vfv_intent *intent)
{
	struct vfv_nova_config config = {0};
	char *text;

	assert_true(vfv_nova_config_start(&config, vfv_nova_rules(release)));
	assert_int_equal(vfv_nova_config_add(&config, &pf, intent, NULL), 2);
	assert_int_equal(vfv_nova_config_add(&config, &pf, intent, NULL), 2);
	assert_int_equal(json_object_array_length(config.aliases), 1);
	text = vfv_nova_config_text(&config);
	vfv_nova_config_clear(&config);
	return text;
}

TEST(nova_releases_know_what_they_take)
{
	size_t count = 0;

	for (; vfv_nova_release(count); count++)
		assert_ptr_equal(vfv_nova_rules(vfv_nova_release(count)->name),
				 vfv_nova_release(count));
	assert_int_equal(count, 2);
	assert_non_null(vfv_nova_rules(VFV_INTENT_RELEASE));
	assert_null(vfv_nova_rules("yoga"));
	assert_null(vfv_nova_rules(""));
}

TEST(nova_prints_what_the_release_takes)
{
	struct vfv_intent intent = {
		.has_nova = true, .nova_alias = "fast", .nova_resource_class = "CUSTOM_FAST"};
	char *zed = text_for("zed", NULL), *epoxy = text_for("2025.1", &intent);

	assert_null(strstr(zed, "managed"));
	assert_has(zed, "alias = { \"name\": \"vfvirt\", \"vendor_id\": \"1af4\", "
			"\"product_id\": \"1041\", \"device_type\": \"type-VF\" }\n");
	assert_has(epoxy, "device_spec = { \"address\": \"0000:3b:01.1\", \"vendor_id\": \"1af4\", "
			  "\"product_id\": \"1041\", \"managed\": \"no\", "
			  "\"resource_class\": \"CUSTOM_FAST\", \"traits\": ");
	assert_has(epoxy, "alias = { \"name\": \"fast\"");
	assert_null(strstr(epoxy, "3b:02.0"));
	assert_null(strstr(epoxy, "3b:00.0"));
	free(zed);
	free(epoxy);
}

TEST(nova_alias_is_the_same_whatever_the_card_can_do)
{
	struct vfv_nova_config config = {0};
	struct vfv_pf modern = pf;

	modern.legacy = 0;
	assert_true(vfv_nova_config_start(&config, vfv_nova_rules("2025.1")));
	assert_int_equal(vfv_nova_config_add(&config, &pf, NULL, NULL), 2);
	assert_int_equal(vfv_nova_config_add(&config, &modern, NULL, NULL), 2);
	assert_int_equal(json_object_array_length(config.aliases), 1);
	assert_true(json_object_object_get_ex(json_object_array_get_idx(config.aliases, 0),
					      "traits", NULL));
	assert_true(json_object_object_get_ex(json_object_array_get_idx(config.specs, 1), "traits",
					      NULL));
	assert_false(json_object_object_get_ex(json_object_array_get_idx(config.specs, 2), "traits",
					       NULL));
	vfv_nova_config_clear(&config);
}

#define INTENT(ALIAS, CLASS, RELEASE)                                                              \
	{                                                                                          \
		.has_nova = true, .nova_alias = ALIAS, .nova_resource_class = CLASS,               \
		.nova_release = RELEASE                                                            \
	}

TEST(nova_file_of_a_pf_has_no_alias)
{
	struct vfv_intent intent = INTENT("fast", "CUSTOM_FAST", "2025.1"), none = {0};
	struct vfv_pf empty = pf;
	char *text = NULL;

	assert_int_equal(vfv_nova_file_text(&pf, &intent, &text), 0);
	assert_has(text, "# For OpenStack Nova 2025.1, made by vfvirt.\n[pci]\ndevice_spec = ");
	assert_null(strstr(text, "alias"));
	free(text);
	empty.vf_count = 0;
	assert_int_equal(vfv_nova_file_text(&empty, &intent, &text), 0);
	assert_null(text);
	assert_int_equal(vfv_nova_file_text(&pf, &none, &text), 0);
	assert_null(text);
	assert_int_equal(vfv_nova_file_text(&pf, NULL, &text), 0);
	assert_null(text);
}

TEST(nova_file_of_aliases_has_each_once)
{
	struct vfv_intent all[] = {
		{0},
		INTENT("fast", "CUSTOM_FAST", "2025.1"),
		INTENT("vfvirt", "CUSTOM_A", "2025.1"),
		INTENT("fast", "CUSTOM_FAST", "2025.1"),
		INTENT("vfvirt", "CUSTOM_B", "2025.1"),
		INTENT("old", "CUSTOM_A", "zed"),
		INTENT("old", "CUSTOM_B", "zed"),
	};
	struct vfv_intents intents = {.all = all, .count = sizeof(all) / sizeof(all[0])};
	char *text = NULL;

	assert_int_equal(vfv_nova_aliases_text(&intents, &text), 0);
	assert_string_equal(
		text,
		"# For OpenStack Nova, made by vfvirt. nova-api needs the alias too.\n[pci]\n"
		"alias = { \"name\": \"fast\", \"vendor_id\": \"1af4\", \"product_id\": \"1041\", "
		"\"device_type\": \"type-VF\", \"resource_class\": \"CUSTOM_FAST\", "
		"\"traits\": \"CUSTOM_VFVIRT_LEGACY\" }\n"
		"alias = { \"name\": \"vfvirt\", \"vendor_id\": \"1af4\", \"product_id\": \"1041\", "
		"\"device_type\": \"type-VF\", \"resource_class\": \"CUSTOM_A\", "
		"\"traits\": \"CUSTOM_VFVIRT_LEGACY\" }\n"
		"alias = { \"name\": \"vfvirt\", \"vendor_id\": \"1af4\", \"product_id\": \"1041\", "
		"\"device_type\": \"type-VF\", \"resource_class\": \"CUSTOM_B\", "
		"\"traits\": \"CUSTOM_VFVIRT_LEGACY\" }\n"
		"alias = { \"name\": \"old\", \"vendor_id\": \"1af4\", \"product_id\": \"1041\", "
		"\"device_type\": \"type-VF\" }\n");
	free(text);
	intents.count = 1;
	assert_int_equal(vfv_nova_aliases_text(&intents, &text), 0);
	assert_null(text);
}

TEST(nova_takes_no_failed_vf_and_no_long_domain)
{
	struct vfv_vf far = {.address = {.domain = 0x10000}, .state = VFV_VF_PUBLISHED};
	char text[VFV_NOVA_OBSTACLE_BYTES];

	assert_null(vfv_nova_obstacle(&vfs[0], text, sizeof(text)));
	assert_null(vfv_nova_obstacle(&vfs[1], text, sizeof(text)));
	assert_string_equal(vfv_nova_obstacle(&vfs[2], text, sizeof(text)), "failed");
	assert_has(vfv_nova_obstacle(&far, text, sizeof(text)), "more than four digits");
}

/* ---- nova.conf ---- */

/* Read a text; *ret_error of what is wrong with it. */
static int read_text(const char *text, struct vfv_nova_conf *conf, struct vfv_error *ret_error)
{
	*conf = (struct vfv_nova_conf){0};
	*ret_error = VFV_NO_ERROR;
	return vfv_nova_conf_parse("f", text, strlen(text), conf, ret_error);
}

/* The text has one setting that we look at, with this value. */
static void one_value(const char *text, const char *value)
{
	struct vfv_nova_conf conf;
	struct vfv_error error;

	assert_int_equal(read_text(text, &conf, &error), 0);
	assert_int_equal(conf.count, value ? 1 : 0);
	if (value)
		assert_string_equal(conf.all[0].value, value);
	vfv_nova_conf_clear(&conf);
}

TEST(nova_conf_values_are_those_of_oslo)
{
	one_value("[pci]\nalias = x", "x");
	one_value("[pci]\nalias: x = y \n", "x = y");
	one_value("[pci]\nalias=a:b\n", "a:b");
	one_value("[pci]\r\nalias=x\r\n", "x");
	one_value("[pci]\nalias=\"x\"\n", "x");
	one_value("[pci]\nalias='x\"\n", "'x\"");
	one_value("[pci]\nalias=\"\n", "");
	one_value("[pci]\nalias=x\n  y\n\tz\n\n", "x\ny\nz");
	one_value("[pci]\nalias=x\n # y\n", "x\n# y");
	one_value("[PCI]\nalias=x\n", "x");
	one_value("[pci]   \n;c\n#c\n[x]\nalias=y\n[pci]\nalias=x\n", "x");
	one_value("[DEFAULT]\npci_alias=x\n", "x");
	one_value("[default]\npci_alias=x\n", NULL);
	one_value("[ pci ]\nalias=x\n", NULL);
	one_value("[pci]\nAlias=x\nalias-x=1\n", NULL);
	one_value("", NULL);
}

TEST(nova_conf_faults_are_told_by_line_and_without_text)
{
	static const struct {
		const char *text, *words;
	} bad[] = {
		{"\n secret = 1\n", "f:2: a line that begins with a blank"},
		{"[pci]\n#c\n secret\n", "f:3: a line that begins with a blank"},
		{"[pci]\nalias=1\n#c\n secret\n", "f:4: a line that begins with a blank"},
		{"secret = 1\n", "f:1: a setting before"},
		{"[pci\n", "f:1: a section is written"},
		{"[]\n", "f:1: a section is written"},
		{"[pci] # secret\n", "f:1: a section is written"},
		{"[pci]\nsecret\n", "f:2: neither"},
		{"[pci]\n = secret\n", "f:2: a line that begins with a blank"},
		{"[pci]\n= secret\n", "f:2: a value without a name"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vfv_nova_conf conf;
		struct vfv_error error;

		assert_int_equal(read_text(bad[i].text, &conf, &error), -EBADMSG);
		assert_has(error.text, bad[i].words);
		assert_null(strstr(error.text, "secret"));
		vfv_nova_conf_clear(&conf);
	}
}

TEST(nova_conf_last_setting_and_old_names)
{
	struct vfv_nova_conf conf;
	struct vfv_error error;

	assert_int_equal(read_text("[pci]\nreport_in_placement=1\npassthrough_whitelist={}\n"
				   "report_in_placement=no\ndevice_spec={\n }\n",
				   &conf, &error),
			 0);
	assert_int_equal(conf.count, 4);
	assert_int_equal(vfv_nova_conf_last(&conf, VFV_NOVA_REPORT_IN_PLACEMENT)->line, 4);
	assert_true(conf.all[1].old_name && !conf.all[3].old_name);
	assert_null(vfv_nova_conf_last(&conf, VFV_NOVA_ALIAS));
	vfv_nova_conf_clear(&conf);
}

TEST(nova_conf_has_a_limit_of_settings)
{
	size_t size = 32 + (VFV_NOVA_SETTINGS_MAX + 1) * strlen("alias=\n");
	char *text = calloc(1, size), *at = stpcpy(text, "[pci]\n");
	struct vfv_nova_conf conf;
	struct vfv_error error;

	for (int i = 0; i <= VFV_NOVA_SETTINGS_MAX; i++)
		at = stpcpy(at, "alias=\n");
	assert_int_equal(read_text(text, &conf, &error), -EBADMSG);
	assert_has(error.text, "too many settings");
	vfv_nova_conf_clear(&conf);
	free(text);
}

TEST(nova_booleans)
{
	assert_int_equal(vfv_nova_boolean(" Yes "), 1);
	assert_int_equal(vfv_nova_boolean("t"), 1);
	assert_int_equal(vfv_nova_boolean("OFF"), 0);
	assert_int_equal(vfv_nova_boolean(""), -EINVAL);
	assert_int_equal(vfv_nova_boolean("yess"), -EINVAL);
}

/* ---- entries ---- */

/* How an entry matches the PF and its VFs, as digits: 0 no, 1 yes, 2 unknown; or why it is refused. */
static const char *matches(const char *text)
{
	static char result[VFV_NOVA_FAULT_BYTES];
	struct json_object *entry = json_tokener_parse(text);
	struct vfv_nova_spec spec;
	int ret = vfv_nova_spec_parse(entry, vfv_nova_rules("2025.1"), &spec, result);

	if (ret == 0) {
		snprintf(result, sizeof(result), "%d %d%d%d", vfv_nova_spec_match(&spec, &pf, NULL),
			 vfv_nova_spec_match(&spec, &pf, &vfs[0]),
			 vfv_nova_spec_match(&spec, &pf, &vfs[1]),
			 vfv_nova_spec_match(&spec, &pf, &vfs[2]));
		vfv_nova_spec_clear(&spec);
	}
	json_object_put(entry);
	return result;
}

TEST(nova_entry_by_address)
{
	assert_string_equal(matches("{\"address\":\"0000:3b:01.0\"}"), "0 100");
	assert_string_equal(matches("{\"address\":\"0:3B:1.0\"}"), "0 100");
	assert_string_equal(matches("{\"address\":\"0000:3b:00.0\"}"), "1 111");
	assert_string_equal(matches("{\"address\":\"3b:00.0\"}"), "1 000");
	assert_string_equal(matches("{\"address\":\":3b:01.\"}"), "0 110");
	assert_string_equal(matches("{\"address\":\"*:3b:*.0\"}"), "1 101");
	assert_string_equal(matches("{\"address\":\"02\"}"), "0 001");
	assert_string_equal(matches("{\"address\":\"\"}"), "1 111");
	assert_string_equal(matches("{}"), "1 111");
	assert_string_equal(matches("{\"devname\":\"ens0\"}"), "0 000");
}

TEST(nova_entry_by_ids)
{
	assert_string_equal(matches("{\"vendor_id\":\"0x1AF4\",\"product_id\":\"*\"}"), "1 111");
	assert_string_equal(matches("{\"vendor_id\":\"1af4\",\"product_id\":\"1042\"}"), "0 000");
	assert_string_equal(matches("{\"vendor_id\":\"8086\",\"address\":\"3b:01.0\"}"), "0 000");
}

TEST(nova_entry_by_patterns)
{
	assert_string_equal(matches("{\"address\":{\"function\":\"[1-7]\"}}"), "0 010");
	assert_string_equal(matches("{\"address\":{\"slot\":\"0\"}}"), "1 111");
	assert_string_equal(matches("{\"address\":{\"slot\":\"01|02\",\"domain\":\"0+$\"}}"),
			    "0 111");
	assert_string_equal(matches("{\"address\":{\"bus\":\"3B\"}}"), "0 000");
	assert_string_equal(matches("{\"address\":{\"slot\":\"\\\\d[2-9]\"}}"), "0 001");
	assert_string_equal(matches("{\"address\":{\"slot\":\"(?!00)..\"}}"), "2 222");
	assert_string_equal(matches("{\"address\":{\"slot\":\"(?!00)..\",\"function\":\"1\"}}"),
			    "0 020");
	assert_string_equal(matches("{\"address\":{\"slot\":\"0{2}\"}}"), "2 222");
}

TEST(nova_entry_that_nova_refuses)
{
	assert_has(matches("[]"), "an object in { }");
	assert_has(matches("{\"address\":\"10000:3b:00.1\"}"), "domain \"10000\" is no");
	assert_has(matches("{\"address\":\"3b:20.0\"}"), "slot \"20\" is no");
	assert_has(matches("{\"address\":\"3b:00.8\"}"), "function \"8\" is no");
	assert_has(matches("{\"address\":\"a:b:c:d.0\"}"), "too many parts");
	assert_has(matches("{\"address\":7}"), "neither a text nor an object");
	assert_has(matches("{\"address\":\"3b:01.0\",\"devname\":\"e\"}"), "exclude each other");
	assert_has(matches("{\"devname\":7}"), "devname is no text");
	assert_has(matches("{\"address\":{\"slot\":7}}"), "address.slot is no text");
	assert_has(matches("{\"vendor_id\":\"x\"}"), "vendor_id \"x\" is no");
	assert_has(matches("{\"product_id\":1041}"), "product_id is no text");
	assert_has(matches("{\"vendor_id\":\"\"}"), "vendor_id is no text");
	assert_has(matches("{\"vendor_id\":null}"), "vendor_id is no text");
	assert_has(matches("{\"managed\":\"maybe\"}"), "managed is neither yes nor no");
}
