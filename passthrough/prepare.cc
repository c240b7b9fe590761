#include "passthrough/prepare.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/commands/common.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "passthrough/boot_loader.h"
#include "passthrough/boot_pending.h"
#include "passthrough/boot_text.h"
#include "passthrough/findings.h"

namespace lodge {
namespace {

constexpr std::string_view kHead = "# Written by Lodge; lodge boot revert takes it back.\n";

using Functions = std::vector<const PciFunction*>;

// What has to be on the command line for an IOMMU; empty when it is on.
std::vector<std::string> iommu_words(const Host& host, const Inventory& inventory) {
    if (!inventory.iommus.empty()) return {};
    const std::string table = inventory.amd ? "IVRS" : "DMAR";
    if (!host.exists(host.system("/sys/firmware/acpi/tables/" + table)))
        fail(Exit::missing,
             "this machine's firmware offers no IOMMU (there is no ACPI table {}): switch {} on in "
             "its setup first; no word for the kernel brings it",
             table, inventory.amd ? "IOMMU (AMD-Vi)" : "VT-d");
    if (inventory.amd)
        fail(Exit::refused,
             "the firmware offers an IOMMU and the kernel does not use it: take amd_iommu=off or "
             "iommu=off out of its command line ({}); AMD's needs no word to be on",
             printable(inventory.command_line));
    return {"intel_iommu=on"};
}

Functions functions_named(const Inventory& inventory, const std::vector<std::string>& words) {
    Functions all;
    for (const std::string& word : words) {
        const auto some = functions_at(inventory, word);
        if (some.empty())
            fail(Exit::not_found, "there is no PCI device {}; lodge device list shows them",
                 printable(word));
        for (const PciFunction* one : some)
            if (!one->is_bridge && std::find(all.begin(), all.end(), one) == all.end())
                all.push_back(one);
    }
    return all;
}

// At a start nobody is there to answer: what the machine needs, or is reached by, stays.
void refuse_needed(const Judgement& judgement) {
    for (const Finding& finding : judgement.findings)
        if (finding.severity == Severity::block && finding.code != "B1" && finding.code != "B6" &&
            finding.code != "W5")
            fail(Exit::refused, "cannot keep {} from this machine's drivers: {} ({}: {}){}{}",
                 short_address(judgement.wanted.front()->address), finding.reason, finding.path,
                 printable(finding.value), finding.way_out.empty() ? "" : "; ", finding.way_out);
}

// vfio-pci takes all of a model by ids=, so there must be no other.
void refuse_twins(const Inventory& inventory, const Functions& going) {
    for (const PciFunction* one : going)
        for (const PciFunction& other : inventory.pci)
            if (other.ids() == one->ids() &&
                std::find(going.begin(), going.end(), &other) == going.end())
                fail(Exit::refused,
                     "cannot keep {} from this machine's drivers: {} is the same model ({}) and "
                     "would be taken as well; lodge device give needs no preparation and tells "
                     "them apart",
                     short_address(one->address), short_address(other.address), one->ids());
}

// The module of a driver; "" when it is built in.
std::string module_of(const Host& host, const std::string& driver) {
    const std::string path = real_path(host, "/sys/bus/pci/drivers/" + driver + "/module");
    return path.substr(path.rfind('/') + 1);
}

std::string modprobe_text(const Host& host, const Functions& going) {
    std::vector<std::string> ids, modules;
    const auto add = [](std::vector<std::string>& list, const std::string& one) {
        if (!one.empty() && std::find(list.begin(), list.end(), one) == list.end())
            list.push_back(one);
    };
    for (const PciFunction* one : going) {
        add(ids, one->ids());
        if (one->driver.empty() || one->driver == "vfio-pci") continue;
        const std::string module = module_of(host, one->driver);
        if (module.empty())
            fail(
                Exit::refused,
                "cannot keep {} from this machine's drivers: {} is built into the kernel and comes "
                "before every module; lodge device give takes the device from it at the guest's "
                "start",
                short_address(one->address), one->driver);
        add(modules, module);
    }
    std::string text(kHead);
    text += "options vfio-pci ids=" + join(ids, ",") + "\n";
    for (const std::string& module : modules)
        text += "softdep " + module + " pre: vfio-pci\n";
    return text;
}

void add_file(const Host& host, const std::string& path, std::string content,
              std::vector<BootFile>& files) {
    const std::string full = host.system(path);
    auto before = host.read(full);
    if (before == content) return;
    files.push_back({full, std::move(before), std::move(content)});
}

// What the initial file system needs, so that vfio-pci is there before the device's own driver.
void add_initramfs(const Host& host, const std::string& tool, std::vector<BootFile>& files) {
    if (tool == "dracut")
        add_file(host, "/etc/dracut.conf.d/90-lodge.conf",
                 std::string(kHead) + "force_drivers+=\" vfio-pci \"\n", files);
    if (tool != "update-initramfs") return;
    const std::string path = "/etc/initramfs-tools/modules";
    std::string text = host.read(host.system(path)).value_or("");
    for (const std::string& line : split(text, '\n'))
        if (trim(line) == "vfio-pci") return;
    if (!text.empty() && !text.ends_with('\n')) text += '\n';
    add_file(host, path, text + "vfio-pci\n", files);
}

void refuse_other_loader(const BootLoader& loader, const Values& words) {
    if (!words.has("loader") || words.text("loader") == loader_word(loader.kind)) return;
    fail(Exit::refused,
         "this machine was started by {} ({}), not by {}: editing that one's files would change "
         "nothing",
         loader.name, printable(loader.evidence), printable(words.text("loader")));
}

std::string title_of(const std::vector<std::string>& line, const Functions& going) {
    std::vector<std::string> parts;
    if (!line.empty()) parts.push_back("start with " + join(line, " "));
    std::vector<std::string> names;
    for (const PciFunction* one : going)
        names.push_back(short_address(one->address));
    if (!names.empty()) parts.push_back("keep " + join(names, ", ") + " for guests from the start");
    return join(parts, " and ");
}

}  // namespace

Plan plan_prepare(Engine& engine, const Values& words) {
    const Host& host = engine.host;
    const Inventory inventory = take_inventory(engine, look_around(host), true);
    const BootLoader loader = find_loader(host);
    refuse_other_loader(loader, words);
    const auto line = iommu_words(host, inventory);
    Functions going = functions_named(inventory, words.list("device"));
    if (line.empty() && going.empty())
        fail(Exit::refused,
             "nothing is to be prepared: the IOMMU is on ({}). A device is named only when this "
             "machine's drivers must never touch it; for all others lodge device give is enough",
             join(inventory.iommus, ", "));
    BootRecord record;
    std::vector<BootFile> files = loader_edits(host, loader, line);
    std::vector<std::vector<std::string>> rebuild;
    Plan notes;
    if (!going.empty()) {
        const Judgement judgement = judge(engine, inventory, going);
        refuse_needed(judgement);
        going.insert(going.end(), judgement.along.begin(), judgement.along.end());
        refuse_twins(inventory, going);
        add_file(host, "/etc/modprobe.d/lodge-passthrough.conf", modprobe_text(host, going), files);
        add_file(host, "/etc/modules-load.d/lodge-passthrough.conf",
                 std::string(kHead) + "vfio-pci\n", files);
        if (const auto initramfs = initramfs_rebuild(host); !initramfs.empty()) {
            add_initramfs(host, initramfs.front(), files);
            rebuild.push_back(initramfs);
        } else {
            notes.warn(
                "neither update-initramfs nor dracut is here: a driver in the initial file "
                "system may come before vfio-pci");
        }
        for (const Finding& finding : judgement.findings)
            notes.warn(fmt::format("{}: {}", finding.code, finding.reason));
    }
    if (!line.empty()) rebuild.insert(rebuild.end(), loader.rebuild.begin(), loader.rebuild.end());
    if (files.empty())
        fail(Exit::refused, "all of it is prepared already: {}; restart this machine",
             title_of(line, going));
    record.title = title_of(line, going);
    record.words = line;
    Plan plan = boot_plan(host, std::move(record), files, rebuild);
    if (!line.empty()) plan.warn("this machine was started by " + loader.name);
    std::string stands = inventory.command_line;
    if (loader.kind == Loader::systemd_boot && !files.empty())
        stands += " " + files.front().before.value_or("");
    for (const std::string& word : contradicting_words(stands, line))
        plan.warn(fmt::format("{} stands on the command line already; the later word counts",
                              printable(word)));
    plan.warnings.insert(plan.warnings.end(), notes.warnings.begin(), notes.warnings.end());
    if (!line.empty())
        plan.warn(loader.kind == Loader::grub
                      ? "should the machine not start: choose the recovery entry of GRUB's menu, "
                        "which has none of these words, and say lodge boot revert"
                      : "should the machine not start: press e on the entry in the loader's menu, "
                        "take the words out for once, and say lodge boot revert");
    return plan;
}

namespace {

Plan confirm_words(Engine& engine, const Values&) {
    return confirm_boot_plan(engine.host);
}

Plan revert_words(Engine& engine, const Values&) {
    return revert_boot_plan(engine.host);
}

Report recover_words(Engine& engine, const Values&) {
    const auto said = recover_boot(engine);
    std::string text;
    for (const std::string& line : said)
        text += line + "\n";
    return {text, json_text(nlohmann::json(said))};
}

Report show_boot(Engine& engine, const Values&) {
    const Host& host = engine.host;
    const BootLoader loader = find_loader(host);
    const std::string line = host.read_line(host.system("/proc/cmdline"));
    const auto iommus = host.list(host.system("/sys/class/iommu"));
    nlohmann::json value = {
        {"loader", loader_word(loader.kind)}, {"name", loader.name},  {"evidence", loader.evidence},
        {"not_edited", loader.why_not},       {"command_line", line}, {"iommu", iommus},
        {"prepared", nlohmann::json::array()}};
    std::string text = fmt::format(
        "Started by    {}\nKnown by      {}\nCommand line  {}\n"
        "IOMMU         {}\n",
        loader.name, printable(loader.evidence), printable(line),
        iommus.empty() ? "off or missing" : join(iommus, ", "));
    if (!loader.why_not.empty()) text += "Not edited    " + printable(loader.why_not) + "\n";
    for (const BootRecord& record : boot_records(host)) {
        value["prepared"].push_back({{"number", record.number},
                                     {"title", record.title},
                                     {"phase", boot_phase_word(record.phase)},
                                     {"words", record.words},
                                     {"trouble", record.trouble}});
        text += fmt::format("Prepared      {}: {}{}\n", record.title, boot_phase_word(record.phase),
                            record.trouble.empty() ? "" : ": " + printable(record.trouble));
    }
    return {text, json_text(value)};
}

std::string why_not_confirmed(Engine& engine, const Values&) {
    const auto pending = pending_boot(engine.host);
    if (!pending) return "nothing that was prepared waits for an answer";
    return pending->phase == BootPhase::trying ? "" : "it was not tried yet: restart this machine";
}

std::string why_not_reverted(Engine& engine, const Values&) {
    return boot_records(engine.host).empty() ? "Lodge has changed nothing of the start" : "";
}

}  // namespace

std::span<const Command> boot_commands() {
    static const std::vector<Command> table = {
        {.subject = "device",
         .verb = "prepare",
         .label = "Prepare",
         .help =
             "Prepares the next start of this machine: switches the IOMMU on, and keeps devices "
             "from its own drivers.",
         .risk = Risk::cuts_off,
         .operands = {{"device", WordKind::text,
                       "PCI addresses that this machine's drivers must never touch; none for the "
                       "IOMMU alone.",
                       true, true}},
         .options = {{.name = "loader",
                      .value = "LOADER",
                      .help = "grub or systemd-boot: refused when the machine was started by "
                              "another."}},
         .plan = plan_prepare,
         .more = "Edits the boot loader by which this machine was really started, modprobe.d, "
                 "modules-load.d and the initial file system; the plan shows each as a diff, and "
                 "copies stay in the state folder. It is a trial over restarts: the next start "
                 "tries it, lodge boot confirm keeps it, and without that the start after it takes "
                 "it back."},
        {.subject = "boot",
         .verb = "show",
         .label = "Boot",
         .help = "Shows what this machine was started by and with, and what Lodge has added to it.",
         .show = show_boot},
        {.subject = "boot",
         .verb = "confirm",
         .label = "Keep the start",
         .help = "Keeps what was prepared for the start of this machine, once it was tried.",
         .risk = Risk::undoable,
         .why_not = why_not_confirmed,
         .plan = confirm_words},
        {.subject = "boot",
         .verb = "revert",
         .label = "Take the start back",
         .help = "Takes back what was prepared last for the start of this machine.",
         .risk = Risk::undoable,
         .why_not = why_not_reverted,
         .plan = revert_words,
         .more = "Files are as they were before, and what is made of them is made anew. A file "
                 "that somebody else has changed since is left alone, and said."},
        {.subject = "boot",
         .verb = "recover",
         .label = "Recover the start",
         .help = "Takes back what was prepared and not confirmed since it was tried; the boot unit "
                 "does this.",
         .show = recover_words},
    };
    return table;
}

}  // namespace lodge
