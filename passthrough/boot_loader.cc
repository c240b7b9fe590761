#include "passthrough/boot_loader.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/host.h"
#include "engine/units.h"
#include "passthrough/boot_text.h"

namespace lodge {
namespace {

constexpr std::string_view kVendor = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
constexpr const char* kCommandLine = "/proc/cmdline";

std::string command_line(const Host& host) {
    return host.read_line(host.system(kCommandLine));
}

bool has(const Host& host, const std::string& path) {
    return host.exists(host.system(path));
}

std::string by_hand(std::string_view where) {
    return fmt::format("add the words {} by hand", where);
}

// grub-mkconfig reads /etc/default/grub.d where the distribution made it so (Debian, Ubuntu).
bool reads_drop_ins(const Host& host) {
    const auto program = host.program("grub-mkconfig");
    return program &&
           host.read(*program).value_or("").find("/etc/default/grub.d") != std::string::npos;
}

void describe_grub(const Host& host, BootLoader& loader) {
    loader.kind = Loader::grub;
    if (loader.name.empty()) loader.name = "GRUB";
    const std::string settings = host.read(host.system("/etc/default/grub")).value_or("");
    if (settings.empty()) {
        loader.why_not = "this machine was started by GRUB and has no /etc/default/grub: " +
                         by_hand("to the line \"linux\" of its grub.cfg");
        return;
    }
    // With the Boot Loader Specification GRUB takes the options from entries that grubby edits.
    if (settings.find("GRUB_ENABLE_BLSCFG=true") != std::string::npos) {
        loader.why_not =
            "GRUB takes its entries from /boot/loader/entries here: grubby --update-kernel=ALL "
            "--args=\"WORDS\" adds them";
        return;
    }
    if (host.program("update-grub")) {
        loader.rebuild.push_back({"update-grub"});
        return;
    }
    for (const char* folder : {"/boot/grub", "/boot/grub2"})
        for (const char* program : {"grub-mkconfig", "grub2-mkconfig"})
            if (loader.rebuild.empty() && has(host, std::string(folder) + "/grub.cfg") &&
                host.program(program))
                loader.rebuild.push_back({program, "-o", std::string(folder) + "/grub.cfg"});
    if (loader.rebuild.empty())
        loader.why_not =
            "neither update-grub nor grub-mkconfig is here to make GRUB's menu anew: install "
            "grub-common";
}

// Where the entries of the Boot Loader Specification lie.
std::string entries_folder(const Host& host) {
    for (const char* folder : {"/efi", "/boot/efi", "/boot"})
        if (has(host, std::string(folder) + "/loader/entries"))
            return std::string(folder) + "/loader/entries";
    return "";
}

// The entry that was started: "6e4d…-6.1.0-17-amd64.conf"; a counter of tries is no part of it.
std::string started_entry(const Host& host) {
    const std::string folder = entries_folder(host);
    std::string name = loader_variable(host, "LoaderEntrySelected");
    if (folder.empty() || name.empty()) return "";
    if (!name.ends_with(".conf")) name += ".conf";
    if (name.find('/') != std::string::npos) return "";
    return has(host, folder + "/" + name) ? folder + "/" + name : "";
}

bool has_proxmox_tool(const Host& host) {
    return has(host, "/etc/kernel/proxmox-boot-uuids") && host.program("proxmox-boot-tool");
}

std::vector<std::string> kernels(const Host& host) {
    std::vector<std::string> versions;
    for (const std::string& name : host.list(host.system("/boot")))
        if (name.starts_with("vmlinuz-")) versions.push_back(name.substr(8));
    return versions;
}

void describe_systemd_boot(const Host& host, BootLoader& loader) {
    loader.kind = Loader::systemd_boot;
    if (has_proxmox_tool(host)) {
        loader.rebuild.push_back({"proxmox-boot-tool", "refresh"});
        return;
    }
    const std::string stub = loader_variable(host, "StubInfo");
    const std::string entry = started_entry(host);
    if (!stub.empty() && entry.empty()) {
        loader.why_not = "the kernel and its command line are one signed file here (" +
                         printable(stub) +
                         "): " + by_hand("to what that file is made of, and make it anew");
        return;
    }
    // kernel-install writes the entries of all kernels from /etc/kernel/cmdline.
    if (host.program("kernel-install") && !kernels(host).empty()) {
        for (const std::string& version : kernels(host))
            loader.rebuild.push_back(
                {"kernel-install", "add", version, "/boot/vmlinuz-" + version});
        return;
    }
    if (entry.empty())
        loader.why_not = "neither kernel-install nor the entry that was started is here: " +
                         by_hand("to the line \"options\" of the entry in loader/entries");
}

void describe_other(const Host& host, BootLoader& loader) {
    loader.kind = Loader::other;
    const std::string line = command_line(host);
    if (loader.name.empty()) loader.name = "a boot loader that Lodge does not know";
    if (loader.evidence.empty()) loader.evidence = fmt::format("{}: {}", kCommandLine, line);
    loader.why_not = fmt::format(
        "this machine was started by {} ({}), which Lodge does not edit: {}", loader.name,
        printable(loader.evidence), by_hand("to the kernel's command line there"));
}

}  // namespace

std::string_view loader_word(Loader loader) {
    switch (loader) {
        case Loader::grub:
            return "grub";
        case Loader::systemd_boot:
            return "systemd-boot";
        case Loader::other:
            break;
    }
    return "another";
}

std::string loader_variable(const Host& host, std::string_view name) {
    // Four bytes of attributes, then UTF-16 with a final zero (efivarfs: Documentation/filesystems/
    // efivarfs.rst).
    const auto raw =
        host.read(host.system(fmt::format("/sys/firmware/efi/efivars/{}-{}", name, kVendor)));
    std::string text;
    for (size_t i = 4; raw && i + 1 < raw->size(); i += 2) {
        const char low = (*raw)[i];
        if (low == 0 && (*raw)[i + 1] == 0) break;
        text += (*raw)[i + 1] == 0 && low >= ' ' && low <= '~' ? low : '?';
    }
    return text;
}

BootLoader find_loader(const Host& host) {
    BootLoader loader;
    // What the loader said of itself counts most; files of others may lie about.
    if (const std::string info = loader_variable(host, "LoaderInfo"); !info.empty()) {
        loader.name = info;
        loader.evidence = fmt::format("/sys/firmware/efi/efivars/LoaderInfo-{}: {}", kVendor, info);
        if (info.starts_with("systemd-boot")) {
            describe_systemd_boot(host, loader);
        } else if (info.starts_with("GRUB")) {
            describe_grub(host, loader);
        } else {
            describe_other(host, loader);
        }
        return loader;
    }
    const std::string line = command_line(host);
    loader.evidence = fmt::format("{}: {}", kCommandLine, printable(line));
    // GRUB and others of its kind hand the kernel its own name; so that its menu is there as well.
    const bool named =
        line.starts_with("BOOT_IMAGE=") || line.find(" BOOT_IMAGE=") != std::string::npos;
    if (named && (has(host, "/boot/grub/grub.cfg") || has(host, "/boot/grub2/grub.cfg"))) {
        loader.evidence = fmt::format("{}: BOOT_IMAGE=…, and its grub.cfg is there", kCommandLine);
        describe_grub(host, loader);
    } else {
        describe_other(host, loader);
    }
    return loader;
}

namespace {

BootFile edit(const std::string& path, std::optional<std::string> before, std::string after) {
    return {path, std::move(before), std::move(after)};
}

std::vector<std::string> missing_words(std::string_view line,
                                       const std::vector<std::string>& words) {
    const auto there = kernel_words(line);
    std::vector<std::string> missing;
    for (const std::string& word : words)
        if (std::find(there.begin(), there.end(), word) == there.end()) missing.push_back(word);
    return missing;
}

BootFile edit_grub(const Host& host, const std::vector<std::string>& words) {
    const bool drop_in = reads_drop_ins(host);
    const std::string path =
        host.system(drop_in ? "/etc/default/grub.d/90-lodge.cfg" : "/etc/default/grub");
    const auto before = host.read(path);
    std::vector<std::string> all = words_of_grub_lines(before.value_or(""));
    for (const std::string& word : words)
        if (std::find(all.begin(), all.end(), word) == all.end()) all.push_back(word);
    return edit(path, before,
                drop_in ? grub_lines(all) : with_grub_lines(before.value_or(""), all));
}

// What the kernel got, without what the loader itself put there.
std::string line_to_begin_with(const Host& host) {
    std::string line;
    for (const std::string& word : kernel_words(command_line(host)))
        if (!word.starts_with("initrd=") && !word.starts_with("BOOT_IMAGE="))
            line += (line.empty() ? "" : " ") + word;
    return line;
}

// A word behind a quote that nobody closes would be a part of the one before it.
void refuse_open_quote(const std::string& path, std::string_view text) {
    if (std::count(text.begin(), text.end(), '"') % 2 != 0)
        fail(Exit::refused, "cannot add words to {}: it has a quote that is not closed", path);
}

BootFile edit_systemd_boot(const Host& host, const BootLoader& loader,
                           const std::vector<std::string>& words) {
    if (loader.rebuild.empty()) {
        const std::string path = host.system(started_entry(host));
        const auto before = host.read(path);
        refuse_open_quote(path, entry_options(before.value_or("")));
        return edit(path, before, with_entry_options(before.value_or(""), words));
    }
    const std::string path = host.system("/etc/kernel/cmdline");
    const auto before = host.read(path);
    const std::string line = trim(before.value_or("")).empty() ? line_to_begin_with(host) : *before;
    refuse_open_quote(path, line);
    return edit(path, before, with_kernel_words(line, words) + "\n");
}

}  // namespace

std::vector<BootFile> loader_edits(const Host& host, const BootLoader& loader,
                                   const std::vector<std::string>& words) {
    const auto missing = missing_words(command_line(host), words);
    if (missing.empty()) return {};
    for (const std::string& word : missing)
        if (!is_kernel_word(word))
            fail(Exit::usage, "'{}' is no word of a kernel command line", printable(word));
    if (!loader.why_not.empty())
        fail(Exit::refused, "cannot add {} to what this machine is started with: {}",
             join(missing, " "), loader.why_not);
    BootFile file = loader.kind == Loader::grub ? edit_grub(host, missing)
                                                : edit_systemd_boot(host, loader, missing);
    if (file.before == file.after) return {};
    return {std::move(file)};
}

std::vector<std::string> initramfs_rebuild(const Host& host) {
    if (host.program("update-initramfs")) return {"update-initramfs", "-u", "-k", "all"};
    if (host.program("dracut")) return {"dracut", "--force", "--regenerate-all"};
    if (host.program("mkinitcpio")) return {"mkinitcpio", "-P"};
    return {};
}

}  // namespace lodge
