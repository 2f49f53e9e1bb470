// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does to a PCI function what only the bus does, for tests. Orders are written to the parameter
 * "order":
 *	shutdown ADDRESS	the driver's shutdown(), as at the end of the system
 *	keep_master ADDRESS	from now on bus mastering cannot be taken from the function
 *	let_master		it can again
 */
#include <linux/module.h>
#include <linux/pci.h>

static struct pci_dev *master;
static struct pci_ops *bus_ops;

static int read_through(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 *value)
{
	return bus_ops->read(bus, devfn, where, size, value);
}

static int write_with_master(struct pci_bus *bus, unsigned int devfn, int where, int size,
			     u32 value)
{
	if (devfn == master->devfn && where == PCI_COMMAND)
		value |= PCI_COMMAND_MASTER;
	return bus_ops->write(bus, devfn, where, size, value);
}

static void __iomem *map_through(struct pci_bus *bus, unsigned int devfn, int where)
{
	return bus_ops->map_bus(bus, devfn, where);
}

static struct pci_ops keeping_ops = {
	.read = read_through,
	.write = write_with_master,
	.map_bus = map_through,
};

static int keep_master(struct pci_dev *pdev)
{
	if (master)
		return -EBUSY;
	master = pci_dev_get(pdev);
	bus_ops = pdev->bus->ops;
	pci_bus_set_ops(pdev->bus, &keeping_ops);
	return 0;
}

static void let_master(void)
{
	if (!master)
		return;
	pci_bus_set_ops(master->bus, bus_ops);
	pci_dev_put(master);
	master = NULL;
}

static int call_shutdown(struct pci_dev *pdev)
{
	int error = -EOPNOTSUPP;

	device_lock(&pdev->dev);
	if (pdev->dev.driver && to_pci_driver(pdev->dev.driver)->shutdown) {
		to_pci_driver(pdev->dev.driver)->shutdown(pdev);
		error = 0;
	}
	device_unlock(&pdev->dev);
	return error;
}

static int order_set(const char *text, const struct kernel_param *param)
{
	unsigned int domain, bus, slot, function;
	struct pci_dev *pdev;
	char verb[16];
	int words, error;

	words = sscanf(text, "%15s %x:%x:%x.%x", verb, &domain, &bus, &slot, &function);
	if (words == 1 && !strcmp(verb, "let_master")) {
		let_master();
		return 0;
	}
	if (words != 5)
		return -EINVAL;
	pdev = pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(slot, function));
	if (!pdev)
		return -ENODEV;
	if (!strcmp(verb, "shutdown"))
		error = call_shutdown(pdev);
	else
		error = strcmp(verb, "keep_master") ? -EINVAL : keep_master(pdev);
	pci_dev_put(pdev);
	return error;
}

static const struct kernel_param_ops order_ops = { .set = order_set };
module_param_cb(order, &order_ops, NULL, 0200);
MODULE_PARM_DESC(order, "what to do to which function");

static int __init vfvirt_bus_init(void)
{
	return 0;
}
module_init(vfvirt_bus_init);

static void __exit vfvirt_bus_exit(void)
{
	let_master();
}
module_exit(vfvirt_bus_exit);

MODULE_DESCRIPTION("Test aid: does to a PCI function what the bus does");
MODULE_LICENSE("GPL");
