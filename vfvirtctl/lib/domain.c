/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which PCI devices of the host a libvirt domain names. */
#include "domain.h"

#include <errno.h>
#include <libxml/parser.h>
#include <libxml/xmlerror.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "text.h"

VFV_DEFINE_CLEANUP(cleanup_context, xmlParserCtxtPtr, xmlFreeParserCtxt)
VFV_DEFINE_CLEANUP(cleanup_document, xmlDocPtr, xmlFreeDoc)

static bool is_element(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0;
}

static xmlNode *child(xmlNode *parent, const char *name)
{
	for (xmlNode *node = parent ? parent->children : NULL; node; node = node->next)
		if (is_element(node, name))
			return node;
	return NULL;
}

/* Numbers stand there as libvirt writes them, "0x3b", or as people do, "59". */
static bool attribute_number(xmlNode *node, const char *name, uint64_t max, uint64_t *ret_number)
{
	xmlChar *value = xmlGetNoNsProp(node, (const xmlChar *)name);
	const char *text = (const char *)value;
	bool good = false;

	if (text && strncmp(text, "0x", 2) == 0)
		good = vfv_text_number(text + 2, 16, max, ret_number) == 0;
	else if (text)
		good = vfv_text_number(text, 10, max, ret_number) == 0;
	xmlFree(value);
	return good;
}

/* The address of the host's device, from <source>; false: there is none that makes sense. */
static bool source_address(xmlNode *device, struct vfv_address *ret_address)
{
	xmlNode *node = child(child(device, "source"), "address");
	uint64_t domain = 0, bus, slot, function;

	if (!node || !attribute_number(node, "bus", 0xff, &bus) ||
	    !attribute_number(node, "slot", 0x1f, &slot) ||
	    !attribute_number(node, "function", 7, &function))
		return false;
	/* libvirt takes a missing domain for 0. */
	if (xmlHasProp(node, (const xmlChar *)"domain") &&
	    !attribute_number(node, "domain", UINT32_MAX, &domain))
		return false;
	*ret_address = (struct vfv_address){
		.domain = domain, .bus = bus, .device = slot, .function = function};
	return true;
}

static bool has_type(xmlNode *node, const char *wanted)
{
	xmlChar *type = xmlGetNoNsProp(node, (const xmlChar *)"type");
	bool same = type && strcmp((const char *)type, wanted) == 0;

	xmlFree(type);
	return same;
}

static int read_devices(xmlNode *devices, struct vfv_domain *domain)
{
	for (xmlNode *node = devices ? devices->children : NULL; node; node = node->next) {
		struct vfv_address address, *grown;

		if (!(is_element(node, "hostdev") && has_type(node, "pci")) &&
		    !(is_element(node, "interface") && has_type(node, "hostdev")))
			continue;
		if (!source_address(node, &address))
			continue;
		if (domain->device_count == VFV_DOMAIN_DEVICES_MAX)
			break;
		grown = reallocarray(domain->devices, domain->device_count + 1, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		domain->devices = grown;
		grown[domain->device_count++] = address;
	}
	return 0;
}

/* The text of a child element as a new text; NULL: there is none, or no memory. */
static char *child_text(xmlNode *parent, const char *name)
{
	xmlNode *node = child(parent, name);
	xmlChar *content = node ? xmlNodeGetContent(node) : NULL;
	char *copy = content ? strdup((const char *)content) : NULL;

	xmlFree(content);
	return copy;
}

static int read_domain(const char *what, xmlNode *root, struct vfv_domain *ret_domain,
		       struct vfv_error *ret_error)
{
	struct vfv_domain domain = {0};

	if (!root || !is_element(root, "domain") || !child(root, "name"))
		return vfv_error_set(ret_error, VFV_ERROR_STORAGE, EINVAL,
				     "%s: is no description of a domain", what);
	domain.name = child_text(root, "name");
	domain.uuid = child_text(root, "uuid");
	if (!domain.name || read_devices(child(root, "devices"), &domain) < 0) {
		vfv_domain_clear(&domain);
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "%s: no memory", what);
	}
	*ret_domain = domain;
	return 0;
}

int vfv_domain_parse(const char *what, const char *text, size_t length,
		     struct vfv_domain *ret_domain, struct vfv_error *ret_error)
{
	__attribute__((cleanup(cleanup_context))) xmlParserCtxtPtr context = NULL;
	__attribute__((cleanup(cleanup_document))) xmlDocPtr document = NULL;

	if (length > VFV_DOMAIN_BYTES_MAX)
		return vfv_error_set(ret_error, VFV_ERROR_STORAGE, EFBIG,
				     "%s: longer than %d bytes", what, VFV_DOMAIN_BYTES_MAX);
	context = xmlNewParserCtxt();
	if (!context)
		return vfv_error_set(ret_error, VFV_ERROR_NO_MEMORY, ENOMEM, "%s: no memory", what);
	document = xmlCtxtReadMemory(context, text, (int)length, NULL, NULL,
				     XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	if (!document)
		return vfv_error_set(ret_error, VFV_ERROR_STORAGE, EINVAL,
				     "%s:%d: is no well-formed XML", what, context->lastError.line);
	/* libvirt writes none, and entities could grow without end. */
	if (document->intSubset)
		return vfv_error_set(ret_error, VFV_ERROR_STORAGE, EINVAL,
				     "%s: has a document type", what);
	return read_domain(what, xmlDocGetRootElement(document), ret_domain, ret_error);
}

void vfv_domain_clear(struct vfv_domain *domain)
{
	free(domain->name);
	free(domain->uuid);
	free(domain->devices);
	*domain = (struct vfv_domain){0};
}
