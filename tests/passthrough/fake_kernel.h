#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "passthrough/inventory.h"
#include "tests/support/scratch.h"

namespace lodge {

// FakeKernel is a /sys and /proc of a test's own that answers as the kernel does: a write to a
// driver's `unbind` or to `drivers_probe` moves links, makes and removes interfaces and nodes of
// vfio. All that it knows lies in files, so that it does the same in a process that was forked.
//
//     iommu dmar0
//     no-remapping                              interrupts are remapped when not said
//     pci 0000:01:00.0 020000 8086:10d3 driver=e1000e group=12 under=0000:00:1c.0 reset=flr,bus
//         also sub=1043:8554 boot_vga=1 vfs=0/7 physfn=0000:… power=D3cold d3cold=1
//         runtime=suspended bar=start+size resizable rom=1
//     net eno1 0000:01:00.0 up vmbr0            up or down; the bridge it is part of
//     default-route vmbr0
//     block sda 0000:00:17.0 8:0                "part sda1 sda 8:1", "dm dm-0 253:0 vg0-root sda1"
//     mount / ext4 8:1 /dev/sda1
//     swap /dev/sda2
//     udev 8:1 ID_FS_TYPE=zfs_member
//     class hwmon hwmon0 0000:01:00.0 name=nvme what lies under a function, with one file
//     class hwmon hwmon1 - name=coretemp        … or under none
//     framebuffer 0000:00:02.0                  fb0
//     vtconsole vtcon1 1 (M) frame buffer device whether it is bound; while it is, a card that
//     draws
//                                               does not leave its driver
//     platform efi-framebuffer efi-framebuffer.0
//     keyboard 0000:00:14.0
//     usb 1-2 0000:00:14.0 046d:c52b Logitech Receiver
//     file /proc/cmdline quiet                  any other file; \n is a line break
//     guest 101 hostpci0: 0000:01:00.0\nmemory: 1024
//     mapping pci text\n\tmap …
//     hang e1000e                               unbinding from that driver never ends
//     refuses e1000e                            it does not take its devices again
//     takes-along 0000:00:17.0 hwmon1           what vanishes with it
//     without vfio-pci
//     handed 0000:01:00.0 101                   a guest has it
//     known 101 0000:01:00.0 8086:10d3 0000:0000 0000:00/1c.0/00.0
//     open 812 /dev/dri/card0                   by a process
//     program update-grub text                  one that is there, and says so in /.fake/ran; with
//                                               any, there are no others
//     efi LoaderInfo systemd-boot 252.22        a variable of the boot loader
//     module e1000e e1000e                      the module of a driver
//     ssh 192.168.1.2, ssh-serves, address eno1 192.168.1.2/24
class FakeKernel {
  public:
    // With `sysroot` the files go there, for a Host that has it.
    explicit FakeKernel(std::string_view text, const std::string& sysroot = "");
    FakeKernel(const FakeKernel&) = delete;
    FakeKernel& operator=(const FakeKernel&) = delete;

    Engine& engine() { return engine_; }
    const Host& host() const { return host_; }
    Inventory look() { return take_inventory(engine_, around, false); }
    std::string driver(const std::string& address) const;
    // What is so of all functions: "0000:01:00.0 e1000e", a line each, and the interfaces.
    std::string state() const;
    bool exists(const std::string& path) const { return host_.exists(host_.system(path)); }
    void put(const std::string& path, const std::string& text) const;
    void remove_device(const std::string& address) const;
    // From now on all of /proc is this machine's: a job or a watcher finds itself.
    void show_processes() const;

    Surroundings around;

  private:
    static Host::Places places(const std::string& top, const std::string& sysroot,
                               std::string_view text);
    void take(const std::string& line);
    void take_pci(const std::vector<std::string>& words) const;
    void take_other(const std::vector<std::string>& words, const std::string& rest);
    void link(const std::string& path, const std::string& target) const;
    std::string folder(const std::string& address) const;

    ScratchFolder scratch_;
    Host host_;
    Actions actions_;
    Engine engine_;
};

}  // namespace lodge
