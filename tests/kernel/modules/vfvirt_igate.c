// SPDX-License-Identifier: GPL-2.0-only
/*
 * A change of a VF's interrupt mode that takes its time, for tests: while this module is loading it
 * holds the lock under which vfio-pci-core makes such changes. It never stays: loading ends with
 * ECANCELED. Parameters:
 *	vf=ADDRESS	of a VF on vfvirt_vfio_pci
 *	hold_ms=NUMBER	how long
 *	held		1 meanwhile; to be read
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/vfio_pci_core.h>

static char *vf = "";
module_param(vf, charp, 0444);

static unsigned int hold_ms;
module_param(hold_ms, uint, 0444);

static unsigned int held;
module_param(held, uint, 0444);

static void hold(struct vfio_pci_core_device *core)
{
	mutex_lock(&core->igate);
	WRITE_ONCE(held, 1);
	msleep(hold_ms);
	/* Who gets the lock next must not see it held. */
	WRITE_ONCE(held, 0);
	mutex_unlock(&core->igate);
}

static int __init igate_init(void)
{
	unsigned int domain, bus, slot, function;
	struct pci_dev *pdev;
	int error = -ENODEV;

	if (sscanf(vf, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4)
		return -EINVAL;
	pdev = pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(slot, function));
	if (!pdev)
		return -ENODEV;
	if (pdev->dev.driver && !strcmp(pdev->dev.driver->name, "vfvirt_vfio_pci")) {
		hold(pci_get_drvdata(pdev));
		error = -ECANCELED;
	}
	pci_dev_put(pdev);
	return error;
}
module_init(igate_init);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Holds the lock of a VF's interrupt mode for a while, for tests");
