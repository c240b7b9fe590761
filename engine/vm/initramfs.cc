#include "engine/vm/initramfs.h"

#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "engine/error.h"
#include "engine/fd.h"
#include "engine/units.h"

namespace lodge {
namespace {

namespace fs = std::filesystem;

// What the demo guest uses; a kernel may have some of it built in, or not at all.
constexpr std::string_view wanted_modules[] = {
    "virtio_pci", "virtio_scsi", "sd_mod",         "crc32c_generic", "ext4",
    "virtio_net", "virtio_blk",  "virtio_balloon", "virtio_console", "evdev",
    "button",     "ahci",        "ata_piix",       "sr_mod",         "isofs",
};
constexpr std::string_view needed_modules[] = {"virtio_pci", "virtio_scsi", "sd_mod", "ext4",
                                               "virtio_net"};

// The kernel calls virtio-net.ko "virtio_net".
std::string module_name(std::string_view file) {
    std::string name(file.substr(0, file.find(".ko")));
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

bool is_module(std::string_view file) {
    const auto at = file.find(".ko");
    if (at == std::string_view::npos) return false;
    const std::string_view rest = file.substr(at + 3);
    return rest.empty() || rest == ".xz" || rest == ".gz" || rest == ".zst";
}

[[noreturn]] void fail_archive(archive* of, const std::string& what) {
    const char* words = archive_error_string(of);
    if (const int number = archive_errno(of); number == ENOSPC) fail_errno(number, what);
    fail(Exit::failed, "{}: {}", what, words ? words : "it is broken");
}

}  // namespace

std::vector<std::string> module_needs(std::string_view bytes) {
    // ".modinfo" is a row of "name=value" strings, each ended by a zero.
    constexpr std::string_view mark("\0depends=", 9);
    const auto at = bytes.find(mark);
    if (at == std::string_view::npos) return {};
    const auto from = at + mark.size();
    const auto to = bytes.find('\0', from);
    std::vector<std::string> needs;
    for (const std::string& name : split(bytes.substr(from, to - from), ','))
        if (std::string module = module_name(name); !module.empty())
            needs.push_back(std::move(module));
    return needs;
}

std::string read_unpacked(const std::string& path) {
    const std::unique_ptr<archive, Owned<archive_read_free>> reader(archive_read_new());
    if (!reader) throw std::bad_alloc();
    archive_read_support_filter_all(reader.get());
    archive_read_support_format_raw(reader.get());
    archive_read_support_format_empty(reader.get());
    archive_entry* entry = nullptr;
    if (archive_read_open_filename(reader.get(), path.c_str(), 65536) != ARCHIVE_OK ||
        archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK)
        fail_archive(reader.get(), "cannot read " + path);
    std::string content;
    std::string part(65536, '\0');
    for (;;) {
        const la_ssize_t got = archive_read_data(reader.get(), part.data(), part.size());
        if (got < 0) fail_archive(reader.get(), "cannot read " + path);
        if (got == 0) return content;
        content.append(part, 0, static_cast<size_t>(got));
    }
}

KernelModules::KernelModules(std::string folder) : folder_(std::move(folder)) {
    std::error_code trouble;
    for (fs::recursive_directory_iterator at(folder_ + "/kernel", trouble), end;
         !trouble && at != end; at.increment(trouble)) {
        const std::string file = at->path().filename().string();
        if (is_module(file)) files_.emplace_back(module_name(file), at->path().string());
    }
    if (files_.empty())
        fail(Exit::missing, "cannot read the kernel's modules in {}: {}", folder_,
             trouble ? trouble.message() : "there are none");
    std::sort(files_.begin(), files_.end());
    std::ifstream list(folder_ + "/modules.builtin");
    for (std::string line; std::getline(list, line);)
        built_in_.push_back(module_name(line.substr(line.rfind('/') + 1)));
    std::sort(built_in_.begin(), built_in_.end());
}

std::string KernelModules::path(std::string_view name) const {
    const auto at = std::lower_bound(
        files_.begin(), files_.end(), name,
        [](const auto& file, std::string_view wanted) { return file.first < wanted; });
    return at != files_.end() && at->first == name ? at->second : "";
}

bool KernelModules::has(std::string_view name) const {
    return !path(name).empty();
}

bool KernelModules::built_in(std::string_view name) const {
    return std::binary_search(built_in_.begin(), built_in_.end(), name, std::less<>());
}

std::string KernelModules::content(const std::string& name) const {
    return read_unpacked(path(name));
}

std::vector<std::string> KernelModules::in_order(std::span<const std::string_view> wanted) const {
    std::vector<std::string> order;
    std::set<std::string, std::less<>> seen;
    // Depth first; a circle of modules that need each other ends at the first seen.
    const auto visit = [&](const auto& self, const std::string& name) -> void {
        if (!has(name) || !seen.insert(name).second) return;
        for (const std::string& need : module_needs(content(name)))
            self(self, need);
        order.push_back(name);
    };
    for (const std::string_view name : wanted)
        visit(visit, std::string(name));
    return order;
}

void require_static(const std::string& program) {
    std::ifstream file(program, std::ios::binary);
    Elf64_Ehdr head{};
    file.read(reinterpret_cast<char*>(&head), sizeof head);
    if (!file || std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
        head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_machine != EM_X86_64)
        fail(Exit::missing, "{} is no program for x86-64: apt install busybox-static", program);
    for (int i = 0; i < head.e_phnum; ++i) {
        Elf64_Phdr part{};
        file.seekg(static_cast<std::streamoff>(head.e_phoff) + i * head.e_phentsize);
        file.read(reinterpret_cast<char*>(&part), sizeof part);
        if (!file || part.p_type == PT_INTERP)
            fail(Exit::missing,
                 "{} needs libraries that the small guest has not: apt install busybox-static",
                 program);
    }
}

namespace {

// InitramfsWriter puts files into a new archive, which takes its place only when it is whole.
class InitramfsWriter {
  public:
    explicit InitramfsWriter(const std::string& path)
        : path_(path), half_(path + ".new"), archive_(archive_write_new()) {
        if (!archive_) throw std::bad_alloc();
        if (archive_write_set_format_cpio_newc(archive_.get()) != ARCHIVE_OK ||
            archive_write_add_filter_none(archive_.get()) != ARCHIVE_OK ||
            archive_write_open_filename(archive_.get(), half_.c_str()) != ARCHIVE_OK)
            fail_archive(archive_.get(), "cannot write " + half_);
    }
    ~InitramfsWriter() {
        archive_.reset();
        if (!finished_) std::remove(half_.c_str());
    }

    void folder(const std::string& name) { put(name, AE_IFDIR, 0755, ""); }
    void file(const std::string& name, std::string_view content, bool program) {
        put(name, AE_IFREG, program ? 0755 : 0644, content);
    }
    void link(const std::string& name, const std::string& to) { put(name, AE_IFLNK, 0777, "", to); }
    void device(const std::string& name, unsigned major, unsigned minor) {
        put(name, AE_IFCHR, 0600, "", "", major, minor);
    }

    void finish() {
        if (archive_write_close(archive_.get()) != ARCHIVE_OK)
            fail_archive(archive_.get(), "cannot write " + half_);
        // QEMU's own user reads it.
        if (::chmod(half_.c_str(), 0644) != 0 || ::rename(half_.c_str(), path_.c_str()) != 0)
            fail_errno(errno, "cannot put " + path_ + " in its place");
        finished_ = true;
    }

  private:
    void put(const std::string& name, unsigned type, mode_t mode, std::string_view content,
             const std::string& to = "", unsigned major = 0, unsigned minor = 0) {
        const std::unique_ptr<archive_entry, Owned<archive_entry_free>> entry(archive_entry_new());
        if (!entry) throw std::bad_alloc();
        archive_entry_set_pathname(entry.get(), name.c_str());
        archive_entry_set_filetype(entry.get(), type);
        archive_entry_set_perm(entry.get(), mode);
        archive_entry_set_size(entry.get(), static_cast<la_int64_t>(content.size()));
        archive_entry_set_ino(entry.get(), ++number_);
        if (type == AE_IFLNK) archive_entry_set_symlink(entry.get(), to.c_str());
        if (type == AE_IFCHR) {
            archive_entry_set_rdevmajor(entry.get(), major);
            archive_entry_set_rdevminor(entry.get(), minor);
        }
        if (archive_write_header(archive_.get(), entry.get()) != ARCHIVE_OK)
            fail_archive(archive_.get(), "cannot write " + half_);
        if (content.empty()) return;
        if (archive_write_data(archive_.get(), content.data(), content.size()) !=
            static_cast<la_ssize_t>(content.size()))
            fail_archive(archive_.get(), "cannot write " + half_);
    }

    std::string path_, half_;
    std::unique_ptr<archive, Owned<archive_write_free>> archive_;
    la_int64_t number_ = 0;
    bool finished_ = false;
};

void put_modules(InitramfsWriter& writer, const KernelModules& modules) {
    for (const std::string_view name : needed_modules)
        if (!modules.has(name) && !modules.built_in(name))
            fail(Exit::missing,
                 "the kernel has no driver {}: take one of Debian's, apt install "
                 "linux-image-cloud-amd64",
                 name);
    std::string order;
    for (const std::string& name : modules.in_order(wanted_modules)) {
        writer.file("lib/modules/" + name + ".ko", modules.content(name), false);
        order += name + ".ko\n";
    }
    writer.file("lib/modules/order", order, false);
}

}  // namespace

void write_initramfs(const std::string& busybox, const std::string& modules,
                     const std::string& path) {
    require_static(busybox);
    const KernelModules known(modules);
    InitramfsWriter writer(path);
    for (const char* name : {"bin", "dev", "proc", "sys", "run", "tmp", "root", "data", "mnt",
                             "etc", "etc/acpi", "etc/acpi/PWRF", "lib", "lib/modules", "var"})
        writer.folder(name);
    writer.link("var/run", "/run");
    writer.device("dev/console", 5, 1);
    std::ifstream program(busybox, std::ios::binary);
    const std::string content((std::istreambuf_iterator<char>(program)), {});
    writer.file("bin/busybox", content, true);
    writer.link("bin/sh", "busybox");
    writer.link("init", "bin/busybox");
    for (const GuestFile& file : demo_guest_files())
        writer.file(std::string(file.path), file.content, file.program);
    put_modules(writer, known);
    writer.finish();
}

}  // namespace lodge
