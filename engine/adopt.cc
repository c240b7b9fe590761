#include "engine/adopt.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "engine/adopt_judge.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/storage/all.h"
#include "engine/storage/storage_cfg.h"
#include "engine/store.h"
#include "engine/units.h"
#include "engine/vm/vm.h"

namespace lodge {
namespace {

using enum AdoptVerdict;

struct Known {
    std::string_view path, words;
};

// What else lies in /etc/pve, and what stands for it here.
constexpr std::array kOthers = {
    Known{"ceph.conf", "Lodge does not manage Ceph"},
    Known{"corosync.conf", "Lodge runs on one machine: there is no cluster"},
    Known{"datacenter.cfg", "settings of the cluster do not apply here"},
    Known{"domains.cfg", "Lodge has no users of its own: those of this machine count"},
    Known{"firewall", "Lodge has no firewall yet; the rules are not copied"},
    Known{"ha", "there is no other node that could take over"},
    Known{"jobs.cfg", "schedules of backups and other jobs are not copied"},
    Known{"mapping", "names of devices and folders belong to the node's own hardware"},
    Known{"replication.cfg", "there is no other node to copy to"},
    Known{"sdn", "networks of the cluster do not apply here"},
    Known{"user.cfg", "Lodge has no users of its own: those of this machine count"},
    Known{"virtual-guest", "CPU models of one's own are not read"},
    Known{"vzdump.cron", "schedules of backups are not copied"},
};

constexpr std::array<std::string_view, 2> kFolders = {"qemu-server", "lxc"};

// False too where it may not be looked at: reading then says why.
bool is_folder(const std::string& path) {
    std::error_code unknown;
    return std::filesystem::is_directory(path, unknown);
}

// Adopter goes through a node's folder once and fills a report.
class Adopter {
  public:
    Adopter(const Host& host, const std::string& folder, const MachineFacts& facts, bool containers)
        : host_(host), store_(host), facts_(facts), containers_(containers) {
        find_top(folder);
    }

    AdoptReport run();

  private:
    struct Found {
        std::string path, name;  // name: below the top
        std::string_view folder;
        int id = 0;
    };

    void find_top(const std::string& folder);
    void find_guests(const std::string& below);
    void take_storages();
    void take_guest(const Found& found);
    void tell_others();
    void tell(const std::string& file, AdoptVerdict verdict, std::string words) {
        report_.lines.push_back({file, 0, "", "", verdict, std::move(words)});
    }
    bool is_guest_here() const {
        return !store_.ids("qemu-server").empty() || !store_.ids("lxc").empty();
    }

    const Host& host_;
    Store store_;
    const MachineFacts& facts_;
    bool containers_;
    std::string top_;
    std::vector<Found> guests_;
    StorageCfg storages_;
    AdoptReport report_;
};

void Adopter::find_top(const std::string& folder) {
    top_ = std::filesystem::path(folder).lexically_normal().native();
    while (top_.size() > 1 && top_.back() == '/')
        top_.pop_back();
    if (!is_folder(top_))
        fail(Exit::not_found, "cannot adopt {}: there is no such folder", printable(folder));
    // A copy of the whole file system, or of /etc.
    for (const std::string_view inner : {"/etc/pve", "/pve"}) {
        const std::string deeper = top_ + std::string(inner);
        if (is_folder(deeper)) top_ = deeper;
    }
    const std::string last = top_.substr(top_.rfind('/') + 1);
    if (std::find(kFolders.begin(), kFolders.end(), last) != kFolders.end())
        top_ = std::filesystem::path(top_).parent_path().native();
}

void Adopter::find_guests(const std::string& below) {
    for (const std::string_view folder : kFolders) {
        const std::string name = below + std::string(folder);
        for (const std::string& file : host_.list(top_ + "/" + name)) {
            const std::string path = top_ + "/" + name + "/" + file;
            const auto id = parse_integer(file.substr(0, file.find('.')));
            if (!file.ends_with(".conf") || !id || *id < 100 || *id > 999999999 ||
                file != fmt::format("{}.conf", *id)) {
                tell(name + "/" + file, left, "this is no guest's file (a number and .conf)");
                continue;
            }
            // /etc/pve/qemu-server is a link to nodes/<this node>/qemu-server.
            const auto twice = std::find_if(guests_.begin(), guests_.end(), [&](const Found& one) {
                return one.id == static_cast<int>(*id);
            });
            if (twice == guests_.end())
                guests_.push_back({path, name + "/" + file, folder, static_cast<int>(*id)});
            else if (host_.read(twice->path) != host_.read(path))
                tell(name + "/" + file, left,
                     fmt::format("{} has the same number and other content", twice->name));
        }
    }
}

AdoptReport Adopter::run() {
    find_guests("");
    for (const std::string& node : host_.list(top_ + "/nodes"))
        find_guests("nodes/" + node + "/");
    const bool has_storages = host_.exists(top_ + "/storage.cfg");
    if (guests_.empty() && !has_storages)
        fail(Exit::not_found,
             "cannot adopt {}: it has no qemu-server, lxc or nodes folder with guests and no "
             "storage.cfg; give a copy of a node's /etc/pve",
             printable(top_));
    take_storages();
    std::sort(guests_.begin(), guests_.end(),
              [](const Found& a, const Found& b) { return a.id < b.id; });
    for (const Found& guest : guests_)
        take_guest(guest);
    tell_others();
    return std::move(report_);
}

void Adopter::take_storages() {
    const std::string target = host_.config_folder() + "/storage.cfg";
    const auto here = host_.read(target);
    const auto theirs = host_.read(top_ + "/storage.cfg");
    storages_ = StorageCfg::parse(here.value_or(""));
    if (!theirs) return;
    const StorageCfg cfg = StorageCfg::parse(*theirs);
    // Another storage.cfg would move "local" away from under guests that are here.
    const bool is_taken = !here && !is_guest_here();
    if (is_taken) {
        report_.files.push_back({top_ + "/storage.cfg", target, 0});
        storages_ = cfg;
    }
    for (const StorageCfg::Problem& problem : cfg.problems())
        report_.lines.push_back(
            {"storage.cfg", problem.line, "", "", is_taken ? kept : left, problem.words});
    for (const StorageCfg::Entry& entry : cfg.entries()) {
        AdoptLine line{"storage.cfg", 0, "", entry.type + ": " + entry.id, honoured, ""};
        if (!is_taken) {
            line.verdict = left;
            line.words = storages_.find(entry.id) != nullptr
                             ? "this machine has a storage of that name"
                             : "this machine has guests or a storage.cfg of its own; add the "
                               "storage there if guests need it";
        } else if (!is_storage_kind_supported(entry.type)) {
            line.verdict = kept;
            line.words = fmt::format("storages of kind {} cannot be used yet", entry.type);
        }
        report_.lines.push_back(std::move(line));
    }
}

void Adopter::take_guest(const Found& found) {
    const auto text = host_.read(found.path);
    if (!text) return tell(found.name, left, "it cannot be read (a link that leads nowhere?)");
    for (const std::string_view folder : kFolders) {
        const std::string taken = store_.path(folder, found.id);
        const auto there = host_.read(taken);
        if (!there) continue;
        const bool is_same = folder == found.folder && *there == *text;
        return tell(found.name, left,
                    is_same
                        ? fmt::format("it is here already, byte for byte: {}", taken)
                        : fmt::format("this machine has a guest {} already: {}", found.id, taken));
    }
    const bool is_vm = found.folder == "qemu-server";
    const Config config =
        Config::parse(*text, is_vm ? vm_schema() : container_schema(), found.name);
    if (!is_vm && !containers_)
        tell(found.name, kept, "this version of Lodge keeps containers and cannot run them yet");
    AdoptJudge(host_, facts_, storages_, found.id).judge(config, *text, found.name, report_);
    report_.files.push_back({found.path, store_.path(found.folder, found.id), found.id});
}

void Adopter::tell_others() {
    for (const Known& other : kOthers)
        if (host_.exists(top_ + "/" + std::string(other.path)))
            tell(std::string(other.path), left, std::string(other.words));
    // Which guests another node would have taken over.
    const std::string name = "ha/resources.cfg";
    int number = 0;
    for (const std::string& line : split(host_.read(top_ + "/" + name).value_or(""), '\n')) {
        ++number;
        if (line.starts_with("vm:") || line.starts_with("ct:"))
            report_.lines.push_back({name, number, "", std::string(trim(line)), left,
                                     "the guest is not started elsewhere when this machine fails"});
    }
}

}  // namespace

std::string_view verdict_word(AdoptVerdict verdict) {
    switch (verdict) {
        case honoured:
            return "honoured";
        case mapped:
            return "mapped";
        case kept:
            return "kept";
        case left:
            return "not copied";
    }
    return "";
}

int AdoptReport::count(AdoptVerdict verdict) const {
    return static_cast<int>(std::count_if(lines.begin(), lines.end(), [&](const AdoptLine& line) {
        return line.verdict == verdict;
    }));
}

std::string print_line(const AdoptLine& line) {
    std::string text = printable(line.file);
    if (line.line > 0) text += fmt::format(":{}", line.line);
    text += ": ";
    if (!line.section.empty()) text += fmt::format("[{}] ", printable(line.section));
    if (!line.key.empty()) text += printable(line.key) + ": ";
    text += verdict_word(line.verdict);
    if (!line.words.empty()) text += ": " + printable(line.words);
    return text;
}

std::string print_report(const AdoptReport& report) {
    std::string text;
    for (const AdoptLine& line : report.lines)
        if (line.verdict != honoured || !line.words.empty()) text += print_line(line) + "\n";
    std::set<int> guests;
    for (const AdoptFile& file : report.files)
        if (file.id != 0) guests.insert(file.id);
    text += fmt::format(
        "{} guests; lines: {} honoured, {} mapped, {} kept but not honoured, {} not "
        "copied\n",
        guests.size(), report.count(honoured), report.count(mapped), report.count(kept),
        report.count(left));
    return text;
}

AdoptReport examine(const Host& host, const std::string& folder, const MachineFacts& facts,
                    bool containers) {
    return Adopter(host, folder, facts, containers).run();
}

AdoptReport examine(Engine& engine, const std::string& folder) {
    Guest nobody;
    bool containers = false;
    for (const GuestKind* kind : engine.kinds) {
        if (kind->folder() == "qemu-server") nobody.kind = kind;
        if (kind->folder() == "lxc") containers = true;
    }
    nobody.config = Config::parse("", vm_schema(), "");
    return examine(engine.host, folder, vm_facts(engine, nobody), containers);
}

}  // namespace lodge
