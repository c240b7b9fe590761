#include <fcntl.h>
#include <linux/io_uring.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>

#include "engine/device.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/network/nat.h"
#include "engine/storage/device_storage.h"
#include "engine/units.h"
#include "engine/vm/cloudinit.h"
#include "engine/vm/vm.h"

// What a command line depends on, read off this machine: only what the configuration asks for, as a
// start waits for it.
namespace lodge {
namespace {

constexpr std::string_view kQemu = "qemu-system-x86_64";

std::string ask_qemu(const std::string& qemu, std::vector<std::string> words) {
    words.insert(words.begin(), qemu);
    Program program;
    program.argv = std::move(words);
    // A machine that boots has little time for it: the limit ends a hang, no more.
    return run_checked(program, std::chrono::minutes(3), "cannot ask " + qemu + " what it offers");
}

// First words of the lines of a `help` answer, headings left out.
std::string first_words(const std::string& answer, size_t at) {
    std::vector<std::string> names;
    std::istringstream lines(answer);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("Recognized CPUID")) break;  // the list of flags follows
        std::istringstream in(line);
        std::string word;
        for (size_t i = 0; i <= at; ++i)
            in >> word;
        if (in && !word.ends_with(':') && word != "machines" && word != "CPUs:")
            names.push_back(word);
    }
    return join(names, " ");
}

// "QEMU emulator version 7.2.22 (Debian …)" as "7.2".
std::string version_of(const std::string& answer) {
    const size_t at = answer.find("version ");
    if (at == std::string::npos) return "0.0";
    const auto parts = split(std::string_view(answer).substr(at + 8), '.');
    return parts.size() < 2 ? "0.0" : parts[0] + "." + parts[1];
}

// Asking QEMU costs 15 ms and more a question: its answers are kept as long as the program stays.
void take_qemu(const Host& host, MachineFacts& facts) {
    facts.qemu = host.need_program(kQemu);
    struct stat status {};
    if (::stat(facts.qemu.c_str(), &status) != 0) fail_errno(errno, "cannot look at " + facts.qemu);
    const std::string identity = fmt::format("{} {}.{} {} {}", facts.qemu, status.st_mtim.tv_sec,
                                             status.st_mtim.tv_nsec, status.st_size, status.st_ino);
    const std::string path = host.run_folder() + "/qemu-facts";
    auto lines = split(host.read(path).value_or(""), '\n');
    if (lines.size() < 4 || lines[0] != identity) {
        lines = {identity, version_of(ask_qemu(facts.qemu, {"--version"})),
                 first_words(ask_qemu(facts.qemu, {"-machine", "help"}), 0),
                 first_words(ask_qemu(facts.qemu, {"-cpu", "help"}), 1)};
        host.write_volatile(path, join(lines, "\n") + "\n", 0644);
    }
    const auto version = split(lines[1], '.');
    facts.qemu_major = static_cast<int>(parse_integer(version.front()).value_or(0));
    facts.qemu_minor = static_cast<int>(parse_integer(version.back()).value_or(0));
    facts.machines = split(lines[2], ' ');
    facts.cpu_models = split(lines[3], ' ');
}

// Beginning of a kernel file. /proc/cpuinfo waits for each CPU's clock when it is read as a whole.
std::string beginning(const std::string& path) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return {};
    std::string text(4096, '\0');
    const ssize_t got = ::read(fd.get(), text.data(), text.size());
    text.resize(got < 0 ? 0 : static_cast<size_t>(got));
    return text;
}

// Whether KVM can be used; else why not. Nothing is asked of /dev/kvm: where a machine only shows
// the file, a question may never be answered.
std::string no_kvm(const Host& host) {
    const std::string cpu = beginning(host.system("/proc/cpuinfo"));
    const size_t at = cpu.find("\nflags");
    const std::string flags =
        at == std::string::npos ? "" : cpu.substr(at + 1, cpu.find('\n', at + 1) - at);
    std::string spaced = " " + flags + " ";
    std::replace(spaced.begin(), spaced.end(), '\n', ' ');
    if (spaced.find(" vmx ") == std::string::npos && spaced.find(" svm ") == std::string::npos)
        return "this CPU offers no virtualisation (vmx or svm); if it has it, switch it on in the "
               "machine's firmware";
    const std::string device = host.system("/dev/kvm");
    const Fd fd(::open(device.c_str(), O_RDWR | O_CLOEXEC));
    if (fd) return {};
    if (errno == ENOENT) return "there is no /dev/kvm: load the module kvm_intel or kvm_amd";
    if (errno == EACCES || errno == EPERM)
        return "you may not use /dev/kvm: add yourself to the group kvm";
    return "cannot open /dev/kvm: " + errno_words(errno);
}

bool io_uring_works(const Host& host) {
    // 1: only one group may use it, 2: nobody (Documentation/admin-guide/sysctl/kernel.rst).
    const std::string disabled = host.read_line(host.system("/proc/sys/kernel/io_uring_disabled"));
    if (!disabled.empty() && disabled != "0") return false;
    io_uring_params parameters{};
    const Fd fd(static_cast<int>(::syscall(SYS_io_uring_setup, 1, &parameters)));
    return static_cast<bool>(fd);
}

bool takes_direct_io(const std::string& path) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC | O_NONBLOCK));
    return fd || errno != EINVAL;
}

MachineFacts::Volume volume_facts(Engine& engine, const std::string& name) {
    MachineFacts::Volume volume;
    if (name == "cdrom") {
        volume.path = "/dev/cdrom";
        volume.format = "raw";
        volume.read_only = true;
    } else {
        const VolumeInfo info = engine.storages.info(name);
        volume.path = info.path;
        volume.format = info.format;
        volume.read_only = info.content == "iso";
        if (device_storage(engine.storages, name) && !engine.host.exists(info.path)) {
            // The start activates it first.
            volume.block_device = true;
            return volume;
        }
    }
    struct stat status {};
    if (::stat(volume.path.c_str(), &status) != 0)
        fail(Exit::not_found, "{}: {}", volume.path, errno_words(errno));
    volume.block_device = S_ISBLK(status.st_mode);
    volume.direct_io = takes_direct_io(volume.path);
    return volume;
}

void take_volumes(Engine& engine, const Config& config, MachineFacts& facts) {
    std::vector<std::string> keys = {"efidisk0", "tpmstate0"};
    for (const std::string_view stem : {"ide", "sata", "scsi", "virtio"})
        for (std::string& key : config.indexed(stem))
            keys.push_back(std::move(key));
    for (const std::string& key : keys) {
        const auto drive = config.properties(key);
        const std::string name = drive ? drive->text("file") : "";
        if (name.empty() || name == "none" || is_cloudinit_volume(name)) continue;
        try {
            facts.volumes[name] = volume_facts(engine, name);
        } catch (const Error& error) {
            facts.volume_problems[name] = error.what();
        }
    }
    if (!facts.volumes.empty()) facts.io_uring = io_uring_works(engine.host);
}

void take_bridges(const Host& host, const Config& config, MachineFacts& facts) {
    const std::string folder = host.system("/sys/class/net");
    for (const std::string& name : host.list(folder)) {
        if (!host.exists(folder + "/" + name + "/bridge")) continue;
        facts.bridges.push_back(name);
        const auto mtu = parse_integer(host.read_line(folder + "/" + name + "/mtu"));
        if (mtu && *mtu != 1500) facts.bridge_mtus[name] = static_cast<int>(*mtu);
    }
    // Lodge's own network is there when it is needed.
    for (const std::string& key : config.indexed("net")) {
        const auto net = config.properties(key);
        const std::string bridge = net ? net->text("bridge") : "";
        if (host.is_root() && is_nat_name(bridge) &&
            std::find(facts.bridges.begin(), facts.bridges.end(), bridge) == facts.bridges.end())
            facts.bridges.push_back(bridge);
    }
    facts.vhost_net = host.exists(host.system("/dev/vhost-net"));
}

// <config>/mapping/directory.cfg as Proxmox VE has it: a line with the name, then indented
// "map node=…,path=/folder" lines. The first map counts: Lodge is one node.
void take_directories(const Host& host, MachineFacts& facts) {
    std::istringstream lines(
        host.read(host.config_folder() + "/mapping/directory.cfg").value_or(""));
    std::string name;
    for (std::string line; std::getline(lines, line);) {
        const std::string words(trim(line));
        if (words.empty() || words[0] == '#') continue;
        if (line[0] != ' ' && line[0] != '\t') {
            name = words;
        } else if (words.starts_with("map ") && facts.directory_mappings.count(name) == 0) {
            for (const std::string& part : split(trim(std::string_view(words).substr(4)), ','))
                if (part.starts_with("path=")) facts.directory_mappings[name] = part.substr(5);
        }
    }
}

int64_t memory_of(const Host& host) {
    std::istringstream in(beginning(host.system("/proc/meminfo")));
    std::string word;
    int64_t kilobytes = 0;
    in >> word >> kilobytes;
    return kilobytes << 10;
}

}  // namespace

MachineFacts vm_facts(Engine& engine, const Guest& guest) {
    const Host& host = engine.host;
    const Config& config = guest.config;
    MachineFacts facts;
    take_qemu(host, facts);
    facts.kvm_why_not = no_kvm(host);
    facts.kvm = facts.kvm_why_not.empty();
    facts.cpus = static_cast<int>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
    facts.memory = memory_of(host);
    facts.root = host.is_root();
    facts.run_folder = guest_run_folder(host, guest.id);
    facts.log_folder = guest_log_folder(host, guest.id);
    facts.ovmf_folder = host.system("/usr/share/OVMF");
    if (wants_cloudinit(config)) facts.cloudinit_iso = cloudinit_path(host, guest.id);
    if (config.string_of("bios") == "ovmf" && !host.exists(facts.ovmf_folder))
        fail(Exit::missing, "{} boots by UEFI, whose firmware is missing: install the package ovmf",
             guest_words(guest));
    take_volumes(engine, config, facts);
    if (!config.indexed("net").empty()) take_bridges(host, config, facts);
    for (const DeviceKind* kind : engine.devices)
        if (!config.indexed(kind->key()).empty()) kind->add_facts(engine, guest, facts);
    if (config.current.has("tpmstate0")) facts.swtpm = host.program("swtpm").value_or("");
    if (!config.indexed("virtiofs").empty()) {
        // Debian 12 keeps it out of PATH.
        facts.virtiofsd = host.program("virtiofsd").value_or("");
        if (facts.virtiofsd.empty())
            facts.virtiofsd = host.program("/usr/lib/qemu/virtiofsd").value_or("");
        take_directories(host, facts);
    }
    return facts;
}

std::string VmKind::show_command(Engine& engine, const Guest& guest) const {
    MachineFacts facts = vm_facts(engine, guest);
    facts.by_path = true;
    const VmCommand command = vm_command(guest.config, guest.id, facts);
    std::string text;
    for (const std::string& words : command.warnings)
        text += "# " + printable(words) + "\n";
    std::vector<std::string> folders = command.folders;
    folders.insert(folders.begin(), facts.run_folder);
    folders.push_back(facts.log_folder);
    text += "mkdir -p " + shell_line(folders) + "\n";
    for (const Helper& helper : command.helpers)
        text += shell_line(helper.argv) + " &\n";
    std::string line;
    for (const std::string& word : command.argv) {
        if (!line.empty()) line += word.starts_with('-') ? " \\\n    " : " ";
        line += shell_quote(word);
    }
    if (!command.affinity.empty()) line = "taskset -c " + command.affinity + " " + line;
    text += line + "\n";
    for (const std::string& words : command.before_run)
        text += "# then over QMP: " + words + "\n";
    return text;
}

}  // namespace lodge
