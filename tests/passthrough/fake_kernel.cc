#include "tests/passthrough/fake_kernel.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/device.h"
#include "engine/modules.h"
#include "engine/units.h"
#include "passthrough/binding.h"
#include "passthrough/passthrough.h"

namespace lodge {

namespace fs = std::filesystem;

namespace {

std::string read(const fs::path& path) {
    std::ifstream in(path);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    return std::string(trim(text));
}

void write_file(const fs::path& path, const std::string& text) {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
}

void make_link(const fs::path& path, const fs::path& target) {
    fs::create_directories(path.parent_path());
    fs::remove(path);
    fs::create_symlink(fs::relative(target, path.parent_path()), path);
}

// FakeDevices is what the fake does, on the files below a root.
struct FakeDevices {
    fs::path root;

    fs::path own(const std::string& name) const { return root / ".fake" / name; }
    fs::path device(const std::string& address) const {
        return fs::canonical(root / "sys/bus/pci/devices" / address);
    }
    fs::path driver_folder(const std::string& driver) const {
        return root / "sys/bus/pci/drivers" / driver;
    }
    std::string driver_of(const std::string& address) const {
        const fs::path link = device(address) / "driver";
        return fs::is_symlink(link) ? fs::read_symlink(link).filename().string() : "";
    }
    std::string group_of(const std::string& address) const {
        const fs::path link = device(address) / "iommu_group";
        return fs::is_symlink(link) ? fs::read_symlink(link).filename().string() : "";
    }

    void attach(const std::string& address, const std::string& driver) const {
        make_link(device(address) / "driver", driver_folder(driver));
        make_link(driver_folder(driver) / address, device(address));
        if (driver == "vfio-pci") {
            write_file(root / "dev/vfio" / group_of(address), "");
            return;
        }
        // What the driver makes of its device comes back with it.
        for (const std::string kind : {"net", "block", "drm"}) {
            const fs::path kept = own("kept-" + address + "-" + kind);
            if (!fs::exists(kept)) continue;
            fs::rename(kept, device(address) / kind);
            for (const auto& entry : fs::directory_iterator(device(address) / kind))
                make_link(root / "sys/class" / kind / entry.path().filename(), entry.path());
        }
        if (fs::is_symlink(own("gone-" + address))) {
            const std::string name = read(own("takes-along-" + address));
            fs::rename(own("gone-" + address), root / "sys/class/hwmon" / name);
        }
    }

    void detach(const std::string& address) const {
        const std::string driver = driver_of(address);
        for (const std::string kind : {"net", "block", "drm"}) {
            const fs::path here = device(address) / kind;
            if (!fs::exists(here)) continue;
            for (const auto& entry : fs::directory_iterator(here))
                fs::remove(root / "sys/class" / kind / entry.path().filename());
            fs::rename(here, own("kept-" + address + "-" + kind));
        }
        fs::remove(device(address) / "driver");
        fs::remove(driver_folder(driver) / address);
        if (driver == "vfio-pci") {
            fs::remove(root / "dev/vfio" / group_of(address));
        } else if (fs::exists(own("takes-along-" + address))) {
            const std::string name = read(own("takes-along-" + address));
            fs::rename(root / "sys/class/hwmon" / name, own("gone-" + address));
        }
    }

    // A card whose picture the console holds is held (fbcon: the framebuffer is open).
    bool held_by_console(const std::string& address) const {
        const fs::path consoles = root / "sys/class/vtconsole";
        if (!fs::exists(consoles) || !fs::exists(device(address) / "graphics")) return false;
        for (const auto& entry : fs::directory_iterator(consoles))
            if (read(entry.path() / "name").find("frame buffer") != std::string::npos &&
                read(entry.path() / "bind") == "1")
                return true;
        return false;
    }

    int unbind(const std::string& driver, const std::string& address) const {
        if (driver_of(address) != driver) return ENODEV;
        if (held_by_console(address)) return EBUSY;
        if (fs::exists(own("hang-" + driver)))
            for (;;)
                ::pause();
        detach(address);
        return 0;
    }

    int bind(const std::string& driver, const std::string& address) const {
        if (!driver_of(address).empty()) return EBUSY;
        if (fs::exists(own("refuses-" + driver))) return ENODEV;
        attach(address, driver);
        return 0;
    }

    int probe(const std::string& address) const {
        if (!fs::exists(root / "sys/bus/pci/devices" / address)) return ENODEV;
        if (!driver_of(address).empty()) return 0;
        std::string driver = read(device(address) / "driver_override");
        if (driver.empty() || driver == "(null)") driver = read(own("native-" + address));
        if (driver.empty() || !fs::exists(driver_folder(driver))) return 0;
        if (fs::exists(own("refuses-" + driver))) return 0;
        attach(address, driver);
        return 0;
    }

    // As sriov_numvfs_store() does (drivers/pci/pci-sysfs.c): from none or to none only.
    int divide(const fs::path& folder, int count) const {
        const fs::path card = fs::canonical(folder);
        const std::string address = card.filename().string();
        const int now = std::stoi(read(card / "sriov_numvfs"));
        if (count > std::stoi(read(card / "sriov_totalvfs"))) return ERANGE;
        if (now != 0 && count != 0) return EBUSY;
        const auto name = [&](int i) { return address.substr(0, 8) + fmt::format("10.{}", i); };
        for (int i = 0; i < now; ++i) {
            if (!driver_of(name(i)).empty()) detach(name(i));
            fs::remove(card / fmt::format("virtfn{}", i));
            fs::remove(root / "sys/bus/pci/devices" / name(i));
            fs::remove_all(card.parent_path() / name(i));
        }
        for (int i = 0; i < count; ++i) {
            const fs::path own = card.parent_path() / name(i);
            write_file(own / "class", "0x020000\n");
            write_file(own / "vendor", read(card / "vendor") + "\n");
            write_file(own / "device", "0x1520\n");
            write_file(own / "driver_override", "(null)\n");
            make_link(root / "sys/bus/pci/devices" / name(i), own);
            make_link(own / "physfn", card);
            make_link(card / fmt::format("virtfn{}", i), own);
            const fs::path group = root / fmt::format("sys/kernel/iommu_groups/{}", 40 + i);
            write_file(group / "type", "DMA-FQ\n");
            make_link(own / "iommu_group", group);
        }
        write_file(card / "sriov_numvfs", fmt::format("{}\n", count));
        return 0;
    }

    int write(const std::string& path, std::string_view text) const {
        const std::string word(trim(text));
        const fs::path file(path);
        if (!fs::exists(file.parent_path())) return ENOENT;
        const auto driver = [&] { return fs::canonical(file.parent_path()).filename().string(); };
        if (file.filename() == "driver_override") {
            write_file(file, word.empty() ? "(null)\n" : word + "\n");
            return 0;
        }
        if (file.filename() == "drivers_probe") return probe(word);
        if (file.filename() == "sriov_numvfs") return divide(file.parent_path(), std::stoi(word));
        if (path.find("/class/vtconsole/") != std::string::npos) {
            write_file(file, word + "\n");
            return 0;
        }
        if (path.find("/bus/platform/drivers/") != std::string::npos) {
            const fs::path link = file.parent_path() / word;
            if (file.filename() == "unbind") return fs::remove(link) ? 0 : ENODEV;
            if (file.filename() == "bind") make_link(link, root / "sys/devices/platform" / word);
            return 0;
        }
        if (file.filename() == "unbind") return unbind(driver(), word);
        if (file.filename() == "bind") return bind(driver(), word);
        write_file(file, std::string(text));
        return 0;
    }
};

std::string option(const std::vector<std::string>& words, const std::string& name) {
    for (const std::string& word : words)
        if (word.starts_with(name + "=")) return word.substr(name.size() + 1);
    return "";
}

std::string with_breaks(std::string text) {
    for (const auto& [sign, real] : {std::pair{"\\n", "\n"}, {"\\t", "\t"}})
        for (size_t at; (at = text.find(sign)) != std::string::npos;)
            text.replace(at, 2, real);
    return text;
}

std::vector<std::span<const ActionKind>> verbs() {
    auto all = engine_actions();
    for (const auto& table : passthrough_action_tables())
        all.push_back(table);
    return all;
}

}  // namespace

Host::Places FakeKernel::places(const std::string& top, const std::string& sysroot,
                                std::string_view text) {
    Host::Places places = ScratchEngine::places(top);
    places.sysroot = sysroot.empty() ? top + "/root" : sysroot;
    places.uid = 0;
    // Not lodge itself: nobody waits for the end of what does not run.
    places.program_folders = {places.sysroot + "/own-programs", "/usr/sbin", "/usr/bin", "/sbin",
                              "/bin"};
    places.kernel = [root = places.sysroot](const std::string& path, std::string_view what) {
        return FakeDevices{root}.write(path, what);
    };
    if (text.find("program ") != std::string_view::npos)
        places.program_folders = {places.sysroot + "/usr/sbin"};
    return places;
}

FakeKernel::FakeKernel(std::string_view text, const std::string& sysroot)
    : host_(places(scratch_.path(), sysroot, text)),
      actions_(verbs()),
      engine_(host_, actions_, guest_kinds(), passthrough_devices()) {
    put("/sys/bus/pci/drivers_probe", "");
    put("/sys/bus/pci/drivers/vfio-pci/bind", "");
    put("/proc/interrupts", "  1: 0 IR-IO-APIC 1-edge i8042\n 24: 0 IR-PCI-MSI 1-edge nvme\n");
    put("/proc/meminfo", "MemTotal: 16777216 kB\nMemAvailable:    8388608 kB\n");
    put("/proc/net/route", "Iface\tDestination\tGateway\n");
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);)
        if (const std::string words(trim(line)); !words.empty() && words[0] != '#') take(words);
}

void FakeKernel::put(const std::string& path, const std::string& text) const {
    write_file(host_.system(path), text);
}

void FakeKernel::link(const std::string& path, const std::string& target) const {
    make_link(host_.system(path), host_.system(target));
}

std::string FakeKernel::folder(const std::string& address) const {
    return real_path(host_, "/sys/bus/pci/devices/" + address);
}

void FakeKernel::take_pci(const std::vector<std::string>& words) const {
    const std::string& address = words[1];
    const std::string under = option(words, "under");
    const std::string path =
        (under.empty() ? "/sys/devices/pci" + address.substr(0, 7) : folder(under)) + "/" + address;
    const auto file = [&](const std::string& name, const std::string& text) {
        put(path + "/" + name, text + "\n");
    };
    file("class", "0x" + words[2]);
    file("vendor", "0x" + words[3].substr(0, 4));
    file("device", "0x" + words[3].substr(5));
    const std::string sub = option(words, "sub");
    file("subsystem_vendor", "0x" + (sub.empty() ? "0000" : sub.substr(0, 4)));
    file("subsystem_device", "0x" + (sub.empty() ? "0000" : sub.substr(5)));
    file("driver_override", "(null)");
    file("power/runtime_status",
         option(words, "runtime").empty() ? "active" : option(words, "runtime"));
    for (const auto& [name, as] : {std::pair{"boot_vga", "boot_vga"},
                                   {"power_state", "power"},
                                   {"d3cold_allowed", "d3cold"},
                                   {"rom", "rom"}})
        if (const std::string value = option(words, as); !value.empty()) file(name, value);
    for (const std::string& word : words) {
        if (word.starts_with("reset=")) {
            std::string methods = word.substr(6);
            std::replace(methods.begin(), methods.end(), ',', ' ');
            file("reset_method", methods);
        }
        if (word == "resizable") file("resource0_resize", "00000000000000f0");
    }
    if (const std::string vfs = option(words, "vfs"); !vfs.empty()) {
        file("sriov_numvfs", vfs.substr(0, vfs.find('/')));
        file("sriov_totalvfs", vfs.substr(vfs.find('/') + 1));
        // Theirs are 10.0, 10.1 … of the same bus.
        file("sriov_offset", std::to_string(128 - std::stoi(address.substr(11))));
        file("sriov_stride", "1");
        file("sriov_vf_device", "1520");
    }
    if (const std::string bar = option(words, "bar"); !bar.empty()) {
        const size_t plus = bar.find('+');
        const uint64_t start = std::stoull(bar.substr(0, plus), nullptr, 16);
        const uint64_t size = std::stoull(bar.substr(plus + 1), nullptr, 16);
        file("resource",
             fmt::format("0x{:016x} 0x{:016x} 0x0000000000140204", start, start + size - 1));
    }
    link("/sys/bus/pci/devices/" + address, path);
    if (const std::string physical = option(words, "physfn"); !physical.empty())
        link(path + "/physfn", folder(physical));
    if (const std::string group = option(words, "group"); !group.empty()) {
        put("/sys/kernel/iommu_groups/" + group + "/type", "DMA-FQ\n");
        link(path + "/iommu_group", "/sys/kernel/iommu_groups/" + group);
    }
    const std::string driver = option(words, "driver");
    if (driver.empty()) return;
    put("/sys/bus/pci/drivers/" + driver + "/bind", "");
    put("/sys/bus/pci/drivers/" + driver + "/unbind", "");
    FakeDevices{host_.system("")}.attach(address, driver);
    if (driver != "vfio-pci") put("/.fake/native-" + address, driver);
}

void FakeKernel::take(const std::string& line) {
    const auto words = split(line, ' ');
    const auto rest = [&](size_t from) {
        return with_breaks(join(
            std::vector<std::string>(words.begin() + static_cast<ptrdiff_t>(from), words.end()),
            " "));
    };
    const std::string& what = words[0];
    if (what == "pci") {
        take_pci(words);
    } else if (what == "net") {
        const std::string path = folder(words[2]) + "/net/" + words[1];
        put(path + "/flags", words[3] == "up" ? "0x1003\n" : "0x1002\n");
        put(path + "/operstate", words[3] + "\n");
        link("/sys/class/net/" + words[1], path);
        if (words.size() > 4) {
            put("/sys/devices/virtual/net/" + words[4] + "/flags", "0x1003\n");
            link("/sys/class/net/" + words[4], "/sys/devices/virtual/net/" + words[4]);
            link(path + "/master", "/sys/devices/virtual/net/" + words[4]);
            link(path + "/upper_" + words[4], "/sys/devices/virtual/net/" + words[4]);
        }
    } else if (what == "default-route") {
        put("/proc/net/route", host_.read(host_.system("/proc/net/route")).value_or("") + words[1] +
                                   "\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n");
    } else if (what == "class") {
        const std::string under = words[3] == "-"
                                      ? "/sys/devices/platform/" + words[2]
                                      : folder(words[3]) + "/" + words[1] + "/" + words[2];
        put(under + "/" + words[4].substr(0, words[4].find('=')),
            words[4].substr(words[4].find('=') + 1) + "\n");
        link("/sys/class/" + words[1] + "/" + words[2], under);
    } else if (what == "file") {
        put(words[1], rest(2) + "\n");
    } else if (what == "vtconsole") {
        put("/sys/class/vtconsole/" + words[1] + "/bind", words[2] + "\n");
        put("/sys/class/vtconsole/" + words[1] + "/name", rest(3) + "\n");
    } else if (what == "platform") {
        put("/sys/devices/platform/" + words[2] + "/modalias", "platform\n");
        link("/sys/bus/platform/drivers/" + words[1] + "/" + words[2],
             "/sys/devices/platform/" + words[2]);
    } else if (what == "program") {
        const fs::path path = host_.system("/usr/sbin/" + words[1]);
        write_file(path, fmt::format("#!/bin/sh\n# {}\necho \"$(basename $0) $*\" >> {}\n", rest(2),
                                     host_.system("/.fake/ran")));
        fs::permissions(path, fs::perms::all);
        fs::create_directories(host_.system("/.fake"));
    } else if (what == "efi") {
        std::string raw(4, '\0');
        for (const char c : rest(2) + '\0') {
            raw += c;
            raw += '\0';
        }
        put("/sys/firmware/efi/efivars/" + words[1] + "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f", raw);
    } else if (what == "module") {
        put("/sys/module/" + words[2] + "/initstate", "live\n");
        link("/sys/bus/pci/drivers/" + words[1] + "/module", "/sys/module/" + words[2]);
    } else if (what == "guest") {
        fs::create_directories(host_.config_folder() + "/qemu-server");
        std::ofstream(host_.config_folder() + "/qemu-server/" + words[1] + ".conf")
            << rest(2) << "\n";
    } else if (what == "mapping") {
        fs::create_directories(host_.config_folder() + "/mapping");
        std::ofstream(host_.config_folder() + "/mapping/" + words[1] + ".cfg") << rest(2) << "\n";
    } else {
        take_other(words, rest(1));
    }
}

void FakeKernel::take_other(const std::vector<std::string>& words, const std::string& rest) {
    const std::string& what = words[0];
    const auto add = [&](const std::string& path, const std::string& line) {
        put(path, host_.read(host_.system(path)).value_or("") + line + "\n");
    };
    if (what == "iommu") {
        put("/sys/class/iommu/" + words[1] + "/name", "");
    } else if (what == "no-remapping") {
        put("/proc/interrupts", "  1: 0 IO-APIC 1-edge i8042\n 24: 0 PCI-MSI 1-edge nvme\n");
    } else if (what == "block") {
        const std::string path = folder(words[2]) + "/block/" + words[1];
        put(path + "/dev", words[3] + "\n");
        link("/sys/class/block/" + words[1], path);
    } else if (what == "part") {
        const std::string path = real_path(host_, "/sys/class/block/" + words[2]) + "/" + words[1];
        put(path + "/dev", words[3] + "\n");
        put(path + "/partition", "1\n");
        link("/sys/class/block/" + words[1], path);
    } else if (what == "dm") {
        const std::string path = "/sys/devices/virtual/block/" + words[1];
        put(path + "/dev", words[2] + "\n");
        put(path + "/dm/name", words[3] + "\n");
        link("/sys/class/block/" + words[1], path);
        for (size_t i = 4; i < words.size(); ++i)
            link(real_path(host_, "/sys/class/block/" + words[i]) + "/holders/" + words[1], path);
    } else if (what == "mount") {
        add("/proc/self/mountinfo",
            fmt::format("20 1 {} / {} rw - {} {} rw", words[3], words[1], words[2], words[4]));
    } else if (what == "swap") {
        add("/proc/swaps", words[1] + " partition 1024 0 -2");
    } else if (what == "udev") {
        add("/run/udev/data/b" + words[1], "E:" + words[2]);
    } else if (what == "framebuffer") {
        put(folder(words[1]) + "/graphics/fb0/name", "i915drmfb\n");
        link("/sys/class/graphics/fb0", folder(words[1]) + "/graphics/fb0");
        put(folder(words[1]) + "/drm/card0/dev", "226:0\n");
        link("/sys/class/drm/card0", folder(words[1]) + "/drm/card0");
    } else if (what == "keyboard") {
        add("/proc/bus/input/devices",
            "N: Name=\"A Keyboard\"\nS: Sysfs=" + folder(words[1]).substr(4) +
                "/usb1/1-2/input/input3\nH: Handlers=sysrq kbd event3 leds\nB: EV=120013");
    } else if (what == "usb") {
        const std::string path = folder(words[2]) + "/usb" + words[1].substr(0, 1) + "/" + words[1];
        put(path + "/busnum", words[1].substr(0, 1) + "\n");
        put(path + "/devnum", words[1].substr(words[1].size() - 1) + "\n");
        put(path + "/idVendor", words[3].substr(0, 4) + "\n");
        put(path + "/idProduct", words[3].substr(5) + "\n");
        put(path + "/manufacturer", words[4] + "\n");
        put(path + "/product", words.size() > 5 ? words[5] + "\n" : "\n");
        put(path + "/bDeviceClass", words.size() > 6 && words[6] == "hub" ? "09\n" : "00\n");
        link("/sys/bus/usb/devices/" + words[1], path);
    } else if (what == "handed") {
        fs::create_directories(host_.run_folder() + "/device");
        std::ofstream(host_.run_folder() + "/device/" + words[1])
            << "{\"guest\": " + words[2] + "}";
    } else if (what == "known") {
        fs::create_directories(host_.config_folder() + "/device");
        std::ofstream(host_.config_folder() + "/device/" + words[1])
            << rest.substr(words[1].size() + 1) << "\n";
    } else if (what == "open") {
        fs::create_directories(host_.system("/proc/" + words[1] + "/fd"));
        fs::create_symlink(words[2], host_.system("/proc/" + words[1] + "/fd/3"));
    } else if (what == "hang" || what == "refuses") {
        put("/.fake/" + what + "-" + words[1], "");
    } else if (what == "takes-along") {
        put("/.fake/takes-along-" + words[1], words[2]);
    } else if (what == "without") {
        fs::remove_all(host_.system("/sys/bus/pci/drivers/" + words[1]));
    } else if (what == "ssh") {
        around.ssh_address = words[1];
    } else if (what == "ssh-serves") {
        around.ssh_serves = true;
    } else if (what == "address") {
        around.addresses[words[1]].push_back(words[2]);
    } else {
        throw Error("the fake kernel knows no line '" + what + " " + rest + "'");
    }
}

std::string FakeKernel::driver(const std::string& address) const {
    return FakeDevices{host_.system("")}.driver_of(address);
}

std::string FakeKernel::state() const {
    std::string text;
    for (const std::string& address : host_.list(host_.system("/sys/bus/pci/devices")))
        text += address + " " + driver(address) + " " +
                host_.read_line(host_.system(folder(address)) + "/driver_override") + "\n";
    for (const std::string& name : host_.list(host_.system("/sys/class/net")))
        text += "net " + name + "\n";
    for (const std::string& name : host_.list(host_.system("/sys/class/hwmon")))
        text += "hwmon " + name + "\n";
    for (const std::string& name : host_.list(host_.system("/sys/class/vtconsole")))
        text += name + " " +
                host_.read_line(host_.system("/sys/class/vtconsole/" + name + "/bind")) + "\n";
    for (const std::string driver : {"efi-framebuffer", "simple-framebuffer"})
        for (const std::string& name :
             host_.list(host_.system("/sys/bus/platform/drivers/" + driver)))
            text += driver + " " + name + "\n";
    for (const std::string& name : host_.list(host_.system("/dev/vfio")))
        text += "vfio " + name + "\n";
    for (const std::string& name : host_.list(host_.run_folder() + "/device"))
        if (name != "lock") text += "note " + name + "\n";
    return text;
}

void FakeKernel::show_processes() const {
    fs::remove_all(host_.system("/proc"));
    fs::create_symlink("/proc", host_.system("/proc"));
}

void FakeKernel::remove_device(const std::string& address) const {
    const fs::path path = fs::canonical(host_.system("/sys/bus/pci/devices/" + address));
    if (!driver(address).empty()) FakeDevices{host_.system("")}.detach(address);
    fs::remove(host_.system("/sys/bus/pci/devices/" + address));
    fs::remove_all(path);
}

}  // namespace lodge
