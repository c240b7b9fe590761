#include "engine/vm/cloudinit.h"

#include <crypt.h>

#include <sstream>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "engine/vm/vm.h"

namespace lodge {

bool is_cloudinit_volume(std::string_view volume) {
    const size_t cut = volume.find_last_of("/:");
    if (cut == std::string_view::npos) return false;
    std::string_view name = volume.substr(cut + 1);
    name = name.substr(0, name.find('.'));
    if (name == "cloudinit") return volume[cut] == ':';
    constexpr std::string_view head = "vm-", tail = "-cloudinit";
    if (!name.starts_with(head) || !name.ends_with(tail)) return false;
    if (name.size() <= head.size() + tail.size()) return false;
    return parse_integer(name.substr(head.size(), name.size() - head.size() - tail.size()))
        .has_value();
}

bool wants_cloudinit(const Config& config) {
    for (const std::string_view stem : {"ide", "sata", "scsi", "virtio"})
        for (const std::string& key : config.indexed(stem))
            if (const auto drive = config.properties(key))
                if (is_cloudinit_volume(drive->text("file"))) return true;
    return false;
}

Action cloudinit_action(int id) {
    return {"cloudinit-write", {{"guest", id}}};
}

std::string cloudinit_path(const Host& host, int id) {
    return guest_run_folder(host, id) + "/cloudinit.iso";
}

std::string cloudinit_password_hash(const std::string& password, std::string_view salt_seed) {
    if (password.starts_with('$')) return password;
    // FNV-1a, drawn out: a salt need not be secret, only another one for each guest.
    uint64_t hash = 14695981039346656037ULL;
    std::string salt = "$6$";
    constexpr std::string_view letters =
        "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for (int i = 0; i < 16; ++i) {
        for (const char c : salt_seed)
            hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
        hash = (hash ^ static_cast<uint64_t>(i)) * 1099511628211ULL;
        salt += letters[hash >> 58];
    }
    crypt_data room{};
    const char* made = ::crypt_r(password.c_str(), salt.c_str(), &room);
    if (made == nullptr || made[0] == '*') throw Error("cannot hash cloud-init's password");
    return made;
}

namespace {

std::string hashed_for(const Config& config, int id, const std::string& password) {
    const auto smbios = config.properties("smbios1");
    return cloudinit_password_hash(password,
                                   fmt::format("{} {}", id, smbios ? smbios->text("uuid") : ""));
}

}  // namespace

std::string cloudinit_kept_password(const Config& config, int id, const std::string& password) {
    if (password.empty() || config.string_of("ostype").starts_with("w")) return password;
    return hashed_for(config, id, password);
}

namespace {

// The file that a part of cicustom names.
std::string snippet(Engine& engine, const std::string& part, const std::string& volume) {
    const auto content = engine.host.read(engine.storages.info(volume).path);
    if (!content) fail(Exit::not_found, "cicustom: {}={} is not there", part, in_quotes(volume));
    return *content;
}

void take_resolver(const Host& host, CloudInitFacts& facts) {
    std::istringstream lines(host.read(host.system("/etc/resolv.conf")).value_or(""));
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string word, value;
        words >> word >> value;
        // A resolver of this machine's own does not answer the guest.
        if (word == "nameserver" && !value.starts_with("127.") && value != "::1")
            facts.nameservers.push_back(value);
        if (word == "search" || word == "domain") facts.searchdomain = value;
    }
}

void write_seed(Work& work, const Values& on) {
    Engine& engine = work.engine();
    const Guest guest = load_guest(engine, static_cast<int>(on.integer("guest")));
    CloudInitFacts facts;
    const std::string password = guest.config.string_of("cipassword");
    if (!password.empty()) facts.password_hash = hashed_for(guest.config, guest.id, password);
    if (const auto custom = guest.config.properties("cicustom"))
        for (const auto& [part, volume] : custom->parts())
            facts.snippets[part] = snippet(engine, part, volume);
    take_resolver(engine.host, facts);
    // It holds the hash of a password.
    engine.host.write_volatile(cloudinit_path(engine.host, guest.id),
                               iso_image(cloudinit_seed(guest.config, guest.id, facts)), 0600);
}

std::string seed_as_shell(const Values& on) {
    return fmt::format(
        "# write guest {}'s cloud-init seed (user-data, meta-data, network-config) as "
        "cloudinit.iso into its run folder",
        on.text("guest"));
}

}  // namespace

std::span<const ActionKind> cloudinit_actions() {
    static const ActionKind kinds[] = {{"cloudinit-write", write_seed, seed_as_shell}};
    return kinds;
}

}  // namespace lodge
