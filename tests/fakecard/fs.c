/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tree as a file system. Nothing is cached: what changes is seen at once. */
#define FUSE_USE_VERSION 312
#include "fs.h"

#include <errno.h>
#include <fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card.h"

/* As sysfs says of every attribute. */
#define ATTRIBUTE_BYTES 4096

/* Writers that wait keep a thread each; all of 240 VFs may be stuck at once. */
#define THREADS_MAX 300

static void *start(struct fuse_conn_info *connection, struct fuse_config *config)
{
	config->attr_timeout = 0;
	config->entry_timeout = 0;
	config->negative_timeout = 0;
	config->direct_io = 1;
	return NULL;
}

static int get_attributes(const char *path, struct stat *ret_stat, struct fuse_file_info *file)
{
	struct fake_node *node;

	memset(ret_stat, 0, sizeof(*ret_stat));
	pthread_mutex_lock(&fake_lock);
	node = fake_find(path);
	if (node) {
		ret_stat->st_nlink = 1;
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
			ret_stat->st_size = node->length > ATTRIBUTE_BYTES ? (off_t)node->length
									   : ATTRIBUTE_BYTES;
		}
	}
	pthread_mutex_unlock(&fake_lock);
	return node ? 0 : -ENOENT;
}

static int read_link(const char *path, char *ret_target, size_t size)
{
	struct fake_node *node;

	pthread_mutex_lock(&fake_lock);
	node = fake_find(path);
	if (node && node->kind == FAKE_LINK)
		snprintf(ret_target, size, "%s", node->text);
	pthread_mutex_unlock(&fake_lock);
	return !node ? -ENOENT : node->kind == FAKE_LINK ? 0 : -EINVAL;
}

static int read_folder(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset,
		       struct fuse_file_info *file, enum fuse_readdir_flags flags)
{
	struct fake_node *node;

	pthread_mutex_lock(&fake_lock);
	node = fake_find(path);
	if (node) {
		fill(buffer, ".", NULL, 0, 0);
		fill(buffer, "..", NULL, 0, 0);
		for (struct fake_node *child = node->children; child; child = child->next)
			fill(buffer, child->name, NULL, 0, 0);
	}
	pthread_mutex_unlock(&fake_lock);
	return node ? 0 : -ENOENT;
}

static int open_file(const char *path, struct fuse_file_info *file)
{
	struct fake_node *node;
	int result = 0;

	pthread_mutex_lock(&fake_lock);
	node = fake_find(path);
	if (!node)
		result = -ENOENT;
	else if ((file->flags & O_ACCMODE) != O_RDONLY && !node->write)
		result = -EACCES;
	pthread_mutex_unlock(&fake_lock);
	file->direct_io = 1;
	return result;
}

/* The PF whose sriov_numvfs a path is; NULL: it is something else. */
static struct fake_pf *pf_of_numvfs(const char *path)
{
	struct fake_node *node = fake_find(path);

	return node && !strcmp(node->name, "sriov_numvfs") ? node->owner : NULL;
}

static int read_text(const char *path, char *ret_text, size_t size, off_t offset)
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
	return (int)length;
}

static int read_file(const char *path, char *ret_text, size_t size, off_t offset,
		     struct fuse_file_info *file)
{
	int result;

	pthread_mutex_lock(&fake_lock);
	result = read_text(path, ret_text, size, offset);
	pthread_mutex_unlock(&fake_lock);
	return result;
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

static int write_file(const char *path, const char *text, size_t size, off_t offset,
		      struct fuse_file_info *file)
{
	char *line = strndup(text, size);
	int result;

	if (!line)
		return -ENOMEM;
	line[strcspn(line, "\n")] = '\0';
	pthread_mutex_lock(&fake_lock);
	result = write_text(path, line);
	pthread_mutex_unlock(&fake_lock);
	free(line);
	return result ? result : (int)size;
}

/* Opening with O_TRUNC, as shells do, is no error in sysfs. */
static int cut_file(const char *path, off_t size, struct fuse_file_info *file)
{
	return 0;
}

static const struct fuse_operations operations = {
	.init = start,
	.getattr = get_attributes,
	.readlink = read_link,
	.readdir = read_folder,
	.open = open_file,
	.read = read_file,
	.write = write_file,
	.truncate = cut_file,
};

static struct fuse *mounted;

int fake_fs_mount(const char *place)
{
	char *words[] = {(char *)"fakecard", (char *)"-ofsname=fakecard,default_permissions"};
	struct fuse_args arguments = FUSE_ARGS_INIT(2, words);
	int result;

	mounted = fuse_new(&arguments, &operations, sizeof(operations), NULL);
	result = mounted ? fuse_mount(mounted, place) : -1;
	fuse_opt_free_args(&arguments);
	return result;
}

void fake_fs_serve(void)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();

	fuse_loop_cfg_set_max_threads(config, THREADS_MAX);
	fuse_loop_mt(mounted, config);
	fuse_loop_cfg_destroy(config);
}
