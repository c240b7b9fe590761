#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/io_uring.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/host.h"
#include "engine/process.h"
#include "engine/store.h"
#include "engine/vm/qmp.h"
#include "tests/argv/cases.h"

// Whether the QEMU of this machine takes the command lines: it is started, stopped before the first
// instruction, asked, and told to quit. Cases with a file `real` in their folder; those whose file
// says "always" in each run of the tests, the others with LODGE_REAL_ALL=1.
namespace lodge {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using std::chrono::seconds;

std::string read_file(const fs::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

// Scratch is a folder that is gone with its object.
struct Scratch {
    Scratch() {
        std::string name = "/tmp/lodge-argv-XXXXXX";
        folder = ::mkdtemp(name.data());
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() { fs::remove_all(folder); }
    fs::path folder;
};

bool takes_direct_io(const fs::path& path) {
    return static_cast<bool>(Fd(::open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC)));
}

void make_volume(const Host& host, MachineFacts::Volume& volume) {
    fs::create_directories(fs::path(volume.path).parent_path());
    Program program;
    program.argv = {host.need_program("qemu-img"),
                    "create",
                    "-q",
                    "-f",
                    volume.format == "iso" ? "raw" : volume.format,
                    volume.path,
                    "8M"};
    run_checked(program, seconds(20), "cannot make " + volume.path);
    volume.direct_io = takes_direct_io(volume.path);
}

// The facts of a case, moved into a folder where everything that they name is really there.
MachineFacts move_to(const Scratch& scratch, MachineFacts facts, const Host& host) {
    facts.kvm = false;
    facts.run_folder = scratch.folder / "run";
    facts.log_folder = scratch.folder / "log";
    fs::create_directories(facts.run_folder + "/qemu");
    fs::create_directories(facts.log_folder);
    io_uring_params parameters{};
    const Fd ring(static_cast<int>(::syscall(SYS_io_uring_setup, 1, &parameters)));
    facts.io_uring = facts.io_uring && ring;
    for (auto& [id, volume] : facts.volumes) {
        volume.path = (scratch.folder / fs::path(volume.path).filename()).string();
        make_volume(host, volume);
    }
    return facts;
}

Fd open_tap(const Handover& handover) {
    Fd fd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
    ifreq request{};
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    if (handover.multi_queue) request.ifr_flags |= IFF_MULTI_QUEUE;
    const std::string name = "lodgetest" + handover.path.substr(handover.path.size() - 1);
    std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
    if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) fd.reset();
    return fd;
}

Fd open_one(const Handover& handover) {
    switch (handover.kind) {
        case Handover::Kind::listen:
            return listen_unix(handover.path);
        case Handover::Kind::connect:
            return connect_unix(handover.path);
        case Handover::Kind::tap:
            return open_tap(handover);
        case Handover::Kind::file:
            break;
    }
    return Fd(::open(handover.path.c_str(), (handover.read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC));
}

// Running is a program that is ended with its object.
struct Running {
    Running(const Host& host, const Program& program, const fs::path& log_path) : log(log_path) {
        const Fd log_fd(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
        const pid_t pid = start_detached(program, log_fd.get());
        const auto found = identify(host, pid);
        if (found) handle = open_process(host, *found);
        reaper = pid;
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() {
        if (handle && !wait_end(handle, seconds(10))) signal_process(handle, SIGKILL);
    }
    fs::path log;
    Fd handle;
    pid_t reaper = 0;
};

bool need(const std::string& program) {
    return ::access(program.c_str(), X_OK) == 0;
}

// What the machine of this test lacks for the command; "" for nothing.
std::string lacking(const VmCommand& command) {
    for (const Helper& helper : command.helpers)
        if (!need(helper.argv[0])) return helper.argv[0];
    for (const Handover& handover : command.handovers)
        if (handover.kind == Handover::Kind::tap && !Fd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC)))
            return "/dev/net/tun";
    for (const std::string& word : command.argv)
        if (word.find("/usr/share/OVMF") != std::string::npos && !fs::exists("/usr/share/OVMF"))
            return "/usr/share/OVMF";
    return {};
}

struct Machine {
    std::vector<std::unique_ptr<Running>> helpers;
    std::unique_ptr<Running> qemu;
    std::unique_ptr<Qmp> qmp;
};

void start(const Host& host, const VmCommand& command, const fs::path& folder, Machine& machine) {
    for (const Helper& helper : command.helpers) {
        Program program;
        program.argv = helper.argv;
        machine.helpers.push_back(
            std::make_unique<Running>(host, program, folder / (helper.name + ".log")));
        for (int i = 0; i < 200 && !fs::exists(helper.socket); ++i)
            ::usleep(20000);
        ASSERT_TRUE(fs::exists(helper.socket)) << read_file(folder / (helper.name + ".log"));
    }
    Program program;
    program.argv = command.argv;
    if (std::find(program.argv.begin(), program.argv.end(), "-S") == program.argv.end())
        program.argv.push_back("-S");
    std::vector<Fd> held;
    for (const Handover& handover : command.handovers) {
        held.push_back(open_one(handover));
        ASSERT_TRUE(held.back()) << handover.path << ": " << std::strerror(errno);
        program.descriptors.emplace_back(held.back().get(), handover.number);
    }
    machine.qemu = std::make_unique<Running>(host, program, folder / "qemu.log");
    held.clear();
    const auto until = std::chrono::steady_clock::now() + seconds(30);
    while (!machine.qmp) {
        try {
            machine.qmp = std::make_unique<Qmp>(Qmp::connect(folder / "run/qmp", seconds(30)));
        } catch (const Error& error) {
            ASSERT_TRUE(std::chrono::steady_clock::now() < until &&
                        !wait_end(machine.qemu->handle, std::chrono::milliseconds(50)))
                << error.what() << "\n"
                << read_file(folder / "qemu.log");
        }
    }
    EXPECT_EQ("prelaunch", machine.qmp->call("query-status")["status"]);
    for (const std::string& words : command.before_run) {
        const json asked = json::parse(words);
        machine.qmp->call(asked["execute"].get<std::string>(), asked["arguments"]);
    }
}

void try_case(const fs::path& folder) {
    const Host host = Host::real();
    const Scratch scratch;
    const MachineFacts facts =
        move_to(scratch, argv_test::facts_of(read_file(folder / "facts")), host);
    const Config config = Config::parse(read_file(folder / "guest.conf"), vm_schema(), "101.conf");
    const VmCommand command = vm_command(config, 101, facts);
    if (const std::string what = lacking(command); !what.empty()) {
        std::cout << folder.filename() << " not tried: this machine has no " << what << "\n";
        return;
    }
    Machine machine;
    start(host, command, scratch.folder, machine);
    if (machine.qmp) machine.qmp->call("quit");
    machine.qmp.reset();
    machine.qemu.reset();
    const std::string words = read_file(scratch.folder / "qemu.log");
    EXPECT_EQ("", words);  // a warning of QEMU's is a mistake of ours
}

TEST(Argv, RealQemuTakesTheCommandLines) {
    if (!need("/usr/bin/qemu-system-x86_64")) GTEST_SKIP() << "qemu-system-x86_64 is not installed";
    const bool all = std::getenv("LODGE_REAL_ALL") != nullptr;
    int tried = 0;
    for (const auto& entry : fs::directory_iterator(fs::path(TESTS_FOLDER) / "argv/cases")) {
        const fs::path marker = entry.path() / "real";
        if (!fs::exists(marker) || (!all && !read_file(marker).starts_with("always"))) continue;
        SCOPED_TRACE(entry.path().filename());
        try_case(entry.path());
        ++tried;
    }
    EXPECT_GE(tried, 12);
}

void hand_over(Qmp& qmp, VmAttachment& attachment, size_t i) {
    const Fd fd = open_one(attachment.handovers[i]);
    const std::string name = attachment.names[i];
    if (!name.starts_with("/dev/fdset/")) {
        qmp.call_with_fd(fd.get(), "getfd", {{"fdname", name}});
        return;
    }
    const json set = qmp.call_with_fd(fd.get(), "add-fd", json::object());
    const std::string path = fmt::format("\"/dev/fdset/{}\"", set["fdset-id"].get<int>());
    for (VmAttachment::Command& command : attachment.commands) {
        const size_t at = command.arguments.find("\"" + name + "\"");
        if (at != std::string::npos) command.arguments.replace(at, name.size() + 2, path);
    }
}

// A device plugged in while the guest runs comes by the same words as at a start.
TEST(Argv, RealQemuTakesAttachments) {
    if (!need("/usr/bin/qemu-system-x86_64")) GTEST_SKIP() << "qemu-system-x86_64 is not installed";
    for (const std::string board : {"pc", "q35"}) {
        SCOPED_TRACE(board);
        const Host host = Host::real();
        const Scratch scratch;
        const std::string before =
            "machine: " + board + "\nscsihw: virtio-scsi-single\nvga: none\n";
        const Config config = Config::parse(before, vm_schema(), "101.conf");
        const Config wanted = Config::parse(before +
                                                "net1: virtio=52:54:00:00:00:01,link_down=1\n"
                                                "rng0: /dev/urandom\n"
                                                "scsi2: local:101/a.qcow2,iops=10,iothread=1\n"
                                                "virtio3: local:101/b.raw,discard=on,ro=1\n",
                                            vm_schema(), "101.conf");
        const MachineFacts facts =
            move_to(scratch,
                    argv_test::facts_of("volume local:101/a.qcow2 qcow2 /img/a.qcow2\n"
                                        "volume local:101/b.raw raw /img/b.raw\n"),
                    host);
        Machine machine;
        start(host, vm_command(config, 101, facts), scratch.folder, machine);
        if (!machine.qmp) continue;
        for (const char* key : {"net1", "scsi2", "virtio3"}) {
            SCOPED_TRACE(key);
            VmAttachment attachment = vm_attachment(wanted, 101, facts, key);
            for (size_t i = 0; i < attachment.handovers.size(); ++i)
                hand_over(*machine.qmp, attachment, i);
            for (const VmAttachment::Command& command : attachment.commands)
                machine.qmp->call(command.name, json::parse(command.arguments));
            for (const std::string& words : attachment.before_run) {
                const json asked = json::parse(words);
                machine.qmp->call(asked["execute"].get<std::string>(), asked["arguments"]);
            }
        }
        machine.qmp->call("quit");
    }
}

}  // namespace
}  // namespace lodge
