# SPDX-License-Identifier: GPL-2.0-or-later
"""The modern registers of PF and VFs: features, queues, vectors, reset (A.1)."""

from . import admin, net, pci, virtio
from .case import case, equal, true
from .machine import Card


@case("S-01 the PF offers bits 32, 33, 37, 40 and 41, a VF neither 37 nor 41")
def feature_bits(card: Card):
    offered = card.device.offered()
    for bit in (virtio.F_VERSION_1, virtio.F_ACCESS_PLATFORM, virtio.F_SR_IOV,
                virtio.F_RING_RESET, virtio.F_ADMIN_VQ, virtio.F_INDIRECT, virtio.F_EVENT_IDX):
        true(offered >> bit & 1, f"the PF offers bit {bit}")
    for bit in (virtio.F_PACKED, virtio.F_IN_ORDER):
        true(not offered >> bit & 1, f"the PF does not offer bit {bit} unasked")
    card.enable(1)
    offered = virtio.Device(card.member(1), card.ram).offered()
    for bit in (virtio.F_VERSION_1, virtio.F_ACCESS_PLATFORM, virtio.F_RING_RESET):
        true(offered >> bit & 1, f"the VF offers bit {bit}")
    for bit in (virtio.F_SR_IOV, virtio.F_ADMIN_VQ):
        true(not offered >> bit & 1, f"the VF does not offer bit {bit}")


@case("S-01 feature properties switch their bits, on PF and VF",
      "packed=on,indirect_desc=off,event_idx=off,in_order=on,queue_reset=off,iommu_platform=off")
def feature_properties(card: Card):
    card.enable(1)
    for device in (card.device, virtio.Device(card.member(1), card.ram)):
        offered = device.offered()
        for bit in (virtio.F_PACKED, virtio.F_IN_ORDER):
            true(offered >> bit & 1, f"{device.function} offers bit {bit}")
        for bit in (virtio.F_INDIRECT, virtio.F_EVENT_IDX, virtio.F_RING_RESET,
                    virtio.F_ACCESS_PLATFORM):
            true(not offered >> bit & 1, f"{device.function} does not offer bit {bit}")


@case("S-01 admin-vq=off: bit 41 is not offered", "admin-vq=off")
def no_admin_feature(card: Card):
    true(not card.device.offered() >> virtio.F_ADMIN_VQ & 1, "bit 41 is not offered")
    card.device.negotiate()
    card.device.ready()
    equal(card.get("counters")["admin_feature_negotiated"], False, "admin_feature_negotiated")


@case("S-02 FEATURES_OK does not stay for a bit that was not offered")
def foreign_bits(card: Card):
    device = card.device
    device.reset()
    device.set("device_status", virtio.ACKNOWLEDGE | virtio.DRIVER)
    for half, bits in ((0, 0), (1, 1 | 1 << 18)):
        device.set("driver_feature_select", half)
        device.set("driver_feature", bits)
    device.set("device_status", virtio.ACKNOWLEDGE | virtio.DRIVER | virtio.FEATURES_OK)
    device.set("driver_feature_select", 1)
    accepted = device.get("driver_feature")
    refused = not device.get("device_status") & virtio.FEATURES_OK
    true(refused or not accepted & 1 << 18, "bit 50 is refused or dropped")


@case("S-03 the common configuration is 0x40 bytes long and each field has its place")
def common_layout(card: Card):
    card.enable(1)
    for device in (card.device, virtio.Device(card.member(1), card.ram)):
        equal(device.regions[virtio.CFG_COMMON][2], 0x40 if device is card.device else
              device.regions[virtio.CFG_COMMON][2], f"{device.function}: capability length")
        device.negotiate()
        for index, marks in ((0, 0x10), (1, 0x20)):
            device.set("queue_select", index)
            for number, half in enumerate(("desc", "driver", "device")):
                device.set(f"queue_{half}_low", (marks + number) << 12)
                device.set(f"queue_{half}_high", marks + number)
        for index, marks in ((0, 0x10), (1, 0x20)):
            device.set("queue_select", index)
            equal(device.get("queue_select"), index, "queue_select")
            for number, half in enumerate(("desc", "driver", "device")):
                equal(device.get(f"queue_{half}_low"), (marks + number) << 12, f"{half} low")
                equal(device.get(f"queue_{half}_high"), marks + number, f"{half} high")


@case("S-03 admin_queue_index and admin_queue_num are read-only")
def admin_registers_read_only(card: Card):
    card.device.negotiate()
    before = card.device.get("admin_queue_index"), card.device.get("admin_queue_num")
    card.device.set("admin_queue_index", 0x1234)
    card.device.set("admin_queue_num", 0x5678)
    equal((card.device.get("admin_queue_index"), card.device.get("admin_queue_num")), before,
          "admin_queue_index, admin_queue_num")


@case("S-04 num_queues does not count administration queues",
      "queue-pairs=3,admin-queues=2,vf-queue-pairs=2")
def num_queues(card: Card):
    card.device.negotiate()
    equal(card.device.get("num_queues"), 7, "num_queues of the PF")
    equal(card.device.get("admin_queue_num"), 2, "admin_queue_num")
    card.enable(1)
    vf = card.modern(1)
    equal(vf.get("num_queues"), 5, "num_queues of a VF")


@case("S-05 the administration queues lie behind the others and in range",
      "admin-queues=8,admin-queue-index=100")
def admin_range(card: Card):
    device = card.device
    device.negotiate()
    index, count = device.get("admin_queue_index"), device.get("admin_queue_num")
    equal((index, count), (100, 8), "admin_queue_index, admin_queue_num")
    true(index >= device.get("num_queues"), "index is at least num_queues")
    true(count <= 0x10000 - index, "the last index fits 16 bits")


@case("S-06 admin-queues=0: bit 41 is offered, admin_queue_num reads 0", "admin-queues=0")
def no_admin_queues(card: Card):
    card.device.negotiate()
    true(card.device.accepted(virtio.F_ADMIN_VQ), "bit 41 was negotiated")
    equal(card.device.get("admin_queue_num"), 0, "admin_queue_num")
    card.device.ready()
    equal(card.device.get("device_status") & virtio.NEEDS_RESET, 0, "the device is well")


@case("S-06 several administration queues all execute commands", "admin-queues=4")
def several_queues(card: Card):
    card.device.negotiate()
    queues = [card.admin_queue(number) for number in range(4)]
    card.device.ready()
    for number, queue in enumerate(queues):
        true(queue.list_query() & 3 == 3, f"administration queue {number} answers LIST_QUERY")
    card.enable(1)
    queues[0].list_use()
    for queue in queues:
        equal(queue.must(admin.CONFIG_READ, member=1, data=bytes(8), room=14), card.mac(1),
              "MAC of member 1 by every queue")


@case("S-07 a driver may set up only the last of the administration queues", "admin-queues=4")
def last_queue_only(card: Card):
    card.device.negotiate()
    queue = card.admin_queue(3)
    card.device.ready()
    true(queue.list_query() & 3 == 3, "it answers LIST_QUERY")


@case("S-08 a queue that does not exist reads size 0")
def absent_queue(card: Card):
    device = card.device
    device.negotiate()
    for index in (5, 63, 65, 1023, 1024, 0x7FFF, 0xFFFF):
        device.set("queue_select", 0)  # one that exists, so that a lost write is seen
        device.set("queue_select", index)
        equal(device.get("queue_size"), 0, f"queue_size of queue {index}")
    device.set("queue_select", 64)
    true(device.get("queue_size") > 0, "the administration queue has a size")


@case("S-08 queue sizes are as configured, also after each kind of reset",
      "queue-size=128,admin-queue-size=32")
def queue_sizes(card: Card):
    card.enable(1)
    vf = virtio.Device(card.member(1), card.ram)

    def sizes(when: str):
        for device in (card.device, vf):
            device.negotiate()
        for device, index, size in ((card.device, 0, 128), (card.device, 1, 128),
                                    (card.device, 64, 32), (vf, 0, 128), (vf, 1, 128)):
            device.set("queue_select", index)
            equal(device.get("queue_size"), size, f"{device.function} queue {index}, {when}")
    sizes("at power-on")
    for device in (card.device, vf):
        for index in (0, 1):
            device.queue(index, size=16)
        device.reset()
    sizes("after a device reset")
    vf.function.reset()
    card.device.negotiate()
    for index in (0, 64):
        card.device.queue(index, size=16)
    card.device.ready()
    for index in (0, 64):
        card.device.reset_queue(index)
    for index, size in ((0, 128), (64, 32)):
        card.device.set("queue_select", index)
        equal(card.device.get("queue_size"), size, f"queue {index} after its reset")
    sizes("after FLR of the VF")
    card.device.set("queue_select", 3)
    equal(card.device.get("queue_size"), 128, "size of the second pair's send queue, with MQ")


@case("S-09 a device reset clears status, queues, vectors and features")
def device_reset(card: Card):
    card.start()
    card.device.queue(0, 0)
    card.device.set("config_msix_vector", 1)
    card.device.reset()
    equal(card.device.get("device_status"), 0, "device_status")
    for index in (0, 64):
        card.device.set("queue_select", index)
        equal(card.device.get("queue_enable"), 0, f"queue_enable of queue {index}")
        equal(card.device.get("queue_msix_vector"), virtio.NO_VECTOR, f"vector of queue {index}")
    equal(card.device.get("config_msix_vector"), virtio.NO_VECTOR, "config_msix_vector")
    card.device.set("driver_feature_select", 1)
    equal(card.device.get("driver_feature"), 0, "driver features 32..63")


@case("S-10 no queue is served before DRIVER_OK")
def before_driver_ok(card: Card):
    device = card.device
    device.negotiate()
    card.msix.enable()
    queue = card.admin_queue(0, 1)
    station = net.Station(device, (2, 3), start=False)
    pending = queue.submit(admin.LIST_QUERY, room=16)
    station.post(net.frame(net.BROADCAST, station.mac, b"early"))
    card.qemu.settle()
    true(queue.untouched(pending), "the command was not answered")
    equal(queue.ring.used_index(), 0, "used index of the administration queue")
    equal(station.tx.used_index(), 0, "used index of the send queue")
    equal(card.msix.taken(), set(), "vectors that fired")
    device.ready()
    queue.ring.kick()
    equal(queue.wait(pending).outcome(), (admin.OK, 0), "the answer after DRIVER_OK")
    equal(card.msix.taken() - {3}, {1}, "vectors that fired after DRIVER_OK")


@case("S-10 a modern driver that follows a legacy one is not served before DRIVER_OK")
def before_driver_ok_after_legacy(card: Card):
    card.ready(1)
    net.Station(card.legacy(1), start=False)
    vf = net.Station(card.modern(1), start=False)
    vf.post(net.frame(net.BROADCAST, vf.mac, b"early"))
    card.qemu.settle()
    equal(vf.tx.used_index(), 0, "used index before DRIVER_OK")
    vf.driver.ready()
    vf.tx.kick()
    card.qemu.wait(vf.tx.collect, "the frame to be sent after DRIVER_OK")


@case("S-11 the doorbell of the administration queue is at its own notify offset")
def doorbells(card: Card):
    queue = card.start()
    true(card.device.notify_multiplier >= 2, "each queue has its own doorbell")
    queue.list_query()
    equal(card.port_counters(0)["kicks"], {"64": 1}, "notifications counted")


@case("S-12 a vector outside of the table reads back as NO_VECTOR")
def bad_vector(card: Card):
    device = card.device
    device.negotiate()
    card.msix.enable()
    for index in (0, 64):
        device.set("queue_select", index)
        for vector, want in ((card.msix.vectors - 1, card.msix.vectors - 1),
                             (card.msix.vectors, virtio.NO_VECTOR)):
            device.set("queue_msix_vector", vector)
            equal(device.get("queue_msix_vector"), want, f"queue {index}, vector {vector}")
    device.set("config_msix_vector", card.msix.vectors)
    equal(device.get("config_msix_vector"), virtio.NO_VECTOR, "config_msix_vector")


@case("S-12 no interrupt for a queue whose vector is NO_VECTOR")
def no_vector(card: Card):
    card.device.negotiate()
    card.msix.enable()
    queue = card.admin_queue(0)
    card.device.ready()
    queue.list_query()
    equal(card.msix.taken(), set(), "vectors that fired")


@case("S-12 vectors=2: the administration queue shares the only queue vector", "vectors=2")
def few_vectors(card: Card):
    equal(card.msix.vectors, 2, "vectors of the PF")
    card.device.negotiate()
    card.msix.enable()
    card.device.set("config_msix_vector", 0)
    station = net.Station(card.device, (1, 1), start=False)
    queue = card.admin_queue(0, 1)
    card.device.ready()
    queue.list_query()
    equal(card.msix.taken(), {1}, "vectors after a command")
    station.send(net.frame(net.BROADCAST, station.mac, b"frame"))
    equal(card.msix.taken(), {1}, "vectors after a frame")


@case("S-12 vf-vectors sets the table of the VFs", "vf-vectors=3")
def vf_vectors(card: Card):
    card.enable(1)
    equal(pci.Msix(card.member(1), card.ram).vectors, 3, "vectors of a VF")


@case("S-13 one vector serves configuration changes and used buffers alike")
def shared_vector(card: Card):
    card.device.negotiate()
    card.msix.enable()
    card.device.set("config_msix_vector", 0)
    queue = card.admin_queue(0, 0)
    card.device.ready()
    queue.list_query()
    equal(card.msix.taken(), {0}, "vectors after a command")
    card.arm("needs-reset,member=0")
    equal(card.msix.taken(), {0}, "vectors after a configuration change")


@case("S-13 intx-only: the pin is raised, and reading the ISR clears it", "intx-only=on")
def intx_only(card: Card):
    true(card.msix is None, "the PF has no MSI-X")
    equal(card.pf.read(0x3D, 1), 1, "interrupt pin of the PF")
    queue = card.start()
    true(not card.pf.intx_asserted(), "the pin is low at first")
    queue.list_query()
    true(card.pf.intx_asserted(), "the pin is raised by a used buffer")
    equal(card.device.isr(), virtio.ISR_QUEUE, "ISR")
    true(not card.pf.intx_asserted(), "the pin is low after the read")
    equal(card.device.isr(), 0, "ISR read again")
    card.arm("needs-reset,member=0")
    true(card.device.isr() & virtio.ISR_CONFIG, "the ISR tells of a configuration change")
    card.enable(1)
    true(card.member(1).capabilities(pci.CAP_MSIX), "a VF has MSI-X all the same")


@case("S-13 with MSI-X the pin stays low")
def pin_stays_low(card: Card):
    queue = card.start()
    queue.list_query()
    true(card.msix.take(1), "vector 1 fired")
    true(not card.pf.intx_asserted(), "the pin is low")


@case("S-16 an administration queue works again after a queue reset")
def queue_reset(card: Card):
    queue = card.start()
    queue.list_query()
    card.device.reset_queue(64)
    equal(card.device.get("queue_enable"), 0, "queue_enable after the reset")
    queue = card.admin_queue(0, 1)
    true(queue.list_query() & 3 == 3, "LIST_QUERY by the new ring")


@case("S-16 network queues of PF and VF work again after a queue reset")
def net_queue_reset(card: Card):
    card.ready(1)
    pf, vf = net.Station(card.device), net.Station(card.modern(1))
    for device in (pf.driver, vf.driver):
        for index in (0, 1):
            device.reset_queue(index)
            equal(device.get("queue_enable"), 0, f"queue_enable of queue {index}")
    pf, vf = net.Station(pf.driver), net.Station(vf.driver)
    ping = net.frame(vf.mac, pf.mac, b"again")
    pf.send(ping)
    vf.expect(ping)


@case("S-17 DEVICE_NEEDS_RESET comes with a configuration interrupt and ends with a reset")
def needs_reset(card: Card):
    card.device.negotiate()
    card.msix.enable()
    card.device.set("config_msix_vector", 0)
    queue = card.admin_queue(0, 1)
    card.device.ready()
    card.arm("needs-reset,member=0")
    true(card.device.get("device_status") & virtio.NEEDS_RESET, "DEVICE_NEEDS_RESET is set")
    true(card.msix.take(0), "the configuration vector fired")
    card.device.set("device_status", 0xF)
    true(card.device.get("device_status") & virtio.NEEDS_RESET, "the driver cannot clear it")
    pending = queue.submit(admin.LIST_QUERY, room=16)
    card.qemu.settle()
    true(queue.untouched(pending), "a broken device answers nothing")
    card.qemu.qmp("qom-set", path="/machine/peripheral/pf0", property="fault-clear", value="all")
    queue = card.start()
    true(queue.list_query() & 3 == 3, "it works again after a reset")


@case("S-18 the same features are accepted again after a reset")
def renegotiate(card: Card):
    card.device.negotiate()
    first = card.device.features
    for _ in range(3):
        card.device.negotiate(first)
        equal(card.device.features, first, "features accepted again")


@case("S-19 the split of a command over descriptors does not matter")
def any_split(card: Card):
    queue = card.ready(1)
    readable = admin.command(admin.CONFIG_READ, admin.SRIOV, 1, bytes(8))
    for cuts in (([1] * 31, [1] * 13), ([2, 14, 8], [8]), ([24], [4]), ([3, 13, 1], [9, 1]),
                 ([31], [13])):
        for indirect in (False, True):
            pending = queue.put(readable, 14, cuts, indirect)
            queue.ring.kick()
            reply = queue.wait(pending)
            equal((reply.outcome(), reply.result), ((0, 0), card.mac(1)),
                  f"MAC read with cuts {cuts}, indirect {indirect}")


@case("S-16 config_generation is stable while nothing changes")
def generation(card: Card):
    card.start()
    first = card.device.get("config_generation")
    card.admin.list_query()
    equal(card.device.get("config_generation"), first, "config_generation")
