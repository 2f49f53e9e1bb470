/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tree as a file system. Nothing is cached: what changes is seen at once.
 *
 * Linux lets one writer at a time into a file of a FUSE file system, while sysfs lets in all. So a
 * file that takes writes is another inode each time that its path is looked up; who waits in
 * "unbind" for one card then holds up nobody who unbinds another.
 */
#define FUSE_USE_VERSION 312
#include "fs.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card.h"

/* As sysfs says of every attribute. */
#define ATTRIBUTE_BYTES 4096

/* Writers that wait keep a thread each; all of 240 VFs may be stuck at once. */
#define THREADS_MAX 300

#define BUCKETS 4096

/* What the kernel holds a number of. With fake_lock. */
struct inode {
	char *path;
	enum fake_kind kind;
	bool is_shared; /* the same for all who look the path up */
	uint64_t lookups, generation;
	struct inode *next; /* in its bucket, if shared */
};

static struct fuse_session *session;
static struct inode *buckets[BUCKETS];
static uint64_t next_generation;

static struct inode *inode_of(fuse_ino_t number)
{
	static struct inode root = {.path = (char *)"", .kind = FAKE_FOLDER};

	return number == FUSE_ROOT_ID ? &root : (struct inode *)(uintptr_t)number;
}

static struct inode **bucket_of(const char *path)
{
	unsigned int hash = 5381;

	while (*path)
		hash = hash * 33 + (unsigned char)*path++;
	return &buckets[hash % BUCKETS];
}

static struct inode *new_inode(const char *path, const struct fake_node *node)
{
	struct inode *inode = calloc(1, sizeof(*inode)), **bucket = bucket_of(path);

	inode->path = strdup(path);
	inode->kind = node->kind;
	inode->is_shared = !node->write;
	inode->generation = next_generation++;
	if (inode->is_shared) {
		inode->next = *bucket;
		*bucket = inode;
	}
	return inode;
}

/* The inode of a node, counted. */
static struct inode *get_inode(const char *path, const struct fake_node *node)
{
	struct inode *inode = node->write ? NULL : *bucket_of(path);

	while (inode && (strcmp(inode->path, path) || inode->kind != node->kind))
		inode = inode->next;
	if (!inode)
		inode = new_inode(path, node);
	inode->lookups++;
	return inode;
}

static void put_inode(struct inode *inode, uint64_t lookups)
{
	inode->lookups -= lookups;
	if (inode->lookups)
		return;
	for (struct inode **at = bucket_of(inode->path); inode->is_shared; at = &(*at)->next) {
		if (*at == inode) {
			*at = inode->next;
			break;
		}
	}
	free(inode->path);
	free(inode);
}

static void describe(const struct fake_node *node, fuse_ino_t number, struct stat *ret_stat)
{
	*ret_stat = (struct stat){.st_ino = number, .st_nlink = 1};
	switch (node->kind) {
	case FAKE_FOLDER:
		ret_stat->st_mode = S_IFDIR | 0755;
		break;
	case FAKE_LINK:
		ret_stat->st_mode = S_IFLNK | 0777;
		ret_stat->st_size = (off_t)node->length;
		break;
	default:
		ret_stat->st_mode = S_IFREG | (node->write ? 0644 : 0444);
		ret_stat->st_size =
			node->length > ATTRIBUTE_BYTES ? (off_t)node->length : ATTRIBUTE_BYTES;
	}
}

static void look_up(fuse_req_t request, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param entry = {0};
	struct fake_node *node;
	char path[PATH_MAX];

	pthread_mutex_lock(&fake_lock);
	snprintf(path, sizeof(path), "%s/%s", inode_of(parent)->path, name);
	node = fake_find(path);
	if (node) {
		struct inode *inode = get_inode(path, node);

		entry.ino = (fuse_ino_t)(uintptr_t)inode;
		entry.generation = inode->generation;
		describe(node, entry.ino, &entry.attr);
	}
	pthread_mutex_unlock(&fake_lock);
	if (entry.ino)
		fuse_reply_entry(request, &entry);
	else
		fuse_reply_err(request, ENOENT);
}

static void forget(fuse_req_t request, fuse_ino_t number, uint64_t lookups)
{
	pthread_mutex_lock(&fake_lock);
	if (number != FUSE_ROOT_ID)
		put_inode(inode_of(number), lookups);
	pthread_mutex_unlock(&fake_lock);
	fuse_reply_none(request);
}

static void get_attributes(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *file)
{
	struct fake_node *node;
	struct stat found;

	pthread_mutex_lock(&fake_lock);
	node = fake_find(inode_of(number)->path);
	if (node)
		describe(node, number, &found);
	pthread_mutex_unlock(&fake_lock);
	if (node)
		fuse_reply_attr(request, &found, 0);
	else
		fuse_reply_err(request, ENOENT);
}

/* Opening with O_TRUNC, as shells do, is no error in sysfs; nor has it an effect. */
static void set_attributes(fuse_req_t request, fuse_ino_t number, struct stat *wanted, int which,
			   struct fuse_file_info *file)
{
	get_attributes(request, number, file);
}

static void read_link(fuse_req_t request, fuse_ino_t number)
{
	char target[PATH_MAX] = "";
	struct fake_node *node;

	pthread_mutex_lock(&fake_lock);
	node = fake_find(inode_of(number)->path);
	if (node)
		snprintf(target, sizeof(target), "%s", node->text);
	pthread_mutex_unlock(&fake_lock);
	if (*target)
		fuse_reply_readlink(request, target);
	else
		fuse_reply_err(request, ENOENT);
}

static void read_folder(fuse_req_t request, fuse_ino_t number, size_t size, off_t offset,
			struct fuse_file_info *file)
{
	char *entries = calloc(1, size);
	struct fake_node *node;
	size_t length = 0;
	off_t at = 0;

	pthread_mutex_lock(&fake_lock);
	node = fake_find(inode_of(number)->path);
	for (struct fake_node *child = node ? node->children : NULL; child; child = child->next) {
		struct stat found;
		size_t more;

		if (at++ < offset)
			continue;
		describe(child, 1, &found);
		more = fuse_add_direntry(request, entries + length, size - length, child->name,
					 &found, at);
		if (more > size - length)
			break;
		length += more;
	}
	pthread_mutex_unlock(&fake_lock);
	fuse_reply_buf(request, entries, length);
	free(entries);
}

static void open_file(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *file)
{
	bool writes = (file->flags & O_ACCMODE) != O_RDONLY;
	struct fake_node *node;
	int error = 0;

	pthread_mutex_lock(&fake_lock);
	node = fake_find(inode_of(number)->path);
	if (!node)
		error = ENOENT;
	else if (writes && !node->write)
		error = EACCES;
	pthread_mutex_unlock(&fake_lock);
	file->direct_io = 1;
	if (error)
		fuse_reply_err(request, error);
	else
		fuse_reply_open(request, file);
}

/* The PF whose sriov_numvfs a path is; NULL: it is something else. */
static struct fake_pf *pf_of_numvfs(const char *path)
{
	struct fake_node *node = fake_find(path);

	return node && !strcmp(node->name, "sriov_numvfs") ? node->owner : NULL;
}

static ssize_t read_text(const char *path, char *ret_text, size_t size, off_t offset)
{
	struct fake_node *node;
	struct fake_pf *pf;
	int result = offset ? 0 : fake_fault_before_read(path);
	size_t length;

	if (result)
		return result;
	/* The kernel shows the number under the lock that a writer of it holds. */
	while ((pf = pf_of_numvfs(path)) && pf->busy)
		pthread_cond_wait(&fake_changed, &fake_lock);
	node = fake_find(path);
	if (!node)
		return -ENODEV;
	if ((size_t)offset >= node->length)
		return 0;
	length = node->length - (size_t)offset;
	if (length > size)
		length = size;
	memcpy(ret_text, node->text + offset, length);
	return (ssize_t)length;
}

static void read_file(fuse_req_t request, fuse_ino_t number, size_t size, off_t offset,
		      struct fuse_file_info *file)
{
	char *text = malloc(size);
	ssize_t length;

	pthread_mutex_lock(&fake_lock);
	length = read_text(inode_of(number)->path, text, size, offset);
	pthread_mutex_unlock(&fake_lock);
	if (length < 0)
		fuse_reply_err(request, (int)-length);
	else
		fuse_reply_buf(request, text, (size_t)length);
	free(text);
}

/* May wait; the file may be gone by then. */
static int write_text(const char *path, const char *text)
{
	struct fake_pf *pf = pf_of_numvfs(path);
	struct fake_node *node;
	int result;

	if (pf)
		pf->busy++;
	result = fake_fault_before_write(path, text);
	node = fake_find(path);
	if (!result)
		result = node && node->write ? node->write(node, text) : -ENODEV;
	if (pf)
		pf->busy--;
	fake_fault_written(path, text, result);
	return result;
}

static void write_file(fuse_req_t request, fuse_ino_t number, const char *text, size_t size,
		       off_t offset, struct fuse_file_info *file)
{
	char *line = strndup(text, size);
	int result;

	line[strcspn(line, "\n")] = '\0';
	pthread_mutex_lock(&fake_lock);
	result = write_text(inode_of(number)->path, line);
	pthread_mutex_unlock(&fake_lock);
	free(line);
	if (result)
		fuse_reply_err(request, -result);
	else
		fuse_reply_write(request, size);
}

static const struct fuse_lowlevel_ops operations = {
	.lookup = look_up,
	.forget = forget,
	.getattr = get_attributes,
	.setattr = set_attributes,
	.readlink = read_link,
	.readdir = read_folder,
	.open = open_file,
	.read = read_file,
	.write = write_file,
};

int fake_fs_mount(const char *place)
{
	char *words[] = {(char *)"fakecard", (char *)"-ofsname=fakecard,default_permissions"};
	struct fuse_args arguments = FUSE_ARGS_INIT(2, words);
	int result;

	session = fuse_session_new(&arguments, &operations, sizeof(operations), NULL);
	result = session ? fuse_session_mount(session, place) : -1;
	fuse_opt_free_args(&arguments);
	return result;
}

void fake_fs_serve(void)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();

	fuse_loop_cfg_set_max_threads(config, THREADS_MAX);
	fuse_session_loop_mt(session, config);
	fuse_loop_cfg_destroy(config);
}
