#include "engine/vm/demo.h"

#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "engine/container/container.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/process.h"
#include "engine/units.h"
#include "engine/vm/initramfs.h"

namespace lodge {
namespace {

constexpr std::string_view kernel_package = "linux-image-cloud-amd64";
constexpr int most_demos = 1000;

std::string demo_folder(const Host& host) {
    return host.state_folder() + "/demo";
}
std::string mark_folder(const Host& host) {
    return demo_folder(host) + "/guests";
}
std::string mark_path(const Host& host, int id) {
    return fmt::format("{}/{}", mark_folder(host), id);
}

bool is_cloud(const DemoKernel& kernel) {
    return kernel.version.find("cloud") != std::string::npos;
}

// The apt-get download of a package that only names another gives that one's name.
std::string real_kernel_package(const Host& host) {
    Program program;
    program.argv = {host.need_program("apt-cache"), "depends", std::string(kernel_package)};
    const Outcome outcome = run_program(program, std::chrono::seconds(60));
    for (const std::string& line : split(outcome.output, '\n')) {
        const auto at = line.find("Depends: linux-image-");
        if (at != std::string::npos) return std::string(trim(line.substr(at + 9)));
    }
    fail(Exit::missing,
         "this machine has no kernel for the demo in /boot, and apt knows none ({}): run apt-get "
         "update first, or: apt install {}",
         kernel_package, kernel_package);
}

// What a kernel and start-up files were made from: when it is the same, they are not made again.
std::string recipe(const std::string& version, const std::string& busybox) {
    struct stat found {};
    std::string all = version;
    if (::stat(busybox.c_str(), &found) == 0)
        all += fmt::format(" {} {}", found.st_size, int64_t{found.st_mtim.tv_sec});
    for (const GuestFile& file : demo_guest_files()) {
        all += file.path;
        all += file.content;
    }
    unsigned char digest[SHA_DIGEST_LENGTH];
    SHA1(reinterpret_cast<const unsigned char*>(all.data()), all.size(), digest);
    std::string text = version + " ";
    for (int i = 0; i < 8; ++i)
        text += fmt::format("{:02x}", digest[i]);
    return text;
}

// Steps that make the kernel and the start-up files, none when they are there.
void plan_kernel(Engine& engine, Plan& plan) {
    const Host& host = engine.host;
    const std::string folder = demo_folder(host);
    const std::string busybox = host.need_program("busybox");
    require_static(busybox);
    const auto kernels = demo_kernels(host);
    std::string package;
    DemoKernel kernel;
    const std::string made = host.read_line(folder + "/made");
    const bool there = host.exists(folder + "/vmlinuz") && host.exists(folder + "/initrd");
    if (!kernels.empty()) {
        kernel = kernels.front();
    } else {
        const std::string version = made.substr(0, made.find(' '));
        // A kernel that was brought before is as good as the newest.
        if (there && made == recipe(version, busybox)) return;
        package = real_kernel_package(host);
        kernel.version = package.substr(std::strlen("linux-image-"));
        kernel.image = folder + "/package/boot/vmlinuz-" + kernel.version;
        kernel.modules = folder + "/package/lib/modules/" + kernel.version;
    }
    const std::string mark = recipe(kernel.version, busybox);
    if (there && made == mark) return;

    // What other guests start with is not taken back.
    const auto undo = [&](Action action) {
        return there ? std::nullopt : std::optional<Action>(std::move(action));
    };
    plan.step("make a place for the kernel", {"mkdir", {{"path", folder}}},
              undo({"rmdir", {{"path", folder}}}));
    if (!package.empty()) {
        const Action drop{"remove-tree", {{"path", folder + "/package"}}};
        plan.step("make a place for the package",
                  {"mkdir", {{"path", folder + "/package"}, {"mode", "700"}}}, drop);
        plan.step("this machine has no kernel in /boot: get Debian's",
                  {"demo-download", {{"package", package}, {"folder", folder + "/package"}}});
    }
    plan.step("copy the kernel to where QEMU's user can read it",
              {"run",
               {{"argv", std::vector<std::string>{"install", "-m", "644", kernel.image,
                                                  folder + "/vmlinuz"}}}},
              undo({"remove", {{"path", folder + "/vmlinuz"}}}));
    plan.step("make the guest's start-up files of busybox and a few scripts",
              {"demo-initramfs", {{"modules", kernel.modules}, {"path", folder + "/initrd"}}},
              undo({"remove", {{"path", folder + "/initrd"}}}));
    if (!package.empty())
        plan.step("the package is not needed any more",
                  {"remove-tree", {{"path", folder + "/package"}}});
    plan.step("note what they were made of",
              {"write", {{"path", folder + "/made"}, {"content", mark + "\n"}}},
              undo({"remove", {{"path", folder + "/made"}}}));
}

// "demo", "demo-2", "demo-3": the first that nobody has, which then is taken.
std::string free_name(std::set<std::string>& taken, const std::string& base) {
    std::string name = base;
    for (int number = 2; !taken.insert(name).second; ++number)
        name = fmt::format("{}-{}", base, number);
    return name;
}

// Linux' words for a quick start under software emulation: few lines on the slow serial line, no
// measuring of clocks, no protection of a guest that keeps no secrets.
std::string kernel_line(const std::string& name) {
    return "console=ttyS0 quiet loglevel=4 tsc=reliable no_timer_check mitigations=off apparmor=0 "
           "audit=0 init_on_alloc=0 cryptomgr.notests random.trust_cpu=on rcupdate.rcu_expedited=1 "
           "panic=10 "
           "demo.name=" +
           name;
}

Plan one_demo(Engine& engine, const GuestKind& kind, int id, const std::string& name,
              const Values& words) {
    const std::string mark = mark_path(engine.host, id);
    Plan plan;
    plan.step(
        "note that this guest is a demo", {"write", {{"path", mark}, {"content", name + "\n"}}},
        Action{"demo-unmark", {{"path", mark}, {"config", engine.store.path(kind.folder(), id)}}});
    if (kind.name() == "ct") {
        Values given = words;
        given.set({"id", id});
        given.set({"name", name});
        plan.append(ct_demo_plan(engine, given));
        return plan;
    }
    const std::string folder = demo_folder(engine.host);
    const std::string args = shell_line({"-kernel", folder + "/vmlinuz", "-initrd",
                                         folder + "/initrd", "-append", kernel_line(name)});
    Values wanted;
    for (const std::string& pair : {
             "name=" + name,
             std::string("tags=demo"),
             std::string("memory=192"),
             std::string("cores=1"),
             std::string("cpu=kvm64"),
             std::string("machine=q35"),
             std::string("vga=none"),
             std::string("serial0=socket"),
             std::string("agent=1"),
             std::string("boot=order=scsi0"),
             "args=" + args,
             std::string("description=Made by: lodge demo\nTake it away: lodge demo --remove"),
         })
        wanted.add("values", pair);
    wanted.set({"disk", "256M"});
    wanted.set({"bridge", "none"});
    if (const auto storage = words.get("storage")) wanted.set({"storage", *storage});
    if (!words.flag("no-start")) wanted.set({"start", true});
    plan.append(kind.create(engine, id, wanted));
    return plan;
}

const GuestKind& kind_called(Engine& engine, std::string_view name) {
    for (const GuestKind* kind : engine.kinds)
        if (kind->name() == name) return *kind;
    fail(Exit::failed, "this Lodge has no guests of kind {}", name);
}

}  // namespace

std::vector<DemoKernel> demo_kernels(const Host& host) {
    std::vector<DemoKernel> kernels;
    const std::string boot = host.system("/boot");
    for (const std::string& file : host.list(boot)) {
        if (file.rfind("vmlinuz-", 0) != 0) continue;
        DemoKernel kernel;
        kernel.version = file.substr(8);
        kernel.image = boot + "/" + file;
        for (const char* modules : {"/lib/modules/", "/usr/lib/modules/"})
            if (kernel.modules.empty() &&
                host.exists(host.system(modules + kernel.version) + "/kernel"))
                kernel.modules = host.system(modules + kernel.version);
        if (!kernel.modules.empty() && ::access(kernel.image.c_str(), R_OK) == 0)
            kernels.push_back(std::move(kernel));
    }
    std::sort(kernels.begin(), kernels.end(), [](const DemoKernel& a, const DemoKernel& b) {
        if (is_cloud(a) != is_cloud(b)) return is_cloud(a);
        return ::strverscmp(a.version.c_str(), b.version.c_str()) > 0;
    });
    return kernels;
}

std::vector<int> demo_guests(Engine& engine) {
    std::vector<int> ids;
    for (const std::string& name : engine.host.list(mark_folder(engine.host))) {
        const auto id = parse_integer(name);
        for (const GuestKind* kind : engine.kinds)
            if (id && *id > 0 &&
                engine.host.exists(engine.store.path(kind->folder(), static_cast<int>(*id))))
                ids.push_back(static_cast<int>(*id));
    }
    std::sort(ids.begin(), ids.end());
    return ids;
}

Plan demo_plan(Engine& engine, const Values& words) {
    const int64_t count = words.integer("count", 1);
    if (count < 1 || count > most_demos)
        fail(Exit::usage, "--count {} is not allowed: 1 to {}", count, most_demos);
    const std::string base = words.text("name", "demo");
    require_allowed(vm_schema(), "name", base);
    const bool container = words.flag("container");
    const GuestKind& kind = kind_called(engine, container ? "ct" : "vm");
    std::set<std::string> taken_names;
    std::set<int64_t> taken_ids;
    for (const Guest& guest : list_guests(engine)) {
        taken_names.insert(guest.name);
        taken_ids.insert(guest.id);
    }
    Plan plan;
    if (!container) plan_kernel(engine, plan);
    plan.step("make a place for notes on demos", {"mkdir", {{"path", mark_folder(engine.host)}}},
              Action{"rmdir", {{"path", mark_folder(engine.host)}}});
    int64_t id = words.has("id") ? words.integer("id") : engine.store.free_id();
    if (taken_ids.count(id)) fail(Exit::busy, "cannot make demo {}: the number is taken", id);
    std::vector<std::string> names;
    for (int64_t i = 0; i < count; ++i, ++id) {
        while (taken_ids.count(id))
            ++id;
        const std::string name = free_name(taken_names, base);
        plan.append(one_demo(engine, kind, static_cast<int>(id), name, words));
        names.push_back(fmt::format("{} ({})", id, name));
    }
    plan.title = "make the demo " + join(names, ", ");
    plan.afterwards = fmt::format(
        "{} {}. Log in as root, no password: lodge console {}, or F3. Take {} away: lodge demo "
        "--remove",
        join(names, ", "), words.flag("no-start") ? "made" : "started", id - 1,
        count > 1 ? "them" : "it");
    return plan;
}

namespace {

bool is_meant(const Guest& guest, const Values& words) {
    if (const auto id = words.get("id"); id && *id != std::to_string(guest.id)) return false;
    if (const auto name = words.get("name"); name && *name != guest.name) return false;
    return true;
}

// A clone of a demo starts with the same kernel.
std::vector<std::string> users_of_kernel(Engine& engine, const std::vector<int>& but) {
    std::vector<std::string> users;
    for (const Guest& guest : list_guests(engine)) {
        if (std::find(but.begin(), but.end(), guest.id) != but.end()) continue;
        const auto args = guest.config.current.get("args");
        if (args && args->find(demo_folder(engine.host) + "/") != std::string::npos)
            users.push_back(guest_words(guest));
    }
    return users;
}

}  // namespace

Plan demo_remove_plan(Engine& engine, const Values& words) {
    const std::string folder = demo_folder(engine.host);
    Plan plan;
    std::vector<int> going;
    std::vector<std::string> names;
    for (const int id : demo_guests(engine)) {
        const Guest guest = load_guest(engine, id);
        if (!is_meant(guest, words)) continue;
        plan.append(guest.kind->destroy(engine, guest, {{"force", true}}));
        plan.step("it is no demo any more", {"remove", {{"path", mark_path(engine.host, id)}}});
        going.push_back(id);
        names.push_back(guest_words(guest));
    }
    const bool picked = words.has("id") || words.has("name");
    if (going.empty() && (picked || !engine.host.exists(folder)))
        fail(Exit::not_found, "there is no such demo: lodge demo makes one");
    const auto users = users_of_kernel(engine, going);
    if (going.empty() && !users.empty())
        fail(Exit::refused, "there is no demo to remove; {} is kept: {} starts with it", folder,
             join(users, ", "));
    if (users.empty() && engine.host.exists(folder))
        plan.step("no guest starts with this kernel any more", {"remove-tree", {{"path", folder}}});
    else if (!users.empty() && !picked)
        plan.warn(fmt::format("{} is kept: {} starts with it", folder, join(users, ", ")));
    plan.title =
        "remove " + (names.empty() ? "what demos left behind" : "the demo " + join(names, ", "));
    plan.afterwards = names.empty()
                          ? "removed what demos left behind"
                          : "removed " + join(names, ", ") + " and all that belonged to " +
                                (names.size() > 1 ? "them" : "it");
    return plan;
}

namespace {

// apt-get's words for programs: "dlstatus:<item>:<percent>:<words>" (apt's
// README.progress-reporting).
void run_download(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const std::string& folder = on.text("folder");
    Program program;
    program.argv = {host.need_program("apt-get"), "-q",       "-o",
                    "APT::Status-Fd=1",           "download", on.text("package")};
    program.folder = folder;
    run_checked(
        program, std::chrono::minutes(30),
        "cannot download the package " + on.text("package") + " (is this machine online?)",
        [&](std::string_view line) {
            const auto parts = split(line, ':');
            if (parts.size() > 2 && parts[0] == "dlstatus")
                work.progress(static_cast<int64_t>(parse_number(parts[2]).value_or(0)), 100, "%");
        },
        [&] { return work.going(); });
    std::string package;
    for (const std::string& name : host.list(folder))
        if (name.ends_with(".deb")) package = folder + "/" + name;
    if (package.empty()) throw Error("apt-get downloaded no package into " + folder);
    work.progress(0, 0, "");
    Program unpack;
    unpack.argv = {host.need_program("dpkg-deb"), "-x", package, folder};
    run_checked(unpack, std::chrono::minutes(10), "cannot unpack " + package, {},
                [&] { return work.going(); });
    // Unpacking gives the folder the package's mode.
    if (::chmod(folder.c_str(), 0700) != 0) fail_errno(errno, "cannot close " + folder);
}
std::string download_shell(const Values& on) {
    return "(cd " + shell_quote(on.text("folder")) + " && " +
           shell_line({"apt-get", "download", on.text("package")}) + " && dpkg-deb -x " +
           shell_quote(on.text("package")) + "_*.deb .)";
}

void run_initramfs(Work& work, const Values& on) {
    write_initramfs(work.engine().host.need_program("busybox"), on.text("modules"),
                    on.text("path"));
}
std::string initramfs_shell(const Values& on) {
    return "# busybox, the drivers for virtio devices of " + shell_quote(on.text("modules")) +
           " and a few scripts, as a cpio archive: " + shell_quote(on.text("path"));
}

// The undo of a note: it stays when its number turned out to be someone else's demo.
void run_unmark(Work& work, const Values& on) {
    if (!work.engine().host.exists(on.text("config"))) work.engine().host.remove(on.text("path"));
}
std::string unmark_shell(const Values& on) {
    return "[ -e " + shell_quote(on.text("config")) + " ] || rm -f " + shell_quote(on.text("path"));
}

constexpr ActionKind kinds[] = {
    {"demo-download", run_download, download_shell},
    {"demo-initramfs", run_initramfs, initramfs_shell},
    {"demo-unmark", run_unmark, unmark_shell},
};

}  // namespace

std::span<const ActionKind> demo_actions() {
    return kinds;
}

}  // namespace lodge
