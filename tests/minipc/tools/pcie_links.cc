// Loaded into QEMU (LD_PRELOAD): gives the PCI Express links of its machine what real ones have and
// QEMU's lack: ASPM, clock power management, L1 substates, and errors that an endpoint reports.
// QEMU's devices say that their link knows L0s only, and the bits that a kernel would set in their
// Link Control register cannot be written.
//
// What it reads and writes are the arrays in which QEMU keeps a device's configuration space and
// what of it a guest may write: config, cmask, wmask, w1cmask, used, five pointers in a row in
// PCIDevice (hw/pci/pci_device.h). Where in PCIDevice they stand is found out, since it changes
// with QEMU's version. The registers: PCI Express Base Specification 5.0, 7.5.3 and 7.8.3.
//
// Of the devices called amd-1480, amd-1443 and amd-1444 it makes what the kernel's k10temp looks
// for: a root and two functions of the data fabric of a processor of AMD's family 17h. The sensor
// is read through the root's registers 60h (which) and 64h (its value: eighths of a degree from bit
// 21 on; drivers/hwmon/k10temp.c). LODGE_K10TEMP is its first reading in degrees.
//
// A byte down the pipe that LODGE_LINKS names has it look again, for devices plugged in since; it
// answers with a line on stderr.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

struct Notifier {  // include/qemu/notify.h
    void (*notify)(Notifier*, void*);
    void* links[2];
};

// A device's configuration space and which bits of it a guest may change.
struct Space {
    uint8_t* config = nullptr;
    uint8_t* writable = nullptr;

    template <typename Word>
    Word get(unsigned at) const {
        Word word;
        std::memcpy(&word, config + at, sizeof word);
        return word;
    }
    template <typename Word>
    void set(unsigned at, Word word) const {
        std::memcpy(config + at, &word, sizeof word);
    }
    template <typename Word>
    void let_write(unsigned at, Word bits) const {
        Word word;
        std::memcpy(&word, writable + at, sizeof word);
        word = static_cast<Word>(word | bits);
        std::memcpy(writable + at, &word, sizeof word);
    }
};

bool peek(const void* from, void* to, size_t size) {
    const iovec local{to, size}, remote{const_cast<void*>(from), size};
    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == static_cast<ssize_t>(size);
}

// The arrays of a device, by the device's own answer to a read of its first 64 bytes.
Space space_of(void* device, uint32_t (*read)(void*, uint32_t, int)) {
    uint8_t wanted[64];
    for (unsigned i = 0; i < sizeof wanted; ++i)
        wanted[i] = static_cast<uint8_t>(read(device, i, 1));
    for (size_t word = 0; word < 256; ++word) {
        uint8_t* arrays[3];
        uint8_t seen[sizeof wanted];
        if (!peek(static_cast<char*>(device) + word * sizeof(void*), arrays, sizeof arrays)) break;
        if (!peek(arrays[0], seen, sizeof seen) || std::memcmp(seen, wanted, sizeof seen) != 0)
            continue;
        // A guest may write all of the interrupt line and nothing of the vendor.
        if (peek(arrays[2], seen, sizeof seen) && seen[0x3c] == 0xff && !seen[0])
            return {arrays[0], arrays[2]};
    }
    return {};
}

// The functions of QEMU's that are called here.
template <typename Function>
Function* of_qemu(const char* name) {
    void* const found = dlsym(RTLD_DEFAULT, name);
    if (!found) std::fprintf(stderr, "pcie_links: this QEMU has no %s: links have no ASPM\n", name);
    return reinterpret_cast<Function*>(found);
}
using Visit = int(void*, void*);
struct Qemu {
    void (*call_when_made)(Notifier*) =
        of_qemu<void(Notifier*)>("qemu_add_machine_init_done_notifier");
    void* (*root)() = of_qemu<void*()>("object_get_root");
    int (*each)(void*, Visit*,
                void*) = of_qemu<int(void*, Visit*, void*)>("object_child_foreach_recursive");
    void* (*cast)(void*, const char*) = of_qemu<void*(void*, const char*)>("object_dynamic_cast");
    uint32_t (*read)(void*, uint32_t,
                     int) = of_qemu<uint32_t(void*, uint32_t, int)>("pci_default_read_config");
    const char* (*name)(void*) = of_qemu<const char*(void*)>("object_get_canonical_path_component");
    uint8_t (*capability)(void*, uint8_t) = of_qemu<uint8_t(void*, uint8_t)>("pci_find_capability");
    void (*add_capability)(void*, uint16_t, uint8_t, uint16_t, uint16_t) =
        of_qemu<void(void*, uint16_t, uint8_t, uint16_t, uint16_t)>("pcie_add_capability");

    void (*report_errors)(void*) = of_qemu<void(void*)>("pcie_cap_deverr_init");
    void (*call_when_readable)(int, void (*)(void*), void (*)(void*), void*) =
        of_qemu<void(int, void (*)(void*), void (*)(void*), void*)>("qemu_set_fd_handler");

    bool complete() const {
        return report_errors && call_when_made && root && each && cast && read && capability &&
               add_capability && call_when_readable && name;
    }
};

void add_l1_substates(const Qemu& qemu, void* device, const Space& space) {
    // The first extended capability stands at 0x100, the others anywhere behind.
    const uint16_t at = space.get<uint32_t>(0x100) ? 0xf00 : 0x100;
    qemu.add_capability(device, 0x1e, 1, at, 16);
    space.set<uint32_t>(at + 4, 0x1f | 10 << 8 | 5 << 19);  // all four; 10 us; 5 * 2 us to power on
    space.let_write<uint32_t>(at + 8, 0xe3ffff0f);
    space.let_write<uint32_t>(at + 12, 0xff);
}

void give_aspm(const Qemu& qemu, void* device, const Space& space) {
    const unsigned at = qemu.capability(device, 0x10);
    if (!at) return;
    const unsigned type = space.config[at + 2] >> 4;
    const bool endpoint = type < 2;
    auto link = space.get<uint32_t>(at + 12);
    // Integrated endpoints and event collectors have no link; one that tells how its ASPM may be
    // used (bit 22), as none of QEMU's does, was here before.
    if (type == 9 || type == 10 || !(link & 0xf) || link & 1 << 22) return;
    link &= ~(7u << 12 | 7u << 15);
    link |= 3 << 10 | 2 << 12 | 2 << 15 | 1 << 22;  // L0s and L1, how soon they are left
    if (endpoint) link |= 1 << 18;                  // the clock can be stopped
    space.set(at + 12, link);
    if (endpoint) qemu.report_errors(device);
    space.let_write<uint16_t>(at + 16, 0x0143);  // ASPM, common clock, stop the clock
    if (endpoint)  // it bears any latency; else the kernel offers no L1
        space.set<uint32_t>(at + 4, space.get<uint32_t>(at + 4) | 7 << 6 | 7 << 9);
    if ((space.config[at + 2] & 15) >= 2) {  // latency reports, as firmware leaves them: for L1.2
        space.set<uint32_t>(at + 0x24, space.get<uint32_t>(at + 0x24) | 1 << 11);
        space.set<uint16_t>(at + 0x28,
                            static_cast<uint16_t>(space.get<uint16_t>(at + 0x28) | 1 << 10));
    }
    add_l1_substates(qemu, device, space);
}

void make_amd(const Qemu& qemu, void* device, const Space& space) {
    const char* const name = qemu.name(device);
    unsigned id = 0;
    if (!name || std::sscanf(name, "amd-%4x", &id) != 1) return;
    space.set<uint32_t>(0, 0x1022 | id << 16);
    if (id != 0x1480) return;
    space.let_write<uint32_t>(0x60, 0xffffffff);
    space.let_write<uint32_t>(0x64, 0xffffffff);
    const char* const degrees = std::getenv("LODGE_K10TEMP");
    space.set<uint32_t>(0x64, static_cast<uint32_t>(degrees ? std::atoi(degrees) : 0) << 24);
}

int visit(void* object, void* opaque) {
    const Qemu& qemu = *static_cast<const Qemu*>(opaque);
    if (!qemu.cast(object, "pci-device")) return 0;
    const Space space = space_of(object, qemu.read);
    if (space.config) {
        give_aspm(qemu, object, space);
        make_amd(qemu, object, space);
    } else {
        std::fprintf(stderr, "pcie_links: a device's configuration space was not found\n");
    }
    return 0;
}

void look_again(void* pipe) {
    char byte;
    while (read(static_cast<int>(reinterpret_cast<intptr_t>(pipe)), &byte, 1) == 1)
        continue;
    Qemu qemu;
    qemu.each(qemu.root(), visit, &qemu);
    std::fprintf(stderr, "pcie_links: looked again\n");
}

void machine_is_made(Notifier*, void*) {
    Qemu qemu;
    qemu.each(qemu.root(), visit, &qemu);
    const char* const path = std::getenv("LODGE_LINKS");
    // Both ends are held, so that it never hangs up.
    const int pipe = path ? open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC) : -1;
    if (pipe >= 0)
        qemu.call_when_readable(pipe, look_again, nullptr,
                                reinterpret_cast<void*>(static_cast<intptr_t>(pipe)));
}

// Before the machine's processors run, and so before a kernel looks.
[[gnu::constructor]] void ask_to_be_told() {
    unsetenv("LD_PRELOAD");  // not for what QEMU starts
    static Notifier notifier{machine_is_made, {nullptr, nullptr}};
    const Qemu qemu;
    if (qemu.complete()) qemu.call_when_made(&notifier);
}

}  // namespace
