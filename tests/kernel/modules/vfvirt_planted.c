// SPDX-License-Identifier: GPL-2.0-only
/* A module with bugs on purpose: the harness must notice each of them. */
#include <linux/completion.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/reboot.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/stop_machine.h>

#define LEAKS 16 /* a stale pointer on some stack may hide one */
#define OBJECT_BYTES 200

static char *bug = "";
module_param(bug, charp, 0444);
MODULE_PARM_DESC(bug, "warn, oops, stuck, freeze, reboot (a warning at power off), leak, "
		      "use_after_free, sleep_in_atomic or lock_inversion");

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

static noinline void leak(void)
{
	void *object;
	int n;

	for (n = 0; n < LEAKS; n++) {
		object = kmalloc(OBJECT_BYTES, GFP_KERNEL);
		OPTIMIZER_HIDE_VAR(object);
	}
}

static void use_after_free(void)
{
	char *object = kmalloc(OBJECT_BYTES, GFP_KERNEL);

	kfree(object);
	OPTIMIZER_HIDE_VAR(object);
	if (object)
		READ_ONCE(*object);
}

static void sleep_in_atomic(void)
{
	static DEFINE_SPINLOCK(spin_outside);

	spin_lock(&spin_outside);
	kfree(kmalloc(OBJECT_BYTES, GFP_KERNEL));
	spin_unlock(&spin_outside);
}

/* Two orders of two locks, one after the other: nothing hangs, but it could. */
static void lock_inversion(void)
{
	static DEFINE_MUTEX(one);
	static DEFINE_MUTEX(other);

	mutex_lock(&one);
	mutex_lock(&other);
	mutex_unlock(&other);
	mutex_unlock(&one);
	mutex_lock(&other);
	mutex_lock(&one);
	mutex_unlock(&one);
	mutex_unlock(&other);
}

static void oops(void)
{
	int *nowhere = NULL;

	OPTIMIZER_HIDE_VAR(nowhere);
	WRITE_ONCE(*nowhere, 1);
}

static int __init planted_init(void)
{
	if (!strcmp(bug, "warn")) {
		WARN(1, "planted\n");
	} else if (!strcmp(bug, "oops")) {
		oops();
	} else if (!strcmp(bug, "leak")) {
		leak();
	} else if (!strcmp(bug, "use_after_free")) {
		use_after_free();
	} else if (!strcmp(bug, "sleep_in_atomic")) {
		sleep_in_atomic();
	} else if (!strcmp(bug, "lock_inversion")) {
		lock_inversion();
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
