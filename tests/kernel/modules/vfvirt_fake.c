// SPDX-License-Identifier: GPL-2.0-only
/*
 * A provider for tests: a driver for a PF (by driver_override) that is its owner without ever
 * talking to the device, and answers as user space tells it. So the core can be shown answers that
 * no device gives.
 *
 * Each PF has a file /sys/kernel/debug/vfvirt_fake/ADDRESS. One write is one order:
 *	set KEY VALUE		how commands are answered, see struct answers
 *	notify HEX		what LEGACY_NOTIFY_INFO returns
 *	unregister, register	the owner, while the PF and its VFs stay
 *	state STATE REASON	vfvirt_owner_set_state(), by number
 *	reset			vfvirt_owner_was_reset()
 *	quiesce LIMIT_MS, unquiesce
 *	late OPCODE MEMBER, abort OPCODE MEMBER
 * and fails with the errno of that call. A read gives what was seen:
 *	EXECUTED RUNNING RUNNING_MAX EXCLUSIVE_BROKEN LIST_MEMBER USED_OPCODES
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "test_text.h"
#include "vfvirt_compat.h"
#include "vfvirt_core.h"

#define TEXT_BYTES 256
#define NOTIFY_BYTES 64
#define LATE_NS 1500000

enum answer_key {
	OFFERED,	/* opcode bits that LIST_QUERY returns */
	OPCODE,		/* the next ones only for this opcode; -1: all */
	STATUS,
	QUALIFIER,
	TIMES,		/* so many commands get STATUS, QUALIFIER, ERROR; -1: all */
	ERROR,		/* what execute() returns instead */
	DELAY_MS,	/* every answer takes so long */
	USED_BYTES,	/* result data returned; -1: all */
	LIST_MEMBER_ID,	/* LIST_* must carry it, else INVALID_MEMBER */
	KEY_COUNT,
};

static const char * const keys[KEY_COUNT] = {
	"offered", "opcode", "status", "qualifier", "times", "error", "delay_ms", "used_bytes",
	"list_member_id",
};

struct fake_pf {
	struct pci_dev *pdev;
	struct vfvirt_owner *owner; /* NULL while unregistered; orders come one at a time */
	struct dentry *file;
	spinlock_t lock; /* all that follows */
	long answers[KEY_COUNT];
	u8 notify[NOTIFY_BYTES];
	unsigned int executed, running, running_max, exclusive_broken;
	bool exclusive_running;
	int list_member;
	u64 used_opcodes;
};

static struct dentry *folder;

static void began(struct fake_pf *pf, const struct vfvirt_command *command)
{
	spin_lock(&pf->lock);
	pf->executed++;
	pf->running++;
	pf->running_max = max(pf->running_max, pf->running);
	/* Keeping others out of an exclusive one is a provider's duty; here it is watched. */
	if (pf->exclusive_running || (command->exclusive && pf->running > 1))
		pf->exclusive_broken++;
	if (command->exclusive)
		pf->exclusive_running = true;
	spin_unlock(&pf->lock);
}

static void ended(struct fake_pf *pf, const struct vfvirt_command *command)
{
	spin_lock(&pf->lock);
	pf->running--;
	if (command->exclusive)
		pf->exclusive_running = false;
	spin_unlock(&pf->lock);
}

/* The answer that was ordered for this command, if any is left: true, and it is filled in. */
static bool ordered(struct fake_pf *pf, struct vfvirt_command *command, int *ret_error)
{
	long *answers = pf->answers;
	bool hit;

	spin_lock(&pf->lock);
	hit = answers[TIMES] && (answers[OPCODE] < 0 || answers[OPCODE] == command->opcode);
	if (hit && answers[TIMES] > 0)
		answers[TIMES]--;
	command->status = hit ? answers[STATUS] : 0;
	command->qualifier = hit ? answers[QUALIFIER] : 0;
	*ret_error = hit ? answers[ERROR] : 0;
	spin_unlock(&pf->lock);
	return hit && (command->status || *ret_error);
}

static bool list_member_is_wrong(struct fake_pf *pf, struct vfvirt_command *command)
{
	if (command->opcode > VFVIRT_OP_LIST_USE)
		return false;
	pf->list_member = command->member_id;
	if (command->member_id == pf->answers[LIST_MEMBER_ID])
		return false;
	command->status = 22;
	command->qualifier = 5;
	return true;
}

/* The bytes that a well-behaved device would return: register n holds 0xa0 + n. */
static void fill(struct fake_pf *pf, struct vfvirt_command *command)
{
	u8 result[VFVIRT_COMMAND_DATA_MAX_BYTES] = {};
	unsigned int n, used = command->out_length_bytes;

	for (n = 0; n < used; n++)
		result[n] = 0xa0 + command->offset + n;
	if (command->opcode == VFVIRT_OP_LEGACY_NOTIFY_INFO)
		memcpy(result, pf->notify, sizeof(pf->notify));
	if (command->opcode == VFVIRT_OP_LIST_QUERY) {
		memset(result, 0, sizeof(result));
		put_unaligned_le64(pf->answers[OFFERED], result);
	}
	if (command->opcode == VFVIRT_OP_LIST_USE)
		pf->used_opcodes = get_unaligned_le64(command->in);
	if (pf->answers[USED_BYTES] >= 0)
		used = min_t(unsigned int, used, pf->answers[USED_BYTES]);
	memset(command->out, 0, command->out_length_bytes);
	memcpy(command->out, result, used);
	command->out_used_bytes = used;
}

/* Waits as a device would make one wait, no longer than the command allows. */
static int wait_for_answer(struct fake_pf *pf, const struct vfvirt_command *command)
{
	unsigned long ready = jiffies + msecs_to_jiffies(pf->answers[DELAY_MS]);

	while (time_before(jiffies, ready)) {
		if (time_after_eq(jiffies, command->deadline)) {
			vfvirt_owner_set_state(pf->owner, VFVIRT_OWNER_DEGRADED,
					       VFVIRT_REASON_TIMEOUT);
			return -ETIMEDOUT;
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		schedule_timeout_killable(1);
	}
	return 0;
}

static int fake_execute(void *priv, struct vfvirt_command *command)
{
	struct fake_pf *pf = priv;
	int error;

	began(pf, command);
	error = wait_for_answer(pf, command);
	if (!error && !ordered(pf, command, &error) && !list_member_is_wrong(pf, command))
		fill(pf, command);
	ended(pf, command);
	return error;
}

static void fake_facts(void *priv, struct vfvirt_owner_facts *ret_facts)
{
	struct fake_pf *pf = priv;

	ret_facts->known = true;
	ret_facts->device_features = BIT_ULL(41);
	ret_facts->admin_queue_index = 64;
	ret_facts->admin_queue_num = 1;
	ret_facts->admin_queue_depth = 16;
	ret_facts->in_flight = pf->running;
}

static const struct vfvirt_owner_ops fake_ops = {
	.provider = "fake",
	.execute = fake_execute,
	.facts = fake_facts,
};

static int order_set(struct fake_pf *pf, const char *words)
{
	char name[32];
	long value;
	int n;

	if (sscanf(words, "%31s %ld", name, &value) != 2)
		return -EINVAL;
	n = match_string(keys, KEY_COUNT, name);
	if (n < 0)
		return -EINVAL;
	spin_lock(&pf->lock);
	pf->answers[n] = value;
	spin_unlock(&pf->lock);
	return 0;
}

static int order_register(struct fake_pf *pf)
{
	struct vfvirt_owner *owner;

	owner = vfvirt_owner_register(pf->pdev, &fake_ops, pf, THIS_MODULE);
	if (IS_ERR(owner))
		return PTR_ERR(owner);
	pf->owner = owner;
	return 0;
}

static int order_unregister(struct fake_pf *pf)
{
	vfvirt_owner_unregister(pf->owner);
	pf->owner = NULL;
	return 0;
}

static int order_run(struct fake_pf *pf, const char *name, const char *words)
{
	struct vfvirt_command command = {};
	unsigned int first = 0, second = 0;

	/* Orders with fewer numbers, or none, leave the rest at 0. */
	if (sscanf(words, "%u %u", &first, &second) < 0)
		return -EINVAL;
	command.opcode = first;
	command.member_id = second;
	if (!strcmp(name, "set"))
		return order_set(pf, words);
	if (!strcmp(name, "notify"))
		return test_hex_parse(pf->notify, words,
				      min(strlen(words) / 2, sizeof(pf->notify)));
	if (!strcmp(name, "register"))
		return order_register(pf);
	if (!pf->owner)
		return -ENOENT;
	if (!strcmp(name, "unregister"))
		return order_unregister(pf);
	if (!strcmp(name, "quiesce"))
		return vfvirt_owner_quiesce(pf->owner, first);
	if (!strcmp(name, "state"))
		vfvirt_owner_set_state(pf->owner, first, second);
	else if (!strcmp(name, "reset"))
		vfvirt_owner_was_reset(pf->owner);
	else if (!strcmp(name, "unquiesce"))
		vfvirt_owner_unquiesce(pf->owner);
	else if (!strcmp(name, "late"))
		vfvirt_owner_note_late(pf->owner, &command, LATE_NS);
	else if (!strcmp(name, "abort"))
		vfvirt_owner_note_abort(pf->owner, &command, LATE_NS);
	else
		return -EINVAL;
	return 0;
}

static ssize_t order_write(struct file *file, const char __user *user, size_t count, loff_t *pos)
{
	char text[TEXT_BYTES], *words = text, *name;
	int error;

	error = test_text_copy(text, sizeof(text), user, count);
	if (error)
		return error;
	name = strsep(&words, "\n ");
	error = order_run(file->private_data, name, words ?: "");
	return error ?: count;
}

static ssize_t seen_read(struct file *file, char __user *user, size_t count, loff_t *pos)
{
	struct fake_pf *pf = file->private_data;
	char text[TEXT_BYTES];
	int length;

	spin_lock(&pf->lock);
	length = scnprintf(text, sizeof(text), "%u %u %u %u %d %#llx\n", pf->executed, pf->running,
			   pf->running_max, pf->exclusive_broken, pf->list_member,
			   pf->used_opcodes);
	spin_unlock(&pf->lock);
	return simple_read_from_buffer(user, count, pos, text, length);
}

static const struct file_operations order_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = order_write,
	.read = seen_read,
};

static int fake_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct fake_pf *pf = kzalloc(sizeof(*pf), GFP_KERNEL);
	int error;

	if (!pf)
		return -ENOMEM;
	spin_lock_init(&pf->lock);
	pf->answers[OFFERED] = 0x7f;
	pf->answers[OPCODE] = -1;
	pf->answers[USED_BYTES] = -1;
	pf->pdev = pdev;
	error = pci_enable_device(pdev);
	if (error)
		goto free;
	error = order_register(pf);
	if (error)
		goto disable;
	pci_set_drvdata(pdev, pf);
	pf->file = debugfs_create_file(pci_name(pdev), 0600, folder, pf, &order_fops);
	return 0;
disable:
	pci_disable_device(pdev);
free:
	kfree(pf);
	return error;
}

static void fake_remove(struct pci_dev *pdev)
{
	struct fake_pf *pf = pci_get_drvdata(pdev);

	debugfs_remove(pf->file);
	pci_disable_sriov(pdev);
	if (pf->owner)
		order_unregister(pf);
	pci_disable_device(pdev);
	kfree(pf);
}

static struct pci_driver fake_driver = {
	.name = "vfvirt_fake",
	.probe = fake_probe,
	.remove = fake_remove,
	.sriov_configure = pci_sriov_configure_simple,
};

static int __init fake_init(void)
{
	int error;

	folder = debugfs_create_dir("vfvirt_fake", NULL);
	error = pci_register_driver(&fake_driver);
	if (error)
		debugfs_remove(folder);
	return error;
}

static void __exit fake_exit(void)
{
	pci_unregister_driver(&fake_driver);
	debugfs_remove(folder);
}

module_init(fake_init);
module_exit(fake_exit);
MODULE_DESCRIPTION("Test provider: an owner that answers as it is told");
MODULE_LICENSE("GPL");
