// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VF driver for tests: registers each VF it is bound to (by driver_override) as a member and
 * makes every call of the core's API on behalf of user space.
 *
 * Each VF has a file /sys/kernel/debug/vfvirt_test/ADDRESS. One write is one call; a read of the
 * same open file gives its answer, "ERROR" or "ERROR DATA", where ERROR is 0 or a negative errno:
 *	has_legacy			result of the call and the reason's number
 *	common_read OFFSET LENGTH LIMIT_MS	data in hex, in the order of the bytes
 *	device_read OFFSET LENGTH LIMIT_MS
 *	common_write OFFSET HEX LIMIT_MS
 *	device_write OFFSET HEX LIMIT_MS
 *	notify_info			number of entries, then FLAGS:BAR:OFFSET each
 *	open, close			vfvirt_member_open() and its opposite
 *	failed WHAT			vfvirt_member_failed()
 *	failed_at_length		the same with more words than a message holds
 *	events				how many of down, degraded, up, reset came since the bind
 *	read_during BEGIN_NS END_NS	reads the status over and over: how often it worked, how often
 *					not, and the median time in ns; see test_window.h
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "test_text.h"
#include "test_window.h"
#include "vfvirt_core.h"

#define TEXT_BYTES 128
#define ACCESS_BYTES_MAX 8
#define FAILED_ERROR (-EPIPE)
#define LONG_BYTES 8192	/* more than an event has room for */
#define STATUS_OFFSET 18

/* A VF under test. */
struct test_vf {
	struct vfvirt_member *member;
	struct dentry *file;
	atomic_t events[VFVIRT_EVENT_RESET + 1];
	atomic_t opens;
};

/* An open file: several threads make calls at once, each with a file of its own. */
struct call {
	struct test_vf *vf;
	char answer[TEXT_BYTES];
};

static struct dentry *folder;

static void member_event(struct vfvirt_member *member, enum vfvirt_member_event event)
{
	struct test_vf *vf = vfvirt_member_priv(member);

	atomic_inc(&vf->events[event]);
}

static void member_describe(struct vfvirt_member *member, struct vfvirt_member_facts *ret_facts)
{
	ret_facts->msix_on = true;
	ret_facts->notify_path = VFVIRT_NOTIFY_PATH_COMMAND;
}

static const struct vfvirt_member_ops member_ops = {
	.event = member_event,
	.describe = member_describe,
};

typedef int (*read_fn)(struct vfvirt_member *member, u8 offset_bytes, void *buf, u8 length_bytes,
		       unsigned int limit_ms);
typedef int (*write_fn)(struct vfvirt_member *member, u8 offset_bytes, const void *buf,
			u8 length_bytes, unsigned int limit_ms);

static void call_read(struct call *call, const char *words, read_fn read)
{
	unsigned int offset, length, limit_ms;
	u8 data[U8_MAX];
	int error;

	if (sscanf(words, "%u %u %u", &offset, &length, &limit_ms) != 3 || offset > U8_MAX ||
	    length > U8_MAX)
		return;
	memset(data, 0x5a, sizeof(data));
	error = read(call->vf->member, offset, data, length, limit_ms);
	scnprintf(call->answer, TEXT_BYTES, "%d %*phN", error,
		  (int)min_t(unsigned int, length, ACCESS_BYTES_MAX), data);
}

static void call_write(struct call *call, const char *words, write_fn write)
{
	u8 data[ACCESS_BYTES_MAX + 1];
	unsigned int offset, limit_ms;
	char hex[2 * sizeof(data) + 1];
	size_t length;

	if (sscanf(words, "%u %18s %u", &offset, hex, &limit_ms) != 3 || offset > U8_MAX)
		return;
	length = strlen(hex) / 2;
	if (test_hex_parse(data, hex, length))
		return;
	scnprintf(call->answer, TEXT_BYTES, "%d",
		  write(call->vf->member, offset, data, length, limit_ms));
}

static void call_notify_info(struct call *call, const char *words)
{
	struct vfvirt_notify_entry entries[VFVIRT_NOTIFY_ENTRIES] = {};
	int count = vfvirt_legacy_notify_info(call->vf->member, entries);
	int used = scnprintf(call->answer, TEXT_BYTES, "%d", count);
	int n;

	for (n = 0; n < count; n++)
		used += scnprintf(call->answer + used, TEXT_BYTES - used, " %u:%u:%#llx",
				  entries[n].flags, entries[n].bar, entries[n].offset_bytes);
}

static void call_has_legacy(struct call *call, const char *words)
{
	enum vfvirt_owner_reason reason;
	int answer = vfvirt_member_has_legacy(call->vf->member, &reason);

	scnprintf(call->answer, TEXT_BYTES, "%d %d", answer, reason);
}

static void call_open(struct call *call, const char *words)
{
	int error = vfvirt_member_open(call->vf->member);

	if (!error)
		atomic_inc(&call->vf->opens);
	scnprintf(call->answer, TEXT_BYTES, "%d", error);
}

static void call_close(struct call *call, const char *words)
{
	int error = atomic_dec_if_positive(&call->vf->opens) < 0 ? -EBADF : 0;

	if (!error)
		vfvirt_member_close(call->vf->member);
	scnprintf(call->answer, TEXT_BYTES, "%d", error);
}

static void call_events(struct call *call, const char *words)
{
	atomic_t *events = call->vf->events;

	scnprintf(call->answer, TEXT_BYTES, "%d %d %d %d",
		  atomic_read(&events[VFVIRT_EVENT_DOWN]),
		  atomic_read(&events[VFVIRT_EVENT_DEGRADED]),
		  atomic_read(&events[VFVIRT_EVENT_UP]), atomic_read(&events[VFVIRT_EVENT_RESET]));
}

static int read_status(void *context)
{
	struct test_vf *vf = context;
	u8 status;

	return vfvirt_legacy_common_read(vf->member, STATUS_OFFSET, &status, sizeof(status), 0);
}

static void call_read_during(struct call *call, const char *words)
{
	struct test_window window = {};
	int error;

	if (sscanf(words, "%llu %llu", &window.begin_ns, &window.end_ns) != 2)
		return;
	error = test_window_run(&window, read_status, call->vf);
	scnprintf(call->answer, TEXT_BYTES, "%d %u %u %u", error, window.done, window.failed,
		  window.median_ns);
}

static void call_failed(struct call *call, const char *words)
{
	vfvirt_member_failed(call->vf->member, words, FAILED_ERROR);
	scnprintf(call->answer, TEXT_BYTES, "0");
}

static void call_failed_at_length(struct call *call, const char *words)
{
	char *what = kzalloc(LONG_BYTES, GFP_KERNEL);

	if (!what)
		return;
	memset(what, 'x', LONG_BYTES - 1);
	call_failed(call, what);
	kfree(what);
}

static void call_common_read(struct call *call, const char *words)
{
	call_read(call, words, vfvirt_legacy_common_read);
}

static void call_device_read(struct call *call, const char *words)
{
	call_read(call, words, vfvirt_legacy_device_read);
}

static void call_common_write(struct call *call, const char *words)
{
	call_write(call, words, vfvirt_legacy_common_write);
}

static void call_device_write(struct call *call, const char *words)
{
	call_write(call, words, vfvirt_legacy_device_write);
}

static const struct {
	const char *name;
	void (*run)(struct call *call, const char *words);
} calls[] = {
	{ "has_legacy", call_has_legacy },
	{ "common_read", call_common_read },
	{ "device_read", call_device_read },
	{ "common_write", call_common_write },
	{ "device_write", call_device_write },
	{ "notify_info", call_notify_info },
	{ "open", call_open },
	{ "close", call_close },
	{ "failed", call_failed },
	{ "failed_at_length", call_failed_at_length },
	{ "events", call_events },
	{ "read_during", call_read_during },
};

/* Leaves the answer empty when the words are none of these calls. */
static void call_run(struct call *call, const char *name, const char *words)
{
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(calls); n++)
		if (!strcmp(calls[n].name, name))
			calls[n].run(call, words);
}

static int call_begin(struct inode *inode, struct file *file)
{
	struct call *call = kzalloc(sizeof(*call), GFP_KERNEL);

	if (!call)
		return -ENOMEM;
	call->vf = inode->i_private;
	file->private_data = call;
	return 0;
}

static int call_end(struct inode *inode, struct file *file)
{
	kfree(file->private_data);
	return 0;
}

static ssize_t call_submit(struct file *file, const char __user *user, size_t count, loff_t *pos)
{
	struct call *call = file->private_data;
	char text[TEXT_BYTES], *words = text, *name;
	int error;

	error = test_text_copy(text, sizeof(text), user, count);
	if (error)
		return error;
	name = strsep(&words, "\n ");
	call->answer[0] = '\0';
	error = debugfs_file_get(file->f_path.dentry);
	if (error)
		return error;
	call_run(call, name, words ?: "");
	debugfs_file_put(file->f_path.dentry);
	return call->answer[0] ? count : -EINVAL;
}

static ssize_t call_answer(struct file *file, char __user *user, size_t count, loff_t *pos)
{
	struct call *call = file->private_data;
	loff_t start = 0;

	return simple_read_from_buffer(user, count, &start, call->answer, strlen(call->answer));
}

static const struct file_operations call_fops = {
	.owner = THIS_MODULE,
	.open = call_begin,
	.release = call_end,
	.write = call_submit,
	.read = call_answer,
};

static int test_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct test_vf *vf = kzalloc(sizeof(*vf), GFP_KERNEL);
	enum vfvirt_owner_reason reason;
	int error;

	if (!vf)
		return -ENOMEM;
	vf->member = vfvirt_member_register(pdev, &member_ops, vf);
	if (IS_ERR(vf->member)) {
		error = PTR_ERR(vf->member);
		kfree(vf);
		return error;
	}
	pci_set_drvdata(pdev, vf);
	/* As a VF driver does: inside pci_enable_sriov(), when it is bound at once. */
	vfvirt_member_has_legacy(vf->member, &reason);
	/* Unsafe: an answer can be read when the VF is gone; only calls are guarded. */
	vf->file = debugfs_create_file_unsafe(pci_name(pdev), 0600, folder, vf, &call_fops);
	return 0;
}

static void test_remove(struct pci_dev *pdev)
{
	struct test_vf *vf = pci_get_drvdata(pdev);

	debugfs_remove(vf->file); /* waits for calls */
	while (atomic_dec_if_positive(&vf->opens) >= 0)
		vfvirt_member_close(vf->member);
	vfvirt_member_unregister(vf->member);
	kfree(vf);
}

static struct pci_driver test_driver = {
	.name = "vfvirt_test",
	.probe = test_probe,
	.remove = test_remove,
};

static int __init test_init(void)
{
	int error;

	folder = debugfs_create_dir("vfvirt_test", NULL);
	error = pci_register_driver(&test_driver);
	if (error)
		debugfs_remove(folder);
	return error;
}

static void __exit test_exit(void)
{
	pci_unregister_driver(&test_driver);
	debugfs_remove(folder);
}

module_init(test_init);
module_exit(test_exit);
MODULE_DESCRIPTION("Test driver for VFs: the core's API for user space");
MODULE_LICENSE("GPL");
