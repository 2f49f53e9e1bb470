// SPDX-License-Identifier: GPL-2.0-only
/* A module with bugs on purpose: the harness must notice each of them. */
#include <linux/completion.h>
#include <linux/module.h>
#include <linux/reboot.h>
#include <linux/stop_machine.h>

static char *bug = "";
module_param(bug, charp, 0444);
MODULE_PARM_DESC(bug, "warn, oops, stuck, freeze, or reboot (a warning at power off)");

static int warn_at_reboot(struct notifier_block *block, unsigned long action, void *data)
{
	WARN(1, "planted at power off\n");
	return NOTIFY_OK;
}

static struct notifier_block at_reboot = { .notifier_call = warn_at_reboot };

/* Runs on every processor with interrupts off. */
static int spin(void *data)
{
	for (;;)
		cpu_relax();
	return 0;
}

static int __init planted_init(void)
{
	if (!strcmp(bug, "warn")) {
		WARN(1, "planted\n");
	} else if (!strcmp(bug, "oops")) {
		int *nowhere = NULL;

		OPTIMIZER_HIDE_VAR(nowhere);
		WRITE_ONCE(*nowhere, 1);
	} else if (!strcmp(bug, "stuck")) {
		DECLARE_COMPLETION_ONSTACK(never);

		wait_for_completion(&never);
	} else if (!strcmp(bug, "freeze")) {
		stop_machine(spin, NULL, cpu_online_mask);
	} else if (!strcmp(bug, "reboot")) {
		return register_reboot_notifier(&at_reboot);
	} else {
		return -EINVAL;
	}
	return 0;
}
module_init(planted_init);

static void __exit planted_exit(void)
{
	unregister_reboot_notifier(&at_reboot);
}
module_exit(planted_exit);

MODULE_DESCRIPTION("Planted bugs for the test harness");
MODULE_LICENSE("GPL");
